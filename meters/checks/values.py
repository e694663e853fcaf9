"""Rules about a day's values alone: a spike, a meter that is stuck, a register that disagrees.

>>> from meters.versions import Stored
>>> spiky = {989736: 300, 989737: 9_000, 989738: 250, 989739: 280}
>>> day = DayContext("h1", Channel.IMPORT, range(989736, 989784),
...                  {period: Stored(wh, 1, 1, 5) for period, wh in spiky.items()})
>>> [(found.first, found.count) for found in spike(day, CheckLimits())]
[(989737, 1)]
"""

from collections.abc import Iterator

from ledger.primitives.periods import SECONDS, start_text, utc_text
from meters.checks.context import SAID, DayContext
from meters.checks.findings import Code, Finding, finding, half_hours, stretches
from meters.checks.limits import CheckLimits
from meters.readings import Advance, Channel

SPIKE_VALUES_MIN = 3
"""There must be a third-highest value."""


def spike(day: DayContext, limits: CheckLimits) -> Iterator[Finding]:
    """Find values far above the day's third-highest: two in a row are seen as well."""
    judged = day.judged()
    if limits.spike_percent is None or len(judged) < SPIKE_VALUES_MIN:
        return
    third = sorted(judged.values())[-SPIKE_VALUES_MIN]
    line = max(third * limits.spike_percent // 100, limits.spike_floor_wh)  # rounded down
    for part in stretches(period for period, wh in judged.items() if wh > line):
        highest = max(judged[period] for period in part)
        yield finding(
            Code.SPIKE,
            day.slot,
            part.start,
            len(part),
            f"{start_text(part.start)}: {highest:,} Wh; the day's third-highest is {third:,} Wh.",
        )


def stuck(day: DayContext, limits: CheckLimits) -> Iterator[Finding]:
    """Find one value that repeats, in a stretch that reaches into the day.

    Zero is looked at for import only: no sun, no export.
    """
    period = day.periods.start
    while period in day.periods:
        part = _repeats(day, period)
        if part is None:
            period += 1
            continue
        wh = day.known[period].wh
        length = limits.stuck_periods if wh else limits.stuck_zero_periods
        judged_here = wh > 0 or day.channel is Channel.IMPORT
        if judged_here and length is not None and len(part) >= length:
            text = f"{start_text(part.start)}: {wh:,} Wh, {half_hours(len(part))} in a row."
            yield finding(Code.STUCK, day.slot, part.start, len(part), text)
        period = part.stop


def _repeats(day: DayContext, period: int) -> range | None:
    """Return the stretch around a half-hour with its value, up to the day's end."""
    here = day.known.get(period)
    if here is None or here.quality not in SAID:
        return None

    def same(other: int) -> bool:
        there = day.known.get(other)
        return there is not None and there.quality in SAID and there.wh == here.wh

    first, stop = period, period + 1
    while first - 1 >= day.known_from and same(first - 1):
        first -= 1
    while stop < day.periods.stop and same(stop):
        stop += 1
    return range(first, stop)


def register(day: DayContext, limits: CheckLimits) -> Iterator[Finding]:
    """Compare each advance that ends in the day with the half-hours between its reads.

    A half-hour in which a read falls may belong to the advance in any part; one without a
    reading may have been anything. So an advance is wrong only if it is less than the half-hours
    wholly inside, or more than all that it touches where each of them is known.
    """
    if limits.register_wh is None:
        return
    for advance in sorted(set(day.advances), key=lambda item: (item.begin, item.end, item.wh)):
        if (advance.meter, advance.channel) != day.slot or not _ends_in(advance, day.periods):
            continue
        touched = range(advance.begin // SECONDS, -(-advance.end // SECONDS))
        if touched.start < day.known_from:
            continue
        inside = range(-(-advance.begin // SECONDS), advance.end // SECONDS)
        least = sum(day.known[period].wh for period in inside if period in day.known)
        whole = all(period in day.known for period in touched)
        most = sum(day.known[period].wh for period in touched) if whole else None
        if advance.wh < least - limits.register_wh or (
            most is not None and advance.wh > most + limits.register_wh
        ):
            yield finding(
                Code.REGISTER,
                day.slot,
                touched.start,
                len(touched),
                f"{utc_text(advance.begin)} to {utc_text(advance.end)}: the register advanced by"
                f" {advance.wh:,} Wh, its half-hours sum to"
                f" {least if most is None or advance.wh < least else most:,} Wh.",
            )


def _ends_in(advance: Advance, periods: range) -> bool:
    """Return whether an advance's later read was taken in the day, or at its last instant."""
    return periods.start * SECONDS < advance.end <= periods.stop * SECONDS
