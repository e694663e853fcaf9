"""What a batch touches, read from the database into a book.

Accounts, the holds and originals that transfers name, ids that were used before, and holds whose
time is over: all that the pure book needs to decide as if it knew the whole ledger.

>>> Loader.__name__
'Loader'
"""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection

from ledger.book import Balance, Book, Hold, expiry_id
from ledger.bulk import Reads
from ledger.chart import Chart
from ledger.records import Kind, Transfer
from ledger.tables import FINAL_KINDS, TransferRow

_transfers = TransferRow.__table__  # type: ignore[attr-defined]

_TRANSFER = "SELECT id, kind, debit, credit, amount, effective, original, expires FROM transfer"
_FINAL = f"kind IN {FINAL_KINDS}"
_CORRECTION = f"kind = {int(Kind.CORRECT)}"


class Loader:
    """Reads one community's rows within a transaction.

    Args:
        connection: an open transaction; the community is locked if anything is to be written.
        chart: the community's accounts.
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

    def __init__(self, connection: Connection, chart: Chart) -> None:
        self._connection, self._community, self._chart = connection, chart.community, chart
        self._names = chart.names

    def load(self, transfers: Sequence[Transfer], now: int, reads: Reads) -> Book:
        """Return a book with all that some transfers touch.

        Args:
            transfers: about to be applied.
            now: this half-hour; holds that expired since the last posting are loaded too.
            reads: what else is asked in the same round trip.
        """
        book = Book()
        opened = self._chart.ask(reads)
        names = {name for t in transfers for name in (t.debit, t.credit)}
        numbers = self._chart.numbers
        asked = {numbers[name] for name in names if name in numbers}
        balances = self._chart.ask_balances(reads, sorted(asked))
        originals = {t.original for t in transfers if t.original is not None}
        found_rows = self._ask("id", [*{t.id for t in transfers} | originals], reads)
        due_rows = self._ask_due_holds(now, reads)
        reads.run()

        self._chart.learn(opened)
        self._names, numbers = self._chart.names, self._chart.numbers
        self._add_balances(book, balances)
        found, due = map(self._read, (found_rows, due_rows))
        book.transfers |= {transfer.id: transfer for transfer in found}
        ends = {name for t in (*found, *due) if t.kind is Kind.HOLD for name in (t.debit, t.credit)}
        late = names - book.balances.keys() | ends
        more = {numbers[name] for name in late if name in numbers} - asked
        balances = self._chart.ask_balances(reads, sorted(more))
        self._load_amendments(book, found, due, reads)
        self._add_balances(book, balances)
        self._load_taken_expiries(book, [hold.id for hold in due])
        return book

    def find(self, transfer_id: bytes) -> tuple[int, Transfer, int] | None:
        """Return a transfer's number, the transfer, and what amendments leave of its amount."""
        reads = Reads(self._connection)
        opened = self._chart.ask(reads)
        rows = self._ask("id", [transfer_id], reads)
        query = "SELECT number FROM transfer"
        numbers = reads.select_in(query, "id", self._community, [transfer_id], kind="bytea")
        reads.run()
        if not rows:
            return None
        self._chart.learn(opened)
        self._names = self._chart.names
        book = Book()
        [transfer] = self._read(rows)
        book.transfers[transfer.id] = transfer
        self._load_amendments(book, [transfer], [], reads)
        amended = book.amended.get(transfer.id)
        return numbers[0][0], transfer, transfer.amount if amended is None else amended.remaining

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

    def _add_balances(self, book: Book, rows: Iterable[Any]) -> None:
        for account, posted, pending_out, pending_in, floor, ceiling in rows:
            book.balances[self._names[account]] = Balance(
                posted, pending_out, pending_in, floor, ceiling
            )

    def _load_amendments(
        self, book: Book, found: Sequence[Transfer], due: Sequence[Transfer], reads: Reads
    ) -> None:
        """Load what became of holds and movements; `reads` is run with it."""
        holds = {t.id: t for t in (*found, *due) if t.kind is Kind.HOLD}
        movements = [t.id for t in found if t.kind in (Kind.POST, Kind.POST_HOLD)]
        final_rows = self._ask("original", [*holds, *movements], reads, _FINAL)
        # SQLite does not know how few they are, and would read the whole community for each.
        hint = " INDEXED BY transfer_correction"
        hint = hint if self._connection.dialect.name == "sqlite" else ""
        correction_rows = self._ask("original", movements, reads, _CORRECTION, hint)
        reads.run()
        final = {transfer.original: transfer for transfer in self._read(final_rows)}
        for hold_id, t in holds.items():
            resolution = final.get(hold_id)
            kind = None if resolution is None else resolution.kind
            book.add_hold(hold_id, Hold(t.debit, t.credit, t.amount, t.expires, kind))
        reversals = [final[movement] for movement in movements if movement in final]
        for amendment in [*self._read(correction_rows), *reversals]:
            book.note_amendment(amendment)

    def _load_taken_expiries(self, book: Book, hold_ids: Sequence[bytes]) -> None:
        """Load the transfers that lie where the expiries of holds would be."""
        attempt = 0
        while hold_ids:
            by_id = {expiry_id(hold_id, attempt): hold_id for hold_id in hold_ids}
            reads = Reads(self._connection)
            rows = self._ask("id", list(by_id), reads)
            reads.run()
            found = self._read(rows)
            book.transfers |= {transfer.id: transfer for transfer in found}
            hold_ids = [by_id[transfer.id] for transfer in found]
            attempt += 1

    def _read(self, rows: Sequence[Sequence[Any]]) -> list[Transfer]:
        return [self.transfer(row) for row in rows]

    def _ask(
        self, key: str, values: Sequence[bytes], reads: Reads, where: str = "", hint: str = ""
    ) -> list[Any]:
        """Ask for the transfers that have any of some values in a column."""
        query = f"{_TRANSFER}{hint} WHERE {where}" if where else _TRANSFER
        return reads.select_in(query, key, self._community, values, kind="bytea")

    def _ask_due_holds(self, now: int, reads: Reads) -> list[Any]:
        """Ask for the holds whose time is over since the last posting, resolved or not."""
        mine = f"community = {self._community:d}"
        since = f"(SELECT period FROM batch WHERE {mine} ORDER BY number DESC LIMIT 1)"
        return reads.query(
            f"{_TRANSFER} WHERE {mine} AND expires IS NOT NULL"
            f" AND expires > coalesce({since}, 0) AND expires <= {now:d}"
        )
