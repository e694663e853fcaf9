"""A published day as a drawing and as a table: taken above the line, given below.

>>> ", ".join(css for css, _ in KEY)
'near, grid, taken, sold, untold'
"""

from collections.abc import Sequence
from datetime import date

from ledger.primitives.energy import format_kwh
from ledger.primitives.periods import load_zone, local_label
from settlement.open_data import HOMES_MIN, STEP_WH, WORDS, OpenRow, Why

WIDTH, HEIGHT, TOP, MARGINS = 720, 230, 6, 34

UNTOLD = 6
"""How high a mark is that stands for a figure which is not told."""

HOURS_6 = 12
"""Half-hours between two labels."""

KEY = (
    ("near", "From neighbours"),
    ("grid", "From the grid"),
    ("taken", "From either, not told apart"),
    ("sold", "To the grid"),
    ("untold", "Not told"),
)
"""Colours, and what they mean; energy given where nothing is told apart is drawn as to the grid."""


def day_card(day: date, zone: str, rows: Sequence[OpenRow]) -> str:
    """Draw a published day, with the same figures as a table."""
    bars = [_bars(row) for row in rows]
    up = max((sum(wh for _, wh in above) for above, _ in bars), default=0) or STEP_WH
    down = max((below for _, below in bars), default=0)
    scale = (HEIGHT - MARGINS) / (up + down)
    base, step = TOP + up * scale, WIDTH / max(len(rows), 1)
    drawn, cells = [], []
    for place, (row, (above, below)) in enumerate(zip(rows, bars, strict=True)):
        left, top = place * step, base
        for css, wh in above:
            top -= wh * scale
            drawn.append(_rect(css, left, top, step - 2, wh * scale))
        drawn.append(_rect("sold", left, base + 1, step - 2, below * scale))
        drawn += _untold(row, left, base, step - 2)
        label = local_label(row.period, load_zone(zone))
        if place % HOURS_6 == 0:
            drawn.append(f'<text x="{left:.1f}" y="{HEIGHT - 4}">{label[:5]}</text>')
        figures = (row.import_wh, row.export_wh, row.matched_wh)
        cells.append(
            f"<tr><td>{label}</td>{''.join(f'<td>{_kwh(wh)}</td>' for wh in figures)}</tr>"
        )
    title = f"{day:%A %d %B %Y}: {told_words(rows)}"
    key = "".join(f'<span><i class="{css}"></i>{words}</span>' for css, words in KEY)
    return (
        f'<div class="card"><h2>{title}</h2><svg role="img" viewBox="0 0 {WIDTH} '
        f'{HEIGHT}"><title>{title}; the table below has every half-hour</title>'
        f'<line x1="0" x2="{WIDTH}" y1="{base:.1f}" y2="{base:.1f}" '
        f'stroke="currentColor"/>{"".join(drawn)}</svg><p class="key">{key}</p>'
        f'<p class="soft">To the nearest {format_kwh(STEP_WH, 0)} kWh, so that no home stands out. What would '
        f"rest on fewer than {HOMES_MIN} members is not told.</p>"
        "<details><summary>The same as a table, in kWh</summary><table><tr><th>Half-hour</th>"
        "<th>Taken</th><th>Given</th><th>Between neighbours</th></tr>"
        f"{''.join(cells)}</table></details></div>"
    )


def told_words(rows: Sequence[OpenRow]) -> str:
    """Say what neighbours traded, as far as it may be told; or why nothing of it may.

    >>> told_words([])
    'no half-hour is published'
    """
    told = [row.matched_wh for row in rows if row.matched_wh is not None]
    if told:
        return f"about {format_kwh(sum(told), 0)} kWh between neighbours may be told"
    if not rows:
        return "no half-hour is published"
    whys = [row for row in rows if row.matched_why not in (None, Why.FEW)]
    if whys and whys[0].matched_why is not None:
        return f"what neighbours traded is not told: {WORDS[whys[0].matched_why]}"
    sides = {(row.import_why is None, row.export_why is None) for row in rows}
    who = "members"
    if sides <= {(True, False), (False, False)} and (True, False) in sides:
        who = "sellers"
    elif sides <= {(False, True), (False, False)} and (False, True) in sides:
        who = "buyers"
    return f"what neighbours traded is not told: fewer than {HOMES_MIN} {who}"


def _untold(row: OpenRow, left: float, base: float, width: float) -> list[str]:
    """Mark, above the line and below it, what is left out of an hour: it is not nothing."""
    places = ((row.import_why, base - UNTOLD - 1), (row.export_why, base + 1))
    return [_rect("untold", left, top, width, UNTOLD) for why, top in places if why is not None]


def _bars(row: OpenRow) -> tuple[list[tuple[str, int]], int]:
    """Return (colour, Wh) above the line from below up, and Wh below it."""
    taken, given = row.import_wh or 0, row.export_wh or 0
    if row.matched_wh is None:
        return [("taken", taken)], given
    near = row.matched_wh
    return [("near", near), ("grid", taken - near)], given - near


def _kwh(energy_wh: int | None) -> str:
    return "–" if energy_wh is None else format_kwh(energy_wh, 0)


def _rect(css: str, x: float, y: float, width: float, height: float) -> str:
    if height <= 0:
        return ""
    return (
        f'<rect class="{css}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"/>'
    )
