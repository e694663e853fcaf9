"""Ids: 128 bits, time-ordered, made by the client, written as 32 hexadecimal digits.

The layout is UUID version 7's (RFC 9562): 48 bits of Unix milliseconds, then random bits
around the version and variant marks, so that ids sort by the time they were made.

>>> make = IdMaker(now_ms=lambda: 1_781_500_000_000, random_bytes=lambda n: bytes(n))
>>> make()
'019ec9acb70070008000000000000000'
"""

import re
import secrets
from collections.abc import Callable

from ledger.errors import InputError
from ledger.primitives.hashing import tagged_hash

ID_BYTES = 16

VERSION_AT, VARIANT_AT = 12, 16
"""Where an id's text has its version and its variant."""

_ID_TEXT = re.compile(r"[0-9a-f]{32}")


class IdMaker:
    """Makes time-ordered ids from a clock and a source of random bytes."""

    def __init__(
        self,
        now_ms: Callable[[], int],
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._now_ms = now_ms
        self._random_bytes = random_bytes

    def __call__(self) -> str:
        """Return a new id."""
        value = bytearray(self._now_ms().to_bytes(6) + self._random_bytes(10))
        value[6] = 0x70 | value[6] & 0x0F
        value[8] = 0x80 | value[8] & 0x3F
        return value.hex()


def derived_id(kind: str, *parts: str | int) -> str:
    """Return the id of something that follows from other things, the same on every run.

    A crashed step that is started again makes the same ids, so nothing is written twice. The layout is
    UUID version 8's, so that nobody takes such an id beforehand: what others make is not of this
    version.
    """
    text = "\x00".join(str(part) for part in parts)
    value = bytearray(tagged_hash(f"commonwatt/id/{kind}/v1", text.encode())[:ID_BYTES])
    value[6] = 0x80 | value[6] & 0x0F
    value[8] = 0x80 | value[8] & 0x3F
    return value.hex()


def is_derived(text: str) -> bool:
    """Return whether an id follows from other things, by its version.

    >>> is_derived(derived_id("run", 1)), is_derived("019ec9acb70070008000000000000000")
    (True, False)
    """
    return text[VERSION_AT] == "8" and text[VARIANT_AT] in "89ab"


def check_id(text: str) -> str:
    """Return ``text`` if it is an id.

    Raises:
        InputError: not 32 lower-case hexadecimal digits.
    """
    if _ID_TEXT.fullmatch(text) is None:
        raise InputError(f"{text!r} is not an id of 32 hexadecimal digits")
    return text
