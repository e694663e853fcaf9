"""The audit of a day's run: its hold, clearings, settlements and seal, each computed again.

What cannot be computed because facts were erased is said to be unknown, once, and the rest goes on.

>>> Runs.__name__
'Runs'
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from ledger.accounts import WH, pool
from ledger.invariants import check_balances, check_pools_empty
from ledger.log.leaf import Leaf
from ledger.primitives.canonical import encode, encode_trusted
from ledger.primitives.periods import SECONDS, load_zone, of_local_day, parse_date, start_text
from ledger.records import salted_root
from ledger.statements import Statement
from market.certificate import traded_of
from market.errors import CertificateError
from settlement.audit.bundle import Fact
from settlement.audit.details import detail_of, object_of, seed_of, sha256_hex
from settlement.audit.moves import holds_net, settlement_net
from settlement.audit.proofs import (
    CLEARINGS,
    FUNDS,
    POSTINGS,
    SEALS,
    Cleared,
    DayProof,
    Signed,
    prove_day,
)
from settlement.errors import UnsoundError
from settlement.orders import (
    PeriodInputs,
    PeriodOrders,
    fund_orders,
    hold_detail,
    orders_from_detail,
    orders_to_detail,
    period_inputs,
)
from settlement.postings import Line, balance_records, lines_of_traded, run_id, totals_of
from settlement.timetable import DETAIL_BYTES_MAX, NO_SEAL, due_at_ms

if TYPE_CHECKING:
    from settlement.audit.replay import Replay

OPEN_RUN_PERIODS_MAX = 7 * 48
"""How long a run may stand begun and not sealed before the audit calls it unsound."""

SEED_END_BYTES = 76
"""Bytes with which a hold's detail ends: its seed, after the orders."""

_SEED_AT_END = re.compile(rb'"seed":"([0-9a-f]{64})"\}\Z')


@dataclass
class Day:
    """A day between its hold and its seal; what was erased is None or absent."""

    known_at_ms: int
    held: int
    proof: DayProof
    orders: dict[int, PeriodOrders] = field(default_factory=dict)
    cleared: dict[int, tuple[str, list[Line] | None]] = field(default_factory=dict)
    settled: dict[int, list[Line] | None] = field(default_factory=dict)

    @property
    def periods(self) -> range:
        """The day's half-hours."""
        return self.proof.periods

    @property
    def inputs(self) -> dict[int, PeriodInputs]:
        """Readings and flows by half-hour, none if some were erased."""
        return {item.period: item for item in self.proof.inputs}


@dataclass
class RunState:
    """What is remembered from one run to the next."""

    days: dict[date, Day] = field(default_factory=dict)
    last_seal: str = NO_SEAL
    sealed: set[date] = field(default_factory=set)
    held: set[int] = field(default_factory=set)
    matched_wh: int = 0
    traded_units: int = 0


class Runs:
    """The runs of one community; part of a `Replay`."""

    def __init__(self, replay: "Replay", state: RunState) -> None:
        self._replay, self.state = replay, state
        self.handlers: dict[str, tuple[str, Callable[[Statement, Leaf, Fact], None]]] = {
            "hold": (FUNDS, self._hold),
            "clearing": (CLEARINGS, self._clear),
            "settlement": (POSTINGS, self._settle),
            "seal": (SEALS, self._seal),
        }

    def _hold(self, statement: Statement, leaf: Leaf, fact: Fact) -> None:
        replay, body = self._replay, statement.body
        day = self._new_day(statement, leaf)
        readings = replay.readings_of(day.periods)
        if readings is None:
            replay.cannot(FUNDS, f"readings of {body['day']} were erased")
        else:
            day.proof.inputs = period_inputs(replay.community, day.periods, readings)
        self.state.days[parse_date(body["day"])] = day
        if fact.detail is None:
            replay.cannot(FUNDS, f"the orders of {body['day']} were erased")
            replay.lose_books(f"the holds of {body['day']} were erased")
            return
        orders, seed = self._orders_of(statement, fact, day)
        day.orders = {item.period: item for item in orders}
        day.proof.orders = fact.detail
        day.proof.held = signed_of(statement, fact, seed)
        replay.move(body["count"], holds_net(orders, day.proof.rules))
        replay.counts["orders"] += sum(len(item.asks) + len(item.bids) for item in orders)

    def _orders_of(
        self, statement: Statement, fact: Fact, day: Day
    ) -> tuple[list[PeriodOrders], str]:
        """Return the orders that a hold fixes, if they are the right ones, and the detail's seed."""
        replay = self._replay
        known = bool(day.proof.inputs) and replay.books_known
        if known:
            orders = fund_orders(replay.community, day.proof.inputs, replay.book.balances)
            given = detail_of(fact)
            end = _SEED_AT_END.search(given[-SEED_END_BYTES:])
            if end and len(given) <= DETAIL_BYTES_MAX:
                seed = end[1].decode()
                if hold_detail(orders, seed) == given:
                    return orders, seed
            detail = object_of(fact, "orders", "seed")
            words = (
                "an order or its funds cap is not what readings, offers, mandates and balances give"
            )
        else:
            detail = object_of(fact, "orders", "seed")
            replay.cannot(FUNDS, f"the caps of {statement.body['day']} follow from what was erased")
            orders = orders_from_detail(detail, day.proof.rules.feeder)
            words = "the orders are not in their one form"
        if not same(detail["orders"], orders_to_detail(orders)):
            raise UnsoundError(words)
        return orders, seed_of({"seed": detail.get("seed")})

    def _new_day(self, statement: Statement, leaf: Leaf) -> Day:
        """Return the day that a hold begins, if it may begin now."""
        body, state, community = statement.body, self.state, self._replay.community
        day = parse_date(body["day"])
        expected = run_id("hold", self._replay.origin, body["run"], body["day"])
        if day in state.days or day in state.sealed or statement.id != expected:
            raise UnsoundError(f"{day} was run before")
        zone = community.rules_now.zone
        due_period = due_at_ms(day, zone) // (SECONDS * 1000)
        known_period = body["known_at"] // (SECONDS * 1000)
        if not due_period <= known_period <= leaf.period:
            raise UnsoundError(f"the run of {day} came before it was due")
        if leaf.period - known_period > 1:
            raise UnsoundError(f"the run of {day} says that it knew less than was logged by then")
        periods = of_local_day(day, load_zone(zone))
        rules = community.rules_of(periods.start)
        if rules is None:
            raise UnsoundError(f"no rules bound {day}")
        if not state.held.isdisjoint(periods):
            raise UnsoundError(f"a half-hour of {day} was settled with another day")
        state.held.update(periods)
        proof = DayProof(periods, bytes.fromhex(statement.id), rules, [])
        return Day(body["known_at"], leaf.period, proof)

    def _check_id(self, statement: Statement, about: int | str) -> None:
        if statement.id != run_id(
            statement.kind, self._replay.origin, statement.body["run"], about
        ):
            raise UnsoundError("the id is not the one that follows from day and run")

    def _day_of(self, statement: Statement) -> Day:
        period = statement.body["period"]
        for day in self.state.days.values():
            if period in day.periods:
                if statement.body["known_at"] != day.known_at_ms:
                    raise UnsoundError("known_at is not that of the day's hold")
                return day
        raise UnsoundError(f"the half-hour {period} has no hold")

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
        lines = None if inputs is None else lines_of_traded(inputs, traded, day.proof.rules)
        day.cleared[period] = (statement.tx_id, lines)
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
        day.settled[period] = lines
        if lines is None:
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
        net = settlement_net(day.inputs[period], day.orders[period], lines, day.proof.rules)
        replay.move(body["count"], net)
        if replay.books_known:
            rules = day.proof.rules
            pools = [pool(rules.feeder, asset) for asset in (WH, rules.asset)]
            check_pools_empty(replay.book.balances, pools)
        self.state.traded_units += sum(line.bought_units for line in lines)
        replay.counts["lines"] += len(lines)

    def _seal(self, statement: Statement, _leaf: Leaf, fact: Fact) -> None:
        replay, body, state = self._replay, statement.body, self.state
        self._check_id(statement, body["day"])
        name = parse_date(body["day"])
        day = state.days.get(name)
        if day is None or set(day.settled) != set(day.periods):
            raise UnsoundError(f"{body['day']} is sealed before all of it is settled")
        if body["previous"] != state.last_seal or body["periods"] != len(day.periods):
            raise UnsoundError("the seal does not follow the one before")
        detail = object_of(fact, "seed", "totals")
        if sha256_hex(encode({"totals": detail.get("totals")})) != body["totals"]:
            raise UnsoundError("the totals that the seal shows are not those sealed")
        lines = {period: found for period, found in day.settled.items() if found is not None}
        if len(lines) == len(day.periods) and not same(totals_of(lines), detail["totals"]):
            raise UnsoundError("the totals of the half-hours are not those sealed")
        if replay.books_known:
            seed = bytes.fromhex(seed_of({"seed": detail.get("seed")}))
            root = salted_root(seed, balance_records(replay.book.balances)).hex()
            if root != body["balances"]:
                raise UnsoundError("a balance differs from the one sealed")
            check_balances(replay.book.balances)
        else:
            replay.cannot(SEALS, f"the balances of {body['day']} follow from what was erased")
        replay.prove(prove_day, day.proof)
        state.last_seal = statement.tx_id
        state.sealed.add(name)
        replay.forget_readings(day.periods)
        del state.days[name]

    def finish(self, period: int) -> None:
        """Check that no run was begun and left.

        Raises:
            UnsoundError: names its day.
        """
        for day, run in self.state.days.items():
            if period - run.held > OPEN_RUN_PERIODS_MAX:
                raise UnsoundError(
                    f"the run of {day} set money aside more than a week before the log's end "
                    "and never settled it"
                )

    def prove_the_rest(self) -> None:
        """Have the days proved that are not sealed yet, as far as they came."""
        for day in self.state.days.values():
            self._replay.prove(prove_day, day.proof)


def same(one: object, other: object) -> bool:
    """Return whether two values have the same bytes: to Python, true is 1."""
    return encode_trusted(one) == encode_trusted(other)


def signed_of(statement: Statement, fact: Fact, seed: str | None) -> Signed:
    """Return what a statement signed of a batch."""
    body = statement.body
    made = None if seed is None else bytes.fromhex(seed)
    return Signed(fact.position, body["root"], body["count"], made, bytes.fromhex(statement.id))
