"""A household statement as a PDF for paper and screen readers: tagged, by PDF/UA-1.

Set by Typst, which is loaded only when a PDF is made. The words and figures are those of the text
form. A letter that none of its fonts has is printed as its number in Unicode, never left out. The
same statement gives the same bytes.

>>> render_pdf.__name__
'render_pdf'
"""

import json
from functools import lru_cache
from typing import Any, Final

from ledger.errors import SetupError
from ledger.primitives.words import plain
from settlement.statement_model import HouseholdStatement
from settlement.statement_page import Entries, Notes, Page, Section, Sums, Table
from settlement.statement_pdf_style import SOURCE
from settlement.statement_sections import page_of

STANDARD: Final = "ua-1"
"""ISO 14289-1, PDF/UA: the reading order, headings and tables are in the file for screen readers."""

HALVED_FROM = 12
"""From so many rows on, a table of short cells stands in two halves beside each other."""

NO_LETTER = (
    "A letter that this file has no type for stands as its number, as in [U+738B]. The HTML form "
    "shows it."
)
"""Said where it happens."""

NO_NAME = "–"
"""A heading of a community whose name is nothing but spaces: a heading must say something."""

_PROBE = r"""
#set text(font: ("Libertinus Serif", "DejaVu Sans Mono"), lang: "en")
#set document(title: "probe", date: none)
#sys.inputs.text
"""


def render_pdf(statement: HouseholdStatement, *, large_print: bool = False) -> bytes:
    """Return the statement, rounded as it is printed, as a PDF file.

    Args:
        statement: exact.
        large_print: no letter below 18 points, and one column.

    Raises:
        SetupError: the library is missing, or cannot set the page; says what to do.
    """
    page = page_of(statement)
    letters = sorted({c for c in _words(page) if not c.isascii()})
    strange = {c: f"[U+{ord(c):04X}]" for c in letters if c.isprintable() and not _has_type(c)}
    data = _data(page, large_print=large_print)
    if strange:
        for section in data["sections"]:
            section.get("words", []).append(NO_LETTER)
    return _compiled(SOURCE, {"page": json.dumps(_cleaned(data, str.maketrans(strange)))})


def _compiled(source: str, inputs: dict[str, str]) -> bytes:
    try:
        import typst  # noqa: PLC0415 - 80 MB that no other command needs
    except ImportError as error:
        raise SetupError(
            "A PDF needs the package typst, which is not installed here: pip install typst, or take "
            "--format html and print that."
        ) from error
    try:
        made = typst.compile(
            source.encode(),
            format="pdf",
            sys_inputs=inputs,
            pdf_standards=STANDARD,
            ignore_system_fonts=True,
        )
    except typst.TypstError as error:
        raise SetupError(
            f"This statement cannot be set as a PDF ({error.message}). Take --format html and print "
            "that."
        ) from error
    if not isinstance(made, bytes):
        raise TypeError("one document is one file")
    return made


@lru_cache(maxsize=4096)
def _has_type(letter: str) -> bool:
    """Return whether a font has a letter: PDF/UA refuses a page with one that none has."""
    try:
        _compiled(_PROBE, {"text": letter})
    except SetupError as error:
        if error.__cause__ is None or isinstance(error.__cause__, ImportError):
            raise
        return False
    return True


def _words(page: Page) -> str:
    """Return every text of a page: what is looked through for strange letters."""
    return json.dumps(_data(page, large_print=False), ensure_ascii=False)


def _cleaned(value: Any, strange: dict[int, str]) -> Any:
    """Return the data without what a reader would obey or hide, and without letters of no type."""
    if isinstance(value, str):
        lines = value.split("\n")
        return "\n".join(plain(line).translate(strange) for line in lines)
    if isinstance(value, list):
        return [_cleaned(each, strange) for each in value]
    if isinstance(value, dict):
        return {name: _cleaned(each, strange) for name, each in value.items()}
    return value


def _data(page: Page, *, large_print: bool) -> dict[str, Any]:
    """Return a page as the document takes it: heads may have two lines, nothing else has."""
    sections = [
        table
        for section in page.sections
        for table in (section.narrow() if large_print and isinstance(section, Table) else [section])
    ]
    return {
        "large": large_print,
        "title": _one_line(page.title),
        "foot": page.foot,
        "community": _one_line(page.community).strip() or NO_NAME,
        "subtitle": page.subtitle,
        "account": _one_line(page.account),
        "amount": page.amount,
        "of_when": page.of_when,
        "limits": list(page.limits),
        "comparison": page.comparison,
        "progress": page.progress,
        "leaving": list(page.leaving),
        "sections": [_section(section, large_print=large_print) for section in sections],
        "not_the_bill": page.not_the_bill,
    }


def _section(section: Section, *, large_print: bool) -> dict[str, Any]:
    if isinstance(section, Sums):
        return {"kind": "sums", "title": section.title, "rows": [list(row) for row in section.rows]}
    if isinstance(section, Entries):
        rows = [
            [
                entry.day,
                _one_line(entry.party + (f": {entry.reference}" if entry.reference else "")),
                entry.amount,
            ]
            for entry in section.entries
        ]
        return {"kind": "payments", "title": section.title, "rows": rows}
    if isinstance(section, Notes):
        words = [_one_line(each) for each in section.words]
        return {"kind": "notes", "title": section.title, "words": words}
    is_short = section.total is None and len(section.rows) >= HALVED_FROM
    return {
        "kind": "table",
        "key": section.key,
        "title": section.title,
        "columns": list(section.columns),
        "rows": [list(row) for row in section.rows],
        "total": None if section.total is None else list(section.total),
        "intro": _one_line(section.intro),
        "note": section.note,
        "halved": is_short and not large_print,
    }


def _one_line(text: str) -> str:
    return plain(text)
