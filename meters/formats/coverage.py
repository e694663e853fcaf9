"""Whether the intervals of a part of a file cover the time that the part says it has.

>>> coverage = Coverage()
>>> coverage.add(0, 1800)
>>> coverage.add(900, 2700)
>>> coverage.said(0, 7200)
'4,500 s are missing, 900 s are there more than once'
"""

from ledger.errors import InputError

INTERVALS_MAX = 1_000_000
"""Most intervals of one part: nine years of 5 minutes, 200 MB while their times are compared."""


class Coverage:
    """The times of a part's intervals."""

    def __init__(self) -> None:
        self._times: list[tuple[int, int]] = []

    def __len__(self) -> int:
        return len(self._times)

    def add(self, begin: int, end: int) -> None:
        """Take an interval, in seconds since the Unix epoch.

        Raises:
            InputError: there are too many.
        """
        if len(self._times) >= INTERVALS_MAX:
            raise InputError(f"more than {INTERVALS_MAX:,} readings stand in one part; split it")
        self._times.append((begin, end))

    def span(self) -> tuple[int, int] | None:
        """Return the first begin and the last end, or None where nothing was taken."""
        if not self._times:
            return None
        return min(begin for begin, _ in self._times), max(end for _, end in self._times)

    def said(self, begin: int, end: int) -> str:
        """Return what is missing between two instants, doubled or outside of them, or nothing."""
        missing, doubled = self._compare(begin, end)
        outside = sum(first < begin or last > end for first, last in self._times)
        return ", ".join(
            f"{count:,} {what}"
            for count, what in (
                (missing, "s are missing"),
                (doubled, "s are there more than once"),
                (outside, "readings stand outside of it"),
            )
            if count
        )

    def _compare(self, begin: int, end: int) -> tuple[int, int]:
        """Return how many seconds no interval covers, and how many several do."""
        missing = doubled = 0
        reached = begin
        for time in sorted(self._times):
            first, last = max(time[0], begin), min(time[1], end)
            if first < last:
                missing += max(0, first - reached)
                doubled += max(0, min(reached, last) - first)
                reached = max(reached, last)
        return missing + max(0, end - reached), doubled
