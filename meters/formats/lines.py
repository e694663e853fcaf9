r"""What the formats share: options, numbered lines within limits, and meter names.

>>> import io
>>> for line in numbered_lines(io.BytesIO(b"\xef\xbb\xbfa,b\r\n\n1,2"), 80):
...     print(line.text, line.place)
a,b Place(line=1, offset=0, length=8)
 Place(line=2, offset=8, length=1)
1,2 Place(line=3, offset=9, length=3)
"""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Literal, NamedTuple

from ledger.errors import InputError
from meters.readings import Channel, Place

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
        meter: the meter's name, where the file names none.
        channel: which way the energy flowed, where the file does not say.
        split: whether intervals of an hour may be split into two equal half-hours, which are
            marked as interpolated.
    """

    zone: str | None = None
    label: Literal["start", "end"] | None = None
    meter: str | None = None
    channel: Channel | None = None
    split: bool = False

    def slot(self) -> tuple[str, Channel]:
        """Return the declared meter and channel.

        Raises:
            InputError: one of them was not declared.
        """
        if self.meter is None or self.channel is None:
            raise InputError(
                "the file does not name its meter or channel; declare them, as in"
                " --meter 1200012345678 --channel import"
            )
        return check_meter(self.meter), self.channel


class Line(NamedTuple):
    """A line of a file, without its ending or a byte order mark, and where it stands."""

    number: int
    text: str
    offset: int
    length: int

    @property
    def place(self) -> Place:
        """Where the line stands, with its ending."""
        return Place(self.number, self.offset, self.length)


def numbered_lines(stream: BinaryIO, bytes_max: int) -> Iterator[Line]:
    """Yield each line, numbered from 1.

    Args:
        stream: bytes; lines end with LF or CR LF.
        bytes_max: longest line taken, with its ending.

    Raises:
        InputError: a line is too long or not UTF-8, or there are too many.
    """
    number = offset = 0
    while raw := stream.readline(bytes_max + 1):
        number += 1
        length = len(raw)
        if length > bytes_max:
            raise InputError(
                f"line {number} is longer than {bytes_max:,} bytes; is this a text file"
                " with one row a line?"
            )
        if number > LINES_MAX:
            raise InputError(f"the file has more than {LINES_MAX:,} lines; split it")
        if number == 1:
            raw = raw.removeprefix(_BYTE_ORDER_MARK)
        try:
            yield Line(number, raw.decode().rstrip("\r\n"), offset, length)
        except UnicodeDecodeError as error:
            raise InputError(
                f"line {number} is not UTF-8 (byte {error.start + 1}); save the file as UTF-8"
            ) from error
        offset += length


def first_line(head: bytes) -> str:
    r"""Return the first line that is not blank, lenient: for recognising a file.

    >>> first_line(b"\xef\xbb\xbf\r\n 100,NEM12\r\n")
    '100,NEM12'
    """
    text = head.removeprefix(_BYTE_ORDER_MARK).decode("utf-8", "replace").strip()
    return text.splitlines()[0].strip() if text else ""


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
