"""``commonwatt statement``: what households read.

>>> file_name("Zoë O'Brien", "0f" * 16, "2026-06", Form.PDF)
'2026-06-zoe-o-brien-0f0f0f0f.pdf'
"""

import json
import re
import sys
import unicodedata
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ledger.errors import InputError
from ledger.primitives.counted import counted
from settlement.community import Community
from settlement.statement import Month, household_statement
from settlement.statement_csv import render_csv
from settlement.statement_html import render_html
from settlement.statement_json import statement_json
from settlement.statement_model import HouseholdStatement
from settlement.statement_pdf import render_pdf
from settlement.statement_text import render_text
from wallet_api.cli.context import member_named, open_here, progress, say, settings_of
from wallet_api.cli.output import written


class Form(StrEnum):
    """How a statement is written."""

    TEXT = "text"
    HTML = "html"
    PDF = "pdf"
    CSV = "csv"
    JSON = "json"


LARGE_FORMS = (Form.HTML, Form.PDF)
"""Forms that have a size of print."""

NAME_LETTERS_MAX = 40
"""Of a name, in a file's name."""


def statement(
    context: typer.Context,
    member: Annotated[str | None, typer.Argument(help="Name, or beginning of the id")] = None,
    month: Annotated[str, typer.Option(metavar="YYYY-MM", help="Local month")] = "",
    form: Annotated[
        Form, typer.Option("--format", help="text, html, pdf, csv or json")
    ] = Form.TEXT,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "--output", help="Write this file; with --all, into this folder [stdout]"
        ),
    ] = None,
    large_print: Annotated[
        bool, typer.Option("--large-print", help="html and pdf: 18 points and more, one column")
    ] = False,
    everybody: Annotated[
        bool, typer.Option("--all", help="One file for each member, into the folder of --out")
    ] = False,
) -> None:
    """Write a member's statement of a month, or everybody's.

    Example: commonwatt statement Ada --month 2026-06

    Example: commonwatt statement Ada --month 2026-06 --format pdf --large-print --out ada.pdf

    Example: commonwatt statement --all --month 2026-06 --format pdf --out statements
    """
    if everybody == (member is not None) or not month:
        raise InputError(
            "Say whose and which month: commonwatt statement Ada --month 2026-06. Or everybody's: "
            "commonwatt statement --all --month 2026-06 --format pdf --out FOLDER"
        )
    if large_print and form not in LARGE_FORMS:
        raise InputError(f"There is no large print of {form}: take --format html or pdf.")
    if everybody and out is None:
        raise InputError("Say into which folder: commonwatt statement --all ... --out FOLDER")
    community = open_here(settings_of(context))
    if member is None and out is not None:
        _write_all(community, month, form, out, large_print=large_print)
        return
    found = member_named(community, member or "")
    with community.reading() as connection:
        model = household_statement(community, connection, found, month)
    _write_one(_rendered(model, form, large_print=large_print), form, out)


def _write_one(content: bytes, form: Form, out: Path | None) -> None:
    if out is not None:
        with written(out) as file:
            file.write(content)
        return
    if form is Form.PDF and sys.stdout.isatty():
        raise InputError("A PDF is no text for a terminal: name a file with --out, or pipe it.")
    if form in (Form.PDF, Form.CSV):  # their bytes, whatever the machine's line ends are
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
    else:
        sys.stdout.write(content.decode())


def _write_all(
    community: Community, month: str, form: Form, folder: Path, *, large_print: bool
) -> None:
    """Write everybody's statements; a file that is there is replaced once the new one is whole."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file: name a folder for everybody's statements.")
    members = sorted(community.state.members)
    with community.reading() as connection:
        shared = Month(community, connection, month)
        folder.mkdir(parents=True, exist_ok=True)
        with progress("Writing statements", len(members)) as advance:
            for member in members:
                model = household_statement(community, connection, member, shared)
                content = _rendered(model, form, large_print=large_print)
                with written(folder / file_name(model.member_name, member, month, form)) as file:
                    file.write(content)
                advance(1)
    say(f"{counted(len(members), 'statement')} of {month} written to {folder}.")


def _rendered(model: HouseholdStatement, form: Form, *, large_print: bool) -> bytes:
    """Return a statement's bytes in a form."""
    if form is Form.PDF:
        return render_pdf(model, large_print=large_print)
    if form is Form.HTML:
        text = render_html(model, large_print=large_print)
    elif form is Form.CSV:
        text = render_csv(model)
    elif form is Form.JSON:
        text = json.dumps(statement_json(model), indent=2, ensure_ascii=False) + "\n"
    else:
        text = render_text(model)
    return text.encode()


def file_name(name: str | None, member: str, month: str, form: Form) -> str:
    """Return the name of a member's file: plain letters, and enough of the id to be theirs alone."""
    plain = unicodedata.normalize("NFKD", name or "").encode("ascii", "ignore").decode().lower()
    said = re.sub("[^a-z0-9]+", "-", plain).strip("-")[:NAME_LETTERS_MAX].strip("-")
    ending = "txt" if form is Form.TEXT else form.value
    return "-".join(part for part in (month, said, member[:8]) if part) + f".{ending}"
