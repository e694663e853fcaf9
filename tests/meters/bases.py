"""Made-up homes for the estimates: what is known of a few weeks, with gaps."""

from datetime import date

from ledger.primitives.periods import load_zone, of_local_day
from meters.estimate_basis import Basis
from meters.estimates import estimate
from meters.readings import Advance, Channel, Place, Quality
from tests.meters.checks.days import series

LONDON = load_zone("Europe/London")
MONDAY = date(2026, 6, 15)
DAY = of_local_day(MONDAY, LONDON)
WEEK = 7 * 48
COVERED = range(DAY.start - 5 * WEEK, DAY.stop + WEEK)


def basis_of(known, channel=Channel.IMPORT, **more):
    more.setdefault("covered", COVERED)
    return Basis("h1", channel, LONDON, known=known, **more)


def advance(wh, periods, channel=Channel.IMPORT, *, meter="h1", quality=Quality.ACTUAL, off=(0, 0)):
    begin, end = periods.start * 1800 + off[0], periods.stop * 1800 + off[1]
    return Advance(meter, channel, begin, end, wh, quality, Place(0, 0, 0))


def whole(wh=300, periods=COVERED, position=5):
    return series([wh] * len(periods), periods.start, position=position)


def without(known, gaps):
    return {period: item for period, item in known.items() if period not in gaps}


def values(estimates):
    """Wh and letter by half-hour."""
    return {
        period: (wh, run.quality.letter)
        for run in estimates.runs
        for period, wh in zip(run.periods, run.wh, strict=True)
    }


AT = DAY.start + 24
"""About noon of the day."""


def one(basis, period=AT):
    """The estimate of one half-hour, and its inputs."""
    (run,) = estimate(basis, range(period, period + 1)).runs
    return (*run.wh, run.quality.letter), list(run.inputs)


def readings(first, count=1, entry=5, meter="h1", channel="import"):
    body = {"what": "readings", "meter": meter, "channel": channel, "first": first}
    return {**body, "count": count, "entry": entry}
