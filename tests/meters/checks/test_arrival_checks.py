"""Gaps, revisions, clocks, lateness, estimates: what fires, and what just does not."""

from datetime import date

import pytest

from ledger.primitives.periods import of_local_day
from meters.checks.arrivals import (
    clock_skew,
    estimated_share,
    grid,
    late,
    prolonged_estimate,
    revision,
)
from meters.checks.context import Arrival
from meters.checks.limits import CheckLimits
from meters.readings import Quality
from tests.meters.checks.days import DAY, LONDON, day_of, found, plain, series, stored

LIMITS = CheckLimits()
CAME_MS = DAY.stop * 1_800_000 + 60_000
MINUTES = 60_000


# Grid


@pytest.mark.parametrize(("day", "count"), [((3, 29), 46), ((6, 15), 48), ((10, 25), 50)])
def test_a_whole_local_day_has_no_gap(day, count):
    periods = of_local_day(date(2026, *day), LONDON)
    assert not found(grid(day_of(plain(count), periods=periods), LIMITS))
    (item,) = grid(day_of(plain(count - 1), periods=periods), LIMITS)
    assert (item.first, item.count) == (periods[-1], 1)
    assert f"1 of the day's {count} half-hours is missing." in item.text


def test_each_stretch_of_gaps_is_one_finding():
    values = [None, None, *plain()[2:20], None, *plain()[21:]]
    assert found(grid(day_of(values), LIMITS)) == [("grid", 0, 2), ("grid", 20, 1)]


def test_a_source_that_knows_no_clock_change_is_guessed():
    periods = of_local_day(date(2026, 10, 25), LONDON)
    (item,) = grid(day_of(plain(48), periods=periods), LIMITS)
    assert item.text.endswith("the source seems to know only days of 48.")


# Revision


def versions(*values, quality=Quality.ACTUAL):
    return {DAY.start + 3: [stored(wh, quality, number) for number, wh in enumerate(values)]}


def test_a_revision():
    (item,) = revision(day_of(versions=versions(300, 280)), LIMITS)
    assert found([item]) == [("revision", 3, 1)]
    assert "from 300 to 280 Wh" in item.text


def test_one_version_the_same_twice_and_our_estimate_are_no_revision():
    for said in ({}, versions(300), versions(300, 300)):
        assert not found(revision(day_of(versions=said), LIMITS))
    ours_first = {DAY.start: [stored(9, Quality.LIKE_DAY), stored(300)]}
    assert not found(revision(day_of(versions=ours_first), LIMITS))


def test_a_day_that_came_back_to_its_first_value_was_revised_too():
    assert found(revision(day_of(versions=versions(300, 280, 300)), LIMITS))


# Clock skew


def arrival(skew_ms=0, *, backfill=False, last=DAY[-1]):
    return {5: Arrival(CAME_MS + skew_ms, CAME_MS, backfill, last)}


@pytest.mark.parametrize("skew_ms", [15 * MINUTES + 1, -15 * MINUTES - 1])
def test_a_wrong_clock(skew_ms):
    (item,) = clock_skew(day_of(arrivals=arrival(skew_ms, last=DAY.start)), LIMITS)
    assert found([item]) == [("clock-skew", 0, 48)]
    assert f"15 min {'ahead of' if skew_ms > 0 else 'behind'} ours" in item.text


@pytest.mark.parametrize("skew_ms", [15 * MINUTES, -15 * MINUTES, 0])
def test_a_clock_that_is_nearly_right(skew_ms):
    assert not found(clock_skew(day_of(arrivals=arrival(skew_ms, last=DAY.start)), LIMITS))


def test_a_file_is_old_by_nature_but_not_older_than_its_readings():
    old = arrival(-(10**9), backfill=True, last=DAY.start - 1000)
    assert not found(clock_skew(day_of(arrivals=old), LIMITS))
    early = arrival(-17 * MINUTES, backfill=True)  # 16 min before the last half-hour's end
    (item,) = clock_skew(day_of(arrivals=early), LIMITS)
    assert "before its half-hours were over" in item.text
    assert not found(clock_skew(day_of(arrivals=arrival(-16 * MINUTES, backfill=True)), LIMITS))


def test_clock_skew_names_only_the_batchs_half_hours_and_rests_without_arrivals():
    known = series(plain()) | series([300] * 4, DAY.start + 8, position=6)
    arrivals = {6: Arrival(CAME_MS + 10**7, CAME_MS, False, DAY.start + 11)}
    assert found(clock_skew(day_of(known=known, arrivals=arrivals), LIMITS)) == [
        ("clock-skew", 8, 4)
    ]
    assert not found(clock_skew(day_of(), LIMITS))
    assert not found(
        clock_skew(day_of(arrivals=arrivals, known=known), CheckLimits(clock_skew_ms=None))
    )


# Late


@pytest.mark.parametrize(("due_at_ms", "fires"), [(CAME_MS, 0), (CAME_MS - 1, 1), (None, 0)])
def test_late(due_at_ms, fires):
    day = day_of(arrivals=arrival(), due_at_ms=due_at_ms)
    assert found(late(day, LIMITS)) == [("late", 0, 48)] * fires


def test_late_rests_where_nothing_is_said_of_arrivals():
    assert not found(late(day_of(due_at_ms=0), LIMITS))


# Estimates


@pytest.mark.parametrize(("count", "fires"), [(12, 0), (13, 1)])
@pytest.mark.parametrize("quality", [Quality.ESTIMATED, Quality.ZERO])
def test_the_share_of_estimates(count, fires, quality):
    known = series(plain()) | series([1] * count, DAY.start + 7, quality)
    day = day_of(known=known)
    assert found(estimated_share(day, LIMITS)) == [("estimated-share", 0, 48)] * fires
    assert not found(estimated_share(day, CheckLimits(estimated_percent=None)))


FORTNIGHT = DAY.stop - 14 * 48


@pytest.mark.parametrize("known", [{}, series([1] * 672, FORTNIGHT, Quality.LIKE_DAY)])
def test_a_fortnight_without_an_actual_reading(known):
    day = day_of(known=known, history_first=FORTNIGHT)
    assert found(prolonged_estimate(day, LIMITS)) == [("prolonged-estimate", -624, 672)]
    assert not found(prolonged_estimate(day, CheckLimits(prolonged_days=None)))


@pytest.mark.parametrize("quality", [Quality.ACTUAL, Quality.EDITED])
def test_one_actual_reading_is_enough(quality):
    for known, fires in (
        (series([1], FORTNIGHT, quality), 0),
        (series([1], FORTNIGHT - 1, quality), 1),
    ):
        day = day_of(known=known, history_first=0)
        assert len(found(prolonged_estimate(day, LIMITS))) == fires


def test_a_meter_that_is_new_is_given_its_fortnight():
    assert not found(prolonged_estimate(day_of(known={}, history_first=FORTNIGHT + 1), LIMITS))
    assert not found(prolonged_estimate(day_of(known={}), LIMITS))
