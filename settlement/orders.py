"""From readings and agreements to the orders of a day, each with its funds cap.

Pure; the audit runs the same functions on the same inputs. Each member's own meters are netted
within the half-hour first, so nobody trades with themselves. A bid is then capped at what can be
set aside for it at its own limit, which is why settlement cannot bounce. What a member's wallet has
for a day, and each order's part of it, are fixed and signed when money is first set aside. A later run
has the same for each order, and what no order needed for those that want more.

>>> Flow(imported_wh=700, exported_wh=200).own_use_wh
200
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any, NamedTuple

from ledger.accounts import receivable, wallet
from ledger.book import Balance
from ledger.primitives.apportion import apportion
from ledger.primitives.money import UNITS_MAX
from ledger.primitives.periods import load_zone, minute_of_day
from market.model import PPM, Agreement, Order, Side
from meters.readings import Channel
from settlement.binding import Binding
from settlement.state import CommunityState, channels_of
from settlement.terms import Mandate, MeterUse, Shares


class Flow(NamedTuple):
    """A member's metered Wh in a half-hour, over all their meters."""

    imported_wh: int = 0
    exported_wh: int = 0

    @property
    def own_use_wh(self) -> int:
        """What the member's own meters give and take at once."""
        return min(self.imported_wh, self.exported_wh)

    @property
    def wanted_wh(self) -> int:
        """Net import: what the member bids for."""
        return self.imported_wh - self.own_use_wh

    @property
    def offered_wh(self) -> int:
        """Net export: what the member asks for."""
        return self.exported_wh - self.own_use_wh


@dataclass(slots=True)
class PeriodInputs:
    """One half-hour's readings and flows.

    Attributes:
        period: the half-hour.
        readings: Wh by (meter, channel), of meters whose member consented.
        flows: by member.
        missing: (meter, channel) without a reading, counted as zero.
    """

    period: int
    readings: dict[tuple[str, Channel], int] = field(default_factory=dict)
    flows: dict[str, Flow] = field(default_factory=dict)
    missing: list[tuple[str, Channel]] = field(default_factory=list)

    def __reduce__(self) -> tuple[Any, ...]:
        """Go to another process with flows as plain pairs, which are pickled ten times as fast."""
        pairs = {member: tuple(flow) for member, flow in self.flows.items()}
        return _with_pairs, (self.period, self.readings, pairs, self.missing)


def _with_pairs(
    period: int,
    readings: dict[tuple[str, Channel], int],
    pairs: Mapping[str, tuple[int, int]],
    missing: list[tuple[str, Channel]],
) -> PeriodInputs:
    flows = {member: Flow(*pair) for member, pair in pairs.items()}
    return PeriodInputs(period, readings, flows, missing)


class Funded(NamedTuple):
    """An order with its cap.

    Attributes:
        order: quantity already capped.
        hold_units: set aside for it: cap times limit, 0 where nothing can be owed.
    """

    order: Order
    hold_units: int


@dataclass(frozen=True, slots=True)
class PeriodOrders:
    """One half-hour's orders, by member, and what members agreed on between themselves."""

    period: int
    asks: dict[str, Funded]
    bids: dict[str, Funded]
    agreements: list[Agreement] = field(default_factory=list)

    def funded(self) -> Iterator[Funded]:
        """Yield the orders of both sides."""
        return chain(self.asks.values(), self.bids.values())


@dataclass(frozen=True, slots=True)
class DayFunds:
    """What money there is for a day's orders, fixed before its first run that posts.

    Attributes:
        units: what each member's wallet could still pay, debts apart.
        revoked: ids of mandates that were revoked by then: they cover nothing of the day.
        held: units that the first run set aside, by half-hour and member; none for that run itself.
    """

    units: Mapping[str, int]
    revoked: frozenset[str] = frozenset()
    held: Mapping[int, Mapping[str, int]] = field(default_factory=dict)

    def fixed_by(self, orders: Iterable[PeriodOrders]) -> "DayFunds":
        """Return the funds of later runs, once the first one has made its orders."""
        held = {item.period: _held(item) for item in orders}
        return replace(self, held={period: found for period, found in held.items() if found})


def _held(orders: PeriodOrders) -> dict[str, int]:
    return {each.order.id: each.hold_units for each in orders.funded() if each.hold_units}


def funds_of(
    state: CommunityState,
    balances: Mapping[str, Balance],
    asset: str,
    periods: range,
    bought: Mapping[str, int],
) -> DayFunds:
    """Return what money there is now for a day.

    What a member owes from earlier runs is not theirs to spend, nor what a month's mandate forbids:
    what is set aside for days that are not netted yet counts in the month as if it were paid.

    Args:
        state: who is a member, and what each allows.
        balances: by account.
        asset: of the wallets.
        periods: the day's half-hours.
        bought: units that members paid for energy on other days of the local month.
    """
    units = {}
    caps = state.month_caps(periods)
    for member in state.members:
        balance, claim = (
            balances.get(wallet(member, asset)),
            balances.get(receivable(member, asset)),
        )
        free, aside = (balance.available, balance.pending_out) if balance else (0, 0)
        debt_units = min(0, claim.posted) if claim else 0
        units[member] = max(0, (UNITS_MAX if free is None else free) + debt_units)
        if member in caps:
            left = max(0, caps[member] - bought.get(member, 0) - aside)
            units[member] = min(units[member], left)
    return DayFunds(dict(sorted(units.items())), state.revoked_in(periods))


Readings = Mapping[int, Mapping[tuple[str, Channel], int]]
"""Wh by half-hour, then by (meter, channel), as known for a run."""


def by_half_hour(
    readings: Mapping[tuple[str, Channel, int], int],
) -> dict[int, dict[tuple[str, Channel], int]]:
    """Return readings by (meter, channel, half-hour) as `Readings`."""
    gathered: dict[int, dict[tuple[str, Channel], int]] = {}
    for (meter, channel, period), wh in readings.items():
        gathered.setdefault(period, {})[meter, channel] = wh
    return gathered


def period_inputs(
    state: CommunityState, periods: Iterable[int], readings: Readings
) -> list[PeriodInputs]:
    """Gather readings by half-hour and net each member's meters.

    Args:
        state: who consented to which meter.
        periods: the half-hours, in order.
        readings: as known for the run.
    """
    gathered, none = [], dict[tuple[str, Channel], int]()
    meters, shares = Binding(state.meters), Binding(state.shares)
    uses, shared = None, None
    holders: dict[str, dict[str, int]] = {}
    slots: list[tuple[tuple[str, Channel], str]] = []
    members: list[str] = []
    for period in periods:
        if meters.at(period) is not uses or shares.at(period) is not shared:
            uses, shared = meters.at(period), shares.at(period)
            slots = sorted(((meter, side), member) for meter, side, member in channels_of(uses))
            holders = holders_of(uses, shared)
            members = sorted({member for _, member in slots}.union(*holders.values()))
        known, found, missing = readings.get(period, none), {}, []
        imported, exported = dict.fromkeys(members, 0), dict.fromkeys(members, 0)
        for slot, member in slots:
            wh = known.get(slot)
            if wh is None:
                missing.append(slot)
                wh = 0
            found[slot] = wh
            if wh and slot[1] is Channel.EXPORT and slot[0] in holders:
                wh -= _share_out(wh, holders[slot[0]], exported)
            flow = imported if slot[1] is Channel.IMPORT else exported
            flow[member] += wh
        flows = {member: Flow(imported[member], exported[member]) for member in members}
        gathered.append(PeriodInputs(period, found, flows, missing))
    return gathered


def holders_of(
    uses: Mapping[str, MeterUse], shared: Mapping[str, Shares]
) -> dict[str, dict[str, int]]:
    """Return the holders of shares, in millionths, by meter: as long as the meter is its owner's."""
    return {
        meter: dict(shares.holders)
        for meter, shares in shared.items()
        if shares.holders and meter in uses and uses[meter].member == shares.owner
    }


def parts_of(wh: int, holders: Mapping[str, int]) -> dict[str, int]:
    """Return each holder's part of an export, in Wh; what is left is the owner's.

    Parts are whole Wh by largest remainder, ties by id.

    >>> parts_of(400, {"0a": 300_000, "0b": 1_000})
    {'0a': 120, '0b': 0}
    """
    names = [*holders]
    weights = [*holders.values(), PPM - sum(holders.values())]
    parts = apportion(wh, weights, lambda index: names[index] if index < len(names) else "~")
    return dict(zip(names, parts, strict=False))


def _share_out(wh: int, holders: Mapping[str, int], exported: dict[str, int]) -> int:
    """Add each holder's part of an export to theirs, and return what all parts come to."""
    parts = parts_of(wh, holders)
    for member, part in parts.items():
        exported[member] += part
    return sum(parts.values())


def fund_orders(
    state: CommunityState,
    inputs: Sequence[PeriodInputs],
    funds: DayFunds,
) -> list[PeriodOrders]:
    """Turn flows into orders and cap each at what can be set aside for it.

    Half-hours are funded in order, and within one the members in order of id, each after what the
    earlier ones set aside. In a later run an order has what the first one set aside for it, whatever
    became of the others, and then its turn at what nothing was set aside for. A member without an
    offer or rules does not trade. The rules are those that bind the first of the half-hours, as for
    everything else in a run.
    """
    purses: dict[str, _Purse] = {}
    held = _sums(funds.held)
    offers, mandates = Binding(state.offers), Binding(state.mandates)
    funded = []
    rules = state.rules_of(inputs[0].period) if inputs else None
    for item in inputs:
        period = item.period
        orders = PeriodOrders(period, {}, {})
        funded.append(orders)
        if rules is None:
            continue
        offers_now, mandates_now = offers.at(period), mandates.at(period)
        minute = minute_of_day(period, load_zone(rules.zone))
        own, supply_wh = funds.held.get(period, _NOTHING), 0
        for side, sign, book in ((Side.ASK, 1, orders.asks), (Side.BID, -1, orders.bids)):
            for member, flow in sorted(item.flows.items()):
                offer, net_wh = offers_now.get(member), flow.exported_wh - flow.imported_wh
                if offer is None or net_wh * sign <= 0:
                    continue
                purse = purses.get(member)
                if purse is None:
                    purse = _Purse(funds.units.get(member, 0), held.get(member, 0))
                    purses[member] = purse
                purse.own_units = own.get(member, 0)
                mandate = mandates_now.get(member)
                if mandate is not None and not (
                    mandate.first <= period <= mandate.last and mandate.id not in funds.revoked
                ):
                    mandate = None
                limit = offer.limit_at(side, minute)
                if side is Side.BID and mandate is not None:
                    limit = min(limit, mandate.price_ticks_max)
                wh, limit = rules.order_at_boundary(side, net_wh * sign, limit)
                if side is Side.ASK:
                    supply_wh += wh
                    wh, hold_units = purse.fund_ask(mandate, wh, limit)
                else:
                    wh, hold_units = purse.fund_bid(mandate, wh, limit, supply_wh)
                book[member] = Funded(Order(member, rules.feeder, wh, limit), hold_units)
        orders.agreements.extend(
            agreement
            for agreement in state.agreements.binding(period)
            if agreement.seller in orders.asks and agreement.buyer in orders.bids
        )
    return funded


_NOTHING: Mapping[str, int] = {}


def _sums(held: Mapping[int, Mapping[str, int]]) -> Mapping[str, int]:
    """Return what is set aside for each member in all half-hours."""
    sums = Counter[str]()
    for found in held.values():
        sums.update(found)
    return sums


class _Purse:
    """What one member can still set aside in the half-hours of a run.

    Attributes:
        own_units: set aside for the half-hour by the first run, and for no other.
    """

    def __init__(self, available_units: int, held_units: int) -> None:
        self._spent, self._available, self.own_units = held_units, available_units, 0

    def fund_bid(
        self, mandate: Mandate | None, wanted_wh: int, limit_ticks: int, supply_wh: int
    ) -> tuple[int, int]:
        """Return a bid's capped Wh, and what is set aside for it.

        A limit of zero or less needs no funds and no mandate. Nobody buys more than all sell, so no
        more than that is set aside: nights cost nothing.
        """
        if limit_ticks <= 0:
            return wanted_wh, 0
        if mandate is None:
            return 0, 0
        return self._set_aside(mandate, wanted_wh, limit_ticks, supply_wh)

    def fund_ask(
        self, mandate: Mandate | None, offered_wh: int, limit_ticks: int
    ) -> tuple[int, int]:
        """Return an ask's capped Wh, and what is set aside for it.

        One below zero may have to pay; others need no funds.
        """
        if limit_ticks >= 0:
            return offered_wh, 0
        if mandate is None:
            return 0, 0
        return self._set_aside(mandate, offered_wh, -limit_ticks, offered_wh)

    def _set_aside(self, mandate: Mandate, wh: int, ticks: int, most_wh: int) -> tuple[int, int]:
        """Return what of an order is covered, and the units set aside for it."""
        spent, own = self._spent, self.own_units
        left = min(self._available, mandate.units_day_max) - spent
        funds = min(own + left if left > 0 else own, mandate.units_period_max)
        wh = min(wh, mandate.wh_period_max)
        need_wh = min(wh, most_wh)
        if need_wh * ticks > funds:
            wh = need_wh = max(0, min(funds // ticks, wh))
        units = need_wh * ticks
        if units > own:
            self._spent = spent + units - own
        return wh, units
