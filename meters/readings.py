"""What every adapter yields: blocks of readings, register reads, and what it refused and why.

Each says where it stands in the file: its line, and the bytes of the row, record or element that
it was read from. So a stored reading can be traced to the byte.

>>> block = Block("h1", Channel.IMPORT, 989737, (412, 380), "AE", Place(2, 22, 31))
>>> [reading.as_json()["start"] for reading in block.readings()]
['2026-06-15T12:30:00Z', '2026-06-15T13:00:00Z']
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from ledger.primitives.periods import start_text, utc_text


class Channel(StrEnum):
    """Which way energy flowed through the meter, seen from the home."""

    IMPORT = "import"
    EXPORT = "export"


Slot = tuple[str, Channel]
"""A meter and one of its channels."""


class Quality(StrEnum):
    """How a value came to be, best first. `letter` is its one-letter form in batches."""

    EDITED = "edited"  # by two operators, in a statement of its own
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


ACTUAL = "A"
"""The letter of a reading as the meter gave it."""

ESTIMATED = "E"
"""The letter of a meter company's own estimate."""

_LETTERS = dict(zip(Quality, "DAESLIPZ", strict=True))
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


class Place(NamedTuple):
    """Where something stands in a file.

    Attributes:
        line: its first line, from 1.
        offset: its first byte, from 0.
        length: its bytes.
    """

    line: int
    offset: int
    length: int


NO_PLACE = Place(0, 0, 0)
"""The place of what is from no file."""


class Block(NamedTuple):
    """Consecutive half-hours of one meter's channel, as one place of a file gives them.

    Attributes:
        meter: as the file names it.
        channel: which way the energy flowed.
        first: the first half-hour.
        wh: energy of each half-hour, whole Wh from 0.
        quality: as many letters (`Quality.letter`).
        place: the row, record or element they were read from.
    """

    meter: str
    channel: Channel
    first: int
    wh: Sequence[int]
    quality: str
    place: Place

    def readings(self) -> Iterator[Reading]:
        """Yield the readings one by one."""
        for period, (wh, letter) in enumerate(
            zip(self.wh, self.quality, strict=True), start=self.first
        ):
            yield Reading(self.meter, self.channel, period, wh, _BY_LETTER[letter])


class RegisterRead(NamedTuple):
    """What a meter's running total showed at one instant.

    Attributes:
        meter: as the file names it.
        channel: which way the energy flowed.
        at: seconds since the Unix epoch.
        wh: the total, whole Wh from 0.
        place: where it was read.
    """

    meter: str
    channel: Channel
    at: int
    wh: int
    place: Place

    def as_json(self) -> dict[str, Any]:
        """Return the read as ``commonwatt meters read`` prints it."""
        return {
            "meter": self.meter,
            "channel": self.channel.value,
            "at": utc_text(self.at),
            "register_wh": self.wh,
        }


class Advance(NamedTuple):
    """Energy between two reads of a register, whose half-hours are not known.

    Attributes:
        meter: as the file names it.
        channel: which way the energy flowed.
        begin: seconds since the Unix epoch.
        end: seconds since the Unix epoch, after `begin`.
        wh: energy in between, whole Wh from 0.
        quality: how the later read came to be.
        place: where it was read.
    """

    meter: str
    channel: Channel
    begin: int
    end: int
    wh: int
    quality: Quality
    place: Place

    def as_json(self) -> dict[str, Any]:
        """Return the advance as ``commonwatt meters read`` prints it."""
        return {
            "meter": self.meter,
            "channel": self.channel.value,
            "begin": utc_text(self.begin),
            "end": utc_text(self.end),
            "advance_wh": self.wh,
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


Item = Block | RegisterRead | Advance | Refusal
"""What adapters yield."""
