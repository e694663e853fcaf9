"""Ledgers for tests of the check: owners who drop the guards, and lives of all kinds of transfers."""

import itertools
import random
from contextlib import contextmanager

import pytest
from sqlalchemy import text

from ledger.batches import Batch
from ledger.book import Book
from ledger.check import check_ledger
from ledger.communities import create_community
from ledger.log_store import create_log
from ledger.primitives.signing import SigningKey
from ledger.records import Kind, Transfer
from ledger.store import LedgerStore
from tests.ledger.books import ADA, BEN, FUND, LIMITS, PERIOD, RESERVE, hold, id_of, move
from wallet_api.database import APPEND_ONLY

ENGINES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]
HALF_HOUR_MS = 1_800_000
START_MS = PERIOD * HALF_HOUR_MS
COUNT = itertools.count()
CHECKS = ["reading", "numbering", "content", "rules", "limits", "balances", "history", "log"]


def check(database, community, *, with_log=True):
    with database.read() as connection:
        return check_ledger(connection, community, with_log=with_log)


class Undo(Exception):  # noqa: N818 - ends a transaction, nothing went wrong
    pass


@contextmanager
def insider(database):
    """A write transaction of an owner who dropped the guards; nothing of it is kept."""
    with pytest.raises(Undo), database.write() as connection:  # noqa: PT012 - the test is inside
        for table in (*APPEND_ONLY, "balance", "fact"):
            if database.dialect == "sqlite":
                names = connection.scalars(
                    text("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :t"),
                    {"t": table},
                ).all()
                for name in names:
                    connection.execute(text(f"DROP TRIGGER {name}"))
            else:
                connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER ALL"))
        for table in ("transfer", "balance"):
            if database.dialect == "sqlite":
                connection.exec_driver_sql("PRAGMA ignore_check_constraints=ON")
            else:
                names = connection.scalars(
                    text(
                        "SELECT conname FROM pg_constraint WHERE contype = 'c'"
                        " AND conrelid = CAST(:t AS regclass)"
                    ),
                    {"t": table},
                ).all()
                for name in names:
                    connection.execute(text(f"ALTER TABLE {table} DROP CONSTRAINT {name}"))
        yield connection
        raise Undo


def told(connection, community, sentence, stage, *, with_log=True):
    report = check_ledger(connection, community, with_log=with_log)
    assert report.failed == stage, report.failure
    assert sentence in report.failure
    assert report.failure.endswith((".", "sound."))
    assert "keep a copy" in report.failure.lower()
    names = [s.name for s in report.stages]
    at = names.index(stage)
    assert [s.passed for s in report.stages] == [True] * at + [False] + [None] * (
        len(names) - at - 1
    )
    return report


class Life:
    """A ledger in a database, and the pure book beside it."""

    def __init__(self, database, seed):
        self.database, self.rng = database, random.Random(seed)
        self.now_ms, self.number, self.book = START_MS, 0, Book()
        origin = f"life{next(COUNT)}.example"
        with database.write() as connection:
            self.me = create_community(connection, origin, "Life", START_MS)
            create_log(connection, self.me, origin, SigningKey.from_seed(bytes(32)))
            self.store = LedgerStore(self.me)
            floors = [(account, floor) for account, (floor, _) in LIMITS.items()]
            self.store.chart.open(connection, floors, START_MS)
        for account, floor in floors:
            self.book.open(account, floor)
        self.limit(FUND, 0, 500)

    def limit(self, account, floor, ceiling):
        if self.book.limit(account, floor, ceiling) == 0:
            with self.database.write() as connection:
                chart = self.store.chart
                chart.set_limits(connection, account, floor, ceiling, self.now_ms)

    def post(self, *groups, atomic=True):
        """Post some batches in one transaction."""
        period = self.now_ms // HALF_HOUR_MS
        batches = []
        for group in groups:
            self.number += 1
            batches.append(Batch(id_of(10**9 + self.number), tuple(group), self.number, atomic))
        with self.database.write() as connection:
            answers = self.store.submit(connection, batches, self.now_ms)
        self.book.expire(period)
        for batch, answer in zip(batches, answers, strict=True):
            apply = self.book.apply if batch.atomic else self.book.apply_each
            assert tuple(apply(batch.transfers, period)) == answer.statuses
        return answers

    def step(self):
        rng = self.rng
        self.now_ms += rng.choice((0, 1, 60_000, HALF_HOUR_MS, 3 * HALF_HOUR_MS))
        if rng.random() < 0.15:
            self.limit(rng.choice([ADA, BEN, FUND]), -rng.randint(0, 80), rng.choice([None, 900]))
        groups = [
            [self.transfer() for _ in range(rng.randint(0, 6))] for _ in range(rng.randint(1, 3))
        ]
        self.post(*groups, atomic=rng.random() < 0.5)

    def transfer(self):
        rng, book = self.rng, self.book
        kind = rng.choice([*Kind, Kind.POST, Kind.HOLD, Kind.HOLD, Kind.POST_HOLD])
        debit, credit = rng.sample([ADA, BEN, FUND, RESERVE, RESERVE], 2)
        self.number += 1
        number, period = self.number, self.now_ms // HALF_HOUR_MS
        amount, effective = rng.randint(1, 40), period - rng.randint(0, 3)
        if kind is Kind.HOLD:
            expires = rng.choice([None, period + rng.randint(1, 4)])
            return hold(number, debit, credit, amount, expires=expires)
        if kind in (Kind.POST_HOLD, Kind.VOID_HOLD, Kind.EXPIRE_HOLD) and book.holds:
            key, one = rng.choice(sorted(book.holds.items(), key=lambda item: item[0])[-20:])
            part = rng.randint(1, one.amount) if kind is Kind.POST_HOLD else one.amount
            return Transfer(id_of(number), kind, one.debit, one.credit, part, effective, key)
        moves = [t for t in book.transfers.values() if t.kind in (Kind.POST, Kind.POST_HOLD)]
        if kind in (Kind.REVERSE, Kind.CORRECT) and moves:
            one = rng.choice(moves[-20:])
            left = book.amended[one.id].remaining if one.id in book.amended else one.amount
            sides = [one.credit, one.debit]
            if kind is Kind.CORRECT:
                left = rng.randint(1, max(left, 1))
                sides = rng.choice([sides, sides[::-1]])
            return Transfer(id_of(number), kind, *sides, left, effective, one.id)
        return move(number, debit, credit, amount, effective=effective)
