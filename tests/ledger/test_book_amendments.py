"""Reversals and corrections: new transfers that name an earlier one, and never take back more."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.book import Amended, Book, Status
from ledger.records import TRANSFER_MAX, Kind
from tests.ledger.books import (
    ADA,
    BEN,
    DONE,
    FEES,
    FUND,
    PERIOD,
    RESERVE,
    hold,
    id_of,
    move,
    new_book,
    remaining,
    state,
)


@pytest.fixture
def moved() -> Book:
    """Movement 1 brought Ada 100; 3 is the posted part, 40, of a hold for Ben of 60."""
    book = new_book()
    batch = [move(1, RESERVE, ADA, 100), hold(2, ADA, BEN, 60)]
    batch.append(move(3, ADA, BEN, 40, Kind.POST_HOLD, of=2))
    assert book.apply(batch, PERIOD) == DONE * 3
    return book


def numbers(book: Book) -> list[tuple[int, int, int]]:
    return [(one.posted, one.pending_out, one.pending_in) for one in book.balances.values()]


@settings(max_examples=100)
@given(
    st.integers(1, TRANSFER_MAX),
    st.booleans(),
    st.lists(st.tuples(st.booleans(), st.integers(1, TRANSFER_MAX)), max_size=4),
)
def test_a_reversal_restores_both_balances_exactly(amount, by_hold, others):
    book = new_book()
    done = [hold(1, RESERVE, FEES, amount), move(2, RESERVE, FEES, amount, Kind.POST_HOLD, of=1)]
    batch = done if by_hold else [move(2, RESERVE, FEES, amount)]
    before = numbers(book)
    assert set(book.apply(batch, PERIOD)) == {Status.CREATED}
    # What else happens to the accounts meanwhile is not undone with it.
    between = 0
    for number, (back, other) in enumerate(others, start=10):
        sides = (FEES, RESERVE) if back else (RESERVE, FEES)
        if book.apply([move(number, *sides, other)], PERIOD) == DONE:
            between += -other if back else other
    reversal = move(3, FEES, RESERVE, amount, Kind.REVERSE, of=2)
    [status] = book.apply([reversal], PERIOD)
    if not between:
        assert status is Status.CREATED
        assert numbers(book) == before
    if status is Status.CREATED:
        assert book.balances[FEES].posted == between == -book.balances[RESERVE].posted
        assert remaining(book, 2) == (0, True)
    else:
        assert status is Status.BALANCE_OUT_OF_RANGE
        assert remaining(book, 2) == (amount, False)


@settings(max_examples=200)
@given(
    st.integers(1, 100),
    st.lists(st.tuples(st.booleans(), st.integers(1, 100)), max_size=12),
    st.booleans(),
)
def test_corrections_up_and_down_and_a_reversal_leave_nothing(amount, corrections, together):
    """And what is taken back never exceeds what was moved, in any order."""
    book = new_book()
    assert book.apply([move(1, RESERVE, FEES, amount)], PERIOD) == DONE
    left = amount
    batch = []
    for number, (up, difference) in enumerate(corrections, start=2):
        sides = (RESERVE, FEES) if up else (FEES, RESERVE)
        correction = move(number, *sides, difference, Kind.CORRECT, of=1)
        fits = up or difference <= left
        if not together:
            expected = DONE if fits else [Status.EXCEEDS_ORIGINAL]
            assert book.apply([correction], PERIOD) == expected
        elif fits:
            batch.append(correction)
        left += (difference if up else -difference) if fits else 0
    assert set(book.apply(batch, PERIOD)) <= {Status.CREATED}
    assert remaining(book, 1) == (left, False)
    assert book.balances[FEES].posted == left == -book.balances[RESERVE].posted
    for wrong in (left + 1, left - 1):
        if wrong > 0:
            status = Status.EXCEEDS_ORIGINAL if wrong > left else Status.NOT_WHAT_REMAINS
            assert book.apply([move(99, FEES, RESERVE, wrong, Kind.REVERSE, of=1)], PERIOD) == [
                status
            ]
    if left:
        assert book.apply([move(99, FEES, RESERVE, left, Kind.REVERSE, of=1)], PERIOD) == DONE
    assert book.balances[FEES].posted == 0 == book.balances[RESERVE].posted


def test_a_movement_is_reversed_once_and_corrected_no_more(moved):
    assert moved.apply([move(4, BEN, ADA, 40, Kind.REVERSE, of=3)], PERIOD) == DONE
    before = state(moved)
    for kind, debit, credit in [
        (Kind.REVERSE, BEN, ADA),
        (Kind.CORRECT, BEN, ADA),
        (Kind.CORRECT, ADA, BEN),
    ]:
        again = move(5, debit, credit, 40, kind, of=3)
        assert moved.apply([again], PERIOD) == [Status.ORIGINAL_ALREADY_REVERSED]
    assert state(moved) == before
    assert moved.balances[ADA].posted == 100


def test_what_was_corrected_away_entirely_can_be_corrected_back(moved):
    assert moved.apply([move(4, BEN, ADA, 40, Kind.CORRECT, of=3)], PERIOD) == DONE
    assert remaining(moved, 3) == (0, False)
    reversal = move(5, BEN, ADA, 1, Kind.REVERSE, of=3)
    assert moved.apply([reversal], PERIOD) == [Status.EXCEEDS_ORIGINAL]
    assert moved.apply([move(6, ADA, BEN, 40, Kind.CORRECT, of=3)], PERIOD) == DONE
    assert moved.amended == {}
    assert moved.apply([move(7, BEN, ADA, 40, Kind.REVERSE, of=3)], PERIOD) == DONE


def test_an_amendment_obeys_the_limits(moved):
    assert moved.balances[ADA].posted == 60
    reversal = move(4, ADA, RESERVE, 100, Kind.REVERSE, of=1)
    assert moved.apply([reversal], PERIOD) == [Status.BELOW_FLOOR]
    assert moved.amended == {}
    assert moved.apply([move(5, RESERVE, FUND, 100)], PERIOD) == DONE
    more = move(6, RESERVE, FUND, 21, Kind.CORRECT, of=5)
    assert moved.apply([more], PERIOD) == [Status.ABOVE_CEILING]
    assert moved.amended == {}
    # Once Ben has given his part back, Ada can too.
    assert moved.apply([move(7, BEN, ADA, 40, Kind.REVERSE, of=3), reversal], PERIOD) == DONE * 2


@pytest.mark.parametrize("kind", [Kind.REVERSE, Kind.CORRECT])
def test_only_movements_are_amended(moved, kind):
    batch = [hold(4, ADA, BEN, 5), move(5, ADA, BEN, 5, Kind.VOID_HOLD, of=4)]
    batch += [hold(6, ADA, BEN, 5, expires=PERIOD + 1)]
    batch += [move(7, BEN, ADA, 5, Kind.CORRECT, of=3), move(8, BEN, ADA, 35, Kind.REVERSE, of=3)]
    assert moved.apply(batch, PERIOD) == DONE * 5
    [made] = moved.expire(PERIOD + 1)
    for original in (2, 4, 5, 6, 7, 8, int.from_bytes(made.id)):
        again = move(9, BEN, ADA, 5, kind, of=original)
        assert moved.apply([again], PERIOD) == [Status.ORIGINAL_NOT_AMENDABLE]


def test_an_amendment_may_be_about_its_originals_half_hour_or_another(moved):
    batch = [
        move(4, BEN, ADA, 5, Kind.CORRECT, of=3, effective=PERIOD - 48),
        move(5, BEN, ADA, 35, Kind.REVERSE, of=3, effective=PERIOD + 48),
    ]
    assert moved.apply(batch, PERIOD) == DONE * 2


def test_amendments_that_a_store_loads_are_those_that_were_made(moved):
    batch = [
        move(4, BEN, ADA, 5, Kind.CORRECT, of=3),
        move(5, ADA, BEN, 2, Kind.CORRECT, of=3),
        move(6, RESERVE, ADA, 7, Kind.CORRECT, of=1),
        move(7, BEN, ADA, 37, Kind.REVERSE, of=3),
    ]
    assert moved.apply(batch, PERIOD) == DONE * 4
    loaded = Book()
    loaded.transfers = {id_of(number): moved.transfers[id_of(number)] for number in (1, 3)}
    for amendment in batch:
        loaded.note_amendment(amendment)
    assert loaded.amended == moved.amended
    assert loaded.amended == {id_of(1): Amended(107), id_of(3): Amended(0, reversed=True)}
