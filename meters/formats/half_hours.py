r"""Intervals of any length into half-hours: finer ones are summed exactly, coarser ones are not.

A day of UTC is put together before it is yielded, so the order of rows does not matter. Each
half-hour's sum is exact and then rounded to whole Wh, half to even, by itself: what a file says of
a half-hour must not depend on where the file begins, or an overlapping file would look like a
correction. An hour is refused, or split in two and
marked as interpolated if whoever imports the file asks for it. Anything longer is an advance.

>>> halves = HalfHours(ReadOptions())
>>> for start in (0, 900):
...     part = Part(989737 * 1800 + start, 900, 206 * NANOJOULES_PER_WH, "A", Place(2, 0, 20))
...     assert not list(halves.add("h1", Channel.IMPORT, part))
>>> [(block.first, block.wh) for block in halves.close()]
[(989737, (412,))]
"""

import re
from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from ledger.errors import InputError
from ledger.primitives.apportion import apportion
from ledger.primitives.energy import UNIT_EXPONENTS, WH_MAX
from ledger.primitives.periods import PERIOD_MAX, SECONDS, utc_text
from meters.formats.lines import ReadOptions, excerpt
from meters.formats.taken import Taken
from meters.readings import Advance, Block, Channel, Place, Quality, Refusal

NANOJOULES_PER_WH = 3_600_000_000_000
"""Unit in which intervals are summed: watts times seconds and decimals of a Wh are whole in it."""

INTERPOLATED = Quality.INTERPOLATED.letter

DAYS_HELD_MAX = 20_000
"""Most days that wait for more of their rows: 50 years of one meter."""

PARTS_MAX = 1440
"""Most intervals of a day: one a minute."""

_DAY_S = 86_400
_HOUR_S = 3600
_ADVANCE_SECONDS_MAX = 400 * _DAY_S
_NUMBER = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,2})?")
_RANKS = {quality.letter: quality.rank for quality in Quality}

_Slot = tuple[str, Channel]


class Part(NamedTuple):
    """An interval of a file.

    Attributes:
        begin: seconds since the Unix epoch.
        seconds: its length.
        energy: nanojoules from 0 (`NANOJOULES_PER_WH`).
        letter: its quality.
        place: where it stands.
    """

    begin: int
    seconds: int
    energy: int
    letter: str
    place: Place


@lru_cache(maxsize=65_536)
def nanojoules(text: str, unit: str) -> int:
    """Read a decimal number of energy exactly; an exponent as JSON writes it is taken.

    Args:
        text: a number from 0.
        unit: ``Wh``, ``kWh`` or ``MWh`` in any case.

    Raises:
        InputError: not a number from 0, an unknown unit, or more decimals than energy has.
    """
    exponent = UNIT_EXPONENTS.get(unit.lower())
    if exponent is None:
        raise InputError(f"unit {excerpt(unit)} is not energy; use Wh, kWh or MWh")
    if text.startswith("-") and _NUMBER.fullmatch(text[1:]):
        raise InputError(
            f"{text} {unit} is negative; energy fed into the grid belongs to channel export"
        )
    if _NUMBER.fullmatch(text) is None:
        raise InputError(f"{excerpt(text)} is not a plain decimal number from 0")
    scaled = Decimal(text).scaleb(exponent)
    if scaled > WH_MAX:
        raise InputError(f"{text} {unit} is beyond {WH_MAX:,} Wh in one interval")
    # Beyond a billionth of a Wh stands only what binary floats leave behind.
    return int(scaled.quantize(Decimal("1e-9")).scaleb(9)) * (NANOJOULES_PER_WH // 10**9)


def whole_wh(energy: int) -> int:
    """Round nanojoules to whole Wh, half to even: over many half-hours no side is favoured.

    >>> [whole_wh(halves * NANOJOULES_PER_WH // 2) for halves in (1, 2, 3, 5)]
    [0, 1, 2, 2]
    """
    wh, rest = divmod(energy, NANOJOULES_PER_WH)
    return wh + (2 * rest > NANOJOULES_PER_WH or (2 * rest == NANOJOULES_PER_WH and wh % 2))


class HalfHours:
    """Puts the intervals of a file together.

    Args:
        options: whether hours may be split.
    """

    def __init__(self, options: ReadOptions) -> None:
        self._split = options.split
        self._days: dict[tuple[_Slot, int], dict[int, Part]] = {}
        self._seconds: dict[tuple[_Slot, int], int] = {}
        self._taken = Taken()

    def add(self, meter: str, channel: Channel, part: Part) -> Iterator[Block | Advance | Refusal]:
        """Take an interval; yield what it completes, or why it is refused."""
        if reason := _unfit(part):
            yield Refusal(part.place.line, reason)
        elif part.seconds > _HOUR_S:
            yield _advance(meter, channel, part)
        elif part.seconds <= SECONDS:
            yield from self._hold((meter, channel), part)
        elif self._split:
            for half in _halves(part):
                yield from self._hold((meter, channel), half)
        else:
            yield Refusal(
                part.place.line,
                f"{utc_text(part.begin)} is an interval of {part.seconds // 60} minutes, of which"
                " no half-hour is known; ask for half-hourly data, or have it split into equal"
                " halves, marked as interpolated, with --split",
            )

    def close(self) -> Iterator[Block | Advance | Refusal]:
        """Yield what still waits when the file ends, in order."""
        for key in sorted(self._days):
            yield from self._flush(key)

    def _hold(self, slot: _Slot, part: Part) -> Iterator[Block | Refusal]:
        key = (slot, part.begin // _DAY_S)
        day = self._days.setdefault(key, {})
        before = day.setdefault(part.begin, part)
        if before is not part:
            if (before.seconds, before.energy, before.letter) != part[1:4]:
                yield Refusal(
                    part.place.line,
                    f"{slot[0]} {slot[1]} {utc_text(part.begin)} has another value than line"
                    f" {before.place.line}, which was taken; leave one of the two",
                )
            return
        held = self._seconds[key] = self._seconds.get(key, 0) + part.seconds
        if held >= _DAY_S or len(day) > PARTS_MAX:
            yield from self._flush(key)
        elif len(self._days) > DAYS_HELD_MAX:
            yield from self._flush(next(iter(self._days)))

    def _flush(self, key: tuple[_Slot, int]) -> Iterator[Block | Refusal]:
        """Yield a day's half-hours, as blocks of what stands together in the file."""
        parts = [part for _, part in sorted(self._days.pop(key).items())]
        self._seconds.pop(key, None)
        meter, channel = key[0]
        for period, group in _by_half_hour(parts):
            if reason := _incomplete(group):
                yield Refusal(group[0].place.line, reason)
                continue
            wh = whole_wh(sum(part.energy for part in group))
            if wh > WH_MAX:
                yield Refusal(
                    group[0].place.line,
                    f"{wh:,} Wh is beyond {WH_MAX:,} Wh in one half-hour; correct it",
                )
                continue
            letter = max((part.letter for part in group), key=_RANKS.__getitem__)
            item = self._taken.take(meter, channel, period, wh, letter, _span(group))
            if item is not None:
                yield item


def _unfit(part: Part) -> str:
    """Return why an interval is no part of half-hours, or nothing."""
    if part.begin < 0 or part.begin + part.seconds > PERIOD_MAX * SECONDS:
        return f"the interval at {part.begin:,} s is out of range; check the year"
    if part.seconds < 1 or part.seconds > _ADVANCE_SECONDS_MAX:
        return f"an interval of {part.seconds:,} seconds is not between a second and 400 days"
    if part.seconds <= SECONDS and (SECONDS % part.seconds or part.begin % part.seconds):
        return (
            f"{utc_text(part.begin)} is an interval of {part.seconds} seconds, which does not fit"
            " into half-hours of UTC"
        )
    if SECONDS < part.seconds <= _HOUR_S and (part.seconds % SECONDS or part.begin % SECONDS):
        return f"{utc_text(part.begin)} is not on the half-hour"
    return ""


def _advance(meter: str, channel: Channel, part: Part) -> Advance | Refusal:
    wh = whole_wh(part.energy)
    quality = Quality.from_letter(part.letter)
    return Advance(meter, channel, part.begin, part.begin + part.seconds, wh, quality, part.place)


def _halves(part: Part) -> list[Part]:
    """Split an interval of two half-hours into equal ones of whole Wh where it is whole Wh."""
    wh, rest = divmod(part.energy, NANOJOULES_PER_WH)
    energies = [whole * NANOJOULES_PER_WH for whole in apportion(wh, [1, 1], lambda index: index)]
    energies[1] += rest
    letter = max((INTERPOLATED, part.letter), key=_RANKS.__getitem__)
    return [
        Part(part.begin + index * SECONDS, SECONDS, energy, letter, part.place)
        for index, energy in enumerate(energies)
    ]


def _by_half_hour(parts: list[Part]) -> Iterator[tuple[int, list[Part]]]:
    groups: dict[int, list[Part]] = {}
    for part in parts:
        groups.setdefault(part.begin // SECONDS, []).append(part)
    yield from groups.items()


def _incomplete(group: list[Part]) -> str:
    """Return why the parts do not make up their half-hour, or nothing."""
    end = group[0].begin // SECONDS * SECONDS
    for part in group:
        if part.begin < end:
            return f"{utc_text(part.begin)} overlaps the interval before it; ask for the data again"
        if part.begin > end:
            break
        end += part.seconds
    if end % SECONDS or end == group[0].begin // SECONDS * SECONDS:
        minutes = sum(part.seconds for part in group) / 60
        return (
            f"the half-hour of {utc_text(group[0].begin // SECONDS * SECONDS)} has {minutes:g} of"
            " its 30 minutes, so nothing of it was taken; ask for the rest"
        )
    return ""


def _span(group: list[Part]) -> Place:
    """Return the place from the first of the parts in the file to the last."""
    first = min(group, key=lambda part: part.place.offset).place
    end = max(part.place.offset + part.place.length for part in group)
    return Place(first.line, first.offset, end - first.offset)
