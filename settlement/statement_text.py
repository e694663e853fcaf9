"""A household statement as plain text: for a terminal, an e-mail or a line printer.

At most 78 columns; every column of figures lines up and adds up.

>>> _lined_up([["Day", "kWh"], ["Mon 15", "1.20"]])
['Day      kWh', 'Mon 15  1.20']
"""

import textwrap
from collections.abc import Iterable, Iterator, Sequence

from ledger.primitives.words import plain
from settlement.statement_model import HouseholdStatement
from settlement.statement_page import Entries, Notes, Page, Section, Sums, Table
from settlement.statement_sections import page_of

WIDTH = 78
"""Columns of the page: a terminal's 80, less the breath at its edge."""


def render_text(statement: HouseholdStatement) -> str:
    """Return the statement, rounded as it is printed, ending in a line break."""
    page = page_of(statement)
    sections = [_head(page), *map(_section, page.sections)]
    return "\n\n".join("\n".join(section) for section in sections) + "\n"


def _head(page: Page) -> list[str]:
    lines = [
        *_wrap(page.community),
        page.subtitle,
        *_wrap(page.account),
        page.not_the_bill,
        "",
        *_wrap(f"You have {page.amount} {page.of_when}."),
        *_wrap(". ".join(page.limits) + "."),
        "",
        *_wrap(page.comparison),
        *_wrap(page.progress),
    ]
    if page.leaving:
        lines += ["", *_wrap(" ".join(page.leaving))]
    return lines


def _section(section: Section) -> list[str]:
    if isinstance(section, Sums):
        return _lined_up([list(row) for row in section.rows])
    if isinstance(section, Entries):
        return [section.title, *_entries(section)]
    if isinstance(section, Notes):
        return [section.title, *(line for words in section.words for line in _wrap(words))]
    intro = _wrap(section.intro) if section.intro else []
    return [*_wrap(section.title), *intro, *_table(section)]


def _entries(payments: Entries) -> Iterator[str]:
    wide = max(len(entry.day) for entry in payments.entries)
    width = max(len(entry.amount) for entry in payments.entries)
    for entry in payments.entries:
        said = entry.party + (f": {entry.reference}" if entry.reference else "")
        yield from _wrap(said, f"{entry.day:<{wide}}  {entry.amount:>{width}}  ")


def _table(table: Table) -> Iterator[str]:
    heads = [head.split("\n") for head in table.columns]
    deep = max(map(len, heads))
    above = zip(*([""] * (deep - len(head)) + head for head in heads), strict=True)
    total = [] if table.total is None else [table.total]
    lines = _lined_up([*above, *table.rows, *total])
    if total:
        lines.insert(-1, "-" * max(map(len, lines)))
    yield from lines
    if table.note:
        yield from _wrap(table.note)


def _lined_up(rows: Sequence[Sequence[str]]) -> list[str]:
    """Line up columns: the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    gap = 2 if sum(widths) + 2 * (len(widths) - 1) <= WIDTH else 1
    return [_row(row, widths, " " * gap) for row in rows]


def _row(row: Iterable[str], widths: Sequence[int], gap: str) -> str:
    first, *others = row
    cells = [f"{cell:>{width}}" for cell, width in zip(others, widths[1:], strict=True)]
    return gap.join([f"{first:<{widths[0]}}", *cells]).rstrip()


def _wrap(text: str, head: str = "") -> list[str]:
    """Break a sentence into lines; what a terminal would obey or hide is shown as a mark."""
    return textwrap.wrap(
        plain(text), WIDTH, initial_indent=head, subsequent_indent=" " * len(head)
    ) or [head.rstrip()]
