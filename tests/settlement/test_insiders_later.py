"""Insiders who hold every key and make a later run: what they do, and which check notices."""

from dataclasses import replace

import pytest

import settlement.run
import settlement.run_begin
import settlement.run_close
from settlement import deeds
from settlement.audit.verify import audit
from settlement.day_run import DayRun
from settlement.enrol import pay
from settlement.export import export_bundle
from settlement.netting import FEES, FUND
from settlement.orders import funds_of
from settlement.run import settle_day
from settlement.timetable import Timetable
from tests.prepared import DAY
from tests.settlement.later import (
    BEN,
    CLEO,
    LATE,
    NOON,
    PERIODS,
    at,
    balances,
    begin,
    late,
    owner,
    run,
    say,
    wallet_of,
    without,
)

assert late  # a fixture

FUNDS, CLEARINGS, POSTINGS, SEALS = (
    "funds and mandates",
    "clearings",
    "postings",
    "balances and seals",
)


@pytest.fixture
def street(late, tmp_path):
    """A street in which Ben's readings of two half-hours came after the first run."""
    community = late.copy(tmp_path / "street")
    yield community
    community.writer.database.close()


@pytest.fixture
def noticed(street, tmp_path, monkeypatch):
    """Return a function that makes a run with some functions replaced, and audits the bundle."""

    def make(patches, code="R1", community=street):
        with monkeypatch.context() as patch:
            for where, name, value in patches:
                patch.setattr(where, name, value)
            settle_day(community, DAY, code=code)
        export_bundle(community, tmp_path / "insider")
        report = audit(tmp_path / "insider")
        assert report.verdict == "unsound"
        return report.failed, report.failure

    return make


def test_the_same_without_an_insider_is_sound(street, tmp_path):
    run(street, "R1")
    export_bundle(street, tmp_path / "honest")
    assert audit(tmp_path / "honest").verdict == "sound"


# What is worked out.


def test_a_half_hour_that_is_left_out_is_noticed(noticed):
    honest = settlement.run_begin.differing

    def forget(*args):
        return honest(*args)[:-1]

    failed, words = noticed([(settlement.run_begin, "differing", forget)])
    assert (failed, "is netted before all of it is settled" in words) == (POSTINGS, True)


def test_a_half_hour_that_did_not_change_and_is_worked_out_is_noticed(noticed):
    honest = settlement.run_begin.differing

    def more(*args):
        return [NOON - 5, *honest(*args)]

    failed, words = noticed([(settlement.run_begin, "differing", more)])
    assert (failed, "is worked out again, and nothing in it changed" in words) == (CLEARINGS, True)


def test_a_day_that_is_netted_before_all_of_it_is_settled_is_noticed(noticed, monkeypatch):
    monkeypatch.setattr(settlement.run, "GROUP_TRANSFERS_MAX", 1)
    honest = settlement.run._groups

    def first(day_run):
        return honest(day_run)[:1]

    failed, words = noticed([(settlement.run, "_groups", first)])
    assert (failed, "is netted before all of it is settled" in words) == (POSTINGS, True)


def test_a_late_reading_that_is_ignored_is_noticed(noticed):
    def nothing_came(*_args):
        return True

    failed, words = noticed([(settlement.run_begin, "surely_unchanged", nothing_came)])
    assert (failed, "changed, and the run R1 is sealed without them" in words) == (SEALS, True)


def test_a_late_reading_that_is_counted_otherwise_is_noticed(noticed):
    honest = settlement.run_begin.inputs_of

    def kinder(*args, **options):
        found = honest(*args, **options)
        for item in found:
            item.readings.update(
                {slot: wh - 1 for slot, wh in item.readings.items() if wh == LATE[NOON]}
            )
            if (BEN in item.readings) and item.readings[BEN] == LATE[NOON] - 1:
                member = next(m for m, f in item.flows.items() if f.imported_wh == LATE[NOON])
                item.flows[member] = item.flows[member]._replace(imported_wh=LATE[NOON] - 1)
        return found

    failed, words = noticed([(settlement.run_begin, "inputs_of", kinder)])
    assert (failed, "the market that was cleared is not that of the orders" in words) == (
        CLEARINGS,
        True,
    )


# Whose money it is.


@pytest.mark.parametrize("takes_from", [FEES, FUND])
def test_a_unit_more_for_a_friend_is_noticed(noticed, street, takes_from):
    honest, friend = settlement.run_close.settle_up, owner(street, CLEO)

    def generous(*args):
        shares = honest(*args)
        community = {**shares.community_cash}
        community[takes_from] = community.get(takes_from, 0) - 1
        cash = {**shares.cash, friend: shares.cash.get(friend, 0) + 1}
        return replace(shares, cash=cash, community_cash=community)

    failed, words = noticed([(settlement.run_close, "settle_up", generous)])
    assert (failed, "the postings are not those that were signed" in words) == (POSTINGS, True)


def test_a_wh_more_for_a_friends_meter_is_noticed(noticed):
    honest = settlement.run.energy_moves

    def skim(before, after, rules):
        moves = honest(before, after, rules)
        return [
            (k, d, c, n - 1 if "meter/" in c or "grid/" in d else n, h) for k, d, c, n, h in moves
        ]

    failed, words = noticed([(settlement.run, "energy_moves", skim)])
    assert (failed, "the postings are not those that were signed" in words) == (POSTINGS, True)


def test_a_debt_that_is_forgiven_is_noticed(noticed, street):
    ben, cleo = owner(street, BEN), owner(street, CLEO)
    pay(street, ben, cleo, balances(street)[wallet_of(street, BEN)] + 200_000_000, "a bicycle")
    honest = settlement.run_close.settle_up

    def forgive(*args):
        shares = honest(*args)
        assert shares.claims[ben] < 0
        half = shares.claims[ben] // 2
        creditor = next(member for member, units in shares.claims.items() if units >= -half)
        claims = {**shares.claims, ben: shares.claims[ben] - half}
        claims[creditor] += half
        return replace(shares, claims=claims)

    failed, words = noticed([(settlement.run_close, "settle_up", forgive)])
    assert (failed, "the postings are not those that were signed" in words) == (POSTINGS, True)


def test_a_debt_that_is_not_collected_is_noticed(noticed, street):
    """He could pay it, and the insider lets him owe."""
    honest, ben = settlement.run_close.purses_of, owner(street, BEN)

    def spare(*args):
        purses = honest(*args)
        return replace(purses, can_pay={**purses.can_pay, ben: 0})

    failed, words = noticed([(settlement.run_close, "purses_of", spare)])
    assert (failed, "the postings are not those that were signed" in words) == (POSTINGS, True)


def test_money_that_is_counted_in_the_month_before_is_noticed(noticed):
    failed, words = noticed(
        [
            (DayRun, "money_period", lambda day_run, _now: day_run.periods[-1]),
            (settlement.run_close, "_check_same_half_hour", lambda *_args: None),
        ]
    )
    assert (failed, "the money counts in another half-hour than it moves in" in words) == (
        POSTINGS,
        True,
    )


# What money there was, and who may be debited.


def test_todays_wallet_as_the_days_funds_is_noticed(noticed, street):
    pay(street, owner(street, BEN), owner(street, CLEO), 195_000_000, "a bicycle")

    def todays(_detail):
        with street.reading() as connection:
            found = street.writer.ledger.balances(connection)
        return funds_of(street.state, found, "LWD/7", PERIODS, {})

    failed, words = noticed([(settlement.run_begin, "fixed_funds", todays)])
    assert failed == CLEARINGS
    assert "is worked out again, and nothing in it changed" in words or "market" in words


@pytest.mark.parametrize("code", ["SF", "R1"])
def test_a_revoked_mandate_that_buys_is_noticed(noticed, tmp_path, code):
    (tmp_path / "revoked").mkdir()
    community = begin(tmp_path / "revoked", without((BEN, LATE)))
    deeds.revoke_mandate(community, owner(community, BEN))
    patches = [
        (settlement.run_begin, name, forgetting(getattr(settlement.run_begin, name)))
        for name in ("funds_of", "fixed_funds")
    ]
    if code == "R1":
        run(community, "SF")
        say(community, BEN, LATE)
    at(community, code)
    failed, words = noticed(patches, code, community)
    community.writer.database.close()
    if code == "SF":
        assert (failed, "an order, its funds cap or a wallet's funds" in words) == (FUNDS, True)
    else:
        assert failed == CLEARINGS


def forgetting(honest):
    """Return what gives a day's funds, without the mandates that were revoked."""

    def forget(*args):
        return replace(honest(*args), revoked=frozenset())

    return forget


# When it is made, and after what.


def test_a_later_run_before_it_is_due_is_noticed(noticed, tmp_path):
    (tmp_path / "early").mkdir()
    community = begin(tmp_path / "early", without((BEN, LATE)))
    run(community, "SF")
    say(community, BEN, LATE)
    at(community, "R1", early_ms=86_400_000)
    early = [(settlement.run_begin, "due_at_ms", lambda *_args: 0)]
    failed, words = noticed(early, community=community)
    community.writer.database.close()
    assert (failed, "the run R1 of 2026-06-30 came before it was due" in words) == (FUNDS, True)


def test_a_later_run_after_its_time_is_noticed(noticed, street):
    clock = street.writer.clock
    clock.set_ms(clock.now_ms() + 610 * 86_400_000)
    late_ones = [(settlement.run_begin, "over_at_ms", lambda *_args: 2**50)]
    failed, words = noticed(late_ones)
    assert (failed, "R1 of 2026-06-30 came after its time was over" in words) == (FUNDS, True)


@pytest.mark.parametrize("changes", [True, False])
def test_a_run_after_the_day_was_closed_is_noticed(noticed, street, changes):
    run(street, "RF")
    if changes:
        say(street, CLEO, {NOON: 5})
    failed, words = noticed([(Timetable, "check_turn", lambda *_args: None)])
    assert failed == (FUNDS if changes else SEALS)
    assert "R1 of 2026-06-30 comes too late: RF was made and closed the day" in words


def test_a_run_that_the_timetable_does_not_have_is_noticed(noticed, street):
    run(street, "RF")
    say(street, CLEO, {NOON: 5})
    patches = [
        (Timetable, "check_turn", lambda *_args: None),
        (Timetable, "run", lambda table, _code: table.runs[-1]),
    ]
    failed, words = noticed(patches, "RG")
    assert (failed, "no run 'RG'" in words) == (FUNDS, True)


@pytest.mark.parametrize(
    ("hours", "words"),
    [(30 * 24, "came before it was due"), (2, "says that it knew less than was logged by then")],
)
def test_known_at_in_the_past_is_noticed(noticed, street, hours, words):
    clock, honest = street.writer.clock, street.writer.sign_new
    clock.set_ms(clock.now_ms() + 5 * 3_600_000)

    def lie(connection, kind, account, statement_id, fields, *args, **more):
        if "known_at" in fields:
            fields = {**fields, "known_at": fields["known_at"] - hours * 3_600_000}
        return honest(connection, kind, account, statement_id, fields, *args, **more)

    failed, said = noticed([(street.writer, "sign_new", lie)])
    assert (failed, words in said) == (FUNDS, True)


@pytest.mark.parametrize("other", [{}, {"replaces": "0" * 64}])
def test_another_settlement_that_is_replaced_is_noticed(noticed, other):
    failed, words = noticed([(settlement.run, "_replaced", lambda *_args: other)])
    assert (failed, "does not name the one whose place it takes" in words) == (POSTINGS, True)


def test_a_run_that_follows_another_seal_is_noticed(noticed):
    honest = settlement.run_begin.Posted

    def other(**fields):
        return honest(**{**fields, "seal": "0" * 64})

    failed, words = noticed([(settlement.run_begin, "Posted", other)])
    assert (failed, "does not follow the day's last one" in words) == (FUNDS, True)


def test_totals_that_are_not_those_of_the_lines_are_noticed(noticed):
    honest = settlement.run_close.totals_of

    def flatter(found):
        totals = honest(found)
        totals[NOON]["matched_wh"] += 1
        return totals

    failed, words = noticed([(settlement.run_close, "totals_of", flatter)])
    assert (failed, "totals of the half-hours are not those sealed" in words) == (SEALS, True)
