"""Estimates, method by method: what each takes, how it rounds, and when the next one follows."""

from datetime import date, timedelta

import pytest

from ledger.primitives.periods import of_local_day
from meters.checks.findings import Code
from meters.estimate_days import day_type, like_days, same_time
from meters.estimate_inputs import RULES_VERSION
from meters.estimates import estimate
from meters.readings import Channel, Quality
from tests.meters.bases import (
    COVERED,
    DAY,
    LONDON,
    MONDAY,
    WEEK,
    advance,
    basis_of,
    values,
    whole,
    without,
)
from tests.meters.checks.days import series, stored

IMPORT, EXPORT = Channel.IMPORT, Channel.EXPORT
RULES = {"what": "rules", "first": RULES_VERSION}
AT = DAY.start + 24


def one(basis, period=AT):
    """The estimate of one half-hour, and its inputs."""
    (run,) = estimate(basis, range(period, period + 1)).runs
    return (*run.wh, run.quality.letter), list(run.inputs)


def readings(first, count=1, entry=5, meter="h1", channel="import"):
    body = {"what": "readings", "meter": meter, "channel": channel, "first": first}
    return {**body, "count": count, "entry": entry}


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


# Register


GAP = range(AT, AT + 9)
KNOWN = without(whole(), GAP)
REST = 39 * 300


def test_a_registers_rest_goes_to_the_gaps_to_the_wh():
    found = estimate(basis_of(KNOWN, advances=[advance(REST + 1_000, DAY)]), DAY)
    assert values(found) == {period: (112 if period < AT + 1 else 111, "S") for period in GAP}
    (run,) = found.runs
    assert run.inputs[:2] == (
        RULES,
        {
            "what": "advance",
            "meter": "h1",
            "channel": "import",
            "first": DAY.start * 1800,
            "end": DAY.stop * 1800,
            "wh": REST + 1_000,
        },
    )
    assert run.inputs[2:] == (
        *(readings(AT - 48 * count, 9) for count in (7, 6, 5, 4, 3)),
        readings(DAY.start, 24),
        readings(AT + 9, 15),
    )


def test_the_rest_has_the_shape_of_a_like_day():
    known = KNOWN | {AT - 48 * count: stored(600) for count in (3, 4, 5, 6, 7)}
    found = values(estimate(basis_of(known, advances=[advance(REST + 1_000, DAY)]), DAY))
    assert found[AT] == (200, "S")
    assert {found[period] for period in GAP[1:]} == {(100, "S")}


def test_two_estimates_from_no_reading_at_all_name_what_each_was_made_from():
    """Nothing is known but one advance: half of the day is scaled to it, half is zero."""
    half = range(DAY.start, DAY.start + 24)
    runs = estimate(basis_of({}, advances=[advance(2_400, half)]), DAY).runs
    assert [(run.wh[0], run.quality.letter, len(run.inputs)) for run in runs] == [
        (100, "S", 2),
        (0, "Z", 1),
    ]


def test_without_any_shape_the_rest_is_even():
    known = without(series([300] * 48, DAY.start), GAP)
    found = values(estimate(basis_of(known, advances=[advance(REST + 10, DAY)]), DAY))
    assert [wh for wh, _ in found.values()] == [2] + [1] * 8


def test_readings_above_the_register_leave_zero_and_a_finding():
    found = estimate(basis_of(KNOWN, advances=[advance(REST - 1, DAY)]), DAY)
    assert values(found) == dict.fromkeys(GAP, (0, "Z"))
    (item,) = found.findings
    assert (item.code, item.first, item.count) == (Code.REGISTER, DAY.start, 48)
    assert item.text.endswith("its readings sum to 11,700 Wh; its gaps are set to 0.")
    exactly = estimate(basis_of(KNOWN, advances=[advance(REST, DAY)]), DAY)
    assert values(exactly) == dict.fromkeys(GAP, (0, "S"))
    assert exactly.findings == []


def test_a_rest_that_no_fuse_lets_through_is_not_used():
    found = estimate(basis_of(KNOWN, advances=[advance(REST + 9_001, DAY)], capacity_wh=1_000), DAY)
    assert values(found) == dict.fromkeys(GAP, (300, "L"))
    assert "cannot hold the 9,001 Wh" in found.findings[0].text
    full = estimate(basis_of(KNOWN, advances=[advance(REST + 9_000, DAY)], capacity_wh=1_000), DAY)
    assert values(full) == dict.fromkeys(GAP, (1_000, "S"))


@pytest.mark.parametrize(
    "wrong",
    [
        advance(99_999, DAY, meter="h2"),
        advance(99_999, DAY, EXPORT),
        advance(99_999, DAY, quality=Quality.ESTIMATED),
        advance(99_999, range(COVERED.start - 1, DAY.stop)),
        advance(99_999, range(DAY.start, AT)),
        advance(99_999, range(AT, AT + 20), off=(60, 0)),  # under a day, not on the half-hour
    ],
)
def test_advances_that_are_not_used(wrong):
    found = estimate(basis_of(KNOWN, advances=[wrong]), DAY)
    assert values(found) == dict.fromkeys(GAP, (300, "L"))
    assert not found.findings


def test_reads_off_the_half_hour_are_moved_to_the_nearest():
    reads = [advance(REST + 900, DAY, off=(-899, 899))]
    assert values(estimate(basis_of(KNOWN, advances=reads), DAY)) == dict.fromkeys(GAP, (100, "S"))


def test_the_shortest_advance_is_used_and_the_longer_one_takes_the_rest():
    two_days = range(DAY.start, DAY.stop + 48)
    more = range(DAY.stop, DAY.stop + 6)
    known = without(KNOWN, more)
    advances = [advance(REST + 42 * 300 + 1_500, two_days), advance(REST + 900, DAY)]
    found = values(estimate(basis_of(known, advances=advances), DAY))
    assert found == dict.fromkeys(GAP, (100, "S"))
    # The second day's gaps stand in the longer advance alone: what the shorter one left.
    found = values(estimate(basis_of(known, advances=advances), range(DAY.stop, DAY.stop + 48)))
    assert found == dict.fromkeys(GAP, (100, "S")) | dict.fromkeys(more, (100, "S"))


def test_a_shorter_advance_also_counts_for_gaps_that_only_the_longer_one_was_asked_about():
    """The first day's own register says 100 a gap, the two days' like days say otherwise."""
    two_days, later = range(DAY.start, DAY.stop + 48), range(DAY.stop, DAY.stop + 6)
    advances = [advance(REST + 42 * 300 + 900 + 6 * 77, two_days), advance(REST + 900, DAY)]
    basis = basis_of(without(KNOWN, later), advances=advances)
    found = estimate(basis, range(DAY.stop, DAY.stop + 48))
    assert values(found) == dict.fromkeys(GAP, (100, "S")) | dict.fromkeys(later, (77, "S"))
    named = [[item["wh"] for item in run.inputs if item["what"] == "advance"] for run in found.runs]
    assert named == [[REST + 900], [REST + 900, advances[0].wh]]


@pytest.mark.parametrize(("days", "letter"), [(99, "S"), (100, "L")])
def test_an_advance_that_holds_a_hundred_shorter_ones_with_gaps_is_not_used(days, letter):
    span = range(DAY.start, DAY.start + days + 9)
    inner = [advance(200, range(at, at + 1)) for at in range(DAY.start, DAY.start + days)]
    basis = basis_of(without(whole(), span), advances=[*inner, advance(200 * len(span), span)])
    found = values(estimate(basis, range(span.stop - 9, span.stop)))
    assert {found[period] for period in span[-9:]} == {(200 if letter == "S" else 300, letter)}


def test_references_and_others_are_tried_by_name_however_they_come():
    references = {
        (name, EXPORT): {AT - WEEK: stored(100), AT: stored(now)}
        for name, now in (("h9", 90), ("h7", 70), ("h8", 80))
    }
    assert sunny(0, 0, references=references)[0] == (700, "L")
    others = {f"h{number:04}": {AT: stored(number)} for number in reversed(range(200))}
    assert one(basis_of({}, others=others))[0] == (49, "P")


def test_the_same_advance_from_two_files_counts_once():
    twice = [advance(REST - 1, DAY), advance(REST - 1, DAY)._replace(place=(1, 2, 3))]
    assert len(estimate(basis_of(KNOWN, advances=twice), DAY).findings) == 1
