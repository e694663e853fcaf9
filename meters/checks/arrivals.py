"""Rules about how readings came: gaps, revisions, clocks, lateness, estimates.

>>> from meters.readings import Channel
>>> from meters.versions import Stored
>>> day = DayContext("h1", Channel.IMPORT, range(989736, 989784),
...                  {period: Stored(9, 1, 1, 5) for period in range(989736, 989780)})
>>> [(found.first, found.count) for found in grid(day, CheckLimits())]
[(989780, 4)]
"""

from collections.abc import Iterator

from ledger.primitives.periods import SECONDS, start_text, utc_text
from meters.checks.context import DayContext
from meters.checks.findings import Code, Finding, finding, half_hours, stretches
from meters.checks.limits import CheckLimits
from meters.readings import Quality
from meters.versions import OWN_ESTIMATE

PLAIN_DAY = 48
"""Half-hours of a local day without a clock change."""


def grid(day: DayContext, limits: CheckLimits) -> Iterator[Finding]:  # noqa: ARG001
    """Find half-hours of the local day that have no reading."""
    gaps, whole = day.gaps(), len(day.periods)
    # A source that knows no clock change ends the autumn day two half-hours early.
    cut = gaps == list(day.periods[PLAIN_DAY:]) and whole > PLAIN_DAY
    for part in stretches(gaps):
        verb = "is" if len(part) == 1 else "are"
        text = (
            f"{start_text(part.start)}: {len(part)} of the day's {whole} half-hours {verb} missing"
        )
        if cut:
            text += f"; the source seems to know only days of {PLAIN_DAY}"
        yield finding(Code.GRID, day.slot, part.start, len(part), f"{text}.")


def revision(day: DayContext, limits: CheckLimits) -> Iterator[Finding]:  # noqa: ARG001
    """Find readings of which a source said first one thing and then another.

    Our own estimates are left out: a reading that takes the place of one is what they wait for.
    """
    said = {
        period: [item.wh for item in day.versions.get(period, ()) if item.quality <= _COMPANY]
        for period in day.periods
    }
    revised = [period for period, values in said.items() if len(set(values)) > 1]
    for part in stretches(revised):
        most = max(part, key=lambda period: (abs(said[period][-1] - said[period][0]), -period))
        text = (
            f"{start_text(part.start)}: {half_hours(len(part))} revised; the most that of"
            f" {start_text(most)}, from {said[most][0]:,} to {said[most][-1]:,} Wh."
        )
        yield finding(Code.REVISION, day.slot, part.start, len(part), text)


_COMPANY = Quality.ESTIMATED.rank


def clock_skew(day: DayContext, limits: CheckLimits) -> Iterator[Finding]:
    """Find readings from a device whose clock is wrong.

    Its batch was made, by its clock, long before or after it came, or before its last half-hour
    was over. A batch made from a file is old by nature, but even so its half-hours must be over.
    """
    if limits.clock_skew_ms is None:
        return
    wrong: dict[int, str] = {}
    for position in {day.known[period].position for period in day.periods if period in day.known}:
        arrival = day.arrivals.get(position)
        if arrival is None:
            continue
        off_ms = arrival.created_at_ms - arrival.received_at_ms
        early_ms = (arrival.last + 1) * SECONDS * 1000 - arrival.created_at_ms
        if not arrival.is_backfill and abs(off_ms) > limits.clock_skew_ms:
            side = "ahead of" if off_ms > 0 else "behind"
            wrong[position] = f"the device's clock was {abs(off_ms) // 60_000} min {side} ours"
        elif early_ms > limits.clock_skew_ms:
            made = utc_text(arrival.created_at_ms // 1000)
            wrong[position] = f"the batch was made at {made}, before its half-hours were over"
    for position, text in sorted(wrong.items()):
        yield from _of_batches(Code.CLOCK_SKEW, day, {position}, text)


def late(day: DayContext, limits: CheckLimits) -> Iterator[Finding]:  # noqa: ARG001
    """Find readings that came after the day's first posting run was due."""
    if day.due_at_ms is None:
        return
    due_at_ms = day.due_at_ms
    after = {
        position for position, arrival in day.arrivals.items() if arrival.received_at_ms > due_at_ms
    }
    text = f"came after the first posting run was due, {utc_text(due_at_ms // 1000)}"
    yield from _of_batches(Code.LATE, day, after, text)


def _of_batches(code: Code, day: DayContext, positions: set[int], text: str) -> Iterator[Finding]:
    """Yield a finding for each stretch of the day's half-hours that come from some batches."""
    from_them = (
        period
        for period in day.periods
        if period in day.known
        and day.known[period].position in positions
        and day.known[period].quality < OWN_ESTIMATE
    )
    for part in stretches(from_them):
        where = f"{start_text(part.start)}, {half_hours(len(part))}"
        yield finding(code, day.slot, part.start, len(part), f"{where}: {text}.")


def estimated_share(day: DayContext, limits: CheckLimits) -> Iterator[Finding]:
    """Find a day of which too much is estimated."""
    if limits.estimated_percent is None:
        return
    count, whole = sum(_is_estimate(day, period) for period in day.periods), len(day.periods)
    if count * 100 > limits.estimated_percent * whole:
        text = f"{start_text(day.periods.start)}: {count} of the day's {whole} half-hours are estimates."
        yield finding(Code.ESTIMATED_SHARE, day.slot, day.periods.start, whole, text)


def _is_estimate(day: DayContext, period: int) -> bool:
    item = day.known.get(period)
    return item is not None and item.quality > Quality.ACTUAL.rank


def prolonged_estimate(day: DayContext, limits: CheckLimits) -> Iterator[Finding]:
    """Find a channel without one actual or edited reading for many days, this one the last.

    Silence counts like estimates: both are what a broken or hidden meter gives.
    """
    if limits.prolonged_days is None:
        return
    # Days of 48 half-hours: a clock change moves the line by an hour, which is nothing in 14 days.
    before = range(day.periods.stop - limits.prolonged_days * PLAIN_DAY, day.periods.stop)
    if before.start < day.known_from:
        return
    items = (day.known.get(period) for period in before)
    if any(item is not None and item.quality <= Quality.ACTUAL.rank for item in items):
        return
    text = (
        f"{start_text(before.start)}: no actual reading for {limits.prolonged_days} days; the meter"
        " takes no part in new trades until one comes."
    )
    yield finding(Code.PROLONGED_ESTIMATE, day.slot, before.start, len(before), text)
