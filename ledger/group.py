"""Group commit: what several callers want to write goes into one transaction.

The durable commit is what costs, not the rows. One thread takes whatever waits while the last
commit is in flight, writes it in order in one transaction, and then answers every caller. Items
must carry their own idempotency key: a group that failed for one item's sake is written again one
by one.

>>> with GroupCommit(lambda items: [item * 2 for item in items]) as group:
...     group.submit(21)
42
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from types import TracebackType
from typing import Generic, Self, TypeVar

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from ledger.batches import Answer, Batch
from ledger.db import Database
from ledger.errors import CommonwattError, SetupError
from ledger.primitives.clock import Clock
from ledger.store import LedgerStore

Item = TypeVar("Item")
Result = TypeVar("Result")

ITEMS_MAX = 1_000
"""Most items in one transaction, so that none waits long for the others."""

GATHER_S = 0.002
"""How long a group waits for the callers that the last one answered to come back."""

ATTEMPTS = 5
"""How often a transaction is tried that the database stopped for another's sake."""

AN_ITEMS_FAULT = (
    *(CommonwattError, IntegrityError, DataError),
    *(ValueError, ArithmeticError, LookupError, TypeError, RecursionError),
)
"""Errors for which one item may be to blame: the others of its group are tried without it."""

STOPPED_FOR_ANOTHER = ("40001", "40P01")
"""PostgreSQL's codes for a serialisation failure and a deadlock."""


class GroupCommit(Generic[Item, Result]):
    """A queue with one thread that commits what waits in it, in order.

    Args:
        commit: writes items in one durable transaction and returns one result each.
        items_max: most items in one call.
    """

    def __init__(
        self, commit: Callable[[Sequence[Item]], Sequence[Result]], *, items_max: int = ITEMS_MAX
    ) -> None:
        self._commit, self._items_max = commit, items_max
        self._waiting: deque[tuple[Item, Future[Result]]] = deque()
        self._changed = threading.Condition()
        self._closed, self._expected = False, 1
        self._thread = threading.Thread(target=self._run, name="group-commit", daemon=True)
        self._thread.start()

    def submit(self, item: Item) -> Result:
        """Wait until an item is durable, and return its result.

        Raises:
            SetupError: the queue is closed.
            Exception: whatever the commit raised for this item.
        """
        return self.begin(item).result()

    def begin(self, item: Item) -> "Future[Result]":
        """Put an item into the queue without waiting for it."""
        future: Future[Result] = Future()
        with self._changed:
            if self._closed or not self._thread.is_alive():
                raise SetupError("The program is stopping; nothing was written. Try again.")
            self._waiting.append((item, future))
            self._changed.notify()
        return future

    @property
    def waiting(self) -> int:
        """How many items wait to be written."""
        return len(self._waiting)

    def close(self) -> None:
        """Commit what waits, take nothing more, and end the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()

    def _run(self) -> None:
        while group := self._next_group():
            # A caller may give up until its item is being written.
            wanted = [one for one in group if one[1].set_running_or_notify_cancel()]
            if wanted:
                self._settle(wanted)

    def _next_group(self) -> list[tuple[Item, "Future[Result]"]]:
        """Return what waits; nothing at the end.

        The callers of the last group and those who waited meanwhile are waited for, but not long:
        else they would go on in two halves, each waiting for the other's commit.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            self._changed.wait_for(
                lambda: len(self._waiting) >= self._expected or self._closed, timeout=GATHER_S
            )
            count = min(len(self._waiting), self._items_max)
            return [self._waiting.popleft() for _ in range(count)]

    def _settle(self, group: list[tuple[Item, "Future[Result]"]]) -> None:
        try:
            results = self._commit([item for item, _ in group])
            self._expected = min(len(group) + len(self._waiting), self._items_max)
        except BaseException as error:  # noqa: BLE001 - every caller waits for an answer
            if len(group) == 1 or not isinstance(error, AN_ITEMS_FAULT):
                _fail(group, error)
                return
            for one in group:
                self._settle([one])
            return
        for (_, future), result in zip(group, results, strict=False):
            future.set_result(result)
        _fail(group[len(results) :], ValueError("The commit gave fewer results than items."))


def _fail(group: "list[tuple[Item, Future[Result]]]", error: BaseException) -> None:
    for _, future in group:
        if not future.done():
            future.set_exception(error)


def commit_batches(
    database: Database, store: LedgerStore, clock: Clock
) -> Callable[[Sequence[Batch]], list[Answer]]:
    """Return a function that posts batches in one transaction, for `GroupCommit`."""

    def commit(batches: Sequence[Batch]) -> list[Answer]:
        def post() -> list[Answer]:
            with database.write() as connection:
                store.lock(connection)
                return store.submit(connection, batches, clock.now_ms())

        try:
            return retried(post)
        except BaseException:
            store.forget()
            raise

    return commit


def retried(work: Callable[[], Result]) -> Result:
    """Do a transaction again if the database stopped it for another's sake."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return work()
        except DBAPIError as error:
            state = getattr(error.orig, "sqlstate", None)
            if state not in STOPPED_FOR_ANOTHER or attempt == ATTEMPTS:
                raise
    raise AssertionError("unreachable")
