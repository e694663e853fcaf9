"""Holds: set aside, then posted in full or part, voided or expired, and each only once."""

import copy
import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.book import Balance, Book, Hold, Status, expiry_of
from ledger.primitives.periods import PERIOD_MAX
from ledger.records import RESOLVES, Kind, Transfer, record
from tests.ledger.book_lives import RECIPE_MAX, Life
from tests.ledger.books import (
    ADA,
    BEN,
    DONE,
    FUND,
    PERIOD,
    RESERVE,
    hold,
    id_of,
    move,
    new_book,
    state,
)

SOON = PERIOD + 3
RECIPES = st.lists(st.tuples(*(st.integers(0, most) for most in RECIPE_MAX)), max_size=4)


@pytest.fixture
def held() -> Book:
    """Ada has 100, of which 60 are set aside for Ben until SOON."""
    book = new_book()
    batch = [move(1, RESERVE, ADA, 100), hold(2, ADA, BEN, 60, expires=SOON)]
    assert book.apply(batch, PERIOD) == DONE * 2
    return book


def test_what_is_set_aside_cannot_be_spent_and_is_not_yet_there(held):
    assert held.balances[ADA].available == 40
    assert (held.balances[BEN].posted, held.balances[BEN].pending_in) == (0, 60)
    assert held.balances[RESERVE].available is None
    assert held.apply([move(3, ADA, FUND, 41)], PERIOD) == [Status.BELOW_FLOOR]
    assert held.apply([move(4, ADA, FUND, 40)], PERIOD) == DONE
    # Ben may go to minus 50, but not on money that is only held for him.
    assert held.apply([move(5, BEN, FUND, 51)], PERIOD) == [Status.BELOW_FLOOR]


@pytest.mark.parametrize(
    ("kind", "amount", "moved"),
    [
        (Kind.POST_HOLD, 60, 60),
        (Kind.POST_HOLD, 25, 25),
        (Kind.VOID_HOLD, 60, 0),
        (Kind.EXPIRE_HOLD, 60, 0),
    ],
)
def test_a_resolution_releases_what_it_does_not_move(held, kind, amount, moved):
    now = SOON if kind is Kind.EXPIRE_HOLD else PERIOD
    assert held.apply([move(3, ADA, BEN, amount, kind, of=2)], now) == DONE
    assert held.balances[ADA] == Balance(100 - moved, 0, 0, floor=0)
    assert held.balances[BEN] == Balance(moved, 0, 0, floor=-50)
    assert held.holds[id_of(2)] == Hold(ADA, BEN, 60, SOON, kind)
    assert held.expire(PERIOD_MAX) == []


@pytest.mark.parametrize("first", RESOLVES)
@pytest.mark.parametrize("second", RESOLVES)
def test_a_hold_is_resolved_once(held, first, second):
    now = SOON if first is Kind.EXPIRE_HOLD else SOON - 1
    assert held.apply([move(3, ADA, BEN, 60, first, of=2)], now) == DONE
    before = state(held)
    again = move(4, ADA, BEN, 60, second, of=2)
    expired = first is Kind.EXPIRE_HOLD
    status = Status.HOLD_EXPIRED if expired else Status.HOLD_ALREADY_RESOLVED
    for now in (SOON - 1, SOON):
        assert held.apply([again], now) == [status]
    assert state(held) == before


def test_a_hold_is_resolved_once_within_a_batch_too(held):
    twice = [move(number, ADA, BEN, 30, Kind.POST_HOLD, of=2) for number in (3, 4)]
    before = state(held)
    assert held.apply(twice, PERIOD) == [Status.BATCH_REFUSED, Status.HOLD_ALREADY_RESOLVED]
    assert state(held) == before
    assert held.apply_each(twice, PERIOD) == [Status.CREATED, Status.HOLD_ALREADY_RESOLVED]


def test_a_hold_may_be_made_and_resolved_in_one_batch(held):
    batch = [hold(3, ADA, BEN, 40), move(4, ADA, BEN, 40, Kind.POST_HOLD, of=3)]
    assert held.apply(batch, PERIOD) == DONE * 2
    backwards = [move(6, ADA, BEN, 1, Kind.POST_HOLD, of=5), hold(5, RESERVE, BEN, 1)]
    assert held.apply(backwards, PERIOD) == [Status.HOLD_NOT_FOUND, Status.BATCH_REFUSED]


@pytest.mark.parametrize(
    ("now", "kind", "status"),
    [
        (SOON - 1, Kind.POST_HOLD, Status.CREATED),
        (SOON, Kind.POST_HOLD, Status.HOLD_EXPIRED),
        (SOON - 1, Kind.VOID_HOLD, Status.CREATED),
        (SOON, Kind.VOID_HOLD, Status.CREATED),  # nobody looked yet; it releases the same
        (SOON - 1, Kind.EXPIRE_HOLD, Status.HOLD_NOT_EXPIRED),
        (SOON, Kind.EXPIRE_HOLD, Status.CREATED),
    ],
)
def test_a_hold_is_over_from_the_half_hour_it_names(held, now, kind, status):
    assert held.apply([move(3, ADA, BEN, 60, kind, of=2)], now) == [status]


def test_a_hold_without_expiry_never_is(held):
    assert held.apply([hold(3, ADA, BEN, 5)], PERIOD) == DONE
    assert [made.original for made in held.expire(PERIOD_MAX)] == [id_of(2)]
    late = [
        move(4, ADA, BEN, 5, Kind.EXPIRE_HOLD, of=3),
        move(5, ADA, BEN, 5, Kind.POST_HOLD, of=3),
    ]
    assert held.apply_each(late, PERIOD_MAX) == [Status.HOLD_NOT_EXPIRED, Status.CREATED]


@settings(max_examples=150)
@given(
    st.lists(st.tuples(st.integers(1, 40), st.integers(0, 40), st.integers(0, 9)), max_size=8),
    st.integers(0, 9),
)
def test_what_was_set_aside_can_always_be_paid_before_its_expiry(triples, wait):
    """Why settlement cannot bounce: between hold and posting nothing else can take it."""
    book = new_book()
    book.apply([move(1, RESERVE, ADA, 100)], PERIOD)
    numbers = iter(range(2, 1000))
    taken = []
    for held, paid, periods in triples:
        number, expires = next(numbers), PERIOD + periods if periods else None
        if book.apply([hold(number, ADA, BEN, held, expires=expires)], PERIOD) == DONE:
            taken.append((number, held, min(held, paid), expires))
    now = PERIOD + wait
    released = {made.original for made in book.expire(now)}
    left = book.balances[ADA].available
    if left:
        assert book.apply([move(next(numbers), ADA, RESERVE, left)], now) == DONE
    assert book.limit(ADA, floor=0, ceiling=100) is Status.CREATED
    for number, held, paid, expires in taken:
        kind, amount = (Kind.POST_HOLD, paid) if paid else (Kind.VOID_HOLD, held)
        resolution = move(next(numbers), ADA, BEN, amount, kind, of=number)
        is_over = expires is not None and expires <= now
        assert is_over == (id_of(number) in released)
        assert book.apply([resolution], now) == ([Status.HOLD_EXPIRED] if is_over else DONE)
    ada, ben = book.balances[ADA], book.balances[BEN]
    assert ada.posted >= 0
    assert (ada.pending_out, ben.pending_in) == (0, 0)


@settings(max_examples=100)
@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 99)), max_size=8))
def test_nothing_incoming_can_be_spent(holds):
    book = new_book()
    for number, (amount, resolve) in enumerate(holds, start=1):
        assert book.apply([hold(number, RESERVE, ADA, amount)], PERIOD) == DONE
        if resolve < 20:
            posted = move(100 + number, RESERVE, ADA, amount, Kind.POST_HOLD, of=number)
            assert book.apply([posted], PERIOD) == DONE
    arrived = sum(amount for amount, resolve in holds if resolve < 20)
    assert book.balances[ADA].available == arrived
    assert book.apply([move(999, ADA, BEN, arrived + 1)], PERIOD) == [Status.BELOW_FLOOR]
    assert book.apply([hold(999, ADA, BEN, arrived + 1)], PERIOD) == [Status.BELOW_FLOOR]


# Expiry.

TIMES = st.lists(st.integers(0, 12), max_size=12)


def with_holds(times: list[int]) -> Book:
    """A hold a time; zero is none. Some are resolved before."""
    book = new_book()
    for number, time in enumerate(times, start=1):
        expires = PERIOD + time if time else None
        # Ids fall as numbers rise, so that order of making is not order of ids.
        batch = [hold(1000 - number, RESERVE, BEN, number, expires=expires)]
        if number % 4 == 0:
            of = 1000 - number
            batch.append(move(2000 + number, RESERVE, BEN, number, Kind.VOID_HOLD, of=of))
        assert set(book.apply(batch, PERIOD)) == {Status.CREATED}
    return book


@settings(max_examples=150)
@given(TIMES, st.lists(st.integers(0, 14), max_size=6))
def test_expiry_is_the_same_at_every_step_or_once_at_the_end(times, steps):
    often, once = with_holds(times), with_holds(times)
    made: list[Transfer] = []
    for step in [*sorted(steps), 14]:
        made += often.expire(PERIOD + step)
        assert often.expire(PERIOD + step) == []
    assert once.expire(PERIOD + 14) == made
    assert state(once) == state(often)
    assert [(one.effective, one.original) for one in made] == sorted(
        (PERIOD + time, id_of(1000 - number))
        for number, time in enumerate(times, start=1)
        if time and number % 4
    )
    assert not any(one.resolved is None and one.expires for one in once.holds.values())


@settings(max_examples=60)
@given(st.lists(RECIPES, min_size=1, max_size=6), st.integers(0, 6))
def test_what_expiry_makes_is_what_a_replay_takes(batches, wait):
    """A book that is sent the transfers of another's expiry becomes that book."""
    life = Life()
    for recipes in batches:
        batch = life.make(recipes)
        life.model.each(batch, life.now)
        life.book.apply_each(batch, life.now)
    other = copy.deepcopy(life.book)
    made = life.book.expire(life.now + wait)
    assert other.apply(made, life.now + wait) == [Status.CREATED] * len(made)
    assert other.expire(life.now + wait) == []
    assert state(other) == state(life.book)


def test_a_hold_that_a_store_loads_expires_as_one_that_was_made(held):
    loaded = Book()
    for name, balance in held.balances.items():
        loaded.balances[name] = copy.copy(balance)
    loaded.add_hold(id_of(2), copy.copy(held.holds[id_of(2)]))
    loaded.add_hold(id_of(9), Hold(ADA, BEN, 5, SOON, Kind.VOID_HOLD))
    assert loaded.expire(SOON) == held.expire(SOON)
    assert loaded.balances == held.balances


def test_expiries_as_the_specification_says(held):
    [made] = held.expire(SOON)
    digest = hashlib.sha256(b"commonwatt/id/expiry/v1\0" + id_of(2)).digest()
    assert made == Transfer(digest[:16], Kind.EXPIRE_HOLD, ADA, BEN, 60, SOON, id_of(2))
    assert made == expiry_of(id_of(2), held.holds[id_of(2)], SOON)
    assert len(record(made)) == 136
    assert held.transfers[made.id] == made
    assert held.balances[ADA].available == 100
