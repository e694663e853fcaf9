"""Work that an audit leaves to other processes, and the first thing that is wrong with it.

The replay goes on while signatures, roots and certificates are checked beside it. Whatever order the
work ends in, the failure that is told is the one that stands first in the log.

>>> with Pool(1) as pool:
...     pool.submit(lambda _work: (7, "postings", "entry 7: wrong"), None)
...     pool.finish()
Traceback (most recent call last):
settlement.errors.AuditError: entry 7: wrong
"""

import gc
import os
import signal
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from types import TracebackType
from typing import Any, Self

from ledger.errors import SetupError
from settlement.audit.proofs import Failure
from settlement.errors import AuditError

WAITING_MAX = 64
"""Most pieces of work on their way to a process: more would only fill memory."""

HERE_FIRST = 16
"""Pieces of work before other processes are started: a small log does not need them."""

Work = Callable[[Any], Failure | None]
"""A function of a module, which another process can find, and its one argument."""


class Pool:
    """Processes that do the costly work; with one, it is done here, when it is submitted.

    Args:
        processes: how many, this one included.
    """

    def __init__(self, processes: int) -> None:
        self._processes, self._done = processes, 0
        self._executor: ProcessPoolExecutor | None = None
        self._running: deque[Future[Failure | None]] = deque()
        self._failures: list[Failure] = []

    def submit(self, work: Work, argument: Any) -> None:
        """Have some work done, at once or later."""
        self._done += 1
        if self._processes == 1 or self._done <= HERE_FIRST:
            self._note(work(argument))
            return
        if self._executor is None:
            # Started anew, so that nothing of this process (threads, locks) is inherited.
            context = get_context("spawn")
            self._executor = ProcessPoolExecutor(
                self._processes, mp_context=context, initializer=gc.disable
            )
        with _whole():
            with deaf_children():
                self._running.append(self._executor.submit(work, argument))
            while len(self._running) > WAITING_MAX or (self._running and self._running[0].done()):
                self._note(self._running.popleft().result())

    def finish(self, before: int | None = None) -> None:
        """Wait for all work.

        Args:
            before: a log position where something else is wrong; only what stands before it counts.

        Raises:
            AuditError: the failure that stands first in the log.
        """
        with _whole():
            while self._running:
                self._note(self._running.popleft().result())
        found = [failure for failure in self._failures if before is None or failure[0] < before]
        if found:
            position, check, words = min(found)
            raise AuditError(check, words, position)

    @property
    def failed(self) -> bool:
        """Whether something is known to be wrong: going on would only take time."""
        return bool(self._failures)

    def _note(self, failure: Failure | None) -> None:
        if failure is not None:
            self._failures.append(failure)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if self._executor is not None:
            self._executor.shutdown(cancel_futures=True)


@contextmanager
def deaf_children() -> Iterator[None]:
    """Start processes that Ctrl-C does not reach: this one hears it, says so once and ends them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _whole() -> Iterator[None]:
    """Say what to do where one of the processes was stopped from outside."""
    try:
        yield
    except BrokenExecutor as error:
        raise SetupError(
            "one of the audit's processes was stopped, perhaps for want of memory: try again "
            "with --processes 1"
        ) from error


def processes_here() -> int:
    """Return how many processes may work at once on this computer."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
