"""A year with its faults as a drawing: what each home's meter did, and what later runs moved.

>>> [kind for kind, _, _ in KINDS][:2]
['late', 'corrected']
"""

from collections.abc import Iterator
from datetime import date

from ledger.primitives.money import format_money
from tests.settlement.real_year_faults import MeterDay
from tests.settlement.real_year_figures import Figures
from tests.settlement.real_year_lived import Lived

WIDTH, LEFT, RIGHT, TOP, ROW, GAP = 860, 52, 14, 66, 11, 3
BARS, FOOT = 120, 30
PAPER, INK, SOFT, QUIET = "#faf7f2", "#1d2a2e", "#55646a", "#e9e4da"

KINDS = (
    ("late", "#3b78a8", "came late"),
    ("corrected", "#2f7d5b", "corrected"),
    ("swapped", "#8a4fa0", "swapped"),
    ("missing", "#f2a71b", "never came"),
    ("closed", "#c8452f", "after the last run"),
)
"""Kinds that are drawn, with colour and words; what came twice or in another order changed nothing."""

OF_FATE = {
    "late": "late",
    "corrected half-hours": "corrected",
    "corrected days": "corrected",
    "swapped days": "swapped",
    "missing hours": "missing",
    "missing day": "missing",
    "missing fortnight": "missing",
    "dead meter": "missing",
    "too late": "closed",
}
RUNS = (("R1", "#6fa6cf"), ("RF", "#d98b5f"), ("DF", "#c8452f"))


def drawing(lived: Lived, figures: Figures) -> str:
    """Return the year as SVG."""
    meters, days = [*lived.members], lived.days
    step = (WIDTH - LEFT - RIGHT) / len(days)
    bars_top = TOP + len(meters) * (ROW + GAP) + 34
    height = bars_top + BARS + FOOT
    title = "A year of faults: what each home’s meter did, and what later runs moved"
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
            f'font-family="system-ui,sans-serif" font-size="12" role="img"><title>{title}</title>'
        ),
        f'<rect width="{WIDTH}" height="{height}" rx="16" fill="{PAPER}"/>',
        (
            f'<text x="20" y="26" fill="{INK}" font-weight="700" font-size="14">'
            "Each row a home, each column a day: where readings went wrong</text>"
        ),
        *_key(),
    ]
    for row, meter in enumerate(meters):
        y = TOP + row * (ROW + GAP)
        parts.append(
            f'<rect x="{LEFT}" y="{y}" width="{WIDTH - LEFT - RIGHT}" height="{ROW}" fill="{QUIET}"/>'
            f'<text x="{LEFT - 8}" y="{y + ROW - 2}" text-anchor="end" fill="{SOFT}">{meter}</text>'
        )
    parts += _cells(lived.plan.fates, meters, days, step)
    parts += _bars(figures, days, step, bars_top)
    for index, day in enumerate(days):
        if day.day == 1:
            x = LEFT + index * step
            parts.append(f'<text x="{x:.1f}" y="{height - 10}" fill="{INK}">{day:%b}</text>')
    return "\n".join(parts) + "</svg>\n"


def _key() -> Iterator[str]:
    x = 20
    for _, colour, words in KINDS:
        yield f'<rect x="{x}" y="40" width="10" height="10" fill="{colour}"/>'
        yield f'<text x="{x + 15}" y="49" fill="{SOFT}">{words}</text>'
        x += 34 + 7 * len(words)


def _cells(
    fates: dict[MeterDay, str], meters: list[str], days: list[date], step: float
) -> Iterator[str]:
    """Yield a cell for each meter-day of which something is to be seen, wide enough to see it."""
    colours = {kind: colour for kind, colour, _ in KINDS}
    place, row = {day: at for at, day in enumerate(days)}, {m: at for at, m in enumerate(meters)}
    for (meter, day), fate in sorted(fates.items()):
        if fate in OF_FATE:
            x, y = LEFT + place[day] * step, TOP + row[meter] * (ROW + GAP)
            colour = colours[OF_FATE[fate]]
            yield f'<rect x="{x:.1f}" y="{y}" width="{max(3.0, step):.1f}" height="{ROW}" fill="{colour}"/>'


def _bars(figures: Figures, days: list[date], step: float, top: int) -> Iterator[str]:
    """Yield what later runs moved of each day, one run upon the other."""
    sums = {day: sum(of[day] for of in figures.moved.values()) for day in days}
    most = max(sums.values())
    x = 20
    yield (
        f'<text x="{x}" y="{top - 12}" fill="{INK}" font-weight="700">Money that later runs moved '
        f"of that day, at most {format_money(most)}</text>"
    )
    x = 470
    for code, colour in RUNS:
        yield f'<rect x="{x}" y="{top - 22}" width="10" height="10" fill="{colour}"/>'
        yield f'<text x="{x + 15}" y="{top - 12}" fill="{SOFT}">{code}</text>'
        x += 50
    for at, day in enumerate(days):
        y = float(top + BARS)
        for code, colour in RUNS:
            tall = figures.moved[code][day] / most * (BARS - 4)
            if tall >= 0.1:
                y -= tall
                yield (
                    f'<rect x="{LEFT + at * step:.1f}" y="{y:.1f}" width="{max(2.2, step):.1f}" '
                    f'height="{tall:.1f}" fill="{colour}"/>'
                )
    yield f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{top + BARS}" y2="{top + BARS}" stroke="{SOFT}"/>'
