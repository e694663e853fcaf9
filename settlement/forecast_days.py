"""What a community's days looked like by the wall's clock, and what to expect of a later one. Pure.

A day is 48 numbers, one for each half-hour of the clock, whatever the clocks did that day: an hour
that was skipped lies on the line between those beside it, one that came twice is its mean. What is
expected of a day is

    the mean of the last 14 known days at that time
    + what days of its type (weekday, Saturday, Sunday) had more than others in four weeks
    + a part of what the last known day had more than expected: a half of it for the next day,
      a third for the one after, and so on

and never below zero. How much the type of day counts (not, half or whole) is the caller's to
measure. The two additions are smoothed over two and a half hours, since one kettle is no pattern.
``docs/forecast.md`` has what else was tried.

>>> smoothed([0, 0, 10, 0, 0, 0])
[3, 3, 2, 2, 3, 0]
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from itertools import accumulate
from typing import NamedTuple
from zoneinfo import ZoneInfo

from ledger.primitives.periods import minute_of_day, of_local_day

PLACES = 48
"""Half-hours of the clock."""

GAPS_MAX = 4
"""Half-hours that a day may lack and still be known: two hours; they lie on the line between those beside them."""

WINDOW_DAYS = 28
"""How far back what is expected looks: four of each day of the week."""

MEAN_DAYS = 14
"""Days whose mean is the level: seven follow the weather's whims, 28 lag behind the sun."""

MEAN_DAYS_MIN = 7
"""Fewest known days that a mean is taken of: a whole week."""

SMOOTH_PLACES = 2
"""Half-hours on either side over which the additions are smoothed."""

TYPE_HALVES = (0, 1, 2)
"""How much the type of day may count, in halves."""

Places = list[int]
"""A value for each half-hour of the clock."""


class Total(NamedTuple):
    """A half-hour of the whole community, after each home's own use.

    Attributes:
        matched_wh: what neighbours bought from each other.
        grid_import_wh: what was wanted beyond that.
        grid_export_wh: what was offered beyond that.
        price_ticks: what buyers paid neighbours for a kWh; None where nothing was traded, or where
            nobody has worked it out yet.
    """

    matched_wh: int
    grid_import_wh: int
    grid_export_wh: int
    price_ticks: int | None = None

    @property
    def offered_wh(self) -> int:
        """What homes gave beyond their own use."""
        return self.matched_wh + self.grid_export_wh

    @property
    def wanted_wh(self) -> int:
        """What homes took beyond what they made."""
        return self.matched_wh + self.grid_import_wh


History = Mapping[int, Total]
"""Totals by half-hour, in any order: of settled days, or of readings known so far."""


class Day(NamedTuple):
    """A known day by the clock."""

    offered: Places
    wanted: Places
    prices: list[int | None]


def day_type(day: date) -> int:
    """Return 0 for a weekday, 1 for a Saturday, 2 for a Sunday."""
    return max(0, day.weekday() - 4)


def place_of(period: int, zone: ZoneInfo) -> int:
    """Return a half-hour's place on the clock, 0 to 47."""
    return minute_of_day(period, zone) // 30


def known_days(history: History, before: date, back: int, zone: ZoneInfo) -> dict[date, Day]:
    """Return the days of the last ``back`` before a day that are known, in order.

    Args:
        history: may hold anything, of later days too: it is not looked at.
        before: the first day that is not taken.
        back: how many calendar days to look at.
        zone: of the community's clocks.
    """
    days = (before - timedelta(days=ago) for ago in range(back, 0, -1))
    found = ((day, _day(history, day, zone)) for day in days)
    return {day: known for day, known in found if known is not None}


def _day(history: History, day: date, zone: ZoneInfo) -> Day | None:
    periods = of_local_day(day, zone)
    found = [(period, history[period]) for period in periods if period in history]
    if len(periods) - len(found) > GAPS_MAX:
        return None
    at: list[list[Total]] = [[] for _ in range(PLACES)]
    for period, total in found:
        place = period - periods.start if len(periods) == PLACES else place_of(period, zone)
        at[place].append(total)
    prices = [next((t.price_ticks for t in some if t.price_ticks is not None), None) for some in at]
    return Day(
        _filled([_mean([total.offered_wh for total in some]) for some in at]),
        _filled([_mean([total.wanted_wh for total in some]) for some in at]),
        prices,
    )


def _mean(values: Sequence[int]) -> int | None:
    """Return the mean, rounded half up."""
    return rounded(sum(values), len(values)) if values else None


def _filled(values: Sequence[int | None]) -> Places:
    """Return values with gaps on the straight line between what stands before and after them."""
    known = [(place, value) for place, value in enumerate(values) if value is not None]
    filled = []
    for place, value in enumerate(values):
        if value is not None:
            filled.append(value)
            continue
        after = next((pair for pair in known if pair[0] > place), known[-1])
        before = next((pair for pair in reversed(known) if pair[0] < place), after)
        rise, steps = after[1] - before[1], max(1, after[0] - before[0])
        filled.append(before[1] + rounded(rise * (place - before[0]), steps))
    return filled


def rounded(part: int, whole: int) -> int:
    """Return a quotient as the nearest integer, a half up.

    >>> rounded(5, 2), rounded(-5, 2), rounded(7, 3)
    (3, -2, 2)
    """
    return (2 * part + whole) // (2 * whole)


def smoothed(values: Sequence[int]) -> Places:
    """Return the means over each place's neighbourhood within the day, rounded half up."""
    sums = [0, *accumulate(values)]
    count = len(values)
    spans = [
        (max(0, place - SMOOTH_PLACES), min(count, place + SMOOTH_PLACES + 1))
        for place in range(count)
    ]
    return [rounded(sums[stop] - sums[start], stop - start) for start, stop in spans]


class Profile:
    """One quantity of a community's known days, and what it lets expect of later ones.

    Remembers what it worked out for a last known day: trials of the past ask for the same again.
    """

    def __init__(self, days: Mapping[date, Places]) -> None:
        self._days = days
        self._levels: dict[date, tuple[Places, dict[int, Places]]] = {}

    def expected(self, last: date, day: date, type_halves: int) -> Places:
        """Return what to expect of a day, as known after an earlier one.

        Args:
            last: the last known day; at least a week of days up to it is known.
            day: a later day.
            type_halves: how much the type of day counts, in halves.
        """
        mean, more = self._level(last)
        nothing = [0] * PLACES
        of_type, of_last = (more.get(day_type(each), nothing) for each in (day, last))
        news = smoothed(  # in halves of a Wh
            [
                2 * (was - level) - type_halves * extra
                for was, level, extra in zip(self._days[last], mean, of_last, strict=True)
            ]
        )
        ahead = (day - last).days + 1
        return [
            max(0, rounded((2 * level + type_halves * extra) * ahead + new, 2 * ahead))
            for level, extra, new in zip(mean, of_type, news, strict=True)
        ]

    def _level(self, last: date) -> tuple[Places, dict[int, Places]]:
        """Return the mean of the last days, and what each type of day has more than all."""
        if last not in self._levels:
            window = in_window(self._days, last)
            levels = _means([self._days[day] for day in window[-MEAN_DAYS:]])
            overall = _means([self._days[day] for day in window])
            more = {}
            for kind in {day_type(day) for day in window}:
                alike = _means([self._days[day] for day in window if day_type(day) == kind])
                more[kind] = smoothed([a - b for a, b in zip(alike, overall, strict=True)])
            self._levels[last] = levels, more
        return self._levels[last]


def in_window(days: Mapping[date, object], last: date) -> list[date]:
    """Return the known days of the four weeks up to one, in order."""
    span = (last - timedelta(days=back) for back in reversed(range(WINDOW_DAYS)))
    return [day for day in span if day in days]


def _means(days: Sequence[Places]) -> Places:
    """Return the mean of days at each place, rounded half up."""
    return [rounded(total, len(days)) for total in map(sum, zip(*days, strict=True))]
