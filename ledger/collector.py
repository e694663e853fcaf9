"""The collector of reference cycles, set for work that makes many short-lived records.

It is set off by counting allocations, and looks at all that is alive. Weeks of readings are made into
small tuples for every day that is settled: with the defaults of CPython, looking through them for
cycles that are not there took two fifths of settling.

>>> with uncollected():
...     gc.isenabled()
False
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

YOUNG = 50_000
"""Allocations, less what was freed, before the youngest are looked at: 700 by default."""

MIDDLE, OLD = 20, 100
"""Looks at one generation before the next is looked at: 10 by default."""


def calm() -> None:
    """Look for cycles less often, and never at what is alive now: a process calls it when it begins."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, OLD)


@contextmanager
def uncollected() -> Iterator[None]:
    """Work without the collector: for work that makes no cycles, as a test counts."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()
