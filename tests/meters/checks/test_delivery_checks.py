"""What cannot be a reading becomes a gap before it is stored; everything else stays as it is."""

from array import array
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meters.checks.delivery import check_delivery
from meters.checks.findings import Code, Severity
from meters.checks.limits import CheckLimits, limits_of
from meters.checks.sentinels import SENTINELS_KWH, SENTINELS_WH
from meters.pages import Run
from meters.readings import Channel

LIMITS = CheckLimits()
IMPORT, EXPORT = ("h1", Channel.IMPORT), ("h1", Channel.EXPORT)
CAPACITY = LIMITS.capacity_import_wh


def run_of(*values, quality=None):
    return Run(1000, array("q", values), quality or "A" * len(values))


def checked(values, slot=IMPORT, limits=LIMITS):
    kept, found = check_delivery(slot, run_of(*values), limits)
    return [(part.first, list(part.wh)) for part in kept], [
        (item.code, item.first, item.count) for item in found
    ]


@pytest.mark.parametrize(
    ("values", "kept", "found"),
    [
        ((1, 0, 3), [(1000, [1, 0, 3])], []),
        ((1, -1, 3), [(1000, [1]), (1002, [3])], [(Code.NEGATIVE, 1001, 1)]),
        ((CAPACITY,), [(1000, [CAPACITY])], []),
        ((CAPACITY + 1,), [], [(Code.CAPACITY, 1000, 1)]),
        ((16_777_215, 16_777_215), [], [(Code.SENTINEL, 1000, 2)]),
        ((16_777_214,), [], [(Code.CAPACITY, 1000, 1)]),
        (
            (5, 16_777_215, 40_000, 6),
            [(1000, [5]), (1003, [6])],
            [(Code.SENTINEL, 1001, 1), (Code.CAPACITY, 1002, 1)],
        ),
    ],
)
def test_what_is_taken_out(values, kept, found):
    assert checked(values) == (kept, found)


@pytest.mark.parametrize("kwh", SENTINELS_KWH)
def test_every_sentinel_is_known_in_wh_whichever_way_it_was_rounded(kwh):
    wh = Decimal(kwh) * 1000
    for rounded in {int(wh), -int(-wh // 1)}:
        assert checked((rounded,))[1] == [(Code.SENTINEL, 1000, 1)]


def test_the_list_is_no_longer_than_the_vendors():
    assert len(SENTINELS_WH) == len(SENTINELS_KWH) + 1  # one of them has half a Wh


def test_without_a_capacity_only_sentinels_and_negatives_go():
    limits = CheckLimits(capacity_import_wh=None)
    assert checked((10**8, 4_295_084, 10**8 + 1), limits=limits) == (
        [(1000, [10**8]), (1002, [10**8 + 1])],
        [(Code.SENTINEL, 1001, 1)],
    )


def test_each_channel_has_its_capacity():
    limits = limits_of("h1", {"h1": {"capacity_export_wh": 2000}})
    assert checked((2001,), EXPORT, limits)[1] == [(Code.CAPACITY, 1000, 1)]
    assert checked((2000,), EXPORT, limits)[1] == []
    assert checked((2001,), IMPORT, limits)[1] == []


def test_qualities_stay_with_their_readings():
    run = run_of(1, 40_000, 3, quality="AEA")
    kept, _ = check_delivery(IMPORT, run, LIMITS)
    assert [part.quality for part in kept] == ["A", "A"]


def test_findings_say_what_and_where():
    _, found = check_delivery(IMPORT, run_of(-4), LIMITS)
    assert found[0].severity is Severity.REFUSED
    assert found[0].text == (
        "1970-01-21T20:00:00Z, 1 half-hour: -4 Wh is negative; the channel says the direction."
    )
    assert found[0].as_json()["start"] == "1970-01-21T20:00:00Z"


VALUES = st.lists(
    st.one_of(
        st.integers(0, CAPACITY),
        st.integers(-5, 5),
        st.sampled_from(sorted(SENTINELS_WH)),
        st.integers(CAPACITY - 1, CAPACITY + 1),
    ),
    min_size=1,
    max_size=60,
)


@given(VALUES)
def test_every_reading_is_kept_or_found_and_none_moves(values):
    kept, found = check_delivery(IMPORT, run_of(*values), LIMITS)
    said = {}
    for part in kept:
        said |= dict(zip(part.periods, part.wh, strict=True))
    for item in found:
        assert not said.keys() & set(item.periods)
        said |= dict.fromkeys(item.periods)
    assert sorted(said) == list(range(1000, 1000 + len(values)))
    for period, wh in said.items():
        value = values[period - 1000]
        good = 0 <= value <= CAPACITY and value not in SENTINELS_WH
        assert wh == (value if good else None)
