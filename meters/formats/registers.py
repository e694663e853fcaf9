"""Running totals into half-hours: what a register advanced between one boundary and the next.

A boundary's value is the read at that instant. Where reads stand close around it, it is the value
on the line between them, in whole Wh; at so short a distance that is as good as a read, so the
half-hour counts as actual. Any other boundary is not known: its half-hours stay gaps, and one
advance says what the hole holds. So what is yielded of an unbroken run of reads adds up to its
last read less its first, to the Wh; these two are yielded as well.

A register that goes back or leaps was reset, exchanged or misread: that read is refused, and the
next one begins a new run. Whether a register rolled over is not guessed.

>>> place = Place(1, 0, 80)
>>> register = Register("h1", Channel.IMPORT)
>>> for at, wh in ((1781526600, 7000), (1781528395, 7400), (1781528405, 7420)):
...     for item in register.add(RegisterRead("h1", Channel.IMPORT, at, wh, place)):
...         print(item.as_json() if isinstance(item, RegisterRead) else item.wh)
{'meter': 'h1', 'channel': 'import', 'at': '2026-06-15T12:30:00Z', 'register_wh': 7000}
(410,)
>>> [item.wh for item in register.close()]
[10, 7420]
"""

from collections.abc import Iterator
from typing import NamedTuple

from ledger.errors import InputError
from ledger.primitives.periods import SECONDS, utc_text
from meters.readings import ACTUAL, Advance, Block, Channel, Place, Quality, Refusal, RegisterRead

BOUNDARY_SECONDS_MAX = 60
"""Reads this close around a boundary tell its value. Meters send theirs each 1 to 30 s, so one
or two may be lost; at 10 kW a minute is 167 Wh, and the error of the line a part of that, which
the next half-hour makes up for."""

HALF_HOUR_WH_MAX = 100_000
"""Most energy of a half-hour: 200 kW, three phases of 290 A. More is another meter or a reset."""

APART_SECONDS_MAX = 400 * 86_400
"""Longest time between two reads: a later one is of a clock that is wrong, and taking it would
refuse all that follow."""

REGISTERS_MAX = 20_000
"""Most registers of a file: import and export of 10,000 meters."""


class _Known(NamedTuple):
    """A point of the register's curve: a boundary, or the first read of a run."""

    at: int
    wh: int
    place: Place


class Register:
    """The register of one meter and channel; reads come in the order of time.

    Args:
        meter: as the file names it.
        channel: which way the energy flowed.
    """

    def __init__(self, meter: str, channel: Channel) -> None:
        self._slot = (meter, channel)
        self._first: RegisterRead | None = None  # of the run
        self._last: RegisterRead | None = None  # of the run
        self._latest = -1  # the time of the last read taken in any run
        self._known: _Known | None = None

    def add(self, read: RegisterRead) -> Iterator[Block | Advance | RegisterRead | Refusal]:
        """Take the next read; yield what it completes, or why it is refused."""
        last = self._last
        if last is not None and (read.at, read.wh) == (last.at, last.wh):
            return
        if reason := self._mistimed(read):
            yield Refusal(read.place.line, reason)
            return
        self._latest = read.at
        if reason := self._unfit(read):
            yield Refusal(read.place.line, reason)
            yield from self.close()
            return
        if last is None:
            yield read
            self._first = read
            self._known = _Known(read.at, read.wh, read.place)
        else:
            yield from self._reach(last, read)
        self._last = read

    def close(self) -> Iterator[Block | Advance | RegisterRead | Refusal]:
        """End the run: yield what stands after its last boundary, and its last read."""
        last, known = self._last, self._known
        if last is not None and known is not None:
            if last.at > known.at:
                yield self._between(known, last, last.at, last.wh)
            if last is not self._first:
                yield last
        self._first = self._last = self._known = None

    def _mistimed(self, read: RegisterRead) -> str:
        """Return why a read's time cannot be, or nothing."""
        what = f"{self._slot[0]} {self._slot[1]} {utc_text(read.at)}"
        last = self._last
        if last is not None and read.at == last.at:
            return (
                f"{what} says {read.wh:,} Wh, but line {last.place.line} said {last.wh:,} Wh at"
                " the same time and was taken; leave one of the two"
            )
        if read.at <= self._latest:
            return (
                f"{what} is not after {utc_text(self._latest)}, the read before it; the meter's"
                " clock went back, or the lines are not in the order of time"
            )
        if self._latest >= 0 and read.at > self._latest + APART_SECONDS_MAX:
            return (
                f"{what} is more than {APART_SECONDS_MAX // 86_400} days after"
                f" {utc_text(self._latest)}, the read before it; the meter's clock is wrong, or"
                " the file is of two times: split it"
            )
        return ""

    def _unfit(self, read: RegisterRead) -> str:
        """Return why a read's total cannot follow the one before it, or nothing."""
        what = f"{self._slot[0]} {self._slot[1]} {utc_text(read.at)}"
        last = self._last
        if last is None:
            return ""
        advance = read.wh - last.wh
        if advance < 0:
            return (
                f"{what}: the register went back from {last.wh:,} to {read.wh:,} Wh; it was reset"
                " or exchanged, so counting begins anew after this read"
            )
        if advance > _most(read.at - last.at):
            return (
                f"{what}: the register leapt by {advance:,} Wh in {read.at - last.at:,} s, more"
                f" than {HALF_HOUR_WH_MAX:,} Wh a half-hour; it was reset or exchanged, so counting"
                " begins anew after this read"
            )
        return ""

    def _reach(self, last: RegisterRead, read: RegisterRead) -> Iterator[Block | Advance | Refusal]:
        """Yield what two reads that follow each other complete."""
        boundary = read.at // SECONDS * SECONDS
        known = self._known
        if boundary <= last.at or known is None:
            return
        seconds = read.at - last.at
        if boundary == read.at:
            wh, place = read.wh, read.place
        elif seconds <= BOUNDARY_SECONDS_MAX:
            part = (read.wh - last.wh) * (boundary - last.at)
            wh, place = last.wh + (2 * part + seconds) // (2 * seconds), last.place
        else:
            return
        yield self._between(known, read, boundary, wh)
        self._known = _Known(boundary, wh, place)

    def _between(
        self, known: _Known, read: RegisterRead, end: int, wh: int
    ) -> Block | Advance | Refusal:
        """Return what stands between a known point and another, read from `known` to `read`."""
        meter, channel = self._slot
        line, offset, _ = known.place
        place = Place(line, offset, read.place.offset + read.place.length - offset)
        advance = wh - known.wh
        if advance > _most(end - known.at):
            return Refusal(
                line,
                f"{meter} {channel} {utc_text(known.at)} to {utc_text(end)} would hold"
                f" {advance:,} Wh, more than {HALF_HOUR_WH_MAX:,} Wh a half-hour; check the meter",
            )
        if known.at % SECONDS == 0 and end == known.at + SECONDS:
            return Block(meter, channel, known.at // SECONDS, (advance,), ACTUAL, place)
        return Advance(meter, channel, known.at, end, advance, Quality.ACTUAL, place)


class Registers:
    """The registers of a file."""

    def __init__(self) -> None:
        self._registers: dict[tuple[str, Channel], Register] = {}

    def add(self, read: RegisterRead) -> Iterator[Block | Advance | RegisterRead | Refusal]:
        """Take the next read of the file; yield what it completes, or why it is refused.

        Raises:
            InputError: the file has too many registers.
        """
        slot = (read.meter, read.channel)
        register = self._registers.get(slot)
        if register is None:
            if len(self._registers) >= REGISTERS_MAX:
                raise InputError(f"the file has more than {REGISTERS_MAX:,} registers; split it")
            register = self._registers[slot] = Register(*slot)
        yield from register.add(read)

    def close(self) -> Iterator[Block | Advance | RegisterRead | Refusal]:
        """Yield what still waits when the file ends, in order."""
        for slot in sorted(self._registers):
            yield from self._registers[slot].close()


def _most(seconds: int) -> int:
    """Return the most energy of a time, each half-hour that it touches counted whole."""
    return HALF_HOUR_WH_MAX * -(-seconds // SECONDS)
