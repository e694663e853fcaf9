"""The demonstration's street: who lives there and what their meters do. All of it simulated.

>>> len([site for site in STREET if site.member_class == "household"])
14
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from market.model import PriceRule, Rules
from meters.simulation import SimulatedSite
from settlement.enrol import Charter

SEED = "ladywood"
"""Everything in the demonstration follows from it, keys included: never use it for real."""

WEEK = [date(2026, 6, 15) + timedelta(days=offset) for offset in range(7)]
"""A June week, Monday to Sunday."""

FOUNDED_MS = int(datetime(2026, 6, 14, 10, tzinfo=UTC).timestamp()) * 1000
"""When the simulated clock starts: the Sunday before."""

CHARTER = Charter(
    "ladywood.example/ledger/1",
    "Ladywood Street Power",
    "Europe/London",
    "LWD",
    "street",
    Rules(PriceRule.MID_MARKET, import_ticks=2450, export_ticks=410),
    "Mutual credit: all balances sum to zero. Nobody outside backs it.",
    replay=True,
)


@dataclass(frozen=True, slots=True)
class StreetSite:
    """A member and their meter."""

    name: str
    member_class: str
    site: SimulatedSite


def _home(
    number: int, name: str, habits: tuple[int, int, int], roof: tuple[int, int] = (0, 180)
) -> StreetSite:
    base, morning, evening = habits
    peak_w, azimuth = roof
    return StreetSite(
        name,
        "household",
        SimulatedSite(f"lw-{number:02d}", peak_w, base, morning, evening, azimuth_degrees=azimuth),
    )


STREET = (
    _home(1, "Adeyemi", (70, 180, 320), (3600, 180)),
    _home(3, "Begum", (90, 260, 420)),
    _home(5, "Chaudhry", (60, 150, 260), (2900, 225)),
    _home(7, "Doyle", (50, 120, 210)),
    _home(9, "Evans", (80, 200, 380)),
    _home(11, "Farah", (65, 220, 300), (4000, 180)),
    _home(13, "Green", (45, 90, 180)),
    _home(15, "Hussain", (110, 280, 460)),
    _home(17, "Iqbal", (75, 190, 330), (3200, 135)),
    _home(19, "Jones", (55, 140, 240)),
    _home(21, "Kaur", (85, 240, 390), (3600, 200)),
    _home(23, "Lewis", (60, 160, 280)),
    _home(25, "Morris", (70, 170, 310)),
    _home(27, "Nowak", (95, 210, 350), (2500, 260)),
    StreetSite(
        "St Vincent's School roof",
        "generator",
        SimulatedSite("school-roof", 12_000, 40, 0, 0, daytime_wh=900, tilt_degrees=15),
    ),
    StreetSite(
        "Moseley Bakery", "shop", SimulatedSite("bakery", 0, 260, 900, 120, daytime_wh=1100)
    ),
)
"""Fourteen homes, six of them with panels, a school's roof and a shop."""
