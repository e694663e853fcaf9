"""Which version of a reading counts: pure, and the same for the store and the audit.

>>> better(Stored(5, 0, 2, 0), Stored(6, 1, 3, 0))  # an actual beats a later estimate
True
"""

from typing import NamedTuple

from meters.readings import Channel, Quality

OWN_ESTIMATE = Quality.SCALED.rank
"""Rank of the first of our own estimates."""


class Stored(NamedTuple):
    """A version in the store: value, quality's rank, version, position of its batch."""

    wh: int
    quality: int
    version: int
    position: int


def better(one: Stored, other: Stored) -> bool:
    """Return whether a version counts before another: best quality, then the later version."""
    return (tier(one.quality), -one.version) < (tier(other.quality), -other.version)


def payable(channel: Channel, rank: int, wh: int, *, final: bool = False) -> int:
    """Return the Wh of a reading that count in a run.

    Before the run that closes the day, an export that we only estimated is none: else silence
    would pay.
    """
    early = channel is Channel.EXPORT and rank >= OWN_ESTIMATE and not final
    return 0 if early else wh


def tier(rank: int) -> int:
    """Return the rank by which a quality counts: all our own estimates are alike.

    Each was made by the best method that there was when it was made, so of them the later counts.

    >>> [tier(rank) for rank in range(8)]
    [0, 1, 2, 3, 3, 3, 3, 3]
    """
    return min(rank, OWN_ESTIMATE)
