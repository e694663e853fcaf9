"""A coverage report as one HTML document: a map of days, nothing to load and nothing to run.

Every cell says in words what its letter and its ground say. Names from outside are escaped, and
the document forbids itself everything but its own style.

>>> _cell(date(2026, 6, 2), DayCover((4, 0, 0, 0, 0, 44)))
'<td class="missing" title="2 June: 4 missing, 44 complete" aria-label="4 missing, 44 complete">m</td>'
"""

from collections.abc import Iterator, Sequence
from datetime import date
from html import escape

from meters.coverage import (
    MONTHS,
    ChannelCover,
    Coverage,
    DayCover,
    State,
    month_of,
    percent,
    said,
    summed,
    verdict,
)
from meters.coverage_style import STYLE

POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""What the document may do: use its own style."""

MEANINGS = {
    State.COMPLETE: "an actual reading, in time",
    State.LATE: "came after the day’s first posting run was due",
    State.EDITED: "set by two operators",
    State.ESTIMATED: "by the meter’s company or by these rules",
    State.SUSPECT: "a check doubts it",
    State.MISSING: "neither reading nor estimate",
}
"""What each state means, in the legend's order."""

_COMPLETE = "·"
"""Of a whole day: quieter than a full stop in a table."""


def render_html(report: Coverage) -> str:
    """Return the report as a whole document."""
    title = escape(f"{report.community}: readings")
    months = list(report.months())
    parts = [
        "<!doctype html>",
        '<html lang="en-GB">',
        '<head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        f"<title>{title}</title>",
        f"<style>{STYLE}</style></head>",
        "<body><main>",
        _head(report),
        _summary(report),
        _legend(),
        _contents([first for first, _ in months]),
        *(_month(report, first, days) for first, days in months),
        "</main></body></html>",
    ]
    return "\n".join(part for part in parts if part) + "\n"


def _head(report: Coverage) -> str:
    dates = report.dates
    span = (
        f"{_day(dates[0])} {dates[0].year} to {_day(dates[-1])} {dates[-1].year}" if dates else ""
    )
    return (
        f"<header><h1><bdi>{escape(report.community)}</bdi></h1>\n"
        f"<p>Readings of {len(report.rows)} channels, {span}, days of {escape(report.zone)}</p>"
        f'</header>\n<p class="card said"><bdi>{escape(verdict(report))}</bdi></p>'
    )


def _summary(report: Coverage) -> str:
    """Return the table of channels, those with most to do first."""
    head = ["Meter", "Half-hours", "Complete", *(state.value.capitalize() for state in State)][:-1]
    # Ties stand in order of names, which the report's rows are in already.
    rows = sorted(report.rows, key=lambda row: tuple(-count for count in row.totals))
    body = "\n".join(_sums(_name(row), row.totals) for row in rows)
    columns = "".join(f'<th scope="col">{word}</th>' for word in head)
    return (
        '<section class="card"><h2>By channel, those with most to do first</h2>\n'
        f'{_scroll("Table of channels")}<table class="sums">\n<thead><tr>{columns}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody>\n<tfoot>{_sums('All', report.totals)}</tfoot>\n"
        "</table></div></section>"
    )


def _sums(label: str, counts: Sequence[int]) -> str:
    whole, complete = sum(counts), counts[State.COMPLETE.number]
    share = percent(complete, whole) if whole else "–"
    figures = [f"{whole:,}", share, *(f"{count:,}" if count else "–" for count in counts[:-1])]
    cells = "".join(f"<td>{figure}</td>" for figure in figures)
    return f'<tr><th scope="row">{label}</th>{cells}</tr>'


def _legend() -> str:
    items = [
        f'<li><span class="mark {state.value}" aria-hidden="true">{_letter(state)}</span>'
        f"{state.value}: {words}</li>"
        for state, words in MEANINGS.items()
    ]
    inside = "\n".join(items)
    return (
        '<section class="card"><h2>What the letters say</h2>\n'
        f'<ul class="legend">\n{inside}\n</ul>\n'
        '<p class="quiet">A day shows the weightiest that any of its half-hours has; a capital, on'
        " a stronger ground, stands for half of the day or more. Blank: no reading is expected.</p>"
        "</section>"
    )


def _contents(months: Sequence[date]) -> str:
    if len(months) <= 1:
        return ""
    links = "\n".join(
        f'<li><a href="#m{_anchor(first)}">{month_of(first)}</a></li>' for first in months
    )
    return f'<nav class="card" aria-label="Months"><ul>\n{links}\n</ul></nav>'


def _month(report: Coverage, first: date, days: slice) -> str:
    dates = report.dates[days]
    columns = "".join(f'<th scope="col">{day.day}</th>' for day in dates)
    rows = "\n".join(_rows(report.rows, dates, days))
    title = month_of(first)
    return (
        f'<section class="card" id="m{_anchor(first)}"><h2>{title}</h2>\n'
        f'{_scroll(title)}<table class="map">\n'
        f'<thead><tr><th scope="col">Meter</th>{columns}</tr></thead>\n'
        f"<tbody>\n{rows}\n</tbody>\n</table></div></section>"
    )


def _rows(rows: Sequence[ChannelCover], dates: Sequence[date], days: slice) -> Iterator[str]:
    for row in rows:
        covers = row.days[days]
        if sum(summed(cover.counts for cover in covers)):
            cells = "".join(_cell(day, one) for day, one in zip(dates, covers, strict=True))
            yield f'<tr><th scope="row">{_name(row)}</th>{cells}</tr>'


def _cell(day: date, one: DayCover) -> str:
    words = ", ".join(said(one.counts)) or "no reading expected"
    css = ""
    if one.expected:
        heavy = " heavy" if one.is_heavy and one.worst is not State.COMPLETE else ""
        css = f' class="{one.worst.value}{heavy}"'
    mark = one.mark.strip().replace(State.COMPLETE.letter, _COMPLETE)
    return f'<td{css} title="{_day(day)}: {words}" aria-label="{words}">{mark}</td>'


def _scroll(label: str) -> str:
    """Open a box that scrolls, which a keyboard can reach."""
    return f'<div class="scroll" role="region" aria-label="{label}" tabindex="0">'


def _name(row: ChannelCover) -> str:
    return f"<bdi>{escape(row.meter)}</bdi> {row.channel.value}"


def _letter(state: State) -> str:
    return _COMPLETE if state is State.COMPLETE else state.letter


def _day(day: date) -> str:
    return f"{day.day} {MONTHS[day.month - 1]}"


def _anchor(first: date) -> str:
    return f"{first:%Y-%m}"
