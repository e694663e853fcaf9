"""Levels on a tree: shares as equal as the network allows (leximin), in exact fractions.

Each feeder's orders take more as their common level rises: pro rata the level is the part that each
order gets, in equal shares the Wh. A curve says how much in all. What lies below a feeder must
stay within limits, so its curve is cut off there; sums of cut curves are curves again. The top's
total gives its level; from there on down each feeder has the level above it, unless its own limit
holds it at another. Since the limits are nested, this minimises every separable convex cost of the
shares, and so the least share is as large as can be, then the next, and so on (Fujishige 1980,
lexicographically optimal bases).

>>> levels([-1, 0], [(3, 3), (None, 1)], [pro_rata_curve(4), pro_rata_curve(6)])
[Fraction(1, 2), Fraction(1, 6)]
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple

from market.errors import CertificateError

Number = int | Fraction
Limits = tuple[int | None, int | None]


class Curve(NamedTuple):
    """Wh in all by level: continuous, never falling, piecewise straight, from level 0 on.

    Attributes:
        start: Wh at level 0.
        bends: (level, change of slope), levels rising; flat after the last.
    """

    start: Number
    bends: list[tuple[Number, int]]

    def corners(self) -> Iterator[tuple[Number, Number, int]]:
        """Yield (level, Wh there, slope from there on)."""
        level: Number = 0
        wh, slope = self.start, 0
        for bend, change in self.bends:
            wh += slope * (bend - level)
            level, slope = bend, slope + change
            yield level, wh, slope

    def at(self, level: Number) -> Number:
        """Return the Wh at a level."""
        last: Number = 0
        wh, slope = self.start, 0
        for bend, there, rises in self.corners():
            if bend > level:
                break
            last, wh, slope = bend, there, rises
        return wh + slope * (level - last)

    def level_of(self, target_wh: Number) -> Number:
        """Return the lowest level at which there are so many Wh.

        Raises:
            CertificateError: there never are.
        """
        if target_wh == self.start:
            return 0
        corners = list(self.corners())
        for (level, wh, slope), after in zip(corners, [*corners[1:], None], strict=True):
            if slope and wh <= target_wh and (after is None or target_wh <= after[1]):
                return level + Fraction(target_wh - wh) / slope
        raise CertificateError("certificate: its potentials support no result")


def pro_rata_curve(wh: int) -> Curve:
    """Return the curve of orders that share pro rata: all of them at level 1."""
    return Curve(0, [(0, wh), (1, -wh)] if wh else [])


def equal_curve(parts: Iterable[int]) -> Curve:
    """Return the curve of orders of some Wh that share equally: each up to its own Wh."""
    counts = Counter(wh for wh in parts if wh)
    if not counts:
        return Curve(0, [])
    return Curve(0, [(0, counts.total()), *((wh, -count) for wh, count in sorted(counts.items()))])


def levels(
    parents: Sequence[int], limits: Sequence[Limits], curves: Sequence[Curve]
) -> list[Number]:
    """Return each feeder's level.

    Args:
        parents: position of the feeder above each, which stands before it; -1 at the top.
        limits: least and most Wh of each feeder and all below it; at the top both are the total.
        curves: of each feeder's own orders.

    Raises:
        CertificateError: no shares keep the limits.
    """
    whole = list(curves)  # of each feeder and all below it, as far as gathered
    cut: list[Curve] = list(curves)
    for node in range(len(parents) - 1, -1, -1):
        cut[node] = _cut(whole[node], limits[node])
        if node:
            whole[parents[node]] = _sum(whole[parents[node]], cut[node])
    found: list[Number] = []
    for node, parent in enumerate(parents):
        level = found[parent] if node else 0
        wh = cut[node].at(level) if node else cut[0].start
        # Between its limits a feeder has the level above it; held by one, a level of its own.
        found.append(whole[node].level_of(wh) if not node or whole[node].at(level) != wh else level)
    return found


def _sum(one: Curve, other: Curve) -> Curve:
    changes: dict[Number, int] = {}
    for level, change in (*one.bends, *other.bends):
        changes[level] = changes.get(level, 0) + change
    bends = [(level, change) for level, change in sorted(changes.items()) if change]
    return Curve(one.start + other.start, bends)


def _cut(curve: Curve, limits: Limits) -> Curve:
    """Return the curve held between limits.

    Raises:
        CertificateError: it never is between them.
    """
    least, most = limits
    corners = list(curve.corners())
    end = corners[-1][1] if corners else curve.start
    if (least is not None and end < least) or (most is not None and curve.start > most):
        raise CertificateError("certificate: its potentials support no result")
    if (least is None or curve.start >= least) and (most is None or end <= most):
        return curve
    slopes: list[tuple[Number, int]] = []
    for (level, wh, slope), after in zip(corners, [*corners[1:], None], strict=True):
        if not slope or after is None:
            slopes.append((level, 0))
            continue
        begins = level if least is None or wh >= least else level + Fraction(least - wh) / slope
        ends = after[0] if most is None or after[1] <= most else level + Fraction(most - wh) / slope
        slopes += [(level, 0), (begins, slope), (ends, 0)] if begins < ends else [(level, 0)]
    start = curve.start if least is None else max(curve.start, least)
    return Curve(start, list(_changes(slopes)))


def _changes(slopes: Iterable[tuple[Number, int]]) -> Iterator[tuple[Number, int]]:
    """Yield (level, change) from (level, slope from there on); of one level the last counts."""
    before = 0
    settled = dict(slopes)
    for level, slope in sorted(settled.items()):
        if slope != before:
            yield level, slope - before
        before = slope
