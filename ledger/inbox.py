"""The inbox: how many processes write through one, on PostgreSQL.

A process puts requests into a table and waits to be notified; the holder of the community's lease
takes what waits, up to a thousand, does it in one transaction together with the answers, and
notifies. A request need not survive a crash, as nobody was answered and a retry carries the same
id; what is answered is durable.

>>> CHANNEL.format(kind="work", community=7)
'commonwatt_work_7'
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, OperationalError

from ledger.bulk import Reads, array_text
from ledger.db import Database
from ledger.errors import CommonwattError, RefusedError, SetupError
from ledger.group import AN_ITEMS_FAULT, ITEMS_MAX
from ledger.lease import LEASE_MS, Lease, LeaseLostError

CHANNEL = "commonwatt_{kind}_{community}"
"""Names of the channels on which work and answers are told."""

ANSWER_S = 30.0
"""How long a caller waits before it is told to try again."""

LOCK_NOT_AVAILABLE = "55P03"
"""PostgreSQL's code for a lock that was not given in time."""

UNCOLLECTED_S = 300.0
"""How long an answer is kept at least for whoever asked."""

LOOK_S = 0.25
"""How often a waiting process looks without being told, should a notification be lost."""

GONE = "The answer is gone. Whether it was written is not known: send the same again."
"""What is told of a request that somebody else removed."""

Handle = Callable[[Connection, Sequence[bytes]], Sequence[bytes]]
"""Does requests in one transaction and returns one answer each."""


@contextmanager
def _driver(database: Database) -> Iterator[Any]:
    """Yield a connection of the driver's own, for commands outside transactions."""
    if database.dialect != "postgresql":
        raise SetupError("The inbox needs PostgreSQL; on SQLite one process writes.")
    raw = database.engine.raw_connection()
    driver: Any = raw.driver_connection
    raw.detach()
    try:
        driver.autocommit = True
        yield driver
    finally:
        driver.close()


class InboxClient:
    """Puts requests into the inbox and waits for their answers. One thread at a time."""

    def __init__(self, database: Database, community: int) -> None:
        self._community = community
        self._context = _driver(database)
        self._driver = self._context.__enter__()
        # A request that a crash loses was answered to nobody.
        self._driver.execute("SET synchronous_commit = off")
        self._driver.execute(f"LISTEN {CHANNEL.format(kind='done', community=community)}")

    def submit(
        self, requests: Sequence[bytes], timeout_s: float = ANSWER_S
    ) -> list[bytes | RefusedError]:
        """Return the answers to some requests, in order; a refused one's is an error.

        One that nobody took in time is taken back: its error says that nothing was written.
        """
        rows = self._driver.execute(
            "WITH made AS (INSERT INTO inbox (community, request)"
            " SELECT %s, request FROM unnest(%s::bytea[]) WITH ORDINALITY AS r (request, place)"
            " ORDER BY place RETURNING number)"
            " SELECT number, pg_notify(%s, '') FROM made ORDER BY number",
            (
                self._community,
                array_text(list(requests)),
                CHANNEL.format(kind="work", community=self._community),
            ),
        ).fetchall()
        numbers = [row[0] for row in rows]
        answers: dict[int, bytes | RefusedError] = {}
        end = time.monotonic() + timeout_s
        while len(answers) < len(numbers):
            if time.monotonic() > end:
                answers |= self._take_back([n for n in numbers if n not in answers])
                break
            for _ in self._driver.notifies(timeout=LOOK_S, stop_after=1):
                pass
            answers |= self._collect(numbers)
        return [answers.get(number, RefusedError(GONE)) for number in numbers]

    def _collect(self, numbers: Sequence[int]) -> dict[int, bytes | RefusedError]:
        rows = self._driver.execute(
            "DELETE FROM inbox WHERE number = ANY(%s::int8[])"
            " AND (answer IS NOT NULL OR error IS NOT NULL) RETURNING number, answer, error",
            (array_text(numbers),),
        )
        return {
            number: RefusedError(error) if answer is None else bytes(answer)
            for number, answer, error in rows
        }

    def _take_back(self, numbers: Sequence[int]) -> dict[int, bytes | RefusedError]:
        """Remove requests that wait, and return the answers of those that were done meanwhile.

        A worker locks the rows that it does, so each is either removed before it is done, or its
        answer is waited for.
        """
        with self._driver.transaction():
            # What is said to be not written must not come back after a crash.
            self._driver.execute("SET LOCAL synchronous_commit = on")
            rows = self._driver.execute(
                "DELETE FROM inbox WHERE number IN (SELECT number FROM inbox"
                " WHERE number = ANY(%s::int8[]) ORDER BY number FOR UPDATE)"
                " RETURNING number, answer, error",
                (array_text(numbers),),
            ).fetchall()
        late = "The community's writer does not answer. Nothing was written: try again."
        return {
            number: RefusedError(error or late) if answer is None else bytes(answer)
            for number, answer, error in rows
        }

    def close(self) -> None:
        """Close the connection."""
        self._context.__exit__(None, None, None)


class InboxWorker:
    """Does the requests of a community's inbox while it holds the lease.

    Args:
        database: on PostgreSQL.
        community: its number.
        holder: names this process; no two may share it.
        handle: does requests within a transaction.
        on_rollback: told after a transaction was rolled back, to drop what was remembered in it
            (`LedgerStore.forget`).
    """

    def __init__(
        self,
        database: Database,
        community: int,
        holder: str,
        handle: Handle,
        on_rollback: Callable[[], None] = lambda: None,
    ) -> None:
        self._database, self._community, self._handle = database, community, handle
        self.lease = Lease(community, holder)
        self._marked = (0, time.monotonic())
        self._on_rollback = on_rollback

    def serve(self, stop: threading.Event) -> None:
        """Work until told to stop; give the lease up at the end."""
        with _driver(self._database) as driver:
            driver.execute(f"LISTEN {CHANNEL.format(kind='work', community=self._community)}")
            renewed = -LEASE_MS / 1000
            while not stop.is_set():
                if time.monotonic() - renewed > LEASE_MS / 3000:
                    self._renew()
                    renewed = time.monotonic()
                if self.lease.epoch is None or not self._drain_once():
                    self._wait(driver)
        with self._database.write() as connection:
            self.lease.give_up(connection)

    def _renew(self) -> None:
        """Take or renew the lease; while another writes under it, it is not ours."""
        try:
            with self._database.write() as connection:
                connection.exec_driver_sql(f"SET LOCAL lock_timeout = {LEASE_MS // 3:d}")
                self.lease.take(connection)
                self._tidy(connection)
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) != LOCK_NOT_AVAILABLE:
                raise
            self.lease.epoch = None

    def _tidy(self, connection: Connection) -> None:
        """Remove answers that nobody collected for a while: whoever asked is gone."""
        now = time.monotonic()
        if now - self._marked[1] < UNCOLLECTED_S:
            return
        connection.exec_driver_sql(
            "DELETE FROM inbox WHERE community = %s AND number <= %s"
            " AND (answer IS NOT NULL OR error IS NOT NULL)",
            (self._community, self._marked[0]),
        )
        highest = connection.exec_driver_sql("SELECT max(number) FROM inbox").scalar()
        self._marked = (highest or 0, now)

    def _drain_once(self) -> bool:
        try:
            return self.drain() > 0
        except LeaseLostError:
            self.lease.epoch = None
            return False

    def _wait(self, driver: Any) -> None:
        for _ in driver.notifies(timeout=LOOK_S, stop_after=1):
            pass

    def drain(self, items_max: int = ITEMS_MAX) -> int:
        """Do what waits, in one transaction, and return how much it was.

        A group that fails for one request's sake is done again one by one.

        Raises:
            LeaseLostError: another process holds the lease; nothing was written.
            DBAPIError: the database went away; all of it waits still.
        """
        tried: list[int] = []
        try:
            return self._do(None, items_max, tried)
        except LeaseLostError:
            raise
        except AN_ITEMS_FAULT:
            for number in tried:
                self._do_alone(number)
        return len(tried)

    def _do_alone(self, number: int) -> None:
        """Do one request, or answer it with the reason why it cannot be done."""
        try:
            self._do(number, 1, [])
        except LeaseLostError:
            raise
        except AN_ITEMS_FAULT as error:
            with self._writing() as (connection, _):
                connection.exec_driver_sql(
                    "UPDATE inbox SET error = %s WHERE number = %s AND answer IS NULL",
                    (_words_of(error), number),
                )
                self._notify(connection)

    def _do(self, number: int | None, items_max: int, tried: list[int]) -> int:
        """Do one request, or those that wait first, and note their numbers in `tried`."""
        only = "" if number is None else f" AND number = {number:d}"
        query = (
            "SELECT number, request FROM inbox WHERE community = %s AND answer IS NULL"  # noqa: S608 - our own number
            f" AND error IS NULL{only} ORDER BY number LIMIT %s FOR UPDATE"
        )
        try:
            with self._writing(query, (self._community, items_max)) as (connection, waiting):
                tried += [found for found, _ in waiting]
                if waiting:
                    answers = self._handle(connection, [bytes(request) for _, request in waiting])
                    self._answer(connection, tried, answers)
                return len(waiting)
        except BaseException:
            self._on_rollback()
            raise

    @contextmanager
    def _writing(
        self, query: str = "SELECT 1", values: tuple[Any, ...] = ()
    ) -> Iterator[tuple[Connection, list[Any]]]:
        """Open a transaction in which the lease is ours until the commit, and ask a query in it.

        A process that stops in the middle of it loses its connection, and so the lease.
        """
        with self._database.write() as connection:
            reads = Reads(connection)
            reads.query(
                f"SELECT set_config('idle_in_transaction_session_timeout', '{LEASE_MS:d}', true)"
            )
            epoch = self.lease.ask(reads)
            rows = reads.query(query, values)
            reads.run()
            self.lease.judge(epoch)
            yield connection, rows

    def _answer(
        self, connection: Connection, numbers: Sequence[int], answers: Sequence[bytes]
    ) -> None:
        channel = CHANNEL.format(kind="done", community=self._community)
        connection.exec_driver_sql(
            "WITH told AS (UPDATE inbox SET answer = done.answer"
            " FROM unnest(%s::int8[], %s::bytea[]) AS done (number, answer)"
            " WHERE inbox.number = done.number RETURNING 1)"
            " SELECT pg_notify(%s, '') FROM (SELECT count(*) FROM told) AS all_of_them",
            (array_text(numbers), array_text(answers), channel),
        )

    def _notify(self, connection: Connection) -> None:
        channel = CHANNEL.format(kind="done", community=self._community)
        connection.exec_driver_sql(f"NOTIFY {channel}")


def _words_of(error: Exception) -> str:
    """Return what to tell whoever asked, in text that a database takes."""
    if isinstance(error, CommonwattError):
        words = str(error)
    elif isinstance(error, DBAPIError):
        reason = str(error.orig).splitlines()[0]
        words = f"The database refused ({reason}). Nothing was written."
    else:
        words = f"The request could not be done ({type(error).__name__}). Nothing was written."
    return words.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()
