"""A simulated street's meter readings: for demonstrations and tests, and called simulated.

Solar output follows the sun's geometry over Birmingham (declination and hour angle, after
Cooper 1969; air mass after Meinel 1976) and a cloud cover that wanders from half-hour to
half-hour. Homes follow a base load, a morning and an evening peak and random kettles and ovens.
Everything follows from a seed. ``docs/simulation.md`` describes it.

>>> home = SimulatedSite("h1", peak_w=0, base_wh=60, morning_wh=200, evening_wh=300)
>>> simulate_day(home, date(2026, 6, 15), "street")["h1"][:3]
[74, 67, 62]
"""

import math
import random
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from ledger.primitives.periods import load_zone, of_local_day, start_text, start_utc
from meters.readings import Channel

LATITUDE_DEGREES = 52.48
LONGITUDE_DEGREES = -1.90
"""Birmingham, Ladywood."""

ZONE = "Europe/London"

SOLAR_CONSTANT_W = 1353.0
"""Irradiance above the air, in W/m2, as Meinel's air mass formula takes it."""

SYSTEM_EFFICIENCY = 0.80
"""What inverter, wiring, dirt and heat leave of a panel's rated output."""


@dataclass(frozen=True, slots=True)
class SimulatedSite:
    """A site's habits.

    Attributes:
        meter: id of its meter.
        peak_w: rated output of its panels; 0 for none.
        base_wh: what always runs, per half-hour.
        morning_wh: height of the morning peak, per half-hour.
        evening_wh: height of the evening peak, per half-hour.
        daytime_wh: what runs from nine to five on working days (a shop, people at home).
        azimuth_degrees: where the panels face; 180 is south.
        tilt_degrees: their slope.
    """

    meter: str
    peak_w: int
    base_wh: int
    morning_wh: int
    evening_wh: int
    daytime_wh: int = 0
    azimuth_degrees: int = 180
    tilt_degrees: int = 35

    @property
    def solar_meter(self) -> str:
        """The id of the panels' own meter."""
        return f"{self.meter}-pv"


def simulate_day(site: SimulatedSite, day: date, seed: str) -> dict[str, list[int]]:
    """Return the Wh of a local day by meter: the home's use, and its panels' own meter."""
    periods = of_local_day(day, load_zone(ZONE))
    sky = random.Random(f"{seed}/sky/{day}")  # noqa: S311 - weather, not keys
    habits = random.Random(f"{seed}/{site.meter}/{day}")  # noqa: S311 - as above
    clouds = _clouds(sky, len(periods))
    flows = {site.meter: [_used_wh(site, period, habits) for period in periods]}
    if site.peak_w:
        flows[site.solar_meter] = [
            solar_wh(site, period, clearness)
            for period, clearness in zip(periods, clouds, strict=True)
        ]
    return flows


def solar_wh(site: SimulatedSite, period: int, clearness: float) -> int:
    """Return a site's solar output in a half-hour, in Wh.

    Args:
        site: its panels.
        period: the half-hour; the sun stands as at its middle.
        clearness: part of the clear sky's light that comes through, 0 to 1.
    """
    if not site.peak_w:
        return 0
    middle = start_utc(period) + timedelta(minutes=15)
    day_of_year = middle.timetuple().tm_yday
    declination = math.radians(23.45 * math.sin(math.radians(360 * (284 + day_of_year) / 365)))
    solar_hour = middle.hour + middle.minute / 60 + LONGITUDE_DEGREES / 15
    hour_angle = math.radians(15 * (solar_hour - 12))
    latitude = math.radians(LATITUDE_DEGREES)
    height = math.sin(latitude) * math.sin(declination) + math.cos(latitude) * math.cos(
        declination
    ) * math.cos(hour_angle)
    if height <= 0:
        return 0
    direct = SOLAR_CONSTANT_W * 0.7 ** ((1 / height) ** 0.678)
    east = math.cos(declination) * math.sin(hour_angle)
    north = math.cos(latitude) * math.sin(declination) - math.sin(latitude) * math.cos(
        declination
    ) * math.cos(hour_angle)
    tilt, azimuth = math.radians(site.tilt_degrees), math.radians(site.azimuth_degrees)
    facing = height * math.cos(tilt) + math.sin(tilt) * (
        north * math.cos(azimuth) - east * math.sin(azimuth)
    )
    light = direct * clearness * max(0.0, facing) + direct * 0.12 * height
    return int(site.peak_w * light / 1000 * SYSTEM_EFFICIENCY / 2 + 0.5)


def _clouds(sky: random.Random, count: int) -> list[float]:
    """Return how clear each half-hour of a day is: wandering around the day's mean."""
    mean = sky.uniform(0.35, 0.95)
    clearness, values = mean, []
    for _ in range(count):
        clearness += 0.35 * (mean - clearness) + sky.gauss(0, 0.12)
        values.append(min(1.0, max(0.08, clearness)))
    return values


def _used_wh(site: SimulatedSite, period: int, habits: random.Random) -> int:
    local = start_utc(period).astimezone(load_zone(ZONE))
    hour = local.hour + local.minute / 60
    weekend = local.weekday() >= 5  # noqa: PLR2004 - Saturday is 5
    used = site.base_wh * habits.uniform(0.85, 1.25)
    used += site.morning_wh * _bump(hour, 9.0 if weekend else 7.5, 1.2) * habits.uniform(0.5, 1.3)
    used += site.evening_wh * _bump(hour, 18.8, 2.0) * habits.uniform(0.6, 1.3)
    if site.daytime_wh and not weekend and 9 <= hour < 17:  # noqa: PLR2004 - nine to five
        used += site.daytime_wh * habits.uniform(0.7, 1.2)
    if 7 <= hour < 23 and habits.random() < 0.06:  # noqa: PLR2004 - waking hours, now and then
        used += habits.uniform(80, 700)
    return round(used)


def _bump(hour: float, centre: float, width: float) -> float:
    return math.exp(-(((hour - centre) / width) ** 2))


def write_csv(site: SimulatedSite, days: list[date], seed: str, path: Path) -> int:
    """Write a site's days as a plain CSV meter file and return the number of readings."""
    rows = []
    for day in days:
        flows = simulate_day(site, day, seed)
        for place, period in enumerate(of_local_day(day, load_zone(ZONE))):
            for meter, values in flows.items():
                channel = Channel.IMPORT if meter == site.meter else Channel.EXPORT
                rows.append(f"{meter},{channel.value},{start_text(period)},{values[place]}\n")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("meter,channel,start,wh\n" + "".join(rows), encoding="utf-8")
    return len(rows)
