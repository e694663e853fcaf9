"""One side's orders as arrays: who takes part, levels, and shares.

What `market.certificate` does order by order in plain integers is done here for all at once. All
numbers stay below 2^63.

>>> from market.model import Feeder, Order
>>> tree = Tree.of([Feeder("a")])
>>> orders = Orders.of([Order("m1", "a", 600, 500), Order("m2", "a", 200, 500)])
>>> side = Column.of(orders, tree, {}, bonus=0, set_value=None, kept=None)
>>> side.levels(tree)
Grouped(node=array([0]), value=array([1000]), wh=array([800]))
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from market.model import Orders
from market.ties import tie_key
from market.tree import Tree

Array = Any
"""A one-dimensional array of 64-bit integers."""

VALUE_BITS = 23
"""Doubled limits lie within 2^22 of zero."""

DENSE_FACTOR = 8
"""Up to so many possible levels an order they are counted rather than sorted."""


class Grouped(NamedTuple):
    """Levels by rising feeder and value."""

    node: Array
    value: Array
    wh: Array


@dataclass(frozen=True, slots=True)
class Column:
    """A side's orders as they take part.

    Attributes:
        orders: of the market.
        node: index of each order's feeder.
        wh: what may still trade; 0 takes no part.
        value: in the doubled programme.
    """

    orders: Orders
    node: Array
    wh: Array
    value: Array

    @classmethod
    def of(
        cls,
        orders: Orders,
        tree: Tree,
        taken: Mapping[str, int],
        *,
        bonus: int,
        set_value: int | None,
        kept: tuple[int | None, int | None] | None,
    ) -> "Column":
        """Return the column of a checked market's side.

        Args:
            orders: of the side.
            tree: of feeders.
            taken: Wh by order that agreements took.
            bonus: what bids are worth beyond twice their limit.
            set_value: what every order is worth where the price is set; None where limits decide.
            kept: least and greatest limit that takes part, None without bound; or None for all.
        """
        wh = np.array(orders.wh, dtype=np.int64)
        limits = np.array(orders.limit_ticks, dtype=np.int64)
        if len(tree) == 1:
            node = np.zeros(len(wh), dtype=np.int64)
        else:
            node = np.array([tree.index[feeder] for feeder in orders.feeders], dtype=np.int64)
        if taken:
            wh = wh - np.array([taken.get(order, 0) for order in orders.ids], dtype=np.int64)
        if kept is not None:
            least, most = kept
            takes_part = np.ones(len(wh), dtype=bool)
            if least is not None:
                takes_part &= limits >= least
            if most is not None:
                takes_part &= limits <= most
            wh = np.where(takes_part, wh, 0)
        if set_value is None:
            value = 2 * limits + bonus
        else:
            value = np.full(len(wh), set_value, dtype=np.int64)
        return cls(orders, node, wh, value)

    def capped(self, most: Mapping[str, int]) -> "Column":
        """Return the column with each order's Wh at most what it is given; 0 if it is not there."""
        caps = np.array([most.get(order, 0) for order in self.orders.ids], dtype=np.int64)
        return replace(self, wh=np.minimum(self.wh, caps))

    def offered(self) -> dict[str, int]:
        """Return Wh by id, of those that take part."""
        pairs = zip(self.orders.ids, self.wh.tolist(), strict=True)
        return {order: wh for order, wh in pairs if wh}

    def levels(self, tree: Tree) -> Grouped:
        """Return the Wh of each feeder and value that has any."""
        if not len(self.wh):
            empty = np.zeros(0, dtype=np.int64)
            return Grouped(empty, empty, empty)
        least = int(self.value.min())
        span = int(self.value.max()) - least + 1
        cell = self.node * span + (self.value - least)
        if span * len(tree) <= DENSE_FACTOR * len(cell) + 4096:
            # Sums of whole Wh below 2^53 are exact in doubles.
            sums = np.bincount(cell, weights=self.wh, minlength=span * len(tree))
            cells = np.flatnonzero(sums)
            whole = sums[cells].astype(np.int64)
        else:
            cells, places = np.unique(cell, return_inverse=True)
            whole = np.bincount(places, weights=self.wh).astype(np.int64)
            cells, whole = cells[whole > 0], whole[whole > 0]
        return Grouped(cells // span, cells % span + least, whole)

    def marginal(self, potentials: Array) -> Array:
        """Return the places of orders whose value is their feeder's potential."""
        return np.flatnonzero((self.value == potentials[self.node]) & (self.wh > 0))

    def better(self, potentials: Array, sign: int) -> Array:
        """Return what orders get that are better than their feeder's potential: all; others 0.

        Args:
            potentials: of each feeder.
            sign: 1 for asks, whose values lie below, -1 for bids.
        """
        return np.where(sign * self.value < sign * potentials[self.node], self.wh, 0)


def pro_rata(period: int, total_wh: int, orders: Orders, places: Array, wh: Array) -> Array:
    """Return the shares of tied orders of one feeder, in proportion to their Wh.

    Args:
        period: the half-hour.
        total_wh: what they share.
        orders: of the side.
        places: of the tied orders among them.
        wh: of the tied orders.
    """
    whole = int(wh.sum())
    if total_wh == whole:
        return wh
    shares, remainders = np.divmod(wh * total_wh, whole)
    missing = total_wh - int(shares.sum())
    if missing:
        boundary = np.partition(remainders, len(remainders) - missing)[len(remainders) - missing]
        above, tied = np.flatnonzero(remainders > boundary), np.flatnonzero(remainders == boundary)
        shares[above] += 1
        shares[first(period, orders, places, tied, missing - len(above))] += 1
    return shares


def equal_share(period: int, total_wh: int, orders: Orders, places: Array, wh: Array) -> Array:
    """Return the shares of tied orders of one feeder: everyone the same until satisfied."""
    if total_wh == int(wh.sum()):
        return wh
    rising = np.sort(wh)
    # If the level is each order's Wh in turn: those below it whole, those above it at it.
    filled = np.cumsum(rising) + rising * np.arange(len(rising) - 1, -1, -1)
    below = int(np.searchsorted(filled, total_wh, side="left"))
    before = int(rising[:below].sum())
    level, extra = divmod(total_wh - before, len(rising) - below)
    shares = np.minimum(wh, level)
    # Whoever wants more than the exact level has its remainder; those just at it are whole.
    wanting = np.flatnonzero(wh > level)
    shares[first(period, orders, places, wanting, extra)] += 1
    return shares


def first(period: int, orders: Orders, places: Array, tied: Array, count: int) -> Array:
    """Return those of some tied orders that round up first, so many of them."""
    if count >= len(tied):
        return tied
    if not count:
        return tied[:0]
    ids = orders.ids
    keyed = [(tie_key(period, ids[places[at]]), at) for at in tied.tolist()]
    return np.array([at for _, at in sorted(keyed)[:count]], dtype=np.int64)
