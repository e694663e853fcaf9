"""A forecast as plain text: when to wash in a sentence, and the half-hours behind it.

At most 78 columns.

>>> chart(500, 1000, 0, 4), chart(-500, 0, 1000, 4)
('│██', '  ░░│')
"""

import textwrap
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import groupby
from zoneinfo import ZoneInfo

from ledger.primitives.counted import counted
from ledger.primitives.energy import format_kwh
from ledger.primitives.money import format_price
from ledger.primitives.periods import local_label
from market.model import Rules
from settlement.forecast import (
    AHEAD_DAYS_MAX,
    HISTORY_DAYS,
    TRIALS_MIN,
    DayForecast,
    HalfHour,
    NotYet,
)
from settlement.forecast_advice import Advice, advise
from settlement.forecast_days import MEAN_DAYS_MIN, rounded
from settlement.open_data import HOMES_MIN

WIDTH = 78
"""Columns of the page: a terminal's 80, less the breath at its edge."""

CHART = 29
"""Columns of the bars of both sides."""


def render_forecast(
    found: Sequence[DayForecast | NotYet],
    settled_through: date | None,
    rules: Rules,
    zone: ZoneInfo,
    today: date,
) -> str:
    """Return the days' sentences and tables, ending in a line break.

    Args:
        found: the days in order.
        settled_through: the last of the days they rest on that is settled.
        rules: the market's.
        zone: of the community's clocks.
        today: the day that the reader calls today.
    """
    made = [day for day in found if isinstance(day, DayForecast)]
    sentences = [
        why_not(day) if isinstance(day, NotYet) else sentence(day, rules, zone, today)
        for day in found
    ]
    if not made:
        return "\n".join(_wrap(sentences[0])) + "\n"
    lines = [line for each in sentences for line in _wrap(each)]
    surplus = [hour.surplus.value for day in made for hour in day.half_hours]
    for day in made:
        lines += ["", *_table(day, zone, max(0, *surplus), -min(0, *surplus))]
    lines += ["", *_wrap(_footnote(made[0], settled_through))]
    return "\n".join(lines) + "\n"


def day_words(day: date) -> str:
    """Write a day as people say it.

    >>> day_words(date(2026, 7, 6))
    'Monday 6 July'
    """
    return f"{day:%A} {day.day} {day:%B}"


def sentence(day: DayForecast, rules: Rules, zone: ZoneInfo, today: date) -> str:
    """Say when to wash on a day."""
    advice = advise(day)
    near = {0: "today, ", 1: "tomorrow, "}.get((day.day - today).days, "on ")
    name = f"{near}{day_words(day.day)}"
    span = f"{local_label(advice.periods[0], zone)[:5]} to {local_label(advice.periods[-1], zone)[-5:]}"
    if advice.offered_wh == 0:
        return f"Nothing from neighbours is expected {name}."
    if advice.surplus_wh <= 0:
        share = 100 * advice.offered_wh // max(1, advice.wanted_wh)
        return (
            f"Best time to wash {name}: {span}. Neighbours will have nothing to spare, but then they "
            f"cover about {share} % of what is wanted. {_price(day, advice, rules)}"
        )
    return (
        f"Best time to wash {name}: {span}. Neighbours will then have about "
        f"{format_kwh(advice.surplus_wh, 1)} kWh to spare. If it is as far off as on the last "
        f"{counted(advice.tried_days, 'day')}, there is something to spare on {advice.had_days} of "
        f"{advice.tried_days}. {_price(day, advice, rules)}"
    )


def _price(day: DayForecast, advice: Advice, rules: Rules) -> str:
    """Say what a kWh costs in the best hours: the mean of their prices, to the nearest tick."""
    prices = [h.price.value for h in day.half_hours if h.period in advice.periods and h.price]
    if not prices:
        return ""
    words = f"A kWh from neighbours costs about {format_price(rounded(sum(prices), len(prices)))}"
    if rules.import_ticks is None:
        return f"{words}."
    return f"{words}, from the grid {format_price(rules.import_ticks)}."


def _table(day: DayForecast, zone: ZoneInfo, most_wh: int, least_wh: int) -> Iterator[str]:
    yield f"{day_words(day.day)}, kWh in each half-hour"
    head = f"  {'half-hour':<14} {'to spare':>9} {'':>7} {'price':>7}"
    left = rounded(CHART * least_wh, max(1, most_wh + least_wh))
    short = "short" if left > len("short") else ""
    yield f"{head}  {short:>{left}}│to spare"
    for is_offered, some in groupby(day.half_hours, lambda hour: hour.offered.value > 0):
        hours = list(some)
        if is_offered:
            yield from (_row(hour, zone, most_wh, least_wh) for hour in hours)
            continue
        start, end = (local_label(hours[at].period, zone) for at in (0, -1))
        yield f"  {start[:5]} to {end[-5:]} nothing from neighbours is expected"


def _row(hour: HalfHour, zone: ZoneInfo, most_wh: int, least_wh: int) -> str:
    spare = hour.surplus
    price = format_price(hour.price.value) if hour.price else "–"
    figures = f"{format_kwh(spare.value):>9} {'±' + format_kwh(spare.band):>7} {price:>7}"
    bars = chart(spare.value, most_wh, least_wh, CHART)
    return f"  {local_label(hour.period, zone)} {figures}  {bars}".rstrip()


def chart(wh: int, most_wh: int, least_wh: int, width: int) -> str:
    """Draw what is to spare right of a line, and what is short left of it, on one scale.

    Args:
        wh: to spare, or short if below zero.
        most_wh: the most to spare.
        least_wh: the most that is short, as a positive number.
        width: columns of both sides together, the line not counted.
    """
    whole = max(1, most_wh + least_wh)
    left = rounded(width * least_wh, whole)
    long = rounded(width * abs(wh), whole)
    if wh < 0:
        return f"{'░' * min(left, long):>{left}}│" if left else "│"
    return f"{' ' * left}│{'█' * min(width - left, long)}"


def _footnote(day: DayForecast, settled_through: date | None) -> str:
    if settled_through is None:
        state = "none of them worked out yet"
    elif settled_through == day.last_known:
        state = "all of them worked out"
    else:
        state = f"worked out through {day_words(settled_through)}"
    return (
        f"From {counted(day.rests_on_days, 'day')} through {day_words(day.last_known)}, {state}. "
        f"Figures stayed within ± on four days of five, tried on the last {len(day.misses)}. Below "
        "zero, neighbours want more than they offer. No weather is known."
    )


def why_not_published(day: NotYet) -> str:
    """Say to anybody why there is no forecast: they can import nothing, and know what is published."""
    words = f"There is no forecast for {day_words(day.day)}: not enough is published yet."
    if day.last_known is None:
        return (
            f"{words} Nothing that it could rest on is, of the {HISTORY_DAYS} days before. What would "
            f"rest on fewer than {HOMES_MIN} members is never published."
        )
    if day.is_stale:
        return (
            f"{words} The last published day is {day_words(day.last_known)} {day.last_known.year}, "
            f"more than {AHEAD_DAYS_MAX} days before."
        )
    return (
        f"{words} It needs {counted(MEAN_DAYS_MIN, 'day')} to learn from and {TRIALS_MIN} to be tried "
        f"on; {counted(day.known_days, 'published day')} can be read."
    )


def why_not(day: NotYet) -> str:
    """Say why there is no forecast, and what to do."""
    words = f"There is no forecast for {day_words(day.day)}"
    if day.last_known is None:
        return (
            f"{words}: nothing is known of the {HISTORY_DAYS} days before it. Import readings "
            "(commonwatt meters import), or name a day for which there are some: --day."
        )
    if day.is_stale:
        return (
            f"{words}: the last known day is {day_words(day.last_known)} {day.last_known.year}, more than "
            f"{AHEAD_DAYS_MAX} days before. Import newer readings, or name an earlier day: --day."
        )
    return (
        f"{words} yet: there is not enough history. It needs {counted(MEAN_DAYS_MIN, 'day')} to learn "
        f"from and {TRIALS_MIN} to be tried on that are as far ahead as this one; "
        f"{counted(day.known_days, 'day')} through {day_words(day.last_known)} are known, and "
        f"{day.trials} of them can be tried."
    )


def _wrap(text: str) -> list[str]:
    return textwrap.wrap(text.strip(), WIDTH)
