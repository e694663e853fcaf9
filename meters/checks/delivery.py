"""What turns readings into gaps before they are stored: they cannot be energy of a half-hour.

Of a refused reading nothing is kept but the finding: the file it came in is.

>>> from array import array
>>> run = Run(989737, array("i", (412, 16_777_215, 380)), "AAA")
>>> kept, found = check_delivery(("h1", Channel.IMPORT), run, CheckLimits())
>>> [(part.first, list(part.wh)) for part in kept], found[0].code.value
([(989737, [412]), (989739, [380])], 'sentinel')
"""

from collections.abc import Iterator
from itertools import groupby

from ledger.primitives.periods import start_text
from meters.checks.findings import Code, Finding, finding, half_hours
from meters.checks.limits import CheckLimits
from meters.checks.sentinels import SENTINEL_WH_MIN, SENTINELS_WH
from meters.pages import Run
from meters.readings import Channel, Slot


def check_delivery(slot: Slot, run: Run, limits: CheckLimits) -> tuple[list[Run], list[Finding]]:
    """Take out what cannot be a reading.

    Args:
        slot: meter and channel.
        run: its readings as they were delivered, not empty.
        limits: the meter's.

    Returns:
        The runs that remain, in order of time, and a finding for each stretch taken out.
    """
    capacity_wh = capacity_of(slot[1], limits)
    # Nearly every run is whole: two passes in C instead of one in Python.
    below = SENTINEL_WH_MIN if capacity_wh is None else min(capacity_wh + 1, SENTINEL_WH_MIN)
    if min(run.wh) >= 0 and max(run.wh) < below:
        return [run], []
    kept, found = [], []
    for code, start, stop in _parts(run, capacity_wh):
        part = run.cut(start, stop)
        if code is None:
            kept.append(part)
        else:
            text = _text(code, part, capacity_wh)
            found.append(finding(code, slot, start, stop - start, text))
    return kept, found


def capacity_of(channel: Channel, limits: CheckLimits) -> int | None:
    """Return the most Wh of a half-hour through a channel; None where there is no limit."""
    is_import = channel is Channel.IMPORT
    return limits.capacity_import_wh if is_import else limits.capacity_export_wh


def _parts(run: Run, capacity_wh: int | None) -> Iterator[tuple[Code | None, int, int]]:
    """Yield consecutive half-hours of one judgement: the judgement, the first, the one after."""
    start = run.first
    for code, part in groupby(_judged(wh, capacity_wh) for wh in run.wh):
        stop = start + sum(1 for _ in part)
        yield code, start, stop
        start = stop


def _judged(wh: int, capacity_wh: int | None) -> Code | None:
    if wh < 0:
        return Code.NEGATIVE
    if wh in SENTINELS_WH:
        return Code.SENTINEL
    if capacity_wh is not None and wh > capacity_wh:
        return Code.CAPACITY
    return None


def _text(code: Code, part: Run, capacity_wh: int | None) -> str:
    where = f"{start_text(part.first)}, {half_hours(len(part.wh))}"
    highest = f"{max(part.wh):,} Wh"
    if code is Code.NEGATIVE:
        return f"{where}: {min(part.wh):,} Wh is negative; the channel says the direction."
    if code is Code.SENTINEL:
        return f"{where}: {highest} is an error code of the meter, not energy."
    return f"{where}: {highest} is more than the {capacity_wh:,} Wh that the fuse or inverter lets through."
