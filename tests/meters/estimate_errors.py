"""``python -m tests.meters.estimate_errors``: how far each method of estimation is off.

Readings of a real year are taken out at random, seeded, estimated, and compared with what they
were, beside the plainest guesses: the same half-hour of the day before and of the week before. The table goes into
``docs/estimates.md``.

>>> tenths(15, 10)
'1.5'
"""

import random
import re
from collections import defaultdict
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from ledger.primitives.periods import load_zone, local_date, of_local_day
from meters.estimate_basis import Basis
from meters.estimates import estimate
from meters.readings import Advance, Channel, Place, Quality
from meters.versions import Stored
from tests.settlement.real_year import ZONE, read_year

PAGE = Path(__file__).parents[2] / "docs" / "estimates.md"
BEGIN, END = "<!-- made by tests/meters/estimate_errors.py -->\n", "<!-- end -->\n"

SAMPLES = 100
"""Gaps a method and channel."""

HISTORY_DAYS = 28
"""What a like day may need before the gap."""

HEAD = (
    "| method | gap | channel | readings | mean reading | mean error | day before | week before | sum off by |\n"
    "| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n"
)

WORDS = {
    Quality.SCALED: "register",
    Quality.INTERPOLATED: "linear",
    Quality.LIKE_DAY: "like day",
    Quality.PROFILE: "profile",
    Quality.ZERO: "zero",
}


class Row(NamedTuple):
    """Sums over a method's gaps, in Wh."""

    quality: Quality
    channel: Channel
    count: int
    read: int
    estimated: int
    error: int
    day_before: int
    week_before: int

    def line(self):
        gap = "30 min to 2 h" if self.quality is Quality.INTERPOLATED else "a day"
        off = self.estimated - self.read
        cells = (
            f"{WORDS[self.quality]} ({self.quality.letter})",
            gap,
            self.channel.value,
            f"{self.count:,}",
            f"{tenths(self.read, self.count)} Wh",
            f"**{tenths(self.error, self.count)} Wh**",
            f"{tenths(self.day_before, self.count)} Wh",
            f"{tenths(self.week_before, self.count)} Wh",
            f"{'−' if off < 0 else ''}{tenths(abs(off) * 100, self.read)} %",
        )
        return f"| {' | '.join(cells)} |\n"


def tenths(part, whole):
    """A quotient to a tenth, rounded half up."""
    number = (20 * part + whole) // (2 * whole)
    return f"{number // 10:,}.{number % 10}"


def year():
    """The year's readings by meter and channel."""
    known = defaultdict(dict)
    for reading in read_year():
        slot = reading.meter, reading.channel
        known[slot][reading.period] = Stored(reading.wh, Quality.ACTUAL.rank, 1, 1)
    return known


def gaps(rng, quality, known, zone):
    """Yield the half-hours of gaps, each with a whole month before it."""
    first, last = min(known), max(known)
    day_first = local_date(first, zone) + timedelta(days=HISTORY_DAYS + 1)
    days = (local_date(last, zone) - day_first).days
    while True:
        periods = of_local_day(day_first + timedelta(days=rng.randrange(days)), zone)
        if quality is Quality.INTERPOLATED:
            start = rng.choice(periods)
            periods = range(start, start + rng.randint(1, 4))
        yield periods


def measured(readings, quality, channel):
    """Knock out, estimate and compare."""
    rng, zone = random.Random(f"{quality.value} {channel.value}"), load_zone(ZONE)
    slots = sorted(slot for slot in readings if slot[1] is channel)
    sums = [0] * 6
    for _ in range(SAMPLES):
        slot = rng.choice(slots)
        gap = next(gaps(rng, quality, readings[slot], zone))
        basis = basis_of(readings, slot, gap, quality, zone)
        for run in estimate(basis, gap).runs:
            assert run.quality is quality, (run.quality, slot, gap)
            for period, wh in zip(run.periods, run.wh, strict=True):
                back = (readings[slot][period - 48 * days].wh for days in (0, 1, 7))
                was, day, week = back
                now = (1, was, wh, abs(wh - was), abs(day - was), abs(week - was))
                sums = [one + other for one, other in zip(sums, now, strict=True)]
    return Row(quality, channel, *sums)


def basis_of(readings, slot, gap, quality, zone):
    """What a method needs, and nothing that an earlier one could go by."""
    covered = range(gap.start - (HISTORY_DAYS + 1) * 48, gap.stop + 4)
    own = readings[slot]
    known = {period: own[period] for period in covered if period in own and period not in gap}
    advances = []
    if quality is Quality.SCALED:
        wh = sum(own[period].wh for period in gap)
        times = gap.start * 1800, gap.stop * 1800
        advances = [Advance(*slot, *times, wh, Quality.ACTUAL, Place(0, 0, 0))]
    alone = quality in (Quality.PROFILE, Quality.ZERO)
    others = {meter: series for (meter, channel), series in readings.items() if channel is slot[1]}
    return Basis(
        *slot,
        zone,
        covered,
        {} if alone else known,
        advances=advances,
        others={} if quality is Quality.ZERO else others,
        references={one: readings[one] for one in readings if one[1] is Channel.EXPORT},
        is_final=True,
    )


def table():
    """Return the table as it stands on the page."""
    readings = year()
    rows = [measured(readings, quality, channel) for quality in WORDS for channel in Channel]
    return HEAD + "".join(row.line() for row in rows)


def on_page():
    """Return the table that the page holds."""
    return re.search(re.escape(BEGIN) + "\n(.*?)\n" + re.escape(END), PAGE.read_text(), re.DOTALL)[
        1
    ]


if __name__ == "__main__":
    text = PAGE.read_text()
    PAGE.write_text(text.replace(on_page(), table()))
