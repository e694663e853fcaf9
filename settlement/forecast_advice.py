"""When to wash: the hours of a forecast day in which neighbours have most to spare. Pure.

Two hours are what a machine takes. The best two are found first, then grown on both sides while what
is to spare there is at least three quarters of their mean: who may choose is not told a minute.

>>> best_places([0, 0, 4, 8, 8, 8, 7, 6, 2, 0])
range(3, 8)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from settlement.forecast import DayForecast

WASH_PLACES = 4
"""Half-hours that washing takes."""


@dataclass(frozen=True, slots=True)
class Advice:
    """The best hours of a day.

    Attributes:
        periods: the half-hours.
        surplus_wh: what neighbours have to spare in them together; below zero: what they lack.
        offered_wh: what they offer in them together.
        wanted_wh: what they want in them together.
        had_days: trials in which, missing as they did, there was something to spare.
        tried_days: all trials.
    """

    periods: range
    surplus_wh: int
    offered_wh: int
    wanted_wh: int
    had_days: int
    tried_days: int


def advise(day: DayForecast) -> Advice:
    """Return the best hours of a day."""
    hours = day.half_hours
    places = best_places([hour.surplus.value for hour in hours])
    best = hours[places.start : places.stop]
    surplus_wh = sum(hour.surplus.value for hour in best)
    misses = [sum(miss[places.start : places.stop]) for miss in day.misses]
    return Advice(
        range(best[0].period, best[-1].period + 1),
        surplus_wh,
        sum(hour.offered.value for hour in best),
        sum(hour.wanted.value for hour in best),
        sum(surplus_wh + miss > 0 for miss in misses),
        len(misses),
    )


def best_places(surplus: Sequence[int]) -> range:
    """Return the best places of a day: the earliest of equals."""
    sums = [0, *accumulate(surplus)]
    count = min(WASH_PLACES, len(surplus))
    starts = range(len(surplus) - count + 1)
    start = max(starts, key=lambda at: (sums[at + count] - sums[at], -at))
    stop = start + count
    # Three quarters of the mean, rounded up; nothing is grown into what is short.
    enough = max(1, -(-3 * (sums[stop] - sums[start]) // (4 * count)))
    while start and surplus[start - 1] >= enough:
        start -= 1
    while stop < len(surplus) and surplus[stop] >= enough:
        stop += 1
    return range(start, stop)
