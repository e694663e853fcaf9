"""NEM12's channels and days: the content of 200, 300 and 400 records.

Energy is summed exactly in billionths of the file's unit. The running sum of a day is
rounded to whole Wh at the end of each half-hour, so fractions of a Wh are carried into the
next half-hour and the day's total is right to half a Wh.

>>> stream = read_stream(2, "200,4001234567,E1,,E1,,,kWh,15,".split(","))
>>> record = DayRecord(Place(3, 80, 700), ["300", "20260615", *["0.0003"] * 96, "A", "", "", "", ""])
>>> day = read_day(stream, record)
>>> list(day.whs[:4]), sum(day.whs)  # 0.6 Wh each, 28.8 in all
([1, 0, 1, 0], 29)
"""

import re
from array import array
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from itertools import accumulate
from operator import sub

from ledger.errors import InputError
from ledger.primitives.energy import WH_MAX
from ledger.primitives.periods import PERIOD_MAX
from meters.formats.lines import excerpt
from meters.readings import ACTUAL, ESTIMATED, Channel, Place, Refusal

PARTS_MAX = 288
"""Most 400 records of a day: one for each five minutes."""

VALUES_KEPT_MAX = 200_000
"""Texts of values whose number is remembered: meters repeat themselves."""

PERIODS_PER_DAY = 48

MISSING = -1
"""Stands for the Wh of a half-hour without data."""

_UTC_AHEAD_PERIODS = 20
_DAY_MINUTES = 1440
_EPOCH = date(1970, 1, 1).toordinal()
_VALUE_PLACES = 9
_DIRECTIONS = {"E": Channel.IMPORT, "B": Channel.EXPORT}
_ENERGY_PLACES = {"wh": 0, "kwh": 3, "mwh": 6}
_OTHER_UNITS = frozenset(
    [
        "mvarh",
        "kvarh",
        "varh",
        "mvar",
        "kvar",
        "var",
        "mw",
        "kw",
        "w",
        "mvah",
        "kvah",
        "vah",
        "mva",
        "kva",
        "va",
        "kv",
        "v",
        "mv",
        "ka",
        "a",
        "ma",
        "pf",
    ]
)
_MINUTES = (5, 15, 30)
_NMI = re.compile(r"[0-9A-Za-z]{1,10}")
_SUFFIX = re.compile(r"[A-Z][0-9A-Z]")
_WHOLE = re.compile(r"[0-9]{1,4}")
_DATE = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})")
_UPDATED = re.compile(r"[0-9]{12}([0-9]{2})?|")
_QUALITY = re.compile(r"[ANV]|[EFS][0-9]{2}")
_VALUE = re.compile(r"(?=\.?[0-9])([0-9]{0,9})(?:\.([0-9]{0,9}))?")
_OTHER_VALUES = re.compile(r"(?:-?[0-9]{0,12}(?:\.[0-9]{0,12})?,)*")


@dataclass(frozen=True, slots=True)
class Stream:
    """A 200 record: one channel of a meter, until the next 200 record.

    Attributes:
        line: of the record.
        nmi: the meter's national identifier.
        suffix: the channel's, such as ``E1``.
        minutes: length of an interval.
        channel: None if it is not energy through the meter, which is checked but not read.
        unit_places: Wh are the unit times ten to this power.
    """

    line: int
    nmi: str
    suffix: str
    minutes: int
    channel: Channel | None
    unit_places: int

    @property
    def meter(self) -> str:
        """The NMI for a first channel (``E1``, ``B1``), and ``NMI/SUFFIX`` for others."""
        return self.nmi if self.suffix[1] == "1" else f"{self.nmi}/{self.suffix}"


@dataclass(slots=True)
class DayRecord:
    """A 300 record and the 400 records that follow it, not yet read."""

    place: Place
    cells: list[str]
    parts: list[tuple[int, list[str]]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Day:
    """A channel's day: 48 half-hours from `first`; `MISSING` where there is no data."""

    place: Place
    first: int
    updated: int
    whs: "array[int]"
    qualities: str
    gaps: tuple[Refusal, ...]


def read_stream(line: int, cells: list[str]) -> Stream:
    """Read a 200 record.

    Raises:
        InputError: says what is wrong with it.
    """
    if len(cells) < 9 or any(cells[10:]):  # noqa: PLR2004
        raise InputError(
            f"a 200 record has nine fields or ten, this one {len(cells)}; correct the record"
        )
    nmi, suffix, unit, length = cells[1], cells[4], cells[7].lower(), cells[8]
    if _NMI.fullmatch(nmi) is None:
        raise InputError(f"NMI {excerpt(nmi)} is not up to ten letters and digits")
    if _SUFFIX.fullmatch(suffix) is None:
        raise InputError(f"NMI suffix {excerpt(suffix)} is not like E1 or B1")
    minutes = int(length) if _WHOLE.fullmatch(length) else 0
    channel = _DIRECTIONS.get(suffix[0])
    if channel is not None and unit not in _ENERGY_PLACES:
        if unit not in _OTHER_UNITS:
            raise InputError(f"unit {excerpt(cells[7])} of {nmi} {suffix} is not Wh, kWh or MWh")
        channel = None
    if channel is not None and minutes not in _MINUTES:
        raise InputError(
            f"interval length {excerpt(length)} of {nmi} {suffix} is not 5, 15 or 30 minutes"
        )
    if minutes < 1 or _DAY_MINUTES % minutes:
        raise InputError(f"interval length {excerpt(length)} does not divide the day")
    return Stream(line, nmi, suffix, minutes, channel, _ENERGY_PLACES.get(unit, 0))


def read_day(stream: Stream, record: DayRecord) -> Day | None:
    """Read a 300 record with its 400 records; None if the channel is not energy.

    Raises:
        InputError: says why none of the day can be taken.
    """
    count = _DAY_MINUTES // stream.minutes
    cells = record.cells
    first = _first_period(cells[1] if len(cells) > 1 else "")
    _check_count(stream, cells, count)
    quality, _, _, updated = (*cells[2 + count : 6 + count], "", "", "")[:4]
    if _UPDATED.fullmatch(updated) is None:
        raise InputError(
            f"update time {excerpt(updated)} is not YYYYMMDDhhmmss; correct the record"
        )
    flags = _interval_flags(quality, record.parts, count)
    texts = cells[2 : 2 + count]
    if stream.channel is None:
        if _OTHER_VALUES.fullmatch(",".join(texts) + ",") is None:
            raise InputError("holds a value that is not a number; correct the record")
        return None
    whs, qualities = _half_hours(stream, texts, flags)
    return Day(
        place=record.place,
        first=first,
        updated=int(updated.ljust(14, "0")),
        whs=whs,
        qualities=qualities,
        gaps=_gaps(record, quality, count),
    )


def _check_count(stream: Stream, cells: list[str], count: int) -> None:
    tail = cells[2 + count :]
    if tail and _QUALITY.fullmatch(tail[0]) and not any(tail[5:]):
        return
    given = next((i for i, cell in enumerate(cells[2:]) if _QUALITY.fullmatch(cell)), None)
    if given is None:
        raise InputError(
            f"no quality (A, E, F, S, N or V, with a method of two digits after E, F or S)"
            f" follows the {count} values; the record may be cut off"
        )
    if given == count:
        raise InputError(f"has {len(cells)} fields, more than a 300 record of {count} values")
    raise InputError(
        f"holds {given} values, but the 200 record of line {stream.line} says"
        f" {stream.minutes} minutes, which makes {count} a day; ask for the day again"
    )


def _interval_flags(quality: str, parts: list[tuple[int, list[str]]], count: int) -> str:
    """Return the quality flag of each interval, one letter each."""
    flag = quality[0]
    if not parts:
        if flag == "V":
            raise InputError(
                "quality V needs 400 records that say which, and none follows; ask for the"
                " day again"
            )
        return flag * count
    flags = ""
    for line, cells in parts:
        if len(cells) < 4 or any(cells[6:]) or not _QUALITY.fullmatch(cells[3]):  # noqa: PLR2004
            raise InputError(f"its 400 record of line {line} is not 400,first,last,quality")
        if not (_WHOLE.fullmatch(cells[1]) and _WHOLE.fullmatch(cells[2])):
            raise InputError(f"its 400 record of line {line} does not number intervals")
        begin, end, part = int(cells[1]), int(cells[2]), cells[3][0]
        if begin != len(flags) + 1 or not begin <= end <= count:
            raise InputError(
                f"its 400 record of line {line} says intervals {begin} to {end}, but the next"
                f" of the day's {count} is {len(flags) + 1}; ask for the day again"
            )
        if part == "V" or flag not in ("V", part):
            raise InputError(
                f"its 400 record of line {line} says quality {cells[3]}, which does not go"
                f" with {quality} in the 300 record"
            )
        flags += part * (end - begin + 1)
    if len(flags) != count:
        raise InputError(
            f"its 400 records end at interval {len(flags)} of {count}; ask for the day again"
        )
    return flags


def _half_hours(stream: Stream, texts: list[str], flags: str) -> tuple["array[int]", str]:
    """Sum intervals to half-hours of whole Wh, and take the worst quality of each."""
    parts = 30 // stream.minutes
    if "N" in flags:
        # What stands in an interval without data, even a number, is not energy.
        texts = ["0" if flag == "N" else text for text, flag in zip(texts, flags, strict=True)]
    try:
        ends = list(accumulate(map(_WHOLE_WH[stream.unit_places].__getitem__, texts)))
        ends = ends[parts - 1 :: parts]
    except _NotWholeError:
        ends = _rounded_ends(stream, texts, parts)
    wh_list = list(map(sub, ends, [0, *ends]))
    if (largest := max(wh_list)) > WH_MAX:
        raise InputError(f"{largest:,} Wh is beyond {WH_MAX:,} Wh in one half-hour; correct it")
    whs = array("i", wh_list)
    if flags == ACTUAL * len(flags):
        return whs, ACTUAL * PERIODS_PER_DAY
    groups = [flags[i : i + parts] for i in range(0, len(flags), parts)]
    for place, group in enumerate(groups):
        if "N" in group:
            whs[place] = MISSING
    return whs, "".join(ACTUAL if group.strip("A") == "" else ESTIMATED for group in groups)


def _rounded_ends(stream: Stream, texts: list[str], parts: int) -> list[int]:
    """Return the day's running sum at the end of each half-hour, rounded to whole Wh."""
    divisor = 10 ** (_VALUE_PLACES - stream.unit_places)
    ends = list(accumulate(map(_VALUES.__getitem__, texts)))[parts - 1 :: parts]
    return [(total + divisor // 2) // divisor for total in ends]


def _gaps(record: DayRecord, quality: str, count: int) -> tuple[Refusal, ...]:
    where = [(record.place.line, "1", str(count))] if quality == "N" and not record.parts else []
    where += [(line, cells[1], cells[2]) for line, cells in record.parts if cells[3] == "N"]
    return tuple(
        Refusal(
            line,
            f"the meter company has no data (quality N) for intervals {begin} to {end} of"
            f" {record.cells[1]}; their half-hours stay gaps until it sends them",
        )
        for line, begin, end in where
    )


@lru_cache(maxsize=4096)
def _first_period(text: str) -> int:
    found = _DATE.fullmatch(text)
    try:
        if found is None:
            raise ValueError
        day = date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        raise InputError(f"date {excerpt(text)} is not YYYYMMDD; correct the record") from None
    first = (day.toordinal() - _EPOCH) * PERIODS_PER_DAY - _UTC_AHEAD_PERIODS
    if not 0 <= first <= PERIOD_MAX - PERIODS_PER_DAY:
        raise InputError(f"date {text} is out of range; check the year")
    return first


class _Values(dict[str, int]):
    """Text of a value to billionths of its unit, exact."""

    def __missing__(self, text: str) -> int:
        found = _VALUE.fullmatch(text)
        if found is None:
            raise InputError(
                f"value {excerpt(text)} is not a number from 0 with up to nine digits on either"
                " side of the point; correct the record"
            )
        value = int(found[1] + (found[2] or "").ljust(_VALUE_PLACES, "0"))
        if len(self) >= VALUES_KEPT_MAX:
            self.clear()
        self[text] = value
        return value


class _NotWholeError(Exception):
    """A value has a fraction of a Wh: the day is summed in billionths of its unit."""


class _WholeWh(dict[str, int]):
    """Text of a value to its Wh, for the days that have whole Wh throughout: nearly all."""

    def __init__(self, unit_places: int) -> None:
        self._divisor = 10 ** (_VALUE_PLACES - unit_places)

    def __missing__(self, text: str) -> int:
        wh: int
        wh, rest = divmod(_VALUES[text], self._divisor)
        if rest:
            raise _NotWholeError
        if len(self) >= VALUES_KEPT_MAX:
            self.clear()
        self[text] = wh
        return wh


_VALUES = _Values()
_WHOLE_WH = {places: _WholeWh(places) for places in _ENERGY_PLACES.values()}
