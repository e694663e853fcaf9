r"""Formats: bytes of a file in, readings and refused rows out; pure, and one file each.

A reader is a generator: it holds a few rows at a time and can read any binary stream.
`InputError` may come in the middle of a file, when the rest of it cannot be read at all;
whoever takes readings out of a file must take all of them or none.

>>> import io
>>> rows = b"meter,channel,start,wh\nh1,import,2026-06-15T12:30Z,412\nh1,import,noon,9\n"
>>> for item in find_format("csv").read(io.BytesIO(rows), ReadOptions()):
...     print(item)
Reading(meter='h1', channel=<Channel.IMPORT: 'import'>, period=989737, wh=412, quality=<Quality.ACTUAL: 'actual'>)
Refusal(line=3, reason="'noon' is not a time; write it as 2026-06-15T12:30Z")
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from ledger.errors import InputError
from meters.formats.lines import ReadOptions
from meters.formats.nem12 import read_nem12
from meters.formats.plain_csv import read_plain_csv
from meters.formats.wide_csv import read_wide_csv
from meters.readings import Reading, Refusal

__all__ = ["FORMATS", "Format", "ReadOptions", "find_format"]


@dataclass(frozen=True)
class Format:
    """A kind of file this project reads.

    Attributes:
        name: what an operator types.
        title: what it is, in a line.
        read: the reader; raises `InputError` for a file that cannot be read at all.
        page: its page, from the top of the repository.
    """

    name: str
    title: str
    read: Callable[[BinaryIO, ReadOptions], Iterator[Reading | Refusal]]
    page: str


FORMATS: dict[str, Format] = {
    entry.name: entry
    for entry in (
        Format(
            "csv",
            "plain CSV: one reading a row",
            read_plain_csv,
            "docs/formats/csv.md",
        ),
        Format(
            "wide-csv",
            "wide CSV: one half-hour a row, one register a column",
            read_wide_csv,
            "docs/formats/wide-csv.md",
        ),
        Format(
            "nem12",
            "NEM12: interval meter data of the Australian market",
            read_nem12,
            "docs/formats/nem12.md",
        ),
    )
}
"""Every format, by name."""


def find_format(name: str) -> Format:
    """Return the format of that name.

    Raises:
        InputError: no such format; lists the known names.
    """
    try:
        return FORMATS[name]
    except KeyError:
        raise InputError(
            f"{name!r} is not a format; use one of: {', '.join(sorted(FORMATS))}"
        ) from None
