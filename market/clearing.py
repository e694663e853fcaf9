"""Clearing: who trades how much, and at what price. Pure: inputs and rules alone decide.

Agreements come first. Of what is left the linear programme (`market.lp`) finds an optimum over price
levels, from which each feeder's potential follows. The potentials say who trades whole, who nothing,
and what the sharing rule splits; the price rule sets the price; and they are the certificate with
which anyone checks the result without a solver (`market.certificate`).

>>> from market.model import Feeder, Order, Orders, PriceRule, Rules
>>> rules = Rules(PriceRule.UNIFORM)
>>> asks, bids = Orders.of([Order("m1", "a", 600, 500)]), Orders.of([Order("m2", "a", 600, 2450)])
>>> result = clear(Market(946000, (Feeder("a"),), asks, bids, rules))
>>> result.matched_wh, result.prices[0].price_ticks
(600, 1475)
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from market.agreements import Served, serve
from market.assemble import Got, Matched, assemble
from market.check import checked
from market.columns import Array, Column, equal_share, pro_rata
from market.errors import SolverError
from market.face import Component, components
from market.keys import caps
from market.lp import solve
from market.model import Market, Result, SharingRule, Side
from market.programme import Levels, Programme, Volumes, least_vector, supported, supports
from market.reduce import reduced
from market.sharing import share
from market.staging import Terms, edges_of, terms_of
from market.tree import Tree


def clear(market: Market, solver: Any | None = None) -> Result:
    """Clear one half-hour.

    Args:
        market: orders, feeders, agreements and rules.
        solver: a PuLP solver; HiGHS in process if left out. No byte of the result depends
            on it.

    Raises:
        MarketInputError: the market cannot be cleared; names the order or field.
        SolverError: the solver gave no optimum; nothing was cleared.
    """
    market, tree = checked(market)
    served, terms = serve(market, tree), terms_of(market)
    sides = _columns(market, tree, served, terms)
    edges, charges = edges_of(tree, served)
    levels = [sides[side].levels(tree) for side in (Side.ASK, Side.BID)]
    programme = reduced(tree, edges, charges, *levels)
    potentials = find_potentials(programme, solver)
    got = _shared(market, programme, potentials, sides)
    return assemble(market, Matched(tree, served, terms, programme, got, potentials))


def find_potentials(programme: Programme, solver: Any | None = None) -> list[int]:
    """Return the least potentials that support an optimum, whichever the solver finds.

    Raises:
        SolverError: what the solver found is none.
    """
    bounds = supports(programme, solve(programme, solver))
    vector = least_vector(programme.tree, bounds, programme.base)
    if not supported(bounds, programme.tree, vector):
        raise SolverError("The solver's answer is not an optimum; nothing was cleared.")
    return [value for value in vector if value is not None]


def _columns(market: Market, tree: Tree, served: Served, terms: Terms | None) -> dict[Side, Column]:
    """Return both sides' orders as they take part."""
    kept = (None, None) if terms is None else ((None, terms[0]), (terms[1], None))
    sides = {
        side: Column.of(
            orders,
            tree,
            taken,
            bonus=bonus,
            set_value=None if terms is None else bonus,
            kept=limits,
        )
        for side, orders, taken, bonus, limits in (
            (Side.ASK, market.asks, served.asks_wh, 0, kept[0]),
            (Side.BID, market.bids, served.bids_wh, 1, kept[1]),
        )
    }
    if market.rules.sharing is SharingRule.KEYS:
        offered = (sides[Side.ASK].offered(), sides[Side.BID].offered())
        most = caps(market.rules.keys, market.period, *offered)
        sides = {
            side: sides[side].capped(of_side) for side, of_side in zip(Side, most, strict=True)
        }
    return sides


def _shared(
    market: Market, programme: Programme, potentials: Sequence[int], sides: dict[Side, Column]
) -> Got:
    """Return what orders get: better ones all, marginal ones their share."""
    at = np.array(potentials, dtype=np.int64)
    got = {side: sides[side].better(at, 1 if side is Side.ASK else -1) for side in Side}
    marginal: dict[Side, list[dict[int, int]]] = {side: [{} for _ in potentials] for side in Side}
    for part in components(programme, potentials):
        column = sides[part.side]
        places = column.marginal(at)
        if len(part.nodes) < len(potentials):
            mine = np.zeros(len(potentials), dtype=bool)
            mine[part.nodes] = True
            places = places[mine[column.node[places]]]
        if not len(places) and not part.total_wh and len(part.nodes) == 1:
            continue
        shares = _split(market, part, column, places)
        got[part.side][places] = shares
        for node in part.nodes:
            wh = int(shares[column.node[places] == node].sum())
            marginal[part.side][node] = {potentials[node]: wh}
    volumes = Volumes(
        _volumes(programme.asks, marginal[Side.ASK], potentials, 1),
        _volumes(programme.bids, marginal[Side.BID], potentials, -1),
    )
    return Got(got[Side.ASK].tolist(), got[Side.BID].tolist(), volumes)


def _keeps_limits(part: Component, nodes: Array, shares: Array) -> bool:
    """Return whether shares as on one feeder are surely those of the network.

    They are where every edge has room for the exact shares, which lie within a Wh an order of these:
    then the network takes no part in the levels, nor in the rounding.
    """
    if len(part.nodes) == 1:
        return True
    size = max(part.nodes) + 1
    wh = np.bincount(nodes, weights=shares, minlength=size)[part.nodes].astype(np.int64).tolist()
    slack = np.bincount(nodes, minlength=size)[part.nodes].tolist()
    for number in range(len(part.nodes) - 1, 0, -1):
        least, most = part.limits[number]
        if least is not None and wh[number] - slack[number] < least:
            return False
        if most is not None and wh[number] + slack[number] > most:
            return False
        wh[part.parents[number]] += wh[number]
        slack[part.parents[number]] += slack[number]
    return True


def _volumes(
    levels: Levels, marginal: Sequence[dict[int, int]], potentials: Sequence[int], sign: int
) -> Levels:
    """Return what each level trades: better ones whole, the marginal one what was shared."""
    return [
        {
            value: of_node[value] if sign * value < sign * potential else shared.get(value, 0)
            for value in of_node
        }
        for of_node, shared, potential in zip(levels, marginal, potentials, strict=True)
    ]


def _split(market: Market, part: Component, column: Column, places: Array) -> Array:
    """Return what a component's marginal orders trade, at their places."""
    wh, rule = column.wh[places], market.rules.sharing
    if not 0 <= part.total_wh <= int(wh.sum()):
        raise SolverError("The potentials do not balance; nothing was cleared.")
    by_rule = equal_share if rule is SharingRule.EQUAL_SHARE else pro_rata
    together = by_rule(market.period, part.total_wh, column.orders, places, wh)
    if _keeps_limits(part, column.node[places], together):
        return together
    ids = [column.orders.ids[place] for place in places.tolist()]
    number_of = {node: number for number, node in enumerate(part.nodes)}
    offered: list[list[tuple[str, int]]] = [[] for _ in part.nodes]
    for order, node, left in zip(ids, column.node[places].tolist(), wh.tolist(), strict=True):
        offered[number_of[node]].append((order, left))
    shares = share(part, offered, rule, market.period)
    return np.array([shares[order] for order in ids], dtype=np.int64)
