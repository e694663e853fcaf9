"""A household's statement in every form that is given out.

>>> MEDIA[Form.PDF]
'application/pdf'
"""

import json
from enum import StrEnum

from settlement.statement_csv import render_csv
from settlement.statement_html import render_html
from settlement.statement_json import statement_json
from settlement.statement_model import HouseholdStatement
from settlement.statement_pdf import render_pdf
from settlement.statement_text import render_text


class Form(StrEnum):
    """A form of a statement."""

    TEXT = "txt"
    HTML = "html"
    PDF = "pdf"
    CSV = "csv"
    JSON = "json"


MEDIA = {
    Form.TEXT: "text/plain; charset=utf-8",
    Form.HTML: "text/html; charset=utf-8",
    Form.PDF: "application/pdf",
    Form.CSV: "text/csv; charset=utf-8; header=present",
    Form.JSON: "application/json",
}
"""Media types by form."""


def rendered(model: HouseholdStatement, form: Form, *, large_print: bool = False) -> bytes:
    """Return a statement in a form; large print is for pages and PDF."""
    if form is Form.PDF:
        return render_pdf(model, large_print=large_print)
    if form is Form.HTML:
        return render_html(model, large_print=large_print).encode()
    if form is Form.CSV:
        return render_csv(model).encode()
    if form is Form.JSON:
        return json.dumps(statement_json(model), ensure_ascii=False).encode()
    return render_text(model).encode()
