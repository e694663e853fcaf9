"""An exact reduction of the book before the programme: levels that cannot be marginal are put together.

Take feeders joined by edges that cannot be full, a cluster, and let m be the least potential in it
at any optimum. Asks below m trade whole, and only bids at m or above and the edges out of the cluster
can take that. So m has an upper bound, where supply first exceeds demand and those edges; and the
greatest potential has a lower bound in the same way. Potentials within a cluster differ by the charges
on the way at most. What lies outside these bounds trades whole or not at all at every optimum: the
nearest value may stand for all of it, and no bound on potentials changes.

>>> from market.model import Feeder
>>> one = Grouped(np.array([0, 0]), np.array([10, 20]), np.array([5, 5]))
>>> other = Grouped(np.array([0, 0]), np.array([11, 41]), np.array([9, 4]))
>>> reduced(Tree.of([Feeder("a")]), [(None, None)], [0], one, other).asks
[{10: 5, 20: 5}]
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from market.columns import Grouped
from market.programme import Levels, Programme
from market.tree import Tree

Limits = tuple[int | None, int | None]


def reduced(
    tree: Tree, edges: Sequence[Limits], charges: Sequence[int], asks: Grouped, bids: Grouped
) -> Programme:
    """Return a programme of fewer levels whose potentials and marginal levels are the same.

    Args:
        tree: of feeders.
        edges: least and greatest flow from each feeder to its parent.
        charges: of each edge, doubled.
        asks: levels on offer.
        bids: levels wanted.
    """
    sold: Levels = [{} for _ in range(len(tree))]
    bought: Levels = [{} for _ in range(len(tree))]
    for nodes, room_out, room_in, apart in _clusters(tree, edges, charges, asks, bids):
        mine = (_of(nodes, len(tree), asks), _of(nodes, len(tree), bids))
        low, high = _window(*mine, room_out, room_in)
        low = None if low is None else low - apart
        high = None if high is None else high + apart
        for node in nodes:
            sold[node] = _collapsed(*_at(node, nodes, mine[0]), low, high)
            bought[node] = _collapsed(*_at(node, nodes, mine[1]), low, high)
    values = [int(side.value.min()) for side in (asks, bids) if len(side.value)]
    return Programme(tree, sold, bought, list(edges), list(charges), min(values, default=0))


def _clusters(
    tree: Tree, edges: Sequence[Limits], charges: Sequence[int], asks: Grouped, bids: Grouped
) -> list[tuple[list[int], int, int, int]]:
    """Return clusters: feeders, room on edges out and in, and how far potentials may differ."""
    if len(tree) == 1:
        return [([0], 0, 0, 0)]
    count = len(tree)
    supply, demand = ([int(wh) for wh in _by_node(side, count)] for side in (asks, bids))
    supply_below, demand_below = tree.outflows(supply), tree.outflows(demand)
    part_of = list(range(count))
    nodes: dict[int, list[int]] = {0: [0]}
    room = {0: [0, 0]}
    for node in range(1, count):
        parent = part_of[tree.parents[node]]
        least, most = edges[node]
        # No more can flow than one side of the edge has and the other takes.
        out = min(supply_below[node], demand_below[0] - demand_below[node])
        into = min(supply_below[0] - supply_below[node], demand_below[node])
        # An edge that may be just full may have any rise: only one with room to spare joins.
        if (most is None or most > out) and (least is None or -least > into):
            part_of[node] = parent
            nodes[parent].append(node)
            continue
        out, into = _least(out, most), _least(into, None if least is None else -least)
        nodes[node], room[node] = [node], [out, into]
        room[parent][0] += into
        room[parent][1] += out
    return [
        (mine, room[part][0], room[part][1], _width(tree, charges, mine))
        for part, mine in nodes.items()
    ]


def _least(wh: int, most: int | None) -> int:
    return wh if most is None else min(wh, most)


def _width(tree: Tree, charges: Sequence[int], nodes: Sequence[int]) -> int:
    """Return the most that charges on the way between two feeders of a cluster add up to."""
    deepest = dict.fromkeys(nodes, 0)
    width = 0
    for node in reversed(nodes[1:]):
        parent, depth = tree.parents[node], deepest[node] + charges[node]
        width = max(width, deepest[parent] + depth)
        deepest[parent] = max(deepest[parent], depth)
    return width


def _by_node(side: Grouped, count: int) -> Any:
    return np.bincount(side.node, weights=side.wh, minlength=count)


def _of(nodes: Sequence[int], count: int, side: Grouped) -> Grouped:
    """Return a cluster's levels."""
    if len(nodes) == count:
        return side
    inside = np.zeros(count, dtype=bool)
    inside[list(nodes)] = True
    mine = inside[side.node]
    return Grouped(*(column[mine] for column in side))


def _window(asks: Grouped, bids: Grouped, room_out: int, room_in: int) -> Limits:
    """Return bounds on a cluster's greatest potential from below, and on its least from above."""
    values = np.unique(np.concatenate([asks.value, bids.value]))
    supply = _running(asks, values)
    demand = int(bids.wh.sum()) - _running(bids, values)
    plenty = supply > demand + room_out
    enough = demand <= supply + room_in
    high = int(values[np.argmax(plenty)]) if plenty.any() else None
    if not len(values) or int(bids.wh.sum()) <= room_in:
        return None, high
    return int(values[np.argmax(enough)]), high


def _running(side: Grouped, values: Any) -> Any:
    """Return the Wh of levels at each of some rising values or below."""
    order = np.argsort(side.value, kind="stable")
    sums = np.concatenate([[0], np.cumsum(side.wh[order])])
    return sums[np.searchsorted(side.value[order], values, side="right")]


def _at(node: int, nodes: Sequence[int], side: Grouped) -> tuple[Any, Any]:
    if len(nodes) == 1:
        return side.value, side.wh
    mine = side.node == node
    return side.value[mine], side.wh[mine]


def _collapsed(value: Any, wh: Any, low: int | None, high: int | None) -> dict[int, int]:
    """Return a feeder's levels; the nearest value stands for all below a bound, or above."""
    first = 0 if low is None else int(np.searchsorted(value, low, side="left"))
    last = len(value) if high is None else int(np.searchsorted(value, high, side="right"))
    last = max(first, last)
    levels: dict[int, int] = {}
    if first:
        levels[int(value[first - 1])] = int(wh[:first].sum())
    levels |= zip(value[first:last].tolist(), wh[first:last].tolist(), strict=True)
    if last < len(value):
        levels[int(value[last])] = int(wh[last:].sum())
    return levels
