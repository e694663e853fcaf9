r"""Energinet's time series of Danish meters, as the hub's API answers them.

A point has a position, counted from 1 at the start of its period, which is in UTC: so nothing
depends on the clock. Quality A04 is as measured. A time series says what it is beside its
periods; one that is not consumption or production in kWh is refused as a whole.

>>> import io
>>> answer = b'''{"result": [{"MyEnergyData_MarketDocument": {"TimeSeries": [{"businessType": "A04",
... "measurement_Unit.name": "KWH", "MarketEvaluationPoint": {"mRID": {"name": "571313"}},
... "Period": [{"resolution": "PT15M", "timeInterval": {"start": "2026-06-15T12:30:00Z",
... "end": "2026-06-15T13:00:00Z"}, "Point": [
... {"position": "1", "out_Quantity.quantity": "0.206", "out_Quantity.quality": "A04"},
... {"position": "2", "out_Quantity.quantity": "0.206", "out_Quantity.quality": "A04"}]}]}]}}]}'''
>>> [(block.meter, block.first, block.wh)
...  for block in read_energinet(io.BytesIO(answer), ReadOptions())]
[('571313', 989737, (412,))]
"""

import re
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

from ledger.errors import InputError
from meters.formats.half_hours import HalfHours, Part, nanojoules
from meters.formats.json_rows import EACH, Ended, JsonRows, Members, Number, Row, begins_like_json
from meters.formats.lines import ReadOptions, check_meter, excerpt
from meters.formats.local_times import InstantReader
from meters.readings import ACTUAL, ESTIMATED, Channel, Item, Refusal

_POINTS = (
    *("result", EACH, "MyEnergyData_MarketDocument"),
    *("TimeSeries", EACH, "Period", EACH, "Point"),
)
_SERIES, _PERIOD = 3, 4  # among the objects around a point

_CHANNELS = {"A04": Channel.IMPORT, "A01": Channel.EXPORT}
_SECONDS = {"PT15M": 900, "PT30M": 1800, "PT1H": 3600, "PT60M": 3600}
_LETTERS = {"A04": ACTUAL, "A03": ESTIMATED, "A01": ESTIMATED, "A06": ESTIMATED}
_GAPS = {"A02": "not available", "A05": "incomplete"}
_POSITION = re.compile(r"[1-9][0-9]{0,4}")


class _Period(NamedTuple):
    meter: str
    channel: Channel
    begin: int
    end: int
    seconds: int  # of each point


def read_energinet(stream: BinaryIO, options: ReadOptions) -> Iterator[Item]:
    """Yield the readings of an answer, and the points, periods and time series refused.

    Args:
        stream: one JSON document with points in ``result``.
        options: a declared `channel` must be each time series'; `split` is about hours.

    Raises:
        InputError: not JSON, or no points at all; says what the hub answered instead.
    """
    document = JsonRows(stream, [_POINTS])
    half_hours = HalfHours(options)
    periods = _Periods(options)
    failed = ""
    for row in document:
        if isinstance(row, Ended):
            if reason := _failure(row.members):
                failed = reason
                yield Refusal(row.line, reason)
            continue
        found = periods.find(row)
        if isinstance(found, _Period):
            try:
                part = _part(row, found)
            except InputError as error:
                yield row.refuse(error)
                continue
            yield from half_hours.add(found.meter, found.channel, part)
        elif found is not None:
            yield found
    if not document.arrays:
        raise InputError(failed or "the file has no points in result; ask for the data again")
    yield from half_hours.close()


def looks_like_energinet(head: bytes) -> bool:
    """Return whether a file begins like an answer of Energinet's hub."""
    return begins_like_json(head, "MyEnergyData_MarketDocument", "out_Quantity.quantity")


class _Periods:
    """What the time series and the period around a point say, read once for all their points."""

    def __init__(self, options: ReadOptions) -> None:
        self._channel = options.channel
        self._times = InstantReader(None)
        self._around: tuple[Members, ...] = ()
        self._series: tuple[str, Channel] | None = None
        self._period: _Period | None = None

    def find(self, row: Row) -> _Period | Refusal | None:
        """Return a point's period; why it or its time series is refused, once; then None."""
        series, period = row.around[_SERIES], row.around[_PERIOD]
        before, self._around = self._around, row.around
        try:
            if not before or before[_SERIES] is not series:
                self._series = self._period = None
                self._series = _series(series, self._channel)
            elif before[_PERIOD] is period:
                return self._period
            self._period = None
            if self._series is not None:
                self._period = self._read_period(period, *self._series)
        except InputError as error:
            return Refusal(row.place.line, str(error))
        return self._period

    def _read_period(self, period: Members, meter: str, channel: Channel) -> _Period:
        resolution = period.get("resolution")
        if resolution not in _SECONDS:
            raise InputError(
                f"a period of {meter} has resolution {_said(resolution)}, not one of"
                f" {', '.join(_SECONDS)}, before its points; nothing of it was taken: ask for"
                " hours or quarters of an hour"
            )
        try:
            bounds = [_inside(period, "timeInterval", name) for name in ("start", "end")]
            begin, end = (self._times.read(str(bound)).periods[0] for bound in bounds)
        except InputError as error:
            raise InputError(f"a period of {meter} is not placed in time: {error}") from error
        return _Period(meter, channel, begin, end, _SECONDS[resolution])


def _series(series: Members, declared: Channel | None) -> tuple[str, Channel]:
    """Return the meter and channel of a time series."""
    meter = _inside(series, "MarketEvaluationPoint", "mRID", "name")
    if not isinstance(meter, str):
        raise InputError(
            "a time series does not name its MarketEvaluationPoint before its periods; nothing of"
            " it was taken: save the answer as it came"
        )
    check_meter(meter)
    channel = _CHANNELS.get(str(series.get("businessType")))
    if channel is None:
        raise InputError(
            f"the time series of {meter} has businessType {_said(series.get('businessType'))},"
            " which is neither A04 (consumption) nor A01 (production); nothing of it was taken"
        )
    if str(series.get("measurement_Unit.name")).upper() != "KWH":
        raise InputError(
            f"the time series of {meter} has the unit {_said(series.get('measurement_Unit.name'))},"
            " not KWH; nothing of it was taken"
        )
    if declared not in (None, channel):
        raise InputError(
            f"the time series of {meter} is channel {channel}, but {declared} was declared;"
            " nothing of it was taken"
        )
    return meter, channel


def _part(row: Row, period: _Period) -> Part:
    quality = row.text("out_Quantity.quality")
    position = _text(row, "position")
    if _POSITION.fullmatch(position) is None:
        raise InputError(f"position {excerpt(position)} is not a number from 1; ask for it again")
    begin = period.begin + (int(position) - 1) * period.seconds
    if begin + period.seconds > period.end:
        raise InputError(
            f"position {position} is beyond the end of its period; ask for the period again"
        )
    if quality in _GAPS:
        raise InputError(f"position {position} is {_GAPS[quality]} ({quality}), so it is a gap")
    if quality not in _LETTERS:
        raise InputError(
            f"out_Quantity.quality {excerpt(quality)} is not one of A01 to A06, so its quality is"
            " unknown; ask Energinet what it is"
        )
    energy = nanojoules(_text(row, "out_Quantity.quantity"), "kWh")
    return Part(begin, period.seconds, energy, _LETTERS[quality], row.place)


def _text(row: Row, name: str) -> str:
    """Return a member that the hub writes as a number in quotes; one without is the same."""
    found = row.value.get(name)
    return str(found) if isinstance(found, Number) else row.text(name)


def _inside(value: Any, *names: str) -> Any:
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _failure(members: Members) -> str:
    """Return what the hub said about a meter that it could not answer for, or nothing."""
    if members.get("success") is not False:
        return ""
    return (
        f"the hub did not answer for {_said(members.get('id'))}: error"
        f" {_said(members.get('errorCode'))} {_said(members.get('errorText'))}; ask again"
    )


def _said(value: Any) -> str:
    return excerpt(str(value)) if isinstance(value, str) else "not given"
