r"""NEM13: register reads of the Australian market, months apart, as advances.

Source: AEMO, Meter Data File Format Specification NEM12 and NEM13. Records are lines: 100
header, 250 two reads of a register and the energy between them, 550 business details, 900 end.
Times are UTC+10 all year, whatever the clocks do. Directions are seen from the grid: E (export
from the grid) is what the home draws, I (import to the grid) is what it feeds in.

>>> import io
>>> record = "250,4001234567,11,1,11,11,M1,E,100,20260401093000,A,,,512,20260701093000,A,,,412,kWh"
>>> text = f"100,NEM13,202607020102,MDP,RET\n{record},20261001,20260702010203,\n900\n"
>>> [advance] = read_nem13(io.BytesIO(text.encode()), ReadOptions())
>>> advance.channel.value, advance.wh, advance.as_json()["begin"]
('import', 412000, '2026-03-31T23:30:00Z')
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import BinaryIO

from ledger.errors import InputError
from meters.formats.advances import KnownAdvances
from meters.formats.half_hours import NANOJOULES_PER_WH, nanojoules
from meters.formats.lines import Line, ReadOptions, excerpt, first_line, numbered_lines
from meters.readings import Advance, Channel, Quality, Refusal

LINE_BYTES_MAX = 4096
"""Longest line: a record needs 250 bytes, and two descriptions of 240 characters."""

ADVANCE_DAYS_MAX = 400
"""Longest advance taken: reads are a month or a quarter apart, at worst a year."""

UTC_AHEAD = timedelta(hours=10)

_FIELDS_MIN, _FIELDS_MAX = 20, 23
_CREATED = re.compile(r"[0-9]{12}([0-9]{2})?")
_NMI = re.compile(r"[0-9A-Za-z]{1,10}")
_SUFFIX = re.compile(r"[0-9A-Z]{2}")
_TIME = re.compile(r"[0-9]{14}")
_QUALITY = re.compile(r"[AN]|[EFS][0-9]{2}")
_OPTIONAL_TIME = re.compile(r"([0-9]{12}([0-9]{2})?)?")
_READ = re.compile(r"[0-9]{1,15}(\.[0-9]{1,9})?")
_DIRECTIONS = {"E": Channel.IMPORT, "I": Channel.EXPORT}
_ENERGY_UNITS = frozenset(("wh", "kwh", "mwh"))
_OTHER_UNITS = frozenset(("varh", "kvarh", "mvarh", "vah", "kvah", "mvah", "kw", "kva", "kvar"))
_FIRST_REGISTERS = frozenset(("11", "E1", "B1"))


def read_nem13(stream: BinaryIO, options: ReadOptions) -> Iterator[Advance | Refusal]:
    """Yield the advances of a NEM13 file, and the records refused.

    Args:
        stream: UTF-8 text.
        options: not used: the format fixes its zone.

    Raises:
        InputError: not UTF-8, not NEM13, a line too long, or too many advances.
    """
    del options
    lines = numbered_lines(stream, LINE_BYTES_MAX)
    last = _read_header(lines)
    known = KnownAdvances()
    for line in lines:
        last = line.number
        cells = [cell.strip() for cell in line.text.split(",")]
        if cells[0] == "900":
            break
        if cells[0] == "250":
            yield from _take(line, cells, known)
        elif line.text.strip() and cells[0] != "550":
            yield Refusal(
                line.number,
                f"{excerpt(cells[0])} is not a NEM13 record (250, 550 or 900); correct the line",
            )
    else:
        yield Refusal(
            last,
            "the file is cut off: its 900 end record is missing, so records may be too; what"
            " came before was read: ask for the whole file",
        )
        return
    after = next((line.number for line in lines if line.text.strip()), None)
    if after is not None:
        yield Refusal(
            after,
            f"stands after the 900 end record of line {last}; nothing from here on was read:"
            " split joined files",
        )


def looks_like_nem13(head: bytes) -> bool:
    """Return whether a file begins with a NEM13 header."""
    return first_line(head).split(",")[:2] == ["100", "NEM13"]


def _read_header(lines: Iterator[Line]) -> int:
    """Check the 100 record, and return its line."""
    header = next((line for line in lines if line.text.strip()), None)
    if header is None:
        raise InputError("the file is empty; a NEM13 file begins with 100,NEM13")
    cells = header.text.split(",")
    if cells[:2] != ["100", "NEM13"]:
        raise InputError(
            f"line {header.number}: a NEM13 file begins with a record 100,NEM13, not"
            f" {excerpt(header.text)}; ask for the file with its header"
        )
    if len(cells) < 5 or _CREATED.fullmatch(cells[2]) is None or any(cells[5:]):  # noqa: PLR2004
        raise InputError(
            f"line {header.number}: the header must be 100,NEM13,<YYYYMMDDhhmm>,<from>,<to>; ask"
            " for the file again"
        )
    return header.number


def _take(line: Line, cells: list[str], known: KnownAdvances) -> Iterator[Advance | Refusal]:
    try:
        advance = _read_advance(line, cells)
    except InputError as error:
        yield Refusal(line.number, str(error))
        return
    if advance is not None and (item := known.take(advance)) is not None:
        yield item


def _read_advance(line: Line, cells: list[str]) -> Advance | None:
    """Read a 250 record; None if it is not about energy.

    Raises:
        InputError: says what is wrong with it.
    """
    if len(cells) < _FIELDS_MIN or any(cells[_FIELDS_MAX:]):
        raise InputError(
            f"a 250 record has {_FIELDS_MAX} fields, this one {len(cells)}; correct the record"
        )
    nmi, suffix, direction = cells[1], cells[4], cells[7]
    if _NMI.fullmatch(nmi) is None:
        raise InputError(f"NMI {excerpt(nmi)} is not up to ten letters and digits")
    if _SUFFIX.fullmatch(suffix) is None:
        raise InputError(f"NMI suffix {excerpt(suffix)} is not two digits or letters, as in 11")
    for text in (cells[8], cells[13]):
        if _READ.fullmatch(text) is None:
            raise InputError(f"register read {excerpt(text)} is not a number from 0")
    begin, end = _instant(cells[9]), _instant(cells[14])
    if not begin < end <= begin + ADVANCE_DAYS_MAX * 86_400:
        raise InputError(
            f"its reads of {cells[9]} and {cells[14]} are not in the order of time and at most"
            f" {ADVANCE_DAYS_MAX} days apart"
        )
    quality = _quality(cells[10], cells[15])
    if any(_OPTIONAL_TIME.fullmatch(cell) is None for cell in cells[21:]):
        raise InputError("its update or load time is not YYYYMMDDhhmmss; correct the record")
    unit = cells[19]
    if unit.lower() in _OTHER_UNITS:
        return None
    if unit.lower() not in _ENERGY_UNITS:
        raise InputError(f"unit {excerpt(unit)} of {nmi} {suffix} is not Wh, kWh or MWh")
    energy = nanojoules(cells[18], unit)
    wh = (2 * energy + NANOJOULES_PER_WH) // (2 * NANOJOULES_PER_WH)
    # As NEM12 names its channels: the first register is the meter, others say which they are.
    meter = nmi if suffix in _FIRST_REGISTERS else f"{nmi}/{suffix}"
    return Advance(meter, _channel(direction, suffix), begin, end, wh, quality, line.place)


def _channel(direction: str, suffix: str) -> Channel:
    channel = _DIRECTIONS.get(direction)
    if channel is None:
        raise InputError(
            f"direction {excerpt(direction)} is not E (export from the grid: drawn by the home)"
            " or I (import to the grid: fed in by it)"
        )
    named = {"E": Channel.IMPORT, "B": Channel.EXPORT}.get(suffix[0], channel)
    if named is not channel:
        raise InputError(
            f"suffix {suffix} and direction {direction} say the opposite of each other; ask which"
            " one is right"
        )
    return channel


def _instant(text: str) -> int:
    try:
        if _TIME.fullmatch(text):
            local = datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
            seconds = int((local - UTC_AHEAD).timestamp())
            if seconds >= 0:
                return seconds
    except (ValueError, OverflowError):
        pass
    raise InputError(f"read time {excerpt(text)} is not YYYYMMDDhhmmss from 1970 on")


def _quality(previous: str, current: str) -> Quality:
    for text in (previous, current):
        if _QUALITY.fullmatch(text) is None:
            raise InputError(
                f"quality {excerpt(text)} is not A, or E, F or S with a method of two digits"
            )
        if text == "N":
            raise InputError("quality N says that a read is missing, so its energy is not known")
    return Quality.ACTUAL if current == "A" else Quality.ESTIMATED
