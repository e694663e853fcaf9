r"""Wide CSV: one half-hour a row, one register a column.

The header is ``period_start`` and then ``<name>_load_wh`` (what meter ``<name>`` drew from
the grid: import) and ``<name>_pv_wh`` (what it fed in: export) in any order. An empty cell is
a reading that is not there; any other cell that is not whole Wh refuses its row.

>>> import io
>>> rows = io.BytesIO(b"period_start,h1_load_wh,h1_pv_wh\n2026-06-15T13:30,412,\n")
>>> for item in read_wide_csv(rows, ReadOptions(zone="Europe/London")):
...     print(item.first, item.meter, item.channel, item.wh)
989737 h1 import (412,)
"""

import hashlib
import io
import re
from collections.abc import Iterator
from itertools import chain, islice, pairwise
from typing import BinaryIO

from ledger.errors import InputError
from ledger.primitives.energy import WH_MAX
from ledger.primitives.periods import MINUTES, start_text
from meters.formats.lines import Line, ReadOptions, check_meter, excerpt, first_line, numbered_lines
from meters.formats.local_times import AutumnHours, FileTime, Placed, TimeReader
from meters.readings import ACTUAL, Block, Channel, Place, Refusal

COLUMNS_MAX = 4096
"""Most registers: a community of 2,000 homes."""

LINE_BYTES_MAX = 131_072
"""Longest line: room for as many registers with names of 20 characters."""

BLOCK_CELLS = 400_000
"""Cells converted at a time, which keeps memory small."""

BLOCK_ROWS_MIN = 48
"""Rows converted at a time at least: enough to see the step of the rows."""

_COLUMN = re.compile(r"(.+)_(load|pv)_wh")
_CHANNELS = {"load": Channel.IMPORT, "pv": Channel.EXPORT}
_CELL = re.compile(r"[0-9]{0,10}")
_ROW = re.compile(r"[^,]*(?:,[0-9]{0,10})*")
_EMPTY_CELL = re.compile(r",(?=,|$)")
_MISSING = -1

_Register = tuple[str, Channel]
_Values = list[int]
_Row = tuple[_Values, Place]


def read_wide_csv(stream: BinaryIO, options: ReadOptions) -> Iterator[Block | Refusal]:
    """Yield the readings of a wide CSV file by row and then column, and the rows refused.

    Args:
        stream: UTF-8 text.
        options: `zone` for times without an offset; `label` may only be ``start``.

    Raises:
        InputError: not UTF-8, no fitting header, over a limit, or rows further apart than
            half an hour.
    """
    lines = numbered_lines(stream, LINE_BYTES_MAX)
    registers = _read_header(lines, options)
    times = TimeReader(options.zone, "start")
    autumn: AutumnHours[_Row] = AutumnHours()
    taken: dict[int, tuple[int, bytes]] = {}
    first_block = True
    filled = (line for line in lines if line.text.strip())
    rows = max(BLOCK_ROWS_MIN, BLOCK_CELLS // len(registers))
    while block := list(islice(filled, rows)):
        settled = list(
            chain.from_iterable(
                [item] if isinstance(item, Refusal) else autumn.add(None, *item)
                for item in _read_block(block, len(registers), times)
            )
        )
        _check_step(settled, always=first_block)
        first_block = False
        for item in settled:
            yield from _take(item, registers, taken)
    for item in autumn.close():
        yield from _take(item, registers, taken)


def looks_like_wide_csv(head: bytes) -> bool:
    """Return whether a file's first line is a header of wide CSV."""
    first, _, rest = first_line(head).partition(",")
    return first == "period_start" and _COLUMN.fullmatch(rest.partition(",")[0]) is not None


def _take(
    item: Placed[_Row] | Refusal,
    registers: list[_Register],
    taken: dict[int, tuple[int, bytes]],
) -> Iterator[Block | Refusal]:
    if isinstance(item, Refusal):
        yield item
        return
    period, (values, place) = item.period, item.row
    digest = hashlib.blake2b(repr(values).encode(), digest_size=16).digest()
    first_line, first_digest = taken.setdefault(period, (item.line, digest))
    if first_line != item.line:
        if first_digest != digest:
            yield Refusal(
                item.line,
                f"{start_text(period)} has other values than line {first_line}, which was"
                " taken; leave one of the two",
            )
        return
    for (meter, channel), wh in zip(registers, values, strict=True):
        if wh != _MISSING:
            yield Block(meter, channel, period, (wh,), ACTUAL, place)


def _read_header(lines: Iterator[Line], options: ReadOptions) -> list[_Register]:
    header = next(lines, None)
    text = header.text if header else ""
    first, *names = text.split(",")
    if first != "period_start" or not names:
        raise InputError(
            "line 1: the header must begin with period_start, then columns like h1_load_wh"
            f" and h1_pv_wh; it begins with {excerpt(text)}"
        )
    if options.label == "end":
        raise InputError(
            "line 1: the column is called period_start, but the label is declared as end;"
            " move the times to the start of each half-hour"
        )
    if len(names) > COLUMNS_MAX:
        raise InputError(f"line 1: has more than {COLUMNS_MAX:,} registers; split the file")
    registers: dict[_Register, str] = {}
    for name in names:
        found = _COLUMN.fullmatch(name)
        if found is None:
            raise InputError(
                f"line 1: the column {excerpt(name)} is not like h1_load_wh (drawn from the"
                " grid) or h1_pv_wh (fed into it); rename it or take it out"
            )
        register = (check_meter(found[1]), _CHANNELS[found[2]])
        if register in registers:
            raise InputError(f"line 1: the column {excerpt(name)} stands there more than once")
        registers[register] = name
    return list(registers)


def _read_block(
    block: list[Line], width: int, times: TimeReader
) -> Iterator[Refusal | tuple[int, FileTime, _Row]]:
    """Yield each row of a block as its line, time and Wh, or refused, in order."""
    refused: dict[int, Refusal] = {}
    read: list[tuple[int, FileTime]] = []
    bulk: list[str] = []
    for line, text, _, _ in block:
        try:
            cells = _checked_cells(text, width)
            time = times.read(text[: text.index(",")])
        except InputError as error:
            refused[line] = Refusal(line, str(error))
        else:
            read.append((line, time))
            bulk.append(cells)
    rows = {
        line: (time, values)
        for (line, time), values in zip(read, _integers(bulk, width), strict=True)
    }
    for each in block:
        line = each.number
        if line in refused:
            yield refused[line]
            continue
        time, values = rows[line]
        if max(values) > WH_MAX:
            yield Refusal(
                line, f"{max(values):,} Wh is beyond {WH_MAX:,} Wh in one half-hour; correct it"
            )
        else:
            yield line, time, (values, each.place)


def _checked_cells(text: str, width: int) -> str:
    """Return the row's cells after its time, safe for the bulk reader."""
    count = text.count(",")
    if count != width:
        raise InputError(f"has {count + 1} cells where the header has {width + 1}; correct the row")
    if _ROW.fullmatch(text) is None:
        cells = text.split(",")[1:]
        index = next(i for i, cell in enumerate(cells) if _CELL.fullmatch(cell) is None)
        raise InputError(
            f"cell {index + 2} is {excerpt(cells[index])}, which is not whole Wh of one"
            " direction; write digits only, or leave the cell empty where there is no reading"
        )
    return _EMPTY_CELL.sub(f",{_MISSING}", text)[text.index(",") + 1 :]


def _integers(rows: list[str], width: int) -> list[_Values]:
    """Convert rows of checked cells; every cell is an integer, so no float is ever made."""
    if not rows:
        return []
    import pandas as pd  # noqa: PLC0415 - half a second that other commands need not wait

    frame = pd.read_csv(
        io.StringIO("\n".join(rows)),
        header=None,
        names=range(width),
        dtype="int64",
        engine="c",
        na_filter=False,
        skip_blank_lines=False,
        lineterminator="\n",
    )
    values: list[_Values] = frame.to_numpy().tolist()
    return values


def _check_step(settled: list[Placed[_Row] | Refusal], *, always: bool) -> None:
    """Refuse a file coarser than the half-hour: its energy belongs to no half-hour.

    Gaps are no fault, so a later block must be long before its steps count.
    """
    placed = [item for item in settled if isinstance(item, Placed)]
    if not always and len(placed) < BLOCK_ROWS_MIN:
        return
    steps = [abs(after.period - before.period) for before, after in pairwise(placed)]
    step = min((step for step in steps if step), default=1)
    if step > 1:
        raise InputError(
            f"line {placed[0].line}: period_start steps by {step * MINUTES} minutes; only"
            " half-hours can be traded: ask for half-hourly data, since splitting a longer"
            " period would be a guess"
        )
