"""What people read, as golden files: one statement of each kind, in every form."""

import json
import os
import re
from pathlib import Path

import pytest

from settlement.statement_csv import render_csv
from settlement.statement_html import render_html
from settlement.statement_json import statement_json
from settlement.statement_text import WIDTH, render_text
from tests.settlement.statement_examples import examples
from tests.settlement.statement_forms import pdf_words, printed_figures

GOLDEN = Path(__file__).parent / "golden"
EXAMPLES = examples()


def unstyled(page):
    """Leave out the style sheet: how it looks is looked at, not compared."""
    return re.sub("<style>.*?</style>", "<style></style>", page, flags=re.DOTALL)


FORMS = {
    "txt": render_text,
    "html": lambda statement: unstyled(render_html(statement)),
    "large.html": lambda statement: unstyled(render_html(statement, large_print=True)),
    "csv": render_csv,
    "json": lambda statement: json.dumps(statement_json(statement), indent=1, ensure_ascii=False),
    "pdf.txt": pdf_words,
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", EXAMPLES)
def test_what_people_read(name, form):
    written = FORMS[form](EXAMPLES[name]).encode()
    golden = GOLDEN / f"statement-{name}.{form}"
    if os.environ.get("COMMONWATT_WRITE_GOLDEN"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_bytes(written)
    assert written.decode() == golden.read_bytes().decode()


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_figure_is_the_same_in_every_form(name):
    figures = printed_figures(EXAMPLES[name])
    text = figures.pop("text")
    assert len(text) > 15
    for form, found in figures.items():
        assert found == text, form


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_text_fits_its_width(name):
    assert max(map(len, render_text(EXAMPLES[name]).splitlines())) <= WIDTH


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_statement_says_first_that_it_is_no_bill(name):
    for form in ("txt", "pdf.txt"):
        assert "This is not your electricity bill." in FORMS[form](EXAMPLES[name]).splitlines()[:4]
