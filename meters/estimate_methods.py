"""The methods of an estimate, one function each: linear, like day, profile. Pure.

Each returns an estimate of one half-hour, or None where it has nothing to go by.

>>> from meters.estimate_basis import load_zone
>>> from meters.versions import Stored
>>> basis = Basis("h1", Channel.IMPORT, load_zone("Europe/London"), range(0, 48),
...               {3: Stored(100, 1, 1, 5), 6: Stored(205, 1, 1, 5)})
>>> [linear(basis, period, ACTUAL).wh for period in (4, 5)]
[135, 170]
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

from ledger.primitives.periods import local_date, minute_of_day
from meters.estimate_basis import ACTUAL, COMPANY, Basis, Draft, Known, Source
from meters.estimate_days import like_days, same_time
from meters.readings import Channel, Quality

_T = TypeVar("_T")

LINEAR_PERIODS_MAX = 4
"""Longest gap that is filled by a straight line: two hours, in which a home changes little."""

LIKE_DAYS_MAX = 5
"""Days whose mean is a like day: one day alone is off by a fifth more, and ten are no better.
``docs/estimates.md`` has the figures."""

PROFILE_METERS_MIN = 3
"""Fewest meters of a profile: the mean of two would tell a home its neighbour's day."""

PROFILE_METERS_MAX = 100
"""Most meters of a profile, the first by name: each is an input, and a batch has 200 at most."""

REFERENCE_WH_MIN = 50
"""Below this, 100 W, a reference sees dawn or dusk, and a ratio of two such values is noise."""


def by_rules(basis: Basis, period: int) -> Draft:
    """Return the estimate of a half-hour without its register: the first method that has one.

    All methods are tried from what meters said, before any from a meter company's estimates.
    """
    for worst in (ACTUAL, COMPANY):
        for method in (linear, like_day, profile):
            draft = method(basis, period, worst)
            if draft is not None:
                return draft
    return Draft(0, Quality.ZERO)


def linear(basis: Basis, period: int, worst: int) -> Draft | None:
    """Return a value on the straight line between a short gap's neighbours, rounded down."""
    before = _edge(basis, period, -1)
    after = _edge(basis, period, 1)
    if before is None or after is None or after - before - 1 > LINEAR_PERIODS_MAX:
        return None
    left, right = basis.own(before, worst), basis.own(after, worst)
    if left is None or right is None:
        return None
    wh = (left.wh * (after - period) + right.wh * (period - before)) // (after - before)
    return Draft(basis.capped(wh), Quality.INTERPOLATED, (left.source, right.source))


def _edge(basis: Basis, period: int, step: int) -> int | None:
    """Return the nearest half-hour with a reading, if a short gap can reach it."""
    for distance in range(1, LINEAR_PERIODS_MAX + 1):
        if not basis.is_gap(period + step * distance):
            return period + step * distance
    return None


def like_day(basis: Basis, period: int, worst: int) -> Draft | None:
    """Return the mean of the nearest earlier days of the same type at that time, rounded down.

    An export is scaled by a channel that follows the same sun; without one there is none.
    """
    earlier = _at_same_time(basis, period)
    if basis.channel is Channel.EXPORT:
        return _by_reference(basis, list(earlier), period, worst)
    found = _first(basis.own(then, worst) for then in earlier)
    if not found:
        return None
    wh = sum(known.wh for known in found) // len(found)
    return Draft(basis.capped(wh), Quality.LIKE_DAY, tuple(known.source for known in found))


def _at_same_time(basis: Basis, period: int) -> Iterator[int]:
    """Yield the half-hours at the same time of the clock of days that are alike, nearest first."""
    day, minute = local_date(period, basis.zone), minute_of_day(period, basis.zone)
    for earlier in like_days(day, basis.holidays):
        then = same_time(earlier, minute, basis.zone)
        if then is not None:
            yield then


def _first(known: Iterable[_T | None]) -> list[_T]:
    """Return the first few that are known."""
    return list(islice((one for one in known if one is not None), LIKE_DAYS_MAX))


def _by_reference(basis: Basis, earlier: list[int], now: int, worst: int) -> Draft | None:
    """Return an export as it was then, times what a reference gives now for what it gave then.

    Sums over the same days are compared, rounded down. Where the reference sees night, dawn or
    dusk both then and now, the mean is taken as it was.
    """
    for slot, series in sorted(basis.references.items(), key=lambda item: item[0]):
        ref_now = basis.source(slot, series, now, worst)
        if slot[0] == basis.meter or ref_now is None:
            continue
        pairs = _first(
            (own, ref)
            if (own := basis.own(then, worst)) and (ref := basis.source(slot, series, then, worst))
            else None
            for then in earlier
        )
        if not pairs:
            continue
        own_wh, ref_wh = (sum(one.wh for one in side) for side in zip(*pairs, strict=True))
        if ref_wh >= REFERENCE_WH_MIN * len(pairs):
            wh = own_wh * ref_now.wh // ref_wh
        elif ref_now.wh < REFERENCE_WH_MIN:
            wh = own_wh // len(pairs)
        else:
            continue
        sources = (ref_now.source, *(one.source for pair in pairs for one in pair))
        return Draft(basis.capped(wh), Quality.LIKE_DAY, sources)
    return None


def profile(basis: Basis, period: int, worst: int) -> Draft | None:
    """Return the mean of the other meters' readings, rounded down."""
    found = list(_others(basis, period, worst))[:PROFILE_METERS_MAX]
    if len(found) < PROFILE_METERS_MIN:
        return None
    wh = sum(known.wh for known in found) // len(found)
    sources: tuple[Source, ...] = tuple(known.source for known in found)
    return Draft(basis.capped(wh), Quality.PROFILE, sources)


def _others(basis: Basis, period: int, worst: int) -> Iterator[Known]:
    for meter, series in sorted(basis.others.items()):
        if meter != basis.meter:
            known = basis.source((meter, basis.channel), series, period, worst)
            if known is not None:
                yield known
