"""Ids that sort by time, and clocks that never go back."""

import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import InputError, RefusedError
from ledger.primitives.clock import CLOCK_BACK_MS_MAX, FixedClock, SystemClock
from ledger.primitives.ids import IdMaker, check_id, derived_id


@settings(max_examples=200)
@given(st.lists(st.integers(0, 2**48 - 1), min_size=2, max_size=9), st.randoms())
def test_ids_sort_by_the_time_they_were_made(times, random):
    made = [
        (now, IdMaker(now_ms=lambda now=now: now, random_bytes=random.randbytes)()) for now in times
    ]
    made.sort(key=lambda pair: pair[1])
    assert [now for now, _ in made] == sorted(times)
    for now, text in made:
        assert check_id(text) == text
        assert int(text[:12], 16) == now
        assert text[12] == "7"
        assert text[16] in "89ab"


def test_ids_of_one_millisecond_differ():
    make = IdMaker(now_ms=lambda: 5)
    assert len({make() for _ in range(1000)}) == 1000


@pytest.mark.parametrize("text", ["", "0" * 31, "0" * 33, "G" * 32, "A" * 32, "0" * 32 + "\n"])
def test_what_is_not_an_id_is_refused(text):
    with pytest.raises(InputError):
        check_id(text)


def test_derived_ids_follow_from_all_their_parts():
    ids = {
        derived_id("run", "a", 1),
        derived_id("run", "a", 2),
        derived_id("run", "a1"),
        derived_id("runs", "a", 1),
        derived_id("run", "1", "a"),
    }
    assert len(ids) == 5
    assert (
        derived_id("run", "a", 1)
        == derived_id("run", "a", "1")
        == check_id(derived_id("run", "a", 1))
    )


class FakeTime:
    """The machine's clock, in nanoseconds, moved by hand."""

    def __init__(self, now_ms: int) -> None:
        self.now_ms = now_ms

    def time_ns(self) -> int:
        return self.now_ms * 1_000_000 + 999_999


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> FakeTime:
    fake = FakeTime(1_781_500_000_000)
    monkeypatch.setattr(time, "time_ns", fake.time_ns)
    return fake


def test_the_clock_shows_the_machines_time_and_no_millisecond_twice(machine):
    clock = SystemClock()
    start = machine.now_ms
    assert [clock.now_ms() for _ in range(3)] == [start, start + 1, start + 2]
    machine.now_ms = start + 500
    assert clock.now_ms() == start + 500


def test_a_small_step_back_is_waited_out_and_a_large_one_stops_the_writer(machine):
    clock = SystemClock()
    last = clock.now_ms()
    machine.now_ms = last - CLOCK_BACK_MS_MAX
    assert clock.now_ms() == last + 1
    machine.now_ms -= 2
    with pytest.raises(RefusedError, match="went back by more than five seconds"):
        clock.now_ms()
    machine.now_ms = last + 10
    assert clock.now_ms() == last + 10


def test_looking_often_is_not_a_clock_that_went_back(machine):
    """A busy writer may look more than once a millisecond; the machine's clock is right."""
    clock = SystemClock()
    looks = [clock.now_ms() for _ in range(2 * CLOCK_BACK_MS_MAX)]
    assert all(one < other for one, other in pairwise(looks))


def test_the_fixed_clock_only_moves_forward():
    clock = FixedClock(5)
    assert (clock.now_ms(), clock.now_ms()) == (5, 6)
    clock.set_ms(100)
    assert clock.now_ms() == 100
    with pytest.raises(AssertionError):
        clock.set_ms(50)
