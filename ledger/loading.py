"""What a batch touches, read from the database into a book.

Accounts, the holds and originals that transfers name, ids that were used before, and holds whose
time is over: all that the pure book needs to decide as if it knew the whole ledger.

>>> Loader.__name__
'Loader'
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from ledger import bulk
from ledger.book import Balance, Book, Hold, expiry_id
from ledger.records import Kind, Transfer
from ledger.tables import FINAL_KINDS, TransferRow

_transfers = TransferRow.__table__  # type: ignore[attr-defined]

_TRANSFER = "SELECT id, kind, debit, credit, amount, effective, original, expires FROM transfer"
_BALANCE = "SELECT account, posted, pending_out, pending_in, floor, ceiling FROM balance"
_FINAL = f"kind IN {FINAL_KINDS}"
_CORRECTION = f"kind = {int(Kind.CORRECT)}"


class Loader:
    """Reads one community's rows within a transaction.

    Args:
        connection: an open transaction; the community is locked if anything is to be written.
        community: its number.
        numbers: account numbers by name, all of them.
        names: account names by number.
    """

    columns = tuple(
        _transfers.c[name]
        for name in (
            "id",
            "kind",
            "debit",
            "credit",
            "amount",
            "effective",
            "original",
            "expires",
        )
    )

    def __init__(
        self,
        connection: Connection,
        community: int,
        numbers: Mapping[str, int],
        names: Mapping[int, str],
    ) -> None:
        self._connection, self._community = connection, community
        self._numbers, self._names = numbers, names

    def load(self, transfers: Sequence[Transfer], since: int, now: int) -> Book:
        """Return a book with all that some transfers touch.

        Args:
            transfers: about to be applied.
            since: the half-hour of the last posting; what was due then was released then.
            now: the half-hour of this one; holds that expire until then are loaded too.
        """
        book = Book()
        names = {name for t in transfers for name in (t.debit, t.credit)}
        named = {t.original for t in transfers if t.original is not None}
        due = self._due_holds(since, now)
        self._load_transfers(book, [*{t.id for t in transfers} | named], due)
        self._load_taken_expiries(book, [hold.id for hold in due])
        accounts = [self._numbers[name] for name in names if name in self._numbers]
        accounts += [self._numbers[hold.debit] for hold in book.holds.values()]
        accounts += [self._numbers[hold.credit] for hold in book.holds.values()]
        self.load_balances(book, sorted(set(accounts)))
        return book

    def load_balances(self, book: Book, accounts: Sequence[int] | None) -> None:
        """Put the balances of some accounts, or of all, into a book."""
        if accounts is None:
            rows: Iterable[Any] = self._connection.exec_driver_sql(
                f"{_BALANCE} WHERE community = {self._community:d} ORDER BY account"
            )
        else:
            rows = bulk.select_in(
                self._connection,
                _BALANCE,
                "account",
                self._community,
                accounts,
            )
        for account, *state in rows:
            book.balances[self._names[account]] = Balance(*state)

    def transfer(self, row: Sequence[Any]) -> Transfer:
        """Return the transfer of a row that begins with `columns`."""
        return Transfer(
            bytes(row[0]),
            Kind(row[1]),
            self._names[row[2]],
            self._names[row[3]],
            row[4],
            row[5],
            None if row[6] is None else bytes(row[6]),
            row[7],
        )

    def _load_transfers(self, book: Book, ids: Sequence[bytes], due: Sequence[Transfer]) -> None:
        found = self._transfers("id", ids)
        book.transfers |= {transfer.id: transfer for transfer in found}
        holds = {t.id: t for t in (*found, *due) if t.kind is Kind.HOLD}
        movements = [t.id for t in found if t.kind in (Kind.POST, Kind.POST_HOLD)]
        final = {t.original: t for t in self._transfers("original", [*holds, *movements], _FINAL)}
        for hold_id, t in holds.items():
            resolution = final.get(hold_id)
            kind = None if resolution is None else resolution.kind
            book.add_hold(hold_id, Hold(t.debit, t.credit, t.amount, t.expires, kind))
        reversals = [final[movement] for movement in movements if movement in final]
        for amendment in [*self._corrections(movements), *reversals]:
            book.note_amendment(amendment)

    def _load_taken_expiries(self, book: Book, hold_ids: Sequence[bytes]) -> None:
        """Load the transfers that lie where the expiries of holds would be."""
        attempt = 0
        while hold_ids:
            by_id = {expiry_id(hold_id, attempt): hold_id for hold_id in hold_ids}
            found = self._transfers("id", list(by_id))
            book.transfers |= {transfer.id: transfer for transfer in found}
            hold_ids = [by_id[transfer.id] for transfer in found]
            attempt += 1

    def _corrections(self, movements: Sequence[bytes]) -> list[Transfer]:
        """Return the corrections of some movements."""
        # SQLite does not know how few they are, and would read the whole community for each.
        hint = " INDEXED BY transfer_correction"
        hint = hint if self._connection.dialect.name == "sqlite" else ""
        return self._transfers("original", movements, _CORRECTION, hint)

    def _transfers(
        self, key: str, values: Sequence[bytes], where: str = "", hint: str = ""
    ) -> list[Transfer]:
        """Return the transfers that have any of some values in a column."""
        query = f"{_TRANSFER}{hint} WHERE {where}" if where else _TRANSFER
        rows = bulk.select_in(self._connection, query, key, self._community, values, kind="bytea")
        return [self.transfer(row) for row in rows]

    def _due_holds(self, since: int, now: int) -> list[Transfer]:
        """Return the holds whose time is over since the last posting, resolved or not."""
        rows = self._connection.exec_driver_sql(
            f"{_TRANSFER} WHERE community = {self._community:d} AND expires IS NOT NULL"
            f" AND expires > {since:d} AND expires <= {now:d}"
        )
        return [self.transfer(row) for row in rows]
