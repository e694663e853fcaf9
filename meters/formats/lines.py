r"""What the formats share: options, numbered lines within limits, and meter names.

>>> import io
>>> list(numbered_lines(io.BytesIO(b"\xef\xbb\xbfa,b\r\n\n1,2"), 80))
[(1, 'a,b'), (2, ''), (3, '1,2')]
"""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Literal

from ledger.errors import InputError

LINES_MAX = 200_000_000
"""Most lines of a file: three years of half-hours of two channels for 1,900 meters. Line
numbers must stay below 2^30, which `plain_csv` relies on."""

METER_CHARACTERS_MAX = 64
"""Longest meter name: the longest in use is a German one of 33 characters."""

EXCERPT_CHARACTERS_MAX = 40
"""Longest part of a file that an error repeats."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class ReadOptions:
    """What a file does not say itself, declared by whoever imports it.

    Attributes:
        zone: the tz database name of the clock that times without an offset are of.
        label: whether a time is its half-hour's start or end.
    """

    zone: str | None = None
    label: Literal["start", "end"] | None = None


def numbered_lines(stream: BinaryIO, bytes_max: int) -> Iterator[tuple[int, str]]:
    """Yield each line with its number from 1, without its ending or a byte order mark.

    Args:
        stream: bytes; lines end with LF or CR LF.
        bytes_max: longest line taken, with its ending.

    Raises:
        InputError: a line is too long or not UTF-8, or there are too many.
    """
    number = 0
    while raw := stream.readline(bytes_max + 1):
        number += 1
        if len(raw) > bytes_max:
            raise InputError(
                f"line {number} is longer than {bytes_max:,} bytes; is this a text file"
                " with one row a line?"
            )
        if number > LINES_MAX:
            raise InputError(f"the file has more than {LINES_MAX:,} lines; split it")
        if number == 1:
            raw = raw.removeprefix(_BYTE_ORDER_MARK)
        try:
            yield number, raw.decode().rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise InputError(
                f"line {number} is not UTF-8 (byte {error.start + 1}); save the file as UTF-8"
            ) from error


def excerpt(text: str) -> str:
    """Return outside text quoted for an error, cut where it is long.

    >>> excerpt("x" * 50)
    "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…'"
    """
    if len(text) > EXCERPT_CHARACTERS_MAX:
        text = text[:EXCERPT_CHARACTERS_MAX] + "…"
    return repr(text)


def check_meter(name: str) -> str:
    """Return a meter's name as outside systems write it.

    Raises:
        InputError: empty, too long, or with characters that cannot be shown or signed.
    """
    if not 1 <= len(name) <= METER_CHARACTERS_MAX:
        raise InputError(
            f"meter {excerpt(name)} has {len(name)} characters; give 1 to {METER_CHARACTERS_MAX}"
        )
    if not name.isprintable() or not unicodedata.is_normalized("NFC", name):
        raise InputError(
            f"meter {excerpt(name)} has characters that cannot be shown; use plain letters,"
            " digits and signs"
        )
    if name != name.strip():
        raise InputError(f"meter {excerpt(name)} begins or ends with a space; take it out")
    return name
