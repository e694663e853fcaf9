"""How high the sun stands: the one place of the checks with floats.

The low-precision formulas of the Astronomical Almanac (US Naval Observatory, "Computing
Approximate Solar Coordinates"), right to some hundredths of a degree between 1950 and 2050.

>>> round(sun_height_mdeg(1_782_043_320, Site(51_476_900, 0)), -2)  # noon at Greenwich, midsummer
62000
"""

from math import asin, atan2, cos, degrees, radians, sin
from typing import NamedTuple

from ledger.errors import InputError
from ledger.primitives.periods import SECONDS

J2000_SECONDS = 946_728_000
"""Noon of 1 January 2000, in seconds since the Unix epoch."""

DAY_SECONDS = 86_400
"""Length of a day."""


class Site(NamedTuple):
    """Where a meter stands, in millionths of a degree; north and east are positive."""

    latitude_udeg: int
    longitude_udeg: int

    def check(self) -> "Site":
        """Return the site itself.

        Raises:
            InputError: no such place.
        """
        if abs(self.latitude_udeg) > 90_000_000 or abs(self.longitude_udeg) > 180_000_000:  # noqa: PLR2004
            raise InputError(
                f"latitude {self.latitude_udeg} and longitude {self.longitude_udeg}, in millionths"
                " of a degree, are no place on Earth; is one of them in another unit?"
            )
        return self


def sun_height_mdeg(at: int, site: Site) -> int:
    """Return the height of the sun's centre, without refraction.

    Args:
        at: seconds since the Unix epoch.
        site: where.

    Returns:
        Thousandths of a degree above the horizon; negative below it.
    """
    days = (at - J2000_SECONDS) / DAY_SECONDS
    anomaly = radians(357.529 + 0.98560028 * days)
    mean = 280.459 + 0.98564736 * days
    longitude = radians(mean + 1.915 * sin(anomaly) + 0.020 * sin(2 * anomaly))
    tilt = radians(23.439 - 0.00000036 * days)
    ascension = atan2(cos(tilt) * sin(longitude), cos(longitude))
    declination = asin(sin(tilt) * sin(longitude))
    sidereal = radians(280.46062 + 360.98564737 * days + site.longitude_udeg / 1e6)
    latitude, hour = radians(site.latitude_udeg / 1e6), sidereal - ascension
    height = asin(sin(latitude) * sin(declination) + cos(latitude) * cos(declination) * cos(hour))
    return round(degrees(height) * 1000)


def is_night(period: int, site: Site, height_mdeg: int) -> bool:
    """Return whether the sun stays below a height for a whole half-hour.

    Its begin, middle and end are looked at: between them the sun moves by less than 4 degrees,
    and turns around at midnight, where it is lowest.
    """
    begin = period * SECONDS
    return all(
        sun_height_mdeg(at, site) < height_mdeg
        for at in (begin, begin + SECONDS // 2, begin + SECONDS)
    )
