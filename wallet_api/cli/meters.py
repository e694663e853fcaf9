"""``commonwatt meters``: read meter files, and import them."""

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from ledger.errors import InputError
from ledger.primitives.counted import counted
from ledger.primitives.periods import start_text
from meters.archives import unpacked
from meters.formats import AUTO, FORMATS, Format, ReadOptions
from meters.pages import Delivery
from meters.readings import Block, Refusal
from settlement.community import Community
from settlement.files_in import FileReport, Loaded, load, take
from settlement.files_words import Refused, words_of
from settlement.intake import IntakeReport
from wallet_api.cli.context import (
    EXIT_CANNOT,
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
    reports: dict[str, FileReport] = {}
    unread = 0
    for file in files:
        try:
            reports |= _import_all(community, file, format_name, options)
        except InputError as error:
            warn(f"Error: {error}")
            unread += 1
    if as_json:
        say_json({name: report.as_json() for name, report in reports.items()})
    else:
        _say_sums(list(reports.values()))
    if unread:
        warn(f"{counted(unread, 'file')} could not be read: nothing of it was stored.")
        stop(EXIT_CANNOT)
    if any(report.refused for report in reports.values()):
        stop(EXIT_PARTLY)


def _import_all(
    community: Community, file: Path, format_name: str, options: ReadOptions
) -> dict[str, FileReport]:
    """Import a file, or all files of an archive, which is read whole before any of it is stored."""
    with unpacked(file) as inside:
        read = []
        for name, path in inside:
            shown = str(file) if path == file else f"{file.parent / name}"
            read.append((shown, path, *load_named(path, shown, format_name, options)))
        return {
            shown: _import(community, path, shown, chosen, options, loaded)
            for shown, path, chosen, loaded in read
        }


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


def load_named(
    path: Path, shown: str, format_name: str, options: ReadOptions
) -> tuple[Format, Loaded]:
    """Read a file whole, in the format that was named or that it is recognised as.

    Raises:
        InputError: it cannot be read; names it.
    """
    chosen = format_of(path, shown, format_name)
    try:
        return chosen, load(path, chosen, options)
    except InputError as error:
        raise InputError(f"{shown}: {error}") from error


def _import(
    community: Community,
    path: Path,
    shown: str,
    chosen: Format,
    options: ReadOptions,
    loaded: Loaded,
) -> FileReport:
    """Import one file that was read, and say what was refused of it."""
    reach_end(community, loaded.delivery)
    _warn_before_consent(community, loaded.delivery)
    with progress(Path(shown).name, loaded.delivery.count) as advance:
        report = take(community, path, Path(shown).name, chosen, options, loaded, advance)
    for line in words_of(report):
        warn(f"{shown}{line}")
    return report


def reach_end(community: Community, delivery: Delivery) -> None:
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
        before = community.writer.now_period()
        move_clock(community, max(ends) * 1_800_000)
        if community.writer.now_period() > before:
            warn(f"The simulated clock stands at {start_text(community.writer.now_period())} now.")


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


def _say_sums(reports: list[FileReport]) -> None:
    intakes = [report.intake for report in reports]
    new = sum(report.accepted for report in intakes)
    identical, batches = sum(r.identical for r in intakes), sum(r.batches for r in intakes)
    held = sum(report.held for report in reports)
    say(
        f"{new:,} readings new, {corrected_text(intakes)}, {identical:,} known already, "
        f"{sum(report.refused for report in reports):,} refused; {batches:,} signed batches"
        + (f", {held:,} held." if held else ".")
    )


def corrected_text(intakes: list[IntakeReport]) -> str:
    """Say what came again in another version, and what came at last where we had only estimates."""
    estimated = sum(report.estimated for report in intakes)
    corrected = sum(report.corrected for report in intakes) - estimated
    first = f", {estimated:,} in the place of our estimates" if estimated else ""
    return f"{corrected:,} corrected{first}"
