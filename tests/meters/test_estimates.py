"""Estimates, method by method: what each takes, how it rounds, and when the next one follows."""

from datetime import date, timedelta

import pytest

from ledger.primitives.periods import of_local_day
from meters.estimate_days import day_type, like_days, same_time
from meters.estimate_inputs import RULES_VERSION
from meters.estimates import estimate
from meters.readings import Channel, Quality
from tests.meters.bases import (
    AT,
    DAY,
    LONDON,
    MONDAY,
    WEEK,
    advance,
    basis_of,
    one,
    readings,
    values,
    whole,
    without,
)
from tests.meters.checks.days import stored

IMPORT, EXPORT = Channel.IMPORT, Channel.EXPORT
RULES = {"what": "rules", "first": RULES_VERSION}


# What is a gap


def test_nothing_missing_nothing_estimated():
    assert estimate(basis_of(whole()), DAY) == ([], [])


def test_our_own_estimate_is_a_gap_a_companys_and_an_edit_are_not():
    for quality, gap in ((Quality.EDITED, 0), (Quality.ESTIMATED, 0), (Quality.ZERO, 1)):
        known = whole() | {AT: stored(9, quality)}
        assert len(estimate(basis_of(known), DAY).runs) == gap


# Linear


@pytest.mark.parametrize(
    ("left", "right", "count", "expected"),
    [
        (100, 201, 1, [150]),
        (100, 100, 4, [100] * 4),
        (0, 7, 4, [1, 2, 4, 5]),
        (7, 0, 4, [5, 4, 2, 1]),
    ],
)
def test_a_short_gap_is_a_straight_line_rounded_down(left, right, count, expected):
    gap = range(AT, AT + count)
    known = {AT - 1: stored(left), AT + count: stored(right, position=6)}
    (run,) = estimate(basis_of(known), gap).runs
    assert (list(run.wh), run.quality) == (expected, Quality.INTERPOLATED)
    assert run.inputs == (RULES, readings(AT - 1), readings(AT + count, entry=6))


def test_a_gap_of_more_than_two_hours_is_no_line_even_where_the_span_ends_within():
    known = without(whole(), range(AT, AT + 5))
    assert one(basis_of(known))[0] == (300, "L")
    assert one(basis_of(known | {AT + 4: stored(300)}))[0] == (300, "I")


def test_no_line_from_a_suspect_neighbour_or_from_what_nobody_knows():
    known = {AT - 1: stored(100), AT + 1: stored(200)}
    suspects = {("h1", IMPORT): {AT + 1}}
    assert one(basis_of(known, suspects=suspects))[0] == (0, "Z")
    assert one(basis_of({AT - 1: stored(100)}))[0] == (0, "Z")


# Like day


def like(known, **more):
    gaps = range(AT - 4, AT + 5)
    return one(basis_of(without(known, gaps), **more))


def back(*days):
    """A reading of as many Wh as days, each so many days back."""
    return {AT - 48 * count: stored(count) for count in days}


def test_the_mean_of_the_five_nearest_days_of_the_type_rounded_down():
    known = back(2, 3, 4, 5, 6, 7, 10, 11)  # a Saturday, Friday, ..., Monday, Friday, Thursday
    sources = [readings(AT - 48 * count) for count in (10, 7, 6, 5, 4, 3)]
    assert like(known) == ((5, "L"), [RULES, *sources[1:]])
    assert like(without(known, {AT - 48 * 3}))[0] == ((4 + 5 + 6 + 7 + 10) // 5, "L")
    assert like(back(28))[0] == (28, "L")
    assert like(back(28, 3)) == ((15, "L"), [RULES, readings(AT - 4 * WEEK), readings(AT - 48 * 3)])
    assert like(back(1))[0] == (0, "Z")  # a Sunday
    assert like({AT - 5 * WEEK: stored(35)})[0] == (0, "Z")


def test_a_holiday_is_a_sunday():
    known = {AT - WEEK: stored(7), AT - 48: stored(1)}
    assert like(known)[0] == (7, "L")  # the day before is a Sunday
    assert like(known, holidays=frozenset({MONDAY}))[0] == (1, "L")
    assert like(known, holidays=frozenset({MONDAY - timedelta(days=7)}))[0] == (0, "Z")


def test_like_days_are_of_one_type_and_not_older_than_four_weeks():
    holidays = frozenset({date(2026, 5, 25)})
    for offset in range(14):
        day = MONDAY + timedelta(days=offset)
        found = like_days(day, holidays)
        assert {day_type(item, holidays) for item in found} == {day_type(day, holidays)}
        assert len(set(found)) == len(found)
        assert min(found) >= day - timedelta(days=28)
        assert list(found) == sorted(found, reverse=True)
        assert max(found) < day


def test_the_same_time_on_the_clock_across_clock_changes():
    autumn, spring = date(2026, 10, 25), date(2026, 3, 29)
    for day in (autumn, spring, MONDAY):
        assert same_time(day, 0, LONDON) == of_local_day(day, LONDON).start
    assert same_time(autumn, 60, LONDON) == of_local_day(autumn, LONDON).start + 2
    assert same_time(autumn, 120, LONDON) == of_local_day(autumn, LONDON).start + 6
    assert same_time(spring, 60, LONDON) is None
    assert same_time(spring, 120, LONDON) == of_local_day(spring, LONDON).start + 2


@pytest.mark.parametrize("quality", [Quality.ESTIMATED, Quality.SCALED])
def test_estimates_are_no_source_while_there_is_another(quality):
    known = {AT - WEEK: stored(7, quality), AT - 2 * WEEK: stored(14)}
    assert like(known)[0] == (14, "L")


def test_a_companys_estimate_is_a_source_where_nothing_else_is_ours_never():
    assert like({AT - WEEK: stored(7, Quality.ESTIMATED)})[0] == (7, "L")
    assert like({AT - WEEK: stored(7, Quality.LIKE_DAY)})[0] == (0, "Z")
    assert like({AT - WEEK: stored(7)}, suspects={("h1", IMPORT): {AT - WEEK}})[0] == (0, "Z")


def test_the_profile_of_actual_readings_comes_before_a_like_day_of_estimates():
    others = {f"h{number}": {AT: stored(number)} for number in (2, 3, 4)}
    assert like({AT - WEEK: stored(7, Quality.ESTIMATED)}, others=others)[0] == (3, "P")


# Like day of an export


REFERENCE = ("h9", EXPORT)


def sunny(then, now, value=1_000, **more):
    known = {AT - WEEK: stored(value)}
    references = more.pop("references", {REFERENCE: {AT - WEEK: stored(then), AT: stored(now)}})
    return one(basis_of(known, EXPORT, references=references, is_final=True, **more))


def test_an_export_is_scaled_by_a_reference_rounded_down():
    wh, inputs = sunny(300, 200)
    assert wh == (666, "L")
    assert inputs == [
        RULES,
        readings(AT - WEEK, channel="export"),
        readings(AT - WEEK, meter="h9", channel="export"),
        readings(AT, meter="h9", channel="export"),
    ]


@pytest.mark.parametrize(
    ("then", "now", "expected"),
    [
        (300, 0, (0, "L")),
        (50, 100, (2_000, "L")),
        (49, 100, (0, "Z")),  # dawn then and day now: a ratio of noise
        (49, 49, (1_000, "L")),
        (0, 0, (1_000, "L")),
    ],
)
def test_what_a_reference_says(then, now, expected):
    assert sunny(then, now)[0] == expected


def test_a_time_that_the_spring_night_skipped_is_looked_for_on_other_days():
    sunday, before = date(2026, 4, 5), date(2026, 3, 22)
    at = same_time(sunday, 60, LONDON)
    known = {same_time(before, 60, LONDON): stored(22)}
    wide = range(at - 5 * WEEK, at + WEEK)
    assert one(basis_of(known, covered=wide), at)[0] == (22, "L")


def test_before_half_hours_are_counted_there_is_no_like_day():
    assert one(basis_of({}, covered=range(96)), 50)[0] == (0, "Z")


def test_sums_over_the_same_days_are_compared():
    known = {AT - WEEK: stored(1_000), AT - 2 * WEEK: stored(500), AT - 48 * 3: stored(9_999)}
    ref = {AT - WEEK: stored(300), AT - 2 * WEEK: stored(100), AT: stored(200)}
    basis = basis_of(known, EXPORT, references={REFERENCE: ref}, is_final=True)
    assert one(basis)[0] == (1_500 * 200 // 400, "L")


def test_without_a_reference_there_is_no_like_day_of_an_export():
    own = {("h1", IMPORT): {AT - WEEK: stored(300), AT: stored(200)}}
    for references in ({}, {REFERENCE: {AT: stored(200)}}, own):
        assert sunny(0, 0, references=references)[0] == (0, "Z")
    assert sunny(300, 200, suspects={REFERENCE: {AT}})[0] == (0, "Z")


def test_the_first_reference_by_name_that_has_both_counts():
    early = {
        ("h8", EXPORT): {AT: stored(1)},
        ("h7", EXPORT): {AT - WEEK: stored(100), AT: stored(50)},
    }
    both = {**early, REFERENCE: {AT - WEEK: stored(100), AT: stored(90)}}
    assert sunny(0, 0, references=both)[0] == (500, "L")


def test_no_estimate_exceeds_the_capacity():
    assert sunny(100, 900, capacity_wh=1_840)[0] == (1_840, "L")
    assert like(whole(5_000), capacity_wh=4_000)[0] == (4_000, "L")
    assert one(basis_of(without(whole(5_000), {AT}), capacity_wh=4_000))[0] == (4_000, "I")
    others = {f"h{number}": {AT: stored(9_000)} for number in (2, 3, 4)}
    assert one(basis_of({}, others=others, capacity_wh=4_000))[0] == (4_000, "P")


# Before the final run


def test_an_export_is_zero_before_the_final_run_whatever_is_known():
    known = without(whole(1_000), range(AT, AT + 9))
    more = {
        "references": {REFERENCE: whole(500)},
        "advances": [advance(60_000, DAY, EXPORT)],
        "others": {name: whole(900) for name in ("h2", "h3", "h4")},
    }
    early = estimate(basis_of(known, EXPORT, **more), DAY)
    assert values(early) == dict.fromkeys(range(AT, AT + 9), (0, "Z"))
    assert [list(run.inputs) for run in early.runs] == [[RULES]]
    final = estimate(basis_of(known, EXPORT, is_final=True, **more), DAY)
    assert sum(wh for wh, _ in values(final).values()) == 60_000 - 39 * 1_000


# Profile and zero


def test_the_profile_is_the_mean_of_three_or_more_rounded_down():
    others = {"h4": {AT: stored(3)}, "h2": {AT: stored(1)}, "h3": {AT: stored(4)}}
    wh, inputs = one(basis_of({}, others=others))
    assert wh == (2, "P")
    assert inputs == [RULES, *(readings(AT, meter=name) for name in ("h2", "h3", "h4"))]
    assert one(basis_of({}, others={**others, "h3": {}}))[0] == (0, "Z")
    assert one(basis_of({}, others={**others, "h1": {AT: stored(900)}}))[0] == (2, "P")
    assert one(basis_of({}, others=others, suspects={("h2", IMPORT): {AT}}))[0] == (0, "Z")


def test_a_profile_of_a_hundred_meters_fits_its_inputs():
    others = {f"h{number:04}": whole(number, position=number) for number in range(250)}
    known = {}
    runs = estimate(basis_of(known, others=others), DAY).runs
    assert [run.wh for run in runs] == [(49,) * 48]  # the mean of 0 to 99, rounded down
    assert len(runs[0].inputs) == 101


def test_references_and_others_are_tried_by_name_however_they_come():
    references = {
        (name, EXPORT): {AT - WEEK: stored(100), AT: stored(now)}
        for name, now in (("h9", 90), ("h7", 70), ("h8", 80))
    }
    assert sunny(0, 0, references=references)[0] == (700, "L")
    others = {f"h{number:04}": {AT: stored(number)} for number in reversed(range(200))}
    assert one(basis_of({}, others=others))[0] == (49, "P")
