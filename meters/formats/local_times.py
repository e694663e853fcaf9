"""Times as files write them: with an offset, or as a local clock showed them.

An hour that the clock skipped in spring is refused. An hour that it showed twice in autumn
is told apart only by the order of a meter's rows, when both are there; one alone is refused,
because either could be meant.

>>> times = TimeReader("Europe/London", "start")
>>> times.read("2026-06-15 13:30").periods, times.read("2026-06-15T13:30+02:00").periods
((989737,), (989735,))
>>> times.read("2026-10-25T01:30").periods
(996049, 996051)
"""

import re
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import Generic, Literal, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from ledger.errors import InputError
from ledger.primitives.periods import PERIOD_MAX, SECONDS, from_instant, load_zone
from meters.formats.lines import excerpt
from meters.readings import Refusal

TIMES_KEPT_MAX = 100_000
"""Times whose reading is remembered: two years of half-hours are met once per meter."""

ONE_NIGHT = timedelta(hours=12)
"""Rows of a repeated hour further apart than this are of different years."""

HELD_MAX = 48
"""Rows of repeated hours held for one key: a night has four, the rest is a broken file."""

_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d))?(?:(Z)|([+-])(\d\d):?(\d\d))?", re.ASCII
)

RowT = TypeVar("RowT")


@dataclass(frozen=True, slots=True)
class FileTime:
    """A time of a file, and what it can mean.

    Attributes:
        local: what the clock showed, or None if the file gave an offset.
        periods: one, or two for an hour that the clock showed twice (the earlier first);
            half-hours as `TimeReader` reads them, seconds as `InstantReader` does.
    """

    local: datetime | None
    periods: tuple[int, ...]


OFFSET_MIN, OFFSET_MAX = timedelta(hours=-12), timedelta(hours=14)
"""Offsets of clocks on Earth: Baker Island and Kiribati."""


def offset_of(sign: str | None, hours: str | None, minutes: str | None) -> timezone:
    """Return an offset as a time is written with it; ``Z`` has no parts.

    Raises:
        ValueError: no clock on Earth has it.
    """
    ahead = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    ahead = -ahead if sign == "-" else ahead
    if int(minutes or 0) > 59 or not OFFSET_MIN <= ahead <= OFFSET_MAX:  # noqa: PLR2004 - of an hour
        raise ValueError(f"no clock is {sign}{hours}:{minutes} from UTC")
    return timezone(ahead)


class InstantReader:
    """Reads times of one file as seconds since the Unix epoch, whatever their intervals are.

    Args:
        zone: clock of times without an offset; None refuses them.
        advice: what to do about a time without an offset.
    """

    def __init__(self, zone: str | None, advice: str = "ask for times with an offset") -> None:
        self._zone = None if zone is None else load_zone(zone)
        self._advice = advice
        self.read = lru_cache(maxsize=TIMES_KEPT_MAX)(self._read)

    def _read(self, text: str) -> FileTime:
        """Return what a time means.

        Raises:
            InputError: not a time, without a declared zone, skipped by the clock, out of range
                or, from `TimeReader`, off the half-hour.
        """
        found = _TIME.fullmatch(text)
        if found is None:
            raise InputError(f"{excerpt(text)} is not a time; write it as 2026-06-15T12:30Z")
        try:
            local = datetime(*(int(part or 0) for part in found.groups()[:6]))  # type: ignore[arg-type]  # noqa: DTZ001
            zulu, sign, hours, minutes = found.groups()[6:]
            if zulu or sign:
                offset = offset_of(sign, hours, minutes)
                return FileTime(None, (self._number(text, local.replace(tzinfo=offset)),))
            return FileTime(local, self._local_numbers(text, local))
        except (ValueError, OverflowError) as error:
            raise InputError(f"{text!r} is not a time: {error}") from error

    def _local_numbers(self, text: str, local: datetime) -> tuple[int, ...]:
        if self._zone is None:
            raise InputError(f"{text!r} has no offset; {self._advice}")
        first, second = (_utc(local, self._zone, fold) for fold in (0, 1))
        if first == second:
            return (self._number(text, first),)
        if first.astimezone(self._zone).replace(tzinfo=None) != local:
            raise InputError(
                f"{text!r} did not happen in {self._zone.key}: the clock skipped it;"
                " check the file's zone, or write times with an offset"
            )
        return self._number(text, first), self._number(text, second)

    def _number(self, text: str, instant: datetime) -> int:
        """Return the instant as the reader counts; `text` is for errors."""
        seconds = (instant - datetime.fromtimestamp(0, UTC)) // timedelta(seconds=1)
        if not 0 <= seconds <= PERIOD_MAX * SECONDS:
            raise InputError(f"{text!r} is out of range; check the year")
        return seconds


class TimeReader(InstantReader):
    """Reads times of one file as half-hours.

    Args:
        zone: clock of times without an offset; None refuses them.
        label: whether a time is its half-hour's start or end.
    """

    def __init__(self, zone: str | None, label: Literal["start", "end"]) -> None:
        super().__init__(
            zone,
            "declare the file's zone, as in Europe/London, or end each time with Z",
        )
        self._periods_back = 1 if label == "end" else 0

    def _number(self, text: str, instant: datetime) -> int:
        try:
            period = from_instant(instant) - self._periods_back
        except InputError as error:
            if instant.astimezone(UTC).timestamp() % SECONDS:
                raise InputError(
                    f"{text!r} is not on the half-hour; only half-hours that begin at minute"
                    " 00 or 30 of UTC can be traded"
                ) from error
            raise InputError(f"{text!r} is out of range; check the year") from error
        if period < 0:
            raise InputError(f"{text!r} is out of range; check the year")
        return period


def _utc(local: datetime, zone: ZoneInfo, fold: int) -> datetime:
    return local.replace(tzinfo=zone, fold=fold).astimezone(UTC)


class Placed(NamedTuple, Generic[RowT]):
    """A row whose period is known."""

    line: int
    period: int
    row: RowT


@dataclass(frozen=True, slots=True)
class _Held(Generic[RowT]):
    line: int
    time: FileTime
    local: datetime
    row: RowT


class AutumnHours(Generic[RowT]):
    """Tells the two hours of an autumn night apart by the order in which rows appear.

    Rows of a repeated hour are held until the same key's next other row, at most two
    hours' worth a key; every other row comes straight back.
    """

    def __init__(self) -> None:
        self._last: dict[Hashable, datetime] = {}
        self._held: dict[Hashable, list[_Held[RowT]]] = {}

    def add(
        self, key: Hashable, line: int, time: FileTime, row: RowT
    ) -> list[Placed[RowT] | Refusal]:
        """Take the key's next row; return the rows settled by it, in order.

        Args:
            key: what has an order of its own, such as a meter and channel.
            line: of the row, for refusals.
            time: of the row.
            row: anything; comes back in `Placed`.
        """
        local = time.local
        held = self._held.get(key)
        if local is None:
            settled = [] if held is None else self._settle(key, None)
            return [*settled, Placed(line, time.periods[0], row)]
        settled = []
        repeated = len(time.periods) > 1
        if held and not (repeated and abs(local - held[0].local) < ONE_NIGHT):
            settled.extend(self._settle(key, local))
        if repeated and held and len(held) >= HELD_MAX:
            settled.append(Refusal(line, _twice_reason(local, HELD_MAX)))
        elif repeated:
            self._held.setdefault(key, []).append(_Held(line, time, local, row))
        else:
            self._last[key] = local
            settled.append(Placed(line, time.periods[0], row))
        return settled

    def close(self) -> Iterator[Placed[RowT] | Refusal]:
        """Settle what is still held when the file ends."""
        for key in list(self._held):
            yield from self._settle(key, None)

    def _settle(self, key: Hashable, following: datetime | None) -> list[Placed[RowT] | Refusal]:
        rows = self._held.pop(key)
        previous = self._last.get(key)
        self._last[key] = rows[-1].local
        counts: dict[datetime, int] = {}
        latest: dict[int, datetime | None] = {0: previous}
        in_order = following is None or all(row.local < following for row in rows)
        turns = []
        for row in rows:
            turn = counts.get(row.local, 0)
            counts[row.local] = turn + 1
            turns.append(turn)
            before = latest.get(turn)
            in_order = in_order and (before is None or before < row.local)
            latest[turn] = row.local
        settled = [
            Placed(row.line, row.time.periods[turn], row.row)
            if in_order and counts[row.local] == len(row.time.periods)
            else Refusal(row.line, _twice_reason(row.local, counts[row.local]))
            for row, turn in zip(rows, turns, strict=True)
        ]
        return sorted(settled, key=lambda item: item.period if isinstance(item, Placed) else -1)


def _twice_reason(local: datetime, count: int) -> str:
    found = {1: "one row has it", 2: "the rows are not in the order of time"}
    return (
        f"the clock showed {local:%Y-%m-%d %H:%M} twice that night, and"
        f" {found.get(count, 'more than two rows have it')}; write these times with an offset,"
        f" as in {local:%Y-%m-%dT%H:%M}+01:00"
    )
