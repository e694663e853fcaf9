"""``commonwatt why``: from a line of a statement to the readings, and from a reading to all it caused."""

import re
from pathlib import Path
from typing import Annotated

import typer

from ledger.errors import InputError
from ledger.primitives.periods import parse_date
from settlement.community import Community
from settlement.why import why as explain
from settlement.why_day import why_day
from settlement.why_day_text import why_day_text
from settlement.why_json import why_day_json, why_json
from settlement.why_text import why_text
from wallet_api.cli.context import (
    EXIT_NO,
    member_named,
    open_here,
    say,
    say_json,
    settings_of,
    stop,
)
from wallet_api.cli.fields import AsJson, half_hour_of

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def why(
    context: typer.Context,
    member: Annotated[str | None, typer.Argument(help="Name, or beginning of the id")] = None,
    when: Annotated[
        str | None,
        typer.Argument(help="A half-hour's local start, 2026-06-15T13:00, or a day, 2026-06-15"),
    ] = None,
    run: Annotated[
        str | None, typer.Option("--run", metavar="CODE", help="As II, SF, R1, RF [the last]")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say why a half-hour or a day came to what it came to, down to the readings.

    All of it is worked out again from the log and compared. Exit code 0: it agrees; 1: something
    is not what was signed, and it is said what.

    A time is local, as in 2026-06-15T13:00, or UTC, as in 2026-06-15T12:00:00Z.

    Example: commonwatt why Ada 2026-06-15T13:00

    Example: commonwatt why Ada 2026-06-15 --run SF
    """
    settings = settings_of(context)
    community = open_here(settings)
    if member is None or when is None:
        raise InputError("Say whose and when: commonwatt why Ada 2026-06-15T13:00")
    found = member_named(community, member)
    if _DAY.fullmatch(when):
        differs = _day(community, found, when, run, as_json=as_json)
    else:
        differs = _half_hour(community, found, when, run, settings.log_folder, as_json=as_json)
    if differs:
        stop(EXIT_NO)


def _half_hour(
    community: Community,
    member: str,
    when: str,
    run: str | None,
    folder: Path,
    *,
    as_json: bool,
) -> bool:
    """Explain a half-hour, and return whether something does not agree."""
    period = half_hour_of(when, community.state.rules_now.zone)
    with community.reading() as connection:
        told = explain(community, connection, member, period, run, folder)
    if as_json:
        say_json(why_json(told))
    else:
        say(why_text(told).rstrip("\n"))
    return bool(told.differences)


def _day(community: Community, member: str, when: str, run: str | None, *, as_json: bool) -> bool:
    """Explain a day, and return whether something does not agree."""
    with community.reading() as connection:
        told = why_day(community, connection, member, parse_date(when), run)
    if as_json:
        say_json(why_day_json(told))
    else:
        say(why_day_text(told).rstrip("\n"))
    return bool(told.differences)
