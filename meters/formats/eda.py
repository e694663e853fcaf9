r"""EDA: consumption records of the Austrian market, quarter-hours of one metering point.

Source: ebutilities.at, schema ConsumptionRecord, and its table of meter codes. Times carry their
offset. One document may hold several series of one metering point; those that a network company
computes for an energy community are no measurements and are refused. The file is read twice:
what each series is first, then one value after another.

>>> position = '<EP><DTF>2026-06-15T14:{}:00+02:00</DTF><DTT>2026-06-15T14:{}:00+02:00</DTT>'
>>> position += '<MM>L1</MM><BQ>0.206</BQ></EP>'
>>> text = '<ConsumptionRecord><MarketParticipantDirectory DocumentMode="PROD"><Sector>01</Sector>'
>>> text += '</MarketParticipantDirectory><ProcessDirectory><MeteringPoint>AT1</MeteringPoint>'
>>> text += '<Energy><EnergyData MeterCode="1-1:1.9.0 G.01" UOM="KWH">'
>>> text += position.format(30, 45) + position.format(45, 59).replace("14:59", "15:00")
>>> text += '</EnergyData></Energy></ProcessDirectory></ConsumptionRecord>'
>>> import io
>>> [block] = read_eda(io.BytesIO(text.encode()), ReadOptions())
>>> block.meter, block.channel.value, block.first, block.wh
('AT1', 'import', 989737, (412,))
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import BinaryIO

from ledger.errors import InputError
from ledger.primitives.periods import PERIOD_MAX, SECONDS, utc_text
from meters.formats.advances import KnownAdvances
from meters.formats.coverage import Coverage
from meters.formats.half_hours import HalfHours, Part, nanojoules
from meters.formats.lines import ReadOptions, check_meter, excerpt
from meters.formats.local_times import offset_of
from meters.formats.xml_elements import Element, elements, root_of
from meters.readings import ACTUAL, ESTIMATED, Advance, Block, Channel, Place, Refusal

ROOT = "ConsumptionRecord"

_POSITION = "EP"
_ELECTRICITY = "01"
_WHOLE = re.compile(r"[0-9]{1,6}")
_TIME = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.0+)?"
    r"(?:Z|([+-])([0-9]{2}):([0-9]{2}))"
)
_CHANNELS = {
    "1-1:1.9.0 G.01": Channel.IMPORT,  # drawn, as measured, at a member of a community
    "1-1:1.9.0 P.01": Channel.IMPORT,  # drawn, as measured, elsewhere
    "1-1:2.9.0 G.01": Channel.EXPORT,
    "1-1:2.9.0 P.01": Channel.EXPORT,
}
# What a network company computes for a community; none of it went through the meter as such.
_COMPUTED = {
    "1-1:1.9.0 G.01T": "what was drawn, times the share of participation",
    "1-1:1.9.0 G.02": "a share of the community's generation",
    "1-1:2.9.0 G.01T": "what was fed in, times the share of participation",
    "1-1:2.9.0 G.02": "a share of the community's generation",
    "1-1:2.9.0 G.03": "what the community's generation covered",
    "1-1:2.9.0 G.03R": "what renewable generation covered",
    "1-1:2.9.0 P.01T": "what the community left over, times the share of participation",
}
_LETTERS = {"L1": ACTUAL, "L2": ESTIMATED}


@dataclass(slots=True)
class _Series:
    """One EnergyData: a meter code over a time."""

    place: Place
    meter: str
    code: str
    unit: str
    span: tuple[int, int] | None
    count: int | None
    reason: str = ""
    coverage: Coverage = field(default_factory=Coverage)

    def check(self) -> Iterator[Refusal]:
        """Yield why none of it was read, or how it does not agree with what it says."""
        if self.reason:
            yield Refusal(self.place.line, f"{self.reason}; none of this series was read")
            return
        span = self.span or self.coverage.span()
        said = "" if span is None else self.coverage.said(*span)
        if self.count is not None and self.count != len(self.coverage):
            said = f"{said}, {self.count:,} were announced".removeprefix(", ")
        if said and span is not None:
            yield Refusal(
                self.place.line,
                f"the series {self.code} from {utc_text(span[0])} to {utc_text(span[1])} does not"
                f" agree with its {len(self.coverage):,} values: {said}; what it has was read: ask"
                " for the rest",
            )


def read_eda(stream: BinaryIO, options: ReadOptions) -> Iterator[Block | Advance | Refusal]:
    """Yield the readings and advances of a consumption record, and what was refused.

    Args:
        stream: an XML document, seekable.
        options: `split` for hours; the document names its metering point.

    Raises:
        InputError: not well-formed XML, no consumption record of electricity, a test message,
            not seekable, or beyond a limit.
    """
    if not stream.seekable():
        raise InputError("a consumption record is read twice; save it as a file first")
    begin = stream.tell()
    series = _gather(stream)
    offsets = [each.place.offset for each in series]
    stream.seek(begin)
    halves, known = HalfHours(options), KnownAdvances()
    for element in elements(stream, {_POSITION}):
        at = bisect_right(offsets, element.place.offset) - 1
        if at < 0 or element.place.offset >= offsets[at] + series[at].place.length:
            yield Refusal(element.place.line, "this value stands in no series")
        elif not series[at].reason:
            yield from _read(element, series[at], halves, known)
    for each in series:
        yield from each.check()
    yield from halves.close()


def looks_like_eda(head: bytes) -> bool:
    """Return whether a file's first element is an Austrian consumption record."""
    namespace, name = root_of(head)
    return name == ROOT and "ebutilities.at" in namespace


def _gather(stream: BinaryIO) -> list[_Series]:
    """Return the series of a file in order, without their values."""
    series: list[_Series] = []
    for record in elements(stream, {ROOT}, {_POSITION}):
        directory = record.child("MarketParticipantDirectory")
        mode = "" if directory is None else directory.attributes.get("DocumentMode", "")
        if directory is None or mode != "PROD":
            raise InputError(
                f"the document's mode is {excerpt(mode)}, not PROD: it is a test message"
            )
        if (sector := directory.text_of("Sector")) != _ELECTRICITY:
            raise InputError(f"the document is of sector {excerpt(sector)}, not electricity (01)")
        for process in record.all("ProcessDirectory"):
            found = [
                _series(process, energy, data)
                for energy in process.all("Energy")
                for data in energy.all("EnergyData")
            ]
            _refuse_remainders(found)
            series.extend(found)
    if not series:
        raise InputError(f"the file has no {ROOT} with EnergyData; is this another kind of file?")
    return series


def _series(process: Element, energy: Element, data: Element) -> _Series:
    code = " ".join(data.attributes.get("MeterCode", "").split())
    series = _Series(data.place, "", code, data.attributes.get("UOM", ""), None, None)
    try:
        series.meter = check_meter(process.text_of("MeteringPoint"))
        if energy.child("MeteringPeriodStart") or energy.child("MeteringPeriodEnd"):
            series.span = (
                _instant(energy.text_of("MeteringPeriodStart")),
                _instant(energy.text_of("MeteringPeriodEnd")),
            )
        if energy.child("NumberOfMeteringIntervall"):
            text = energy.text_of("NumberOfMeteringIntervall")
            if _WHOLE.fullmatch(text) is None:
                raise InputError(f"its number of intervals {excerpt(text)} is not a number")
            series.count = int(text)
    except InputError as error:
        series.reason = str(error)
    if code not in _CHANNELS:
        computed = _COMPUTED.get(code)
        series.reason = (
            f"meter code {excerpt(code)} is {computed}, which is computed and not metered"
            if computed
            else f"meter code {excerpt(code)} is not known as energy through the meter"
        )
    return series


def _refuse_remainders(found: list[_Series]) -> None:
    """Refuse P.01 where G.01 gives the whole: it is then what the community left over."""
    codes = {(each.meter, each.code) for each in found}
    for each in found:
        whole = each.code.replace("P.01", "G.01")
        if each.code.endswith("P.01") and (each.meter, whole) in codes:
            each.reason = (
                f"meter code {excerpt(each.code)} is what the community left over, since"
                f" {excerpt(whole)} stands beside it with all that was metered"
            )


def _read(
    element: Element, series: _Series, halves: HalfHours, known: KnownAdvances
) -> Iterator[Block | Advance | Refusal]:
    try:
        begin, end = _times(element)
        series.coverage.add(begin, end)
        part = _part(element, series.unit, begin, end)
    except InputError as error:
        yield Refusal(element.place.line, str(error))
        return
    for item in halves.add(series.meter, _CHANNELS[series.code], part):
        if not isinstance(item, Advance):
            yield item
        elif (taken := known.take(item)) is not None:
            yield taken


def _times(element: Element) -> tuple[int, int]:
    begin, end = _instant(element.text_of("DTF")), _instant(element.text_of("DTT"))
    if begin >= end:
        raise InputError(f"{utc_text(begin)} is not before its end {utc_text(end)}")
    return begin, end


def _part(element: Element, unit: str, begin: int, end: int) -> Part:
    method = element.text_of("MM")
    if method == "L3":
        raise InputError(
            f"{utc_text(begin)} has method L3, a substitute that the network company itself calls"
            " unreliable and not for billing; ask again when it is L1 or L2"
        )
    if method not in _LETTERS:
        raise InputError(f"method {excerpt(method)} is not L1 (measured), L2 or L3 (substitutes)")
    energy = nanojoules(element.text_of("BQ"), unit)
    return Part(begin, end - begin, energy, _LETTERS[method], element.place)


def _instant(text: str) -> int:
    """Return seconds since the Unix epoch."""
    found = _TIME.fullmatch(text)
    if found is None:
        raise InputError(
            f"{excerpt(text)} is not a time with an offset, as in 2026-06-15T14:30:00+02:00"
        )
    try:
        offset = offset_of(found[7], found[8], found[9])
        local = datetime(*(int(part) for part in found.groups()[:6]), tzinfo=offset)  # type: ignore[arg-type,misc]
        seconds = int(local.astimezone(UTC).timestamp())
    except (ValueError, OverflowError) as error:
        raise InputError(f"{excerpt(text)} is not a time: {error}") from error
    if not 0 <= seconds <= PERIOD_MAX * SECONDS:
        raise InputError(f"{excerpt(text)} is out of range; check the year")
    return seconds
