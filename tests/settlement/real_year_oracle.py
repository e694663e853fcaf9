"""What a year comes to, worked out a second time and more simply: lists, loops and the specs' own words.

It takes the deliveries as they came, and from the community only what nobody can work out from them: when
each run was made, what money each day had, and our own estimates. It imports nothing of the market or of
settlement.

>>> matched({"a": 100}, {"b": 30, "c": 31}, 7)
({'a': 61}, {'b': 30, 'c': 31})
>>> matched({"a": 5}, {"b": 3, "c": 3}, 7)
({'a': 5}, {'b': 2, 'c': 3})
"""

import hashlib
from calendar import monthrange
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from meters.readings import Channel, Quality, Reading, Slot

SELLS_AT, BUYS_AT, LIMIT = 1420, 1440, 2450
"""Ticks: the middle of 24.30p, what a buyer may pay less the charge, and 4.10p; with the charge of 0.20p."""

SILENT_DAYS, UTC_DAY = 14, 48
DAY_UNITS_MAX = 500_000_000
"""What a mandate allows in a day: fifty pounds."""

Wh = dict[str, int]
Units = dict[str, int]
Flows = tuple[int, int, int, int, int, int, int]
"""Own use, bought, sold, from and to the grid in Wh; units paid and got."""


@dataclass
class Said:
    """What meters and their company said, in the order in which it came."""

    versions: dict[tuple[str, Channel, int], list[tuple[int, int, Quality]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    days: dict[Slot, list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def of(cls, deliveries: Mapping[int, Sequence[Sequence[Reading]]]) -> "Said":
        """Take deliveries, by the half-hour in which they came."""
        said = cls()
        for arrived, batches in sorted(deliveries.items()):
            days = set()
            for batch in batches:
                for r in batch:
                    slot = r.meter, r.channel
                    said.versions[*slot, r.period].append((arrived, r.wh, r.quality))
                    days.add((slot, r.period // UTC_DAY))
            for slot, day in days:
                said.days[slot].append((arrived, day))
        return said

    def best(self, slot: Slot, period: int, until: int) -> int | None:
        """Return the best version that had come by a half-hour, or None: actual first, then the latest."""
        found: dict[Quality, int] = {}
        before = set()
        for arrived, wh, quality in self.versions.get((*slot, period), ()):
            if arrived > until or (wh, quality) in before:
                continue  # not there yet; or an old version once more, which changes nothing
            before.add((wh, quality))
            found[quality] = wh
        return found.get(Quality.ACTUAL, found.get(Quality.ESTIMATED))

    def is_silent(self, slot: Slot, first: int, until: int) -> bool:
        """Return whether nobody had said anything of a slot for two weeks before a half-hour."""
        since = first // UTC_DAY - SILENT_DAYS
        return not any(day >= since for arrived, day in self.days[slot] if arrived <= until)


@dataclass(frozen=True)
class RunKnown:
    """What a run was made from.

    Attributes:
        day: the local day.
        periods: its half-hours.
        until: the half-hour in which the run was made.
        final: it closed the day, or came after that: our estimates of exports count.
        funds: units that each member's orders of the day could take.
        estimates: our own, for what nobody said: Wh by (meter, channel, half-hour).
    """

    day: date
    periods: range
    until: int
    final: bool
    funds: Mapping[str, int]
    estimates: Mapping[tuple[str, Channel, int], int]


@dataclass
class DayWorked:
    """What a day comes to, as one run knew it.

    Attributes:
        lines: by half-hour and member.
        held: units that orders may cost, by half-hour and member.
        metered: Wh by slot.
        capped: bids that a member's money cut: (half-hour, by how many Wh).
        estimated: half-hours of slots for which our estimates stand.
        silent: half-hours of slots that were silent for too long.
    """

    lines: dict[int, dict[str, Flows]] = field(default_factory=dict)
    held: dict[int, Units] = field(default_factory=dict)
    metered: dict[Slot, int] = field(default_factory=lambda: defaultdict(int))
    capped: list[tuple[int, int]] = field(default_factory=list)
    estimated: int = 0
    silent: int = 0


def work_out(
    said: Said,
    known: RunKnown,
    members: Mapping[str, str],
    held: Mapping[int, Mapping[str, int]] | None = None,
) -> DayWorked:
    """Work a day out as a run knew it.

    Args:
        said: all deliveries.
        known: what else the run knew.
        members: by meter.
        held: what the first run set aside, by half-hour and member; None for the first run.
    """
    worked, spent = DayWorked(), defaultdict(int)
    for units in (held or {}).values():
        for member, each in units.items():
            spent[member] += each
    silent = {
        slot: said.is_silent(slot, known.periods.start, known.until)
        for slot in ((meter, channel) for meter in members for channel in Channel)
    }
    for period in known.periods:
        flows = {}
        for meter, member in members.items():
            flows[member] = [0, 0]
            for side, channel in enumerate((Channel.IMPORT, Channel.EXPORT)):
                slot = meter, channel
                wh = _metered(said, known, (slot, period), worked, is_silent=silent[slot])
                worked.metered[slot] += wh
                flows[member][side] = wh
        own = (held or {}).get(period, {})
        worked.lines[period] = _half_hour(period, flows, known.funds, spent, own, worked)
    return worked


def _metered(
    said: Said, known: RunKnown, key: tuple[Slot, int], worked: DayWorked, *, is_silent: bool
) -> int:
    """Return what counts as metered: what was said, else our estimate, else nothing."""
    slot, period = key
    if is_silent:
        worked.silent += 1
        return 0
    wh = said.best(slot, period, known.until)
    if wh is None and (*slot, period) in known.estimates:
        worked.estimated += 1
        counts = known.final or slot[1] is Channel.IMPORT
        wh = known.estimates[*slot, period] if counts else 0
    return wh or 0


def _half_hour(
    period: int,
    flows: Mapping[str, Sequence[int]],
    funds: Mapping[str, int],
    spent: Units,
    own: Mapping[str, int],
    worked: DayWorked,
) -> dict[str, Flows]:
    """Clear a half-hour: every bid within its member's money, all at one price."""
    asks = {m: out - into for m, (into, out) in sorted(flows.items()) if out > into}
    wants = {m: into - out for m, (into, out) in sorted(flows.items()) if into > out}
    supply, bids, held = sum(asks.values()), {}, worked.held.setdefault(period, {})
    for member, wanted in wants.items():
        mine = own.get(member, 0)
        money = mine + max(0, min(funds.get(member, 0), DAY_UNITS_MAX) - spent[member])
        bids[member] = wh = wanted
        if min(wh, supply) * LIMIT > money:
            bids[member] = wh = money // LIMIT
            worked.capped.append((period, min(wanted, supply) - wh))
        held[member] = min(wh, supply) * LIMIT
        spent[member] += max(0, held[member] - mine)
    sells, buys = matched(asks, bids, period)
    lines = {}
    for member, (into, out) in flows.items():
        used, bought, sold = min(into, out), buys.get(member, 0), sells.get(member, 0)
        grid = into - used - bought, out - used - sold
        lines[member] = (used, bought, sold, *grid, bought * BUYS_AT, sold * SELLS_AT)
    return lines


def gift_units(wh_month: int, day: date, lines: Iterable[Flows]) -> int:
    """Return what a member gives of a day: the day's part of the month's Wh, if so much was sold."""
    days = monthrange(day.year, day.month)[1]
    part = wh_month * day.day // days - wh_month * (day.day - 1) // days
    return min(part, sum(line[2] for line in lines)) * SELLS_AT


def matched(asks: Wh, bids: Wh, period: int) -> tuple[Wh, Wh]:
    """Return what each sells and buys: the shorter side all of it, the longer one pro rata."""
    total = min(sum(asks.values()), sum(bids.values()))
    return _shared(asks, total, period), _shared(bids, total, period)


def _shared(orders: Wh, total: int, period: int) -> Wh:
    """Share whole Wh in proportion, the rest by largest remainder, ties by the spec's hash."""
    offered = sum(orders.values())
    if not total:
        return dict.fromkeys(orders, 0)
    shares = {member: wh * total // offered for member, wh in orders.items()}
    missing = total - sum(shares.values())

    def turn(member: str) -> tuple[int, bytes]:
        tie = hashlib.sha256(f'[{period},"{member}"]'.encode()).digest()
        return -(orders[member] * total % offered), tie

    for member in sorted(orders, key=turn)[:missing]:
        shares[member] += 1
    return shares
