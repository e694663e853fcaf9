"""The demonstration's street with some settled days, and one in which a single reading differs."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

from meters.readings import Reading
from settlement.community import Community
from settlement.intake import import_readings
from settlement.run import settle_day
from settlement.timetable import first_due_ms
from tests.streets import street_readings
from wallet_api.cli.demo import set_up
from wallet_api.street import CHARTER, STREET, WEEK

Change = Callable[[Reading], Reading]


def settled(folder: Path, days: Sequence[date] = WEEK[:1], change: Change = lambda r: r) -> str:
    """Settle days of the street in a folder, each reading as ``change`` makes it; return its URL."""
    community = opened(folder, change)
    for day in days:
        community.writer.clock.set_ms(first_due_ms(day, CHARTER.zone))
        settle_day(community, day)
    community.writer.database.close()
    return f"sqlite:///{folder}/commonwatt.sqlite"


def opened(folder: Path, change: Change = lambda r: r) -> Community:
    """Return the street with two days of readings, nothing settled yet."""
    community = set_up(folder)
    readings = street_readings([each.site for each in STREET], WEEK[:2])
    community.writer.clock.set_ms(first_due_ms(WEEK[0], CHARTER.zone) - 3_600_000)
    import_readings(community, [change(reading) for reading in readings])
    return community


def shifted(meter: str, period: int, by_wh: int) -> Change:
    """Return a change of one reading."""

    def change(reading: Reading) -> Reading:
        if (reading.meter, reading.period) != (meter, period):
            return reading
        return replace(reading, wh=reading.wh + by_wh)

    return change
