"""Salts and seeds: random, or for simulations a function of what they are for.

>>> seeded_entropy(b"street")("salt/1", 4).hex()
'da04a379'
"""

import hashlib
import secrets
from collections.abc import Callable

Entropy = Callable[[str, int], bytes]
"""Takes a purpose, unique to its use, and a length; returns that many bytes."""


def system_entropy(_purpose: str, length: int) -> bytes:
    """Return random bytes from the operating system: the only source for real ledgers."""
    return secrets.token_bytes(length)


def seeded_entropy(seed: bytes) -> Entropy:
    """Return a source that gives the same bytes for the same purpose.

    For simulations and tests alone: whoever knows the seed can open every commitment.
    """

    def draw(purpose: str, length: int) -> bytes:
        return hashlib.shake_256(seed + b"\x00" + purpose.encode()).digest(length)

    return draw
