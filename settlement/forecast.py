"""The next days' local surplus and price by half-hour, each with its usual error. Pure.

From a community's own history alone: what it knew, tried on its own last four weeks exactly as it is
used now, so that the errors shown are those it made. Without a week to learn from and another to be
tried on there is no forecast, and the answer says so.

>>> from ledger.primitives.periods import load_zone
>>> from market.model import PriceRule
>>> rules = Rules(PriceRule.MID_MARKET, import_ticks=2450, export_ticks=410)
>>> history = {period: Total(300, 200, 100) for period in range(990_480, 992_000)}
>>> [day] = forecast(history, [date(2026, 8, 1)], load_zone("Europe/London"), rules)
>>> day.half_hours[0].surplus, day.half_hours[0].price, day.rests_on_days
(Guess(value=-100, error=0, band=0), Guess(value=1430, error=0, band=0), 28)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import chain
from operator import sub
from typing import NamedTuple
from zoneinfo import ZoneInfo

from ledger.primitives.periods import of_local_day
from market.model import Rules
from settlement.forecast_days import (
    MEAN_DAYS_MIN,
    PLACES,
    SMOOTH_PLACES,
    TYPE_HALVES,
    WINDOW_DAYS,
    Day,
    History,
    Places,
    Profile,
    Total,
    in_window,
    known_days,
    place_of,
    rounded,
)
from settlement.forecast_prices import Prices

TRIALS_MIN = 7
"""Fewest past days that a forecast is tried on before it is shown."""

AHEAD_DAYS_MAX = 14
"""Furthest day ahead of the last known one: settled days alone are nine and ten days behind."""

HISTORY_DAYS = 2 * WINDOW_DAYS + AHEAD_DAYS_MAX
"""Days of history that are looked at: four weeks of trials, each with its four weeks, and the way ahead."""

BAND_FIFTHS = 4
"""A band holds what came true on four of five days."""

__all__ = ["DayForecast", "Guess", "HalfHour", "History", "NotYet", "Total", "forecast"]


class Guess(NamedTuple):
    """A value in Wh or ticks, and how far such values were off at this time of day.

    Attributes:
        value: what is expected.
        error: mean of how far it was off in the trials, rounded half up.
        band: on four of five days it was off by this much at most.
    """

    value: int
    error: int
    band: int


class HalfHour(NamedTuple):
    """What is expected of a half-hour, in Wh; the price is None where nothing will be traded."""

    period: int
    offered: Guess
    wanted: Guess
    surplus: Guess
    price: Guess | None


@dataclass(frozen=True, slots=True)
class DayForecast:
    """What is expected of a local day.

    Attributes:
        day: the day.
        half_hours: 46 to 50 of them.
        last_known: the last day that it rests on; nothing later was looked at.
        rests_on_days: known days of the four weeks up to that one.
        misses: what the surplus had more than expected in each trial, by half-hour of ``day``.
    """

    day: date
    half_hours: tuple[HalfHour, ...]
    last_known: date
    rests_on_days: int
    misses: tuple[Places, ...]


@dataclass(frozen=True, slots=True)
class NotYet:
    """There is not enough history for a forecast of a day.

    Attributes:
        day: the day.
        last_known: the last known day before it, None if there is none in ten weeks.
        known_days: known days of those ten weeks.
        trials: past days that could be tried.
        is_stale: the last known day is too long ago; else there are too few.
    """

    day: date
    last_known: date | None
    known_days: int
    trials: int
    is_stale: bool


def forecast(
    history: History, days: Sequence[date], zone: ZoneInfo, rules: Rules
) -> list[DayForecast | NotYet]:
    """Return what is expected of some local days, from what was known before the earliest.

    Args:
        history: the community's half-hours; those of the earliest day and later are not looked at.
        days: one or more.
        zone: of the community's clocks.
        rules: the market's, as they will be in force.

    Raises:
        InputError: a day is out of range.
    """
    known = known_days(history, min(days), HISTORY_DAYS, zone)
    forecaster = _Forecaster(known, zone, rules)
    return [forecaster.of(day) for day in days]


class _Expected(NamedTuple):
    """A day's quantities and prices as expected, by place on the clock."""

    offered: Places
    wanted: Places
    prices: list[int | None]

    @property
    def surplus(self) -> Places:
        return list(map(sub, self.offered, self.wanted))


class _Forecaster:
    """The known days of a community, and what was worked out of them."""

    def __init__(self, known: dict[date, Day], zone: ZoneInfo, rules: Rules) -> None:
        self._known, self._zone, self._rules = known, zone, rules
        self._offered = Profile({day: found.offered for day, found in known.items()})
        self._wanted = Profile({day: found.wanted for day, found in known.items()})

    def of(self, day: date) -> DayForecast | NotYet:
        """Return the forecast of a day after the known ones."""
        last = max(self._known, default=None)
        ahead = (day - last).days if last else 0
        trials = self._trials(ahead) if last and ahead <= AHEAD_DAYS_MAX else []
        if last is None or len(trials) < TRIALS_MIN:
            is_stale = ahead > AHEAD_DAYS_MAX
            return NotYet(day, last, len(self._known), len(trials), is_stale)
        halves = (
            _best_halves(self._offered, [(t, d, self._known[d].offered) for t, d in trials]),
            _best_halves(self._wanted, [(t, d, self._known[d].wanted) for t, d in trials]),
        )
        tried = [(self._expected(t, d, halves), self._known[d]) for t, d in trials]
        periods = of_local_day(day, self._zone)
        places = [place_of(period, self._zone) for period in periods]
        misses = [list(map(sub, _surplus(found), then.surplus)) for then, found in tried]
        return DayForecast(
            day,
            self._half_hours(periods, places, self._expected(last, day, halves), tried),
            last,
            len(in_window(self._known, last)),
            tuple([miss[place] for place in places] for miss in misses),
        )

    def _trials(self, ahead: int) -> list[tuple[date, date]]:
        """Return (last known day, day) of the past days to try it on, none nearer than now."""
        days = list(self._known)
        pairs = []
        for day in in_window(self._known, days[-1]):
            earlier = [each for each in days if (day - each).days >= ahead]
            if earlier and self._can_rest_on(earlier[-1]):
                pairs.append((earlier[-1], day))
        return pairs

    def _can_rest_on(self, last: date) -> bool:
        return len(in_window(self._known, last)) >= MEAN_DAYS_MIN

    def _expected(self, last: date, day: date, halves: tuple[int, int]) -> _Expected:
        offered = self._offered.expected(last, day, halves[0])
        wanted = self._wanted.expected(last, day, halves[1])
        prices = Prices(self._rules, (self._known[each] for each in in_window(self._known, last)))
        pairs = enumerate(zip(offered, wanted, strict=True))
        return _Expected(offered, wanted, [prices.at(place, *pair) for place, pair in pairs])

    def _half_hours(
        self,
        periods: range,
        places: Sequence[int],
        expected: _Expected,
        tried: Sequence[tuple[_Expected, Day]],
    ) -> tuple[HalfHour, ...]:
        rule = Prices(self._rules)
        paid = [[rule.came_true(place, found) for place in range(PLACES)] for _, found in tried]
        offered_off = _off([(then.offered, found.offered) for then, found in tried])
        wanted_off = _off([(then.wanted, found.wanted) for then, found in tried])
        surplus_off = _off([(then.surplus, _surplus(found)) for then, found in tried])
        price_off = _off([(then.prices, was) for (then, _), was in zip(tried, paid, strict=True)])
        surplus = expected.surplus
        half_hours = []
        for period, at in zip(periods, places, strict=True):
            price = expected.prices[at]
            half_hours.append(
                HalfHour(
                    period,
                    _guess(expected.offered[at], offered_off[at]),
                    _guess(expected.wanted[at], wanted_off[at]),
                    _guess(surplus[at], surplus_off[at]),
                    # A price that was never tried has no error to show, and is not shown.
                    _guess(price, price_off[at]) if price is not None and price_off[at] else None,
                )
            )
        return tuple(half_hours)


def _surplus(day: Day) -> Places:
    return list(map(sub, day.offered, day.wanted))


def _best_halves(profile: Profile, trials: list[tuple[date, date, Places]]) -> int:
    """Return how much the type of day counts: what would have been off least; the least of equals."""

    def off(halves: int) -> int:
        return sum(
            abs(is_ - was)
            for last, day, found in trials
            for is_, was in zip(profile.expected(last, day, halves), found, strict=True)
        )

    return min(TYPE_HALVES, key=lambda halves: (off(halves), halves))


_Values = Sequence[int | None]


def _off(tried: Sequence[tuple[_Values, _Values]]) -> list[list[int]]:
    """Return, rising, how far trials were off at each place of the clock or within an hour of it."""
    off: list[list[int]] = [[] for _ in range(PLACES)]
    for expected, found in tried:
        for errors, value, was in zip(off, expected, found, strict=True):
            if value is not None and was is not None:
                errors.append(abs(value - was))
    spans = ((max(0, at - SMOOTH_PLACES), at + SMOOTH_PLACES + 1) for at in range(PLACES))
    return [sorted(chain.from_iterable(off[start:stop])) for start, stop in spans]


def _guess(value: int, errors: Sequence[int]) -> Guess:
    """Put beside a value how far such values were off, rising."""
    # The least error that four of five were not beyond: their number is rounded up.
    index = -(-BAND_FIFTHS * len(errors) // 5) - 1
    return Guess(value, rounded(sum(errors), len(errors)), errors[index])
