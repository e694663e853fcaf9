"""What people and auditors see of later runs: statements, receipts, and an audit's memory."""

import pytest

from ledger.errors import InputError
from ledger.primitives.money import UNITS_PER_MAJOR
from meters.readings import Quality
from settlement.audit.memory import encode_value
from settlement.audit.receipt import Receipt
from settlement.audit.receipt_check import Trust, check_receipt, line_of
from settlement.audit.receipt_words import render
from settlement.enrol import pay
from settlement.receipts import balance_receipt, line_receipt, net_receipt
from settlement.statement import household_statement
from settlement.statement_html import render_html
from settlement.statement_json import statement_json
from settlement.statement_text import render_text
from tests.prepared import DAY
from tests.settlement.later import (
    BEN,
    CLEO,
    LATE,
    NOON,
    PERIODS,
    SCHOOL,
    KilledError,
    balances,
    begin,
    checked,
    killing,
    late,
    lines,
    owner,
    run,
    say,
    size_of,
    statements,
    wallet_of,
    without,
)

assert late  # a fixture


@pytest.fixture
def with_late(late, tmp_path):
    """A street in which Ben's readings of two half-hours came after the first run."""
    community = late.copy(tmp_path / "street")
    yield community
    community.writer.database.close()


# Statements: the day is the last of June, and its later runs are made in July and September.


def shown(community, month):
    """Return every member's statement of a month, in three forms."""
    with community.reading() as connection:
        found = {
            member: household_statement(community, connection, member, month)
            for member in community.state.members
        }
    return {
        member: (render_text(each), render_html(each), statement_json(each))
        for member, each in found.items()
    }


def statement(community, slot, month):
    with community.reading() as connection:
        return household_statement(community, connection, owner(community, slot), month)


def test_junes_statement_does_not_change_when_the_day_is_run_again(with_late):
    before = shown(with_late, "2026-06")
    for code in ("R1", "RF"):
        run(with_late, code)
        say(with_late, CLEO, {NOON: 4_000})
        assert shown(with_late, "2026-06") == before


def test_julys_statement_shows_the_difference_and_closes(with_late):
    run(with_late, "R1")
    after = balances(with_late)
    for slot in (BEN, SCHOOL, CLEO):
        june, july = (statement(with_late, slot, month) for month in ("2026-06", "2026-07"))
        assert july.opening_units == june.closing_units
        assert july.opening_units + july.adjusted_units == july.closing_units
        assert july.closing_units == after[wallet_of(with_late, slot)]
        assert (july.claim_units, july.owed_units, july.days) == (0, 0, ())
    ben = statement(with_late, BEN, "2026-07")
    [line] = ben.adjustments
    member = owner(with_late, BEN)
    bought = [lines(with_late)[PERIODS[place]][member] for place in LATE]
    assert (line.day, line.code) == (DAY, "R1")
    assert line.bought_wh == sum(each.bought_wh for each in bought) > 0
    assert line.units == -sum(each.bought_units for each in bought)
    assert "30 Jun 2026   R1" in render_text(ben)


def test_money_that_waits_is_said_and_the_statement_still_closes(with_late):
    ben, cleo = owner(with_late, BEN), owner(with_late, CLEO)
    purse = wallet_of(with_late, BEN)
    pay(with_late, ben, cleo, balances(with_late)[purse] + 20 * UNITS_PER_MAJOR, "a bicycle")
    run(with_late, "R1")
    after = balances(with_late)
    july = statement(with_late, BEN, "2026-07")
    due = july.adjusted_units
    assert due < 0
    assert july.claim_units == july.owed_units == due == after[f"member/{ben}/receivable LWD/7"]
    change = july.adjusted_units - july.claim_units + july.paid_units
    assert july.opening_units + change == july.closing_units == -20 * UNITS_PER_MAJOR
    assert "Not taken yet, as you could not pay it" in render_text(july)
    assert "Not paid to you yet" in render_text(statement(with_late, SCHOOL, "2026-07"))


# Receipts.


def proved(community, make, *args, **options):
    """Make a receipt, check it as its reader does, and return what it proves and its words."""
    with community.reading() as connection:
        receipt = make(community, connection, *args, **options)
        trust = Trust(community.log_verifier(connection))
    member = args[0]
    found = check_receipt(Receipt.decode(receipt.encode()), trust, member)
    return found, render(found)


def test_a_lines_receipt_proves_what_the_last_run_made_and_names_what_it_replaces(with_late):
    member, first = owner(with_late, BEN), dict(statements(with_late, "settlement"))
    run(with_late, "R1")
    replaced = {s.body["period"]: s.tx_id for s in first.values()}
    for place in range(NOON - 1, NOON + 3):
        period = PERIODS[place]
        found, words = proved(with_late, line_receipt, member, period)
        assert line_of(found.receipt) == lines(with_late)[period][member]
        body = found.statement.body
        assert (body["run"], body.get("replaces")) == (
            ("R1", replaced[period]) if place in LATE else ("SF", None)
        )
        assert ("It takes the place of what an earlier run worked out" in words) == (place in LATE)


def test_a_nets_receipt_proves_each_runs_money(with_late):
    member = owner(with_late, BEN)
    moved = {}
    for code in ("SF", "R1"):
        before = balances(with_late)[wallet_of(with_late, BEN)] if code == "R1" else 0
        run(with_late, code)
        moved[code] = balances(with_late)[wallet_of(with_late, BEN)] - before
    for code in ("SF", "R1", None):
        found, words = proved(with_late, net_receipt, member, DAY, code)
        assert found.statement.body["run"] == (code or "R1")
        signs = {True: -1, False: 1}
        paid = [
            signs[each.debit == wallet_of(with_late, BEN)] * each.amount
            for each in found.transfers
            if each.kind.name in ("POST", "POST_HOLD")
        ]
        assert sum(paid) == moved[found.statement.body["run"]]
        assert words
    with pytest.raises(InputError, match="the run RF moved no money of this member"):
        proved(with_late, net_receipt, member, DAY, "RF")


def test_a_claims_receipt_shows_wallet_and_claim(with_late):
    ben, cleo = owner(with_late, BEN), owner(with_late, CLEO)
    purse = balances(with_late)[wallet_of(with_late, BEN)]
    pay(with_late, ben, cleo, purse + 20 * UNITS_PER_MAJOR - 7, "a bicycle")
    run(with_late, "R1")
    found, _ = proved(with_late, net_receipt, ben, DAY)
    accounts = {side: t.amount for t in found.transfers for side in (t.debit, t.credit)}
    debt = -balances(with_late)[f"member/{ben}/receivable LWD/7"]
    assert accounts[wallet_of(with_late, BEN)] == 7  # all that he had
    assert accounts[f"member/{ben}/receivable LWD/7"] == debt > 0


def test_a_balances_receipt_is_of_the_last_seal(with_late):
    run(with_late, "R1")
    found, _ = proved(with_late, balance_receipt, owner(with_late, BEN), DAY)
    assert found.statement.body["run"] == "R1"
    shown_units = found.receipt.fields["balance"]["posted"]
    assert shown_units == balances(with_late)[wallet_of(with_late, BEN)]


# An audit that remembers the one before.


def known(replay):
    """Everything that a replay knows, to be compared."""
    names = ("keys", "community", "book", "chains", "said", "readings", "order", "run_state")
    return encode_value([getattr(replay, name) for name in names])


def steps_of(community):
    """What happens between two audits of a day's life."""
    yield lambda: run(community, "SF")
    yield lambda: say(community, BEN, LATE)
    yield lambda: run(community, "R1")
    yield lambda: say(community, SCHOOL, {NOON + 3: 0, 5: 7})
    yield lambda: say(community, SCHOOL, {NOON + 3: 1}, Quality.ESTIMATED)
    yield lambda: run(community, "RF")
    yield lambda: run(community, "DF")


def test_step_by_step_is_the_same_as_all_at_once(tmp_path):
    community = begin(tmp_path, without((BEN, LATE)))
    say(community, BEN, {NOON: 300}, Quality.PROFILE)
    memory = None
    for step in steps_of(community):
        step()
        whole = checked(community, tmp_path)
        resumed = checked(community, tmp_path, memory)
        assert known(whole.replay) == known(resumed.replay)
        assert whole.memory() == resumed.memory()
        memory = resumed.memory()
    assert whole.counts["run"] == 2
    community.writer.database.close()


@pytest.mark.parametrize("step", range(1, 4))
def test_a_later_run_is_remembered_in_its_middle(with_late, tmp_path, monkeypatch, step):
    monkeypatch.setattr("settlement.run.GROUP_TRANSFERS_MAX", 1)
    with pytest.raises(KilledError):
        run(with_late, "R1", after_step=killing(step))
    memory = checked(with_late, tmp_path).memory()
    assert memory is not None
    say(with_late, CLEO, {NOON: 4_000})  # while the run is under way
    between = checked(with_late, tmp_path, memory).memory()
    for code in ("R1", "RF"):
        run(with_late, code)
        size = size_of(with_late)
        whole = checked(with_late, tmp_path)
        resumed = checked(with_late, tmp_path, between)
        assert (whole.size, known(whole.replay)) == (size, known(resumed.replay))
        between = resumed.memory()
    settled = [s.body["settled"] for _, s in statements(with_late, "seal")]
    assert settled == [48, 2, 1]
