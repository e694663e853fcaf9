"""Registers into half-hours. The oracle walks every second of the curve."""

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import InputError
from meters.formats import registers
from meters.formats.registers import BOUNDARY_SECONDS_MAX, Register, Registers
from meters.readings import Advance, Block, Channel, Place, Refusal, RegisterRead

START = 1781526600  # 2026-06-15T12:30:00Z
LENGTH = 100


def reads(*pairs):
    return [
        RegisterRead("h1", Channel.IMPORT, at, wh, Place(n + 1, n * LENGTH, LENGTH))
        for n, (at, wh) in enumerate(pairs)
    ]


def run(*pairs):
    register = Register("h1", Channel.IMPORT)
    items = [item for read in reads(*pairs) for item in register.add(read)]
    return [*items, *register.close()]


def short(items):
    """Return blocks as (half-hours after START, Wh), advances as (begin, end, Wh) after START."""
    found = []
    for item in items:
        if isinstance(item, Block):
            found.append((item.first - START // 1800, *item.wh))
        elif isinstance(item, Advance):
            found.append((item.begin - START, item.end - START, item.wh))
        elif isinstance(item, Refusal):
            found.append(item.line)
    return found


@pytest.mark.parametrize(
    ("given_reads", "found"),
    [
        ([(0, 100)], []),
        ([(0, 100), (1800, 500)], [(0, 400)]),
        ([(0, 100), (1800, 500), (3600, 500)], [(0, 400), (1, 0)]),
        ([(0, 100), (1000, 300), (1800, 500)], [(0, 400)]),
        ([(0, 100), (1795, 500), (1805, 520)], [(0, 410), (1800, 1805, 10)]),
        ([(0, 100), (1770, 500), (1830, 501)], [(0, 401), (1800, 1830, 0)]),
        ([(0, 100), (1769, 500), (1830, 501)], [(0, 1830, 401)]),
        ([(0, 100), (1500, 500), (2100, 700), (3600, 900)], [(0, 3600, 800)]),
        ([(0, 100), (7200, 900), (9000, 901)], [(0, 7200, 800), (4, 1)]),
        ([(600, 100), (1800, 500), (3600, 600)], [(600, 1800, 400), (1, 100)]),
        ([(0, 100), (0, 100), (1800, 500), (1800, 500)], [(0, 400)]),
    ],
)
def test_boundaries(given_reads, found):
    assert short(run(*((START + at, wh) for at, wh in given_reads))) == found


@pytest.mark.parametrize(
    ("given_reads", "found"),
    [
        # Back, and on from the read after the refused one.
        ([(0, 9000), (900, 9100), (1800, 5), (3600, 9), (5400, 12)], [3, (0, 900, 100), (2, 3)]),
        # A glitch of one read: nothing negative, nothing huge.
        ([(0, 9000), (1800, 0), (3600, 9400), (5400, 9500)], [2, (2, 100)]),
        ([(0, 9000), (1800, 109_001), (3600, 9400), (5400, 9500)], [2, (2, 100)]),
        ([(0, 9000), (1800, 109_000), (3600, 109_000)], [(0, 100_000), (1, 0)]),
        ([(0, 9000), (3600, 209_000)], [(0, 3600, 200_000)]),
        # The clock went back; the run goes on when it has caught up.
        ([(0, 10), (1800, 20), (1700, 21), (1800, 22), (3600, 30)], [(0, 10), 3, 4, (1, 10)]),
        # A clock years ahead for one read.
        ([(0, 10), (40_000_000, 11), (1800, 22)], [2, (0, 12)]),
        # Each step is possible, their sum is not.
        ([(0, 0), (600, 90_000), (1200, 180_000), (1800, 180_001), (3600, 180_001)], [1, (1, 0)]),
    ],
)
def test_reads_that_do_not_follow(given_reads, found):
    items = run(*((START + at, wh) for at, wh in given_reads))
    assert short(items) == found


def test_the_first_and_last_read_of_each_run_are_yielded():
    items = run((START, 10), (START + 60, 11), (START + 90, 5), (START + 120, 7), (START + 150, 8))
    assert [item.wh for item in items if isinstance(item, RegisterRead)] == [10, 11, 7, 8]


def test_places_reach_from_read_to_read():
    items = run((START, 10), (START + 1790, 11), (START + 1810, 12), (START + 3600, 20))
    assert [item.place for item in items if isinstance(item, Block)] == [
        Place(1, 0, 3 * LENGTH),
        Place(2, LENGTH, 3 * LENGTH),
    ]


def test_a_file_has_so_many_registers(monkeypatch):
    monkeypatch.setattr(registers, "REGISTERS_MAX", 1)
    several = Registers()
    [one] = reads((START, 10))
    assert list(several.add(one)) == [one]
    with pytest.raises(InputError, match="more than 1 registers"):
        list(several.add(one._replace(channel=Channel.EXPORT)))
    assert list(several.close()) == []


CURVES = st.lists(
    st.tuples(
        st.one_of(st.integers(1, 120), st.sampled_from([600, 900, 1800, 3600])),
        st.integers(0, 2000),
    ),
    min_size=1,
    max_size=200,
)


@given(st.integers(0, 1800), CURVES)
def test_an_unbroken_run_adds_up_to_its_advance(at, steps):
    points = [(START + at, 5_000_000)]
    for seconds, wh in steps:
        points.append((points[-1][0] + seconds, points[-1][1] + wh))
    items = [item for item in run(*points) if isinstance(item, Block | Advance)]
    total = sum(sum(item.wh) if isinstance(item, Block) else item.wh for item in items)
    assert total == points[-1][1] - points[0][1]
    spans = [
        (item.begin, item.end)
        if isinstance(item, Advance)
        else (item.first * 1800, (item.first + 1) * 1800)
        for item in items
    ]
    assert all(one[1] == other[0] for one, other in pairwise(spans))
    assert [item.first for item in items if isinstance(item, Block)] == _expected(points)


@given(st.integers(0, 1800), CURVES)
def test_each_half_hour_is_the_line_between_the_reads_around_it(at, steps):
    points = [(START + at, 0)]
    for seconds, wh in steps:
        points.append((points[-1][0] + seconds, points[-1][1] + wh))
    for item in run(*points):
        if isinstance(item, Block):
            begin, end = (_value(points, (item.first + n) * 1800) for n in (0, 1))
            assert item.wh == (end - begin,)


def _value(points, boundary):
    """Return the curve's value at a boundary, or None where it is not known."""
    for at, wh in points:
        if at == boundary:
            return wh
    for (at, wh), (after, more) in pairwise(points):
        if at < boundary < after and after - at <= BOUNDARY_SECONDS_MAX:
            exact = wh + Fraction((more - wh) * (boundary - at), after - at)
            return int(exact + Fraction(1, 2))
    return None


def _expected(points):
    """Return the half-hours of which both boundaries are known."""
    first, last = points[0][0] // 1800, points[-1][0] // 1800
    return [
        period
        for period in range(first, last + 1)
        if _value(points, period * 1800) is not None
        and _value(points, period * 1800 + 1800) is not None
    ]
