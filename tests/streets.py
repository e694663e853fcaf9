"""Small settled streets for tests: simulated readings, seeded keys, a clock that stands still."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from ledger.db import Database
from ledger.entropy import seeded_entropy
from ledger.keyring import Keyring
from ledger.primitives.clock import FixedClock
from ledger.primitives.periods import load_zone, of_local_day
from ledger.primitives.signing import SigningKey
from market.model import PriceRule, Rules
from meters.readings import Channel, Quality, Reading
from meters.simulation import ZONE, SimulatedSite, simulate_day
from settlement.community import Community
from settlement.enrol import Charter, Terms, add_member, add_meter, found_community, pay
from settlement.intake import import_readings
from settlement.run import settle_day
from settlement.statement_rounding import PENNY_UNITS
from settlement.timetable import first_due_ms
from tests.fresh import upgrade

JUNE_30, JULY_1 = date(2026, 6, 30), date(2026, 7, 1)
"""Two days that lie in two months."""

SITES = (
    SimulatedSite("m-ada", 3600, 60, 200, 300),
    SimulatedSite("m-ben", 0, 60, 200, 300),
    SimulatedSite("m-cleo", 0, 80, 150, 400),
    SimulatedSite("m-school", 9000, 200, 0, 0, daytime_wh=600),
)
NAMES = ("Ada", "Ben", "Cleo", "School roof")
MISSING = 3
"""Half-hours of Ben's first day that never came."""


@dataclass(frozen=True)
class Street:
    """A community after two settled days and a payment in either month."""

    community: Community
    clock: FixedClock
    members: dict[str, str]
    devices: dict[str, SigningKey]
    days: tuple[date, ...]
    folder: Path


def new_community(folder: Path, start: datetime, *, seed: bytes = b"street") -> Community:
    """Found a community in a new SQLite file of a folder."""
    database = Database(f"sqlite:///{folder / 'street.sqlite'}")
    upgrade(database)
    charter = Charter(
        "ladywood.example/ledger/1",
        "Ladywood Street Power",
        ZONE,
        "LWD",
        "street",
        Rules(PriceRule.MID_MARKET, import_ticks=2450, export_ticks=410),
        "All wallets together always sum to zero.",
        replay=True,
    )
    clock = FixedClock(_ms(start))
    entropy = seeded_entropy(seed)
    return found_community(database, Keyring(folder / "keys"), clock, charter, entropy=entropy)


def street_readings(sites: Sequence[SimulatedSite], days: Sequence[date]) -> list[Reading]:
    """Return simulated readings of every meter that a site has."""
    return [
        Reading(meter, channel_of(site, meter), period, wh, Quality.ACTUAL)
        for site in sites
        for day in days
        for meter, flows in simulate_day(site, day, "street").items()
        for period, wh in zip(of_local_day(day, load_zone(ZONE)), flows, strict=True)
    ]


def channel_of(site: SimulatedSite, meter: str) -> Channel:
    """Return what a site's meter counts: the home's own imports, its panels' exports."""
    return Channel.IMPORT if meter == site.meter else Channel.EXPORT


def add_meters(community: Community, member: str, site: SimulatedSite) -> None:
    """Log a member's consent to a site's meters."""
    meters = [site.meter, site.solar_meter] if site.peak_w else [site.meter]
    for meter in meters:
        add_meter(community, member, meter, channel_of(site, meter).value)


def build_street(folder: Path) -> Street:
    """Build the street: four members, 30 June and 1 July 2026, three readings missing."""
    community = new_community(folder, datetime(2026, 6, 28, 12, tzinfo=UTC))
    clock = community.writer.clock
    assert isinstance(clock, FixedClock)
    members, devices = {}, {}
    for place, (name, site) in enumerate(zip(NAMES, SITES, strict=True)):
        device = devices[name] = SigningKey.from_seed(bytes([place + 1] * 32))
        members[name] = add_member(community, name, "household", Terms(), device)
        add_meters(community, members[name], site)
    clock.set_ms(_ms(datetime(2026, 6, 29, 9, tzinfo=UTC)))
    pay(community, members["Ben"], members["Ada"], 360 * PENNY_UNITS, "two loaves")
    readings = street_readings(SITES, (JUNE_30, JULY_1))
    first = of_local_day(JUNE_30, load_zone(ZONE)).start
    gone = {("m-ben", first + index) for index in range(MISSING)}
    clock.set_ms(_ms(datetime(2026, 7, 3, 5, tzinfo=UTC)))
    import_readings(community, [r for r in readings if (r.meter, r.period) not in gone])
    for day in (JUNE_30, JULY_1):
        clock.set_ms(first_due_ms(day, ZONE))
        settle_day(community, day)
    pay(community, members["Ada"], members["Cleo"], 125 * PENNY_UNITS, "apples <b>& pears</b>")
    return Street(community, clock, members, devices, (JUNE_30, JULY_1), folder)


def _ms(instant: datetime) -> int:
    return int(instant.timestamp()) * 1000
