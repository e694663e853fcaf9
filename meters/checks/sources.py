"""Rules about where energy came from: no sun at night, no more fed in than was made.

>>> from meters.checks.sun import Site
>>> from meters.versions import Stored
>>> day = DayContext("h1", Channel.EXPORT, range(989711, 989759), {989713: Stored(400, 1, 1, 5)},
...                  site=Site(51_476_900, 0))
>>> [found.text for found in night(day, CheckLimits())]
['2026-06-15T00:30:00Z: 400 Wh fed in by a solar home while the sun is down.']
"""

from collections.abc import Iterator

from ledger.primitives.periods import start_text
from meters.checks.context import DayContext
from meters.checks.findings import Code, Finding, finding, stretches
from meters.checks.limits import CheckLimits
from meters.checks.sun import is_night
from meters.readings import Channel


def night(day: DayContext, limits: CheckLimits) -> Iterator[Finding]:
    """Find energy fed in while the sun is below the horizon."""
    if limits.night_wh is None or day.site is None or day.channel is not Channel.EXPORT:
        return
    judged, site = day.judged(), day.site
    dark = [
        period
        for period, wh in judged.items()
        if wh > limits.night_wh and is_night(period, site, limits.sun_height_mdeg)
    ]
    for part in stretches(dark):
        wh = sum(judged[period] for period in part)
        text = f"{start_text(part.start)}: {wh:,} Wh fed in by a solar home while the sun is down."
        yield finding(Code.NIGHT, day.slot, part.start, len(part), text)


def above_generation(day: DayContext, limits: CheckLimits) -> Iterator[Finding]:
    """Find more energy fed in than the site's generation meter saw made."""
    if limits.above_generation_wh is None or day.channel is not Channel.EXPORT:
        return
    if day.generation is None:
        return
    judged, made, above = day.judged(), day.generation, []
    for period, wh in judged.items():
        there = made.get(period)
        if there is None:
            continue
        percent_more = -(-there.wh * limits.above_generation_percent // 100)  # rounded up
        if wh > there.wh + percent_more + limits.above_generation_wh:
            above.append(period)
    for part in stretches(above):
        fed_in, generated = (
            sum(judged[period] for period in part),
            sum(made[period].wh for period in part),
        )
        text = f"{start_text(part.start)}: {fed_in:,} Wh fed in, {generated:,} Wh generated."
        yield finding(Code.ABOVE_GENERATION, day.slot, part.start, len(part), text)
