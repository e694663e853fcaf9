r"""Plain CSV: one reading a row, under a header, its columns in any order.

Whether a time is a half-hour's start or its end is declared, by the column's name or by the
importer, and never guessed; so is the zone of times without an offset. Each line is read by
itself, so a stray quote cannot swallow its neighbours.

>>> import io
>>> rows = io.BytesIO(b"kwh,meter,channel,time\n0.412,h1,import,2026-06-15 14:00\n")
>>> for item in read_plain_csv(rows, ReadOptions(zone="Europe/London", label="end")):
...     print(next(item.readings()).as_json()["start"], item.wh)
2026-06-15T12:30:00Z (412,)
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import BinaryIO, Literal, NamedTuple

from ledger.errors import InputError
from ledger.primitives.energy import wh_from_text
from meters.formats.lines import Line, ReadOptions, check_meter, excerpt, first_line, numbered_lines
from meters.formats.local_times import AutumnHours, Placed, TimeReader
from meters.formats.taken import Taken
from meters.readings import ACTUAL, Block, Channel, Place, Quality, Refusal, Slot

LINE_BYTES_MAX = 4096
"""Longest line: a row needs about 60 bytes."""

HOURS_MIN = 24
"""So many readings of a register, all on the hour and none on the half, are no coincidence."""

_TIME_COLUMNS = ("start", "end", "time")
_LABELS: dict[str, Literal["start", "end"]] = {"start": "start", "end": "end"}
_ENERGY_COLUMNS = {"wh": "Wh", "kwh": "kWh"}
_COLUMNS = ("meter", "channel", *_TIME_COLUMNS, *_ENERGY_COLUMNS, "quality")
_EXAMPLE = "meter,channel,start,wh"


class _Register(NamedTuple):
    number: int  # in order of appearance
    meter: str
    channel: Channel


class _Row(NamedTuple):
    register: _Register
    wh: int
    letter: str  # of the quality
    place: Place


@dataclass(frozen=True)
class _Layout:
    """Where each column stands, and what its header declares."""

    width: int
    meter: int
    channel: int
    time: int
    label: Literal["start", "end"]
    energy: int
    unit: str
    quality: int | None


def read_plain_csv(stream: BinaryIO, options: ReadOptions) -> Iterator[Block | Refusal]:
    """Yield the readings of a plain CSV file, and the rows refused.

    Args:
        stream: UTF-8 text.
        options: `zone` for times without an offset; `label` for a column called ``time``.

    Raises:
        InputError: not UTF-8, no fitting header, a line too long, or nothing declares
            whether times are starts or ends.
    """
    lines = numbered_lines(stream, LINE_BYTES_MAX)
    layout = _read_header(lines, options)
    times = TimeReader(options.zone, layout.label)
    autumn: AutumnHours[_Row] = AutumnHours()
    registers = _Registers()
    taken, hours = Taken(), _Hours()
    for line in lines:
        text = line.text
        if not text or text.isspace():
            continue
        try:
            cells = _split(text)
            row = _read_row(cells, layout, registers, line)
            time = times.read(cells[layout.time])
        except InputError as error:
            yield Refusal(line.number, str(error))
            continue
        for settled in autumn.add(row.register.number, line.number, time, row):
            if item := _take(settled, taken):
                hours.look(item)
                yield item
    for settled in autumn.close():
        if item := _take(settled, taken):
            hours.look(item)
            yield item
    hours.finish()


class _Hours:
    """Notices data by the hour: read as half-hours, half of its energy would be in the wrong ones."""

    def __init__(self) -> None:
        self._on_the_hour: dict[Slot, int] = {}
        self._halves: set[Slot] = set()

    def look(self, item: Block | Refusal) -> None:
        """Look at a reading."""
        if isinstance(item, Block):
            slot = item.meter, item.channel
            if item.first % 2:
                self._halves.add(slot)
            elif slot not in self._halves:
                self._on_the_hour[slot] = self._on_the_hour.get(slot, 0) + 1

    def finish(self) -> None:
        """Refuse a file of which a register has many readings, and all on the hour.

        Raises:
            InputError: names the register.
        """
        for (meter, channel), count in self._on_the_hour.items():
            if count >= HOURS_MIN and (meter, channel) not in self._halves:
                raise InputError(
                    f"all {count:,} times of {meter} {channel} are on the hour, so these seem to be"
                    " hours; plain CSV holds half-hours: ask for half-hourly data, or split each"
                    " hour into two rows and give them the quality interpolated"
                )


def looks_like_plain_csv(head: bytes) -> bool:
    """Return whether a file's first line is a header of plain CSV."""
    names = {cell.strip(' "').lower() for cell in first_line(head).split(",")}
    return {"meter", "channel"} <= names <= set(_COLUMNS)


def _take(settled: Placed[_Row] | Refusal, taken: Taken) -> Block | Refusal | None:
    """Return the reading, or why it cannot be; None if it was there before."""
    if isinstance(settled, Refusal):
        return settled
    (_, meter, channel), wh, letter, place = settled.row
    return taken.take(meter, channel, settled.period, wh, letter, place)


def _read_header(lines: Iterator[Line], options: ReadOptions) -> _Layout:
    first = next(lines, None)
    text = first.text if first else ""
    if not text.strip():
        raise InputError(f"line 1: the header is missing; it is like {_EXAMPLE}")
    names = [name.lower() for name in _split(text)]
    for name in names:
        if name not in _COLUMNS:
            raise InputError(
                f"line 1: {excerpt(name)} is not a column of plain CSV; the header is like"
                f" {_EXAMPLE}, and other columns must be taken out"
            )
        if names.count(name) > 1:
            raise InputError(f"line 1: the column {name} stands there more than once")
    time = _only_column(names, _TIME_COLUMNS)
    energy = _only_column(names, tuple(_ENERGY_COLUMNS))
    return _Layout(
        width=len(names),
        meter=names.index(_only_column(names, ("meter",))),
        channel=names.index(_only_column(names, ("channel",))),
        time=names.index(time),
        label=_declared_label(time, options.label),
        energy=names.index(energy),
        unit=_ENERGY_COLUMNS[energy],
        quality=names.index("quality") if "quality" in names else None,
    )


def _only_column(names: list[str], choices: tuple[str, ...]) -> str:
    present = [name for name in choices if name in names]
    if len(present) == 1:
        return present[0]
    wanted = " or ".join(choices)
    if present:
        raise InputError(f"line 1: has the columns {' and '.join(present)}; leave one of them")
    raise InputError(f"line 1: the column {wanted} is missing; the header is like {_EXAMPLE}")


def _declared_label(
    column: str, declared: Literal["start", "end"] | None
) -> Literal["start", "end"]:
    named = _LABELS.get(column)
    if named and declared and named != declared:
        raise InputError(
            f"line 1: the column is called {named}, but the label is declared as {declared};"
            " rename the column to time if its name is wrong"
        )
    label = named or declared
    if label is None:
        raise InputError(
            "line 1: the column time does not say whether it is the start or the end of the"
            " half-hour; declare the label as start or end"
        )
    return label


def _split(text: str) -> list[str]:
    if '"' not in text:
        cells = text.split(",")
        return [cell.strip() for cell in cells] if " " in text or "\t" in text else cells
    try:
        rows = list(csv.reader([text], strict=True))
    except csv.Error as error:
        raise InputError(f"the quotes do not match ({error}); close them on this line") from error
    return [cell.strip() for cell in rows[0]]


def _read_row(cells: list[str], layout: _Layout, registers: "_Registers", line: Line) -> _Row:
    if len(cells) != layout.width:
        raise InputError(
            f"has {len(cells)} cells where the header has {layout.width}; correct the row"
        )
    register = registers[cells[layout.meter], cells[layout.channel]]
    wh = _wh(cells[layout.energy], layout.unit)
    letter = ACTUAL if layout.quality is None else _letter(cells[layout.quality])
    return _Row(register, wh, letter, line.place)


class _Registers(dict[tuple[str, str], _Register]):
    """The meters and channels of a file, by what their cells say."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, Channel], int] = {}

    def __missing__(self, cells: tuple[str, str]) -> _Register:
        meter, channel = check_meter(cells[0]), _channel(cells[1])
        number = self._numbers.setdefault((meter, channel), len(self._numbers))
        self[cells] = register = _Register(number, meter, channel)
        return register


def _channel(text: str) -> Channel:
    try:
        return _CHANNELS[text.lower()]
    except KeyError:
        raise InputError(
            f"channel {excerpt(text)} is unknown; write import (drawn from the grid) or export"
            " (fed into it)"
        ) from None


def _letter(text: str) -> str:
    try:
        return _LETTERS[text.lower()]
    except KeyError:
        raise InputError(
            f"quality {excerpt(text)} is unknown; write one of: {', '.join(_NAMED)}"
        ) from None


@lru_cache(maxsize=65_536)
def _wh(text: str, unit: str) -> int:
    wh = wh_from_text(text, unit)
    if wh < 0:
        raise InputError(
            f"{text} {unit} is negative; energy fed into the grid belongs in a row of its own"
            " with channel export"
        )
    return wh


_CHANNELS = {channel.value: channel for channel in Channel}
_NAMED = [quality for quality in Quality if quality is not Quality.EDITED]
_LETTERS = {quality.value: quality.letter for quality in _NAMED} | {"": ACTUAL}
