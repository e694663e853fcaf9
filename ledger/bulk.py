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


PREPARED_VALUES_MAX = 64
"""Longest array with which PostgreSQL may use a plan that it kept."""


@lru_cache(maxsize=4_096)
def marks(count: int) -> str:
    """Return SQLite's placeholders for some values."""
    return ",".join("?" * count)


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
    columns = ", ".join(f'"{column.name}"' for column in table.columns)
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


def _copy(
    connection: Connection, table: Table, columns: str, rows: Sequence[tuple[Any, ...]]
) -> None:
    driver: Any = connection.connection.driver_connection
    kinds = [_PG_KINDS[column.type.__class__.__name__] for column in table.columns]
    command = f"COPY {table.name} ({columns}) FROM STDIN (FORMAT BINARY)"
    with (
        _errors(connection, command),
        driver.cursor() as cursor,
        cursor.copy(command) as copy,
    ):
        copy.set_types(kinds)
        for row in rows:
            copy.write_row(row)


_PG_KINDS = {"BigInteger": "int8", "Integer": "int8", "LargeBinary": "bytea", "Text": "text"}


def select_in(
    connection: Connection,
    query: str,
    key: str,
    community: int,
    values: Sequence[Any],
    *,
    kind: str = "int8",
) -> Iterator[Any]:
    """Yield the rows of one community that have any of some values in a column.

    Args:
        connection: an open transaction.
        query: ``SELECT columns FROM table WHERE condition``, or without the condition.
        key: the column, which an index has after the community.
        community: its number.
        values: what is looked up.
        kind: PostgreSQL's type of a value.
    """
    if not values:
        return
    head, _, condition = query.partition(" WHERE ")
    more = f" AND {condition}" if condition else ""
    mine = f"community = {community:d}{more}"
    if connection.dialect.name == "postgresql":
        text = f"{head} WHERE {mine} AND {key} = ANY(%s::{kind}[])"
        yield from _execute(connection, text, (array_text(values),), len(values)).fetchall()
        return
    columns, _, table = head.removeprefix("SELECT ").partition(" FROM ")
    for start in range(0, len(values), VALUES_A_QUERY_MAX):
        some = tuple(values[start : start + VALUES_A_QUERY_MAX])
        # A long IN list makes SQLite read the whole community instead of using the index; a
        # cross join keeps the order in which it is written.
        yield from _fetch(
            connection,
            f"WITH wanted (value) AS (VALUES {rows_of_one(len(some))}) SELECT {columns}"
            f" FROM wanted CROSS JOIN {table} WHERE {mine} AND {key} = wanted.value",
            some,
        )


def _execute(connection: Connection, query: str, values: tuple[Any, ...], count: int) -> Any:
    """Run a query with arrays of some length on PostgreSQL, and return the driver's cursor.

    A prepared statement's plan is made for a few values and kept, also when a thousand come and the
    table has grown; so long arrays are planned anew.
    """
    driver: Any = connection.connection.driver_connection
    with _errors(connection, query):
        kept = None if count <= PREPARED_VALUES_MAX else False
        return driver.execute(query, values, prepare=kept)


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

    >>> array_text([1, 2])
    '{1,2}'
    """
    items = [
        f'"\\\\x{value.hex()}"' if isinstance(value, bytes) else str(value) for value in values
    ]
    return "{" + ",".join(items) + "}"


def _fetch(connection: Connection, query: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    """Return all rows as the driver's tuples: SQLAlchemy's rows take as long as the query."""
    cursor: Any = connection.exec_driver_sql(query, values).cursor
    rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def update_balances(
    connection: Connection, community: int, changed: Sequence[tuple[int, int, int, int]]
) -> int:
    """Write (posted, pending out, pending in, account) rows and return how many were there."""
    if not changed:
        return 0
    if connection.dialect.name == "sqlite":
        update = (
            "UPDATE balance SET posted = ?, pending_out = ?, pending_in = ?, version = version + 1"
            f" WHERE community = {community:d} AND account = ?"
        )
        return connection.exec_driver_sql(update, list(changed)).rowcount
    arrays = tuple(array_text(column) for column in zip(*changed, strict=True))
    update = (
        "UPDATE balance SET posted = new.posted, pending_out = new.pending_out,"
        " pending_in = new.pending_in, version = version + 1"
        " FROM unnest(%s::int8[], %s::int8[], %s::int8[], %s::int8[])"
        " AS new (posted, pending_out, pending_in, account)"
        f" WHERE balance.community = {community:d} AND balance.account = new.account"
    )
    count: int = _execute(connection, update, arrays, len(changed)).rowcount
    return count
