"""A period is a half-hour of UTC, counted from the Unix epoch.

A local day has 46, 48 or 50 of them in Europe (47 and 49 on Lord Howe). No zone rule is
written here: zoneinfo and the tzdata package know them.

>>> period = parse_utc("2026-06-15T12:30:00Z")
>>> period, start_text(period)
(989737, '2026-06-15T12:30:00Z')
>>> number_in_day(period, load_zone("Europe/London"))  # 13:30 on the clock
28
"""

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ledger.errors import InputError

SECONDS = 1800
"""Length of a period."""

MINUTES = 30
"""Length of a period."""

DAY_PERIODS_MIN, DAY_PERIODS_MAX = 46, 50
"""Half-hours of a local day."""

PERIOD_MAX = 4_000_000
"""Last period taken, in the year 2198: later ones are typing mistakes."""

_UTC_TEXT = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)Z", re.ASCII)
_DATE_TEXT = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


@lru_cache(maxsize=64)
def load_zone(name: str) -> ZoneInfo:
    """Return the named zone of the tz database.

    Raises:
        InputError: no such zone.
    """
    try:
        # "localtime" is another zone on each machine, "right/..." counts leap seconds.
        if ("/" not in name and name != "UTC") or name.startswith(("right/", "posix/")):
            raise ValueError(name)
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InputError(f"{name!r} is not a time zone; write it as in Europe/London") from error


def start_utc(period: int) -> datetime:
    """Return the period's first instant, aware, in UTC."""
    return datetime.fromtimestamp(period * SECONDS, UTC)


def start_text(period: int) -> str:
    """Return the period's first instant as ``YYYY-MM-DDTHH:MM:SSZ``."""
    return utc_text(period * SECONDS)


def utc_text(seconds: int) -> str:
    """Return an instant, in seconds since the Unix epoch, as ``YYYY-MM-DDTHH:MM:SSZ``."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def from_instant(instant: datetime) -> int:
    """Return the period that begins at an aware instant.

    Raises:
        InputError: the instant is naive, off the half-hour grid or out of range.
    """
    if instant.tzinfo is None:
        raise InputError(f"{instant} has no time zone")
    try:
        seconds = (instant - datetime.fromtimestamp(0, UTC)) // timedelta(microseconds=1)
    except OverflowError as error:
        raise InputError(f"{instant} is out of range") from error
    period, rest = divmod(seconds, SECONDS * 1_000_000)
    if rest:
        raise InputError(f"{instant.isoformat()} is not on the half-hour")
    if not 0 <= period <= PERIOD_MAX:
        raise InputError(f"{instant.isoformat()} is out of range")
    return period


def parse_utc(text: str) -> int:
    """Return the period that begins at ``YYYY-MM-DDTHH:MM:SSZ``."""
    found = _UTC_TEXT.fullmatch(text)
    if found is None:
        raise InputError(f"{text!r} is not a UTC time like 2026-06-15T12:30:00Z")
    try:
        return from_instant(datetime(*(int(part) for part in found.groups()), tzinfo=UTC))  # type: ignore[arg-type,misc]
    except ValueError as error:
        raise InputError(f"{text!r} is not a UTC time: {error}") from error


def parse_date(text: str) -> date:
    """Return the date written ``YYYY-MM-DD``."""
    try:
        if _DATE_TEXT.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise InputError(f"{text!r} is not a date like 2026-06-15")


@lru_cache(maxsize=4096)
def of_local_day(day: date, zone: ZoneInfo) -> range:
    """Return the periods of a local calendar day, in order.

    Raises:
        InputError: the zone is not on the half-hour grid that day, or the day has not 46 to 50
            half-hours (a station in Antarctica changes its clock by two hours).

    >>> [len(of_local_day(date(2026, m, d), load_zone("Europe/London")))
    ...  for m, d in ((3, 29), (6, 15), (10, 25))]
    [46, 48, 50]
    """
    try:
        first = _local_midnight(day, zone)
        last = _local_midnight(day + timedelta(days=1), zone)
    except (OverflowError, ValueError) as error:
        raise InputError(f"the day {day} is out of range") from error
    periods = range(from_instant(first), from_instant(last))
    if not DAY_PERIODS_MIN <= len(periods) <= DAY_PERIODS_MAX:
        raise InputError(f"{day} has {len(periods)} half-hours in {zone}, not 46 to 50")
    return periods


def _local_midnight(day: date, zone: ZoneInfo) -> datetime:
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
    if midnight.astimezone(zone).date() < day:
        # Midnight itself is skipped by a clock change: the day begins at the change.
        midnight = datetime(day.year, day.month, day.day, fold=1, tzinfo=zone).astimezone(UTC)
    return midnight


def local_date(period: int, zone: ZoneInfo) -> date:
    """Return the local calendar date in which the period starts."""
    return start_utc(period).astimezone(zone).date()


def number_in_day(period: int, zone: ZoneInfo) -> int:
    """Return the period's number 1..50 in its local day, as settlement counts it."""
    return period - of_local_day(local_date(period, zone), zone).start + 1


def minute_of_day(period: int, zone: ZoneInfo) -> int:
    """Return the minute on the local clock at which the period begins, 0 to 1439."""
    start = start_utc(period).astimezone(zone)
    return start.hour * 60 + start.minute


def local_label(period: int, zone: ZoneInfo) -> str:
    """Return the clock times a person reads, as in ``14:00 to 14:30``."""
    start = start_utc(period).astimezone(zone)
    end = start_utc(period + 1).astimezone(zone)
    return f"{start:%H:%M} to {end:%H:%M}"


def of_local_month(month: str, zone: ZoneInfo) -> range:
    """Return the periods of a local month written ``YYYY-MM``."""
    try:
        first = parse_date(f"{month}-01")
    except InputError as error:
        raise InputError(f"{month!r} is not a month like 2026-06") from error
    if first.year == date.max.year:
        raise InputError(f"the month {month} is out of range")
    following = date(first.year + first.month // 12, first.month % 12 + 1, 1)
    return range(of_local_day(first, zone).start, of_local_day(following, zone).start)
