"""Two stories for `tests.settlement.real_year_lived`: the real year, and a small one that is made up.

>>> len({reading.meter for reading in small().readings})
3
"""

from datetime import date, timedelta

from ledger.primitives.money import UNITS_PER_MAJOR
from ledger.primitives.periods import load_zone, of_local_day
from meters.readings import Channel, Quality, Reading
from tests.settlement import real_year
from tests.settlement.real_year_faults import Rates
from tests.settlement.real_year_lived import Purse, Script

SPENDERS = ("h03", "h09")
"""Homes that have next to nothing left; their meters are swapped for a week."""

POOR = Purse(floor_units=0, spends=True)


def year() -> Script:
    """Return the year of seventeen real homes, or skip loudly."""
    return Script(
        "Fontana 17",
        real_year.ORIGIN,
        real_year.ZONE,
        real_year.read_year(),
        Rates(),
        2017,
        SPENDERS,
        {
            **dict.fromkeys(SPENDERS, POOR),
            "h15": Purse(floor_units=0, pocket_units=20 * UNITS_PER_MAJOR),
            "h05": Purse(gives_wh=500),
        },
        -UNITS_PER_MAJOR // 2,
    )


FIRST, DAYS = date(2026, 5, 27), 10
"""The small story lies in two months."""

SMALL_RATES = Rates(
    too_late_count=3, hours=1 / 30, fortnights=1, fortnight=2, dead=0, swaps=1, swap=2, late=1 / 15
)


def small() -> Script:
    """Return ten made-up days of three homes."""
    zone = "Europe/London"
    readings = []
    for number in range(DAYS):
        for place, period in enumerate(of_local_day(FIRST + timedelta(number), load_zone(zone))):
            sun = max(0, 100 - (place - 25) ** 2) * (5 + number % 3)
            for home, (base, roof) in enumerate([(300, 1), (180, 3), (420, 0)]):
                used = base + (place * 37 + number * 11 + home * 23) % 97
                for channel, wh in ((Channel.IMPORT, used), (Channel.EXPORT, sun * roof)):
                    readings.append(Reading(f"m{home}", channel, period, wh, Quality.ACTUAL))
    return Script(
        "Three homes",
        "three.example/ledger/1",
        zone,
        readings,
        SMALL_RATES,
        3,
        ("m1",),
        {
            "m1": POOR,
            "m2": Purse(floor_units=0, pocket_units=UNITS_PER_MAJOR // 2),
            "m0": Purse(gives_wh=200),
        },
        -UNITS_PER_MAJOR // 5,
    )
