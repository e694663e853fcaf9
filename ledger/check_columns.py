"""The ledger's rows as numpy columns, chunk by chunk, for `ledger.check`.

Rows come as the driver's own tuples on SQLite, and as binary COPY on PostgreSQL; SQLAlchemy's rows
would take longer than the whole check. A chunk is whole batches with their transfers, so that what
is in memory does not grow with the ledger.

>>> TRANSFER[0], column_names((Column("original", 16, nullable=True),))
(Column(name='number', size=8, nullable=False, expression=''), ['original', 'has_original'])
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from ledger.accounts import account_hash
from ledger.errors import CommonwattError
from ledger.primitives.periods import start_text
from ledger.records import Kind

Array = NDArray[Any]
Columns = Mapping[str, NDArray[Any]]

TRANSFERS_A_CHUNK = 65_536
"""Transfers that are checked at once: enough that numpy's calls cost nothing, some 50 MB."""

BATCHES_A_PAGE = 8_192
"""Most batches that are read at once; payments are batches of one transfer."""

BATCH_TRANSFERS_MAX = 1_000_000
"""Most transfers of a batch that we read; the largest that is written has 10,000."""

ROWS_A_FETCH = 1_024
"""Rows that are Python objects at one time: they stay in the processor's cache."""

NUMBER_BYTES = 8
"""Size of a 64-bit number."""

LEAST = -(2**63)
"""Below every number of a 64-bit column."""

ARRAY_HEADER_BYTES = 20
"""Before the items of a binary array of PostgreSQL with one dimension (its array_send)."""


class BrokenError(CommonwattError):
    """The ledger is not what it should be; the text is a sentence for the operator."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of numbers (8 bytes), or of bytes that are all of one length."""

    name: str
    size: int = NUMBER_BYTES
    nullable: bool = False
    expression: str = ""

    @property
    def sql(self) -> str:
        """The column as a query names it."""
        return self.expression or f'"{self.name}"'


TRANSFER = (
    Column("number"),
    Column("id", 16),
    Column("batch"),
    Column("kind"),
    Column("debit"),
    Column("credit"),
    Column("amount"),
    Column("effective"),
    Column("original", 16, nullable=True),
    Column("expires", nullable=True),
)
BATCH = (
    Column("number"),
    Column("id", 16),
    Column("content", 32),
    Column("position"),
    Column("recorded_at"),
    Column("period"),
    Column("first"),
    Column("count"),
)
LIMIT = (
    Column("number"),
    Column("account"),
    Column("floor", nullable=True),
    Column("ceiling", nullable=True),
    Column("batch"),
    Column("position", nullable=True),
    Column("recorded_at"),
)


@dataclass(frozen=True)
class Ledger:
    """What all checks share: where the rows are, and the chart of accounts by number."""

    connection: Connection
    community: int
    names: Sequence[str]
    opened_at: Sequence[int]
    hashes: Array
    assets: Array

    def read(self, table: str, columns: Sequence[Column], condition: str) -> Columns:
        """Return rows of the community's as columns; a null is zero and ``has_…`` is false."""
        return read(self.connection, self.community, table, columns, condition)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return the driver's tuples of a query."""
        cursor: Any = self.connection.exec_driver_sql(query).cursor
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return found

    def name(self, account: int) -> str:
        """Return an account's name, or its number where there is none."""
        known = 0 < account < len(self.names)
        return self.names[account] if known else f"account number {account}, which is not there"


@dataclass(frozen=True)
class Chunk:
    """Some batches and their transfers, and what earlier checks found out about them.

    Attributes:
        batches: columns of `BATCH`.
        transfers: columns of `TRANSFER`.
        begins: index of each batch's first transfer, and the count of all.
        before: number, recorded_at, period and position of the batch before; zeros at first.
        found: what one check leaves for the next ones.
    """

    batches: Columns
    transfers: Columns
    begins: Array
    before: Mapping[str, int]
    found: dict[str, Any]

    @property
    def count(self) -> int:
        """How many transfers."""
        return len(self.transfers["number"])

    def of_batch(self, name: str) -> Array:
        """Return a batch's column for each transfer."""
        return np.repeat(self.batches[name], np.diff(self.begins))

    def say_batch(self, index: int) -> str:
        """Name a batch for people."""
        number, batch_id = self.batches["number"][index], self.batches["id"][index]
        return f"batch {number} (id {bytes(batch_id).hex()})"

    def say(self, row: int, ledger: Ledger) -> str:
        """Name a transfer for people."""
        t = {name: column[row] for name, column in self.transfers.items()}
        kind = Kind(int(t["kind"])).name if t["kind"] in list(Kind) else f"kind {t['kind']}"
        return (
            f"transfer {t['number']} (id {bytes(t['id']).hex()}, batch {t['batch']}): {kind} of "
            f"{t['amount']} from {ledger.name(int(t['debit']))} to {ledger.name(int(t['credit']))}"
        )


Wrong = tuple[Array, str]
"""Where something is wrong, and what, in words that follow the row's name."""


def first_wrong(wrongs: Iterable[Wrong]) -> tuple[int, str] | None:
    """Return the earliest row with anything wrong, and the first thing that is."""
    found = [(int(mask.argmax()), words) for mask, words in wrongs if mask.any()]
    return min(found, key=lambda item: item[0]) if found else None


def raise_first(chunk: Chunk, ledger: Ledger, wrongs: Iterable[Wrong]) -> None:
    """Raise for the earliest transfer with anything wrong.

    Raises:
        BrokenError: names it.
    """
    wrong = first_wrong(wrongs)
    if wrong is not None:
        raise BrokenError(f"{chunk.say(wrong[0], ledger)}: {wrong[1]}.")


def half_hour(period: int) -> str:
    """Name a half-hour for people, whatever number it is."""
    try:
        return f"half-hour {period} ({start_text(period)})"
    except (OverflowError, ValueError, OSError):
        return f"half-hour {period}"


def open_ledger(connection: Connection, community: int) -> Ledger:
    """Read the chart of accounts.

    Raises:
        BrokenError: it has gaps.
    """
    ledger = Ledger(connection, community, [""], [0], np.empty(0), np.empty(0))
    names, opened_at = [""], [0]
    query = f"SELECT number, name, opened_at FROM account WHERE community = {community:d}"  # noqa: S608 - our own words
    for expected, (number, name, at) in enumerate(ledger.rows(f"{query} ORDER BY number"), 1):
        if number != expected:
            raise BrokenError(f"account {expected} is missing: the next one is {number}, {name}.")
        names.append(name)
        opened_at.append(at)
    hashes = np.frombuffer(b"".join(map(account_hash, names)), "V32")
    codes: dict[str, int] = {}
    assets = [codes.setdefault(name.partition(" ")[2], len(codes)) for name in names]
    return Ledger(connection, community, names, opened_at, hashes, np.array(assets))


def chunks(ledger: Ledger) -> Iterator[Chunk]:
    """Yield the ledger in the order of posting, a number of whole batches at a time."""
    before = {"number": 0, "recorded_at": 0, "period": 0, "position": 0}
    after, done = LEAST, 0
    where = f"community = {ledger.community:d}"
    while True:
        page = ledger.read(
            "batch",
            BATCH,
            f"{where} AND number > {after:d} ORDER BY number LIMIT {BATCHES_A_PAGE:d}",
        )
        if not len(page["number"]):
            return
        after = int(page["number"][-1])
        # A count that somebody changed must not make us read the whole ledger at once.
        ends = np.cumsum(np.clip(page["count"], 0, BATCH_TRANSFERS_MAX))
        start = 0
        while start < len(ends):
            had = int(ends[start - 1]) if start else 0
            end = int(np.searchsorted(ends, had + TRANSFERS_A_CHUNK, "right"))
            end = max(end, start + 1)
            batches = {name: column[start:end] for name, column in page.items()}
            size = int(ends[end - 1]) - had
            transfers = ledger.read(
                "transfer",
                TRANSFER,
                f"{where} AND number > {done:d} ORDER BY number LIMIT {size:d}",
            )
            begins = np.concatenate(([0], ends[start:end] - had))
            yield Chunk(batches, transfers, begins, dict(before), {})
            before = {name: int(batches[name][-1]) for name in before}
            start, done = end, done + size


def column_names(columns: Sequence[Column]) -> list[str]:
    """Return the names under which `read` returns columns."""
    return [
        name
        for column in columns
        for name in (column.name, *([f"has_{column.name}"] if column.nullable else []))
    ]


def read(
    connection: Connection,
    community: int,
    table: str,
    columns: Sequence[Column],
    condition: str,
) -> Columns:
    """Return rows as columns of 64-bit numbers, of bytes, and of booleans.

    Raises:
        BrokenError: a value is not of its column's kind or length.
    """
    reader = _aggregated if connection.dialect.name == "postgresql" else _fetched
    try:
        return reader(connection, table, columns, condition)
    except (ValueError, TypeError, OverflowError) as error:
        raise BrokenError(
            f"the rows of {table} where {condition} cannot be read: a value has another type or "
            f"length than this version writes (community {community}; {error})."
        ) from error


def _fetched(
    connection: Connection, table: str, columns: Sequence[Column], condition: str
) -> Columns:
    """Read tuples, few at a time."""
    wanted = ", ".join(column.sql for column in columns)
    query = f"SELECT {wanted} FROM {table} WHERE {condition}"  # noqa: S608 - our own words
    cursor: Any = connection.exec_driver_sql(query).cursor
    pieces: dict[str, list[Array]] = {name: [] for name in column_names(columns)}
    while rows := cursor.fetchmany(ROWS_A_FETCH):
        for column, values in zip(columns, zip(*rows, strict=True), strict=True):
            if column.nullable:
                there, array = _nullable(values, column.size)
                pieces[f"has_{column.name}"].append(there)
            else:
                array = _array(values, column.size)
            pieces[column.name].append(array)
    cursor.close()
    empty = {column.name: _array((), column.size) for column in columns}
    return {
        name: np.concatenate(some) if some else empty.get(name, np.empty(0, bool))
        for name, some in pieces.items()
    }


def _array(values: Sequence[Any], size: int) -> Array:
    if size == NUMBER_BYTES:
        return np.fromiter(values, np.int64, len(values))
    joined = b"".join(values)
    if len(joined) != size * len(values):
        raise ValueError(f"not {size} bytes")
    return np.frombuffer(joined, f"V{size}")


def _nullable(values: Sequence[Any], size: int) -> tuple[Array, Array]:
    """Return which values are there, and the values with zero where none is."""
    missing = values.count(None)
    there = np.full(len(values), not missing)
    if not missing:
        return there, _array(values, size)
    array = np.zeros(len(values), np.int64 if size == NUMBER_BYTES else f"V{size}")
    if missing < len(values):
        there = np.array([value is not None for value in values])
        array[there] = _array([value for value in values if value is not None], size)
    return there, array


def _aggregated(
    connection: Connection, table: str, columns: Sequence[Column], condition: str
) -> Columns:
    """Read one row of arrays, as the server sends them: each item follows its length."""
    inner, outer, kinds = [], [], []
    for column in columns:
        number = column.size == NUMBER_BYTES
        empty = "0" if number else f"'\\x{bytes(column.size).hex()}'::bytea"
        value = f"coalesce({column.sql}, {empty})" if column.nullable else column.sql
        inner.append(f'{value} AS "{column.name}"')
        kinds.append(">i8" if number else f"V{column.size}")
        if column.nullable:
            inner.append(f"({column.sql} IS NOT NULL) AS has_{column.name}")
            kinds.append("?")
    names = column_names(columns)
    outer = [f'array_agg("{name}")' for name in names]
    limit = "" if " LIMIT " in condition else f" LIMIT {BATCH_TRANSFERS_MAX * 100:d}"
    # A limit keeps the rows in order: without one, the server may share them out to workers.
    query = f"SELECT {', '.join(inner)} FROM {table} WHERE {condition}{limit}"  # noqa: S608 - our own words
    driver: Any = connection.connection.driver_connection
    with driver.cursor(binary=True) as cursor:
        cursor.execute(f"SELECT {', '.join(outer)} FROM ({query}) AS rows")  # noqa: S608 - as above
        data = [cursor.pgresult.get_value(0, at) for at in range(len(names))]
    return {
        name: _items(items, np.dtype(kind))
        for name, items, kind in zip(names, data, kinds, strict=True)
    }


def _items(data: bytes | None, kind: np.dtype[Any]) -> Array:
    """Return the items of a binary array, none for a null."""
    items = memoryview(data or b"")[ARRAY_HEADER_BYTES:]
    rows = np.frombuffer(items, np.dtype([("size", ">i4"), ("item", kind)]))
    if (rows["size"] != kind.itemsize).any():
        raise ValueError(f"not {kind.itemsize} bytes")
    if kind.kind == "i":
        return rows["item"].astype(np.int64)
    return np.ascontiguousarray(rows["item"])
