"""The pure book: whatever is posted, nothing appears, vanishes or falls below a floor."""

import copy
import random
from collections import Counter, defaultdict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.book import Balance, Book, Hold, Status
from ledger.errors import LogError
from ledger.invariants import check_balances, check_pools_empty
from ledger.records import AMOUNT_MAX, Kind, Transfer, content_hash, record, salted_root

ADA, BEN = (f"member/{digit * 32}/wallet BRM/7" for digit in "ab")
FUND = "community/fund BRM/7"
RESERVE = "issuer/reserve BRM/7"
POOL = "pool/street WH/0"
GRID = "grid/import WH/0"
ACCOUNTS = [ADA, BEN, FUND, RESERVE, POOL, GRID]
PERIOD = 989737


def new_book() -> Book:
    book = Book()
    book.open(ADA, floor=0)
    book.open(BEN, floor=-50)
    book.open(FUND, floor=0, ceiling=120)
    book.open(RESERVE)
    book.open(POOL, floor=0)
    book.open(GRID)
    return book


def move(
    number: int,
    debit: str,
    credit: str,
    amount: int,
    kind: Kind = Kind.POST,
    hold: int | None = None,
) -> Transfer:
    hold_id = None if hold is None else hold.to_bytes(16)
    return Transfer(number.to_bytes(16), kind, debit, credit, amount, PERIOD, hold_id)


def state(book: Book) -> Any:
    return copy.deepcopy((book.balances, book.holds, book.transfers))


MONEY = [ADA, BEN, FUND, RESERVE]
PAIRS = [(one, other) for one in MONEY for other in MONEY if one != other]
PAIRS += [(POOL, GRID), (GRID, POOL), (RESERVE, ADA), (RESERVE, BEN)]
KINDS = [Kind.POST, Kind.POST, Kind.HOLD, Kind.HOLD, Kind.POST_HOLD, Kind.VOID_HOLD]


@st.composite
def transfers(draw: st.DrawFn) -> Transfer:
    """Transfers of every kind, most of which a book may take."""
    kind = draw(st.sampled_from(KINDS))
    debit, credit = draw(st.sampled_from(PAIRS))
    number, amount = draw(st.integers(1, 60)), draw(st.integers(1, 60))
    odd = draw(st.integers(0, 12))
    if odd == 0:
        amount = draw(st.integers(-1, AMOUNT_MAX + 1))
    elif odd == 1:
        debit = draw(st.sampled_from([*ACCOUNTS, "pool/other WH/0"]))
    hold = draw(st.integers(1, 60)) if kind in (Kind.POST_HOLD, Kind.VOID_HOLD) else None
    return move(number, debit, credit, amount, kind, hold)


BATCHES = st.lists(st.lists(transfers(), max_size=3), min_size=4, max_size=20)


def likely(book: Book, batch: list[Transfer]) -> list[Transfer]:
    """Let resolutions meet a hold that is there, so that many of them are taken."""
    holds = list(book.holds.items())
    aimed = []
    for transfer in batch:
        if transfer.original and holds:
            hold_id, hold = holds[transfer.original[-1] % len(holds)]
            amount = min(transfer.amount, hold.amount)
            if transfer.kind is Kind.VOID_HOLD:
                amount = hold.amount
            aimed.append(
                Transfer(
                    transfer.id, transfer.kind, hold.debit, hold.credit, amount, PERIOD, hold_id
                )
            )
        else:
            aimed.append(transfer)
    return aimed


def check_book(book: Book) -> None:
    """Everything that must hold, added up again from the transfers that were taken."""
    check_balances(book.balances)
    posted: dict[str, int] = defaultdict(int)
    pending_out: dict[str, int] = defaultdict(int)
    pending_in: dict[str, int] = defaultdict(int)
    resolved = [transfer.original for transfer in book.transfers.values() if transfer.original]
    assert len(set(resolved)) == len(resolved)
    for transfer in book.transfers.values():
        if transfer.kind in (Kind.POST, Kind.POST_HOLD):
            posted[transfer.debit] -= transfer.amount
            posted[transfer.credit] += transfer.amount
        elif transfer.kind is Kind.HOLD and transfer.id not in resolved:
            pending_out[transfer.debit] += transfer.amount
            pending_in[transfer.credit] += transfer.amount
    for account, balance in book.balances.items():
        assert balance.posted == posted[account]
        assert balance.pending_out == pending_out[account]
        assert balance.pending_in == pending_in[account]
        if balance.floor is not None:
            assert balance.available is not None
            assert balance.available >= 0
        if balance.ceiling is not None:
            assert balance.posted + balance.pending_in <= balance.ceiling
    assert {hold_id for hold_id, hold in book.holds.items() if hold.resolved} == set(resolved)


@settings(max_examples=400)
@given(BATCHES, st.booleans())
def test_any_sequence_of_batches_conserves_every_asset(batches, aimed):
    book = new_book()
    for batch in batches:
        sent = likely(book, batch) if aimed else batch
        before = state(book)
        statuses = book.apply(sent)
        assert len(statuses) == len(sent)
        if not set(statuses) <= {Status.CREATED, Status.EXISTS}:
            assert state(book) == before
            reasons = [status for status in statuses if status is not Status.BATCH_REFUSED]
            assert len(reasons) == 1
            assert reasons[0] not in (Status.CREATED, Status.EXISTS)
        check_book(book)


def test_long_lives_of_a_book():
    """As above, with longer sequences in which every kind of transfer is often taken."""
    taken: Counter[Kind] = Counter()
    for seed in range(60):
        rng = random.Random(seed)
        book = new_book()
        for number in range(60):
            batch = []
            for index in range(rng.randint(1, 2)):
                kind, (debit, credit) = rng.choice(KINDS), rng.choice(PAIRS)
                hold = rng.randrange(1, 99) if kind in (Kind.POST_HOLD, Kind.VOID_HOLD) else None
                name = 1 + 2 * number + index
                batch.append(move(name, debit, credit, rng.randint(1, 40), kind, hold))
            sent = likely(book, batch)
            for transfer, status in zip(sent, book.apply(sent), strict=True):
                taken[transfer.kind] += status is Status.CREATED
            check_book(book)
    assert min(taken[kind] for kind in set(KINDS)) > 100


@settings(max_examples=100)
@given(BATCHES)
def test_a_batch_that_is_sent_again_does_nothing(batches):
    book = new_book()
    for batch in batches:
        if set(book.apply(batch)) <= {Status.CREATED, Status.EXISTS}:
            before = state(book)
            assert set(book.apply(batch)) <= {Status.EXISTS}
            assert state(book) == before


def test_the_same_transfer_twice_in_one_batch_posts_once():
    book = new_book()
    transfer = move(1, RESERVE, ADA, 5)
    assert book.apply([transfer, transfer]) == [Status.CREATED, Status.EXISTS]
    assert book.balances[ADA].posted == 5


def test_a_refused_batch_undoes_holds_and_their_resolution():
    book = new_book()
    assert book.apply([move(1, RESERVE, ADA, 100), move(2, ADA, BEN, 60, Kind.HOLD)]) == [
        Status.CREATED,
        Status.CREATED,
    ]
    before = state(book)
    refused = book.apply(
        [
            move(3, ADA, BEN, 20, Kind.POST_HOLD, hold=2),
            move(4, ADA, BEN, 10, Kind.HOLD),
            move(5, ADA, BEN, 10, Kind.VOID_HOLD, hold=4),
            move(6, ADA, BEN, 1000),
        ]
    )
    assert refused == [Status.BATCH_REFUSED] * 3 + [Status.BELOW_FLOOR]
    assert state(book) == before


def test_an_empty_batch_is_nothing():
    assert new_book().apply([]) == []


# Holds.


@pytest.fixture
def held() -> Book:
    """Ada has 100, of which 60 are set aside for Ben."""
    book = new_book()
    book.apply([move(1, RESERVE, ADA, 100), move(2, ADA, BEN, 60, Kind.HOLD)])
    return book


def test_what_is_set_aside_cannot_be_spent_and_is_not_yet_there(held):
    assert held.balances[ADA].available == 40
    assert (held.balances[BEN].posted, held.balances[BEN].pending_in) == (0, 60)
    assert held.apply([move(3, ADA, FUND, 41)]) == [Status.BELOW_FLOOR]
    assert held.apply([move(4, ADA, FUND, 40)]) == [Status.CREATED]
    # Ben may go to minus 50, but not on money that is only held for him.
    assert held.apply([move(5, BEN, FUND, 51)]) == [Status.BELOW_FLOOR]


def test_posting_part_of_a_hold_releases_the_rest(held):
    assert held.apply([move(3, ADA, BEN, 25, Kind.POST_HOLD, hold=2)]) == [Status.CREATED]
    assert held.balances[ADA] == Balance(75, 0, 0, floor=0)
    assert held.balances[BEN] == Balance(25, 0, 0, floor=-50)
    assert held.holds[(2).to_bytes(16)] == Hold(ADA, BEN, 60, resolved=True)


def test_voiding_a_hold_releases_all_of_it(held):
    assert held.apply([move(3, ADA, BEN, 60, Kind.VOID_HOLD, hold=2)]) == [Status.CREATED]
    assert held.balances[ADA] == Balance(100, 0, 0, floor=0)
    assert held.balances[BEN] == Balance(0, 0, 0, floor=-50)


@pytest.mark.parametrize("first", [Kind.POST_HOLD, Kind.VOID_HOLD])
@pytest.mark.parametrize("second", [Kind.POST_HOLD, Kind.VOID_HOLD])
def test_a_hold_is_resolved_once(held, first, second):
    assert held.apply([move(3, ADA, BEN, 60, first, hold=2)]) == [Status.CREATED]
    before = state(held)
    assert held.apply([move(4, ADA, BEN, 60, second, hold=2)]) == [Status.HOLD_ALREADY_RESOLVED]
    assert state(held) == before


def test_a_hold_is_resolved_once_within_a_batch_too(held):
    twice = [move(number, ADA, BEN, 30, Kind.POST_HOLD, hold=2) for number in (3, 4)]
    assert held.apply(twice) == [Status.BATCH_REFUSED, Status.HOLD_ALREADY_RESOLVED]
    assert held.balances[ADA].pending_out == 60


@settings(max_examples=100)
@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 40)), max_size=8))
def test_what_was_set_aside_can_always_be_paid(pairs):
    """Why settlement cannot bounce: between hold and posting nothing else can take it."""
    book = new_book()
    book.apply([move(1, RESERVE, ADA, 100)])
    numbers = iter(range(2, 1000))
    taken = []
    for held, paid in pairs:
        number = next(numbers)
        if book.apply([move(number, ADA, BEN, held, Kind.HOLD)]) == [Status.CREATED]:
            taken.append((number, held, min(held, paid)))
    left = book.balances[ADA].available
    if left:
        assert book.apply([move(next(numbers), ADA, RESERVE, left)]) == [Status.CREATED]
    for number, held, paid in taken:
        kind, amount = (Kind.POST_HOLD, paid) if paid else (Kind.VOID_HOLD, held)
        resolution = move(next(numbers), ADA, BEN, amount, kind, hold=number)
        assert book.apply([resolution]) == [Status.CREATED]
    assert book.balances[ADA].posted >= 0


# Statuses.

NO_ACCOUNT, NO_OTHER = "pool/none WH/0", "pool/nobody WH/0"

BIG = AMOUNT_MAX + 1

EXAMPLES = [
    (Status.CREATED, move(9, ADA, BEN, 40)),
    (Status.EXISTS, move(1, RESERVE, ADA, 100)),
    # Everything else is wrong with these too; the id comes first.
    (Status.EXISTS_WITH_OTHER_CONTENT, move(1, NO_ACCOUNT, NO_ACCOUNT, 0)),
    (Status.EXISTS_WITH_OTHER_CONTENT, move(1, RESERVE, ADA, 101)),
    (Status.AMOUNT_OUT_OF_RANGE, move(9, ADA, ADA, 0)),
    (Status.AMOUNT_OUT_OF_RANGE, move(9, ADA, BEN, -1)),
    (Status.AMOUNT_OUT_OF_RANGE, move(9, NO_ACCOUNT, ADA, BIG)),
    (Status.SAME_ACCOUNT_TWICE, move(9, NO_ACCOUNT, NO_ACCOUNT, 1)),
    (Status.OTHER_ASSET, move(9, NO_ACCOUNT, ADA, 1)),
    (Status.OTHER_ASSET, move(9, ADA, POOL, 1)),
    (Status.DEBIT_ACCOUNT_NOT_FOUND, move(9, NO_ACCOUNT, NO_OTHER, 1)),
    (Status.DEBIT_ACCOUNT_NOT_FOUND, move(9, NO_ACCOUNT, POOL, 1, Kind.VOID_HOLD, hold=7)),
    (Status.CREDIT_ACCOUNT_NOT_FOUND, move(9, POOL, NO_ACCOUNT, 1)),
    (Status.HOLD_NOT_FOUND, move(9, ADA, BEN, 1, Kind.POST_HOLD, hold=7)),
    (Status.HOLD_NOT_FOUND, move(9, ADA, BEN, 1, Kind.POST_HOLD)),
    (Status.HOLD_NOT_FOUND, move(9, ADA, BEN, 1, Kind.POST_HOLD, hold=1)),
    (Status.HOLD_ALREADY_RESOLVED, move(9, BEN, ADA, 999, Kind.POST_HOLD, hold=3)),
    (Status.HOLD_OF_OTHER_ACCOUNTS, move(9, BEN, ADA, 999, Kind.POST_HOLD, hold=2)),
    (Status.HOLD_OF_OTHER_ACCOUNTS, move(9, ADA, FUND, 60, Kind.VOID_HOLD, hold=2)),
    (Status.EXCEEDS_HOLD, move(9, ADA, BEN, 61, Kind.POST_HOLD, hold=2)),
    (Status.EXCEEDS_HOLD, move(9, ADA, BEN, 61, Kind.VOID_HOLD, hold=2)),
    (Status.EXCEEDS_HOLD, move(9, ADA, BEN, 59, Kind.VOID_HOLD, hold=2)),
    (Status.BELOW_FLOOR, move(9, ADA, FUND, 121)),
    (Status.BELOW_FLOOR, move(9, ADA, BEN, 41, Kind.HOLD)),
    (Status.ABOVE_CEILING, move(9, RESERVE, FUND, 121)),
    (Status.ABOVE_CEILING, move(9, RESERVE, FUND, 121, Kind.HOLD)),
    (Status.ABOVE_CEILING, move(9, RESERVE, BEN, AMOUNT_MAX)),
]


@pytest.mark.parametrize(
    ("status", "transfer"),
    EXAMPLES,
    ids=[f"{number}-{status.name}" for number, (status, _) in enumerate(EXAMPLES)],
)
def test_the_first_reason_in_order_is_the_one_given(held, status, transfer):
    # Hold 2 is open, hold 3 was voided.
    held.apply(
        [
            move(3, RESERVE, BEN, 10, Kind.HOLD),
            move(4, RESERVE, BEN, 10, Kind.VOID_HOLD, hold=3),
        ]
    )
    assert held.apply([transfer]) == [status]


def test_every_status_has_an_example():
    shown = {status for status, _ in EXAMPLES} | {Status.BATCH_REFUSED}
    assert shown == set(Status)
    assert [status for status, _ in EXAMPLES] == sorted(status for status, _ in EXAMPLES)


def test_no_balance_leaves_the_range_that_javascript_keeps():
    book = new_book()
    assert book.apply([move(1, RESERVE, BEN, AMOUNT_MAX)]) == [Status.CREATED]
    assert book.apply([move(2, RESERVE, ADA, 1)]) == [Status.ABOVE_CEILING]
    assert book.apply([move(3, FUND, BEN, 1)]) == [Status.BELOW_FLOOR]


def test_a_floor_that_was_raised_keeps_no_money_out():
    book = new_book()
    book.apply([move(1, BEN, ADA, 50)])
    book.open(BEN, floor=0)
    assert book.balances[BEN].posted == -50
    assert book.apply([move(2, BEN, ADA, 1)]) == [Status.BELOW_FLOOR]
    assert book.apply([move(3, ADA, BEN, 20)]) == [Status.CREATED]


# What is hashed.


@settings(max_examples=200)
@given(transfers(), transfers())
def test_two_transfers_never_share_a_record(one, other):
    if not (0 < one.amount <= AMOUNT_MAX and 0 < other.amount <= AMOUNT_MAX):
        return
    assert (record(one) == record(other)) == (one == other)
    assert (content_hash([one]) == content_hash([other])) == (one == other)


def test_a_batchs_hash_and_root_depend_on_order_and_number():
    one, other = move(1, ADA, BEN, 1), move(2, ADA, BEN, 1)
    batches = [[one, other], [other, one], [one], [one, one], []]
    assert len({content_hash(batch) for batch in batches}) == len(batches)
    seed = bytes(32)
    roots = {salted_root(seed, [record(transfer) for transfer in batch]) for batch in batches}
    assert len(roots) == len(batches)
    assert salted_root(b"\x01" + bytes(31), [record(one)]) not in roots


# Invariants.


@pytest.mark.parametrize(
    ("balance", "words"),
    [
        (Balance(posted=1), "sum to 1, not to zero"),
        (Balance(floor=1), "below its floor of 1"),
        (Balance(pending_out=1, floor=0), "below its floor of 0"),
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
    book.apply([move(1, GRID, POOL, 7)])
    with pytest.raises(LogError, match="pool/street WH/0 holds 7 after the period"):
        check_pools_empty(book.balances, [GRID, POOL])
    check_pools_empty(book.balances, [GRID])
