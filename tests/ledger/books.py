"""A small book to test with: accounts of two assets, and short words for transfers."""

import copy
from typing import Any

from ledger.book import Book, Status
from ledger.records import AMOUNT_MAX, TRANSFER_MAX, Kind, Transfer

ADA, BEN = (f"member/{digit * 32}/wallet BRM/7" for digit in "ab")
FUND = "community/fund BRM/7"
FEES = "community/fees BRM/7"
RESERVE = "issuer/reserve BRM/7"
POOL = "pool/street WH/0"
GRID, SUN = "grid/import WH/0", "grid/export WH/0"
NOWHERE, NOBODY = "pool/none WH/0", "pool/nobody WH/0"
PERIOD = 989737

LIMITS: dict[str, tuple[int | None, int | None]] = {
    ADA: (0, None),
    BEN: (-50, None),
    FUND: (0, 120),
    FEES: (None, None),
    RESERVE: (None, None),
    POOL: (0, None),
    GRID: (None, None),
    SUN: (None, None),
}
ACCOUNTS = list(LIMITS)
FIELDS = ("kind", "debit", "credit", "amount", "effective", "original", "expires")

DONE = [Status.CREATED]


def new_book() -> Book:
    book = Book()
    for account, (floor, ceiling) in LIMITS.items():
        book.open(account, floor, ceiling)
    return book


def id_of(number: int) -> bytes:
    return number.to_bytes(16)


def move(
    number: int,
    debit: str,
    credit: str,
    amount: int,
    kind: Kind = Kind.POST,
    of: int | None = None,
    *,
    expires: int | None = None,
    effective: int = PERIOD,
) -> Transfer:
    original = None if of is None else id_of(of)
    return Transfer(id_of(number), kind, debit, credit, amount, effective, original, expires)


def hold(
    number: int, debit: str, credit: str, amount: int, *, expires: int | None = None
) -> Transfer:
    return move(number, debit, credit, amount, Kind.HOLD, expires=expires)


def all_that_fits(number: int, debit: str, credit: str, kind: Kind = Kind.POST) -> list[Transfer]:
    """Transfers that bring an account from zero to the end of the range: the first has this number."""
    amounts = [TRANSFER_MAX] * 4 + [AMOUNT_MAX - 4 * TRANSFER_MAX]
    return [
        move(number + 100_000 * index, debit, credit, amount, kind)
        for index, amount in enumerate(amounts)
    ]


def busy_book() -> Book:
    """Ada has 100, of which hold 2 sets 60 aside for Ben.

    Hold 3 was voided, hold 5 expired; hold 6 is over and nobody looked yet. Movement 8 was
    corrected from 20 to 15; 10 was reversed. The grid has given all it can.
    """
    book = new_book()
    first = [move(1, RESERVE, ADA, 100), hold(2, ADA, BEN, 60), hold(3, RESERVE, BEN, 10)]
    first += [move(4, RESERVE, BEN, 10, Kind.VOID_HOLD, of=3)]
    first += [hold(5, RESERVE, BEN, 10, expires=PERIOD - 1)]
    first += [hold(6, RESERVE, BEN, 10, expires=PERIOD)]
    first += [move(8, RESERVE, FUND, 20), move(9, FUND, RESERVE, 5, Kind.CORRECT, of=8)]
    first += [move(10, RESERVE, FUND, 7), move(11, FUND, RESERVE, 7, Kind.REVERSE, of=10)]
    first += all_that_fits(12, GRID, SUN)
    assert set(book.apply(first, PERIOD - 2)) == {Status.CREATED}
    assert len(book.expire(PERIOD - 1)) == 1
    return book


def state(book: Book) -> Any:
    """Everything that a refused batch must leave as it was, and what will still expire."""
    later = copy.deepcopy(book)
    expiries = later.expire(10**9)
    kept = copy.deepcopy((book.balances, book.holds, book.transfers, book.amended))
    return *kept, expiries


def remaining(book: Book, number: int) -> tuple[int, bool]:
    """What may still be taken back of a movement, and whether it was reversed."""
    amended = book.amended.get(id_of(number))
    if amended is None:
        return book.transfers[id_of(number)].amount, False
    return amended.remaining, amended.reversed
