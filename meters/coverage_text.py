"""A coverage report for a terminal: a month is a row of marks, one a day, within 100 columns.

>>> _ruler(1, 31)
'1   5    10   15   20   25   30 '
"""

from collections.abc import Iterator
from datetime import date

from meters.coverage import ChannelCover, Coverage, State, month_of, summed, verdict

WIDTH = 100
"""Columns of a terminal window that most people have."""

NAME = 30
"""Columns of a meter's name; the rest of a longer one is left out."""

MONTH_DAYS = 31
"""Columns of a month's marks."""

LEGEND = (
    ". complete   l late   d edited   e estimated   s suspect   m missing",
    "A capital: half of the day or more. Of several the weightiest is shown. Blank: none expected.",
)

_STATES = (State.MISSING, State.SUSPECT, State.ESTIMATED)
_HEAD = f"{'missing':>8}{'suspect':>8}{'estimated':>10}"


def render_text(report: Coverage, *, troubled_only: bool = False) -> str:
    """Return the report as lines.

    Args:
        report: what to show.
        troubled_only: leave out channels whose every half-hour of the month is complete.
    """
    lines = [*_head(report), ""]
    for first, days in report.months():
        lines += [*_month(report, first, days, troubled_only=troubled_only), ""]
    return "\n".join([*lines, *LEGEND]) + "\n"


def _head(report: Coverage) -> Iterator[str]:
    dates = report.dates
    yield printable(f"Readings of {report.community}", WIDTH)
    if dates:
        yield f"{dates[0]} to {dates[-1]}, {len(report.rows)} channels, days of {report.zone}"
    yield from _wrapped(printable(verdict(report)))


def _month(report: Coverage, first: date, days: slice, *, troubled_only: bool) -> Iterator[str]:
    dates = report.dates[days]
    ruler = _ruler(dates[0].day, dates[-1].day)
    yield f"{month_of(first):<{NAME + 8}} {ruler} {_HEAD}"
    left_out = 0
    for row in report.rows:
        counts = summed(day.counts for day in row.days[days])
        if not sum(counts):
            continue
        if troubled_only and sum(counts) == counts[State.COMPLETE.number]:
            left_out += 1
            continue
        yield _line(row, days, dates[0].day, counts)
    if left_out:
        yield f"{left_out} more, complete"


def _line(row: ChannelCover, days: slice, day_first: int, counts: tuple[int, ...]) -> str:
    marks = " " * (day_first - 1) + "".join(day.mark for day in row.days[days])
    figures = (counts[state.number] for state in _STATES)
    missing, suspect, estimated = (f"{count:,}" if count else "" for count in figures)
    name = printable(row.meter, NAME)
    return (
        f"{name:<{NAME}} {row.channel.value:<7} {marks:<{MONTH_DAYS}}"
        f"  {missing:>8}{suspect:>8}{estimated:>10}"
    ).rstrip()


def _ruler(day_first: int, day_last: int) -> str:
    """Return the days' numbers over their marks: the first one and every fifth that has room."""
    text = ""
    for day in sorted({day_first, *range(5, day_last + 1, 5)}):
        if day == day_first or len(text) < day - 1 >= day_first:
            text = f"{text:<{day - 1}}{day}"
    return f"{text:<{MONTH_DAYS + 1}}"


def printable(text: str, length_max: int | None = None) -> str:
    """Return a text without anything that moves a cursor or turns its line around, and cut."""
    clean = "".join(letter if letter.isprintable() else "?" for letter in text)
    if length_max is not None and len(clean) > length_max:
        return clean[: length_max - 1] + "…"
    return clean


def _wrapped(text: str) -> Iterator[str]:
    line = ""
    for word in text.split(" "):
        if line and len(line) + 1 + len(word) > WIDTH:
            yield line
            line = word
        else:
            line = f"{line} {word}" if line else word
    yield line
