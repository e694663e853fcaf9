"""``commonwatt statement``: what households read."""

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from settlement.statement import household_statement
from settlement.statement_html import render_html
from settlement.statement_json import statement_json
from settlement.statement_text import render_text
from wallet_api.cli.context import member_named, open_here, say_json, settings_of


class Form(StrEnum):
    """How a statement is written."""

    TEXT = "text"
    HTML = "html"
    JSON = "json"


def statement(
    context: typer.Context,
    member: Annotated[str, typer.Argument(help="Name, or beginning of the id")],
    month: Annotated[str, typer.Option(metavar="YYYY-MM", help="Local month")],
    form: Annotated[Form, typer.Option("--format", help="text, html or json")] = Form.TEXT,
    out: Annotated[Path | None, typer.Option(help="Write it here [stdout]")] = None,
) -> None:
    """Write a member's statement of a month.

    Example: commonwatt statement Ada --month 2026-06 --format html --out ada.html
    """
    community = open_here(settings_of(context))
    found = member_named(community, member)
    with community.reading() as connection:
        model = household_statement(community, connection, found, month)
    if form is Form.JSON and out is None:
        say_json(statement_json(model))
        return
    if form is Form.JSON:
        text = json.dumps(statement_json(model), indent=2, ensure_ascii=False) + "\n"
    else:
        text = render_html(model) if form is Form.HTML else render_text(model)
    if out is None:
        sys.stdout.write(text)
    else:
        out.write_text(text, encoding="utf-8")
