"""``commonwatt meters``: read meter files, and import them."""

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from ledger.primitives.counted import counted
from meters.archives import unpacked
from meters.files import SourceFile
from meters.formats import AUTO, FORMATS, ReadOptions
from meters.pages import Delivery
from meters.readings import Block, Refusal
from settlement.community import Community
from settlement.intake import IntakeReport, import_delivery
from wallet_api.cli.context import (
    EXIT_PARTLY,
    move_clock,
    open_here,
    progress,
    say,
    say_json,
    settings_of,
    stop,
    warn,
)
from wallet_api.cli.fields import AsJson
from wallet_api.cli.meter_input import (
    ChannelOption,
    FormatOption,
    LabelOption,
    MeterOption,
    Refused,
    SplitOption,
    ZoneOption,
    format_of,
    items_of,
    options_of,
)

app = typer.Typer(
    help="Meter files and readings: look into them, import them, trace them.",
    no_args_is_help=True,
)

REPLAY_AHEAD_PERIODS_MAX = 800 * 48
"""How far one file may move the clock of a replay: beyond that a date is a typing mistake."""


@app.command()
def read(
    file: Annotated[Path, typer.Argument(help="A meter file, or a zip archive of some")],
    format_name: FormatOption = AUTO,
    zone: ZoneOption = None,
    label: LabelOption = None,
    meter: MeterOption = None,
    channel: ChannelOption = None,
    split: SplitOption = False,
) -> None:
    """Read a file: readings as JSON lines on stdout, refused rows on stderr. Changes nothing.

    Each reason is said with its first line, and at the end how many more lines it refused.
    Register reads and advances, of which no half-hour is known, are printed as what they are.

    Exit code 0: all accepted; 3: some rows refused; 2: the file could not be read.

    Examples:
    commonwatt meters read march.csv --zone Europe/London --label start
    commonwatt meters read octopus.json --meter 1200012345678 --channel import
    """
    options = options_of(zone, label, meter, channel, split=split)
    refused = Refused()
    write = sys.stdout.write
    with unpacked(file) as files:
        for name, path in files:
            chosen = format_of(path, name, format_name)
            for item in items_of(path, name, chosen, options):
                if isinstance(item, Refusal):
                    if refused.is_new(item):
                        warn(json.dumps(item.as_json(), ensure_ascii=False))
                    continue
                for each in item.readings() if isinstance(item, Block) else [item]:
                    write(json.dumps(each.as_json(), ensure_ascii=False) + "\n")
    for first, more in refused.again():
        again = {"more_lines": more, "refused": f"as line {first.line}"}
        warn(json.dumps(again, ensure_ascii=False))
    if refused:
        stop(EXIT_PARTLY)


@app.command("import")
def import_files(
    context: typer.Context,
    files: Annotated[list[Path], typer.Argument(help="Meter files, or zip archives of some")],
    format_name: FormatOption = AUTO,
    zone: ZoneOption = None,
    label: LabelOption = None,
    meter: MeterOption = None,
    channel: ChannelOption = None,
    split: SplitOption = False,
    as_json: AsJson = False,
) -> None:
    """Import files as signed batches; what is known already is dropped without a trace.

    Each file is read whole before any of it is stored. The file is kept with its readings, so that
    'commonwatt meters trace' finds each one's bytes again.

    Example: commonwatt meters import week/*.csv
    """
    options = options_of(zone, label, meter, channel, split=split)
    community = open_here(settings_of(context))
    reports: dict[str, IntakeReport] = {}
    refused = 0
    for file in files:
        with unpacked(file) as inside:
            for name, path in inside:
                shown = str(file) if path == file else f"{file.parent / name}"
                reports[shown], more = _import(community, path, shown, format_name, options)
                refused += more
    for shown, report in reports.items():
        refused += _warn_about(shown, report)
    if as_json:
        say_json({name: vars(report) for name, report in reports.items()})
    else:
        _say_sums(list(reports.values()), refused)
    if refused:
        stop(EXIT_PARTLY)


@app.command()
def formats(as_json: AsJson = False) -> None:
    """List the formats that are read.

    Example: commonwatt meters formats
    """
    if as_json:
        say_json([{"format": f.name, "title": f.title, "page": f.page} for f in FORMATS.values()])
        return
    width = max(map(len, FORMATS))
    for known in FORMATS.values():
        say(f"{known.name:<{width}}  {known.title}  ({known.page})")


def _import(
    community: Community, path: Path, shown: str, format_name: str, options: ReadOptions
) -> tuple[IntakeReport, int]:
    """Import one file, and return what became of it and how many rows were refused."""
    chosen = format_of(path, shown, format_name)
    delivery, rows, others = Delivery(), Refused(), Counter[str]()
    for item in items_of(path, shown, chosen, options):
        if isinstance(item, Block):
            delivery.add(item)
        elif not isinstance(item, Refusal):
            others[type(item).__name__] += 1
        elif rows.is_new(item):
            warn(f"{shown} line {item.line}: {item.reason}")
    for first, more in rows.again():
        warn(f"{shown}, {counted(more, 'more line')}: refused as line {first.line}")
    if others["Advance"]:
        warn(
            f"{shown}: {counted(others['Advance'], 'advance')} of registers without half-hours:"
            " nothing to trade by the half-hour in them"
        )
    _reach_end(community, delivery)
    _warn_before_consent(community, delivery)
    source = SourceFile.of(path, Path(shown).name, chosen.name, options)
    with progress(Path(shown).name, delivery.count) as advance:
        return import_delivery(community, delivery, source=source, after_group=advance), len(rows)


def _reach_end(community: Community, delivery: Delivery) -> None:
    """Let a replay's clock reach the end of the readings that count, within reason."""
    latest = community.writer.now_period() + REPLAY_AHEAD_PERIODS_MAX
    ends = [
        min(run.periods.stop, latest)
        for slot in delivery.slots()
        if slot[0] in community.state.meters
        for run in delivery.runs(slot)
        if run.first < latest
    ]
    if ends:
        move_clock(community, max(ends) * 1_800_000)


def _warn_before_consent(community: Community, delivery: Delivery) -> None:
    """Say which readings are stored and will not be traded: consent binds forward."""
    early: Counter[str] = Counter()
    for slot in delivery.slots():
        meter = slot[0]
        if meter in community.state.meters:
            bound = community.state.meter_changes(meter)[0]
            for run in delivery.runs(slot):
                early[meter] += max(0, min(run.periods.stop, bound) - run.first)
    for meter, count in sorted((+early).items()):
        warn(f"{count} readings of meter {meter} are from before its member's consent: not traded.")


def _warn_about(file_name: str, report: IntakeReport) -> int:
    """Say what was refused after reading, and return how many readings it was."""
    for meter, count in sorted(report.unknown_meters.items()):
        warn(
            f"{file_name}: {count} readings of meter {meter} refused: no member consented to it. "
            f"See 'commonwatt meter add --help'."
        )
    if report.future:
        warn(f"{file_name}: {report.future} readings of half-hours that are not over refused.")
    if report.uncovered:
        warn(
            f"{file_name}: {report.uncovered} readings refused of channels or half-hours that their "
            "member's consent does not cover."
        )
    return report.future + report.uncovered + sum(report.unknown_meters.values())


def _say_sums(reports: list[IntakeReport], refused: int) -> None:
    new, corrected = sum(r.accepted for r in reports), sum(r.corrected for r in reports)
    identical, batches = sum(r.identical for r in reports), sum(r.batches for r in reports)
    say(
        f"{new:,} readings new, {corrected:,} corrected, {identical:,} known already, "
        f"{refused:,} refused; {batches:,} signed batches."
    )
