"""Later runs of a real day: what comes late, what is corrected, and the rules of runs, one by one."""

from datetime import timedelta

import pytest

from ledger.errors import RefusedError
from ledger.primitives.periods import load_zone, of_local_day
from ledger.records import Kind
from meters.readings import Quality
from settlement import deeds
from settlement.enrol import pay
from settlement.errors import RunRefusedError
from settlement.intake import import_readings
from settlement.run import settle_day
from settlement.timetable import RunPlan, Timetable
from tests.prepared import CHARTER, DAY, reopen
from tests.settlement.later import (
    BEN,
    CLEO,
    LATE,
    NOON,
    PERIODS,
    SCHOOL,
    KilledError,
    at,
    balances,
    begin,
    checked,
    head,
    killing,
    knowing,
    late,
    lines,
    owner,
    readings_of,
    run,
    say,
    size_of,
    statements,
    transfers,
    wallet_entries,
    wallet_of,
    without,
    without_empty,
)
from tests.streets import SITES, street_readings

assert late  # a fixture


@pytest.fixture
def street(copy):
    """A street after its first run."""
    community = reopen(*copy())
    run(community, "SF")
    yield community
    community.writer.database.close()


@pytest.fixture
def with_late(late, tmp_path):
    """A street in which Ben's readings of two half-hours came after the first run."""
    community = late.copy(tmp_path / "street")
    yield community
    community.writer.database.close()


# What comes later.


def test_a_reading_that_comes_late_counts_as_if_it_had_always_been_there(with_late, tmp_path):
    summary = run(with_late, "R1")
    assert (summary.settled, summary.missing) == (len(LATE), 0)
    assert balances(with_late) == knowing(tmp_path / "known", BEN, LATE)
    checked(with_late, tmp_path)


@pytest.mark.parametrize(
    ("slot", "values"),
    [
        (BEN, {NOON: 5_000}),
        (BEN, {NOON: 0, 0: 0}),
        (SCHOOL, {NOON: 9_000, NOON + 1: 1}),
        (SCHOOL, dict.fromkeys(range(48), 0)),
    ],
    ids=["import up", "import down", "export up and down", "export gone"],
)
def test_a_corrected_reading_counts_as_if_it_had_always_been_there(street, tmp_path, slot, values):
    before = readings_of(street, slot)
    changed = [place for place, wh in values.items() if before[place] != wh]
    say(street, slot, values)
    assert run(street, "R1").settled == len(changed) > 0
    after = balances(street)
    assert without_empty(after) == without_empty(knowing(tmp_path / "known", slot, values))
    checked(street, tmp_path)
    assert run(street, "RF").settled == 0
    assert balances(street) == after


def test_an_estimate_counts_until_the_actual_comes(tmp_path):
    community = begin(tmp_path, without((BEN, [NOON])))
    say(community, BEN, {NOON: 300}, Quality.LIKE_DAY)
    assert run(community, "SF").missing == 0
    assert balances(community) == knowing(tmp_path / "guessed", BEN, {NOON: 300})
    say(community, BEN, {NOON: 900})
    say(community, BEN, {NOON: 100}, Quality.PROFILE)  # later, and worse: it does not count
    assert run(community, "R1").settled == 1
    assert balances(community) == knowing(tmp_path / "actual", BEN, {NOON: 900})
    checked(community, tmp_path)
    community.writer.database.close()


def test_an_estimated_export_is_nothing_until_the_run_that_closes_the_day(tmp_path):
    guessed = {NOON: 4_000, NOON + 1: 2_000}
    community = begin(tmp_path, without((SCHOOL, guessed)))
    say(community, SCHOOL, guessed, Quality.SCALED)
    run(community, "SF")
    none = knowing(tmp_path / "none", SCHOOL, dict.fromkeys(guessed, 0))
    assert balances(community) == none
    assert run(community, "R1").settled == 0
    assert balances(community) == none
    checked(community, tmp_path)
    assert run(community, "RF").settled == len(guessed)
    assert balances(community) == knowing(tmp_path / "full", SCHOOL, guessed)
    checked(community, tmp_path)
    community.writer.database.close()


def test_where_nothing_is_new_a_later_run_is_one_seal(street, tmp_path):
    size, _, before = head(street)
    summary = run(street, "R1")
    assert (summary.settled, summary.matched_wh) == (0, run(street, "SF").matched_wh)
    assert size_of(street) == size + 1
    [(position, seal)] = statements(street, "seal", size)
    assert (position, seal.body["settled"], seal.body["run"]) == (size, 0, "R1")
    assert transfers(street, size) == []
    assert balances(street) == before
    checked(street, tmp_path)


def test_a_reading_said_again_or_of_another_day_is_one_seal_too(street):
    next_day = of_local_day(DAY + timedelta(days=1), load_zone(CHARTER.zone))
    import_readings(street, street_readings(SITES, [DAY]))
    say(street, BEN, {0: 77}, periods=next_day)
    say(street, BEN, {NOON: 60}, Quality.ESTIMATED)  # worse than what counts
    size = size_of(street)
    assert run(street, "R1").settled == 0
    assert size_of(street) == size + 1


def test_a_day_of_fifty_half_hours_is_run_again(tmp_path):
    community = begin(tmp_path)
    day = DAY.replace(month=10, day=25)
    periods = of_local_day(day, load_zone(CHARTER.zone))
    community.writer.clock.set_ms((periods.stop + 48) * 1_800_000)
    import_readings(community, street_readings(SITES, [day]))
    assert run(community, "SF", day).periods == 50
    say(community, BEN, {49: 800, 2: 700}, periods=periods)
    summary = run(community, "R1", day)
    assert (summary.periods, summary.settled) == (50, 2)
    checked(community, tmp_path)
    community.writer.database.close()


# Runs come in their order, at their time, and once.


@pytest.mark.parametrize(
    ("made", "code", "words"),
    [
        ([], "R1", "comes too early: SF of that day was not made yet"),
        ([], "RF", "comes too early: SF"),
        ([], "DF", "not closed yet"),
        (["SF", "R1"], "DF", "only for days that RF closed"),
        (["SF", "RF"], "R1", "comes too late: RF was made and closed the day. Only DF may follow"),
        (["SF", "R1", "RF", "DF"], "R1", None),  # made before: no run
        (["SF", "RF", "DF"], "R1", "comes too late: DF was made and closed the day"),
        (["SF"], "II", "posts nothing: it is only shown"),
        (["SF"], "R2", "no run 'R2': it has II, SF, R1, RF, DF"),
        (["SF"], "DF1", "no run 'DF1'"),
    ],
)
def test_a_run_out_of_order_is_refused_with_the_reason(copy, made, code, words):
    community = reopen(*copy())
    for each in made:
        run(community, each)
    at(community, "RF")
    before = head(community)
    if words is None:
        assert settle_day(community, DAY, code=code).code == code
    else:
        with pytest.raises(RefusedError, match=words):
            settle_day(community, DAY, code=code)
    assert head(community) == before
    community.writer.database.close()


@pytest.mark.parametrize("code", ["R1", "RF"])
def test_a_later_run_before_it_is_due_is_refused(street, code):
    say(street, BEN, {NOON: 900})
    at(street, code, early_ms=2_000)
    before = head(street)
    with pytest.raises(RunRefusedError, match=f"The run {code} of 2026-06-30 is due on 2026-"):
        settle_day(street, DAY, code=code)
    assert head(street) == before


@pytest.mark.parametrize("code", ["R1", "RF"])
def test_after_almost_two_years_a_day_stays_as_it_is(street, code):
    """So long an audit keeps what it needs to work a day out again."""
    say(street, BEN, {NOON: 900})
    clock = street.writer.clock
    clock.set_ms((PERIODS.stop + 630 * 48) * 1_800_000 + 1_000)
    before = head(street)
    with pytest.raises(RunRefusedError, match=f"The run {code} of 2026-06-30 could be made until"):
        settle_day(street, DAY, code=code)
    assert head(street) == before


def test_a_run_that_was_begun_is_finished_before_another_begins(with_late, monkeypatch, tmp_path):
    monkeypatch.setattr("settlement.run.GROUP_TRANSFERS_MAX", 1)
    with pytest.raises(KilledError):
        run(with_late, "R1", after_step=killing(1, "settle"))
    at(with_late, "RF")
    before = head(with_late)
    with pytest.raises(RunRefusedError, match="R1 of 2026-06-30 was begun and not finished"):
        settle_day(with_late, DAY, code="RF")
    assert head(with_late) == before
    assert settle_day(with_late, DAY, code="R1").settled == len(LATE)
    assert run(with_late, "RF").settled == 0
    assert balances(with_late) == knowing(tmp_path / "known", BEN, LATE)


def test_the_first_run_is_that_of_the_rules_that_bind_the_day(copy):
    community = reopen(*copy())
    fields = deeds.rules_now(community)
    fields["timetable"] = Timetable((RunPlan("ONE", 48),)).to_json()
    deeds.new_rules(community, fields)
    assert settle_day(community, DAY).code == "SF"
    community.writer.database.close()


# The nine rules of runs, one by one.


def test_rule_1_a_run_depends_on_nothing_but_its_inputs_and_the_days_funds(late, tmp_path):
    same, spent = (late.copy(tmp_path / name) for name in ("same", "spent"))
    purse = wallet_of(spent, BEN)
    # Ben pays all that his wallet allows: the day's market must not notice.
    pay(
        spent,
        owner(spent, BEN),
        owner(spent, CLEO),
        balances(spent)[purse] + 200_000_000,
        "a bicycle",
    )
    for community in (same, spent):
        run(community, "R1")
    assert lines(same) == lines(spent)
    results = [
        [s.body["result"] for _, s in statements(community, "clearing")]
        for community in (same, spent)
    ]
    assert results[0] == results[1]
    assert balances(spent)[purse] == -200_000_000  # he could pay nothing of it
    checked(spent, tmp_path)
    for community in (same, spent):
        community.writer.database.close()


def test_rule_2_a_run_knows_what_stood_in_the_log_when_it_began(with_late, tmp_path, monkeypatch):
    monkeypatch.setattr("settlement.run.GROUP_TRANSFERS_MAX", 1)

    def meanwhile(step):
        if step == "hold":
            say(with_late, CLEO, {NOON: 4_000})

    summary = run(with_late, "R1", after_step=meanwhile)
    assert summary.settled == len(LATE)
    assert balances(with_late) == knowing(tmp_path / "known", BEN, LATE)
    checked(with_late, tmp_path)
    assert run(with_late, "RF").settled == 1  # what came meanwhile counts in the next
    checked(with_late, tmp_path)


def test_rule_3_only_the_difference_is_posted_and_nothing_is_edited(with_late):
    size, before = size_of(with_late), transfers(with_late)
    run(with_late, "R1")
    every = transfers(with_late)
    assert every[: len(before)] == before
    made = transfers(with_late, size)
    assert made == every[len(before) :]
    assert {t.kind for t in made} == {Kind.POST}
    energy = [t for t in made if t.debit.endswith("WH/0")]
    touched = {a for t in energy for a in (t.debit, t.credit) if a.startswith("meter/")}
    assert touched == {"meter/m-ben/import WH/0"}
    # Ben's were counted as zero: all of what came late is the difference.
    assert sum(t.amount for t in energy if t.credit in touched) == sum(LATE.values())


def test_rule_4_each_run_sums_to_zero_and_sold_is_bought_in_every_half_hour(with_late):
    before = lines(with_late)
    size = size_of(with_late)
    run(with_late, "R1")
    for period, of_period in lines(with_late).items():
        earlier = before[period]
        sold = [line.sold_wh - earlier[m].sold_wh for m, line in of_period.items()]
        bought = [line.bought_wh - earlier[m].bought_wh for m, line in of_period.items()]
        assert sum(sold) == sum(bought)
    moved = {}
    for transfer in transfers(with_late, size):
        moved[transfer.debit] = moved.get(transfer.debit, 0) - transfer.amount
        moved[transfer.credit] = moved.get(transfer.credit, 0) + transfer.amount
    money = {account: units for account, units in moved.items() if account.endswith("LWD/7")}
    assert money.pop("pool/street LWD/7") == 0
    assert sum(money.values()) == 0
    assert any(money.values())


def test_rule_5_the_same_run_again_is_none(with_late):
    for code in ("R1", "RF"):
        first = run(with_late, code)
        after = head(with_late)
        assert run(with_late, code) == first
        assert head(with_late) == after


def test_rule_6_each_run_of_a_day_is_one_line_in_a_members_wallet(with_late):
    run(with_late, "R1")
    nettings = {s.body["run"]: position for position, s in statements(with_late, "netting")}
    assert [*nettings] == ["SF", "R1"]
    for slot in (BEN, SCHOOL):
        for position in nettings.values():
            assert len(wallet_entries(with_late, slot, position)) == 1
    [units] = wallet_entries(with_late, BEN, nettings["R1"])
    member = owner(with_late, BEN)
    of_ben = [lines(with_late)[PERIODS[place]][member] for place in LATE]
    assert units == -sum(line.bought_units for line in of_ben)


def test_rule_7_of_a_month_only_the_days_that_changed_are_worked_out_again(tmp_path):
    community = begin(tmp_path)
    days = [DAY + timedelta(days=number) for number in range(4)]
    community.writer.clock.set_ms(community.writer.clock.now_ms() + 40 * 86_400_000)
    import_readings(community, street_readings(SITES, days))
    for day in days:
        run(community, "SF", day)
    late_day = of_local_day(days[2], load_zone(CHARTER.zone))
    say(community, BEN, {NOON: 900}, periods=late_day)
    size = size_of(community)
    settled = [run(community, "R1", day).settled for day in days]
    assert settled == [0, 0, 1, 0]
    assert [s.body["period"] for _, s in statements(community, "settlement", size)] == [
        late_day[NOON]
    ]
    assert len(statements(community, "seal", size)) == len(days)
    assert size_of(community) == size + len(days) + len(
        ["run", "clearing", "settlement", "netting"]
    )
    checked(community, tmp_path)
    community.writer.database.close()


# Rule 8, that a crash changes nothing, is in test_later_runs_again.py.


def test_rule_9_a_day_that_is_closed_is_opened_by_a_disputes_run_alone(with_late, tmp_path):
    run(with_late, "RF")
    say(with_late, CLEO, {NOON: 10})
    for code in ("SF", "RF"):
        before = head(with_late)
        settle_day(with_late, DAY, code=code)  # made before: no run
        assert head(with_late) == before
    assert run(with_late, "DF").settled == 1
    assert run(with_late, "DF2").settled == 0
    checked(with_late, tmp_path)


def test_every_statement_of_a_later_run_names_it(with_late):
    size = size_of(with_late)
    run(with_late, "R1")
    codes = {
        kind: {s.body["run"] for _, s in statements(with_late, kind, size)}
        for kind in ("run", "clearing", "settlement", "netting", "seal")
    }
    assert codes == {kind: {"R1"} for kind in codes}
    assert statements(with_late, "hold", size) == []
    earlier = {s.body["period"]: s.tx_id for _, s in statements(with_late, "settlement")[:48]}
    for _, settlement in statements(with_late, "settlement", size):
        assert settlement.body["replaces"] == earlier[settlement.body["period"]]
