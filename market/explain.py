"""Why this price, why this much: a result explained to one member, without naming another.

What was offered, who tied with whom and for how much, what set the price, which edges were full, and
what another limit would have brought: the market is cleared again with it, so that is a fact and not
a guess.

>>> from market.model import Feeder, Orders, PriceRule, Rules
>>> market = Market(9, (Feeder("a"),), Orders.of([Order("m1", "a", 5, 10)]),
...     Orders.of([Order("m2", "a", 4, 30), Order("m3", "a", 4, 30)]), Rules(PriceRule.UNIFORM))
>>> told = explain(market, clear(market), Side.BID, "m3")
>>> told.standing, told.tied, told.others[0]
(<Standing.SHARED: 'shared'>, Tied(orders=2, wanted_wh=8, matched_wh=5), Otherwise(limit_ticks=31, \
wh=4, price_ticks=30))
"""

from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any, NamedTuple

from ledger.primitives.money import PRICE_TICKS_MAX
from market.agreements import Served, serve
from market.certificate import potentials_of
from market.check import checked
from market.clearing import clear
from market.errors import MarketInputError
from market.face import components
from market.model import Fill, Market, Order, Result, Rules, Side, summed
from market.programme import Programme
from market.staging import Row, Stage, Terms, edges_of, levels_of, stage, terms_of
from market.tree import Tree
from market.wire import rules_to_json

MARGIN_ORDERS_MIN = 3
"""Fewest orders of others at a limit whose Wh together are told."""


class Standing(StrEnum):
    """How an order stood in the market, after agreements."""

    NOTHING_OFFERED = "nothing-offered"
    AGREED = "agreed"
    STOOD_OUT = "stood-out"
    NO_PART = "no-part"
    OUTBID = "outbid"
    SHARED = "shared"
    WHOLE = "whole"


class Tied(NamedTuple):
    """Orders of one side that stood alike, the member's own among them.

    Attributes:
        orders: how many.
        wanted_wh: what they offered or wanted together.
        matched_wh: what they got together.
    """

    orders: int
    wanted_wh: int
    matched_wh: int


class Margin(NamedTuple):
    """Orders at the member's feeder whose limit is an end of the price's interval.

    Attributes:
        side: on which they stand.
        limit_ticks: their limit.
        wh: what they offered or wanted together, after agreements; None where fewer than
            `MARGIN_ORDERS_MIN` others stand there, since it would be somebody's own.
        matched_wh: what of it was matched in the market; None likewise.
        own: whether it is the order's own limit, and nobody else's.
    """

    side: Side
    limit_ticks: int
    wh: int | None
    matched_wh: int | None
    own: bool = False


class Otherwise(NamedTuple):
    """What another limit would have brought, agreements included: an average price, floored."""

    limit_ticks: int
    wh: int
    price_ticks: int | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """A half-hour as one order lived it.

    Attributes:
        period: the half-hour.
        side: of the order.
        order: as it was made.
        fills: what it got, agreements first.
        standing: in the market, after agreements.
        taking_part_wh: what took part in the market.
        market_wh: what of it was matched.
        offered_wh: what all asks offered.
        wanted_wh: what all bids wanted.
        matched_wh: what was matched in all.
        price_ticks: at the order's feeder, with the charge for a buyer; None without a price.
        interval: the lowest and highest price that supports the result there.
        tied: who stood alike, where the order shared.
        margins: what set the price at the feeder.
        full: feeders whose edge to their parent was full.
        others: what other limits would have brought.
        rules: of the market.
        missed: agreements of the order that served nothing.
    """

    period: int
    side: Side
    order: Order
    fills: tuple[Fill, ...]
    standing: Standing
    taking_part_wh: int
    market_wh: int
    offered_wh: int
    wanted_wh: int
    matched_wh: int
    price_ticks: int | None
    interval: tuple[int, int] | None
    tied: Tied | None
    margins: tuple[Margin, ...]
    full: tuple[str, ...]
    others: tuple[Otherwise, ...]
    rules: Rules
    missed: tuple[str, ...] = ()


def explain(market: Market, result: Result, side: Side, order_id: str) -> Explanation:
    """Explain a result of a market to one of its members.

    Args:
        market: that was cleared; its energy is shown as it counts at the network's boundary.
        result: what came of it, proved before.
        side: of the order.
        order_id: which order.

    Raises:
        MarketInputError: there is no such order, or the market cannot be cleared.
    """
    scene = _Scene.of(market, result)
    market = scene.market
    orders = market.asks if side is Side.ASK else market.bids
    order = next((each for each in orders if each.id == order_id), None)
    if order is None:
        raise MarketInputError(f"{side.value}s: there is no order {order_id!r}")
    rows = scene.taking_part.asks if side is Side.ASK else scene.taking_part.bids
    row = next((each for each in rows if each.id == order_id), None)
    trades = result.asks if side is Side.ASK else result.bids
    fills = dict(trades.matched()).get(order_id, ())
    standing, tied = scene.standing(order, side, row)
    price = next((each for each in result.prices if each.feeder == order.feeder), None)
    charge = market.rules.charge_ticks if side is Side.BID else 0
    return Explanation(
        market.period,
        side,
        order,
        fills,
        standing,
        row.wh if row else 0,
        sum(fill.wh for fill in fills if fill.agreement is None),
        sum(market.asks.wh),
        sum(market.bids.wh),
        result.matched_wh,
        None if price is None else price.price_ticks + charge,
        None if price is None else (price.low_ticks, price.high_ticks),
        tied,
        () if price is None else scene.margins(order, {price.low_ticks, price.high_ticks}),
        tuple(flow.feeder for flow in result.flows if flow.full),
        tuple(scene.otherwise(order, side, row, standing)),
        market.rules,
        tuple(
            each.id
            for each in market.agreements
            if order_id == (each.seller if side is Side.ASK else each.buyer)
            and each.id not in {fill.agreement for fill in fills}
        ),
    )


def explanation_to_json(told: Explanation) -> dict[str, Any]:
    """Return an explanation for programs, every value under its name."""
    value = {field.name: getattr(told, field.name) for field in fields(told)}
    value |= {"order": told.order._asdict(), "rules": rules_to_json(told.rules)}
    value["tied"] = told.tied and told.tied._asdict()
    for name in ("fills", "margins", "others"):
        value[name] = [each._asdict() for each in value[name]]
    return value


@dataclass(frozen=True, slots=True)
class _Scene:
    """A market, its result, and the steps between the two."""

    market: Market
    result: Result
    tree: Tree
    served: Served
    terms: Terms | None
    taking_part: Stage
    programme: Programme
    potentials: list[int]

    @classmethod
    def of(cls, market: Market, result: Result) -> "_Scene":
        market, tree = checked(market)
        served, terms = serve(market, tree), terms_of(market)
        taking_part = stage(market, tree, served, terms)
        asks, bids = levels_of(taking_part.asks, len(tree)), levels_of(taking_part.bids, len(tree))
        programme = Programme(tree, asks, bids, *edges_of(tree, served))
        potentials = potentials_of(tree, terms, result.certificate)
        return cls(market, result, tree, served, terms, taking_part, programme, potentials)

    def standing(self, order: Order, side: Side, row: Row | None) -> tuple[Standing, Tied | None]:
        """Return how an order stood, and with whom it shared."""
        taken = (self.served.asks_wh if side is Side.ASK else self.served.bids_wh).get(order.id, 0)
        if not order.wh:
            return Standing.NOTHING_OFFERED, None
        if taken == order.wh:
            return Standing.AGREED, None
        if row is None:
            broken = self.terms is not None and (
                order.limit_ticks > self.terms.ask_most_ticks
                if side is Side.ASK
                else order.limit_ticks < self.terms.bid_least_ticks
            )
            return (Standing.STOOD_OUT if broken else Standing.NO_PART), None
        better = self.potentials[row.node] - row.value
        if better:
            is_whole = (better > 0) == (side is Side.ASK)
            return (Standing.WHOLE if is_whole else Standing.OUTBID), None
        part = next(p for p in components(self.programme, self.potentials) if row.node in p.nodes)
        rows = self.taking_part.asks if side is Side.ASK else self.taking_part.bids
        alike = [
            each.wh
            for each in rows
            if each.node in part.nodes and each.value == self.potentials[each.node]
        ]
        tied = Tied(len(alike), sum(alike), part.total_wh)
        if tied.matched_wh == tied.wanted_wh:
            return Standing.WHOLE, None
        return (Standing.SHARED, tied) if tied.matched_wh else (Standing.OUTBID, None)

    def margins(self, order: Order, ends: set[int]) -> tuple[Margin, ...]:
        """Return the orders at the ends of the price's interval at a feeder, together by limit."""
        if self.terms is not None:
            return ()
        node, found = self.tree.index[order.feeder], []
        for side, rows, orders, trades in (
            (Side.ASK, self.taking_part.asks, self.market.asks, self.result.asks),
            (Side.BID, self.taking_part.bids, self.market.bids, self.result.bids),
        ):
            left = {row.id: row.wh for row in rows if row.node == node}
            matched = dict(trades.matched())
            for limit in sorted(ends):
                mine = [o.id for o in orders if o.limit_ticks == limit and o.id in left]
                if mine:
                    got = sum(
                        fill.wh
                        for each in mine
                        for fill in matched.get(each, ())
                        if fill.agreement is None
                    )
                    wh = sum(left[each] for each in mine)
                    own = mine == [order.id] and limit == order.limit_ticks
                    told = own or len(set(mine) - {order.id}) >= MARGIN_ORDERS_MIN
                    shown = (wh, got) if told else (None, None)
                    found.append(Margin(side, limit, shown[0], shown[1], own))
        return tuple(found)

    def otherwise(
        self, order: Order, side: Side, row: Row | None, standing: Standing
    ) -> list[Otherwise]:
        """Return what limits would have brought that bring other quantities."""
        sign = -1 if side is Side.ASK else 1
        if standing is Standing.STOOD_OUT and self.terms is not None:
            limits = [self.terms.ask_most_ticks if side is Side.ASK else self.terms.bid_least_ticks]
        elif row is None or self.terms is not None:
            return []
        elif standing is Standing.OUTBID:
            # A bid is worth 2 b + 1 and an ask 2 a: the first limit that ties, and the first beyond.
            potential = self.potentials[row.node]
            first = potential // 2 if side is Side.BID else (potential + 1) // 2
            limits = [first, first + sign, *self._nearest(order, side, row.node)]
        elif standing is Standing.SHARED:
            limits = [order.limit_ticks + sign]
        else:
            return []
        trades = self.result.asks if side is Side.ASK else self.result.bids
        got_wh, _ = summed(dict(trades.matched()).get(order.id, ()))
        tried = [
            self._tried(order, side, limit)
            for limit in sorted(set(limits), key=lambda limit: sign * limit)
            if limit != order.limit_ticks and abs(limit) <= PRICE_TICKS_MAX
        ]
        return [other for other in tried if other.wh != got_wh]

    def _nearest(self, order: Order, side: Side, node: int) -> list[int]:
        """Return the first limit beyond the order's at which somebody of the other side trades."""
        rows = self.taking_part.bids if side is Side.ASK else self.taking_part.asks
        reach = [0] * len(self.tree)
        for other in {row.node for row in rows}:
            reach[other] = sum(self.tree.charges[edge] for edge, _ in self.tree.path(node, other))
        if side is Side.BID:
            limits = [row.value // 2 + reach[row.node] for row in rows]
            return [min((t for t in limits if t > order.limit_ticks), default=order.limit_ticks)]
        limits = [row.value // 2 - reach[row.node] for row in rows]
        return [max((t for t in limits if t < order.limit_ticks), default=order.limit_ticks)]

    def _tried(self, order: Order, side: Side, limit_ticks: int) -> Otherwise:
        orders = self.market.asks if side is Side.ASK else self.market.bids
        limits = [
            limit_ticks if each == order.id else limit
            for each, limit in zip(orders.ids, orders.limit_ticks, strict=True)
        ]
        changed = replace(orders, limit_ticks=tuple(limits))
        if side is Side.ASK:
            trades = clear(replace(self.market, asks=changed)).asks
        else:
            trades = clear(replace(self.market, bids=changed)).bids
        wh, units = summed(dict(trades.matched()).get(order.id, ()))
        return Otherwise(limit_ticks, wh, units // wh if wh else None)
