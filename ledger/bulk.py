"""Many rows at once, as fast as each engine takes them.

SQLAlchemy builds a statement and a dictionary a row; for thousands of rows a batch that costs more
than the database does. SQLite takes tuples through ``executemany``; PostgreSQL takes COPY, and
arrays where rows are looked up or changed.

>>> marks(3)
'?,?,?'
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import psycopg
from sqlalchemy import Connection, Table
from sqlalchemy.exc import DBAPIError

from ledger.errors import LogError

VALUES_A_QUERY_MAX = 1_000
"""Most values in one IN list on SQLite; longer lists are cut."""


FEW_ROWS = 256
"""Most rows that PostgreSQL takes as arrays, with other statements; more are copied."""


@lru_cache(maxsize=4_096)
def marks(count: int) -> str:
    """Return SQLite's placeholders for some values."""
    return ",".join("?" * count)


def mark(dialect: str) -> str:
    """Return an engine's placeholder for one value."""
    return "?" if dialect == "sqlite" else "%s"


@lru_cache(maxsize=4_096)
def rows_of_one(count: int) -> str:
    """Return SQLite's placeholders for some rows of one value each."""
    return ",".join(["(?)"] * count)


def insert_rows(connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows whose values stand in the order of the table's columns.

    Raises:
        LogError: SQLite took fewer, as a trigger that ignores rows would make it.
    """
    if not rows:
        return
    columns = _columns(table)
    if connection.dialect.name == "postgresql":
        _copy(connection, table, columns, rows)
        return
    values = marks(len(table.columns))
    taken = connection.exec_driver_sql(
        f"INSERT INTO {table.name} ({columns}) VALUES ({values})",
        list(rows),
        execution_options={"preserve_rowcount": True},
    ).rowcount
    if taken != len(rows):
        raise LogError(f"The database did not take all rows of {table.name}. Audit the ledger.")


def _columns(table: Table) -> str:
    return ", ".join(f'"{column.name}"' for column in table.columns)


def _copy(
    connection: Connection, table: Table, columns: str, rows: Sequence[tuple[Any, ...]]
) -> None:
    kinds = _kinds(table)
    command = f"COPY {table.name} ({columns}) FROM STDIN (FORMAT BINARY)"
    with (
        _errors(connection, command),
        _driver(connection).cursor() as cursor,
        cursor.copy(command) as copy,
    ):
        copy.set_types(kinds)
        for row in rows:
            copy.write_row(row)


def _kinds(table: Table) -> list[str]:
    return [_PG_KINDS[column.type.__class__.__name__] for column in table.columns]


_PG_KINDS = {"BigInteger": "int8", "Integer": "int8", "LargeBinary": "bytea", "Text": "text"}


class Reads:
    """Queries that are asked together: on PostgreSQL in one round trip.

    Each returns a list that `run` fills with the driver's tuples.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection, self.dialect = connection, connection.dialect.name
        self._asked: list[tuple[str, tuple[Any, ...], list[Any]]] = []

    def query(self, query: str, values: tuple[Any, ...] = ()) -> list[Any]:
        """Ask a query with the driver's own placeholders."""
        rows: list[Any] = []
        self._asked.append((query, values, rows))
        return rows

    def select_in(
        self, query: str, key: str, community: int, values: Sequence[Any], *, kind: str = "int8"
    ) -> list[Any]:
        """Ask for the rows of one community that have any of some values in a column.

        Args:
            query: ``SELECT columns FROM table WHERE condition``, or without the condition.
            key: the column, which an index has after the community.
            community: its number.
            values: what is looked up.
            kind: PostgreSQL's type of a value.
        """
        head, _, condition = query.partition(" WHERE ")
        more = f" AND {condition}" if condition else ""
        mine = f"community = {community:d}{more}"
        columns, _, table = head.removeprefix("SELECT ").partition(" FROM ")
        rows: list[Any] = []
        if self.dialect == "postgresql":
            # One look-up a value, whatever the statistics say: there are none of a new table, and
            # a kept plan may be from when it was empty. The offset keeps the look-up apart.
            query = (
                f"SELECT {columns} FROM unnest(%s::{kind}[]) AS wanted (value), LATERAL"
                f" (SELECT * FROM {table} WHERE {mine} AND {key} = wanted.value OFFSET 0) AS found"
            )
            if values:
                self._asked.append((query, (array_text(values),), rows))
            return rows
        for start in range(0, len(values), VALUES_A_QUERY_MAX):
            some = tuple(values[start : start + VALUES_A_QUERY_MAX])
            # A long IN list makes SQLite read the whole community instead of using the index; a
            # cross join keeps the order in which it is written.
            query = (
                f"WITH wanted (value) AS (VALUES {rows_of_one(len(some))}) SELECT {columns}"
                f" FROM wanted CROSS JOIN {table} WHERE {mine} AND {key} = wanted.value"
            )
            self._asked.append((query, some, rows))
        return rows

    def run(self) -> None:
        """Ask what was not asked yet, in order."""
        asked, self._asked = self._asked, []
        if self.dialect == "sqlite":
            for query, values, rows in asked:
                # SQLAlchemy's rows take as long as the query.
                cursor: Any = self._connection.exec_driver_sql(query, values).cursor
                rows.extend(cursor.fetchall())
        elif asked:
            with _errors(self._connection, "; ".join(query for query, _, _ in asked)):
                with _driver(self._connection).pipeline():
                    cursors = [_send(self._connection, query, some) for query, some, _ in asked]
                for cursor, (_, _, rows) in zip(cursors, asked, strict=True):
                    rows.extend(cursor.fetchall())


def select_in(
    connection: Connection,
    query: str,
    key: str,
    community: int,
    values: Sequence[Any],
    *,
    kind: str = "int8",
) -> list[Any]:
    """Return the rows of one community that have any of some values: one of `Reads` alone."""
    reads = Reads(connection)
    rows = reads.select_in(query, key, community, values, kind=kind)
    reads.run()
    return rows


def _driver(connection: Connection) -> Any:
    """Return PostgreSQL's own connection."""
    return connection.connection.driver_connection


def _send(connection: Connection, query: str, values: tuple[Any, ...]) -> Any:
    """Execute a statement on PostgreSQL's own connection, and return the cursor."""
    return _driver(connection).execute(query, values)


@contextmanager
def _errors(connection: Connection, query: str) -> Iterator[None]:
    """Turn the driver's errors into SQLAlchemy's, as everywhere else."""
    try:
        yield
    except psycopg.Error as error:
        raise DBAPIError.instance(
            query, None, error, psycopg.Error, dialect=connection.dialect
        ) from error


def array_text(values: Sequence[Any]) -> str:
    """Write numbers or bytes as PostgreSQL reads an array; the driver's own way is slow.

    >>> array_text([1, None, 2])
    '{1,NULL,2}'
    """
    return "{" + ",".join(map(_item_text, values)) + "}"


def _item_text(value: Any) -> str:
    if isinstance(value, bytes):
        return f'"\\\\x{value.hex()}"'
    return "NULL" if value is None else str(value)


Change = tuple[int, int, int, int]
"""A balance's new state: posted, pending out, pending in; and its account."""


def write(
    connection: Connection,
    community: int,
    inserts: Sequence[tuple[Table, Sequence[tuple[Any, ...]]]],
    changed: Sequence[Change],
) -> int:
    """Insert rows, change balances, and return how many of the balances were there.

    Few rows go to PostgreSQL in one round trip; COPY is faster for many and takes its own.
    """
    few = sum(len(rows) for _, rows in inserts) <= FEW_ROWS
    if connection.dialect.name == "postgresql" and few:
        sent = [_insert(table, rows) for table, rows in inserts if rows]
        sent += [_update(community, changed)] if changed else []
        with _errors(connection, "; ".join(query for query, _ in sent)):
            with _driver(connection).pipeline():
                cursors = [_send(connection, *one) for one in sent]
            return cursors[-1].rowcount if changed else 0
    for table, rows in inserts:
        insert_rows(connection, table, rows)
    return update_balances(connection, community, changed)


def _insert(table: Table, rows: Sequence[tuple[Any, ...]]) -> tuple[str, tuple[str, ...]]:
    kinds = ", ".join(f"%s::{kind}[]" for kind in _kinds(table))
    query = f"INSERT INTO {table.name} ({_columns(table)}) SELECT * FROM unnest({kinds})"
    return query, tuple(array_text(column) for column in zip(*rows, strict=True))


def update_balances(connection: Connection, community: int, changed: Sequence[Change]) -> int:
    """Change balances and return how many of them were there."""
    if not changed:
        return 0
    if connection.dialect.name == "sqlite":
        update = (
            "UPDATE balance SET posted = ?, pending_out = ?, pending_in = ?, version = version + 1"
            f" WHERE community = {community:d} AND account = ?"
        )
        return connection.exec_driver_sql(update, list(changed)).rowcount
    update, values = _update(community, changed)
    with _errors(connection, update):
        count: int = _send(connection, update, values).rowcount
    return count


def _update(community: int, changed: Sequence[Change]) -> tuple[str, tuple[str, ...]]:
    """Return PostgreSQL's statement for all changes, and its arrays.

    The rows' places are looked up by the key first, as a planner without statistics would read
    the whole table.
    """
    arrays = tuple(array_text(column) for column in zip(*changed, strict=True))
    update = (
        "UPDATE balance SET posted = new.posted, pending_out = new.pending_out,"
        " pending_in = new.pending_in, version = version + 1"
        " FROM unnest(%s::int8[], %s::int8[], %s::int8[], %s::int8[])"
        " AS new (posted, pending_out, pending_in, account)"
        " WHERE balance.account = new.account AND balance.ctid = ANY(ARRAY("
        "SELECT place FROM unnest(%s::int8[]) AS wanted (account), LATERAL"
        f" (SELECT ctid AS place FROM balance WHERE community = {community:d}"
        " AND account = wanted.account OFFSET 0) AS found))"
    )
    return update, (*arrays, arrays[-1])
