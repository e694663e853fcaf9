"""Databases: one small object for SQLite and PostgreSQL.

On SQLite the driver's own transaction handling is off: writers take ``BEGIN IMMEDIATE`` and
readers ``BEGIN``, so that no update is lost; WAL, FULL synchronisation, foreign keys and
recursive triggers are on, and what is deleted is overwritten. On PostgreSQL a writer locks its community's head row first
(`ledger.store.lock_community`).

>>> Database("sqlite://").dialect
'sqlite'
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.pool import StaticPool

from ledger.errors import SetupError

_ERASES = "commonwatt_erases"

BUSY_MS = 20_000
"""How long a SQLite writer waits for another before it says so."""


SCRUB_MS = 2_000
"""How long emptying the journal waits for whoever reads: an erasure is durable without it."""

CACHE_KIB = 32_768
"""How much of a SQLite file a connection keeps in memory: the balances of 100,000 accounts."""


class Database:
    """A database by its URL.

    Args:
        url: ``sqlite:///path/to/file`` or ``postgresql://user@host/name``.

    Raises:
        SetupError: not such a URL.
    """

    def __init__(self, url: str) -> None:
        try:
            parsed = make_url(url)
        except ArgumentError as error:
            raise SetupError(
                f"{url!r} is not a database URL; write sqlite:///FILE or postgresql://HOST/NAME"
            ) from error
        if parsed.drivername in ("postgresql", "postgres"):
            parsed = parsed.set(drivername="postgresql+psycopg")
        # An error that is logged does not show names, keys or words.
        options: dict[str, Any] = {"hide_parameters": True}
        if parsed.get_backend_name() == "sqlite":
            options["connect_args"] = {"isolation_level": None, "check_same_thread": False}
            if not parsed.database:
                options["poolclass"] = StaticPool
        elif parsed.get_backend_name() == "postgresql":
            # A cluster made without a locale says SQL_ASCII, and would be read as bytes.
            options["connect_args"] = {"client_encoding": "utf8"}
        else:
            raise SetupError(f"{url!r}: only SQLite and PostgreSQL are supported")
        try:
            self.engine = create_engine(parsed, **options)
        except NoSuchModuleError as error:
            raise SetupError(f"{url!r}: no driver for this kind of database") from error
        self.url = parsed
        self.dialect = parsed.get_backend_name()
        if self.dialect == "sqlite":
            event.listen(self.engine, "connect", _prepare_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)

    @property
    def file(self) -> Path | None:
        """The SQLite file, or None."""
        is_file = self.dialect == "sqlite" and self.url.database
        return Path(str(self.url.database)) if is_file else None

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Open a write transaction: committed at the end of the block, or rolled back."""
        connection = self.engine.connect().execution_options(commonwatt_writes=True)
        with connection:
            connection.info.pop(_ERASES, None)
            with connection.begin():
                yield connection
            erases = connection.info.pop(_ERASES, False)
        if erases:
            self.scrub()

    def scrub(self) -> bool:
        """Empty SQLite's journal, where deleted rows would stay until it is written over.

        It waits for readers a moment; the next erasure, or closing the last connection, does it too.

        Returns:
            Whether nothing is left. PostgreSQL does this by itself, in time: see docs/erasing.md.
        """
        if self.file is None:
            return self.dialect == "sqlite"
        borrowed = self.engine.raw_connection()
        try:
            cursor = borrowed.cursor()
            cursor.execute(f"PRAGMA busy_timeout={SCRUB_MS}")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            [(busy, _, _)] = cursor.fetchall()
            cursor.execute(f"PRAGMA busy_timeout={BUSY_MS}")
            cursor.close()
        finally:
            borrowed.close()
        return not busy

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a read transaction: one consistent view."""
        connection = self.engine.connect()
        if self.dialect == "postgresql":
            connection = connection.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
        with connection, connection.begin():
            yield connection

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    for pragma in (
        f"busy_timeout={BUSY_MS}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "recursive_triggers=ON",
        "secure_delete=ON",
        f"cache_size=-{CACHE_KIB}",
    ):
        connection.execute(f"PRAGMA {pragma}")


def erases(connection: Connection) -> None:
    """Say that a write transaction deletes what is to be gone for good, not only out of sight."""
    connection.info[_ERASES] = True


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("commonwatt_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
