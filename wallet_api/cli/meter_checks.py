"""``commonwatt meters check``, ``rules``, ``set``, ``estimate``, ``advance``: what is missing or odd."""

import json
import textwrap
from collections.abc import Iterator
from datetime import date, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ledger.errors import InputError
from ledger.primitives.counted import counted
from ledger.primitives.energy import format_kwh, wh_from_text
from ledger.primitives.periods import (
    SECONDS,
    load_zone,
    local_label,
    of_local_day,
    parse_date,
    start_text,
)
from meters.checks.findings import Finding, Severity
from meters.checks.rules import RULES
from meters.coverage import verdict
from meters.coverage_html import render_html
from meters.coverage_text import render_text
from meters.readings import NO_PLACE, Advance, Quality
from meters.setting_store import EVERY_METER
from settlement.checking import Settings, check_one_day
from settlement.community import Community
from settlement.covering import cover_days
from settlement.estimating import DayEstimated, estimate_day
from settlement.tracing import slot_of
from wallet_api.cli.context import open_here, progress, say, say_json, settings_of, warn
from wallet_api.cli.fields import AsJson, local_time
from wallet_api.cli.meter_trace import Channel, Meter

DAYS_MAX = 400
"""Most days in one command."""

EVERY = "all"
"""Instead of a meter: for all of them."""

WIDTH = 90
"""Longest line of what a rule says."""

Day = Annotated[str, typer.Option(metavar="DATE", help="First local day, as in 2026-06-15")]
Through = Annotated[str | None, typer.Option(metavar="DATE", help="Last local day [the first]")]


def days_of(first: str, last: str | None) -> list[date]:
    """Return the local days of a command.

    Raises:
        InputError: no days, or too many.
    """
    begin = parse_date(first)
    end = parse_date(last) if last else begin
    count = (end - begin).days + 1
    if not 1 <= count <= DAYS_MAX:
        raise InputError(f"--through must be from {first} on, and at most {DAYS_MAX} days later.")
    return [begin + timedelta(days=offset) for offset in range(count)]


def check(
    context: typer.Context,
    day: Day,
    through: Through = None,
    notes: Annotated[
        bool, typer.Option("--notes", help="Show notes, too: gaps, late data")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check the readings of local days: what is suspect, late, missing or estimated. Changes nothing.

    Example: commonwatt meters check --day 2026-06-15 --through 2026-06-21 --notes
    """
    community = open_here(settings_of(context))
    findings: list[Finding] = []
    days = days_of(day, through)
    with progress("Days", len(days)) as advance, community.reading() as connection:
        for each in days:
            findings += check_one_day(community, connection, each).findings
            advance(1)
    if as_json:
        say_json([finding.as_json() for finding in findings])
        return
    shown = [f for f in findings if notes or f.severity is not Severity.NOTE]
    for finding in shown:
        say(_line(community, finding))
    suspect = sum(f.severity is Severity.SUSPECT for f in findings)
    hidden = len(findings) - len(shown)
    say(
        f"{counted(len(days), 'day')}: {counted(suspect, 'suspicion')}"
        + (f", {counted(hidden, 'note')} not shown (--notes)" if hidden else "")
        + "."
    )


class Shape(StrEnum):
    """How the coverage report is written."""

    TEXT = "text"
    JSON = "json"
    HTML = "html"


def coverage(
    context: typer.Context,
    first: Annotated[str, typer.Option("--from", metavar="DATE", help="First local day")],
    through: Through = None,
    shape: Annotated[Shape, typer.Option("--format", help="text, json or html")] = Shape.TEXT,
    out: Annotated[Path | None, typer.Option(help="Write to this file, not to the screen")] = None,
    troubled: Annotated[
        bool, typer.Option("--troubled", help="Only channels with something to look at (text)")
    ] = False,
) -> None:
    """Show how whole the readings are: meters by days, complete, late, estimated, suspect, missing.

    Example: commonwatt meters coverage --from 2026-06-01 --through 2026-06-30 --format html --out june.html
    """
    community = open_here(settings_of(context))
    days = days_of(first, through)
    with progress("Days", len(days)) as advance, community.reading() as connection:
        report = cover_days(community, connection, days, advance)
    if shape is Shape.HTML:
        text = render_html(report)
    elif shape is Shape.JSON:
        text = json.dumps(report.as_json(), indent=2, ensure_ascii=False) + "\n"
    else:
        text = render_text(report, troubled_only=troubled)
    if out is None:
        say(text.rstrip("\n"))
        return
    out.write_text(text, encoding="utf-8")
    say(verdict(report))
    say(f"The report is in {out}.")


def rules(as_json: AsJson = False) -> None:
    """List the checks: what each looks for, what it does, and what to do about it.

    Example: commonwatt meters rules
    """
    if as_json:
        say_json(
            [
                {
                    "code": rule.code.value,
                    "severity": rule.severity.value,
                    "title": rule.title,
                    "default": rule.default,
                    "limits": list(rule.limits),
                    "action": rule.action,
                }
                for rule in RULES
            ]
        )
        return
    for rule in RULES:
        say(f"{rule.code} ({rule.severity}): {rule.title}")
        for word, text in (("default", rule.default), ("do", rule.action)):
            for line in textwrap.wrap(f"{word}: {text}", WIDTH):
                say(f"    {line}")


def set_limits(
    context: typer.Context,
    meter: Annotated[str, typer.Argument(help=f"The meter, or {EVERY} for every meter")],
    values: Annotated[
        list[str] | None, typer.Argument(metavar="NAME=VALUE", help="A limit, site or generation")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say what is special about a meter, or show what was said; docs/checks.md has the names.

    NAME=off switches a check off, NAME= takes back what was said.

    Examples:
    commonwatt meters set m-ada capacity_export_wh=2000 generation=m-ada-pv site=52.48,-1.90
    commonwatt meters set all stuck_zero_periods=off
    """
    community = open_here(settings_of(context))
    name_of = EVERY_METER if meter == EVERY else slot_of(community, meter, "import")[0]
    pairs = [_pair(value) for value in values or []]
    with community.transaction() as connection:
        now_ms = community.writer.clock.now_ms()
        for name, value in pairs:
            community.settings.set(connection, name_of, name, value or None, now_ms)
        said = community.settings.all(connection)
        Settings.read(said)  # what cannot be is refused, and nothing of it kept
    mine = said.get(name_of, {})
    if as_json:
        say_json(mine)
        return
    for name, value in sorted(mine.items()):
        say(f"{meter} {name}={value}")
    if not mine:
        say(f"Nothing special is said of {meter}: the defaults of docs/checks.md hold.")


def estimate(
    context: typer.Context,
    day: Day,
    through: Through = None,
    final: Annotated[
        bool, typer.Option("--final", help="For the final run: exports, too, above zero")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show, and write nothing")] = False,
    as_json: AsJson = False,
) -> None:
    """Estimate readings that are missing, and sign the estimates as what they are.

    They yield to actual readings whenever those come. The same again writes nothing. Settling does
    this by itself before a day is run.

    Example: commonwatt meters estimate --day 2026-06-15 --dry-run
    """
    community = open_here(settings_of(context))
    found: list[DayEstimated] = []
    days = days_of(day, through)
    with progress("Days", len(days)) as advance:
        for each in days:
            found.append(estimate_day(community, each, final=final, dry_run=dry_run))
            advance(1)
    if as_json:
        say_json([_estimated_json(each) for each in found])
        return
    for line in (line for each in found for line in _estimated(community, each)):
        say(line)
    count = sum(len(run.wh) for each in found for _, run in each.runs)
    batches = sum(each.batches for each in found)
    say(
        f"{counted(count, 'half-hour')} estimated"
        + (", nothing written." if dry_run else f" in {counted(batches, 'batch', 'batches')}.")
    )


def advance_of(
    context: typer.Context,
    meter: Meter,
    channel: Channel,
    since: Annotated[str, typer.Option("--from", metavar="DATE", help="Day of the first read")],
    until: Annotated[str, typer.Option(metavar="DATE", help="Day of the second read")],
    kwh: Annotated[str, typer.Option(help="What the register advanced in between")],
) -> None:
    """Keep what a meter's register advanced between two reads, each at the beginning of its day.

    Checks compare it with the half-hours, and estimates are scaled to it.

    Example: commonwatt meters advance m-ada import --from 2026-06-01 --until 2026-07-01 --kwh 312.4
    """
    community = open_here(settings_of(context))
    slot = slot_of(community, meter, channel)
    zone = load_zone(community.state.rules_now.zone)
    begin, end = (of_local_day(parse_date(text), zone).start for text in (since, until))
    if end <= begin:
        raise InputError("--until is after --from.")
    wh = wh_from_text(kwh, "kWh")
    if wh < 0:
        raise InputError("A register does not go back: a reset begins another advance.")
    advance = Advance(*slot, begin * SECONDS, end * SECONDS, wh, Quality.ACTUAL, NO_PLACE)
    with community.transaction() as connection:
        new = community.registers.save(connection, [advance], community.writer.clock.now_ms())
    say(
        f"Meter {meter} {channel}: {format_kwh(wh, 3)} kWh from {since} to {until}"
        + ("." if new else ", known already.")
    )


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise InputError(f"{text!r} is not NAME=VALUE; NAME=off switches a check off.")
    return name, value


def _line(community: Community, finding: Finding) -> str:
    when = local_time(community, finding.first)
    return f"{when}  {finding.code:<18} {finding.meter} {finding.channel}: {finding.text}"


def _estimated(community: Community, each: DayEstimated) -> Iterator[str]:
    zone = load_zone(community.state.rules_now.zone)
    for finding in each.findings:
        warn(_line(community, finding))
    for (meter, channel), run in each.runs:
        last = local_label(run.periods[-1], zone)[-5:]
        yield (
            f"{local_time(community, run.first)} to {last}  {meter} {channel}:"
            f" {format_kwh(sum(run.wh), 3)} kWh, {run.quality}, from"
            f" {counted(len(run.inputs), 'input')}"
        )


def _estimated_json(each: DayEstimated) -> dict[str, object]:
    return {
        "day": each.day.isoformat(),
        "batches": each.batches,
        "findings": [finding.as_json() for finding in each.findings],
        "estimates": [
            {
                "meter": meter,
                "channel": channel.value,
                "start": start_text(run.first),
                "wh": list(run.wh),
                "quality": run.quality.value,
                "inputs": list(run.inputs),
            }
            for (meter, channel), run in each.runs
        ],
    }
