"""Deliveries put together in memory, and the packed store, against dictionaries."""

from array import array

from hypothesis import given
from hypothesis import strategies as st

from meters.pages import Delivery, Run, split
from meters.readings import NO_PLACE, Block, Channel

SLOTS = [("a", Channel.IMPORT), ("a", Channel.EXPORT), ("b", Channel.IMPORT)]
BLOCKS = st.lists(
    st.tuples(
        st.sampled_from(SLOTS),
        st.integers(0, 200),
        st.lists(
            st.tuples(st.integers(0, 10**9), st.sampled_from("AESLIPZ")), min_size=1, max_size=120
        ),
    ),
    max_size=8,
)


@given(BLOCKS)
def test_a_delivery_holds_what_came_last_in_the_order_of_time(blocks):
    delivery, expected = Delivery(), {}
    for slot, first, readings in blocks:
        wh, letters = [wh for wh, _ in readings], "".join(letter for _, letter in readings)
        delivery.add(Block(*slot, first, wh, letters, NO_PLACE))
        for place, reading in enumerate(readings):
            expected[(*slot, first + place)] = reading
    found = {}
    for slot in delivery.slots():
        last = -2
        for run in delivery.runs(slot):
            assert run.first > last + 1 or last == -2
            last = run.periods[-1]
            for period, wh, letter in zip(run.periods, run.wh, run.quality, strict=True):
                found[(*slot, period)] = (wh, letter)
        assert delivery.size(slot) == sum(key[:2] == slot for key in expected)
        days = [period // 48 for *_, period in found if _ == list(slot)]
        assert set(days) <= set(delivery.days(slot))
    assert found == expected
    assert delivery.slots() == sorted({key[:2] for key in expected})


@given(st.integers(1, 200), st.sets(st.integers(0, 300)), st.integers(1, 60))
def test_pieces_of_a_run_end_where_they_should(length, cuts, length_max):
    run = Run(50, array("i", range(length)), "A" * length)
    pieces = list(split(run, cuts, length_max))
    assert [wh for piece in pieces for wh in piece.wh] == list(range(length))
    assert all(1 <= len(piece.wh) == len(piece.quality) <= length_max for piece in pieces)
    begins = {piece.first for piece in pieces}
    assert {cut for cut in cuts if cut in run.periods} <= begins
    assert [piece.first for piece in pieces[1:]] == [piece.periods.stop for piece in pieces[:-1]]
