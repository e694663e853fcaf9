r"""NEM12: interval meter data of the Australian market, read strictly.

Source: AEMO, Meter Data File Format Specification NEM12 and NEM13. Records are lines: 100
header, 200 a channel of a meter, 300 its day, 400 the qualities within that day, 500 reads,
900 end. Times are UTC+10 all year, whatever the clocks do. Whatever was refused, the records
around it keep their meter, channel and day.

>>> import io
>>> day = "300,20260615," + "0.25," * 48 + "A,,,20260616010203,"
>>> text = f"100,NEM12,202606160102,MDP,RET\n200,4001234567,E1,,E1,,,kWh,30,\n{day}\n900\n"
>>> items = list(read_nem12(io.BytesIO(text.encode()), ReadOptions()))
>>> items[0].first, len(items[0].wh), items[0].wh[0]
(989692, 48, 250)
"""

import re
from collections.abc import Iterator
from typing import BinaryIO

from ledger.errors import InputError
from meters.formats.lines import Line, ReadOptions, excerpt, first_line, numbered_lines
from meters.formats.nem12_days import (
    PARTS_MAX,
    DayRecord,
    Stream,
    read_day,
    read_stream,
)
from meters.formats.nem12_revisions import Revisions
from meters.readings import Block, Place, Refusal

LINE_BYTES_MAX = 16_384
"""Longest line: 288 values of 20 characters, and room for padding."""

_CREATED = re.compile(r"[0-9]{12}([0-9]{2})?")


def read_nem12(stream: BinaryIO, options: ReadOptions) -> Iterator[Block | Refusal]:
    """Yield the readings of a NEM12 file meter by meter, and the records refused.

    Args:
        stream: UTF-8 text.
        options: not used: the format fixes its zone and labels no times.

    Raises:
        InputError: not UTF-8, not NEM12, a line too long, or too many days of one meter.
    """
    del options
    lines = numbered_lines(stream, LINE_BYTES_MAX)
    line = _read_header(lines)
    records = _Records()
    for each in lines:
        line = each.number
        cells = each.text.split(",")
        if cells[0] == "900":
            break
        if each.text.strip():
            yield from records.take(each.place, cells)
    else:
        yield from records.finish()
        yield Refusal(
            line,
            "the file is cut off: its 900 end record is missing, so records may be too; what"
            " came before was read: ask for the whole file",
        )
        return
    if any(cells[1:]):
        yield Refusal(line, "the 900 end record must be empty; check where the file was cut")
    yield from records.finish()
    after = next((each.number for each in lines if each.text.strip()), None)
    if after is not None:
        yield Refusal(
            after,
            f"stands after the 900 end record of line {line}; nothing from here on was read:"
            " split joined files",
        )


def looks_like_nem12(head: bytes) -> bool:
    """Return whether a file begins with a NEM12 header."""
    return first_line(head).split(",")[:2] == ["100", "NEM12"]


def _read_header(lines: Iterator[Line]) -> int:
    """Check the 100 record, and return its line."""
    header = next((each for each in lines if each.text.strip()), None)
    if header is None:
        raise InputError("the file is empty; a NEM12 file begins with 100,NEM12")
    line, text = header.number, header.text
    cells = text.split(",")
    if cells[0] != "100":
        raise InputError(
            f"line {line}: a NEM12 file begins with a record 100,NEM12, not {excerpt(text)};"
            " ask for the file with its header"
        )
    if cells[1:2] == ["NEM13"]:
        raise InputError(
            f"line {line}: NEM13 holds register reads of months, which cannot be traded by"
            " the half-hour; ask for NEM12"
        )
    if cells[1:2] != ["NEM12"]:
        raise InputError(f"line {line}: version {excerpt(','.join(cells[1:2]))} is not NEM12")
    if len(cells) < 5 or _CREATED.fullmatch(cells[2]) is None or any(cells[5:]):  # noqa: PLR2004
        raise InputError(
            f"line {line}: the header must be 100,NEM12,<YYYYMMDDhhmm>,<from>,<to>; ask for"
            " the file again"
        )
    return line


class _Records:
    """Puts records together: a 300 record's day is read when its last 400 record is in.

    A record of unknown kind might have been any kind, so the channel is not known again
    before the next 200 record: reading on would give days to the wrong meter.
    """

    def __init__(self) -> None:
        self._stream: Stream | None = None
        self._lost = "before any 200 record"
        self._record: DayRecord | None = None
        self._revisions = Revisions()

    def take(self, place: Place, cells: list[str]) -> Iterator[Block | Refusal]:
        """Take the next record, neither header nor end."""
        kind, line = cells[0], place.line
        if kind == "400":
            yield from self._take_part(line, cells)
            return
        yield from self._close_day()
        if kind == "200":
            yield from self._take_stream(line, cells)
        elif kind == "300":
            if self._stream is None:
                yield Refusal(line, f"this day stands {self._lost}, so its meter is unknown")
            else:
                self._record = DayRecord(place, cells)
        elif kind != "500":
            self._stream = None
            self._lost = f"after line {line}, which could not be read"
            yield Refusal(
                line,
                f"{excerpt(kind)} is not a NEM12 record (200, 300, 400, 500 or 900); no day is"
                " taken before the next 200 record, since its meter would be a guess",
            )

    def finish(self) -> Iterator[Block | Refusal]:
        """Yield what is still held when the records end."""
        yield from self._close_day()
        yield from self._revisions.close_meter()

    def _take_part(self, line: int, cells: list[str]) -> Iterator[Refusal]:
        if self._record is None:
            if self._stream is not None:
                yield Refusal(line, "this 400 record follows no 300 record, so its day is unknown")
        elif len(self._record.parts) <= PARTS_MAX:
            self._record.parts.append((line, cells))

    def _take_stream(self, line: int, cells: list[str]) -> Iterator[Block | Refusal]:
        self._stream = None
        try:
            stream = read_stream(line, cells)
        except InputError as error:
            self._lost = f"below the 200 record of line {line}, which was refused"
            yield Refusal(line, f"{error}; its days are refused with it")
            return
        yield from self._revisions.begin_meter(stream.nmi)
        self._stream = stream

    def _close_day(self) -> Iterator[Refusal]:
        record, stream = self._record, self._stream
        self._record = None
        if record is None or stream is None:
            return
        try:
            day = read_day(stream, record)
        except InputError as error:
            yield Refusal(record.place.line, str(error))
            return
        if day is not None:
            yield from self._revisions.add(stream, day)
