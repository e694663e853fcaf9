"""The feeders' tree: who lies above whom, paths, and flows from what each feeder gives or takes.

A transport model of a radial network: capacities and charges of edges, no voltage.

>>> tree = Tree.of([Feeder("street"), Feeder("flats", "street")])
>>> tree.outflows([-5, 5])
[0, 5]
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from market.model import Feeder


@dataclass(frozen=True, slots=True)
class Tree:
    """Feeders by index: the root first, each after its parent, siblings by id.

    Attributes:
        ids: of the feeders.
        parents: index of the feeder above; -1 at the root.
        capacities: of the edge to the parent, each way; None without limit.
        charges: of the edge to the parent, in ticks.
        index: of each id.
    """

    ids: tuple[str, ...]
    parents: tuple[int, ...]
    capacities: tuple[int | None, ...]
    charges: tuple[int, ...]
    index: dict[str, int]

    @classmethod
    def of(cls, feeders: Iterable[Feeder]) -> "Tree":
        """Return the tree of checked feeders; those that no path joins to a root are left out."""
        below: dict[str | None, list[Feeder]] = {}
        for feeder in sorted(feeders, key=lambda feeder: feeder.id):
            below.setdefault(feeder.parent, []).append(feeder)
        order = list(below.get(None, ()))
        for feeder in order:
            order += below.get(feeder.id, ())
        index = {feeder.id: number for number, feeder in enumerate(order)}
        return cls(
            tuple(feeder.id for feeder in order),
            tuple(-1 if feeder.parent is None else index[feeder.parent] for feeder in order),
            tuple(feeder.capacity_wh for feeder in order),
            tuple(feeder.charge_ticks for feeder in order),
            index,
        )

    def __len__(self) -> int:
        """Return the number of feeders."""
        return len(self.ids)

    def depth(self) -> int:
        """Return how many feeders lie one above the other at most."""
        depths = [1] * len(self.ids)
        for node in range(1, len(depths)):
            depths[node] = depths[self.parents[node]] + 1
        return max(depths, default=0)

    def outflows(self, injections: Sequence[int]) -> list[int]:
        """Return what flows from each feeder to its parent, negative the other way.

        Args:
            injections: what each feeder gives, negative what it takes. At the root the sum of all.
        """
        flows = list(injections)
        for node in range(len(flows) - 1, 0, -1):
            flows[self.parents[node]] += flows[node]
        return flows

    def path(self, source: int, target: int) -> list[tuple[int, int]]:
        """Return (edge, +1 out to the parent or -1 in from it) from one feeder to another."""
        out, into = [], []
        while source != target:
            # A feeder stands after its parent, so the later one of both is not above the other.
            if source > target:
                out.append((source, 1))
                source = self.parents[source]
            else:
                into.append((target, -1))
                target = self.parents[target]
        return out + into[::-1]
