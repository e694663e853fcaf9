r"""n3rgy's half-hours of British smart meters, as versions 1 and 2 of their API answer them.

A time is the END of its half-hour, in UTC: a day's last value carries the next day's date. The
resource names the meter point and the direction. Nulls and the registers' values for "no data"
are gaps, and each is told.

>>> import io
>>> answer = b'''{"resource": "/mpxn/1200012345678/utility/electricity/readingtype/consumption",
... "granularity": "halfhour", "unit": "kWh", "devices": [{"deviceId": "01-02", "values": [
... {"primaryValue": 0.412, "timestamp": "2026-06-15 13:00"}]}]}'''
>>> [(block.meter, block.first, block.wh) for block in read_n3rgy(io.BytesIO(answer), ReadOptions())]
[('1200012345678', 989737, (412,))]
"""

import re
from collections.abc import Iterator
from typing import Any, BinaryIO

from ledger.errors import InputError
from ledger.primitives.periods import SECONDS
from meters.checks.sentinels import SENTINELS_KWH
from meters.formats.half_hours import HalfHours, Part, nanojoules
from meters.formats.json_rows import EACH, JsonRows, Members, Row, begins_like_json
from meters.formats.lines import ReadOptions, excerpt
from meters.formats.local_times import InstantReader
from meters.readings import ACTUAL, Channel, Item

_V1, _V2 = ("values",), ("devices", EACH, "values")

_RESOURCE = re.compile(
    r"(?:/mpxn)?/([0-9]{6,13})(?:/utility)?/(\w+)(?:/readingtype)?/(\w+)(?:/(\w+))?/?(?:\?.*)?",
    re.ASCII,
)

_CHANNELS = {"consumption": Channel.IMPORT, "production": Channel.EXPORT}
_CHANNELS |= {"import": Channel.IMPORT, "export": Channel.EXPORT}


def read_n3rgy(stream: BinaryIO, options: ReadOptions) -> Iterator[Item]:
    """Yield the readings of an answer, and the values refused.

    Args:
        stream: one JSON document with ``values``, or with ``devices`` that have them.
        options: a declared `channel` must be the file's.

    Raises:
        InputError: not JSON, not half-hours of electricity in kWh, no values, or a declared
            channel that is not the file's. The unit may stand at the end of the file.
    """
    document = JsonRows(stream, [_V1, _V2])
    half_hours = HalfHours(options)
    times = InstantReader("UTC")
    slot: tuple[str, Channel] | None = None
    for row in document:
        if not isinstance(row, Row):
            continue
        slot = slot or _slot(document.header, options)
        try:
            part = _part(row, times)
        except InputError as error:
            yield row.refuse(error)
            continue
        yield from half_hours.add(*slot, part)
    if not document.arrays:
        raise InputError(
            "the file has no array values; n3rgy answers so where a meter could not be read: ask"
            " again"
        )
    if document.header.get("unit") != "kWh":
        raise InputError(
            f"the unit is {_said(document.header, 'unit')}, not kWh; ask for electricity in kWh"
        )
    _slot(document.header, options)
    yield from half_hours.close()


def looks_like_n3rgy(head: bytes) -> bool:
    """Return whether a file begins like an answer of n3rgy."""
    return begins_like_json(head, "resource", "granularity", "values", "timestamp")


def _slot(header: Members, options: ReadOptions) -> tuple[str, Channel]:
    """Return the meter and channel of the resource."""
    if "resource" not in header or "granularity" not in header:
        raise InputError(
            "resource and granularity must stand before the values, as n3rgy writes them; save"
            " the answer as it came"
        )
    if header["granularity"] != "halfhour":
        raise InputError(f"the granularity is {_said(header, 'granularity')}; ask for halfhour")
    found = _RESOURCE.fullmatch(str(header["resource"]))
    meter, utility, kind, element = found.groups() if found else ("", "", "", "")
    if utility != "electricity" or kind not in _CHANNELS or element not in (None, "1"):
        raise InputError(
            f"the resource {_said(header, 'resource')} is not electricity consumption or"
            " production of a meter point; ask for one of them"
        )
    channel = _CHANNELS[kind]
    if options.channel not in (None, channel):
        raise InputError(
            f"the file says {kind}, which is channel {channel}, but {options.channel} was"
            " declared; check which file this is"
        )
    return meter, channel


def _part(row: Row, times: InstantReader) -> Part:
    name = "value" if len(row.around) == 1 else "primaryValue"
    label = row.text("timestamp")
    end = times.read(label).periods[0]
    second = row.value.get("secondaryValue")
    if second is not None and str(second).strip("0."):
        raise InputError(
            f"the half-hour that ends at {label} has a value of a second element,"
            f" {excerpt(str(second))}; ask for the elements apart"
        )
    if row.value.get(name) is None:
        raise InputError(
            f"the half-hour that ends at {label} has no {name}, so it is a gap; ask for it again"
        )
    kwh = row.numeral(name)
    if kwh in SENTINELS_KWH:
        raise InputError(
            f"the half-hour that ends at {label} says {kwh} kWh, which meters show where they"
            " have no data, so it is a gap; ask for it again"
        )
    return Part(end - SECONDS, SECONDS, nanojoules(kwh, "kWh"), ACTUAL, row.place)


def _said(header: Members, name: str) -> Any:
    return excerpt(str(header[name])) if name in header else "not given"
