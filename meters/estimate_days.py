"""Days that are alike: which earlier days may stand for a day, and the same time on their clocks.

>>> [day.isoformat() for day in like_days(date(2026, 6, 20), frozenset())]  # a Saturday
['2026-06-13', '2026-06-06', '2026-05-30', '2026-05-23']
"""

from collections.abc import Set as AbstractSet
from datetime import date, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from ledger.errors import InputError
from ledger.primitives.periods import minute_of_day, of_local_day

WEEKS_BACK = 4
"""How far back a like day may be: beyond a month the season has moved on."""

WEEK_DAYS = 7
"""Days of a week."""

_SATURDAY = 5


def day_type(day: date, holidays: AbstractSet[date]) -> int:
    """Return 0 for a weekday, 1 for a Saturday, 2 for a Sunday or holiday."""
    return 2 if day in holidays else max(0, day.weekday() - _SATURDAY + 1)


@lru_cache(maxsize=1024)
def like_days(day: date, holidays: frozenset[date]) -> tuple[date, ...]:
    """Return the earlier days of the same type up to four weeks back, nearest first."""
    earlier = (day - timedelta(days=back) for back in range(1, WEEKS_BACK * WEEK_DAYS + 1))
    wanted = day_type(day, holidays)
    return tuple(one for one in earlier if day_type(one, holidays) == wanted)


def same_time(day: date, minute: int, zone: ZoneInfo) -> int | None:
    """Return the half-hour that begins at a minute of the local clock.

    On the autumn day with two of them it is the first; None where the clock skips it.
    """
    return _by_minute(day, zone).get(minute)


@lru_cache(maxsize=4096)
def _by_minute(day: date, zone: ZoneInfo) -> dict[int, int]:
    try:
        periods = of_local_day(day, zone)
    except InputError:  # before the count of half-hours begins
        return {}
    return {minute_of_day(period, zone): period for period in reversed(periods)}
