"""A household statement as one HTML document: nothing to load, nothing to run.

For the screen, in light and dark, for a phone's width, and for paper; every text from outside
is escaped, and the document forbids itself everything but its own style.

>>> _row("th", ["Day", "<kWh>"])
'<tr><th scope="col">Day</th><th scope="col">&lt;kWh&gt;</th></tr>'
"""

from collections.abc import Iterator, Sequence
from datetime import date
from html import escape

from ledger.primitives.energy import format_kwh
from ledger.primitives.money import format_money
from settlement.statement import NOT_THE_BILL, HouseholdStatement
from settlement.statement_chart import chart_html
from settlement.statement_rounding import at_printed_precision
from settlement.statement_style import STYLE
from settlement.statement_words import (
    ADJUSTED,
    SEAL_DIGITS,
    account_line,
    adjusted_sums,
    comparison,
    day_name,
    fine_print,
    full_day_name,
    having,
    limits,
    month_name,
    payment_party,
    progress,
    signed_money,
)

POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""What the document may do: use its own style."""


def render_html(statement: HouseholdStatement, *, large_print: bool = False) -> str:
    """Return the statement, rounded as it is printed, as a whole document.

    Args:
        statement: exact.
        large_print: 18 points on paper, and as large on the screen.
    """
    printed = at_printed_precision(statement)
    title = escape(f"{printed.community}: statement for {month_name(printed.month)}")
    size = ' class="large"' if large_print else ""
    parts = [
        "<!doctype html>",
        f'<html lang="en-GB"{size}>',
        '<head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        f"<title>{title}</title>",
        f"<style>{STYLE}</style></head>",
        "<body><main>",
        _head(printed),
        _sums(printed),
        _chart(printed),
        _days(printed, statement.kwh_places),
        _adjustments(printed),
        _payments(printed),
        _with_the_grid(printed),
        _checks(printed),
        _foot(printed),
        "</main></body></html>",
    ]
    return "\n".join(part for part in parts if part) + "\n"


def _head(printed: HouseholdStatement) -> str:
    return "\n".join(
        [
            "<header>",
            f"<h1><bdi>{escape(printed.community)}</bdi></h1>",
            f"<p>Statement for {escape(month_name(printed.month))}</p>",
            f"<p><bdi>{escape(account_line(printed))}</bdi></p>",
            "</header>",
            '<section class="first"><h2>You have</h2>',
            f'<p class="number">{escape(format_money(printed.closing_units))}</p>',
            f"<p>{escape(having(printed))}</p>",
            f'<p class="quiet">{escape(" · ".join(limits(printed)))}</p></section>',
            f'<section class="card said"><p>{escape(comparison(printed))}</p>',
            f'<p class="quiet">{escape(progress(printed))}</p></section>',
        ]
    )


def _sums(printed: HouseholdStatement) -> str:
    total = printed.total
    return _card(
        "",
        _lines(
            [
                ("You had at the start", format_money(printed.opening_units)),
                ("Sold to neighbours", signed_money(total.sold_units)),
                ("Bought from neighbours", signed_money(-total.bought_units)),
                *((label, amount) for label, amount in adjusted_sums(printed)),
                ("Payments", signed_money(printed.paid_units)),
                ("You have", format_money(printed.closing_units)),
            ]
        ),
        "sums",
    )


def _adjustments(printed: HouseholdStatement) -> str:
    if not printed.adjustments:
        return ""
    rows = [
        [
            f"{full_day_name(line.day)}, {line.code}",
            format_kwh(line.sold_wh, 2),
            format_money(line.sold_units, ""),
            format_kwh(line.bought_wh, 2),
            format_money(line.bought_units, ""),
        ]
        for line in printed.adjustments
    ]
    head = ["Day and run", "Sold\nkWh", "Sold\n£", "Bought\nkWh", "Bought\n£"]
    return _card(ADJUSTED, _table(head, rows), "days")


def _chart(printed: HouseholdStatement) -> str:
    first = date.fromisoformat(f"{printed.month}-01")
    settled = {date.fromisoformat(seal.day) for seal in printed.seals}
    drawing = chart_html(first, printed.days_in_month, printed.days, settled)
    return _card("With neighbours, by day", drawing) if drawing else ""


def _days(printed: HouseholdStatement, places: int) -> str:
    """Return two tables that stand side by side where there is room."""
    if not printed.days:
        return ""
    labelled = [(day_name(line.day), line) for line in printed.days]
    labelled.append(("Total", printed.total))
    neighbours = [
        [
            label,
            format_kwh(line.sold_wh, places),
            format_money(line.sold_units, ""),
            format_kwh(line.bought_wh, places),
            format_money(line.bought_units, ""),
        ]
        for label, line in labelled
    ]
    others = [
        [
            label,
            format_kwh(line.own_use_wh, places),
            format_kwh(line.grid_import_wh, places),
            format_kwh(line.grid_export_wh, places),
        ]
        for label, line in labelled
    ]
    return "\n".join(
        [
            '<div class="pair">',
            _card(
                "With neighbours",
                _table(["Day", "Sold\nkWh", "Sold\n£", "Bought\nkWh", "Bought\n£"], neighbours),
                "days",
            ),
            _card(
                "On your own and with the grid",
                _table(["Day", "Own use\nkWh", "From grid\nkWh", "To grid\nkWh"], others),
                "days",
            ),
            "</div>",
        ]
    )


def _payments(printed: HouseholdStatement) -> str:
    if not printed.payments:
        return ""
    rows = []
    for line in printed.payments:
        words = [line.payment.reference] if line.payment.reference else []
        said = " · ".join(f"<bdi>{escape(word)}</bdi>" for word in [*words, day_name(line.day)])
        rows.append(
            f"<div><dt><bdi>{escape(payment_party(line))}</bdi> "
            f'<span class="quiet">{said}</span></dt>'
            f"<dd>{escape(signed_money(line.units))}</dd></div>"
        )
    return _card("Payments", "<dl>\n" + "\n".join(rows) + "\n</dl>", "payments")


def _with_the_grid(printed: HouseholdStatement) -> str:
    total, grid = printed.total, printed.grid
    if not (total.sold_wh or total.bought_wh):
        return ""
    rows = [
        ("Sold", total.sold_units, grid.sold_units, printed.sold_gain_units),
        ("Bought", -total.bought_units, -grid.bought_units, printed.bought_saving_units),
        (
            "Together",
            total.sold_units - total.bought_units,
            grid.sold_units - grid.bought_units,
            printed.better_units,
        ),
    ]
    return _card(
        "The same energy with the grid alone, at your own tariffs",
        _table(
            ["", "Here", "With the grid", "Better by"],
            [[label, *map(signed_money, units)] for label, *units in rows],
        ),
    )


def _checks(printed: HouseholdStatement) -> str:
    if not printed.seals:
        return ""
    rows = [
        [
            day_name(date.fromisoformat(seal.day)),
            f"run {seal.code}",
            str(seal.position),
            seal.tx_id[:SEAL_DIGITS],
        ]
        for seal in printed.seals
    ]
    log = f'<p class="quiet">Each day is sealed in the log {escape(printed.origin)}</p>'
    table = _table(["Day", "Worked out in", "Log entry", "Seal"], rows, has_total=False)
    return _card("How to check this", log + table, "checks")


def _foot(printed: HouseholdStatement) -> str:
    small = "".join(f"<p><bdi>{escape(words)}</bdi></p>" for words in fine_print(printed))
    return f"<footer><p><strong>{NOT_THE_BILL}</strong></p>{small}</footer>"


def _card(title: str, inside: str, css: str = "") -> str:
    head = f"<h2>{escape(title)}</h2>" if title else ""
    return f'<section class="card {css}">{head}\n{inside}\n</section>'


def _lines(rows: Sequence[tuple[str, str]]) -> str:
    inside = "\n".join(
        f"<div><dt>{escape(label)}</dt><dd>{escape(amount)}</dd></div>" for label, amount in rows
    )
    return f"<dl>\n{inside}\n</dl>"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], *, has_total: bool = True) -> str:
    """Return a table; the last row is its total unless said otherwise."""
    return "\n".join(_table_parts(head, rows, has_total=has_total))


def _table_parts(
    head: Sequence[str], rows: Sequence[Sequence[str]], *, has_total: bool
) -> Iterator[str]:
    body = rows[:-1] if has_total else rows
    yield "<table><thead>"
    yield _row("th", head)
    yield "</thead><tbody>"
    yield from (_row("td", row) for row in body)
    yield "</tbody>"
    if has_total:
        yield f"<tfoot>{_row('td', rows[-1])}</tfoot>"
    yield "</table>"


def _row(tag: str, cells: Sequence[str]) -> str:
    first, *others = cells
    scope = ' scope="col"' if tag == "th" else ""
    label = f"<th{scope}>{escape(first)}</th>" if scope else f'<th scope="row">{escape(first)}</th>'
    return f"<tr>{label}" + "".join(f"<{tag}{scope}>{escape(c)}</{tag}>" for c in others) + "</tr>"
