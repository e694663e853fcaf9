"""From readings and agreements to the orders of a day, each with its funds cap.

Pure; the audit runs the same functions on the same inputs. Each member's own meters are netted
within the half-hour first, so nobody trades with themselves. A bid is then capped at what can be
set aside for it at its own limit, which is why settlement cannot bounce: the cap is fixed when
the hold is made, before any run, and every later run uses the same.

>>> Flow(imported_wh=700, exported_wh=200).own_use_wh
200
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ledger.accounts import wallet
from ledger.book import Balance
from market.model import Order
from meters.readings import Channel
from settlement.state import CommunityState, Mandate


@dataclass(slots=True)
class Flow:
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


@dataclass(frozen=True, slots=True)
class Funded:
    """An order with its cap.

    Attributes:
        order: quantity already capped.
        hold_units: set aside for it: cap times limit, 0 where nothing can be owed.
    """

    order: Order
    hold_units: int


@dataclass(frozen=True, slots=True)
class PeriodOrders:
    """One half-hour's orders, by member."""

    period: int
    asks: dict[str, Funded]
    bids: dict[str, Funded]


def period_inputs(
    state: CommunityState,
    periods: Iterable[int],
    readings: Mapping[tuple[str, Channel, int], int],
) -> list[PeriodInputs]:
    """Gather readings by half-hour and net each member's meters.

    Args:
        state: who consented to which meter.
        periods: the half-hours, in order.
        readings: Wh by (meter, channel, half-hour), as known for the run.
    """
    gathered = []
    for period in periods:
        inputs = PeriodInputs(period)
        for meter, channel, member in state.channels_of(period):
            wh = readings.get((meter, channel, period))
            if wh is None:
                inputs.missing.append((meter, channel))
                wh = 0
            inputs.readings[meter, channel] = wh
            flow = inputs.flows.setdefault(member, Flow())
            if channel is Channel.IMPORT:
                flow.imported_wh += wh
            else:
                flow.exported_wh += wh
        gathered.append(inputs)
    return gathered


def fund_orders(
    state: CommunityState,
    inputs: Iterable[PeriodInputs],
    balances: Mapping[str, Balance],
) -> list[PeriodOrders]:
    """Turn flows into orders and cap each at what can be set aside for it.

    Half-hours are funded in order, and within one the members in order of id, each after the
    holds of the earlier ones. A member without an offer or rules does not trade.
    """
    spent: dict[str, int] = {}
    funded = []
    for period_inputs_ in inputs:
        period = period_inputs_.period
        rules = state.rules_of(period)
        asks: dict[str, Funded] = {}
        bids: dict[str, Funded] = {}
        for member, flow in sorted(period_inputs_.flows.items()):
            offer = state.offer_of(member, period)
            if offer is None or rules is None:
                continue
            purse = _Purse(state, balances, spent, member, rules.asset, period)
            if flow.offered_wh:
                asks[member] = purse.fund_ask(rules.feeder, flow.offered_wh, offer.sell_ticks)
            if flow.wanted_wh:
                bids[member] = purse.fund_bid(rules.feeder, flow.wanted_wh, offer.buy_ticks)
        funded.append(PeriodOrders(period, asks, bids))
    return funded


class _Purse:
    """What one member can still set aside in one half-hour of the day."""

    def __init__(
        self,
        state: CommunityState,
        balances: Mapping[str, Balance],
        spent: dict[str, int],
        member: str,
        asset: str,
        period: int,
    ) -> None:
        self._member, self._spent = member, spent
        self._mandate: Mandate | None = state.mandate_of(member, period)
        balance = balances.get(wallet(member, asset))
        available = balance.available if balance else 0
        self._available = available if available is not None else 2**53 - 1

    def fund_bid(self, feeder: str, wanted_wh: int, limit_ticks: int) -> Funded:
        """Cap a bid; a limit of zero or less needs no funds and no mandate."""
        if limit_ticks <= 0:
            return Funded(Order(self._member, feeder, wanted_wh, limit_ticks), 0)
        if self._mandate is None:
            return Funded(Order(self._member, feeder, 0, limit_ticks), 0)
        limit_ticks = min(limit_ticks, self._mandate.price_ticks_max)
        if limit_ticks <= 0:
            return Funded(Order(self._member, feeder, wanted_wh, limit_ticks), 0)
        cap_wh = self._cap(wanted_wh, limit_ticks)
        return self._hold(Order(self._member, feeder, cap_wh, limit_ticks), limit_ticks)

    def fund_ask(self, feeder: str, offered_wh: int, limit_ticks: int) -> Funded:
        """Cap an ask below zero, which may have to pay; others need no funds."""
        if limit_ticks >= 0:
            return Funded(Order(self._member, feeder, offered_wh, limit_ticks), 0)
        if self._mandate is None:
            return Funded(Order(self._member, feeder, 0, limit_ticks), 0)
        cap_wh = self._cap(offered_wh, -limit_ticks)
        return self._hold(Order(self._member, feeder, cap_wh, limit_ticks), -limit_ticks)

    def _cap(self, wh: int, ticks: int) -> int:
        mandate, spent = self._mandate, self._spent.get(self._member, 0)
        if mandate is None:
            raise AssertionError("only called with a mandate")
        funds = min(
            self._available - spent, mandate.units_period_max, mandate.units_day_max - spent
        )
        return max(0, min(wh, mandate.wh_period_max, funds // ticks))

    def _hold(self, order: Order, ticks: int) -> Funded:
        hold_units = order.wh * ticks
        self._spent[self._member] = self._spent.get(self._member, 0) + hold_units
        return Funded(order, hold_units)


def orders_to_detail(orders: list[PeriodOrders]) -> list[dict[str, Any]]:
    """Return orders with their funds caps as canonical JSON: fixed before the first run."""
    return [
        {
            "period": item.period,
            side: [
                {
                    "id": member,
                    "wh": funded.order.wh,
                    "limit_ticks": funded.order.limit_ticks,
                    "hold_units": funded.hold_units,
                }
                for member, funded in sorted(getattr(item, side).items())
            ],
        }
        for item in orders
        for side in ("asks", "bids")
    ]


def orders_from_detail(detail: Mapping[str, Any], feeder: str) -> list[PeriodOrders]:
    """Return the orders that `orders_to_detail` wrote."""
    gathered: dict[int, PeriodOrders] = {}
    for item in detail["orders"]:
        orders = gathered.setdefault(item["period"], PeriodOrders(item["period"], {}, {}))
        for side in ("asks", "bids"):
            for entry in item.get(side, []):
                order = Order(entry["id"], feeder, entry["wh"], entry["limit_ticks"])
                getattr(orders, side)[entry["id"]] = Funded(order, entry["hold_units"])
    return list(gathered.values())
