"""Sharing among orders that tie: exact levels, whole Wh, and nobody favoured over a year.

Exact shares are floored; the Wh then missing go one each to the largest remainders, and among equal
ones to the lowest `market.ties.tie_key`, each only if the network still has room for the rest.

>>> from market.model import Side
>>> alone = Component([0], [-1], Side.ASK, 5, [(5, 5)])
>>> share(alone, [[("m1", 3), ("m2", 3)]], SharingRule.PRO_RATA, 7)
{'m1': 3, 'm2': 2}
"""

from collections.abc import Iterator, Sequence
from itertools import groupby

from market.errors import CertificateError
from market.face import Component
from market.leximin import Curve, Number, equal_curve, levels, pro_rata_curve
from market.model import SharingRule
from market.ties import tie_key

Offered = Sequence[tuple[str, int]]
"""(id, Wh) of a feeder's marginal orders."""

KEY_BITS = 64
"""Remainders are compared as fractions of 2^64: denominators are at most `MARKET_WH_MAX`, so two
that differ do so by more than 2^-60."""


def share(
    component: Component, offered: Sequence[Offered], rule: SharingRule, period: int
) -> dict[str, int]:
    """Return what each marginal order of a component trades.

    Args:
        component: feeders joined by free edges.
        offered: the marginal orders of each of its feeders, in the order of its nodes.
        rule: `KEYS` shares pro rata what coefficients allow.
        period: the half-hour, by which equal remainders are decided.

    Raises:
        CertificateError: no shares keep the component's limits.
    """
    curves = [node_curve([wh for _, wh in orders], rule) for orders in offered]
    found = levels(component.parents, component.limits, curves)
    shares: dict[str, int] = {}
    floors: list[int] = []
    candidates: list[tuple[int, int, str]] = []
    for number, (orders, level) in enumerate(zip(offered, found, strict=True)):
        floors.append(0)
        for order, wh in orders:
            whole, remainder = exact_share(wh, level, rule)
            shares[order] = whole
            floors[number] += whole
            if remainder:
                candidates.append((-remainder, number, order))
    rounding = _Rounding(component, floors, [number for _, number, _ in candidates])
    for number, order in in_turn(candidates, period):
        if rounding.done:
            break
        if rounding.take(number):
            shares[order] += 1
    return shares


def node_curve(parts: Sequence[int], rule: SharingRule) -> Curve:
    """Return the curve of one feeder's marginal orders."""
    return equal_curve(parts) if rule is SharingRule.EQUAL_SHARE else pro_rata_curve(sum(parts))


def exact_share(wh: int, level: Number, rule: SharingRule) -> tuple[int, int]:
    """Return an order's share at a level: whole Wh, and the remainder in parts of 2^64."""
    numerator, denominator = level.numerator, level.denominator
    if rule is SharingRule.EQUAL_SHARE:
        if wh <= level:
            return wh, 0
        whole, rest = divmod(numerator, denominator)
    else:
        whole, rest = divmod(wh * numerator, denominator)
    return whole, (rest << KEY_BITS) // denominator


def in_turn(candidates: list[tuple[int, int, str]], period: int) -> Iterator[tuple[int, str]]:
    """Yield (feeder's number, order) by (minus remainder, number, order), in rounding's order.

    Hashes are made where remainders are equal, as far as anybody asks.
    """
    for _, tied in groupby(sorted(candidates), key=lambda each: each[0]):
        alike = list(tied)
        if len(alike) > 1:
            alike.sort(key=lambda each: tie_key(period, each[2]))
        for _, number, order in alike:
            yield number, order


class _Rounding:
    """Which feeders may still round an order up, so that the rest can be, too.

    For each feeder and all below it: how many may be rounded up at least and at most, by its limits
    and by what was decided so far.
    """

    def __init__(
        self, component: Component, floors: Sequence[int], candidates: Sequence[int]
    ) -> None:
        count = len(floors)
        self._parents = component.parents
        self._up, self._left = [0] * count, [0] * count
        for number in candidates:
            self._left[number] += 1
        below = list(floors)
        for number in range(count - 1, 0, -1):
            below[self._parents[number]] += below[number]
        self._least = [
            0 if least is None else max(0, least - wh)
            for (least, _), wh in zip(component.limits, below, strict=True)
        ]
        self._most = [
            None if most is None else most - wh
            for (_, most), wh in zip(component.limits, below, strict=True)
        ]
        self.missing = component.total_wh - below[0]
        self._low_below, self._high_below = [0] * count, [0] * count
        self._low, self._high = [0] * count, [0] * count
        for number in range(count - 1, -1, -1):
            if not self._refresh(number):
                raise CertificateError("certificate: its potentials support no result")
            if number:
                self._low_below[self._parents[number]] += self._low[number]
                self._high_below[self._parents[number]] += self._high[number]

    @property
    def done(self) -> bool:
        """Whether all is rounded."""
        return not self.missing

    def take(self, number: int) -> bool:
        """Round an order of a feeder up, and return whether that was possible."""
        self._left[number] -= 1
        self._up[number] += 1
        if self._climb(number):
            self.missing -= 1
            return True
        self._up[number] -= 1
        if not self._climb(number):
            raise AssertionError("neither rounding up nor down is possible")
        return False

    def _climb(self, number: int) -> bool:
        """Bring the ranges from a feeder up to the top up to date; return whether all are met."""
        met = True
        while number >= 0:
            low, high = self._low[number], self._high[number]
            met &= self._refresh(number)
            parent = self._parents[number]
            if parent >= 0:
                self._low_below[parent] += self._low[number] - low
                self._high_below[parent] += self._high[number] - high
            number = parent
        return met

    def _refresh(self, number: int) -> bool:
        up, most = self._up[number], self._most[number]
        low = max(self._least[number], up + self._low_below[number])
        high = up + self._left[number] + self._high_below[number]
        self._low[number], self._high[number] = low, high if most is None else min(high, most)
        return self._low[number] <= self._high[number]
