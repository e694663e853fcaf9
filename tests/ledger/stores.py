"""Stores to test with: a database, fresh communities in it, faults, and writing processes."""

import itertools
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from sqlalchemy import Connection, event, text

from ledger import bulk
from ledger.batches import Answer, Batch
from ledger.book import Balance
from ledger.communities import create_community
from ledger.db import Database
from ledger.inbox import InboxWorker
from ledger.log_store import create_log
from ledger.primitives.signing import SigningKey
from ledger.records import MOVES, RESOLVES, Kind, Transfer
from ledger.store import LedgerStore
from tests.engines import fresh_url
from tests.fresh import upgrade
from tests.ledger.books import LIMITS, PERIOD

ENGINES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]
HALF_HOUR_MS = 1_800_000
START_MS = PERIOD * HALF_HOUR_MS
ROOT = Path(__file__).parents[2]

_KEY = SigningKey.from_seed(bytes(32))
_count = itertools.count(1)


@contextmanager
def prepared_database(engine: str, folder: Path) -> Iterator[Database]:
    """Yield a database with all tables and no community."""
    with fresh_url(engine, folder) as url:
        database = Database(url)
        upgrade(database)
        try:
            yield database
        finally:
            database.close()


@dataclass
class Ledger:
    """A community's store, the time there, and short words for what is done with it."""

    database: Database
    community: int
    now_ms: int = START_MS
    store: LedgerStore = field(init=False)

    def __post_init__(self) -> None:
        self.store = LedgerStore(self.community)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        try:
            with self.database.write() as connection:
                self.store.lock(connection)
                yield connection
        except BaseException:
            self.store.forget()
            raise

    def submit(self, *batches: Batch) -> list[Answer]:
        with self.writing() as connection:
            return self.store.submit(connection, batches, self.now_ms)

    def post(self, *batches: Batch) -> int:
        with self.writing() as connection:
            return self.store.post(connection, batches, self.now_ms)

    def statuses(self, *batches: Batch) -> list[list[int]]:
        return [list(answer.statuses) for answer in self.submit(*batches)]

    def limit(self, account: str, floor: int | None, ceiling: int | None) -> None:
        with self.writing() as connection:
            self.store.chart.set_limits(connection, account, floor, ceiling, self.now_ms)

    def pass_periods(self, count: int) -> None:
        self.now_ms += count * HALF_HOUR_MS

    def balances(self) -> dict[str, Balance]:
        with self.database.read() as connection:
            return self.store.balances(connection)

    def states(self) -> dict[str, tuple[int, int, int]]:
        return {
            account: (balance.posted, balance.pending_out, balance.pending_in)
            for account, balance in self.balances().items()
        }

    def transfers(self) -> list[Transfer]:
        with self.database.read() as connection:
            return [transfer for transfer, _ in self.store.transfers(connection)]

    def rows(self, columns: str, table: str, order: str = "number") -> list[tuple[Any, ...]]:
        """Return some columns of the community's rows in a table, as bytes where they are bytes."""
        query = f"SELECT {columns} FROM {table} WHERE community = {self.community} ORDER BY {order}"  # noqa: S608 - our own words
        with self.database.read() as connection:
            return [
                tuple(bytes(value) if isinstance(value, memoryview) else value for value in row)
                for row in connection.execute(text(query))
            ]


def new_ledger(database: Database, limits: dict[str, Any] = LIMITS) -> Ledger:
    """Return a fresh community whose accounts are open and empty."""
    origin = f"street{next(_count)}.example/{os.getpid()}"
    with database.write() as connection:
        community = create_community(connection, origin, "Street", START_MS)
        create_log(connection, community, origin, _KEY)
        chart = LedgerStore(community).chart
        floors = [(account, floor) for account, (floor, _) in limits.items()]
        chart.open(connection, floors, START_MS)
        for account, (floor, ceiling) in limits.items():
            if ceiling is not None:
                chart.set_limits(connection, account, floor, ceiling, START_MS)
    return Ledger(database, community)


def batch_id(number: int) -> bytes:
    return b"batch" + number.to_bytes(11)


def batch(number: int, *transfers: Transfer, position: int = 7, atomic: bool = True) -> Batch:
    return Batch(batch_id(number), transfers, position, atomic=atomic)


def fold(
    transfers: Sequence[Transfer], accounts: Sequence[str] = tuple(LIMITS)
) -> dict[str, tuple[int, int, int]]:
    """Return posted, pending out and pending in by account, added up from all transfers."""
    sums = {account: [0, 0, 0] for account in accounts}
    holds = {one.id: one for one in transfers if one.kind is Kind.HOLD}
    resolved = [one.original for one in transfers if one.kind in RESOLVES]
    assert len(resolved) == len(set(resolved))
    for one in transfers:
        if one.kind in MOVES:
            sums[one.debit][0] -= one.amount
            sums[one.credit][0] += one.amount
    for one in [hold for hold_id, hold in holds.items() if hold_id not in set(resolved)]:
        sums[one.debit][1] += one.amount
        sums[one.credit][2] += one.amount
    return {account: (posted, out, into) for account, (posted, out, into) in sums.items()}


def encode(one: Batch) -> bytes:
    """Write a batch as a request."""
    transfers = [
        [
            *(t.id.hex(), int(t.kind), t.debit, t.credit, t.amount, t.effective),
            None if t.original is None else t.original.hex(),
            t.expires,
        ]
        for t in one.transfers
    ]
    return json.dumps([one.id.hex(), transfers, one.position, one.atomic]).encode()


def decode(request: bytes) -> Batch:
    """Read a request."""
    made, transfers, position, atomic = json.loads(request)
    return Batch(
        bytes.fromhex(made),
        tuple(
            Transfer(
                *(bytes.fromhex(t[0]), Kind(t[1]), *t[2:6]),
                None if t[6] is None else bytes.fromhex(t[6]),
                t[7],
            )
            for t in transfers
        ),
        position,
        atomic=atomic,
    )


def handler(ledger):
    """Return what does requests: batches as JSON; the answer is [repeated, statuses]."""
    store = LedgerStore(ledger.community)

    def handle(connection, requests):
        store.lock(connection)
        answers = store.submit(connection, list(map(decode, requests)), START_MS)
        return [
            json.dumps([one.repeated, [int(status) for status in one.statuses]]).encode()
            for one in answers
        ]

    return handle


# Clients at once.


def same_pairs(some, others):
    """Whether the same batches have the same answers, in whatever order."""
    return sorted(map(repr, some)) == sorted(map(repr, others))


def at_once(work, items):
    """Do something with each item in a thread of its own, all at the same time."""
    barrier = threading.Barrier(len(items))

    def run(item):
        barrier.wait(10)
        return work(item)

    with ThreadPoolExecutor(len(items)) as pool:
        return list(pool.map(run, items))


def until(done: Callable[[], object], work: Callable[[], object] = lambda: None) -> None:
    """Do something again and again until a condition holds; fail after ten seconds."""
    end = time.monotonic() + 10
    while not done():
        assert time.monotonic() < end, "this never happened"
        work()


# Faults.


class BrokenError(Exception):
    """The database went away, as a test wishes."""


@contextmanager
def failing_statement(database: Database, at: int) -> Iterator[list[str]]:
    """Raise at a statement, the first being 0, and yield the list of what came until then."""
    seen: list[str] = []

    def count(statement: str) -> None:
        seen.append(statement)
        if len(seen) == at + 1:
            raise BrokenError(statement)

    with watched(database, count):
        yield seen


@contextmanager
def watched(database: Database, tell: Callable[[str], None]) -> Iterator[None]:
    """Tell of every statement before it is executed, COPY too."""

    def before(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        tell(statement)

    def copy(connection: Connection, table: Any, columns: str, rows: Any) -> None:
        if connection.engine.url == database.engine.url:
            tell(f"COPY {table.name}")
        really_copy(connection, table, columns, rows)

    def send(connection: Connection, query: str, values: Any) -> Any:
        if connection.engine.url == database.engine.url:
            tell(query)
        return really_send(connection, query, values)

    really_copy, really_send = bulk._copy, bulk._send
    event.listen(database.engine, "before_cursor_execute", before)
    try:
        with mock.patch.object(bulk, "_copy", copy), mock.patch.object(bulk, "_send", send):
            yield
    finally:
        event.remove(database.engine, "before_cursor_execute", before)


@contextmanager
def failing_commit(database: Database, *, after: bool) -> Iterator[None]:
    """Raise instead of the next commit, or after it: then the answer is lost."""
    real = database.engine.dialect.do_commit

    def commit(driver: Any) -> None:
        database.engine.dialect.do_commit = real  # type: ignore[method-assign]
        if after:
            real(driver)
        raise BrokenError("commit")

    with mock.patch.object(database.engine.dialect, "do_commit", commit):
        yield


# Processes of their own.


@contextmanager
def program(ledger: Ledger, batches: Sequence[Batch] | None, folder: Path) -> Iterator[Any]:
    """Start this file as a program that, when told so (`go`), posts batches or serves the inbox."""
    path = folder / f"{next(_count)}.jsonl"
    if batches is not None:
        path.write_bytes(b"\n".join(map(encode, batches)))
    url = ledger.database.url.render_as_string(hide_password=False)
    words = [sys.executable, "-W", "error", "-m", __name__, url, ledger.community, path]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen(list(map(str, words)), cwd=ROOT, text=True, **pipes) as process:
        try:
            assert process.stdout.readline() == "ready\n", process.stderr.read()
            yield process
        finally:
            process.kill()


def go(process: Any) -> None:
    """Let a program post its batches."""
    process.stdin.write("go\n")
    process.stdin.flush()


def answers_in(lines: Iterable[str]) -> list[tuple[bool, list[int]]]:
    """Return whether each batch was a repeat, and its statuses, from a program's lines."""
    return [tuple(json.loads(line)) for line in lines if line.startswith("[")]


def main(url: str, community: str, path: str) -> None:
    """Post a file of batches, one a transaction; serve the inbox if there is no file."""
    database = Database(url)
    ledger = Ledger(database, int(community))
    ledger.balances()
    tell("ready")
    sys.stdin.readline()
    try:
        if Path(path).exists():
            post_file(ledger, Path(path))
        else:
            holder = f"process {os.getpid()}"
            worker = InboxWorker(database, ledger.community, holder, handler(ledger))
            worker.serve(threading.Event())
    finally:
        database.close()


def tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def post_file(ledger: Ledger, path: Path) -> None:
    """Post batches; tell of each statement and each answer."""
    with watched(ledger.database, lambda _: tell("statement")):
        for request in path.read_bytes().splitlines():
            (answer,) = ledger.submit(decode(request))
            tell(json.dumps([answer.repeated, list(map(int, answer.statuses))]))


if __name__ == "__main__":
    main(*sys.argv[1:])
