"""Who takes part at what value, after agreements: the orders that a programme matches.

Limits are all-in: where a price is set, asks above it and bids below it with the charge stand out.
Coefficients cap what orders may trade.

>>> Terms(1430, 1450).ask_most_ticks
1430
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from market.agreements import Served
from market.keys import caps
from market.model import Market, Orders, SharingRule
from market.programme import Levels
from market.rules import set_price_ticks
from market.tree import Tree


class Terms(NamedTuple):
    """The prices that a rule sets: an ask's limit is at most one, a bid's at least the other."""

    ask_most_ticks: int
    bid_least_ticks: int


class Row(NamedTuple):
    """An order that takes part: its feeder's index, what is left of its Wh, and its value."""

    id: str
    node: int
    wh: int
    value: int


@dataclass(frozen=True, slots=True)
class Stage:
    """The rows of both sides; orders with nothing left or with a broken limit have none."""

    asks: list[Row]
    bids: list[Row]


def terms_of(market: Market) -> Terms | None:
    """Return the prices that the rule sets, or None where limits decide."""
    if not market.rules.price.is_set:
        return None
    price = set_price_ticks(market.rules, sum(market.asks.wh), sum(market.bids.wh))
    return Terms(price, price + market.rules.charge_ticks)


def ask_value(limit_ticks: int, terms: Terms | None) -> int:
    """Return an ask's value in the doubled programme."""
    return 2 * limit_ticks if terms is None else 0


def bid_value(limit_ticks: int, terms: Terms | None) -> int:
    """Return a bid's value in the doubled programme."""
    return 2 * limit_ticks + 1 if terms is None else 1


def stage(market: Market, tree: Tree, served: Served, terms: Terms | None) -> Stage:
    """Return the orders of a checked market that take part."""
    asks = [
        Row(order, tree.index[feeder], left, ask_value(limit, terms))
        for order, feeder, wh, limit in _columns(market.asks)
        if (left := wh - served.asks_wh.get(order, 0))
        and (terms is None or limit <= terms.ask_most_ticks)
    ]
    bids = [
        Row(order, tree.index[feeder], left, bid_value(limit, terms))
        for order, feeder, wh, limit in _columns(market.bids)
        if (left := wh - served.bids_wh.get(order, 0))
        and (terms is None or limit >= terms.bid_least_ticks)
    ]
    if market.rules.sharing is not SharingRule.KEYS:
        return Stage(asks, bids)
    may_sell, may_buy = caps(
        market.rules.keys,
        market.period,
        {row.id: row.wh for row in asks},
        {row.id: row.wh for row in bids},
    )
    return Stage(_capped(asks, may_sell), _capped(bids, may_buy))


def _columns(orders: Orders) -> "zip[tuple[str, str, int, int]]":
    return zip(orders.ids, orders.feeders, orders.wh, orders.limit_ticks, strict=True)


def _capped(rows: list[Row], most: Mapping[str, int]) -> list[Row]:
    return [row._replace(wh=most[row.id]) for row in rows if most[row.id]]


def edges_of(tree: Tree, served: Served) -> tuple[list[tuple[int | None, int | None]], list[int]]:
    """Return what agreements leave of each edge (least and greatest flow), and doubled charges."""
    edges: list[tuple[int | None, int | None]] = []
    for capacity_wh, flow in zip(tree.capacities, served.flows, strict=True):
        bounds = (None, None) if capacity_wh is None else (-capacity_wh - flow, capacity_wh - flow)
        edges.append(bounds)
    return edges, [2 * charge for charge in tree.charges]


def levels_of(rows: list[Row], count: int) -> Levels:
    """Return the Wh of rows by feeder and value, for so many feeders."""
    levels: Levels = [{} for _ in range(count)]
    for row in rows:
        of_node = levels[row.node]
        of_node[row.value] = of_node.get(row.value, 0) + row.wh
    return levels
