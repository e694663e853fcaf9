"""Later runs that were killed, made twice at once, in another database, or after something changed."""

import random
import threading
from datetime import UTC, datetime, timedelta

import pytest

from ledger.errors import RefusedError
from meters.readings import Quality
from settlement import deeds
from settlement.audit.verify import audit
from settlement.enrol import Terms, add_member, add_meter
from settlement.errors import RunRefusedError
from settlement.export import export_bundle
from settlement.intake import import_readings
from settlement.postings import run_id
from settlement.run import settle_day
from settlement.timetable import RunPlan, Timetable
from tests.engines import fresh_url
from tests.prepared import DAY, reopen
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
    count_writes,
    edit,
    head,
    killing,
    knowing,
    late,
    lines,
    owner,
    readings_of,
    run,
    say,
    statements,
    without,
)
from tests.streets import SITES, add_meters, new_community, street_readings

assert late  # a fixture


@pytest.fixture
def with_late(late, tmp_path):
    """A street in which Ben's readings of two half-hours came after the first run."""
    community = late.copy(tmp_path / "street")
    yield community
    community.writer.database.close()


@pytest.fixture
def grouped(monkeypatch):
    """Each half-hour in a transaction of its own, as in a town."""
    monkeypatch.setattr("settlement.run.GROUP_TRANSFERS_MAX", 1)


@pytest.fixture
def expected(late, tmp_path, grouped):
    """What the log and balances come to where nothing goes wrong."""
    community = late.copy(tmp_path / "expected")
    summary = run(community, "R1")
    after = head(community)
    checked(community, tmp_path)
    community.writer.database.close()
    return summary, after


def test_killed_before_any_write_and_started_again_gives_the_same_root(late, tmp_path, expected):
    community = late.copy(tmp_path / "count")
    seen = count_writes(community)
    run(community, "R1")
    community.writer.database.close()
    assert seen[0] > 20
    for number in range(1, seen[0] + 1):
        folder = tmp_path / str(number)
        community = late.copy(folder)
        count_writes(community, stop_at=number)
        with pytest.raises(KilledError):
            run(community, "R1")
        community.writer.database.close()
        again = reopen(f"sqlite:///{folder}/later.sqlite", folder / "keys")
        assert run(again, "R1") == expected[0], number
        assert head(again) == expected[1], number
        again.writer.database.close()


@pytest.mark.parametrize("step", range(1, 4))
def test_killed_after_a_commit_and_started_again_gives_the_same_root(
    late, tmp_path, expected, step
):
    community = late.copy(tmp_path / "street")
    with pytest.raises(KilledError):
        run(community, "R1", after_step=killing(step))
    community.writer.database.close()
    folder = tmp_path / "street"
    again = reopen(f"sqlite:///{folder}/later.sqlite", folder / "keys")
    # It goes on with what it began with: what came since does not count.
    at(again, "R1")
    say(again, CLEO, {NOON: 5})
    assert run(again, "R1").matched_wh == expected[0].matched_wh
    assert balances(again) == expected[1][2]
    again.writer.database.close()


@pytest.mark.parametrize(
    "engine", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]
)
def test_two_processes_make_a_later_run_once(engine, tmp_path, expected, grouped):
    with fresh_url(engine, tmp_path) as url:
        community = begin(tmp_path, without((BEN, LATE)), url)
        run(community, "SF")
        say(community, BEN, LATE)
        community.writer.database.close()
        workers = [reopen(url, tmp_path / "keys") for _ in range(2)]
        for worker in workers:
            at(worker, "R1")
        start, failures = threading.Barrier(2), []

        def work(community):
            start.wait()
            try:
                settle_day(community, DAY, code="R1")
            except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
                failures.append(error)

        threads = [threading.Thread(target=work, args=(worker,)) for worker in workers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        size, _, after = head(workers[0])
        assert (size, after) == (expected[1][0], expected[1][2])
        for worker in workers:
            worker.writer.database.close()


def test_a_process_that_was_slower_at_every_step_changes_nothing(late, tmp_path, expected, grouped):
    """The other process makes the whole run between any two steps of this one."""
    for step in ("hold", "settle"):
        folder = tmp_path / step
        slow = late.copy(folder)
        quick = reopen(f"sqlite:///{folder}/later.sqlite", folder / "keys")
        at(quick, "R1")

        def other(name, quick=quick, step=step):
            if name.startswith(step):
                settle_day(quick, DAY, code="R1")

        assert run(slow, "R1", after_step=other) == expected[0]
        assert head(slow) == expected[1]
        for community in (slow, quick):
            community.writer.database.close()


@pytest.mark.postgresql
def test_postgresql_gives_the_same_root_as_sqlite(tmp_path, expected, grouped):
    with fresh_url("postgresql", tmp_path) as url:
        community = begin(tmp_path, without((BEN, LATE)), url)
        run(community, "SF")
        say(community, BEN, LATE)
        assert run(community, "R1") == expected[0]
        assert head(community) == expected[1]
        community.writer.database.close()


def test_files_in_any_order_give_the_same_day(tmp_path):
    """The log's order differs, and the day does not: later readings are no other version."""
    values = {BEN: LATE, CLEO: {NOON: 4_000, 3: 9}, SCHOOL: {NOON: 8_000, NOON + 2: 1}}
    ends = []
    for seed in range(2):
        shuffled = random.Random(seed)
        slots = list(values)
        shuffled.shuffle(slots)
        folder = tmp_path / str(seed)
        folder.mkdir()
        community = begin(folder, lambda found, shuffled=shuffled: shuffled.shuffle(found))
        run(community, "SF")
        for slot in slots:
            say(community, slot, values[slot])
        run(community, "R1")
        ends.append((balances(community), lines(community)))
        community.writer.database.close()
    assert ends[0] == ends[1]


# What may have been changed between two runs.


def test_rules_that_change_within_the_day_bind_the_next(tmp_path):
    """One set of rules makes orders, lines and charges: else neighbours buy more than they used."""
    community = new_community(tmp_path, datetime(2026, 6, 28, 12, tzinfo=UTC))
    for site in SITES:
        add_meters(community, add_member(community, site.meter, "household", Terms()), site)
    community.writer.clock.set_ms(PERIODS[NOON - 4] * 1_800_000)
    fields = deeds.rules_now(community)
    fields["losses"] = {"import_ppm": 1_080_000, "export_ppm": 950_000}
    deeds.new_rules(community, fields)
    community.writer.clock.set_ms((PERIODS.stop + 48) * 1_800_000)
    import_readings(community, street_readings(SITES, [DAY]))
    run(community, "SF")
    of_ben = [found[owner(community, BEN)] for found in lines(community).values()]
    used = [line.own_use_wh + line.bought_wh + line.grid_import_wh for line in of_ben]
    assert used == readings_of(community, BEN)
    assert all(min(line[3:]) >= 0 for found in lines(community).values() for line in found.values())
    checked(community, tmp_path)
    community.writer.database.close()


def test_readings_that_were_erased_are_not_counted_as_none(with_late):
    """Details may go after a hundred days: a day that is still open then is not made otherwise."""
    batch = next(p for p, s in statements(with_late, "reading_batch") if s.body["meter"] == "m-ada")
    clock = with_late.writer.clock
    clock.set_ms(clock.now_ms() + 110 * 86_400_000)
    deeds.erase(with_late, {batch: "detail"}, "She asked for it.")
    before = head(with_late)
    with pytest.raises(RunRefusedError, match="they were erased since"):
        settle_day(with_late, DAY, code="RF")
    assert head(with_late) == before


@pytest.mark.parametrize("kind", ["clearing", "settlement", "netting"])
def test_a_run_after_a_detail_was_erased_is_not_called_wrong(with_late, tmp_path, kind):
    """An audit from the beginning does not know any more what the first run posted."""
    position = statements(with_late, kind)[-1][0]
    clock = with_late.writer.clock
    clock.set_ms(clock.now_ms() + 110 * 86_400_000)
    deeds.erase(with_late, {position: "detail"}, "It is long ago.")
    assert settle_day(with_late, DAY, code="RF").settled == len(LATE)
    export_bundle(with_late, tmp_path / "bundle")
    report = audit(tmp_path / "bundle")
    assert (report.verdict, report.failure) == ("cannot tell", "")


def test_a_hold_that_was_erased_says_that_the_day_cannot_be_worked_out(with_late):
    [(hold, statement)] = statements(with_late, "hold")
    assert statement.id == run_id("hold", with_late.writer.origin, "SF", str(DAY))
    clock = with_late.writer.clock
    clock.set_ms(clock.now_ms() + 110 * 86_400_000)
    deeds.erase(with_late, {hold: "detail"}, "It is long ago.")
    with pytest.raises(RunRefusedError, match="set aside for 2026-06-30 was erased"):
        settle_day(with_late, DAY, code="RF")


def test_an_edit_of_a_day_that_was_run_counts_in_its_next_run(with_late, tmp_path):
    """Two operators may replace what counts, and then what they said, before and after a run."""
    for place, wh in ((NOON, 700), (NOON, 701), (3, 5)):
        edit(with_late, BEN, place, wh)
    assert run(with_late, "R1").settled == 3
    say(with_late, BEN, {NOON: 9_000})  # a meter's word is worth less than theirs
    edit(with_late, BEN, 3, 6)
    assert run(with_late, "RF").settled == 1
    values = {**LATE, NOON: 701, 3: 6}
    assert balances(with_late) == knowing(tmp_path / "known", BEN, values)
    checked(with_late, tmp_path)


def test_an_edit_of_a_day_that_nothing_can_open_any_more_is_not_called_wrong(with_late, tmp_path):
    clock, day = with_late.writer.clock, DAY + timedelta(days=660)
    clock.set_ms(clock.now_ms() + 680 * 86_400_000)
    import_readings(with_late, street_readings(SITES, [day]))
    run(with_late, "SF", day)
    edit(with_late, BEN, NOON, 700)
    checked(with_late, tmp_path)


def test_an_edit_of_a_day_of_which_something_was_erased_is_not_called_wrong(with_late, tmp_path):
    """What counted is not known to an audit any more: it cannot tell whether the edit names it."""
    [(hold, _)] = statements(with_late, "hold")
    clock = with_late.writer.clock
    clock.set_ms(clock.now_ms() + 110 * 86_400_000)
    deeds.erase(with_late, {hold: "detail"}, "It is long ago.")
    edit(with_late, BEN, NOON, 700)
    export_bundle(with_late, tmp_path / "bundle")
    report = audit(tmp_path / "bundle")
    assert (report.verdict, report.failure) == ("cannot tell", "")


def test_a_meter_that_changes_hands_within_the_day_is_each_members_own(tmp_path):
    community = new_community(tmp_path, datetime(2026, 6, 28, 12, tzinfo=UTC))
    for site in SITES:
        add_meters(community, add_member(community, site.meter, "household", Terms()), site)
    leaves = owner(community, BEN)
    community.writer.clock.set_ms(PERIODS[NOON - 1] * 1_800_000)
    deeds.withdraw_consent(community, leaves, "m-ben")
    community.writer.clock.set_ms(PERIODS[NOON + 1] * 1_800_000)
    comes = add_member(community, "Dora", "household", Terms())
    add_meter(community, comes, "m-ben", "import")
    community.writer.clock.set_ms((PERIODS.stop + 48) * 1_800_000)
    import_readings(community, street_readings(SITES, [DAY]))
    run(community, "SF")
    # Both meters' halves are corrected; the half-hours between belong to nobody.
    report = say(community, BEN, {NOON - 3: 700, NOON: 700, NOON + 4: 700})
    assert (report.corrected, report.uncovered) == (2, 1)
    before = lines(community)
    assert run(community, "R1").settled == 2
    changed = {
        (period - PERIODS.start, member)
        for period, found in lines(community).items()
        for member, line in found.items()
        if line != before[period].get(member) and line.grid_import_wh + line.bought_wh == 700
    }
    assert changed == {(NOON - 3, leaves), (NOON + 4, comes)}
    # Who withdraws later takes nothing back of a day that was open to the run.
    deeds.withdraw_consent(community, comes, "m-ben")
    assert run(community, "RF").settled == 0
    checked(community, tmp_path)
    community.writer.database.close()


def test_a_meter_that_speaks_again_later_has_its_estimates_back(tmp_path):
    """Silence of two weeks makes guesses worthless, until anything is said of a later day."""

    def silent(readings):
        readings[:] = [reading for reading in readings if reading.meter != "m-ben"]

    community = begin(tmp_path, silent)
    say(community, BEN, dict.fromkeys(range(48), 300), Quality.PROFILE)
    assert run(community, "SF").missing == 48
    assert run(community, "R1").settled == 0
    week_later = range(PERIODS.stop + 7 * 48, PERIODS.stop + 8 * 48)
    say(community, BEN, {5: 100}, periods=week_later)
    assert run(community, "RF").settled == 48
    assert readings_of(community, BEN) == [300] * 48
    checked(community, tmp_path)
    community.writer.database.close()


def test_one_run_that_posts_is_the_one_that_closes(tmp_path):
    community = new_community(tmp_path, datetime(2026, 6, 28, 12, tzinfo=UTC))
    fields = deeds.rules_now(community)
    fields["timetable"] = Timetable((RunPlan("ONLY", 0),)).to_json()
    deeds.new_rules(community, fields)
    for site in SITES:
        add_meters(community, add_member(community, site.meter, "household", Terms()), site)
    community.writer.clock.set_ms(PERIODS.stop * 1_800_000)
    readings = street_readings(SITES, [DAY])
    without((SCHOOL, [NOON]))(readings)
    import_readings(community, readings)
    say(community, SCHOOL, {NOON: 4_000}, Quality.SCALED)
    first = settle_day(community, DAY)
    assert (first.code, first.missing) == ("ONLY", 0)
    # It is the last one, too, so that an estimated export counts at once.
    sold = lines(community)[PERIODS[NOON]][owner(community, SCHOOL)]
    assert sold.own_use_wh + sold.sold_wh + sold.grid_export_wh == 4_000
    with pytest.raises(RefusedError, match="no run 'R1': it has ONLY, DF"):
        settle_day(community, DAY, code="R1")
    say(community, BEN, {NOON: 900})
    assert run(community, "DF").settled == 1
    checked(community, tmp_path)
    community.writer.database.close()
