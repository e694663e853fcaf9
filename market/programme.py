"""The programme of a half-hour on price levels, what it bounds, and what supports an optimum.

All orders of one feeder, side and value are one level: equal offers are shared afterwards by rule,
so the programme's size depends on the number of distinct prices and not of homes. Values are
doubled, and bids get one more: a tick of welfare (2) always outweighs a Wh of volume (1), since an
improving circle changes volume by one at most for each Wh that it moves. So the optimum has the
largest volume among those of greatest welfare.

Where the price is set beforehand every eligible ask is worth 0 and every eligible bid 1, edges cost
nothing, and the same programme finds the largest volume; its potentials are then a minimum cut.

>>> from market.model import Feeder
>>> levels = Programme(Tree.of([Feeder("a")]), [{1000: 800}], [{4901: 600}], [(None, None)], [0])
>>> supports(levels, Volumes([{1000: 600}], [{4901: 600}])).low
[1000]
"""

from collections.abc import Sequence
from dataclasses import dataclass

from market.tree import Tree

Levels = list[dict[int, int]]
"""Wh by value, for each feeder."""


@dataclass(frozen=True, slots=True)
class Programme:
    """What is left to match after agreements.

    Attributes:
        tree: of feeders.
        asks: Wh on offer by doubled limit.
        bids: Wh wanted by doubled limit plus one.
        edges: (least, greatest) flow from each feeder to its parent that agreements leave room
            for; None is without limit.
        charges: of each edge, doubled.
        base: the least value of all orders, 0 if there are none: potentials need not lie lower.
    """

    tree: Tree
    asks: Levels
    bids: Levels
    edges: list[tuple[int | None, int | None]]
    charges: list[int]
    base: int = 0


@dataclass(frozen=True, slots=True)
class Volumes:
    """Matched Wh by value, for each feeder; what is not there is 0."""

    asks: Levels
    bids: Levels

    def injections(self) -> list[int]:
        """Return what each feeder gives to the network, negative what it takes."""
        pairs = zip(self.asks, self.bids, strict=True)
        return [sum(sold.values()) - sum(bought.values()) for sold, bought in pairs]


@dataclass(frozen=True, slots=True)
class Supports:
    """Which potentials support an optimum, feeder by feeder; None is unbounded.

    Attributes:
        low: least potential.
        high: greatest potential.
        rise_low: least rise from a feeder to its parent.
        rise_high: greatest rise from a feeder to its parent.
    """

    low: list[int | None]
    high: list[int | None]
    rise_low: list[int | None]
    rise_high: list[int | None]


def supports(programme: Programme, volumes: Volumes, *, halved: bool = False) -> Supports:
    """Return the bounds on potentials that make volumes an optimum (complementary slackness).

    An accepted ask or an unfilled bid bounds its feeder from below, an accepted bid or an unfilled
    ask from above. A flow needs a rise of its charge at least, and room on an edge allows no more.

    Args:
        programme: the levels.
        volumes: matched on them.
        halved: by limits and charges themselves, whose supporting vectors are prices.
    """
    low: list[int | None] = []
    high: list[int | None] = []
    for node in range(len(programme.tree)):
        below, above = _order_bounds(programme, volumes, node)
        low.append(max(below) >> halved if below else None)
        high.append(min(above) >> halved if above else None)
    rise_low: list[int | None] = [None]
    rise_high: list[int | None] = [None]
    flows = programme.tree.outflows(volumes.injections())
    for node in range(1, len(programme.tree)):
        charge, (least_wh, most_wh) = programme.charges[node] >> halved, programme.edges[node]
        flow = flows[node]
        has_room_in = least_wh is None or flow > least_wh
        has_room_out = most_wh is None or flow < most_wh
        rise_low.append(charge if flow > 0 else -charge if has_room_in else None)
        rise_high.append(-charge if flow < 0 else charge if has_room_out else None)
    return Supports(low, high, rise_low, rise_high)


def _order_bounds(programme: Programme, volumes: Volumes, node: int) -> tuple[list[int], list[int]]:
    below, above = [], []
    sold, bought = volumes.asks[node], volumes.bids[node]
    for value, wh in programme.asks[node].items():
        got = sold.get(value, 0)
        if got > 0:
            below.append(value)
        if got < wh:
            above.append(value)
    for value, wh in programme.bids[node].items():
        got = bought.get(value, 0)
        if got > 0:
            above.append(value)
        if got < wh:
            below.append(value)
    return below, above


def least_vector(tree: Tree, found: Supports, base: int | None) -> list[int | None]:
    """Return the least vector within bounds, or None for a feeder that nothing bounds from below.

    Args:
        tree: of feeders.
        found: the bounds.
        base: a bound for every feeder; None for none.
    """
    vector = [_highest(low, base) for low in found.low]
    # In a tree every path goes up and then down: two sweeps reach all.
    for node in range(len(tree) - 1, 0, -1):
        parent = tree.parents[node]
        vector[parent] = _highest(vector[parent], _add(vector[node], found.rise_low[node]))
    for node in range(1, len(tree)):
        above = vector[tree.parents[node]]
        vector[node] = _highest(vector[node], _subtract(above, found.rise_high[node]))
    return vector


def greatest_vector(tree: Tree, found: Supports) -> list[int | None]:
    """Return the greatest vector within bounds, None for a feeder not bounded from above."""
    mirrored = Supports(
        [_negated(high) for high in found.high],
        [],
        [_negated(rise) for rise in found.rise_high],
        [_negated(rise) for rise in found.rise_low],
    )
    return [_negated(value) for value in least_vector(tree, mirrored, None)]


def supported(found: Supports, tree: Tree, vector: Sequence[int | None]) -> bool:
    """Return whether a vector keeps every bound."""
    for value, low, high in zip(vector, found.low, found.high, strict=True):
        if value is None:
            continue
        if (low is not None and value < low) or (high is not None and value > high):
            return False
    for node in range(1, len(tree)):
        below, above = vector[node], vector[tree.parents[node]]
        if below is None or above is None:
            continue
        rise, least, most = above - below, found.rise_low[node], found.rise_high[node]
        if (least is not None and rise < least) or (most is not None and rise > most):
            return False
    return True


def _highest(one: int | None, other: int | None) -> int | None:
    if one is None or other is None:
        return other if one is None else one
    return max(one, other)


def _add(value: int | None, rise: int | None) -> int | None:
    return None if value is None or rise is None else value + rise


def _subtract(value: int | None, rise: int | None) -> int | None:
    return None if value is None or rise is None else value - rise


def _negated(value: int | None) -> int | None:
    return None if value is None else -value
