"""What a check says: a code, the half-hours it is about, and one sentence for the operator.

>>> found = finding(Code.SPIKE, ("h1", Channel.IMPORT), 989737, 1, "9,000 Wh after 300 Wh.")
>>> found.severity, found.as_json()["start"]
(<Severity.SUSPECT: 'suspect'>, '2026-06-15T12:30:00Z')
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ledger.primitives.periods import start_text
from meters.readings import Channel, Slot


class Severity(StrEnum):
    """What a finding does to its readings, in order of precedence."""

    REFUSED = "refused"  # it is not stored: the half-hour is a gap
    SUSPECT = "suspect"  # it counts, is shown, and nothing is estimated from it
    NOTE = "note"  # it is shown

    @property
    def rank(self) -> int:
        """0 weighs most."""
        return _RANKS[self]


_RANKS = {severity: rank for rank, severity in enumerate(Severity)}


class Code(StrEnum):
    """Every rule's code, in the order in which rules are listed."""

    NEGATIVE = "negative"
    SENTINEL = "sentinel"
    CAPACITY = "capacity"
    SPIKE = "spike"
    STUCK = "stuck"
    REGISTER = "register"
    NIGHT = "night"
    ABOVE_GENERATION = "above-generation"
    CLOCK_SKEW = "clock-skew"
    GRID = "grid"
    REVISION = "revision"
    LATE = "late"
    ESTIMATED_SHARE = "estimated-share"
    PROLONGED_ESTIMATE = "prolonged-estimate"

    @property
    def severity(self) -> Severity:
        """How much a finding of this rule weighs."""
        return _SEVERITIES[self]


_ORDER = {code: number for number, code in enumerate(Code)}
_REFUSED = (Code.NEGATIVE, Code.SENTINEL, Code.CAPACITY)
_NOTES = (Code.GRID, Code.REVISION, Code.LATE, Code.ESTIMATED_SHARE, Code.PROLONGED_ESTIMATE)
_SEVERITIES = (
    dict.fromkeys(Code, Severity.SUSPECT)
    | dict.fromkeys(_REFUSED, Severity.REFUSED)
    | dict.fromkeys(_NOTES, Severity.NOTE)
)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule found.

    Attributes:
        code: of the rule.
        severity: the rule's.
        meter: as its readings name it.
        channel: which way the energy flowed.
        first: the first half-hour that it is about.
        count: how many half-hours, consecutive.
        text: one sentence for the operator, with the figures.
    """

    code: Code
    severity: Severity
    meter: str
    channel: Channel
    first: int
    count: int
    text: str

    @property
    def periods(self) -> range:
        """The half-hours that it is about."""
        return range(self.first, self.first + self.count)

    def as_json(self) -> dict[str, Any]:
        """Return the finding as commands print it."""
        return {
            "code": self.code.value,
            "severity": self.severity.value,
            "meter": self.meter,
            "channel": self.channel.value,
            "first": self.first,
            "start": start_text(self.first),
            "count": self.count,
            "text": self.text,
        }


def finding(code: Code, slot: Slot, first: int, count: int, text: str) -> Finding:
    """Return a finding with its rule's severity."""
    return Finding(code, code.severity, slot[0], slot[1], first, count, text)


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings by rule, and so by severity; then by meter, channel and time."""
    return sorted(
        findings,
        key=lambda found: (_ORDER[found.code], found.meter, found.channel, found.first),
    )


def suspect_periods(findings: Iterable[Finding]) -> dict[Slot, set[int]]:
    """Return the half-hours whose readings are suspect, by meter and channel."""
    suspects: dict[Slot, set[int]] = {}
    for found in findings:
        if found.severity is Severity.SUSPECT:
            suspects.setdefault((found.meter, found.channel), set()).update(found.periods)
    return suspects


def half_hours(count: int) -> str:
    """Return a number of half-hours in words.

    >>> half_hours(1), half_hours(1_500)
    ('1 half-hour', '1,500 half-hours')
    """
    return f"{count:,} half-hour{'' if count == 1 else 's'}"


def stretches(periods: Iterable[int]) -> Iterator[range]:
    """Yield half-hours, given in any order, as consecutive stretches in order of time.

    >>> list(stretches([7, 3, 4]))
    [range(3, 5), range(7, 8)]
    """
    begin = end = None
    for period in sorted(set(periods)):
        if begin is None or end is None or period != end:
            if begin is not None and end is not None:
                yield range(begin, end)
            begin = period
        end = period + 1
    if begin is not None and end is not None:
        yield range(begin, end)
