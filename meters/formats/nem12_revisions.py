"""NEM12's revisions: of two records of one channel and day, the one updated later stands.

>>> from meters.formats.nem12_days import DayRecord, read_day, read_stream
>>> from meters.readings import Place
>>> stream = read_stream(2, "200,4001234567,E1,,E1,,,kWh,30,".split(","))
>>> revisions = Revisions()
>>> for line, value, updated in ((3, "0.1", "20260616010000"), (4, "0.2", "20260617010000")):
...     cells = ["300", "20260615", *[value] * 48, "A", "", "", updated, ""]
...     assert not list(revisions.add(stream, read_day(stream, DayRecord(Place(line, 0, 0), cells))))
>>> {block.wh[0] for block in revisions.close_meter()}
{200}
"""

from collections.abc import Iterator
from dataclasses import replace
from hashlib import blake2b
from itertools import groupby
from typing import NamedTuple

from ledger.errors import InputError
from meters.formats.nem12_days import MISSING, Day, Stream
from meters.readings import Block, Channel, Refusal

DAYS_PER_METER_MAX = 50_000
"""Most days held for one meter: 15 years of nine channels."""


class _Before(NamedTuple):
    line: int
    updated: int
    content: bytes


class Revisions:
    """Holds a meter's days until another meter begins, since a later record may revise them.

    Of the meters that are done, only each day's line, update time and digest are kept: a
    revision that comes so late is refused, since what it revises has left already.
    """

    def __init__(self) -> None:
        self._nmi = ""
        self._days: dict[tuple[str, Channel, int], Day] = {}
        self._done: dict[tuple[str, Channel], dict[int, _Before]] = {}

    def begin_meter(self, nmi: str) -> Iterator[Block | Refusal]:
        """Note that records of this meter follow; yield the meter before it, if it is another."""
        if nmi != self._nmi:
            yield from self.close_meter()
            self._nmi = nmi

    def add(self, stream: Stream, day: Day) -> Iterator[Refusal]:
        """Take a day of the current meter; yield a refusal if it contradicts an earlier one.

        Raises:
            InputError: the meter has more days than can be held.
        """
        if stream.channel is None:
            return
        key = (stream.meter, stream.channel, day.first)
        held = self._days.get(key)
        done = self._done.get((stream.meter, stream.channel), {}).get(day.first)
        before = _before(held) if held is not None else done
        if before is None:
            if len(self._days) >= DAYS_PER_METER_MAX:
                raise InputError(
                    f"line {day.place.line}: meter {stream.nmi} has more than"
                    f" {DAYS_PER_METER_MAX:,} days; split the file"
                )
            self._days[key] = day
        elif day.updated < before.updated:
            return
        elif _content(day) == before.content:
            if held is not None:
                self._days[key] = replace(held, updated=day.updated)
            else:
                done_days = self._done[stream.meter, stream.channel]
                done_days[day.first] = before._replace(updated=day.updated)
        elif day.updated == before.updated:
            yield Refusal(
                day.place.line,
                f"says other values for {stream.nmi} {stream.suffix} than line {before.line},"
                " which has the same day and update time and was taken; ask which is right",
            )
        elif held is not None:
            self._days[key] = day
        else:
            yield Refusal(
                day.place.line,
                f"revises line {before.line}, which was taken before another meter's records"
                " began; read this record from a file of its own, or put a meter's records"
                " together",
            )

    def close_meter(self) -> Iterator[Block | Refusal]:
        """Yield the meter's days, each as its latest record has it, and its gaps."""
        days, self._days = self._days, {}
        for (meter, channel, first), day in days.items():
            self._done.setdefault((meter, channel), {})[first] = _before(day)
            yield from day.gaps
            yield from _blocks(meter, channel, day)


def _blocks(meter: str, channel: Channel, day: Day) -> Iterator[Block]:
    """Yield the day's readings: one block, or several around gaps."""
    if MISSING not in day.whs:
        yield Block(meter, channel, day.first, day.whs, day.qualities, day.place)
        return
    for present, group in groupby(enumerate(day.whs), lambda each: each[1] != MISSING):
        if present:
            begin, *more = (place for place, _ in group)
            here = slice(begin, begin + 1 + len(more))
            first = day.first + begin
            yield Block(meter, channel, first, day.whs[here], day.qualities[here], day.place)


def _before(day: Day) -> _Before:
    return _Before(day.place.line, day.updated, _content(day))


def _content(day: Day) -> bytes:
    return blake2b(day.whs.tobytes() + day.qualities.encode(), digest_size=16).digest()
