"""Ledgers to measure: a community with many wallets, and seeded moves between them."""

import random
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import event

from ledger import log_store
from ledger.batches import Batch
from ledger.communities import create_community
from ledger.db import Database
from ledger.primitives.signing import SigningKey
from ledger.records import Kind, Transfer
from ledger.store import LedgerStore
from tests.bench.rivals import Move
from tests.engines import POSTGRESQL_VARIABLE, fresh_url
from wallet_api.database import upgrade

ORIGIN = "bench.example/ledger/1"
PERIOD = 989_737
NOW_MS = (PERIOD + 1_000_000) * 1_800_000
FLOOR = -(10**12)

ENGINES = ("SQLite FULL", "SQLite NORMAL", "PostgreSQL")


class MeasuredLedger:
    """A ledger with wallets, all features on: limits, guards, history, stored answers."""

    name = "ledger"

    def __init__(self, database: Database, accounts: int) -> None:
        self.database = database
        self.names = [f"member/{number:032x}/wallet BRM/7" for number in range(accounts)]
        with database.write() as connection:
            number = create_community(connection, ORIGIN, "Bench", 0)
            log_store.create_log(connection, number, ORIGIN, SigningKey.from_seed(bytes(32)))
            self.store = LedgerStore(number)
            self.store.chart.open(connection, [(name, FLOOR) for name in self.names], 0)
        self.transfers = self.batches = 0

    def batch(self, moves: Sequence[Move], periods: int = 48) -> Batch:
        """Return a new batch; ids are in order of time, as clients make them."""
        made = []
        for debit, credit, amount in moves:
            self.transfers += 1
            effective = PERIOD + self.transfers // 64 % periods
            made.append(
                Transfer(
                    self.transfers.to_bytes(16),
                    Kind.POST,
                    self.names[debit],
                    self.names[credit],
                    amount,
                    effective,
                )
            )
        self.batches += 1
        return Batch(self.batches.to_bytes(16), tuple(made), self.batches)

    def post(self, moves: Sequence[Move]) -> None:
        """Post moves as one batch in one transaction."""
        self.post_batch(self.batch(moves))

    def post_batch(self, batch: Batch) -> None:
        """Post a batch in one transaction."""
        with self.database.write() as connection:
            self.store.lock(connection)
            self.store.post(connection, [batch], NOW_MS)

    def close(self) -> None:
        """Nothing to close: the database is its owner's."""


def moves_between(accounts: int, count: int, *, hot: bool, seed: int = 1) -> list[Move]:
    """Return seeded moves; with a hot account every second one touches it."""
    dice = random.Random(seed)
    moves = []
    for index in range(count):
        debit, credit = dice.sample(range(accounts), 2)
        if hot and index % 2:
            debit, credit = (0, credit or 1) if index % 4 == 1 else (debit or 1, 0)
        moves.append((debit, credit, 1 + dice.randrange(1_000_000)))
    return moves


@contextmanager
def fresh_database(engine: str) -> Iterator[tuple[Database, Path]]:
    """Yield an upgraded database of an engine, and a folder beside it."""
    kind = "postgresql" if engine == "PostgreSQL" else "sqlite"
    with tempfile.TemporaryDirectory() as folder, fresh_url(kind, Path(folder)) as url:
        database = Database(url)
        if engine == "SQLite NORMAL":
            event.listen(database.engine, "connect", _normal)
        upgrade(database)
        yield database, Path(folder)
        database.close()


def _normal(connection: object, _record: object) -> None:
    connection.execute("PRAGMA synchronous=NORMAL")  # type: ignore[attr-defined]


def engines_here() -> list[str]:
    """Return the engines that can be measured on this machine."""
    import os  # noqa: PLC0415 - one line of it

    here = list(ENGINES)
    if not os.environ.get(POSTGRESQL_VARIABLE):
        here.remove("PostgreSQL")
        print(f"PostgreSQL ({POSTGRESQL_VARIABLE}) is not here: it is not measured")
    return here
