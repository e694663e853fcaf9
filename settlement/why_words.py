r"""Words and rows that explanations share: dates, exact money, qualities, log entries at the right. Pure.

>>> print(*row("Rules", "version 1 binds the day", 1), sep="\n")
Rules      version 1 binds the day                                           1
>>> exact(503_360), exact(-120_000_000), exact(0)
('+£0.050336', '−£12.00', '£0.00')
"""

import textwrap
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from ledger.primitives.energy import format_kwh
from ledger.primitives.money import UNITS_PER_MAJOR, format_money, format_price
from ledger.primitives.periods import local_label, start_utc
from ledger.primitives.words import plain as printable
from meters.readings import Quality
from settlement.why_version_model import Cited, Version

WIDTH, LABEL, ENTRY = 78, 11, 9
"""Columns of a page, of what a row is about, and of its log entry."""

HASH_DIGITS = 12
"""How much of a hash is printed: enough to find it."""

QUALITY_WORDS = {
    Quality.EDITED: "corrected by two operators",
    Quality.ACTUAL: "as the meter said",
    Quality.ESTIMATED: "estimated by the meter company",
    Quality.SCALED: "estimated: scaled to what the register counted",
    Quality.LIKE_DAY: "estimated: like the same time of a day alike",
    Quality.INTERPOLATED: "estimated: a straight line between its neighbours",
    Quality.PROFILE: "estimated: as the community's other meters went",
    Quality.ZERO: "estimated as zero",
}
"""How a value came to be."""


def row(label: str, text: str, entry: int | None = None) -> list[str]:
    """Return the lines of a row: what it is about, what it says, and its log entry."""
    wrapped = textwrap.wrap(printable(text), WIDTH - LABEL - ENTRY) or [""]
    at = "" if entry is None else f"{entry:,}"
    first = f"{label:<{LABEL}}{wrapped[0]}"
    lines = [f"{first:<{WIDTH - ENTRY}}{at:>{ENTRY}}".rstrip()]
    return [*lines, *(" " * LABEL + line for line in wrapped[1:])]


def rows(label: str, parts: Iterable[tuple[str, int | None]]) -> list[str]:
    """Return several rows under one label."""
    lines: list[str] = []
    for text, entry in parts:
        lines += row("" if lines else label, text, entry)
    return lines


RULER = "─" * WIDTH


def heading(title: str) -> list[str]:
    """Return the heading of rows with log entries."""
    return [f"{title:<{WIDTH - ENTRY}}{'log entry':>{ENTRY}}", RULER]


def month_name(month: str) -> str:
    """Write ``YYYY-MM`` as people say it.

    >>> month_name("2026-06")
    'June 2026'
    """
    return f"{date.fromisoformat(f'{month}-01'):%B %Y}"


def paragraph(text: str, indent: str = "") -> list[str]:
    """Return a text as lines of the page's width."""
    plain = printable(text)
    return textwrap.wrap(plain, WIDTH, initial_indent=indent, subsequent_indent=indent)


WARNING = "ATTENTION: not all of this is what was signed; what is not stands at the end."
"""Said before anything else where something does not agree."""


def differing(differences: Iterable[str]) -> list[str]:
    """Return what does not agree, as the last that is said."""
    return ["DOES NOT AGREE:", *(line for says in differences for line in paragraph(says, "  "))]


def account(name: str | None, member: str) -> str:
    """Say whose account it is.

    >>> account("Ada", "0f" * 16)
    'Ada, account ending 0F0F'
    """
    return f"{name or 'Closed account'}, account ending {member[-4:].upper()}"


def pennies(units: int) -> str:
    """Write an amount to the penny; one that prints as nothing in full.

    >>> pennies(885_000), pennies(3_289), pennies(0)
    ('£0.09', '£0.0003289', '£0.00')
    """
    text = format_money(units)
    return amount(units) if units and not text.strip("−£0.,") else text


def long_date(day: date) -> str:
    """Write a day as people say it.

    >>> long_date(date(2026, 6, 16))
    'Tuesday 16 June 2026'
    """
    return f"{day:%A} {day.day} {day:%B %Y}"


def short_date(day: date) -> str:
    """Write a day shortly.

    >>> short_date(date(2026, 6, 16))
    '16 Jun 2026'
    """
    return f"{day.day} {day:%b %Y}"


def local_instant(time_ms: int, zone: ZoneInfo) -> str:
    """Write a time on the community's clocks, as in ``16 Jun 2026 at 07:00``."""
    local = datetime.fromtimestamp(time_ms // 1000, zone)
    return f"{short_date(local.date())} at {local:%H:%M}"


def clock(period: int, zone: ZoneInfo) -> str:
    """Write when a half-hour begins and ends; in autumn also in which time."""
    start = start_utc(period).astimezone(zone)
    twice = start.replace(fold=0).utcoffset() != start.replace(fold=1).utcoffset()
    label = local_label(period, zone)
    return f"{label} {start:%Z}" if twice else label


def begins(period: int, zone: ZoneInfo) -> str:
    """Write when a half-hour begins; in autumn also in which time."""
    start, _, rest = clock(period, zone).partition(" to ")
    return f"{start} {rest[6:]}".rstrip()


def kwh(energy_wh: int) -> str:
    """Write energy to the Wh."""
    return f"{format_kwh(energy_wh, 3)} kWh"


def exact(units: int) -> str:
    """Write a change of money with all its decimals, at least two, and its sign."""
    sign = "−" if units < 0 else "+" if units else ""
    return sign + amount(abs(units))


def amount(units: int) -> str:
    """Write an amount with all its decimals, at least two."""
    sign = "−" if units < 0 else ""
    whole, part = divmod(abs(units), UNITS_PER_MAJOR)
    decimals = f"{part:07d}".rstrip("0").ljust(2, "0")
    return f"{sign}£{whole:,}.{decimals}"


def at_price(units: int, energy_wh: int) -> str:
    """Say what a kWh came to.

    >>> at_price(503_360, 352), at_price(1, 3)
    ('at 14.30p a kWh', 'at 0.00p a kWh on average')
    """
    price = format_price(units // energy_wh)
    return f"at {price} a kWh" + ("" if units % energy_wh == 0 else " on average")


def quality_words(version: Version) -> str:
    """Say how a version came to be."""
    return QUALITY_WORDS[Quality(version.quality)]


def cite(cited: Cited | None) -> str:
    """Write the beginning of an entry's hash."""
    return "" if cited is None else cited.tx_id[:HASH_DIGITS]


def run_list(codes: Sequence[str]) -> str:
    """Name runs, as in ``SF and R1``."""
    return " and ".join([", ".join(codes[:-1]), codes[-1]] if codes[1:] else codes)
