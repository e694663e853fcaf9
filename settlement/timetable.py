"""Runs: their code, when they are due, and their limits. Pure.

>>> due_at_ms(date(2026, 6, 15), "Europe/London")  # seven days after the day's end
1782169200000
"""

from datetime import date, timedelta

from ledger.primitives.periods import load_zone, of_local_day, start_utc

RUN = "SF"
"""The first posting run."""

DUE_AFTER_DAYS = 7
"""How long after the day's end the first posting run may be made."""

NOT_AFTER_MS = 600 * 24 * 3_600_000
"""A run's statements may be logged until the last dispute: 600 days after what was known."""

DETAIL_BYTES_MAX = 200_000_000
"""Longest detail of a run's statement."""

NO_SEAL = "0" * 64
"""What the first seal names as its predecessor."""


def due_at_ms(day: date, zone: str) -> int:
    """Return when the first posting run of a local day may be made, in Unix milliseconds."""
    end = start_utc(of_local_day(day, load_zone(zone)).stop) + timedelta(days=DUE_AFTER_DAYS)
    return int(end.timestamp()) * 1000
