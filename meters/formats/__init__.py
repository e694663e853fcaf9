r"""Formats: bytes of a file in, readings and refused rows out; pure, and one file each.

A reader is a generator: it holds a few rows at a time and can read any binary stream.
`InputError` may come in the middle of a file, when the rest of it cannot be read at all;
whoever takes readings out of a file must take all of them or none.

>>> import io
>>> rows = b"meter,channel,start,wh\nh1,import,2026-06-15T12:30Z,412\nh1,import,noon,9\n"
>>> for item in find_format("csv").read(io.BytesIO(rows), ReadOptions()):
...     print(item)
Block(meter='h1', channel=<Channel.IMPORT: 'import'>, first=989737, wh=(412,), quality='A', place=Place(line=2, offset=23, length=32))
Refusal(line=3, reason="'noon' is not a time; write it as 2026-06-15T12:30Z")
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from ledger.errors import InputError
from meters.formats.d0036 import looks_like_d0036, read_d0036
from meters.formats.d0379 import looks_like_d0379, read_d0379
from meters.formats.datadis import looks_like_datadis, read_datadis
from meters.formats.dsmr_p1 import looks_like_dsmr_p1, read_dsmr_p1
from meters.formats.eda import looks_like_eda, read_eda
from meters.formats.enedis import looks_like_enedis, read_enedis
from meters.formats.energinet import looks_like_energinet, read_energinet
from meters.formats.glow import looks_like_glow, read_glow
from meters.formats.greenbutton import looks_like_greenbutton, read_greenbutton
from meters.formats.lines import ReadOptions, excerpt, first_line
from meters.formats.n3rgy import looks_like_n3rgy, read_n3rgy
from meters.formats.nem12 import looks_like_nem12, read_nem12
from meters.formats.nem13 import looks_like_nem13, read_nem13
from meters.formats.octopus_csv import looks_like_octopus_csv, read_octopus_csv
from meters.formats.octopus_json import looks_like_octopus_json, read_octopus_json
from meters.formats.plain_csv import looks_like_plain_csv, read_plain_csv
from meters.formats.signed_batches import looks_like_signed_batches, read_signed_batches
from meters.formats.wide_csv import looks_like_wide_csv, read_wide_csv
from meters.readings import Item

__all__ = ["AUTO", "FORMATS", "HEAD_BYTES", "Format", "ReadOptions", "find_format", "recognise"]

AUTO = "auto"
"""What an operator types for a file to be recognised by its content."""

WORKBOOK = "an Excel or OpenDocument workbook: save the sheet as CSV"

NOT_METER_FILES = (
    (b"%PDF", "a PDF: ask for the data itself, as CSV"),
    (b"\x89PNG", "a picture: ask for the data itself, as CSV"),
    (b"\xff\xd8\xff", "a picture: ask for the data itself, as CSV"),
    (b"\x1f\x8b", "compressed with gzip: unpack it first"),
    (b"PK\x03\x04", WORKBOOK),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook: save the sheet as CSV"),
    (b"\xff\xfe", "UTF-16 text: save it as UTF-8"),
    (b"\xfe\xff", "UTF-16 text: save it as UTF-8"),
)
"""How files begin that are met by mistake, and what to do."""

HEAD_BYTES = 65_536
"""How much of a file is looked at to recognise it."""


@dataclass(frozen=True)
class Format:
    """A kind of file this project reads.

    Attributes:
        name: what an operator types.
        title: what it is, in a line.
        read: the reader; raises `InputError` for a file that cannot be read at all.
        page: its page, from the top of the repository.
        looks_like: whether a file that begins with these bytes (the first `HEAD_BYTES`, or all
            of a shorter file) is of this format: by its own marks, never by elimination.
    """

    name: str
    title: str
    read: Callable[[BinaryIO, ReadOptions], Iterator[Item]]
    page: str
    looks_like: Callable[[bytes], bool]


FORMATS: dict[str, Format] = {
    entry.name: entry
    for entry in (
        Format(
            "batch",
            "signed batches of readings, as adapters deliver them",
            read_signed_batches,
            "docs/formats/batch.md",
            looks_like_signed_batches,
        ),
        Format(
            "csv",
            "plain CSV: one reading a row",
            read_plain_csv,
            "docs/formats/csv.md",
            looks_like_plain_csv,
        ),
        Format(
            "wide-csv",
            "wide CSV: one half-hour a row, one register a column",
            read_wide_csv,
            "docs/formats/wide-csv.md",
            looks_like_wide_csv,
        ),
        Format(
            "nem12",
            "NEM12: interval meter data of the Australian market",
            read_nem12,
            "docs/formats/nem12.md",
            looks_like_nem12,
        ),
        Format(
            "octopus-json",
            "Octopus Energy: a page of consumption from their API",
            read_octopus_json,
            "docs/formats/octopus-json.md",
            looks_like_octopus_json,
        ),
        Format(
            "octopus-csv",
            "Octopus Energy: consumption as customers download it",
            read_octopus_csv,
            "docs/formats/octopus-csv.md",
            looks_like_octopus_csv,
        ),
        Format(
            "n3rgy",
            "n3rgy: half-hours of British smart meters, versions 1 and 2 of the API",
            read_n3rgy,
            "docs/formats/n3rgy.md",
            looks_like_n3rgy,
        ),
        Format(
            "enedis",
            "Enedis: load curves of French meters, as average power",
            read_enedis,
            "docs/formats/enedis.md",
            looks_like_enedis,
        ),
        Format(
            "datadis",
            "Datadis: hours or quarter-hours of Spanish meters, CSV or JSON",
            read_datadis,
            "docs/formats/datadis.md",
            looks_like_datadis,
        ),
        Format(
            "energinet",
            "Energinet: time series of Danish meters",
            read_energinet,
            "docs/formats/energinet.md",
            looks_like_energinet,
        ),
        Format(
            "nem13",
            "NEM13: register reads of the Australian market",
            read_nem13,
            "docs/formats/nem13.md",
            looks_like_nem13,
        ),
        Format(
            "d0036",
            "D0036: half-hourly advances of UK meters, to a tenth of a kWh",
            read_d0036,
            "docs/formats/d0036.md",
            looks_like_d0036,
        ),
        Format(
            "d0379",
            "D0379: half-hourly advances of UK meters, to a Wh",
            read_d0379,
            "docs/formats/d0036.md",
            looks_like_d0379,
        ),
        Format(
            "greenbutton",
            "Green Button: energy usage as an Atom feed of NAESB's ESPI",
            read_greenbutton,
            "docs/formats/greenbutton.md",
            looks_like_greenbutton,
        ),
        Format(
            "eda",
            "EDA: consumption records of the Austrian market",
            read_eda,
            "docs/formats/eda.md",
            looks_like_eda,
        ),
        Format(
            "dsmr-p1",
            "DSMR P1: telegrams of the customer port of Dutch and Belgian meters",
            read_dsmr_p1,
            "docs/formats/dsmr-p1.md",
            looks_like_dsmr_p1,
        ),
        Format(
            "glow",
            "Hildebrand Glow: MQTT payloads of a UK in-home display",
            read_glow,
            "docs/formats/glow.md",
            looks_like_glow,
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


def recognise(head: bytes) -> Format:
    """Return the format of a file by how it begins.

    Args:
        head: its first `HEAD_BYTES`, or all of it.

    Raises:
        InputError: no format fits, or several do; says which.
    """
    if not head.strip():
        raise InputError("the file is empty")
    fitting = [known for known in FORMATS.values() if known.looks_like(head)]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        names = " and ".join(known.name for known in fitting)
        raise InputError(f"the file could be {names}; say which with --format")
    for mark, kind in NOT_METER_FILES:
        if head.startswith(mark) and (kind != WORKBOOK or b"[Content_Types].xml" in head):
            raise InputError(f"the file is {kind}")
    if {"meter", "mpan", "kwh", "wh", "consumption", "channel"} & set(
        re.split(r"[^a-z]+", first_line(head).lower())
    ):
        raise InputError(
            "the file's first line is no heading that is known; plain CSV's is like"
            " meter,channel,start,wh (docs/formats/csv.md)"
        )
    first = excerpt(head[:200].decode("utf-8", "replace").lstrip("\ufeff \r\n").split("\n")[0])
    raise InputError(
        f"the file begins with {first}, which no format begins with; see 'commonwatt meters"
        f" formats', and say which it is with --format"
    )
