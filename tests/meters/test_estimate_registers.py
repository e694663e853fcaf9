"""Estimates from registers: what an advance leaves goes to the gaps, to the Wh."""

import pytest

from meters.checks.findings import Code
from meters.estimate_inputs import RULES_VERSION
from meters.estimates import estimate
from meters.readings import Channel, Quality
from tests.meters.bases import (
    AT,
    COVERED,
    DAY,
    advance,
    basis_of,
    readings,
    values,
    whole,
    without,
)
from tests.meters.checks.days import series, stored

IMPORT, EXPORT = Channel.IMPORT, Channel.EXPORT
RULES = {"what": "rules", "first": RULES_VERSION}


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


def test_the_same_advance_from_two_files_counts_once():
    twice = [advance(REST - 1, DAY), advance(REST - 1, DAY)._replace(place=(1, 2, 3))]
    assert len(estimate(basis_of(KNOWN, advances=twice), DAY).findings) == 1
