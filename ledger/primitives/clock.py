"""Time comes from one object. Pure code takes ``now`` as an argument instead.

>>> clock = FixedClock(1_000)
>>> clock.now_ms(), clock.now_ms()
(1000, 1001)
"""

import time
from typing import Protocol

from ledger.errors import RefusedError

CLOCK_BACK_MS_MAX = 5_000
"""How far a clock may step back (time synchronisation does) before the writer stops."""


class Clock(Protocol):
    """Says what time it is, never the same millisecond twice, never backwards."""

    def now_ms(self) -> int:
        """Return Unix milliseconds, strictly increasing."""
        ...


class SystemClock:
    """The machine's clock, made strictly increasing."""

    def __init__(self) -> None:
        self._last_ms = 0
        self._seen_ms = 0

    def now_ms(self) -> int:
        """Return Unix milliseconds.

        Raises:
            RefusedError: the machine's clock went back by more than five seconds.
        """
        now = time.time_ns() // 1_000_000
        if now < self._seen_ms - CLOCK_BACK_MS_MAX:
            raise RefusedError(
                "The computer's clock went back by more than five seconds. "
                "Nothing was written. Set the clock right and start again."
            )
        self._seen_ms = max(now, self._seen_ms)
        self._last_ms = max(now, self._last_ms + 1)
        return self._last_ms


class FixedClock:
    """A clock for simulations and tests: each look moves it by one millisecond."""

    def __init__(self, start_ms: int) -> None:
        self._next_ms = start_ms

    def now_ms(self) -> int:
        """Return the next millisecond."""
        self._next_ms += 1
        return self._next_ms - 1

    def set_ms(self, value_ms: int) -> None:
        """Move on to a later time."""
        if value_ms < self._next_ms:
            raise AssertionError("a fixed clock only moves forward")
        self._next_ms = value_ms
