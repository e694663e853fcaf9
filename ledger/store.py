"""The ledger's store: domain verbs over one database transaction.

Every verb takes an open connection; the caller commits. `LedgerStore.lock` comes first in a
write transaction, so that a community has one writer at a time on either engine.

>>> community_number("riverside.example/ledger/1")
6577334621571254224
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import Connection, Row, bindparam, func, insert, select, update

from ledger.book import Balance, Book, Hold, Status
from ledger.errors import ConflictError, RefusedError, SetupError
from ledger.primitives.hashing import tagged_hash
from ledger.records import Kind, Transfer, content_hash
from ledger.tables import (
    AccountRow,
    BalanceRow,
    BatchRow,
    CommunityRow,
    LogHeadRow,
    TransferRow,
)

_T = TypeVar("_T")

ROWS_A_QUERY_MAX = 500
"""Most values in one IN list: SQLite's limit was 999 for long."""

_accounts, _balances = AccountRow.__table__, BalanceRow.__table__  # type: ignore[attr-defined]
_batches, _transfers = BatchRow.__table__, TransferRow.__table__  # type: ignore[attr-defined]
_communities, _heads = CommunityRow.__table__, LogHeadRow.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Batch:
    """Transfers to post together, all or none.

    Attributes:
        id: 16 bytes, the idempotency key.
        transfers: at least none; an empty batch is recorded too, as a run without trade is.
        position: position in the log of the statement that caused them.
    """

    id: bytes
    transfers: tuple[Transfer, ...]
    position: int


def community_number(origin: str) -> int:
    """Return a community's number: the first 63 bits of a hash of its origin.

    It is the same in every database, so that a community can move between them.
    """
    return int.from_bytes(tagged_hash("commonwatt/community/v1", origin.encode())[:8]) >> 1


def create_community(connection: Connection, origin: str, name: str, now_ms: int) -> int:
    """Add a community and return its number.

    Raises:
        ConflictError: there is one of this origin.
    """
    number = community_number(origin)
    if find_community(connection, origin) is not None:
        raise ConflictError(f"There is a community {origin} in this database already.", "origin")
    connection.execute(
        insert(_communities).values(community=number, origin=origin, name=name, created_at=now_ms)
    )
    return number


def find_community(connection: Connection, origin: str | None) -> Row[tuple[int, str, str]] | None:
    """Return (community, origin, name) of an origin, or of the only community there is."""
    query = select(_communities.c.community, _communities.c.origin, _communities.c.name)
    if origin is not None:
        return connection.execute(query.where(_communities.c.origin == origin)).one_or_none()
    rows = connection.execute(query.limit(2)).all()
    if len(rows) > 1:
        raise SetupError("This database has several communities: say which with --community.")
    return rows[0] if rows else None


class LedgerStore:
    """The ledger of one community.

    It remembers account numbers, which never change once given.
    """

    def __init__(self, community: int) -> None:
        self.community = community
        self._numbers: dict[str, int] = {}
        self._names: dict[int, str] = {}

    def lock(self, connection: Connection) -> None:
        """Make this transaction the community's only writer until it ends."""
        if connection.dialect.name == "postgresql":
            connection.execute(
                select(_heads.c.size).where(_heads.c.community == self.community).with_for_update()
            )

    def open_accounts(
        self, connection: Connection, accounts: Sequence[tuple[str, int | None]], now_ms: int
    ) -> None:
        """Open those of the (account, floor) pairs that are not open yet."""
        self._load_numbers(connection)
        fresh = [(name, floor) for name, floor in accounts if name not in self._numbers]
        if not fresh:
            return
        first = len(self._numbers) + 1
        numbered = list(enumerate(fresh, start=first))
        connection.execute(
            insert(_accounts),
            [
                {"community": self.community, "number": n, "name": name, "opened_at": now_ms}
                for n, (name, _) in numbered
            ],
        )
        connection.execute(
            insert(_balances),
            [
                {
                    "community": self.community,
                    "account": n,
                    "posted": 0,
                    "pending_out": 0,
                    "pending_in": 0,
                    "floor": floor,
                    "ceiling": None,
                    "version": 0,
                }
                for n, (_, floor) in numbered
            ],
        )
        self._load_numbers(connection)

    def number_of(self, connection: Connection, account: str) -> int:
        """Return an open account's number.

        Raises:
            RefusedError: it is not open.
        """
        if account not in self._numbers:
            self._load_numbers(connection)
        if account not in self._numbers:
            raise RefusedError(f"The account {account} is not open.")
        return self._numbers[account]

    def balances(self, connection: Connection) -> dict[str, Balance]:
        """Return every account's balance, by account."""
        self._load_numbers(connection)
        rows = connection.execute(select(_balances).where(_balances.c.community == self.community))
        return {
            self._names[row.account]: Balance(
                row.posted, row.pending_out, row.pending_in, row.floor, row.ceiling
            )
            for row in rows
        }

    def post(self, connection: Connection, batches: Sequence[Batch], now_ms: int) -> int:
        """Post batches in order; each is new, or came before with the same content.

        Returns:
            How many were new.

        Raises:
            ConflictError: a batch's id came before with other transfers.
            RefusedError: a batch breaks a limit; says which transfer and why. The caller's
                transaction must be rolled back.
        """
        known = self._known_batches(connection, [batch.id for batch in batches])
        fresh = []
        for batch in batches:
            content = known.get(batch.id)
            if content is None:
                fresh.append(batch)
            elif content != content_hash(batch.transfers):
                raise ConflictError(
                    f"The batch {batch.id.hex()} was posted before with other transfers.",
                    "transfers",
                )
        if fresh:
            book = self._load_book(connection, fresh)
            before = {name: _state(balance) for name, balance in book.balances.items()}
            for batch in fresh:
                _apply(book, batch)
            self._write(connection, fresh, now_ms)
            self._write_balances(connection, book, before)
        return len(fresh)

    def transfers(self, connection: Connection) -> Iterator[tuple[Transfer, int]]:
        """Yield every (transfer, log position of its cause), in the order of posting."""
        self._load_numbers(connection)
        rows = connection.execute(
            select(_transfers, _batches.c.position)
            .join(
                _batches,
                (_batches.c.community == _transfers.c.community)
                & (_batches.c.number == _transfers.c.batch),
            )
            .where(_transfers.c.community == self.community)
            .order_by(_transfers.c.number),
            execution_options={"yield_per": 10_000},
        )
        for row in rows:
            yield self._transfer(row), row.position

    def _transfer(self, row: Row[tuple[object, ...]]) -> Transfer:
        return Transfer(
            row.id,
            Kind(row.kind),
            self._names[row.debit],
            self._names[row.credit],
            row.amount,
            row.effective,
            row.hold,
        )

    def _load_numbers(self, connection: Connection) -> None:
        rows = connection.execute(
            select(_accounts.c.name, _accounts.c.number)
            .where(_accounts.c.community == self.community)
            .where(_accounts.c.number > len(self._numbers))
        ).all()
        # A rolled-back opening must not be remembered: numbers come from committed rows or
        # from this very transaction, and are dropped by `forget` when it fails.
        self._numbers |= {row.name: row.number for row in rows}
        self._names |= {row.number: row.name for row in rows}

    def forget(self) -> None:
        """Drop what is remembered: after a transaction was rolled back."""
        self._numbers.clear()
        self._names.clear()

    def _known_batches(self, connection: Connection, ids: Sequence[bytes]) -> dict[bytes, bytes]:
        known: dict[bytes, bytes] = {}
        for some in _chunks(ids):
            rows = connection.execute(
                select(_batches.c.id, _batches.c.content)
                .where(_batches.c.community == self.community)
                .where(_batches.c.id.in_(some))
            )
            known |= {row.id: row.content for row in rows}
        return known

    def _load_book(self, connection: Connection, batches: Sequence[Batch]) -> Book:
        """Return a book with the accounts and holds that the batches touch."""
        self._load_numbers(connection)
        book = Book()
        names = {name for batch in batches for t in batch.transfers for name in (t.debit, t.credit)}
        numbers = [self._numbers[name] for name in names if name in self._numbers]
        for some in _chunks(numbers):
            for row in connection.execute(
                select(_balances)
                .where(_balances.c.community == self.community)
                .where(_balances.c.account.in_(some))
            ):
                book.balances[self._names[row.account]] = Balance(
                    row.posted, row.pending_out, row.pending_in, row.floor, row.ceiling
                )
        holds = {t.original for batch in batches for t in batch.transfers if t.original is not None}
        self._load_holds(connection, book, sorted(holds))
        return book

    def _load_holds(self, connection: Connection, book: Book, ids: Sequence[bytes]) -> None:
        for some in _chunks(ids):
            mine = _transfers.c.community == self.community
            resolved = set(
                connection.scalars(
                    select(_transfers.c.hold).where(mine, _transfers.c.hold.in_(some))
                )
            )
            rows = connection.execute(
                select(_transfers).where(
                    mine, _transfers.c.id.in_(some), _transfers.c.kind == int(Kind.HOLD)
                )
            )
            for row in rows:
                book.holds[row.id] = Hold(
                    self._names[row.debit],
                    self._names[row.credit],
                    row.amount,
                    row.id in resolved,
                )

    def _write(self, connection: Connection, batches: Sequence[Batch], now_ms: int) -> None:
        batch_number = self._last_number(connection, _batches.c.number)
        transfer_number = self._last_number(connection, _transfers.c.number)
        batch_rows, transfer_rows = [], []
        for batch in batches:
            batch_number += 1
            batch_rows.append(
                {
                    "community": self.community,
                    "number": batch_number,
                    "id": batch.id,
                    "content": content_hash(batch.transfers),
                    "position": batch.position,
                    "recorded_at": now_ms,
                }
            )
            for transfer in batch.transfers:
                transfer_number += 1
                transfer_rows.append(
                    {
                        "community": self.community,
                        "number": transfer_number,
                        "id": transfer.id,
                        "batch": batch_number,
                        "kind": int(transfer.kind),
                        "debit": self._numbers[transfer.debit],
                        "credit": self._numbers[transfer.credit],
                        "amount": transfer.amount,
                        "effective": transfer.effective,
                        "hold": transfer.original,
                    }
                )
        connection.execute(insert(_batches), batch_rows)
        if transfer_rows:
            connection.execute(insert(_transfers), transfer_rows)

    def _last_number(self, connection: Connection, column: object) -> int:
        table = column.table  # type: ignore[attr-defined]
        query = select(func.max(column)).where(table.c.community == self.community)
        return connection.scalar(query) or 0

    def _write_balances(
        self, connection: Connection, book: Book, before: dict[str, tuple[int, int, int]]
    ) -> None:
        """Write each changed balance once, however many transfers touched it."""
        changed = [
            {
                "b_account": self._numbers[name],
                "posted": balance.posted,
                "pending_out": balance.pending_out,
                "pending_in": balance.pending_in,
            }
            for name, balance in book.balances.items()
            if _state(balance) != before[name]
        ]
        if changed:
            connection.execute(
                update(_balances)
                .where(_balances.c.community == self.community)
                .where(_balances.c.account == bindparam("b_account"))
                .values(version=_balances.c.version + 1),
                changed,
            )


def _apply(book: Book, batch: Batch) -> None:
    statuses = book.apply(batch.transfers)
    for transfer, status in zip(batch.transfers, statuses, strict=True):
        if status not in (Status.CREATED, Status.BATCH_REFUSED):
            raise RefusedError(
                f"The transfer {transfer.id.hex()} of {transfer.amount} from {transfer.debit} to "
                f"{transfer.credit} was refused ({status.name.lower().replace('_', ' ')}); "
                "nothing of its batch was posted."
            )


def _state(balance: Balance) -> tuple[int, int, int]:
    return balance.posted, balance.pending_out, balance.pending_in


def _chunks(items: Sequence[_T]) -> Iterable[Sequence[_T]]:
    return (
        items[start : start + ROWS_A_QUERY_MAX] for start in range(0, len(items), ROWS_A_QUERY_MAX)
    )
