"""The audit of runs: how each begins, its clearings, settlements, netting and seal, computed again.

What cannot be computed because facts were erased is said to be unknown, once, and the rest goes on.

>>> Runs.__name__
'Runs'
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from ledger.accounts import pool
from ledger.invariants import check_balances, check_pools_empty
from ledger.log.leaf import Leaf
from ledger.primitives.canonical import encode_trusted
from ledger.primitives.periods import parse_date, start_text
from ledger.records import salted_root
from ledger.statements import Statement
from market.certificate import traded_of
from market.errors import CertificateError
from settlement.audit.archive import Archive, SealedDay, pack
from settlement.audit.bundle import Fact
from settlement.audit.days import Day, Turn
from settlement.audit.details import detail_of, object_of, same, seed_of, sha256_hex
from settlement.audit.moves import energy_net, money_net
from settlement.audit.proofs import (
    CLEARINGS,
    FUNDS,
    POSTINGS,
    SEALS,
    Cleared,
    Signed,
    check_root,
    prove_day,
)
from settlement.errors import UnsoundError
from settlement.netting import netting_moves, opened_by, purses_of, settle_up
from settlement.postings import (
    Line,
    balance_records,
    energy_of,
    held_units,
    lines_of_traded,
    records_of,
    run_id,
    totals_of,
)
from settlement.timetable import NO_SEAL

if TYPE_CHECKING:
    from settlement.audit.replay import Replay

OPEN_RUN_PERIODS_MAX = 7 * 48
"""How long a run may stand begun and not sealed before the audit calls it unsound."""


@dataclass
class RunState:
    """What is remembered from one run to the next."""

    days: dict[date, Day] = field(default_factory=dict)
    last_seal: str = NO_SEAL
    sealed: set[date] = field(default_factory=set)
    held: set[int] = field(default_factory=set)
    matched_wh: int = 0
    traded_units: int = 0
    archive: Archive = field(default_factory=Archive)
    bought: dict[str, dict[str, int]] = field(default_factory=dict)


class Runs:
    """The runs of one community; part of a `Replay`."""

    def __init__(self, replay: "Replay", state: RunState) -> None:
        self._replay, self.state = replay, state
        self._turn = Turn(replay, state)
        self.handlers: dict[str, tuple[str, Callable[[Statement, Leaf, Fact], None]]] = {
            "hold": (FUNDS, self._hold),
            "run": (FUNDS, self._begin_later),
            "clearing": (CLEARINGS, self._clear),
            "settlement": (POSTINGS, self._settle),
            "netting": (POSTINGS, self._net),
            "seal": (SEALS, self._seal),
        }

    def _hold(self, statement: Statement, leaf: Leaf, fact: Fact) -> None:
        replay = self._replay
        name, day = self._turn.first(statement, leaf)
        self.state.days[name] = day
        if fact.detail is None:
            replay.cannot(FUNDS, f"the orders of {name} were erased")
            replay.lose_books(f"the holds of {name} were erased")
            day.known = False
            return
        moves, seed = self._turn.funded(statement, fact, day)
        day.proof.held = signed_of(statement, fact, seed)
        replay.move(
            statement.body["count"], money_net(moves, held_units(day.orders.values()), day.rules)
        )
        replay.counts["orders"] += sum(len(i.asks) + len(i.bids) for i in day.orders.values())

    def _begin_later(self, statement: Statement, leaf: Leaf, _fact: Fact) -> None:
        name, day = self._turn.later(statement, leaf)
        if day.known and not day.changed:
            raise UnsoundError(
                f"the run {day.code} of {name} changes nothing, and says that it does"
            )
        self.state.days[name] = day

    def _check_id(self, statement: Statement, about: int | str) -> None:
        expected = run_id(statement.kind, self._replay.origin, statement.body["run"], about)
        if statement.id != expected:
            raise UnsoundError("the id is not the one that follows from day and run")

    def _day_of(self, statement: Statement) -> Day:
        period = statement.body["period"]
        for day in self.state.days.values():
            if period in day.periods:
                self._check_run(statement, day)
                if day.known and period not in day.changed:
                    raise UnsoundError(
                        f"the half-hour {period} is worked out again, and nothing in it changed"
                    )
                return day
        raise UnsoundError(f"the half-hour {period} has no hold")

    def _check_run(self, statement: Statement, day: Day) -> None:
        if statement.body["known_at"] != day.known_at_ms or statement.body["run"] != day.code:
            raise UnsoundError("run and known_at are not those with which the day was begun")

    def _clear(self, statement: Statement, _leaf: Leaf, fact: Fact) -> None:
        body, day = statement.body, self._day_of(statement)
        period = body["period"]
        self._check_id(statement, period)
        if period in day.cleared:
            raise UnsoundError(f"the half-hour {period} was cleared before")
        if fact.detail is None or period not in day.orders:
            self._replay.cannot(
                CLEARINGS, f"orders or results of half-hour {start_text(period)} were erased"
            )
            day.cleared[period] = (statement.tx_id, None)
            return
        day.proof.cleared[period] = Cleared(
            fact.position, body["market"], body["result"], fact.detail
        )
        try:
            matched_wh, traded = traded_of(fact.detail)
        except CertificateError as error:
            raise UnsoundError(str(error)) from error
        inputs = day.inputs.get(period)
        lines = None if inputs is None else lines_of_traded(inputs, traded, day.rules)
        day.cleared[period] = (statement.tx_id, lines)
        if day.code == day.rules.timetable.first:
            self.state.matched_wh += matched_wh

    def _settle(self, statement: Statement, _leaf: Leaf, fact: Fact) -> None:
        replay, body, day = self._replay, statement.body, self._day_of(statement)
        period = body["period"]
        self._check_id(statement, period)
        if period not in day.cleared or period in day.settled:
            raise UnsoundError(f"the half-hour {period} is not cleared, or settled before")
        clearing, lines = day.cleared[period]
        if body["clearing"] != clearing:
            raise UnsoundError("the settlement cites another clearing")
        if day.known and body.get("replaces") != day.posted.settlements.get(period):
            raise UnsoundError("the settlement does not name the one whose place it takes")
        day.settled.add(period)
        if lines is None:
            day.known = False
            replay.lose_books(
                f"what the half-hour {start_text(period)} posted follows from what was erased"
            )
            return
        seed = None
        if fact.detail is None:
            replay.cannot(POSTINGS, f"the salts of the half-hour {start_text(period)} were erased")
        else:
            seed = seed_of({"seed": object_of(fact, "seed")["seed"]})
        day.proof.settled[period] = signed_of(statement, fact, seed)
        after = energy_of(day.inputs[period], lines)
        before = day.posted.energy_of(period)
        replay.move(body["count"], energy_net(before, after, day.rules))
        [total] = totals_of({period: lines})
        day.posted.settle(period, after, lines, total, statement.tx_id)
        replay.counts["lines"] += len(lines)
        self._check_period(day, lines)

    def _check_period(self, day: Day, lines: list[Line]) -> None:
        """Check that a half-hour sums to zero, and add up what was traded."""
        sold_wh, bought_wh = (sum(getattr(x, n) for x in lines) for n in ("sold_wh", "bought_wh"))
        if sold_wh != bought_wh:
            raise UnsoundError("neighbours bought another amount of energy than they sold")
        if day.code == day.rules.timetable.first:
            self.state.traded_units += sum(line.bought_units for line in lines)

    def _net(self, statement: Statement, leaf: Leaf, fact: Fact) -> None:
        """Check the money of a run, against the balances where it stands in the log."""
        replay, body, name = self._replay, statement.body, parse_date(statement.body["day"])
        self._check_id(statement, body["day"])
        day = self.state.days.get(name)
        if day is None or day.netted or not day.settled or not day.complete:
            raise UnsoundError(f"{name} is netted before all of it is settled, or again")
        self._check_run(statement, day)
        day.netted = True
        if (body["first"], body["periods"]) != (day.periods.start, len(day.periods)):
            raise UnsoundError("the netting is of other half-hours than the day's")
        if not day.may_count_in(body["period"], leaf.period):
            raise UnsoundError("the money counts in another half-hour than it moves in")
        if not day.known or not replay.books_known:
            replay.lose_books(f"the money of {name} follows from what was erased")
            return
        held = held_units(day.orders.values()) if day.first else {}
        due = day.nets().less(day.nets_before)
        in_force = replay.community.rules_of(body["period"]) or day.rules
        purses = purses_of(replay.book.balances, held, day.rules if day.first else in_force)
        shares = settle_up(
            due.members, purses.claims, purses.can_pay, purses.coffers, due.community
        )
        moves = netting_moves(shares, held, day.proof.hold_batch, day.rules)
        for account in opened_by(moves):
            replay.book.open(account)
        if fact.detail is None:
            replay.cannot(POSTINGS, f"the salts of the money of {name} were erased")
        else:
            seed = seed_of({"seed": object_of(fact, "seed")["seed"]})
            records = records_of(bytes.fromhex(statement.id), moves, body["period"])
            check_root(signed_of(statement, fact, seed), records)
        replay.move(body["count"], money_net(moves, held, day.rules))
        month = self.state.bought.setdefault(str(body["day"])[:7], {})
        for sign, paid in ((1, day.bought()), (-1, day.bought_before)):
            for member, units in paid.items():
                month[member] = month.get(member, 0) + sign * units
        check_pools_empty(replay.book.balances, [pool(day.rules.feeder, day.rules.asset)])

    def _seal(self, statement: Statement, leaf: Leaf, fact: Fact) -> None:
        replay, body, state = self._replay, statement.body, self.state
        self._check_id(statement, body["day"])
        name = parse_date(body["day"])
        day = state.days.get(name) or self._turn.unchanged(statement, leaf)
        self._check_run(statement, day)
        if body.get("dispute") not in (None, *day.disputes[-1:]):
            raise UnsoundError("the seal names another dispute than the run")
        if not day.complete or day.netted != bool(day.settled):
            raise UnsoundError(f"{body['day']} is sealed before all of it is settled")
        if body["previous"] != state.last_seal or body["periods"] != len(day.periods):
            raise UnsoundError("the seal does not follow the one before")
        if body["settled"] != len(day.settled):
            raise UnsoundError("the seal counts other half-hours than were worked out")
        detail = object_of(fact, "seed", "totals")
        if sha256_hex(detail_of(fact)) != body["totals"]:
            raise UnsoundError("the totals that the seal shows are not those sealed")
        totals = [day.posted.totals[period] for period in day.periods] if day.known else []
        if day.known and not same(encode_trusted(totals), encode_trusted(detail["totals"])):
            raise UnsoundError("the totals of the half-hours are not those sealed")
        if replay.books_known:
            seed = bytes.fromhex(seed_of({"seed": detail.get("seed")}))
            root = salted_root(seed, balance_records(replay.book.balances)).hex()
            if root != body["balances"]:
                raise UnsoundError("a balance differs from the one sealed")
            check_balances(replay.book.balances)
        else:
            replay.cannot(SEALS, f"the balances of {body['day']} follow from what was erased")
        if day.settled:
            replay.prove(prove_day, day.proof)
        state.last_seal = statement.tx_id
        self._put_away(name, day, statement.tx_id)

    def _put_away(self, name: date, day: Day, seal: str) -> None:
        """Keep a sealed day for the runs that may follow."""
        state, replay = self.state, self._replay
        state.sealed.add(name)
        state.days.pop(name, None)
        sealed = state.archive.days.get(name)
        if sealed is not None and not day.opened:
            sealed.codes, sealed.seal = (*sealed.codes, day.code), seal
            sealed.disputes = day.disputes
            return
        data, fresh = None, True
        if day.known:
            data, fresh = pack(day.periods, replay.readings, day.posted)
        kept = SealedDay(
            *(day.periods, (*day.codes, day.code), seal, day.funds, data, fresh or day.touched),
            disputes=day.disputes,
        )
        state.archive.put(name, kept, replay.order.period)
        replay.forget_readings(day.periods)

    def finish(self, period: int) -> None:
        """Check that no run was begun and left.

        Raises:
            UnsoundError: names its day.
        """
        for day, run in self.state.days.items():
            if period - run.begun > OPEN_RUN_PERIODS_MAX:
                raise UnsoundError(
                    f"the run of {day} was begun more than a week before the log's end "
                    "and never finished"
                )

    def prove_the_rest(self) -> None:
        """Have the days proved that are not sealed yet, as far as they came."""
        for day in self.state.days.values():
            self._replay.prove(prove_day, day.proof)


def signed_of(statement: Statement, fact: Fact, seed: str | None) -> Signed:
    """Return what a statement signed of a batch."""
    body = statement.body
    return Signed(
        fact.position,
        body["root"],
        body["count"],
        None if seed is None else bytes.fromhex(seed),
        bytes.fromhex(statement.id),
        body.get("lines_root", ""),
        body.get("lines", 0),
    )
