"""A household statement as one HTML document: nothing to load, nothing to run.

For the screen, in light and dark, for a phone's width, and for paper; or in large print, by a style
sheet of its own. Every text from outside is escaped, and the document forbids itself everything but
its own style.

>>> _row("th", ["Day", "<kWh>"])
'<tr><th scope="col">Day</th><th scope="col">&lt;kWh&gt;</th></tr>'
"""

from collections.abc import Iterator, Sequence
from datetime import date
from html import escape

from settlement.statement_chart import chart_html
from settlement.statement_model import HouseholdStatement
from settlement.statement_page import Entries, Notes, Page, Sums, Table
from settlement.statement_rounding import at_printed_precision
from settlement.statement_sections import page_of
from settlement.statement_style import STYLE
from settlement.statement_style_large import LARGE_STYLE

POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""What the document may do: use its own style."""


PAIRED = "days"
"""The table of which two halves stand side by side where there is room."""


def render_html(statement: HouseholdStatement, *, large_print: bool = False) -> str:
    """Return the statement, rounded as it is printed, as a whole document.

    Args:
        statement: exact.
        large_print: nothing below 18 points, in one column, black on white.
    """
    page = page_of(statement)
    schemes = "light" if large_print else "light dark"
    parts = [
        "<!doctype html>",
        '<html lang="en-GB">',
        '<head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f'<meta name="color-scheme" content="{schemes}">',
        f"<title>{escape(page.title)}</title>",
        f"<style>{LARGE_STYLE if large_print else STYLE}</style></head>",
        "<body><main>",
        _head(page),
        *_sections(page, "" if large_print else _chart(statement), large_print=large_print),
        "</main></body></html>",
    ]
    return "\n".join(part for part in parts if part) + "\n"


def _head(page: Page) -> str:
    parts = [
        "<header>",
        f"<h1><bdi>{escape(page.community)}</bdi></h1>",
        f"<p>{escape(page.subtitle)}</p>",
        f"<p><bdi>{escape(page.account)}</bdi></p>",
        f"<p><strong>{escape(page.not_the_bill)}</strong></p>",
        "</header>",
        '<section class="first"><h2>You have</h2>',
        f'<p class="number">{escape(page.amount)}</p>',
        f"<p>{escape(page.of_when)}</p>",
        f'<p class="quiet">{escape(" · ".join(page.limits))}</p></section>',
        f'<section class="card said"><p>{escape(page.comparison)}</p>',
        f'<p class="quiet">{escape(page.progress)}</p></section>',
    ]
    if page.leaving:
        words = "".join(f"<p>{escape(sentence)}</p>" for sentence in page.leaving)
        parts.append(_card("What happens next", words, "leaving"))
    return "\n".join(parts)


def _sections(page: Page, chart: str, *, large_print: bool) -> Iterator[str]:
    for section in page.sections:
        if isinstance(section, Sums):
            yield _card(section.title, _lines(section.rows), "sums")
            yield chart
        elif isinstance(section, Entries):
            yield _entries(section)
        elif isinstance(section, Notes):
            words = "".join(f"<p><bdi>{escape(each)}</bdi></p>" for each in section.words)
            yield _card(section.title, words, "notes")
        elif section.split is None or (section.key != PAIRED and not large_print):
            yield _table_card(section, large_print=large_print)
        else:
            pair = [_table_card(half, large_print=large_print) for half in section.narrow()]
            yield "\n".join(['<div class="pair">', *pair, "</div>"])


def _table_card(table: Table, *, large_print: bool) -> str:
    intro = f'<p class="quiet"><bdi>{escape(table.intro)}</bdi></p>' if table.intro else ""
    note = f'<p class="quiet">{escape(table.note)}</p>' if table.note else ""
    inside = "\n".join(_table(table, large_print=large_print))
    return _card(table.title, intro + inside + note, table.key)


def _chart(statement: HouseholdStatement) -> str:
    printed = at_printed_precision(statement)
    first = date.fromisoformat(f"{printed.month}-01")
    settled = {date.fromisoformat(seal.day) for seal in printed.seals}
    drawing = chart_html(first, printed.days_in_month, printed.days, settled)
    return _card("With neighbours, by day", drawing) if drawing else ""


def _entries(payments: Entries) -> str:
    rows = []
    for entry in payments.entries:
        words = [*([entry.reference] if entry.reference else []), entry.day]
        said = " · ".join(f"<bdi>{escape(word)}</bdi>" for word in words)
        rows.append(
            f'<div><dt><bdi>{escape(entry.party)}</bdi> <span class="quiet">{said}</span></dt>'
            f"<dd>{escape(entry.amount)}</dd></div>"
        )
    return _card(payments.title, "<dl>\n" + "\n".join(rows) + "\n</dl>", "payments")


def _card(title: str, inside: str, css: str = "") -> str:
    return f'<section class="card {css}"><h2>{escape(title)}</h2>\n{inside}\n</section>'


def _lines(rows: Sequence[tuple[str, str]]) -> str:
    inside = "\n".join(
        f"<div><dt>{escape(label)}</dt><dd>{escape(amount)}</dd></div>" for label, amount in rows
    )
    return f"<dl>\n{inside}\n</dl>"


def _table(table: Table, *, large_print: bool) -> Iterator[str]:
    """Yield a table; in large print its cells say their head, for where they stand one a line."""
    heads = table.columns if large_print else ()
    yield "<table><thead>"
    yield _row("th", table.columns)
    yield "</thead><tbody>"
    yield from (_row("td", row, heads) for row in table.rows)
    yield "</tbody>"
    if table.total is not None:
        yield f"<tfoot>{_row('td', table.total, heads)}</tfoot>"
    yield "</table>"


def _row(tag: str, cells: Sequence[str], heads: Sequence[str] = ()) -> str:
    first, *others = cells
    if tag == "th":
        columns = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in cells)
        return f"<tr>{columns}</tr>"
    said = [f' data-head="{escape(head.replace(chr(10), " "))}"' for head in heads[1:]]
    said = said or [""] * len(others)
    figures = "".join(
        f"<td{head}>{escape(cell)}</td>" for head, cell in zip(said, others, strict=True)
    )
    return f'<tr><th scope="row">{escape(first)}</th>{figures}</tr>'
