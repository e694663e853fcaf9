"""The community that a server serves, opened once and kept: for reading, and for writing together.

Reading folds in what was logged since the last look, so one caller at a time works with an opened
community; a few are kept ready. One thread alone writes for everybody, as the durable commit is what costs.

>>> READERS
4
"""

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from typing import NamedTuple

from sqlalchemy import Connection

from ledger import log_store
from ledger.group import GroupCommit
from ledger.primitives.clock import FixedClock
from ledger.writer import Draft
from settlement.community import Community
from settlement.reception import Answer, Taken, take
from wallet_api.door.errors import BusyError
from wallet_api.door.forgetting import forget_closed

READERS = 4
"""Opened communities that are kept for reading: more would only wait for the interpreter's lock."""

WRITERS_MAX = 16
"""Most threads that write or wait for it: a server has forty for all it does."""

QUEUE_MAX = 1_000
"""Most statements that wait to be written: some seconds' work."""

APART_S = 5
"""After how many seconds whoever wants a long look may ask again."""

GROUP_MAX = 200
"""Most statements in one transaction, so that none waits long for the others."""


class Logged(NamedTuple):
    """What became of a statement, and the log's signed head after it."""

    answer: Answer
    head: str


class Here:
    """The community that is served.

    Args:
        open_community: opens it anew, checked and up to date.
        watch: called with what was taken, after it is durable.
    """

    def __init__(
        self,
        open_community: Callable[[], Community],
        watch: Callable[[Sequence[Taken]], None] = lambda _taken: None,
    ) -> None:
        self._open, self._watch = open_community, watch
        self._kept: queue.LifoQueue[Community] = queue.LifoQueue(READERS)
        self._places = threading.Semaphore(READERS)
        self._writer: Community | None = None
        self._writing = threading.RLock()
        self._waiting = threading.BoundedSemaphore(WRITERS_MAX)
        self._apart = threading.Lock()
        self._group: GroupCommit[Draft, Logged] = GroupCommit(self._take, items_max=GROUP_MAX)

    @contextmanager
    def reading(self) -> Iterator[tuple[Community, Connection]]:
        """Lend the community, with a read transaction and all that was logged folded in."""
        with self._places:
            try:
                community = self._kept.get_nowait()
            except queue.Empty:
                community = self._open()
            with community.reading() as connection:
                # What fails here leaves it behind: the next caller opens it anew.
                community.writer.refresh_keys(connection)
                _on_time(community, connection)
                try:
                    yield community, connection
                finally:
                    self._kept.put_nowait(community)

    @contextmanager
    def lent(self) -> Iterator[Community]:
        """Lend the community with all that was logged folded in, for what begins looks of its own."""
        with self.reading() as (community, _):
            yield community

    @contextmanager
    def apart(self) -> Iterator[Community]:
        """Lend a community opened anew, one at a time: for long looks, which hold up no other reader.

        Raises:
            BusyError: somebody else has it.
        """
        if not self._apart.acquire(blocking=False):
            raise BusyError("Another long look is under way: try again when it is done.", APART_S)
        try:
            yield self._open()
        finally:
            self._apart.release()

    @contextmanager
    def writing(self) -> Iterator[tuple[Community, Connection]]:
        """Lend the community, with a write transaction, for what is not a statement from outside.

        Raises:
            BusyError: too many wait for it: each that waits takes a thread from those who only read.
        """
        if not self._waiting.acquire(blocking=False):
            raise BusyError("Too many wait to write: try again in a moment.")
        try:
            with self._writing:
                community = self._writer_now()
                with community.transaction() as connection:
                    yield community, connection
        finally:
            self._waiting.release()

    def begin(self, draft: Draft) -> "Future[Logged]":
        """Put a signed statement into the queue, without waiting for it.

        Raises:
            BusyError: too many wait; nothing was taken.
        """
        if self._group.waiting >= QUEUE_MAX:
            raise BusyError("Too many statements wait to be written: try again in a moment.")
        return self._group.begin(draft)

    def submit(self, draft: Draft) -> "Logged":
        """Wait until a statement is durable."""
        return self.begin(draft).result()

    def warm(self) -> None:
        """Open the community before the first caller comes, so that nobody waits for it."""
        with self._writing:
            self._writer_now()
        with self.reading():
            pass

    def close(self) -> None:
        """Write what waits, and take nothing more."""
        self._group.close()

    def _take(self, drafts: Sequence[Draft]) -> "list[Logged]":
        with self._writing:
            community = self._writer_now()
            answers = take(community, drafts)
            _forget(community, answers)
            with community.reading() as connection:
                _, _, note = log_store.head(connection, community.writer.community)
        self._watch([answer for answer in answers if isinstance(answer, Taken)])
        return [Logged(answer, note.decode()) for answer in answers]

    def _writer_now(self) -> Community:
        if self._writer is None:
            self._writer = self._open()
            with self._writer.transaction() as connection:
                forget_closed(self._writer, connection)
        if isinstance(self._writer.writer.clock, FixedClock):
            with self._writer.reading() as connection:
                _on_time(self._writer, connection)
        return self._writer


def _forget(community: Community, answers: Sequence[Answer]) -> None:
    """Forget with an account what the server remembers of it."""
    closed = [
        answer.statement.account
        for answer in answers
        if isinstance(answer, Taken) and answer.statement.kind == "account_close"
    ]
    if closed:
        with community.transaction() as connection:
            forget_closed(community, connection, closed)


def _on_time(community: Community, connection: Connection) -> None:
    """Let a community that replays the past go on where the log stands, whoever wrote it."""
    clock = community.writer.clock
    if isinstance(clock, FixedClock):
        clock.set_ms(max(clock.now_ms(), community.writer.logged_ms(connection)) + 1)
