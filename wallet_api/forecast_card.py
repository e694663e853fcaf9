"""The next two days on the first page: when to wash in a sentence, and what is to spare as a drawing.

>>> 48 // HOURS_6  # labels under a day
4
"""

import html
from collections.abc import Sequence
from datetime import date
from zoneinfo import ZoneInfo

from ledger.primitives.energy import format_kwh
from ledger.primitives.periods import local_label
from market.model import Rules
from settlement.forecast import DayForecast, NotYet
from settlement.forecast_text import day_words, sentence

WIDTH, HEIGHT, FOOT = 720, 130, 20
HOURS_6 = 12
"""Half-hours between two labels."""


def forecast_card(
    days: Sequence[DayForecast | NotYet], rules: Rules, zone: ZoneInfo, today: date
) -> str:
    """Return the card, with the same figures as a table; nothing where no day can be foretold."""
    made = [day for day in days if isinstance(day, DayForecast)]
    if not made:
        return ""
    words = "".join(f"<p>{html.escape(sentence(day, rules, zone, today))}</p>" for day in made)
    drawings = "".join(_drawing(day, zone) for day in made)
    rows = "".join(
        f"<tr><td>{day_words(day.day)}, {local_label(hour.period, zone)}</td>"
        f"<td>{format_kwh(hour.surplus.value, 1)}</td><td>±{format_kwh(hour.surplus.band, 1)}</td></tr>"
        for day in made
        for hour in day.half_hours
    )
    return (
        f'<div class="card"><h2>When to wash</h2>{words}{drawings}'
        '<p class="key"><span><i class="near"></i>To spare</span><span><i class="grid"></i>Short</span>'
        "</p><details><summary>The same as a table, in kWh to spare</summary><table><tr><th>Half-hour"
        f"</th><th>To spare</th><th>Four days of five within</th></tr>{rows}</table></details>"
        '<p class="soft">From published figures alone; no weather is known.</p></div>'
    )


def _drawing(day: DayForecast, zone: ZoneInfo) -> str:
    """Draw what is to spare above a line, and what is short below it."""
    spare = [hour.surplus.value for hour in day.half_hours]
    most, least = max(0, *spare), min(0, *spare)
    scale = (HEIGHT - FOOT) / max(1, most - least)
    base, step = most * scale, WIDTH / len(spare)
    bars, labels = [], []
    for place, wh in enumerate(spare):
        css, top = ("near", base - wh * scale) if wh > 0 else ("grid", base)
        bars.append(
            f'<rect class="{css}" x="{place * step:.1f}" y="{top:.1f}" width="{step - 2:.1f}" '
            f'height="{abs(wh) * scale:.1f}"/>'
        )
        if place % HOURS_6 == 0:
            label = local_label(day.half_hours[place].period, zone)[:5]
            labels.append(f'<text x="{place * step:.1f}" y="{HEIGHT - 4}">{label}</text>')
    title = f"{day_words(day.day)}: kWh to spare in each half-hour; the table below has them"
    return (
        f'<p><strong>{day_words(day.day)}</strong></p><svg role="img" viewBox="0 0 {WIDTH} {HEIGHT}">'
        f"<title>{title}</title>{''.join(bars)}{''.join(labels)}"
        f'<line x1="0" x2="{WIDTH}" y1="{base:.1f}" y2="{base:.1f}" stroke="currentColor"/></svg>'
    )
