"""A witness's memory: one SQLite file, synced before anything is answered.

What was cosigned for a log only moves forward, by compare-and-swap in a transaction that also
looks for a fork, so that any number of threads and processes may share the file. Triggers say
the same once more. Never put an old copy of this file back: the witness would cosign a second
history. A witness that lost its file takes a new name and key.

>>> import tempfile
>>> store = SqliteWitnessStore.create(Path(tempfile.mkdtemp()) / "witness.sqlite", "w.example")
>>> store.name, store.logs()
('w.example', [])
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from ledger.errors import SetupError
from ledger.log.checkpoint import check_origin
from ledger.log.fork import ForkProof
from ledger.log.note import Verifier, check_name
from ledger.log.witness import Seen, log_id

LOGS_MAX = 10_000
"""Most logs: every neighbourhood of a country's region, and a file of a few megabytes."""

BUSY_SECONDS_MAX = 10
"""Longest wait for another process's transaction; each takes one sync of the disk."""

_SCHEMA = """
CREATE TABLE witness (name TEXT NOT NULL, version INTEGER NOT NULL);
CREATE TABLE log (origin TEXT PRIMARY KEY, id TEXT NOT NULL UNIQUE, vkey TEXT NOT NULL);
CREATE TABLE seen (
    origin TEXT PRIMARY KEY REFERENCES log, size INTEGER NOT NULL, root BLOB NOT NULL,
    note BLOB NOT NULL, time_s INTEGER NOT NULL
);
CREATE TABLE fork (
    origin TEXT PRIMARY KEY REFERENCES log, proof BLOB NOT NULL, time_s INTEGER NOT NULL
);
CREATE TRIGGER seen_forward BEFORE UPDATE ON seen
WHEN new.origin <> old.origin OR new.size < old.size OR new.time_s < old.time_s
    OR (new.size = old.size AND new.root <> old.root)
BEGIN SELECT RAISE(ABORT, 'a witness never goes back'); END;
CREATE TRIGGER seen_kept BEFORE DELETE ON seen
BEGIN SELECT RAISE(ABORT, 'a witness never forgets'); END;
CREATE TRIGGER fork_same BEFORE UPDATE ON fork
BEGIN SELECT RAISE(ABORT, 'evidence is never changed'); END;
CREATE TRIGGER fork_kept BEFORE DELETE ON fork
BEGIN SELECT RAISE(ABORT, 'evidence is never deleted'); END;
CREATE TRIGGER log_same BEFORE UPDATE ON log
BEGIN SELECT RAISE(ABORT, 'the key of a log never changes'); END;
"""

_VERSION = 1

_LOGS = (
    "SELECT log.vkey, seen.size, seen.root, seen.note, seen.time_s, fork.proof, fork.time_s"
    " FROM log LEFT JOIN seen USING (origin) LEFT JOIN fork USING (origin)"
)


@dataclass(frozen=True)
class KnownLog:
    """A log that a witness knows.

    Attributes:
        verifier: the log's key; its name is the origin.
        seen: what was last cosigned, or None.
        fork: evidence that the log told two histories, or None.
        fork_time_s: when the evidence came, in Unix seconds.
    """

    verifier: Verifier
    seen: Seen | None
    fork: ForkProof | None
    fork_time_s: int | None


class SqliteWitnessStore:
    """Implements `ledger.log.witness.WitnessStore`; a connection for each call."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise SetupError(f"There is no witness in {path.parent}: 'commonwatt witness init'.")
        self._path = path
        with self._open() as connection:
            row = connection.execute("SELECT name, version FROM witness").fetchone()
        if row is None or row[1] != _VERSION:
            raise SetupError(f"{path} was written by another version of this program.")
        self.name: str = row[0]

    @classmethod
    def create(cls, path: Path, name: str) -> Self:
        """Make the file of a new witness.

        Raises:
            SetupError: there is one already.
            LogError: no name that a signature line can hold.
        """
        check_name(name)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        temporary.unlink(missing_ok=True)
        temporary.touch(mode=0o600)
        try:
            with closing(sqlite3.connect(temporary, isolation_level=None)) as connection:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.executescript(_SCHEMA)
                connection.execute("INSERT INTO witness VALUES (?, ?)", (name, _VERSION))
            os.link(temporary, path)  # the file is whole or not there
        except FileExistsError as error:
            raise SetupError(f"There is a witness in {path.parent} already.") from error
        finally:
            temporary.unlink()
        return cls(path)

    def add_log(self, verifier: Verifier) -> bool:
        """Trust a log's key; return whether it is new.

        Raises:
            SetupError: another key of this origin is trusted, or there are too many logs.
            LogError: the key's name is no origin.
        """
        check_origin(verifier.name)
        with self._writing() as connection:
            row = connection.execute(
                "SELECT vkey FROM log WHERE origin = ?", (verifier.name,)
            ).fetchone()
            if row is not None and row[0] != verifier.vkey:
                raise SetupError(
                    f"{verifier.name} is known here with another key. A log never changes its key:"
                    " with a new key it has a new origin."
                )
            if row is not None:
                return False
            if connection.execute("SELECT count(*) FROM log").fetchone()[0] >= LOGS_MAX:
                raise SetupError(f"A witness knows at most {LOGS_MAX:,} logs.")
            row = (verifier.name, log_id(verifier.name), verifier.vkey)
            connection.execute("INSERT INTO log VALUES (?, ?, ?)", row)
        return True

    def logs(self) -> list[KnownLog]:
        """Return every log, by origin."""
        with self._open() as connection:
            return [_known(row) for row in connection.execute(f"{_LOGS} ORDER BY origin")]

    def log(self, wanted_id: str) -> KnownLog | None:
        """Return the log whose id (see `ledger.log.witness.log_id`) is given."""
        with self._open() as connection:
            row = connection.execute(f"{_LOGS} WHERE log.id = ?", (wanted_id,)).fetchone()
        return None if row is None else _known(row)

    def trusted(self, origin: str) -> Verifier | None:
        """Return the key of a log, or None if this witness does not know the log."""
        with self._open() as connection:
            row = connection.execute("SELECT vkey FROM log WHERE origin = ?", (origin,)).fetchone()
        return None if row is None else Verifier.from_vkey(row[0])

    def seen(self, origin: str) -> Seen | None:
        """Return what was last cosigned for a log."""
        with self._open() as connection:
            return _seen(connection, origin)

    def fork(self, origin: str) -> ForkProof | None:
        """Return the evidence that a log told two histories, if there is any."""
        with self._open() as connection:
            row = connection.execute(
                "SELECT proof FROM fork WHERE origin = ?", (origin,)
            ).fetchone()
        return None if row is None else ForkProof.decode(row[0])

    def advance(self, origin: str, old: Seen | None, new: Seen) -> bool:
        """Replace `old` by `new` if `old` still stands and there is no fork; say whether."""
        with self._writing() as connection:
            forked = connection.execute("SELECT 1 FROM fork WHERE origin = ?", (origin,)).fetchone()
            if forked or _seen(connection, origin) != old:
                return False
            connection.execute(
                "INSERT INTO seen VALUES (?, ?, ?, ?, ?) ON CONFLICT (origin) DO UPDATE SET"
                " size = excluded.size, root = excluded.root, note = excluded.note,"
                " time_s = excluded.time_s",
                (origin, new.size, new.root, new.note, new.time_s),
            )
        return True

    def keep_fork(self, origin: str, fork: ForkProof, time_s: int) -> None:
        """Keep evidence. The first stays; nothing ever overwrites it."""
        with self._writing() as connection:
            connection.execute(
                "INSERT INTO fork VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                (origin, fork.encode(), time_s),
            )

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """Open the file for one call: threads never share a connection.

        Raises:
            SetupError: the file cannot be read or written, or a trigger refused.
        """
        try:
            with closing(
                sqlite3.connect(self._path, timeout=BUSY_SECONDS_MAX, isolation_level=None)
            ) as connection:
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute("PRAGMA foreign_keys = ON")
                connection.execute("PRAGMA recursive_triggers = ON")  # REPLACE deletes, too
                yield connection
        except sqlite3.Error as error:
            raise SetupError(f"The witness's file {self._path} refused: {error}.") from error

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """Hold the file's one write transaction; committed and synced at the block's end."""
        with self._open() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise


def _known(row: tuple[Any, ...]) -> KnownLog:
    vkey, size, root, note, time_s, proof, fork_time_s = row
    return KnownLog(
        Verifier.from_vkey(vkey),
        None if size is None else Seen(size, root, note, time_s),
        None if proof is None else ForkProof.decode(proof),
        fork_time_s,
    )


def _seen(connection: sqlite3.Connection, origin: str) -> Seen | None:
    row = connection.execute(
        "SELECT size, root, note, time_s FROM seen WHERE origin = ?", (origin,)
    ).fetchone()
    return None if row is None else Seen(*row)
