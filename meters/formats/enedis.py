r"""Enedis's load curves of French meters, as their API answers them: average power.

A time is the END of its interval on the clock of Paris, without an offset. The length of
intervals may change from one to the next. Energy is watts times seconds, exactly. The hour that
the clock shows twice in autumn is told apart by the order of the intervals alone.

>>> import io
>>> from meters.readings import Channel
>>> answer = b'''{"meter_reading": {"usage_point_id": "24115050000000", "reading_type":
... {"unit": "W", "measurement_kind": "power", "aggregate": "average"}, "interval_reading": [
... {"value": "824", "date": "2026-06-15 15:00:00", "interval_length": "PT30M",
...  "measure_type": "B"}]}}'''
>>> options = ReadOptions(channel=Channel.IMPORT)
>>> [(block.meter, block.first, block.wh) for block in read_enedis(io.BytesIO(answer), options)]
[('24115050000000', 989737, (412,))]
"""

import re
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from ledger.errors import InputError
from meters.formats.half_hours import HalfHours, Part
from meters.formats.json_rows import JsonRows, Members, Row, begins_like_json
from meters.formats.lines import ReadOptions, check_meter, excerpt
from meters.formats.local_times import AutumnHours, InstantReader, Placed
from meters.readings import ACTUAL, ESTIMATED, Channel, Item, Place, Refusal

ZONE = "Europe/Paris"
"""Enedis serves continental France; Corsica and overseas have other companies."""

_SECONDS = {f"PT{minutes}M": minutes * 60 for minutes in (5, 10, 15, 30, 60)}
_LETTERS = {"B": ACTUAL, "C": ESTIMATED}
_POWER = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,9}))?")
_READING_TYPE = {"unit": "W", "measurement_kind": "power", "aggregate": "average"}


class _Interval(NamedTuple):
    seconds: int
    energy: int  # nanojoules
    letter: str  # of the quality
    place: Place


def read_enedis(stream: BinaryIO, options: ReadOptions) -> Iterator[Item]:
    """Yield the readings of a load curve, and the intervals refused.

    Args:
        stream: one JSON document with ``interval_reading`` in ``meter_reading``.
        options: `channel` must be declared, since an answer about production looks the same;
            `split` is about intervals of an hour.

    Raises:
        InputError: not JSON, not average power in W, no intervals, or no declared channel.
    """
    document = JsonRows(stream, [("meter_reading", "interval_reading")])
    times = InstantReader(ZONE)
    autumn: AutumnHours[_Interval] = AutumnHours()
    half_hours = HalfHours(options)
    slot: tuple[str, Channel] | None = None
    for row in document:
        if not isinstance(row, Row):
            continue
        slot = slot or _slot(row.around[-1], options)
        try:
            time = times.read(row.text("date"))
            interval = _interval(row)
        except InputError as error:
            yield row.refuse(error)
            continue
        for settled in autumn.add(slot, row.place.line, time, interval):
            yield from _take(settled, slot, half_hours)
    if not document.arrays:
        raise InputError(
            "the file has no array interval_reading in meter_reading; what the API answered may"
            " be an error: ask again"
        )
    if slot is not None:
        for settled in autumn.close():
            yield from _take(settled, slot, half_hours)
    yield from half_hours.close()


def looks_like_enedis(head: bytes) -> bool:
    """Return whether a file begins like an answer of Enedis."""
    return begins_like_json(head, "meter_reading", "usage_point_id", "interval_reading")


def _slot(header: Members, options: ReadOptions) -> tuple[str, Channel]:
    meter, kind = header.get("usage_point_id"), header.get("reading_type")
    if not isinstance(meter, str) or not isinstance(kind, dict):
        raise InputError(
            "usage_point_id and reading_type must stand before interval_reading, as Enedis writes"
            " them; save the answer as it came"
        )
    for name, wanted in _READING_TYPE.items():
        if kind.get(name) != wanted:
            raise InputError(
                f"the reading type has {name} {excerpt(str(kind.get(name)))}, not {wanted}; ask"
                " for the load curve, not for daily totals or the highest power"
            )
    if options.channel is None:
        raise InputError(
            "the file does not say whether it is consumption or production; declare it, as in"
            " --channel import"
        )
    return check_meter(meter), options.channel


def _interval(row: Row) -> _Interval:
    """Return an interval's length, energy and quality.

    Raises:
        InputError: one of them is missing or unknown.
    """
    length, kind = row.text("interval_length"), row.text("measure_type")
    if length not in _SECONDS:
        raise InputError(
            f"interval_length {excerpt(length)} is none of {', '.join(_SECONDS)}; ask for the"
            " load curve"
        )
    if kind not in _LETTERS:
        raise InputError(
            f"measure_type {excerpt(kind)} is neither B (raw) nor C (corrected), so its quality"
            " is unknown; ask Enedis what it is"
        )
    seconds = _SECONDS[length]
    return _Interval(seconds, _nanowatts(row) * seconds, _LETTERS[kind], row.place)


def _nanowatts(row: Row) -> int:
    if row.value.get("value") is None:
        raise InputError("it has no value, so it is a gap; ask for it again")
    text = str(row.value["value"])
    found = _POWER.fullmatch(text)
    if found is None:
        raise InputError(f"value {excerpt(text)} is not a number of W from 0; ask for it again")
    whole, decimals = found.groups(default="")
    return int(whole + decimals.ljust(9, "0"))


def _take(
    settled: Placed[_Interval] | Refusal, slot: tuple[str, Channel], half_hours: HalfHours
) -> Iterator[Item]:
    if isinstance(settled, Refusal):
        yield settled
        return
    seconds, energy, letter, place = settled.row
    yield from half_hours.add(*slot, Part(settled.period - seconds, seconds, energy, letter, place))
