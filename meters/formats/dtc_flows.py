r"""Half-hourly advances of the UK's Data Transfer Catalogue: what D0036 and D0379 have in common.

Both are lines of fields between bars: a ZHV header, blocks of one meter and quantity, in each of
them its days, in each day one value a half-hour, and a ZPT trailer that counts. No value carries
a time: the n-th of a day is settlement period n of the local day, of which there are 46, 48 or
50. So a day is taken whole or not at all, and days beside it stay where they are.

>>> import io
>>> day = "25B|1012345678901|AI|SUPX|\n26B|20260615|\n" + "66L|A|0.412|\n" * 48
>>> text = f"ZHV|7|D0379001|C|DCXX|X|SUPX|20260616|\n{day}ZPT|7|50||1|20260616|\n"
>>> [block] = read_flow(io.BytesIO(text.encode()), D0379)
>>> block.first, len(block.wh), block.wh[0], block.place.line
(989710, 48, 412, 3)
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from hashlib import blake2b
from typing import BinaryIO, NamedTuple

from ledger.errors import InputError
from ledger.primitives.energy import wh_from_text
from ledger.primitives.periods import DAY_PERIODS_MAX, load_zone, of_local_day
from meters.formats.lines import Line, excerpt, first_line, numbered_lines
from meters.readings import ACTUAL, ESTIMATED, Block, Channel, Place, Refusal

LINE_BYTES_MAX = 1024
"""Longest line: a header needs about 100 bytes."""

DAYS_MAX = 1_000_000
"""Most days of a file, whose digests are remembered: two years of 1,300 meters, or 400 MB."""

ZONE = "Europe/London"
"""The clock of settlement days."""

_CHANNELS = {"AI": Channel.IMPORT, "AE": Channel.EXPORT, "RI": None, "RE": None}
# C says how the value came about less plainly than A: it is never better than an estimate.
_LETTERS = {"A": ACTUAL, "E": ESTIMATED, "C": ESTIMATED}
_MPAN = re.compile(r"[0-9]{13}")
_DATE = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})")
_COUNT = re.compile(r"[0-9]{1,10}")
_NUMBER = re.compile(r"-?[0-9]{1,9}(\.[0-9]{1,9})?")


class Flow(NamedTuple):
    """One of the flows.

    Attributes:
        name: as the catalogue calls it.
        block: kind of the record that names meter and quantity.
        day: kind of the record that gives a settlement date.
        value: kind of the record of one half-hour.
    """

    name: str
    block: str
    day: str
    value: str


D0036 = Flow("D0036", "101", "102", "103")
D0379 = Flow("D0379", "25B", "26B", "66L")


def looks_like_flow(head: bytes, flow: Flow) -> bool:
    """Return whether a file begins with the header of that flow."""
    fields = first_line(head).split("|")
    return fields[0] == "ZHV" and fields[2:3] == [f"{flow.name}001"]


def read_flow(stream: BinaryIO, flow: Flow) -> Iterator[Block | Refusal]:
    """Yield each day of each meter and quantity, and what was refused.

    Args:
        stream: UTF-8 text.
        flow: which of the two.

    Raises:
        InputError: not UTF-8, not that flow, a line too long, too many days, or a trailer that
            is missing or does not count what came before it: nothing of such a file may be used.
    """
    lines = numbered_lines(stream, LINE_BYTES_MAX)
    identifier = _read_header(lines, flow)
    body = _Body(flow)
    count = 0
    for line in lines:
        if not line.text.strip():
            continue
        fields = line.text.split("|")
        if fields[0] == "ZPT":
            yield from body.close()
            _check_trailer(line.number, fields, identifier, count, body.blocks)
            break
        count += 1
        yield from body.take(line, fields)
    else:
        raise InputError(
            "the file is cut off: its ZPT trailer is missing, so records may be too; nothing of"
            " it may be used: ask for the whole file"
        )
    after = next((line.number for line in lines if line.text.strip()), None)
    if after is not None:
        raise InputError(
            f"line {after} stands after the ZPT trailer, so the trailer counts too little; split"
            " joined files"
        )


def _read_header(lines: Iterator[Line], flow: Flow) -> str:
    """Check the ZHV record, and return the file's identifier."""
    header = next((line for line in lines if line.text.strip()), None)
    if header is None:
        raise InputError(f"the file is empty; a {flow.name} file begins with ZHV")
    fields = header.text.split("|")
    if fields[0] != "ZHV" or len(fields) < 8:  # noqa: PLR2004
        raise InputError(
            f"line {header.number}: a {flow.name} file begins with a record"
            f" ZHV|identifier|{flow.name}001|…, not {excerpt(header.text)}; ask for the file with"
            " its header"
        )
    if fields[2] != f"{flow.name}001":
        raise InputError(
            f"line {header.number}: flow {excerpt(fields[2])} is not {flow.name}001; see"
            " 'commonwatt meters formats'"
        )
    return fields[1]


def _check_trailer(line: int, fields: list[str], identifier: str, count: int, blocks: int) -> None:
    given = [*fields, "", "", "", ""]
    if given[1] != identifier:
        raise InputError(
            f"line {line}: the trailer is of file {excerpt(given[1])}, the header of"
            f" {excerpt(identifier)}; nothing of it may be used: ask for the whole file"
        )
    for name, text, counted in (("lines", given[2], count), ("blocks", given[4], blocks)):
        if _COUNT.fullmatch(text) is None or int(text) != counted:
            raise InputError(
                f"line {line}: the trailer says {excerpt(text)} {name}, but there are {counted};"
                " nothing of the file may be used: ask for it again"
            )


@dataclass(slots=True)
class _Day:
    """A settlement date whose values are still coming."""

    line: int
    offset: int
    date: str
    end: int = 0
    count: int = 0
    whs: list[int] = field(default_factory=list)
    letters: list[str] = field(default_factory=list)
    reason: str = ""  # why none of it can be taken: the first thing that was wrong


class _Body:
    """Puts records together; whatever was refused, the others keep their meter and day."""

    def __init__(self, flow: Flow) -> None:
        self.blocks = 0
        self._flow = flow
        self._meter: tuple[str, Channel | None] | None = None
        self._lost = f"before any {flow.block} record"
        self._day: _Day | None = None
        self._said = False  # that values stand where no day is known
        self._taken: dict[tuple[str, Channel, int], tuple[int, bytes]] = {}

    def take(self, line: Line, fields: list[str]) -> Iterator[Block | Refusal]:
        """Take the next record, neither header nor trailer."""
        flow = self._flow
        if fields[0] == flow.value:
            yield from self._take_value(line, fields)
            return
        yield from self.close()
        if fields[0] == flow.block:
            self.blocks += 1
            yield from self._take_block(line.number, fields)
        elif fields[0] == flow.day:
            self._take_day(line, fields)
            if self._meter is None:
                self._day, self._said = None, True
                yield Refusal(line.number, f"this day stands {self._lost}, so its meter is unknown")
        else:
            self._meter = None
            self._lost = f"after line {line.number}, which could not be read"
            yield Refusal(
                line.number,
                f"{excerpt(fields[0])} is not a record of {flow.name} ({flow.block}, {flow.day},"
                f" {flow.value}); no day is taken before the next {flow.block} record, since its"
                " meter would be a guess",
            )

    def close(self) -> Iterator[Block | Refusal]:
        """Yield the day that is held, which is complete."""
        day, meter = self._day, self._meter
        self._day, self._said = None, False
        if day is None or meter is None:
            return
        try:
            periods = _periods(day)
        except InputError as error:
            yield Refusal(day.line, str(error))
            return
        if meter[1] is None:
            return
        whs = tuple(day.whs)
        block = Block(
            meter[0],
            meter[1],
            periods.start,
            whs,
            "".join(day.letters),
            Place(day.line, day.offset, day.end - day.offset),
        )
        yield from self._once(block, day.date)

    def _once(self, block: Block, day: str) -> Iterator[Block | Refusal]:
        digest = blake2b(repr((block.wh, block.quality)).encode(), digest_size=16).digest()
        key = (block.meter, block.channel, block.first)
        line, before = self._taken.setdefault(key, (block.place.line, digest))
        if len(self._taken) > DAYS_MAX:
            raise InputError(f"the file has more than {DAYS_MAX:,} days of meters; split it")
        if line == block.place.line:
            yield block
        elif before != digest:
            yield Refusal(
                block.place.line,
                f"{block.meter} {block.channel} {day} has other values than the day of line"
                f" {line}, which was taken; leave one of the two",
            )

    def _take_block(self, line: int, fields: list[str]) -> Iterator[Refusal]:
        self._meter = None
        mpan, quantity = [*fields, "", "", ""][1:3]
        if _MPAN.fullmatch(mpan) is None:
            reason = f"MPAN {excerpt(mpan)} is not 13 digits"
        elif quantity not in _CHANNELS:
            reason = (
                f"quantity {excerpt(quantity)} of {mpan} is not AI or AE (active import or"
                " export), nor RI or RE (reactive, not read)"
            )
        else:
            self._meter = (mpan, _CHANNELS[quantity])
            return
        self._lost = f"below the {self._flow.block} record of line {line}, which was refused"
        yield Refusal(line, f"{reason}; its days are refused with it")

    def _take_day(self, line: Line, fields: list[str]) -> None:
        text = [*fields, ""][1]
        self._day = _Day(line.number, line.offset, text, line.offset + line.length)
        if any(fields[2:]):
            self._day.reason = f"has {len(fields)} fields, more than a date; correct the record"

    def _take_value(self, line: Line, fields: list[str]) -> Iterator[Refusal]:
        day = self._day
        if day is None:
            if not self._said:
                self._said = True
                yield Refusal(
                    line.number,
                    f"this value follows no {self._flow.day} record, so its day is unknown",
                )
            return
        day.count += 1
        day.end = line.offset + line.length
        if day.reason or day.count > DAY_PERIODS_MAX:
            return
        try:
            letter, wh = _read_value(fields, reactive=self._meter is None or not self._meter[1])
        except InputError as error:
            day.reason = f"its period {day.count}, line {line.number}: {error}"
            return
        day.letters.append(letter)
        day.whs.append(wh)


def _periods(day: _Day) -> range:
    """Return the half-hours of a day, whose values are one for each.

    Raises:
        InputError: says why none of the day can be taken.
    """
    found = _DATE.fullmatch(day.date)
    if found is None:
        raise InputError(f"settlement date {excerpt(day.date)} is not YYYYMMDD")
    try:
        local = date(*(int(part) for part in found.groups()))
    except ValueError as error:
        raise InputError(f"settlement date {day.date} is not a date: {error}") from error
    periods = of_local_day(local, load_zone(ZONE))
    if day.count != len(periods):
        raise InputError(
            f"{local} has {day.count} values, but {len(periods)} half-hours in {ZONE}; which of"
            " them are missing or too many cannot be known, so none is taken: ask for the day"
            " again"
        )
    if day.reason:
        raise InputError(f"{local} is refused whole: {day.reason}")
    return periods


def _read_value(fields: list[str], *, reactive: bool) -> tuple[str, int]:
    """Return a value's quality and Wh; 0 for reactive energy, which is checked alone."""
    if len(fields) < 3 or any(fields[3:]):  # noqa: PLR2004
        raise InputError(f"has {len(fields)} fields where a value has a flag and a number")
    return _flag_and_wh(fields[1], fields[2], reactive)


@lru_cache(maxsize=65_536)
def _flag_and_wh(flag: str, text: str, reactive: bool) -> tuple[str, int]:  # noqa: FBT001
    if flag not in _LETTERS:
        raise InputError(f"flag {excerpt(flag)} is not A (actual), E (estimated) or C")
    if _NUMBER.fullmatch(text) is None:
        raise InputError(f"{excerpt(text)} is not a plain decimal number")
    if reactive:
        return _LETTERS[flag], 0
    wh = wh_from_text(text, "kWh")
    if wh < 0:
        raise InputError(f"{text} kWh is negative; energy fed into the grid is quantity AE")
    return _LETTERS[flag], wh
