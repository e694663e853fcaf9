"""The pure book: repeated ids, whole batches and single transfers, limits, invariants."""

import copy
from collections import defaultdict
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.book import Balance, Book, Status
from ledger.errors import LogError
from ledger.invariants import check_balances, check_pools_empty
from ledger.records import Kind
from tests.ledger.book_lives import RECIPE_MAX, Life
from tests.ledger.books import (
    ADA,
    BEN,
    DONE,
    FEES,
    FUND,
    GRID,
    NOBODY,
    PERIOD,
    POOL,
    RESERVE,
    all_that_fits,
    busy_book,
    hold,
    id_of,
    move,
    new_book,
    state,
)

RECIPES = st.lists(st.tuples(*(st.integers(0, most) for most in RECIPE_MAX)), max_size=4)


# Ids.


@settings(max_examples=40)
@given(RECIPES, RECIPES, st.booleans())
def test_what_is_sent_again_does_nothing(first, second, atomic):
    life = Life()
    apply = life.book.apply if atomic else life.book.apply_each
    for recipes in (first, second):
        batch = life.make(recipes)
        taken = [
            transfer
            for transfer, status in zip(batch, apply(batch, life.now), strict=True)
            if status.taken
        ]
        before = state(life.book)
        assert set(apply(taken, life.now)) <= {Status.EXISTS}
        assert state(life.book) == before


def test_the_same_transfer_twice_in_one_batch_posts_once():
    book = new_book()
    transfer = move(1, RESERVE, ADA, 5)
    assert book.apply([transfer, transfer], PERIOD) == [Status.CREATED, Status.EXISTS]
    assert book.balances[ADA].posted == 5
    other = replace(transfer, amount=6)
    twice = [move(2, RESERVE, ADA, 5), other]
    assert book.apply(twice, PERIOD) == [Status.BATCH_REFUSED, Status.EXISTS_WITH_OTHER_AMOUNT]
    assert book.balances[ADA].posted == 5


# Batches.


@pytest.fixture
def busy() -> Book:
    return busy_book()


def test_in_a_refused_batch_only_the_first_that_is_wrong_says_why(busy):
    batch = [
        move(1, RESERVE, ADA, 100),  # exists
        move(20, RESERVE, ADA, 1),
        move(21, ADA, FUND, 999),
        move(22, ADA, ADA, 0),
    ]
    others = Status.BATCH_REFUSED
    assert busy.apply(batch, PERIOD) == [others, others, Status.BELOW_FLOOR, others]
    assert busy.apply_each(batch, PERIOD) == [
        Status.EXISTS,
        Status.CREATED,
        Status.BELOW_FLOOR,
        Status.AMOUNT_OUT_OF_RANGE,
    ]


def test_a_refused_batch_undoes_every_kind(busy):
    before = state(busy)
    batch = [
        move(20, ADA, BEN, 20, Kind.POST_HOLD, of=2),
        move(21, BEN, ADA, 5, Kind.CORRECT, of=20),
        hold(22, ADA, BEN, 10, expires=PERIOD + 1),
        move(23, ADA, BEN, 10, Kind.VOID_HOLD, of=22),
        move(24, RESERVE, BEN, 10, Kind.EXPIRE_HOLD, of=6),
        move(25, BEN, ADA, 15, Kind.REVERSE, of=20),
        move(26, RESERVE, FUND, 3, Kind.CORRECT, of=8),
        move(27, FUND, RESERVE, 18, Kind.REVERSE, of=8),
        hold(28, RESERVE, BEN, 1, expires=PERIOD + 2),
    ]
    wrong = move(29, ADA, BEN, 1000)
    refused = busy.apply([*batch, wrong], PERIOD)
    assert refused == [Status.BATCH_REFUSED] * len(batch) + [Status.BELOW_FLOOR]
    assert state(busy) == before
    assert busy.apply(batch, PERIOD) == [Status.CREATED] * len(batch)


def test_an_id_of_a_refused_transfer_is_free_again():
    """Nothing of the first use stays: neither its amount to amend nor its time to expire."""
    book = new_book()
    wrong = move(9, ADA, BEN, 1000)
    first = [
        move(1, RESERVE, ADA, 10),
        move(2, ADA, RESERVE, 3, Kind.CORRECT, of=1),
        hold(3, RESERVE, BEN, 10, expires=PERIOD + 1),
        hold(4, RESERVE, BEN, 10, expires=PERIOD + 1),
    ]
    assert Status.BELOW_FLOOR in book.apply([*first, wrong], PERIOD)
    second = [
        move(1, RESERVE, ADA, 100),
        hold(3, RESERVE, BEN, 10, expires=PERIOD + 5),
        hold(4, RESERVE, BEN, 10),
    ]
    assert book.apply(second, PERIOD) == DONE * 3
    assert book.expire(PERIOD + 1) == []
    assert book.apply([move(5, ADA, RESERVE, 100, Kind.REVERSE, of=1)], PERIOD) == DONE
    assert [made.original for made in book.expire(PERIOD + 9)] == [id_of(3)]


def test_an_empty_batch_is_nothing():
    assert new_book().apply([], PERIOD) == []
    assert new_book().apply_each([], PERIOD) == []


@settings(max_examples=60)
@given(RECIPES, RECIPES)
def test_independent_transfers_are_batches_of_one(first, second):
    life = Life()
    other = copy.deepcopy(life.book)
    for recipes in (first, second):
        batch = life.make(recipes)
        one_by_one = [other.apply([transfer], life.now)[0] for transfer in batch]
        assert life.book.apply_each(batch, life.now) == one_by_one
        assert state(life.book) == state(other)
        life.model.each(batch, life.now)


@settings(max_examples=60)
@given(st.lists(RECIPES, max_size=8), st.booleans())
def test_every_asset_sums_to_zero_whatever_is_sent(batches, atomic):
    """And a transfer cannot be unbalanced: it has one amount, and two accounts of one asset."""
    life = Life()
    for recipes in batches:
        batch = life.make(recipes)
        (life.book.apply if atomic else life.book.apply_each)(batch, life.now)
        (life.model.atomic if atomic else life.model.each)(batch, life.now)
        sums: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        for account, balance in life.book.balances.items():
            asset = account.split()[1]
            sums[asset][0] += balance.posted
            sums[asset][1] += balance.pending_in - balance.pending_out
        assert dict(sums) == {"BRM/7": [0, 0], "WH/0": [0, 0]}
        for transfer in life.book.transfers.values():
            assert transfer.debit.split()[1] == transfer.credit.split()[1]


# Limits.


def limited(posted: int, out: int = 0, coming: int = 0) -> Book:
    """Fees has a balance, of which some is set aside, and something is coming in."""
    book = new_book()
    sides = (RESERVE, FEES) if posted >= 0 else (FEES, RESERVE)
    batch = [move(1, *sides, abs(posted))] if posted else []
    batch += [hold(2, FEES, RESERVE, out)] if out else []
    batch += [hold(3, RESERVE, FEES, coming)] if coming else []
    assert set(book.apply(batch, PERIOD)) <= {Status.CREATED}
    return book


@settings(max_examples=100)
@given(
    st.integers(-50, 50),
    st.integers(0, 20),
    st.integers(0, 20),
    st.none() | st.integers(-90, 90),
    st.none() | st.integers(-90, 90),
)
def test_new_limits_are_refused_if_the_balance_is_beyond_them(posted, out, coming, floor, ceiling):
    book = limited(posted, out, coming)
    before = state(book)
    status = book.limit(FEES, floor, ceiling)
    if floor is not None and posted - out < floor:
        assert status is Status.BELOW_FLOOR
    elif ceiling is not None and posted + coming > ceiling:
        assert status is Status.ABOVE_CEILING
    else:
        assert status is Status.CREATED
        assert book.balances[FEES] == Balance(posted, out, coming, floor, ceiling)
        # And from now on they hold, to the last unit.
        least, most = book.balances[FEES].available, ceiling
        if least is not None:
            assert book.apply_each([move(8, FEES, RESERVE, least + 1)], PERIOD) == [
                Status.BELOW_FLOOR
            ]
            assert not least or book.apply([move(9, FEES, RESERVE, least)], PERIOD) == DONE
            posted -= least
        if most is not None:
            room = most - posted - coming
            assert book.apply([move(10, RESERVE, FEES, room + 1)], PERIOD) == [Status.ABOVE_CEILING]
            assert not room or book.apply([move(11, RESERVE, FEES, room)], PERIOD) == DONE
        return
    assert state(book) == before


def test_a_ceiling_counts_what_is_coming_in():
    book = new_book()
    assert book.apply([hold(1, RESERVE, FUND, 80)], PERIOD) == DONE
    assert book.apply([move(2, RESERVE, FUND, 41)], PERIOD) == [Status.ABOVE_CEILING]
    assert book.apply([hold(3, RESERVE, FUND, 41)], PERIOD) == [Status.ABOVE_CEILING]
    assert book.apply([move(4, RESERVE, FUND, 40)], PERIOD) == DONE
    assert book.apply([move(5, RESERVE, FUND, 80, Kind.POST_HOLD, of=1)], PERIOD) == DONE
    assert book.balances[FUND].posted == 120


def test_an_account_that_is_open_stays_as_it_is():
    book = new_book()
    book.apply([move(1, BEN, ADA, 50)], PERIOD)
    book.open(BEN, floor=0)
    assert book.balances[BEN] == Balance(-50, floor=-50)
    assert book.apply([move(2, BEN, ADA, 1)], PERIOD) == [Status.BELOW_FLOOR]
    with pytest.raises(KeyError):
        book.limit(NOBODY, 0, None)


def test_no_number_of_an_account_leaves_the_range_that_javascript_keeps():
    book = new_book()
    full = all_that_fits(1, RESERVE, FEES)
    assert book.apply(full, PERIOD) == 5 * DONE
    out_of_range = [Status.BALANCE_OUT_OF_RANGE]
    assert book.apply([move(2, RESERVE, ADA, 1)], PERIOD) == out_of_range
    assert book.apply([move(3, BEN, FEES, 1)], PERIOD) == out_of_range
    assert book.apply(all_that_fits(4, FEES, RESERVE, Kind.HOLD), PERIOD) == 5 * DONE
    # What is set aside has the same bounds, though the balances would bear more.
    assert book.apply([hold(5, FEES, ADA, 1)], PERIOD) == out_of_range
    assert book.apply([hold(6, BEN, RESERVE, 1)], PERIOD) == out_of_range


# Invariants.


@pytest.mark.parametrize(
    ("balance", "words"),
    [
        (Balance(posted=1), "sum to 1, not to zero"),
        (Balance(floor=1), "below its floor of 1"),
        (Balance(pending_out=1, floor=0), "below its floor of 0"),
        (Balance(ceiling=-1), "above its ceiling of -1"),
        (Balance(pending_out=1), "differs by 1"),
        (Balance(pending_out=-1), "less than nothing set aside"),
        (Balance(pending_in=-1), "less than nothing set aside"),
    ],
)
def test_a_book_that_does_not_hold_is_named(balance, words):
    book = new_book()
    book.balances[ADA] = balance
    with pytest.raises(LogError, match=words):
        check_balances(book.balances)


def test_a_pool_that_is_not_empty_is_named():
    book = new_book()
    book.apply([move(1, GRID, POOL, 7)], PERIOD)
    with pytest.raises(LogError, match="pool/street WH/0 holds 7 after the period"):
        check_pools_empty(book.balances, [GRID, POOL])
    check_pools_empty(book.balances, [GRID])
