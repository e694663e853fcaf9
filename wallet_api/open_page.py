"""The page of the open data: what it is, where the files are, what it does not tell.

>>> FILES[0][0]
'open.csv'
"""

import html
from collections.abc import Mapping, Sequence

from settlement.open_data import CEILING_WH, HOMES_MIN, PERCENT, STEP_WH
from settlement.open_data_store import OpenDay
from settlement.open_package import DESCRIPTOR, About, citation
from wallet_api.cli.output import size_text
from wallet_api.open_chart import day_card
from wallet_api.page import document

FILES = (
    ("open.csv", "for spreadsheets"),
    ("open.json", "for programs"),
    ("open.parquet", "for pandas, DuckDB and others that compute"),
    (DESCRIPTOR, "what the columns are, with sizes and hashes"),
)


def open_page(days: Sequence[OpenDay], files: Mapping[str, bytes], about: About) -> str:
    """Return the page.

    Args:
        days: those that the files hold.
        files: the package's, by name.
        about: whose they are.
    """
    rows = [row for day in days for row in day.rows]
    name = html.escape(about.name)
    span = f"from {days[0].day:%d %B %Y} to {days[-1].day:%d %B %Y}" if days else "none yet"
    links = "".join(
        f'<li><a href="/open/{file}{html.escape(about.query)}">{file}</a>: {what}, '
        f"{size_text(len(files[file]))}</li>"
        for file, what in FILES
    )
    return document(
        f"Open data of {name}",
        f"<h1>{name}: open data</h1>"
        f'<p class="soft">Every settled half-hour, {span}, for anybody to use.</p>'
        f'<div class="card"><h2>Files</h2><ul>{links}</ul><p>Other days: '
        "<code>/open/open.csv?from=2026-06-01&amp;through=2026-06-30</code></p></div>"
        f"{day_card(days[-1].day, about.zone, days[-1].rows) if days else ''}"
        f'<div class="card"><h2>What it does not tell</h2><p>Sums are rounded to {STEP_WH:,} Wh. A member counts for '
        f"at most {CEILING_WH:,} Wh a half-hour. What would rest on fewer than {HOMES_MIN} members is empty, "
        f"with the reason beside it. So nobody’s own electricity can be told more closely than to {PERCENT} %, "
        "not even by all the others together. A day is published once and never changed.</p></div>"
        f'<div class="card"><h2>Licence</h2><p><a href="{about.licence.path}">{about.licence.title}</a></p>'
        f"<p>Cite as: {html.escape(citation(rows, about))}</p></div>"
        '<p><a href="/">Back</a></p>',
    )
