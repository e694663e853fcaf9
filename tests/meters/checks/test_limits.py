"""Limits by meter: what is not said is the default, what is no limit is refused."""

import pytest

from ledger.errors import InputError
from meters.checks.limits import DEFAULTS, CheckLimits, limits_of


def test_a_meter_of_which_nothing_is_said_has_the_defaults():
    assert limits_of("h1", {"h2": {"night_wh": None}}) == DEFAULTS == CheckLimits()


def test_only_what_is_said_differs():
    own = limits_of("h1", {"h1": {"night_wh": None, "spike_floor_wh": 9_000}})
    assert own == CheckLimits(night_wh=None, spike_floor_wh=9_000)


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ({"nigth_wh": 5}, "'nigth_wh' is not a limit"),
        ({"night_wh": -1}, "night_wh cannot be -1"),
        ({"stuck_periods": 0}, "stuck_periods cannot be 0"),
        ({"spike_floor_wh": None}, "cannot be switched off"),
    ],
)
def test_what_is_no_limit_is_refused(override, words):
    with pytest.raises(InputError, match=words):
        limits_of("h1", {"h1": override})


def test_the_sun_may_be_asked_to_be_lower():
    assert limits_of("h1", {"h1": {"sun_height_mdeg": -6_000}}).sun_height_mdeg == -6_000
