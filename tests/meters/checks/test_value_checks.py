"""Spikes, stuck meters, registers, sun and generation: what fires, and what just does not."""

from datetime import date

import pytest

from ledger.primitives.periods import of_local_day
from meters.checks.limits import CheckLimits
from meters.checks.sources import above_generation, night
from meters.checks.sun import Site
from meters.checks.values import register, spike, stuck
from meters.readings import Advance, Channel, Place, Quality
from tests.meters.checks.days import DAY, LONDON, day_of, found, plain, series

LIMITS = CheckLimits()
GREENWICH = Site(51_476_900, 0)


def with_values(at, *values, count=48):
    readings = plain(count)
    readings[at : at + len(values)] = values
    return readings


# Spike


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (with_values(5, 5_001), [("spike", 5, 1)]),
        (with_values(5, 5_000), []),  # the floor itself: a car's single half-hour stays below it
        (with_values(5, 9_000, 9_500), [("spike", 5, 2)]),
        (with_values(5, 9_000, 3_300, 3_200), [("spike", 5, 1)]),
        (with_values(5, 8_960, 3_300, 3_200), []),  # 280 % of 3,200
        (with_values(5, 9_000, 9_000, 9_000), []),  # three are no spike: the car is charging
        ([9_000, 1] + [None] * 46, []),  # there is no third
    ],
)
def test_spike(values, expected):
    assert found(spike(day_of(values), LIMITS)) == expected


def test_a_kettle_at_night_is_no_spike():
    assert not found(spike(day_of([40] * 47 + [150]), LIMITS))


def test_spike_leaves_edits_and_our_estimates_alone_and_can_be_switched_off():
    for quality in (Quality.EDITED, Quality.SCALED):
        known = series(plain()) | series([9_000], DAY.start + 5, quality)
        assert not found(spike(day_of(known=known), LIMITS))
    assert not found(spike(day_of(with_values(5, 9_000)), CheckLimits(spike_percent=None)))


# Stuck


def test_stuck_for_a_day():
    assert found(stuck(day_of([412] * 48), LIMITS)) == [("stuck", 0, 48)]
    assert not found(stuck(day_of([412] * 47 + [413]), LIMITS))


def test_stuck_reaches_back_before_the_day_as_far_as_is_known():
    known = series([412] * 50, DAY.start - 40)
    day = day_of(known=known, history_first=DAY.start - 48)
    assert found(stuck(day, LIMITS)) == [("stuck", -40, 50)]
    assert not found(stuck(day_of(known=known), LIMITS))  # nothing is said of the day before
    assert not found(stuck(day_of(known=known, history_first=DAY.start - 37), LIMITS))


def test_a_gap_or_an_estimate_ends_it():
    for middle in ({}, series([412], DAY.start, Quality.LIKE_DAY)):
        known = series([412] * 47, DAY.start - 47) | middle | series([412] * 47, DAY.start + 1)
        day = day_of(known=known, history_first=DAY.start - 48)
        assert not found(stuck(day, LIMITS))


@pytest.mark.parametrize(
    ("channel", "count", "expected"),
    [
        (Channel.IMPORT, 336, [("stuck", -288, 336)]),
        (Channel.IMPORT, 335, []),
        (Channel.EXPORT, 336, []),
    ],
)
def test_zero_for_a_week_is_stuck_for_import_only(channel, count, expected):
    known = series([0] * count, DAY.stop - count)
    day = day_of(known=known, history_first=DAY.start - 400, channel=channel)
    assert found(stuck(day, LIMITS)) == expected


def test_stuck_can_be_switched_off():
    limits = CheckLimits(stuck_periods=None, stuck_zero_periods=None)
    assert not found(stuck(day_of([412] * 48), limits))
    known = series([0] * 336, DAY.stop - 336)
    assert not found(stuck(day_of(known=known, history_first=0), limits))


# Register


def advance(wh, begin=DAY.start * 1800, end=DAY.stop * 1800, meter="h1"):
    return Advance(meter, Channel.IMPORT, begin, end, wh, Quality.ACTUAL, Place(0, 0, 0))


TOTAL = sum(plain())


@pytest.mark.parametrize("wh", [TOTAL - 1_001, TOTAL + 1_001])
def test_a_register_that_disagrees(wh):
    (item,) = register(day_of(advances=[advance(wh)]), LIMITS)
    assert found([item]) == [("register", 0, 48)]
    assert f"advanced by {wh:,} Wh, its half-hours sum to {TOTAL:,} Wh" in item.text


@pytest.mark.parametrize("wh", [TOTAL - 1_000, TOTAL, TOTAL + 1_000])
def test_a_register_within_a_step(wh):
    assert not found(register(day_of(advances=[advance(wh)]), LIMITS))


def test_what_a_gap_held_is_not_known():
    values = [None, *plain()[1:]]
    assert not found(register(day_of(values, advances=[advance(TOTAL + 50_000)]), LIMITS))
    low = sum(values[1:]) - 1_001
    assert found(register(day_of(values, advances=[advance(low)]), LIMITS))


def test_reads_within_a_half_hour_leave_room_for_it():
    at = {"begin": DAY.start * 1800 + 600, "end": DAY.stop * 1800 - 600}
    inside = TOTAL - 300 - 347
    for wh, fires in ((TOTAL + 1000, 0), (TOTAL + 1001, 1), (inside - 1000, 0), (inside - 1001, 1)):
        assert len(found(register(day_of(advances=[advance(wh, **at)]), LIMITS))) == fires


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"advances": [advance(0, meter="h2")]},
        {"advances": [advance(0, begin=(DAY.start - 1) * 1800)]},  # begins before what is known
        {"advances": [advance(0, end=(DAY.stop + 1) * 1800)]},  # ends in another day
        {"advances": [advance(0, begin=(DAY.start - 9) * 1800, end=DAY.start * 1800)]},
    ],
)
def test_a_register_of_another_day_meter_or_time_says_nothing(more):
    assert not found(register(day_of(**more), LIMITS))


def test_register_can_be_switched_off():
    day = day_of(advances=[advance(0)])
    assert found(register(day, LIMITS))
    assert not found(register(day, CheckLimits(register_wh=None)))


# Night and generation


def export_of(values, **more):
    return day_of(values, channel=Channel.EXPORT, **more)


def test_solar_energy_at_night():
    values = [0] * 48
    values[2:4] = [6, 7]  # 01:00 and 01:30 on the clock
    values[24] = 2_000
    assert found(night(export_of(values, site=GREENWICH), LIMITS)) == [("night", 2, 2)]


def test_a_little_at_night_and_much_by_day_is_no_finding():
    assert not found(night(export_of([5] * 10 + [2_000] * 30 + [5] * 8, site=GREENWICH), LIMITS))


def test_night_rests_without_a_place_for_import_and_where_it_is_off():
    values = [900] * 48
    assert not found(night(export_of(values), LIMITS))
    assert not found(night(day_of(values, site=GREENWICH), LIMITS))
    assert not found(night(export_of(values, site=GREENWICH), CheckLimits(night_wh=None)))


def test_night_on_the_day_of_50_half_hours():
    periods = of_local_day(date(2026, 10, 25), LONDON)
    day = export_of([0] * 49 + [9], periods=periods, site=GREENWICH)
    assert [item.first for item in night(day, LIMITS)] == [periods[-1]]


@pytest.mark.parametrize(("wh", "fires"), [(1_100, 0), (1_101, 1)])
def test_more_fed_in_than_made(wh, fires):
    made = series([1_000] * 48)
    day = export_of([wh] + [0] * 47, generation=made)
    assert found(above_generation(day, LIMITS)) == [("above-generation", 0, 1)] * fires


def test_above_generation_rests_where_generation_is_not_known():
    values = [5_000] * 48
    assert not found(above_generation(export_of(values), LIMITS))
    assert not found(above_generation(export_of(values, generation={}), LIMITS))
    made = series([0] * 48)
    assert not found(above_generation(day_of(values, generation=made), LIMITS))
    off = CheckLimits(above_generation_wh=None)
    assert not found(above_generation(export_of(values, generation=made), off))
