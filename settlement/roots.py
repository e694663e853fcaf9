"""Roots of many batches at once: for large deliveries, on all processors.

Hashing is what an import mostly costs: three SHA-256 a reading. Small deliveries are hashed here.

>>> from meters.batches import BatchContent
>>> content = BatchContent(989737, (412, 380), "AA", bytes(32))
>>> with Roots(2) as roots:
...     list(roots.of([content])) == [content.root()]
True
"""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from multiprocessing import get_context
from types import TracebackType
from typing import Self

from meters.batches import BatchContent
from settlement.audit.pool import deaf_children

LARGE_READINGS = 300_000
"""A delivery from which on other processes are started: they take a good half second each."""

PROCESSES_MAX = 4
"""Most processes: the database is written by one."""

CHUNK = 4
"""Batches that a process takes at a time."""


class Roots:
    """Computes roots, with other processes where there is much to do.

    Args:
        readings: how many there are in all.
    """

    def __init__(self, readings: int) -> None:
        processes = min(os.cpu_count() or 1, PROCESSES_MAX)
        self._executor: ProcessPoolExecutor | None = None
        if readings >= LARGE_READINGS and processes > 1:
            self._executor = ProcessPoolExecutor(processes, mp_context=get_context("spawn"))

    @property
    def many(self) -> bool:
        """Whether other processes help, so that larger groups are worth it."""
        return self._executor is not None

    def of(self, contents: Sequence[BatchContent]) -> Iterator[bytes]:
        """Yield the root of each, as they come."""
        done = 0
        if self._executor is not None:
            try:
                with deaf_children():
                    found = self._executor.map(BatchContent.root, contents, chunksize=CHUNK)
                for root in found:
                    yield root
                    done += 1
            except BrokenExecutor:
                # A process was stopped from outside: the rest is the same from here.
                self._executor = None
        for content in contents[done:]:
            yield content.root()

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
