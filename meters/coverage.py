"""How whole the readings are: by meter, channel and local day, what came, how, and what did not.

Each half-hour in which a reading is expected counts once, as the weightiest thing that can be said
of it. Pure: the caller brings what is known.

>>> day = DayCover((4, 0, 0, 0, 0, 44))
>>> day.expected, day.worst.value, day.mark
(48, 'missing', 'm')
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from ledger.primitives.periods import load_zone, of_local_day
from meters.readings import Channel, Quality, Slot
from meters.versions import Stored

Key = tuple[str, Channel, int]
"""Meter, channel and half-hour."""


class State(StrEnum):
    """What is said of a half-hour, the weightiest first."""

    MISSING = "missing"  # no reading and no estimate
    SUSPECT = "suspect"  # a check doubts it
    ESTIMATED = "estimated"  # by the meter's company or by us
    EDITED = "edited"  # by two operators
    LATE = "late"  # it came after the day's first posting run was due
    COMPLETE = "complete"  # an actual reading, in time

    @property
    def letter(self) -> str:
        """Its mark in maps and tables, unique."""
        return _LETTERS[self]

    @property
    def number(self) -> int:
        """Its place among the states, from 0."""
        return _NUMBERS[self]


_LETTERS = dict(zip(State, "msedl.", strict=True))
_NUMBERS = {state: number for number, state in enumerate(State)}

MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
"""In English, whatever language the machine speaks."""

NOT_EXPECTED = " "
"""The mark of a day in which no reading is expected."""


class DayCover(NamedTuple):
    """A local day of one channel: half-hours by state, in the states' order."""

    counts: tuple[int, ...]

    @property
    def expected(self) -> int:
        """Half-hours in which a reading is expected: 0 to 50."""
        return sum(self.counts)

    @property
    def worst(self) -> State:
        """The weightiest state that any half-hour has."""
        return next(
            (state for state, count in zip(State, self.counts, strict=True) if count),
            State.COMPLETE,
        )

    @property
    def is_heavy(self) -> bool:
        """Whether half of the day or more is in the worst state."""
        return 2 * self.counts[self.worst.number] >= self.expected > 0

    @property
    def mark(self) -> str:
        """One letter: that of the worst state, a capital where it is half of the day or more."""
        if not self.expected:
            return NOT_EXPECTED
        return self.worst.letter.upper() if self.is_heavy else self.worst.letter


class ChannelCover(NamedTuple):
    """A meter's channel, day by day."""

    meter: str
    channel: Channel
    days: tuple[DayCover, ...]

    @property
    def totals(self) -> tuple[int, ...]:
        """Half-hours by state."""
        return summed(day.counts for day in self.days)


@dataclass(frozen=True, slots=True)
class Coverage:
    """A report over some local days.

    Attributes:
        community: its name.
        zone: of its local days.
        first: the first day.
        rows: a channel each, by name; as many days each.
    """

    community: str
    zone: str
    first: date
    rows: tuple[ChannelCover, ...]

    @property
    def dates(self) -> list[date]:
        """The local days, in order."""
        count = len(self.rows[0].days) if self.rows else 0
        return [self.first + timedelta(days=index) for index in range(count)]

    @property
    def totals(self) -> tuple[int, ...]:
        """Half-hours by state."""
        return summed(row.totals for row in self.rows)

    def months(self) -> Iterator[tuple[date, slice]]:
        """Yield the first day of each month, and which of the days are the month's."""
        dates = self.dates
        start = 0
        for stop in range(1, len(dates) + 1):
            if stop == len(dates) or dates[stop].month != dates[start].month:
                yield dates[start].replace(day=1), slice(start, stop)
                start = stop

    def as_json(self) -> dict[str, Any]:
        """Return the report as ``--json`` prints it."""
        dates = [day.isoformat() for day in self.dates]
        return {
            "community": self.community,
            "zone": self.zone,
            "first": dates[0] if dates else None,
            "last": dates[-1] if dates else None,
            "verdict": verdict(self),
            "half_hours": by_name(self.totals),
            "channels": [
                {
                    "meter": row.meter,
                    "channel": row.channel.value,
                    "half_hours": by_name(row.totals),
                    "days": [
                        {"day": day, **by_name(cover.counts)}
                        for day, cover in zip(dates, row.days, strict=True)
                    ],
                }
                for row in self.rows
            ],
        }


def cover(
    community: str,
    zone: str,
    days: Sequence[date],
    expected: Mapping[Slot, range],
    known: Mapping[Key, Stored],
    *,
    received_ms: Mapping[int, int] | None = None,
    due_ms: Mapping[date, int] | None = None,
    suspects: Mapping[Slot, AbstractSet[int]] | None = None,
) -> Coverage:
    """Return the report.

    Args:
        community: its name.
        zone: of its local days.
        days: consecutive local days.
        expected: the channels, and the half-hours in which each should have readings: since its
            member joined, and not after now.
        known: the version that counts of each reading.
        received_ms: by log position, when it came; nothing that is left out is late.
        due_ms: by day, when its first posting run was due.
        suspects: half-hours that a check doubts.
    """
    arrivals, due, doubted = received_ms or {}, due_ms or {}, suspects or {}
    local = [(day, of_local_day(day, load_zone(zone))) for day in days]
    rows = []
    for (meter, channel), wanted in sorted(expected.items()):
        doubts = doubted.get((meter, channel), frozenset())
        covers = []
        for day, periods in local:
            counts = [0] * len(State)
            for period in range(max(periods.start, wanted.start), min(periods.stop, wanted.stop)):
                item = known.get((meter, channel, period))
                state = _state(item, arrivals, due.get(day))
                is_suspect = item is not None and period in doubts
                counts[(State.SUSPECT if is_suspect else state).number] += 1
            covers.append(DayCover(tuple(counts)))
        rows.append(ChannelCover(meter, channel, tuple(covers)))
    first = days[0] if days else date.min
    return Coverage(community, zone, first, tuple(rows))


def _state(item: Stored | None, arrivals: Mapping[int, int], due_ms: int | None) -> State:
    if item is None:
        return State.MISSING
    if item.quality > Quality.ACTUAL.rank:
        return State.ESTIMATED
    if item.quality == Quality.EDITED.rank:
        return State.EDITED
    if due_ms is not None and arrivals.get(item.position, due_ms) > due_ms:
        return State.LATE
    return State.COMPLETE


def month_of(first: date) -> str:
    """Return a month's name.

    >>> month_of(date(2026, 6, 1))
    'June 2026'
    """
    return f"{MONTHS[first.month - 1]} {first.year}"


def verdict(report: Coverage) -> str:
    """Return the report in one line.

    >>> verdict(Coverage("Riverside", "UTC", date(2026, 6, 1), ()))
    'No reading is expected.'
    """
    totals = report.totals
    whole, complete = sum(totals), totals[State.COMPLETE.number]
    if not whole:
        return "No reading is expected."
    if complete == whole:
        return f"All {whole:,} half-hours have an actual reading that came in time."
    others = ", ".join(said(totals, complete=False))
    worst = min(report.rows, key=lambda row: tuple(-count for count in row.totals))
    most = said(worst.totals, complete=False)[0]
    return (
        f"{percent(complete, whole)} of {whole:,} half-hours are complete; {others}."
        f" Look first at {worst.meter} {worst.channel.value}: {most}."
    )


def said(counts: Sequence[int], *, complete: bool = True) -> list[str]:
    """Return the counts that are not 0 in words, the weightiest state first."""
    return [
        f"{count:,} {state.value}"
        for state, count in zip(State, counts, strict=True)
        if count and (complete or state is not State.COMPLETE)
    ]


def percent(part: int, whole: int) -> str:
    """Write a share in per cent, to a tenth, rounded down: 100 % is all.

    >>> percent(999_999, 1_000_000)
    '99.9 %'
    """
    tenths = 1000 * part // whole if whole else 0
    return f"{tenths // 10}.{tenths % 10} %"


def by_name(counts: Sequence[int]) -> dict[str, int]:
    """Return counts by the states' names."""
    return {state.value: count for state, count in zip(State, counts, strict=True)}


def summed(counts: Iterable[Sequence[int]]) -> tuple[int, ...]:
    """Return the sums, state by state."""
    total = [0] * len(State)
    for one in counts:
        for number, count in enumerate(one):
            total[number] += count
    return tuple(total)
