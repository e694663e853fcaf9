"""A made-up local day for the checks: 48 half-hours of 300 to 347 Wh from 5 o'clock on."""

from datetime import date

from ledger.primitives.periods import load_zone, of_local_day
from meters.checks.context import DayContext
from meters.readings import Channel, Quality
from meters.versions import Stored

LONDON = load_zone("Europe/London")
DAY = of_local_day(date(2026, 6, 15), LONDON)


def stored(wh, quality=Quality.ACTUAL, version=1, position=5):
    return Stored(wh, quality.rank, version, position)


def series(values, first=DAY.start, quality=Quality.ACTUAL, position=5):
    """Readings from a half-hour on; None is a gap."""
    return {
        period: stored(wh, quality, 1, position)
        for period, wh in enumerate(values, start=first)
        if wh is not None
    }


def plain(count=48):
    return [300 + index for index in range(count)]


def day_of(values=None, **more):
    channel = more.pop("channel", Channel.IMPORT)
    periods = more.pop("periods", DAY)
    known = more.pop("known", None)
    if known is None:
        known = series(plain(len(periods)) if values is None else values, periods.start)
    return DayContext("h1", channel, periods, known, **more)


def found(findings):
    """Code, first half-hour of the day and count of each finding."""
    return [(item.code.value, item.first - DAY.start, item.count) for item in findings]
