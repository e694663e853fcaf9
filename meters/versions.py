"""Which version of a reading counts: pure, and the same for the store and the audit.

>>> better(Stored(5, 0, 2, 0), Stored(6, 1, 3, 0))  # an actual beats a later estimate
True
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stored:
    """A version in the store: value, quality's rank, version, position of its batch."""

    wh: int
    quality: int
    version: int
    position: int


def better(one: Stored, other: Stored) -> bool:
    """Return whether a version counts before another: best quality, then the later version."""
    return (one.quality, -one.version) < (other.quality, -other.version)
