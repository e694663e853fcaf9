"""``commonwatt why``: from a line of a statement to the readings, and from a reading to all it caused."""

import re
from pathlib import Path
from typing import Annotated

import typer

from ledger.errors import InputError
from ledger.primitives.periods import parse_date
from settlement.community import Community
from settlement.tracing import slot_of
from settlement.why import why as explain
from settlement.why_day import why_day
from settlement.why_day_text import why_day_text
from settlement.why_estimates import why_batch
from settlement.why_json import why_batch_json, why_day_json, why_json, why_reading_json
from settlement.why_reading import why_reading
from settlement.why_reading_text import why_batch_text, why_reading_text
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
        typer.Argument(
            help="A half-hour: 2026-06-15T13:00, or in UTC with Z; or a day: 2026-06-15"
        ),
    ] = None,
    run: Annotated[
        str | None, typer.Option("--run", metavar="CODE", help="As II, SF, R1, RF [the last]")
    ] = None,
    reading: Annotated[
        tuple[str, str, str] | None,
        typer.Option(metavar="METER CHANNEL TIME", help="What this reading caused"),
    ] = None,
    entry: Annotated[
        int | None,
        typer.Option(metavar="N", help="What this batch caused; with --reading: this version"),
    ] = None,
    everybody: Annotated[
        bool, typer.Option("--all", help="With --reading: name the others whom it changed")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say why a half-hour or a day came to what it came to; or what a reading caused.

    All is worked out again from the log and compared. Exit code 1: something is not as signed.

    Example: commonwatt why Ada 2026-06-15T13:00

    Example: commonwatt why Ada 2026-06-15 --run SF

    Example: commonwatt why --reading 1900012345678 export 2026-06-15T13:00
    """
    backwards = reading is not None or entry is not None
    if backwards == (member is not None) or (run and backwards) or (everybody and reading is None):
        raise InputError(
            "Say whose and when, commonwatt why Ada 2026-06-15T13:00, or which reading: "
            "commonwatt why --reading 1900012345678 export 2026-06-15T13:00"
        )
    settings = settings_of(context)
    community = open_here(settings)
    if reading is not None:
        differs = _reading(community, reading, entry, everybody=everybody, as_json=as_json)
    elif entry is not None:
        differs = _batch(community, entry, as_json=as_json)
    else:
        differs = _forwards(
            community, member or "", when, run, settings.log_folder, as_json=as_json
        )
    if differs:
        stop(EXIT_NO)


def _forwards(
    community: Community,
    who: str,
    when: str | None,
    run: str | None,
    folder: Path,
    *,
    as_json: bool,
) -> bool:
    """Explain a half-hour or a day of a member, and return whether something does not agree."""
    if when is None:
        raise InputError("Say when: a half-hour, 2026-06-15T13:00, or a day, 2026-06-15.")
    member = member_named(community, who)
    if _DAY.fullmatch(when):
        return _day(community, member, when, run, as_json=as_json)
    return _half_hour(community, member, when, run, folder, as_json=as_json)


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


def _reading(
    community: Community,
    reading: tuple[str, str, str],
    entry: int | None,
    *,
    everybody: bool,
    as_json: bool,
) -> bool:
    """Tell what a reading caused, and return whether something does not agree."""
    meter, channel, when = reading
    slot = slot_of(community, meter, channel)
    period = half_hour_of(when, community.state.rules_now.zone)
    with community.reading() as connection:
        told = why_reading(community, connection, slot, period, entry, named=everybody)
    if as_json:
        say_json(why_reading_json(told))
    else:
        say(why_reading_text(told).rstrip("\n"))
    return bool(told.differences)


def _batch(community: Community, entry: int, *, as_json: bool) -> bool:
    """Tell what a batch of readings caused."""
    with community.reading() as connection:
        told = why_batch(community, connection, entry)
    if as_json:
        say_json(why_batch_json(told))
    else:
        say(why_batch_text(told).rstrip("\n"))
    return False
