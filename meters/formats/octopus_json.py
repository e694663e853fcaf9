r"""Octopus Energy's consumption as their API answers it: one page of JSON.

Each interval says its start and its end, with offsets; the newest comes first. The page names
neither meter nor direction, so both are declared. Intervals longer than an hour are advances.

>>> import io
>>> from meters.readings import Channel
>>> page = b'''{"count": 1, "next": null, "previous": null, "results": [{"consumption": 0.412,
... "interval_start": "2026-06-15T13:30:00+01:00", "interval_end": "2026-06-15T14:00:00+01:00"}]}'''
>>> options = ReadOptions(meter="1200012345678", channel=Channel.IMPORT)
>>> [(block.first, block.wh) for block in read_octopus_json(io.BytesIO(page), options)]
[(989737, (412,))]
"""

from collections.abc import Iterator
from typing import BinaryIO

from ledger.errors import InputError
from meters.formats.half_hours import HalfHours, Part, nanojoules
from meters.formats.json_rows import JsonRows, Row, begins_like_json
from meters.formats.lines import ReadOptions
from meters.formats.local_times import InstantReader
from meters.readings import ACTUAL, Item, Place


def read_octopus_json(stream: BinaryIO, options: ReadOptions) -> Iterator[Item]:
    """Yield the readings of a page, and the intervals refused.

    Args:
        stream: one JSON document with the array ``results``.
        options: `meter` and `channel` must be declared; `split` is about hours.

    Raises:
        InputError: not JSON, more than one page, no ``results``, or meter or channel not declared.
    """
    meter, channel = options.slot()
    document = JsonRows(stream, [("results",)])
    half_hours = HalfHours(options)
    times = InstantReader(None)
    for row in document:
        if not isinstance(row, Row):
            continue
        try:
            part = interval_part(
                times,
                (row.text("interval_start"), row.text("interval_end")),
                row.numeral("consumption"),
                row.place,
            )
        except InputError as error:
            yield row.refuse(error)
            continue
        yield from half_hours.add(meter, channel, part)
    if not document.arrays:
        raise InputError(
            "the file has no array results, so it is no page of consumption; what the API"
            " answered may be an error: ask again"
        )
    yield from half_hours.close()


def looks_like_octopus_json(head: bytes) -> bool:
    """Return whether a file begins like a page with intervals."""
    return begins_like_json(head, "results", "consumption", "interval_start", "interval_end")


def interval_part(times: InstantReader, bounds: tuple[str, str], kwh: str, place: Place) -> Part:
    """Return an interval that its start and end bound.

    Raises:
        InputError: not two times in order, or not energy.
    """
    begin, end = (times.read(text).periods[0] for text in bounds)
    if end <= begin:
        raise InputError(
            f"the interval ends at {bounds[1]}, which is not after its start at {bounds[0]};"
            " ask for this interval again"
        )
    return Part(begin, end - begin, nanojoules(kwh, "kWh"), ACTUAL, place)
