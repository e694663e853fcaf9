"""What every adapter yields: readings, and rows refused with a reason.

>>> Reading("h1", Channel.IMPORT, 989737, 412, Quality.ACTUAL).as_json()["start"]
'2026-06-15T12:30:00Z'
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ledger.primitives.periods import start_text


class Channel(StrEnum):
    """Which way energy flowed through the meter, seen from the home."""

    IMPORT = "import"
    EXPORT = "export"


class Quality(StrEnum):
    """How a value came to be, best first. `letter` is its one-letter form in batches."""

    ACTUAL = "actual"
    ESTIMATED = "estimated"  # the meter company's own estimate or substitute
    SCALED = "scaled"  # shaped to a register's advance
    LIKE_DAY = "like-day"
    INTERPOLATED = "interpolated"
    PROFILE = "profile"
    ZERO = "zero"

    @property
    def letter(self) -> str:
        """One letter, unique."""
        return _LETTERS[self]

    @property
    def rank(self) -> int:
        """0 is best."""
        return _RANKS[self]

    @classmethod
    def from_letter(cls, letter: str) -> "Quality":
        """Return the quality of a letter.

        Raises:
            KeyError: no such letter.
        """
        return _BY_LETTER[letter]


_LETTERS = dict(zip(Quality, "AESLIPZ", strict=True))
_BY_LETTER = {letter: quality for quality, letter in _LETTERS.items()}
_RANKS = {quality: rank for rank, quality in enumerate(Quality)}


@dataclass(frozen=True, slots=True)
class Reading:
    """Energy through one channel of one meter in one half-hour, in whole Wh."""

    meter: str
    channel: Channel
    period: int
    wh: int
    quality: Quality

    def as_json(self) -> dict[str, Any]:
        """Return the reading as ``commonwatt meters read`` prints it."""
        return {
            "meter": self.meter,
            "channel": self.channel.value,
            "period": self.period,
            "start": start_text(self.period),
            "wh": self.wh,
            "quality": self.quality.value,
        }


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row or day that an adapter refused: nothing of it was taken."""

    line: int
    reason: str

    def as_json(self) -> dict[str, Any]:
        """Return the refusal as ``commonwatt meters read`` prints it."""
        return {"line": self.line, "refused": self.reason}
