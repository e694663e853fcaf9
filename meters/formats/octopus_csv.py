r"""Octopus Energy's consumption as their customers download it: one interval a row.

The columns are consumption in kWh, start and end, in any order, with spaces after the commas;
times have offsets. What a row cost is ignored. The file names neither meter nor direction, so
both are declared.

>>> import io
>>> from meters.readings import Channel
>>> rows = b'''Consumption (kwh), Start, End
... 0.412, 2026-06-15T13:30:00+01:00, 2026-06-15T14:00:00+01:00
... '''
>>> options = ReadOptions(meter="1200012345678", channel=Channel.IMPORT)
>>> [(block.first, block.wh) for block in read_octopus_csv(io.BytesIO(rows), options)]
[(989737, (412,))]
"""

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from ledger.errors import InputError
from meters.formats.cells import split_cells
from meters.formats.half_hours import HalfHours
from meters.formats.lines import Line, ReadOptions, excerpt, first_line, numbered_lines
from meters.formats.local_times import InstantReader
from meters.formats.octopus_json import interval_part
from meters.readings import Item, Refusal

LINE_BYTES_MAX = 4096
"""Longest line: a row needs about 80 bytes."""

_ENERGY = ("consumption (kwh)", "consumption")
_START = ("start", "interval_start")
_END = ("end", "interval_end")
_IGNORED = ("estimated cost inc. tax (p)", "standing charge inc. tax (p)")
_COLUMNS = {*_ENERGY, *_START, *_END, *_IGNORED}
_EXAMPLE = "Consumption (kwh), Start, End"


class _Layout(NamedTuple):
    width: int
    energy: int
    start: int
    end: int


def read_octopus_csv(stream: BinaryIO, options: ReadOptions) -> Iterator[Item]:
    """Yield the readings of a download, and the rows refused.

    Args:
        stream: UTF-8 text.
        options: `meter` and `channel` must be declared; `split` is about hours.

    Raises:
        InputError: not UTF-8, no fitting header, a line too long, or meter or channel not
            declared.
    """
    meter, channel = options.slot()
    lines = numbered_lines(stream, LINE_BYTES_MAX)
    layout = _read_header(lines)
    half_hours = HalfHours(options)
    times = InstantReader(None)
    for line in lines:
        if not line.text.strip():
            continue
        try:
            cells = split_cells(line.text, ",")
            if len(cells) != layout.width:
                raise InputError(
                    f"has {len(cells)} cells where the header has {layout.width}; correct the row"
                )
            bounds = cells[layout.start], cells[layout.end]
            part = interval_part(times, bounds, cells[layout.energy], line.place)
        except InputError as error:
            yield Refusal(line.number, str(error))
            continue
        yield from half_hours.add(meter, channel, part)
    yield from half_hours.close()


def looks_like_octopus_csv(head: bytes) -> bool:
    """Return whether a file's first line is a header of such a download."""
    names = {cell.strip(' "').lower() for cell in first_line(head).split(",")}
    return names <= _COLUMNS and all(names & set(some) for some in (_ENERGY, _START, _END))


def _read_header(lines: Iterator[Line]) -> _Layout:
    first = next(lines, None)
    names = [name.lower() for name in split_cells(first.text, ",")] if first else [""]
    if names == [""]:
        raise InputError(f"line 1: the header is missing; it is like {_EXAMPLE}")
    for name in names:
        if name not in _COLUMNS:
            raise InputError(
                f"line 1: {excerpt(name)} is not a column of Octopus Energy's download of"
                f" electricity; the header is like {_EXAMPLE}"
            )
        if names.count(name) > 1:
            raise InputError(f"line 1: the column {name} stands there more than once")
    energy, start, end = (_only_column(names, some) for some in (_ENERGY, _START, _END))
    return _Layout(len(names), energy, start, end)


def _only_column(names: list[str], choices: tuple[str, ...]) -> int:
    found = [names.index(name) for name in choices if name in names]
    if len(found) != 1:
        said = "there more than once" if found else "missing"
        raise InputError(
            f"line 1: the column {' or '.join(choices)} is {said}; the header is like {_EXAMPLE}"
        )
    return found[0]
