"""Faults of meters, seeded: what comes late, never, wrong, swapped, twice or in another order. Pure.

True readings go in; deliveries come out, each with the half-hour in which it arrives. How often each
kind happens is a constant here, with its reason; every meter-day has at most one fault.

>>> Rates().late_days
(1, 80)
"""

import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from ledger.primitives.periods import load_zone, local_date, of_local_day
from meters.readings import Channel, Quality, Reading

ARRIVES = 10
"""Half-hours after a local day's end at which its readings come: five in the morning, before II."""

DAY = 48
"""Half-hours of a day of delay."""

WRONG_FACTOR = 2
"""A wrong reading is so many times the true one, and some: far enough off to move money."""

OTHER = {Channel.IMPORT: Channel.EXPORT, Channel.EXPORT: Channel.IMPORT}

MeterDay = tuple[str, date]
"""A meter and a local day."""


@dataclass(frozen=True)
class Rates:
    """How often each fault happens, as a part of all meter-days, at least once; and how long it lasts.

    Attributes:
        late: one meter-day of 200: dozens come after SF, and after R1, and most days are as they were.
        late_days: from the next day to ten days before RF: an adapter that was out.
        too_late: days after RF closed the day, and in time for a dispute.
        too_late_count: two that a dispute is raised about, and others that stay outside.
        hours: one meter-day of 400 has a gap of hours in one channel: a radio that was jammed.
        hours_long: half-hours of such a gap; four or less is filled by a straight line, more is not.
        days: one meter-day of 1,000 never comes at all.
        fortnights: homes without a word for as long as one may be silent and still trade on estimates.
        fortnight: its days.
        dead: days before the end from which one meter says nothing any more: 14 of them are estimated,
            then it trades no more.
        wrong: one meter-day of 200 has a few half-hours wrong at first.
        wrong_long: so many of them.
        company: one meter-day of 600 comes as the meter company's own estimate, and then as read.
        worse: one meter-day of 1,000 comes as read, and then as the company's estimate, which must not count.
        corrected_days: when a correction comes: before SF, R1 or RF.
        swaps: homes whose import and export are swapped for a week: an electrician's classic.
        swap: its days.
        swap_corrected: days after the swap's end at which it is put right: after SF, before R1.
        twice: one meter-day of 100 is delivered again, weeks later: an adapter's retry.
        stale: of the corrections, one of two is followed by the old version once more.
        halves: one meter-day of 400 comes in two batches, the afternoon a day before the morning.
    """

    late: float = 1 / 200
    late_days: tuple[int, int] = (1, 80)
    too_late: tuple[int, int] = (91, 110)
    too_late_count: int = 6
    hours: float = 1 / 400
    hours_long: tuple[int, int] = (2, 12)
    days: float = 1 / 1000
    fortnights: int = 1
    fortnight: int = 14
    dead: int = 21
    wrong: float = 1 / 200
    wrong_long: tuple[int, int] = (1, 4)
    company: float = 1 / 600
    worse: float = 1 / 1000
    corrected_days: tuple[int, int] = (2, 80)
    swaps: int = 2
    swap: int = 7
    swap_corrected: int = 12
    twice: float = 1 / 100
    stale: float = 1 / 2
    halves: float = 1 / 400


@dataclass
class Plan:
    """What comes when.

    Attributes:
        deliveries: by the half-hour in which they come, in the order in which they come.
        counts: how often each fault happens, by its name.
        too_late: what comes after RF: (half-hour in which it comes, meter and day), in order.
        fates: what happened to each meter-day.
    """

    deliveries: dict[int, list[list[Reading]]] = field(default_factory=lambda: defaultdict(list))
    counts: Counter[str] = field(default_factory=Counter)
    too_late: list[tuple[int, MeterDay]] = field(default_factory=list)
    fates: dict[MeterDay, str] = field(default_factory=dict)

    def send(self, day: date, zone: str, later_days: int, readings: Sequence[Reading]) -> int:
        """Send what a meter says of a local day, some days later than usual; return when it comes."""
        comes = of_local_day(day, load_zone(zone)).stop + ARRIVES + DAY * later_days
        self.deliveries[comes].append([*readings])
        return comes


def plan(
    readings: Sequence[Reading],
    zone: str,
    rates: Rates,
    seed: int,
    swap: Sequence[str] = (),
) -> Plan:
    """Return what comes when of some true readings, with seeded faults.

    Args:
        readings: the truth.
        zone: of local days.
        rates: how often what goes wrong.
        seed: of all choices.
        swap: the meters that are swapped, in turn; chosen at random if there are none.
    """
    true: dict[MeterDay, list[Reading]] = defaultdict(list)
    place = load_zone(zone)
    for reading in readings:
        true[reading.meter, local_date(reading.period, place)].append(reading)
    return _Planning(true, zone, rates, random.Random(seed), [*swap]).plan()


@dataclass
class _Planning:
    true: dict[MeterDay, list[Reading]]
    zone: str
    rates: Rates
    chance: random.Random
    swap: list[str]

    def plan(self) -> Plan:
        """Choose the long faults first, then the short ones of the meter-days that are left."""
        self.made, self.count = Plan(), len(self.true)
        self.days = sorted({day for _, day in self.true})
        self.meters = sorted({meter for meter, _ in self.true})
        self.free = sorted(self.true)
        self._spans()
        rates = self.rates
        for kind, part in (
            (self._late, rates.late),
            (self._hours, rates.hours),
            (self._gone, rates.days),
            (self._wrong, rates.wrong),
            (self._company, rates.company),
            (self._worse, rates.worse),
            (self._twice, rates.twice),
            (self._halves, rates.halves),
        ):
            for meter_day in self._some(max(1, round(part * self.count))):
                kind(meter_day)
        self.made.too_late = sorted(
            (self._send(meter_day, self._between(rates.too_late), "too late"), meter_day)
            for meter_day in self._some(rates.too_late_count)
        )
        for meter_day in [*self.free]:
            self._send(meter_day)
        for batches in self.made.deliveries.values():
            self.chance.shuffle(batches)
        return self.made

    def _spans(self) -> None:
        rates, chance = self.rates, self.chance
        if rates.dead:
            meter = chance.choice([each for each in self.meters if each not in self.swap])
            for day in self.days[-rates.dead :]:
                self._take((meter, day), "dead meter")
        for meter, first in self._long(rates.fortnights, rates.fortnight, []):
            for number in range(rates.fortnight):
                self._take((meter, first + timedelta(days=number)), "missing fortnight")
        for meter, first in self._long(rates.swaps, rates.swap, self.swap):
            for number in range(rates.swap):
                self._swapped((meter, first + timedelta(days=number)), rates.swap - number)

    def _long(self, count: int, days: int, meters: list[str]) -> Iterator[MeterDay]:
        """Yield (meter, first day) of spans of free meter-days."""
        for number in range(count):
            while True:
                meter = meters[number % len(meters)] if meters else self.chance.choice(self.meters)
                first = self.chance.choice(self.days)
                span = [(meter, first + timedelta(days=each)) for each in range(days)]
                if all(self._is_whole(each) for each in span):
                    yield meter, first
                    break

    def _is_whole(self, meter_day: MeterDay) -> bool:
        """Return whether a meter-day is free, and a whole day."""
        return meter_day in self.free and len(self.true[meter_day]) >= DAY

    def _some(self, count: int) -> list[MeterDay]:
        """Take some free meter-days of whole days."""
        whole = [each for each in self.free if len(self.true[each]) >= DAY]
        chosen = self.chance.sample(whole, count)
        self.free = sorted({*self.free}.difference(chosen))
        return chosen

    def _between(self, ends: tuple[int, int]) -> int:
        return self.chance.randint(*ends)

    def _take(self, meter_day: MeterDay, name: str) -> list[Reading]:
        """Count a meter-day, of which nothing is sent but by the caller; return what is true of it."""
        self.made.counts[name] += 1
        self.made.fates[meter_day] = name
        if meter_day in self.free:
            self.free.remove(meter_day)
        return self.true[meter_day]

    def _send(self, meter_day: MeterDay, later: int = 0, name: str = "in time") -> int:
        return self.made.send(meter_day[1], self.zone, later, self._take(meter_day, name))

    def _late(self, meter_day: MeterDay) -> None:
        self._send(meter_day, self._between(self.rates.late_days), "late")

    def _hours(self, meter_day: MeterDay) -> None:
        """Lose some hours of a channel, in daylight, for good."""
        readings = self._take(meter_day, "missing hours")
        channel, length = self.chance.choice([*Channel]), self._between(self.rates.hours_long)
        periods = sorted({reading.period for reading in readings})
        start = self.chance.randrange(DAY // 4, DAY * 3 // 4 - length)
        gone = periods[start : start + length]
        kept = [r for r in readings if r.channel is not channel or r.period not in gone]
        self.made.counts["missing half-hours"] += len(readings) - len(kept)
        self.made.send(meter_day[1], self.zone, 0, kept)

    def _gone(self, meter_day: MeterDay) -> None:
        self._take(meter_day, "missing day")

    def _wrong(self, meter_day: MeterDay) -> None:
        """Say something wrong of a few half-hours in daylight, and put it right later."""
        readings = self._take(meter_day, "corrected half-hours")
        channel, length = self.chance.choice([*Channel]), self._between(self.rates.wrong_long)
        place = self.chance.randrange(DAY // 4, DAY * 3 // 4)
        periods = sorted({reading.period for reading in readings})[place : place + length]
        wrong = [
            replace(r, wh=r.wh * WRONG_FACTOR + 100)
            if r.channel is channel and r.period in periods
            else r
            for r in readings
        ]
        self._correct(meter_day, wrong, [r for r in readings if r not in wrong])

    def _company(self, meter_day: MeterDay) -> None:
        """Send a company's flat estimate of a whole day, and later what was read."""
        readings = self._take(meter_day, "corrected days")
        self._correct(meter_day, _flat(readings), readings)

    def _worse(self, meter_day: MeterDay) -> None:
        """Send what was read, and later a company's estimate of it."""
        readings = self._take(meter_day, "worse later")
        self.made.send(meter_day[1], self.zone, 0, readings)
        later = self._between(self.rates.corrected_days)
        self.made.send(meter_day[1], self.zone, later, _flat(readings))

    def _correct(self, meter_day: MeterDay, first: list[Reading], then: list[Reading]) -> None:
        """Send one version, then another; of some the first one comes once more at the end."""
        later = self._between(self.rates.corrected_days)
        self.made.send(meter_day[1], self.zone, 0, first)
        self.made.send(meter_day[1], self.zone, later, then)
        if self.chance.random() < self.rates.stale:
            self.made.counts["old version again"] += 1
            self.made.send(meter_day[1], self.zone, later + 1, first)

    def _swapped(self, meter_day: MeterDay, until_end: int) -> None:
        """Send import as export and the other way round, and put it right after the week."""
        readings = self._take(meter_day, "swapped days")
        swapped = [replace(r, channel=OTHER[r.channel]) for r in readings]
        self.made.send(meter_day[1], self.zone, 0, swapped)
        later = until_end + self.rates.swap_corrected
        self.made.send(meter_day[1], self.zone, later, readings)

    def _twice(self, meter_day: MeterDay) -> None:
        self._send(meter_day, 0, "delivered twice")
        again = self._between(self.rates.corrected_days)
        self.made.send(meter_day[1], self.zone, again, self.true[meter_day])

    def _halves(self, meter_day: MeterDay) -> None:
        """Send the afternoon, and the morning a day later."""
        readings = self._take(meter_day, "out of order")
        middle = sorted({reading.period for reading in readings})[DAY // 2]
        self.made.send(meter_day[1], self.zone, 0, [r for r in readings if r.period >= middle])
        self.made.send(meter_day[1], self.zone, 1, [r for r in readings if r.period < middle])


def _flat(readings: Sequence[Reading]) -> list[Reading]:
    """Return a company's estimate of a day: the day's mean in each half-hour."""
    sums: Counter[Channel] = Counter()
    for reading in readings:
        sums[reading.channel] += reading.wh
    return [replace(r, wh=sums[r.channel] // DAY, quality=Quality.ESTIMATED) for r in readings]
