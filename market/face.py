"""What an optimum's potentials leave open, and what they fix: the face of best results.

Orders better than their feeder's potential trade whole, worse ones nothing, and equal ones are
marginal. An edge with less rise than its charge carries nothing, one with more is full, one with
just that is free. Feeders joined by free edges are a component. Within one all marginal orders
stand on one side (asks have even values, bids odd ones, and charges are doubled), and together they
trade what balances the component: the sharing rule says how much is whose.

>>> from market.model import Feeder
>>> levels = Programme(Tree.of([Feeder("a")]), [{1000: 800}], [{4901: 600}], [(None, None)], [0])
>>> [part] = components(levels, [1000])
>>> part.side, part.total_wh
(<Side.ASK: 'ask'>, 600)
"""

from collections.abc import Sequence
from dataclasses import dataclass

from market.errors import CertificateError
from market.model import Side
from market.programme import Programme
from market.tree import Tree

Limits = tuple[int | None, int | None]
"""Least and most, None without limit."""


@dataclass(frozen=True, slots=True)
class Component:
    """Feeders joined by free edges.

    Attributes:
        nodes: their indexes, the top first, each after its parent.
        parents: position in ``nodes`` of the feeder above; -1 at the top.
        side: of the marginal orders.
        total_wh: what the marginal orders trade together.
        limits: what those of each feeder and all below it may trade; at the top just the total.
    """

    nodes: list[int]
    parents: list[int]
    side: Side
    total_wh: int
    limits: list[Limits]


def components(programme: Programme, potentials: Sequence[int]) -> list[Component]:
    """Return the components that potentials make, each with what its marginal orders trade.

    Raises:
        CertificateError: the potentials support no result.
    """
    tree = programme.tree
    given = [_fixed_wh(programme, node, potentials[node]) for node in range(len(tree))]
    free: list[Limits | None] = [None]
    for node in range(1, len(tree)):
        rise = potentials[tree.parents[node]] - potentials[node]
        least, most = _flow_limits(programme, node, rise)
        if least is not None and least == most:
            given[node] -= least
            given[tree.parents[node]] += least
            free.append(None)
        else:
            free.append((least, most))
    return [_component(programme, potentials, nodes, given, free) for nodes in _joined(tree, free)]


def _fixed_wh(programme: Programme, node: int, potential: int) -> int:
    sold = sum(wh for value, wh in programme.asks[node].items() if value < potential)
    bought = sum(wh for value, wh in programme.bids[node].items() if value > potential)
    return sold - bought


def _flow_limits(programme: Programme, node: int, rise: int) -> Limits:
    """Return the flows out to the parent that a rise allows.

    Raises:
        CertificateError: more than any number.
    """
    charge, (least, most) = programme.charges[node], programme.edges[node]
    if abs(rise) > charge:
        bound = most if rise > 0 else least
        if bound is None:
            raise CertificateError("certificate: its potentials support no result")
        return bound, bound
    if abs(rise) < charge:
        return 0, 0
    return (least if rise <= 0 else 0), (most if rise >= 0 else 0)


def _joined(tree: Tree, free: Sequence[Limits | None]) -> list[list[int]]:
    found: list[list[int]] = []
    part_of: list[int] = []
    for node, limits in enumerate(free):
        if limits is None:
            part_of.append(len(found))
            found.append([node])
        else:
            part_of.append(part_of[tree.parents[node]])
            found[part_of[node]].append(node)
    return found


def _component(
    programme: Programme,
    potentials: Sequence[int],
    nodes: list[int],
    given: Sequence[int],
    free: Sequence[Limits | None],
) -> Component:
    place = {node: number for number, node in enumerate(nodes)}
    parents = [place.get(programme.tree.parents[node], -1) for node in nodes]
    parents[0] = -1
    below = [given[node] for node in nodes]
    for number in range(len(nodes) - 1, 0, -1):
        below[parents[number]] += below[number]
    asks = any(potentials[node] in programme.asks[node] for node in nodes)
    side = Side.ASK if asks or below[0] < 0 else Side.BID
    total_wh = -below[0] if side is Side.ASK else below[0]
    limits: list[Limits] = [(total_wh, total_wh)]
    for number in range(1, len(nodes)):
        least, most = free[nodes[number]] or (None, None)
        own = below[number]
        if side is Side.ASK:
            limits.append((_less(least, own), _less(most, own)))
        else:
            limits.append((_from(own, most), _from(own, least)))
    return Component(nodes, parents, side, total_wh, limits)


def _less(bound: int | None, wh: int) -> int | None:
    return None if bound is None else bound - wh


def _from(wh: int, bound: int | None) -> int | None:
    return None if bound is None else wh - bound
