"""A statement's forms read back: what a reader of each finds in it."""

import csv
import io
import re
from html.parser import HTMLParser

import pypdf

from settlement.statement_csv import render_csv
from settlement.statement_html import render_html
from settlement.statement_pdf import render_pdf
from settlement.statement_text import render_text

FIGURE = re.compile(r"(?<![\d.,])[+−]?£?\d[\d,]*\.\d\d(?!\d)")
"""Money or energy as it is printed; not a log entry, a hash or a rate."""


class Words(HTMLParser):
    """Notes every tag with its attributes, and every text; and that tags close in order."""

    VOID = ("meta", "rect", "line", "text")

    def __init__(self, page):
        super().__init__()
        self.tags, self.words, self.open = [], [], []
        self.feed(page)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open and "figure" not in self.open:
            self.words.append(data)


def html_words(statement, *, large_print=False):
    """Return the texts of the HTML form but those of its drawing."""
    return "\n".join(Words(render_html(statement, large_print=large_print)).words)


def pdf_reader(statement, *, large_print=False):
    return pypdf.PdfReader(io.BytesIO(render_pdf(statement, large_print=large_print)))


def pdf_words(statement, *, large_print=False):
    """Return the text of the PDF form, line by line, one space between words."""
    pages = pdf_reader(statement, large_print=large_print).pages
    lines = "\n".join(page.extract_text() for page in pages).splitlines()
    return "\n".join(" ".join(line.split()) for line in lines) + "\n"


def csv_rows(statement):
    """Return the CSV form's rows as a program reads them, by the names of its columns."""
    text = render_csv(statement)
    assert text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


def hundredths(text):
    """Read a printed figure, in hundredths of what it counts."""
    return int(re.sub(r"[+£,.]", "", text).replace("−", "-"))


def printed_figures(statement):
    """Return the figures of each form but CSV and JSON, in order of size."""
    texts = {
        "text": render_text(statement),
        "html": html_words(statement),
        "large html": html_words(statement, large_print=True),
        "pdf": pdf_words(statement),
        "large pdf": pdf_words(statement, large_print=True),
    }
    return {name: sorted(map(hundredths, FIGURE.findall(text))) for name, text in texts.items()}
