"""``commonwatt meters trace`` and ``known``: where a reading came from, and what was known when."""

import textwrap
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from ledger import log_store
from ledger.primitives.counted import counted
from ledger.primitives.energy import format_kwh
from ledger.primitives.periods import (
    SECONDS,
    load_zone,
    local_label,
    of_local_day,
    parse_date,
    start_text,
    utc_text,
)
from meters.readings import Quality
from meters.versions import Stored
from settlement.community import Community
from settlement.tracing import Traced, slot_of, trace
from wallet_api.cli.context import error_console, open_here, say, say_json, settings_of
from wallet_api.cli.fields import AsJson, agreed, half_hour_of

Meter = Annotated[str, typer.Argument(help="The meter, as its files name it")]
Channel = Annotated[str, typer.Argument(help="import or export")]

QUALITIES = tuple(Quality)

EXCERPT_CHARACTERS = 100
"""How much of a line of a file is shown."""


def trace_reading(
    context: typer.Context,
    meter: Meter,
    channel: Channel,
    start: Annotated[str, typer.Argument(help="Local start of the half-hour: 2026-06-15T13:30")],
    as_json: AsJson = False,
) -> None:
    """Show every version of a reading, who signed it, and the bytes of the file it is from.

    The stored file is read again by its adapter, and must give the same reading. A time is local,
    as in 2026-06-15T13:30, or UTC, as in 2026-06-15T12:30:00Z.

    Example: commonwatt meters trace lw-03 import 2026-06-15T13:30
    """
    community = open_here(settings_of(context))
    period = half_hour_of(start, community.state.rules_now.zone)
    slot = slot_of(community, meter, channel)
    with error_console.status("") as status:
        versions = trace(
            community, slot, period, lambda file: status.update(f"reading {file.name} again")
        )
    if as_json:
        say_json([version.as_json() for version in versions])
        return
    zone = load_zone(community.state.rules_now.zone)
    say(f"Meter {meter} {channel}, {start_text(period)} ({local_label(period, zone)} there)")
    for version in versions:
        _say_version(version)


def _say_version(traced: Traced) -> None:
    stored, origin = traced.version.stored, traced.version.origin
    say()
    say(
        f"Version {stored.version}: {stored.wh:,} Wh, {QUALITIES[stored.quality]}"
        + (" (this one counts)" if traced.counts else "")
    )
    if origin is not None:
        say(f"  came       {utc_text(origin.received_at_ms // 1000)}")
    say(f"  log entry  {stored.position}, {traced.kind.replace('_', ' ')} {traced.tx_id[:16]}…")
    say(f"  place      number {traced.index + 1} of its readings")
    say(f"  signed by  key {traced.signer[:16]}…")
    if traced.reason is not None:
        say(f"  reason     {traced.reason}")
    for each in traced.inputs:
        say(f"  made from  {_input(each)}")
    if traced.file is not None:
        say(f"  file       {traced.file.name}, read as {traced.file.format}")
        say(f"  SHA-256    {traced.file.sha256.hex()}")
    elif origin is not None and origin.file is not None:
        say("  file       erased")
    if traced.place is not None:
        line, offset, length = traced.place.place
        say(f"  bytes      {offset:,} to {offset + length - 1:,}, from line {line}")
        for text in traced.excerpt.decode("utf-8", "replace").splitlines():
            say("             " + textwrap.shorten(text, EXCERPT_CHARACTERS, placeholder="…"))


def _input(each: Mapping[str, Any]) -> str:
    """Write what an estimate was made from."""
    what, where = (
        each["what"],
        f"{each.get('meter', 'all meters')} {each.get('channel', '')}".strip(),
    )
    if what == "rules":
        return f"version {each['first']} of the rules of estimation"
    if what == "advance":
        span = f"{utc_text(each['first'])} to {utc_text(each['end'])}"
        return f"the register of {where}, {span}: {each['wh']:,} Wh"
    entry = f", log entry {each['entry']}" if "entry" in each else ""
    half_hours = counted(each.get("count", 1), "half-hour")
    return f"{half_hours} of {where} from {start_text(each['first'])}{entry}"


def known(
    context: typer.Context,
    meter: Meter,
    channel: Channel,
    day: Annotated[str, typer.Option(help="Local day, as in 2026-06-15")],
    at: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="As known at this local time: 2026-06-20T12:00 [now]"),
    ] = None,
    before: Annotated[
        int | None, typer.Option(metavar="ENTRY", help="As known before this log entry")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the readings of a day as they count now, or as they were known earlier.

    Example: commonwatt meters known lw-03 import --day 2026-06-15 --at 2026-06-16T12:00
    """
    if at is not None and before is not None:
        raise typer.BadParameter("say --at or --before, not both")
    community = open_here(settings_of(context))
    slot = slot_of(community, meter, channel)
    zone = load_zone(community.state.rules_now.zone)
    periods = of_local_day(parse_date(day), zone)
    with community.reading() as connection:
        if at is not None:
            time_ms = half_hour_of(at, zone.key) * SECONDS * 1000
            before = log_store.position_at(connection, community.writer.community, time_ms)
        found = community.readings.known(connection, periods, meters=[meter], before=before)
    rows = [(period, found.get((*slot, period))) for period in periods]
    if as_json:
        say_json([_known_json(period, stored) for period, stored in rows])
        return
    _say_day(community, f"Meter {meter} {channel} on {day}", rows)


def _known_json(period: int, stored: Stored | None) -> dict[str, object]:
    value: dict[str, object] = {"period": period, "start": start_text(period)}
    if stored is None:
        return value
    return value | {
        "wh": stored.wh,
        "quality": QUALITIES[stored.quality].value,
        "version": stored.version,
        "log_entry": stored.position,
    }


def _say_day(community: Community, title: str, rows: list[tuple[int, Stored | None]]) -> None:
    zone = load_zone(community.state.rules_now.zone)
    say(title)
    for period, stored in rows:
        label = local_label(period, zone)
        if stored is None:
            say(f"  {label}        –  no reading")
            continue
        quality = QUALITIES[stored.quality].value
        more = f", version {stored.version}" if stored.version > 1 else ""
        say(f"  {label}  {stored.wh:>7,}  {quality}{more} (entry {stored.position})")
    there = [stored for _, stored in rows if stored is not None]
    total = format_kwh(sum(stored.wh for stored in there), 3)
    say(f"  {len(there)} of {len(rows)} half-hours, {total} kWh")


def erase_file(
    context: typer.Context,
    sha256: Annotated[str, typer.Argument(help="Beginning of the file's SHA-256")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask")] = False,
) -> None:
    """Delete a stored meter file for good; its readings and its hash in the log stay.

    Example: commonwatt meters erase-file 3f0c81d2
    """
    community = open_here(settings_of(context))
    with community.reading() as connection:
        file = community.files.find_by_hash(connection, sha256)
    if not agreed(f"Delete {file.name}, {file.bytes:,} bytes, for good?", yes=yes):
        say("Nothing was deleted.")
        return
    with community.transaction() as connection:
        community.files.erase(connection, file.number)
    say(f"{file.name} was deleted. Its readings stay, and its SHA-256 in their signed batches.")
