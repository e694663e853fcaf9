"""The sun's height against almanac figures: solstices, equinox, sunrise, the polar night."""

from datetime import UTC, datetime, timedelta

import pytest

from ledger.errors import InputError
from meters.checks.sun import Site, is_night, sun_height_mdeg

GREENWICH = Site(51_476_900, 0)
SYDNEY = Site(-33_868_800, 151_209_300)
TROMSOE = Site(69_649_200, 18_955_300)
LOS_ANGELES = Site(34_052_200, -118_243_700)


def at(*parts):
    return int(datetime(*parts, tzinfo=UTC).timestamp())


def first_light(site, day, since_hour):
    """The first minute from an hour on at which the sun's centre is above -0.833 degrees."""
    moment = datetime(*day, since_hour, tzinfo=UTC)
    while sun_height_mdeg(int(moment.timestamp()), site) <= -833:
        moment += timedelta(minutes=1)
    return f"{moment:%H:%M}"


@pytest.mark.parametrize(
    ("site", "moment", "mdeg"),
    [
        # At noon the height is 90 degrees less the latitude, and the sun's declination more.
        (GREENWICH, (2026, 6, 21, 12, 2), 90_000 - 51_477 + 23_438),
        (GREENWICH, (2026, 12, 21, 11, 58), 90_000 - 51_477 - 23_438),
        (Site(0, 0), (2026, 3, 20, 12, 7), 90_000),
        (SYDNEY, (2026, 12, 22, 1, 54), 90_000 - 33_869 + 23_438),
    ],
)
def test_noon(site, moment, mdeg):
    assert abs(sun_height_mdeg(at(*moment), site) - mdeg) < 150


@pytest.mark.parametrize(
    ("site", "day", "since_hour", "earliest", "latest"),
    [
        (GREENWICH, (2026, 6, 21), 0, "03:42", "03:44"),  # 04:43 British summer time
        (GREENWICH, (2026, 12, 21), 0, "08:03", "08:05"),
        (LOS_ANGELES, (2026, 6, 21), 9, "12:41", "12:43"),  # 05:42 Pacific daylight time
        (SYDNEY, (2026, 6, 21), 12, "20:59", "21:01"),  # 07:00 on the 22nd
    ],
)
def test_sunrise(site, day, since_hour, earliest, latest):
    assert earliest <= first_light(site, day, since_hour) <= latest


def test_polar_night_and_midnight_sun():
    december, june = at(2026, 12, 21, 0, 0) // 1800, at(2026, 6, 21, 0, 0) // 1800
    assert all(is_night(december + half, TROMSOE, -833) for half in range(48))
    assert not any(is_night(june + half, TROMSOE, -833) for half in range(48))


def test_a_half_hour_in_which_the_sun_rises_is_not_night():
    period = at(2026, 6, 21, 3, 30) // 1800
    assert is_night(period - 1, GREENWICH, -833)
    assert not is_night(period, GREENWICH, -833)


@pytest.mark.parametrize("site", [Site(90_000_001, 0), Site(0, -180_000_001)])
def test_no_place_on_earth_is_refused(site):
    with pytest.raises(InputError, match="no place on Earth"):
        site.check()
    assert GREENWICH.check() == GREENWICH
