"""A month's days as bars: bought above the line, sold below it, one scale for both.

The drawing is inline SVG with places in parts of its width, so that bars stretch with the page
while words keep the page's size. Days that are not worked out yet are an outlined gap.

>>> chart_html(date(2026, 6, 1), 30, [], {date(2026, 6, 1)})
''
"""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from html import escape
from itertools import groupby

from ledger.primitives.energy import format_kwh
from settlement.statement_model import DayLine
from settlement.statement_words import day_name

PLOT = 120
"""Pixels of bars, bought and sold together."""

DAYS_A_LABEL = 7
"""A label a week."""

GAP_DAYS_MIN = 7
"""Narrowest gap that its words fit into, in large print on a phone."""


def chart_html(first: date, count: int, lines: Sequence[DayLine], settled: set[date]) -> str:
    """Return the drawing with its words, or nothing where there is nothing to draw.

    Args:
        first: the month's first day.
        count: days in the month.
        lines: days with their Wh.
        settled: days that are worked out.
    """
    bought_max = max((line.bought_wh for line in lines), default=0)
    sold_max = max((line.sold_wh for line in lines), default=0)
    if not (bought_max or sold_max):
        return ""
    base = PLOT * bought_max // (bought_max + sold_max)
    label = "Energy bought and sold by day; the table below has the figures"
    parts = [
        f"<figure><p>bought{_most(bought_max)}</p>",
        f'<svg role="img" width="100%" height="{PLOT}" aria-label="{label}">',
        *_gaps(first, count, settled),
        *(
            bar
            for line in lines
            for bar in _bars(line, (line.day - first).days, count, base, bought_max + sold_max)
        ),
        f'<line class="base" x1="0" x2="100%" y1="{base}" y2="{base}"/></svg>',
        f"<p>sold{_most(sold_max)}</p>",
        '<svg class="when" width="100%" aria-hidden="true">',
        *_day_labels(first, count),
        "</svg></figure>",
    ]
    return "\n".join(parts)


def _bars(line: DayLine, index: int, count: int, base: int, wh_both: int) -> Iterator[str]:
    place = f'x="{_share(10 * index + 1, 10 * count)}" width="{_share(8, 10 * count)}"'
    for css, word, wh in (("bought", "bought", line.bought_wh), ("sold", "sold", line.sold_wh)):
        if wh:
            tall = max(1, PLOT * wh // wh_both)
            top = base - tall if css == "bought" else base
            said = escape(f"{day_name(line.day)}: {word} {format_kwh(wh)} kWh")
            yield (
                f'<rect class="{css}" {place} y="{top}" height="{tall}">'
                f"<title>{said}</title></rect>"
            )


def _gaps(first: date, count: int, settled: set[date]) -> Iterator[str]:
    """Outline each run of days that are not worked out."""
    days = [(index, first + timedelta(days=index) in settled) for index in range(count)]
    for is_settled, run in groupby(days, lambda item: item[1]):
        indices = [index for index, _ in run]
        if is_settled:
            continue
        start, length = indices[0], len(indices)
        yield (
            f'<rect class="gap" x="{_share(start, count)}" width="{_share(length, count)}" '
            f'y="0" height="{PLOT}"/>'
        )
        if length >= GAP_DAYS_MIN:
            yield (
                f'<text x="{_share(2 * start + length, 2 * count)}" '
                f'y="{PLOT // 2}" dy="-0.5em">not yet</text>'
            )


def _day_labels(first: date, count: int) -> Iterator[str]:
    for index in range(0, count, DAYS_A_LABEL):
        day = first + timedelta(days=index)
        yield f'<text x="{_share(2 * index + 1, 2 * count)}" y="1em">{day.day}</text>'


def _most(wh: int) -> str:
    return f", at most {escape(format_kwh(wh))} kWh a day" if wh else " nothing"


def _share(part: int, whole: int) -> str:
    """Write a share of the width in per cent, to a hundredth."""
    hundredths = 10_000 * part // whole
    return f"{hundredths // 100}.{hundredths % 100:02d}%"
