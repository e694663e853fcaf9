"""Days that were sealed, packed until a later run works them out anew.

An audit keeps of each: the version that counts of every reading, what was posted, and what money
there was. Packed, a day of 200 homes takes some tens of kilobytes.

>>> Archive().days
{}
"""

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from meters.readings import Channel, Quality, Slot
from meters.versions import OWN_ESTIMATE, tier
from settlement.errors import UnsoundError
from settlement.gifts import Sold
from settlement.orders import DayFunds
from settlement.postings import NO_ENERGY, Energy, Line

KEPT_PERIODS = 640 * 48
"""How long a sealed day is kept, in half-hours: until no dispute can open it any more."""

Reading = tuple[int, int, int]
"""Of the version that counts: its quality's rank, minus the log position that brought it, Wh."""

Readings = dict[int, dict[Slot, Reading]]
"""Versions that count, by half-hour."""

Batch = tuple[Slot, int, tuple[int, ...], str, int]
"""Readings that came together: slot, first half-hour, Wh, letters of quality, log position."""


def take(
    readings: Readings, slot: Slot, first: int, wh: Sequence[int], quality: str, position: int
) -> None:
    """Take over readings: the best quality counts, then the later version."""
    ranks = {letter: Quality.from_letter(letter).rank for letter in set(quality)}
    for period, (value, letter) in enumerate(zip(wh, quality, strict=True), start=first):
        of_period = readings.setdefault(period, {})
        new, before = (ranks[letter], -position, value), of_period.get(slot)
        of_period[slot] = new if before is None else min(new, before, key=_counting)


def _counting(reading: Reading) -> tuple[int, int]:
    return tier(reading[0]), reading[1]


@dataclass(slots=True)
class PostedDay:
    """What the runs of a day posted, all together.

    Attributes:
        energy: by half-hour.
        units: by half-hour, what each member got; below zero, paid.
        sold: by half-hour, the Wh that each member sold and the units of them.
        totals: by half-hour, as seals show them.
        settlements: by half-hour, the hash of the statement that settled it last.
        held: by half-hour, the units that the first run set aside for each member's order.
    """

    energy: dict[int, Energy] = field(default_factory=dict)
    units: dict[int, dict[str, int]] = field(default_factory=dict)
    sold: dict[int, dict[str, list[int]]] = field(default_factory=dict)
    totals: dict[int, dict[str, int]] = field(default_factory=dict)
    settlements: dict[int, str] = field(default_factory=dict)
    held: Mapping[int, Mapping[str, int]] = field(default_factory=dict)

    def energy_of(self, period: int) -> Energy:
        """Return what is posted of a half-hour's energy."""
        return self.energy.get(period, NO_ENERGY)

    def settle(
        self, period: int, energy: Energy, lines: list[Line], total: dict[str, int], tx_id: str
    ) -> None:
        """Take over what a run made of a half-hour."""
        self.energy[period], self.totals[period] = energy, total
        self.settlements[period] = tx_id
        money = ((line.member, line.sold_units - line.bought_units) for line in lines)
        self.units[period] = {member: units for member, units in money if units}
        self.sold[period] = {
            line.member: [line.sold_wh, line.sold_units] for line in lines if line.sold_wh
        }

    def sold_by(self, member: str) -> Sold:
        """Return what a member sold in the day."""
        found = [some[member] for some in self.sold.values() if member in some]
        return Sold(sum(wh for wh, _ in found), sum(units for _, units in found))


@dataclass(slots=True)
class SealedDay:
    """A day that was sealed.

    Attributes:
        periods: its half-hours.
        codes: the runs that were made, in order.
        seal: hash of the last one's seal.
        funds: what money there was, fixed before the first.
        data: readings and what was posted, packed; None if some of it was erased.
        fresh: readings came while it was run, or estimates of ours are among them.
        late: readings that came since.
        disputes: that led to a run of it.
    """

    periods: range
    codes: tuple[str, ...]
    seal: str
    funds: DayFunds
    data: bytes | None
    fresh: bool
    late: list[Batch] = field(default_factory=list)
    disputes: tuple[str, ...] = ()

    def open(self) -> tuple[Readings, PostedDay]:
        """Return the readings with those that came since, and what was posted.

        Raises:
            UnsoundError: some of it was erased.
        """
        if self.data is None:
            raise UnsoundError("what was posted of the day follows from what was erased")
        readings, posted = unpack(self.periods, self.data)
        for batch in self.late:
            take(readings, *batch)
        return readings, posted


@dataclass
class Archive:
    """All sealed days of a replay."""

    days: dict[date, SealedDay] = field(default_factory=dict)
    day_of: dict[int, date] = field(default_factory=dict)

    def put(self, day: date, sealed: SealedDay, now: int) -> None:
        """Keep a day, and let go of those that nothing can open any more."""
        self.days[day] = sealed
        self.day_of.update(dict.fromkeys(sealed.periods, day))
        for old in [d for d, kept in self.days.items() if now - kept.periods.stop > KEPT_PERIODS]:
            for period in self.days.pop(old).periods:
                del self.day_of[period]


def pack(
    periods: range,
    readings: Mapping[int, Mapping[Slot, Reading]],
    posted: PostedDay,
) -> tuple[bytes, bool]:
    """Pack a day, and say whether any of its readings is an estimate of ours."""
    known: dict[str, list[list[int | None]]] = {}
    fresh = False
    count = len(periods)
    for at, period in enumerate(periods):
        for (meter, channel), (rank, position, wh) in readings.get(period, {}).items():
            columns = known.get(f"{channel} {meter}")
            if columns is None:
                columns = known[f"{channel} {meter}"] = [[None] * count for _ in range(3)]
            columns[0][at], columns[1][at], columns[2][at] = rank, position, wh
            fresh |= rank >= OWN_ESTIMATE
    energy: dict[str, list[int]] = {}
    for at, period in enumerate(periods):
        for (meter, channel), wh in posted.energy[period].readings.items():
            energy.setdefault(f"{channel} {meter}", [0] * count)[at] = wh
    value = {
        "readings": known,
        "energy": energy,
        "grid": [list(posted.energy[period][1:]) for period in periods],
        "units": [posted.units[period] for period in periods],
        "sold": [posted.sold[period] for period in periods],
        "totals": [posted.totals[period] for period in periods],
        "settlements": [posted.settlements[period] for period in periods],
        "held": [posted.held.get(period, {}) for period in periods],
    }
    data = json.dumps(value, separators=(",", ":")).encode()
    return zlib.compress(data, 1), fresh


def unpack(periods: range, data: bytes) -> tuple[Readings, PostedDay]:
    """Return the readings and what was posted of a packed day."""
    value: dict[str, Any] = json.loads(zlib.decompress(data))
    readings: Readings = {period: {} for period in periods}
    for name, (ranks, positions, values) in value["readings"].items():
        slot = _slot(name)
        for period, rank, position, wh in zip(periods, ranks, positions, values, strict=True):
            if rank is not None:
                readings[period][slot] = rank, position, wh
    energy: dict[int, dict[Slot, int]] = {period: {} for period in periods}
    for name, values in value["energy"].items():
        slot = _slot(name)
        for period, wh in zip(periods, values, strict=True):
            energy[period][slot] = wh
    posted = PostedDay(
        {
            period: Energy(energy[period], *grid)
            for period, grid in zip(periods, value["grid"], strict=True)
        },
        dict(zip(periods, value["units"], strict=True)),
        dict(zip(periods, value["sold"], strict=True)),
        dict(zip(periods, value["totals"], strict=True)),
        dict(zip(periods, value["settlements"], strict=True)),
        {period: held for period, held in zip(periods, value["held"], strict=True) if held},
    )
    return readings, posted


def _slot(name: str) -> Slot:
    channel, _, meter = name.partition(" ")
    return meter, Channel(channel)
