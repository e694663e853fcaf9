"""How the audit begins a day's run: whether it is its turn, what it knows, what money there is.

>>> Day.__name__
'Day'
"""

import re
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING

from ledger.log.leaf import Leaf
from ledger.primitives.periods import SECONDS, load_zone, of_local_day, parse_date
from ledger.statements import Statement
from settlement.audit.archive import PostedDay, SealedDay
from settlement.audit.bundle import Fact
from settlement.audit.details import detail_of, object_of, same, seed_of
from settlement.audit.proofs import FUNDS, DayProof
from settlement.day_run import differing
from settlement.errors import UnsoundError
from settlement.gifts import gifts_of, quotas_of
from settlement.netting import Nets, nets_of_units
from settlement.orders import (
    DayFunds,
    PeriodInputs,
    PeriodOrders,
    by_half_hour,
    fund_orders,
    funds_of,
    period_inputs,
)
from settlement.orders_wire import funds_from_detail, hold_detail, orders_from_detail
from settlement.postings import Line, Move, hold_moves, run_id
from settlement.terms import CommunityRules
from settlement.timetable import DETAIL_BYTES_MAX, due_at_ms, over_at_ms

if TYPE_CHECKING:
    from settlement.audit.replay import Replay
    from settlement.audit.runs import RunState

NO_FUNDS = DayFunds({})

SEED_END_BYTES = 76
"""Bytes with which a hold's detail ends: its seed, after the orders."""

_SEED_AT_END = re.compile(rb'"seed":"([0-9a-f]{64})"\}\Z')


@dataclass
class Day:
    """A day's run between its beginning and its seal.

    Attributes:
        code: the run's.
        known_at_ms: when its readings were known.
        begun: the half-hour in which it was begun.
        proof: what is proved beside the replay.
        funds: what money there was, fixed before the first run.
        orders: by half-hour; none if they were erased.
        changed: the half-hours that it must work out.
        codes: the runs before it.
        posted: what was posted of the day, this run included as far as it came.
        nets_before: what the day came to before it.
        bought_before: what members had paid for energy of the day before it.
        cleared: hash of the clearing and lines, by half-hour; no lines if something was erased.
        settled: the half-hours that were settled.
        netted: whether its money was netted.
        known: nothing that it needs was erased.
        opened: its readings were looked at again, and are to be packed.
        touched: readings came while it was under way.
        quotas: Wh that members give of what they sell that day.
        disputes: those that led to this run and to earlier ones.
    """

    code: str
    known_at_ms: int
    begun: int
    proof: DayProof
    funds: DayFunds
    orders: dict[int, PeriodOrders]
    changed: set[int]
    codes: tuple[str, ...] = ()
    posted: PostedDay = field(default_factory=PostedDay)
    nets_before: Nets = field(default_factory=Nets)
    bought_before: dict[str, int] = field(default_factory=dict)
    cleared: dict[int, tuple[str, list[Line] | None]] = field(default_factory=dict)
    settled: set[int] = field(default_factory=set)
    netted: bool = False
    known: bool = True
    opened: bool = True
    touched: bool = False
    quotas: dict[str, int] = field(default_factory=dict)
    disputes: tuple[str, ...] = ()

    @property
    def first(self) -> bool:
        """Whether this is the day's first run that posts."""
        return not self.codes

    @property
    def complete(self) -> bool:
        """Whether what must be worked out is settled: of a later run unknown where facts are gone."""
        return self.settled == self.changed or not (self.known or self.first)

    @property
    def periods(self) -> range:
        """The day's half-hours."""
        return self.proof.periods

    @property
    def rules(self) -> CommunityRules:
        """The rules that bind the day."""
        return self.proof.rules

    @property
    def inputs(self) -> dict[int, PeriodInputs]:
        """Readings and flows by half-hour, none if some were erased."""
        return {item.period: item for item in self.proof.inputs}

    def may_count_in(self, period: int, now: int) -> bool:
        """Return whether its money may count in a half-hour, where it moves in that of ``now``.

        As `settlement.day_run.DayRun.money_period`.
        """
        return period == (self.periods[-1] if self.first else now)

    def bought(self) -> dict[str, int]:
        """Return the units that members paid for energy, as far as it is posted."""
        paid: dict[str, int] = {}
        for period, units in self.posted.units.items():
            sold = self.posted.sold[period]
            for member in {*units, *sold}:
                got = sold[member][1] if member in sold else 0
                paid[member] = paid.get(member, 0) + got - units.get(member, 0)
        return paid

    def nets(self) -> Nets:
        """Return what the day comes to, as far as it is posted."""
        matched_wh = sum(total["matched_wh"] for total in self.posted.totals.values())
        gifts = gifts_of(
            {member: self.posted.sold_by(member) for member in self.quotas}, self.quotas
        )
        return nets_of_units(self.posted.units.values(), matched_wh, self.rules, gifts)


class Turn:
    """Which run may begin now; part of a `Runs`."""

    def __init__(self, replay: "Replay", state: "RunState") -> None:
        self._replay, self._state = replay, state

    def first(self, statement: Statement, leaf: Leaf) -> tuple[date, Day]:
        """Return the day that a hold begins.

        Raises:
            UnsoundError: it may not begin now.
        """
        body, state, replay = statement.body, self._state, self._replay
        name = parse_date(body["day"])
        if name in state.days or name in state.sealed:
            raise UnsoundError(f"{name} was run before")
        periods, rules = self._check(statement, leaf, name)
        rules.timetable.check_turn(body["run"], (), str(name))
        if not state.held.isdisjoint(periods):
            raise UnsoundError(f"a half-hour of {name} was settled with another day")
        if (body["first"], body["periods"]) != (periods.start, len(periods)):
            raise UnsoundError(f"the hold is of other half-hours than those of {name}")
        state.held.update(periods)
        proof = DayProof(periods, bytes.fromhex(statement.id), rules, [])
        day = Day(*(body["run"], body["known_at"], leaf.period, proof, NO_FUNDS, {}, set(periods)))
        day.quotas = quotas_of(replay.community, name, periods)
        final = rules.timetable.is_final(day.code)
        readings = replay.readings_of(replay.readings, periods, final=final)
        if readings is None:
            replay.cannot(FUNDS, f"readings of {name} were erased")
            day.known = False
        else:
            proof.inputs = period_inputs(replay.community, periods, readings)
        return name, day

    def funded(self, statement: Statement, fact: Fact, day: Day) -> tuple[list[Move], str]:
        """Take over the orders and funds that a hold fixes, if they are the right ones.

        Returns:
            What the hold moves, and the seed of its salts.

        Raises:
            UnsoundError: they are others.
        """
        replay, given = self._replay, detail_of(fact)
        seed = None
        if day.known and replay.books_known:
            rules = day.rules
            balances = replay.book.balances
            bought = self._state.bought.get(str(statement.body["day"])[:7], {})
            day.funds = funds_of(replay.community, balances, rules.asset, day.periods, bought)
            orders = fund_orders(replay.community, day.proof.inputs, day.funds)
            end = _SEED_AT_END.search(given[-SEED_END_BYTES:])
            if end and len(given) <= DETAIL_BYTES_MAX:
                seed = end[1].decode()
            if seed is None or not same(hold_detail(orders, day.funds, seed), given):
                raise UnsoundError(
                    "an order, its funds cap or a wallet's funds is not what readings, offers, "
                    "mandates and balances give"
                )
        else:
            detail = object_of(fact, "funds", "orders", "seed")
            replay.cannot(FUNDS, f"the caps of {statement.body['day']} follow from what was erased")
            orders = orders_from_detail(detail, day.rules.feeder)
            day.funds = funds_from_detail(detail)
            seed = seed_of({"seed": detail.get("seed")})
            if not same(hold_detail(orders, day.funds, seed), given):
                raise UnsoundError("the orders are not in their one form")
        day.orders = {item.period: item for item in orders}
        day.posted.held = day.funds.fixed_by(orders).held
        day.proof.orders = given
        return hold_moves(day.proof.hold_batch, orders, day.rules), seed

    def later(self, statement: Statement, leaf: Leaf) -> tuple[date, Day]:
        """Return the day that a later run begins to work out anew.

        Raises:
            UnsoundError: it may not begin now.
        """
        name = parse_date(statement.body["day"])
        if name in self._state.days:
            raise UnsoundError(f"a run of {name} is under way")
        sealed = self._sealed(statement, leaf, name)
        if statement.body["after"] != sealed.seal:
            raise UnsoundError(f"the run of {name} does not follow the day's last one")
        return name, self._again(statement, leaf, sealed)

    def unchanged(self, statement: Statement, leaf: Leaf) -> Day:
        """Return the day whose seal says that a later run changes nothing.

        Raises:
            UnsoundError: it may not be made now, or it would change something.
        """
        name = parse_date(statement.body["day"])
        if name not in self._state.archive.days:
            raise UnsoundError(f"{name} is sealed before all of it is settled")
        sealed = self._sealed(statement, leaf, name)
        day = self._again(statement, leaf, sealed)
        if day.changed:
            raise UnsoundError(
                f"readings of {name} changed, and the run {day.code} is sealed without them"
            )
        return day

    def _sealed(self, statement: Statement, leaf: Leaf, name: date) -> SealedDay:
        sealed = self._state.archive.days.get(name)
        if sealed is None:
            raise UnsoundError(f"{name} was not run before")
        _, rules = self._check(statement, leaf, name, day_id=statement.kind == "run")
        body, table = statement.body, rules.timetable
        table.check_turn(body["run"], sealed.codes, str(name))
        if table.is_dispute(body["run"]):
            self._check_dispute(statement, leaf, sealed)
        elif "dispute" in body:
            raise UnsoundError(f"the run {body['run']} of {name} is led by no dispute")
        if body["known_at"] > over_at_ms(table, body["run"], name, rules.zone):
            raise UnsoundError(f"the run {body['run']} of {name} came after its time was over")
        return sealed

    def _check_dispute(self, statement: Statement, leaf: Leaf, sealed: SealedDay) -> None:
        """Check that the dispute which leads to a run was upheld, and led to no run before."""
        body, disputes = statement.body, self._replay.community.disputes
        disputes.check_run(body.get("dispute"), body["day"], leaf.period)
        if body["dispute"] in sealed.disputes:
            raise UnsoundError(
                f"the dispute {body['dispute']} led to a run of {body['day']} before"
            )

    def _again(self, statement: Statement, leaf: Leaf, sealed: SealedDay) -> Day:
        """Work a sealed day out with what is known now."""
        replay, body, periods = self._replay, statement.body, sealed.periods
        rules = replay.community.rules_of(periods.start)
        if rules is None:
            raise UnsoundError("no rules bound the day")
        proof = DayProof(periods, b"", rules, [])
        day = Day(
            *(body["run"], body["known_at"], leaf.period, proof, sealed.funds, {}, set()),
            sealed.codes,
            disputes=(*sealed.disputes, *([body["dispute"]] if "dispute" in body else [])),
            quotas=quotas_of(replay.community, parse_date(body["day"]), periods),
        )
        if sealed.data is None:
            replay.cannot(FUNDS, f"what {body['day']} posted follows from what was erased")
            day.known = False
            return day
        if not sealed.fresh and not sealed.late:
            _, day.posted = sealed.open()
            day.opened = False
            return day
        known, day.posted = sealed.open()
        final = rules.timetable.is_final(day.code)
        readings = replay.readings_of(known, periods, final=final)
        if readings is None:
            replay.cannot(FUNDS, f"readings of {body['day']} were erased")
            day.known = False
            return day
        replay.readings.update(known)
        community, posted = replay.community, day.posted.energy
        before = by_half_hour(
            {
                (*slot, period): wh
                for period in periods
                for slot, wh in posted[period].readings.items()
            }
        )
        inputs_before = period_inputs(community, periods, before)
        proof.inputs = period_inputs(community, periods, readings)
        funds = replace(day.funds, held=day.posted.held)
        orders = fund_orders(community, proof.inputs, funds)
        orders_before = fund_orders(community, inputs_before, funds)
        changed = differing(inputs_before, orders_before, proof.inputs, orders)
        day.changed = {periods[index] for index in changed}
        day.orders = {orders[index].period: orders[index] for index in changed}
        proof.orders = hold_detail([*day.orders.values()], NO_FUNDS, "0" * 64)
        proof.before = {period: posted[period] for period in day.changed}
        day.nets_before, day.bought_before = day.nets(), day.bought()
        return day

    def _check(
        self, statement: Statement, leaf: Leaf, name: date, *, day_id: bool = True
    ) -> tuple[range, CommunityRules]:
        """Check a beginning's id and time, and return the day's half-hours and rules."""
        body, community = statement.body, self._replay.community
        expected = run_id(statement.kind, self._replay.origin, body["run"], body["day"])
        if day_id and statement.id != expected:
            raise UnsoundError("the id is not the one that follows from day and run")
        periods = of_local_day(name, load_zone(community.rules_now.zone))
        rules = community.rules_of(periods.start)
        if rules is None:
            raise UnsoundError(f"no rules bound {name}")
        due_ms = due_at_ms(rules.timetable.run(body["run"]), name, rules.zone)
        known_period = body["known_at"] // (SECONDS * 1000)
        if not due_ms // (SECONDS * 1000) <= known_period <= leaf.period:
            raise UnsoundError(f"the run {body['run']} of {name} came before it was due")
        if leaf.period - known_period > 1:
            raise UnsoundError(f"the run of {name} says that it knew less than was logged by then")
        return periods, rules
