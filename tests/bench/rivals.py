"""What the ledger is measured against: the least that any ledger must write, and pgledger."""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ledger.bulk import array_text
from ledger.db import Database

PGLEDGER_VARIABLE = "COMMONWATT_BENCH_PGLEDGER"
"""Names a file of pgledger's own SQL, which is not part of this project."""

Move = tuple[int, int, int]
"""Debit, credit and amount."""


class RawSqlite:
    """The least that a ledger writes: a transfer with a unique id, two postings that an account
    finds again, two balances. No limits, checks, guards, answers or history."""

    name = "raw"

    def __init__(self, folder: Path, accounts: int, synchronous: str) -> None:
        self._connection = sqlite3.connect(folder / "raw.sqlite", isolation_level=None)
        for pragma in ("journal_mode=WAL", f"synchronous={synchronous}"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.execute("CREATE TABLE balance (account INTEGER PRIMARY KEY, posted INT)")
        self._connection.execute(
            "CREATE TABLE transfer (id BLOB PRIMARY KEY, debit INT, credit INT, amount INT)"
            " WITHOUT ROWID"
        )
        self._connection.execute(
            "CREATE TABLE posting (account INT, transfer INT, amount INT,"
            " PRIMARY KEY (account, transfer)) WITHOUT ROWID"
        )
        self._connection.executemany(
            "INSERT INTO balance VALUES (?, 0)", ((number,) for number in range(accounts))
        )
        self._number = 0

    def post(self, moves: Sequence[Move]) -> None:
        """Post moves in one transaction."""
        transfers, postings, changes = [], [], []
        for debit, credit, amount in moves:
            self._number += 1
            transfers.append((self._number.to_bytes(16), debit, credit, amount))
            postings += [(debit, self._number, -amount), (credit, self._number, amount)]
            changes += [(-amount, debit), (amount, credit)]
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.executemany("INSERT INTO transfer VALUES (?, ?, ?, ?)", transfers)
        self._connection.executemany("INSERT INTO posting VALUES (?, ?, ?)", postings)
        self._connection.executemany(
            "UPDATE balance SET posted = posted + ? WHERE account = ?", changes
        )
        self._connection.execute("COMMIT")

    def close(self) -> None:
        """Close the database."""
        self._connection.close()


@contextmanager
def plain_driver(database: Database) -> Iterator[Any]:
    """Yield a connection of the driver's own."""
    raw = database.engine.raw_connection()
    driver: Any = raw.driver_connection
    raw.detach()
    driver.autocommit = True
    try:
        yield driver
    finally:
        driver.close()


class RawPostgresql:
    """The same with COPY, and one statement for all balances."""

    name = "raw"

    def __init__(self, database: Database, accounts: int) -> None:
        self._context = plain_driver(database)
        self._driver = self._context.__enter__()
        self._driver.execute("CREATE TABLE raw_balance (account int8 PRIMARY KEY, posted int8)")
        self._driver.execute(
            "CREATE TABLE raw_transfer (id bytea PRIMARY KEY, debit int8, credit int8, amount int8)"
        )
        self._driver.execute(
            "CREATE TABLE raw_posting (account int8, transfer int8, amount int8,"
            " PRIMARY KEY (account, transfer))"
        )
        self._driver.execute("CREATE SEQUENCE raw_number")
        self._driver.execute(
            "INSERT INTO raw_balance SELECT n, 0 FROM generate_series(0, %s) AS n", (accounts,)
        )
        self._number = 0

    def post(self, moves: Sequence[Move]) -> None:
        """Post moves in one transaction."""
        changes: dict[int, int] = {}
        first = self._number + 1
        self._number += len(moves)
        with self._driver.transaction(), self._driver.cursor() as cursor:
            with cursor.copy("COPY raw_transfer FROM STDIN (FORMAT BINARY)") as copy:
                copy.set_types(["bytea", "int8", "int8", "int8"])
                for number, move in enumerate(moves, start=first):
                    copy.write_row((number.to_bytes(16), *move))
            with cursor.copy("COPY raw_posting FROM STDIN (FORMAT BINARY)") as copy:
                copy.set_types(["int8", "int8", "int8"])
                for number, (debit, credit, amount) in enumerate(moves, start=first):
                    copy.write_row((debit, number, -amount))
                    copy.write_row((credit, number, amount))
                    changes[debit] = changes.get(debit, 0) - amount
                    changes[credit] = changes.get(credit, 0) + amount
            cursor.execute(
                "UPDATE raw_balance SET posted = posted + delta"
                " FROM unnest(%s::int8[], %s::int8[]) AS new (account, delta)"
                " WHERE raw_balance.account = new.account",
                (array_text(list(changes)), array_text(list(changes.values()))),
            )

    def close(self) -> None:
        """Close the connection."""
        self._context.__exit__(None, None, None)


class RawOneByOne:
    """One client of PostgreSQL: two postings, two balances, commit."""

    def __init__(self, database: Database) -> None:
        self._context = plain_driver(database)
        self._driver = self._context.__enter__()

    def post(self, move: Move) -> None:
        """Post one move; accounts are locked in order, so that no two clients wait in a ring."""
        debit, credit, amount = move
        with self._driver.transaction():
            [number] = self._driver.execute("SELECT nextval('raw_number')").fetchone()
            self._driver.execute(
                "INSERT INTO raw_transfer VALUES (%s, %s, %s, %s)",
                (number.to_bytes(16), debit, credit, amount),
            )
            self._driver.execute(
                "INSERT INTO raw_posting VALUES (%s, %s, %s), (%s, %s, %s)",
                (debit, number, -amount, credit, number, amount),
            )
            for account, delta in sorted([(debit, -amount), (credit, amount)]):
                self._driver.execute(
                    "UPDATE raw_balance SET posted = posted + %s WHERE account = %s",
                    (delta, account),
                )

    def close(self) -> None:
        """Close the connection."""
        self._context.__exit__(None, None, None)


class Pgledger:
    """pgledger on the same server, through its own function for many transfers."""

    name = "pgledger"

    def __init__(self, database: Database, accounts: int) -> None:
        self._context = plain_driver(database)
        self._driver = self._context.__enter__()
        self._driver.execute("SET client_min_messages = warning")
        if not self._exists():
            self._install(accounts)
        rows = self._driver.execute(
            "SELECT id FROM pgledger_accounts ORDER BY name::int"
        ).fetchall()
        self._ids = [row[0] for row in rows]

    def _exists(self) -> bool:
        query = "SELECT to_regclass('pgledger_accounts') IS NOT NULL"
        return bool(self._driver.execute(query).fetchone()[0])

    def _install(self, accounts: int) -> None:
        # Its ids are ULIDs made by a function of another project; any text as long will do.
        self._driver.execute(
            "CREATE FUNCTION uuid_to_ulid(uuid) RETURNS text LANGUAGE sql IMMUTABLE AS"
            " $$ SELECT left(encode(uuid_send($1), 'hex'), 26) $$"
        )
        self._driver.execute(Path(os.environ[PGLEDGER_VARIABLE]).read_text(encoding="utf-8"))
        self._driver.execute(
            "SELECT count(*) FROM generate_series(0, %s) AS n,"
            " LATERAL pgledger_create_account(n::text, 'GBP')",
            (accounts - 1,),
        )

    def post(self, moves: Sequence[Move]) -> None:
        """Post moves in one call."""
        requests = ",".join(["(%s,%s,%s)::transfer_request"] * len(moves))
        values: list[Any] = []
        for debit, credit, amount in moves:
            values += [self._ids[debit], self._ids[credit], amount]
        self._driver.execute(
            f"SELECT count(*) FROM pgledger_create_transfers(ARRAY[{requests}])",  # noqa: S608 - placeholders
            values,
        )

    def close(self) -> None:
        """Close the connection."""
        self._context.__exit__(None, None, None)


def has_pgledger() -> bool:
    """Return whether pgledger's SQL is here."""
    return bool(os.environ.get(PGLEDGER_VARIABLE))
