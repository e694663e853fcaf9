"""What a run moved, in the audit's book: net, as the moves are made here and not read.

The operator's book takes transfers one by one, whatever they are. The audit makes a run's moves itself
from what was checked before, and compares their root with the signed one; so it need not ask of
each whether it may be: holds are made once, resolved once and never for more, by construction.
What remains is to add up, and to look at each account's limits.

>>> book = Book()
>>> book.open("a BRM/7", floor=-5), book.open("b BRM/7")
(None, None)
>>> apply_moves(book, [Move(Kind.POST, "a BRM/7", "b BRM/7", 4)])
>>> book.balances["a BRM/7"].posted
-4
"""

from collections.abc import Iterable

from ledger.book import Book
from ledger.records import AMOUNT_MAX, Kind
from settlement.errors import UnsoundError
from settlement.postings import Move


def apply_moves(book: Book, moves: Iterable[Move]) -> None:
    """Add a batch of a run's moves to the balances.

    Raises:
        UnsoundError: an account that is not open, or ends beyond a limit.
    """
    posted: dict[str, int] = {}
    pending_out: dict[str, int] = {}
    pending_in: dict[str, int] = {}
    for move in moves:
        kind, debit, credit = move.kind, move.debit, move.credit
        if kind is not Kind.POST:
            held = move.held if kind is Kind.HOLD else -move.held
            pending_out[debit] = pending_out.get(debit, 0) + held
            pending_in[credit] = pending_in.get(credit, 0) + held
        if kind is Kind.POST or kind is Kind.POST_HOLD:
            posted[debit] = posted.get(debit, 0) - move.amount
            posted[credit] = posted.get(credit, 0) + move.amount
    for account in {**posted, **pending_out, **pending_in}:
        balance = book.balances.get(account)
        if balance is None:
            raise UnsoundError(f"the account {account} is not open")
        balance.posted += posted.get(account, 0)
        balance.pending_out += pending_out.get(account, 0)
        balance.pending_in += pending_in.get(account, 0)
        if balance.below_floor or balance.above_ceiling or abs(balance.posted) > AMOUNT_MAX:
            raise UnsoundError(f"{account} ends beyond its limits")
