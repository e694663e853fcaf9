"""``commonwatt meters``: read meter files, and import them."""

import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import typer

from ledger.errors import InputError
from ledger.primitives.counted import counted
from meters.formats import FORMATS, ReadOptions, find_format
from meters.readings import Block, Item, Reading, Refusal
from settlement.community import Community
from settlement.intake import IntakeReport, import_readings
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

app = typer.Typer(help="Meter files: look into them, and import them.", no_args_is_help=True)

FormatOption = Annotated[str, typer.Option("--format", help="One of: " + ", ".join(FORMATS))]
ZoneOption = Annotated[
    str | None, typer.Option(help="Time zone of local times in the file, as in Europe/London")
]
LabelOption = Annotated[
    str | None, typer.Option(help="start or end: which end of the half-hour a time names")
]


REPLAY_AHEAD_PERIODS_MAX = 800 * 48
"""How far one file may move the clock of a replay: beyond that a date is a typing mistake."""


REASONS_MAX = 1_000
"""Most reasons that are told apart: a file of nonsense must not fill the memory."""

VALUES = re.compile(r"'[^']*'|\d+")
"""What differs between two rows that are refused for one reason."""

OTHER_REASONS = "other reasons"


@app.command()
def read(
    file: Annotated[Path, typer.Argument(help="A meter file")],
    format_name: FormatOption,
    zone: ZoneOption = None,
    label: LabelOption = None,
) -> None:
    """Read a file: readings as JSON lines on stdout, refused rows on stderr. Changes nothing.

    Each reason is said with its first line, and at the end how many more lines it refused.

    Exit code 0: all accepted; 3: some rows refused; 2: the file could not be read.

    Example: commonwatt meters read march.csv --format csv --zone Europe/London --label start
    """
    refused = _Refused()
    write = sys.stdout.write
    for item in _read(file, format_name, zone, label):
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
    files: Annotated[list[Path], typer.Argument(help="Meter files")],
    format_name: FormatOption,
    zone: ZoneOption = None,
    label: LabelOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs")] = False,
) -> None:
    """Import files as signed batches; what is known already is dropped without a trace.

    Each file is read whole before any of it is stored.

    Example: commonwatt meters import week/*.csv --format csv
    """
    community = open_here(settings_of(context))
    reports, refused = {}, 0
    for file in files:
        readings: list[Reading] = []
        rows = _Refused()
        for item in _read(file, format_name, zone, label):
            if isinstance(item, Block):
                readings.extend(item.readings())
            elif isinstance(item, Refusal) and rows.is_new(item):
                warn(f"{file} line {item.line}: {item.reason}")
        for first, more in rows.again():
            warn(f"{file}, {counted(more, 'more line')}: refused as line {first.line}")
        refused += len(rows)
        _reach_end(community, readings)
        _warn_before_consent(community, readings)
        with progress(file.name, len(readings)) as advance:
            reports[str(file)] = import_readings(community, readings, advance)
    for file_name, report in reports.items():
        refused += _warn_about(file_name, report)
    if as_json:
        say_json({name: vars(report) for name, report in reports.items()})
    else:
        _say_sums(list(reports.values()), refused)
    if refused:
        stop(EXIT_PARTLY)


@app.command()
def formats(
    as_json: Annotated[bool, typer.Option("--json", help="For programs")] = False,
) -> None:
    """List the formats that are read.

    Example: commonwatt meters formats
    """
    if as_json:
        say_json([{"format": f.name, "title": f.title, "page": f.page} for f in FORMATS.values()])
        return
    for known in FORMATS.values():
        say(f"{known.name:<10} {known.title}  ({known.page})")


class _Refused:
    """Rows of a file that were refused, each reason once, whatever times and values stand in it."""

    def __init__(self) -> None:
        self._count: Counter[str] = Counter()
        self._first: dict[str, Refusal] = {}

    def is_new(self, refusal: Refusal) -> bool:
        """Count a refusal, and return whether it is to be said: its reason was not said yet."""
        reason = VALUES.sub("…", refusal.reason)
        if reason not in self._count and len(self._count) == REASONS_MAX:
            reason = OTHER_REASONS
        self._count[reason] += 1
        return self._first.setdefault(reason, refusal) is refusal

    def again(self) -> Iterator[tuple[Refusal, int]]:
        """Yield the first row of each reason that came again, and how often it did."""
        for reason, count in self._count.items():
            if count > 1:
                yield self._first[reason], count - 1

    def __len__(self) -> int:
        return self._count.total()


def _reach_end(community: Community, readings: list[Reading]) -> None:
    """Let a replay's clock reach the end of the readings that count, within reason."""
    latest = community.writer.now_period() + REPLAY_AHEAD_PERIODS_MAX
    known = [
        reading.period
        for reading in readings
        if reading.meter in community.state.meters and reading.period < latest
    ]
    if known:
        move_clock(community, (max(known) + 1) * 1_800_000)


def _warn_before_consent(community: Community, readings: list[Reading]) -> None:
    """Say which readings are stored and will not be traded: consent binds forward."""
    early: Counter[str] = Counter(
        reading.meter
        for reading in readings
        if reading.meter in community.state.meters
        and community.state.member_of(reading.meter, reading.period) is None
    )
    for meter, count in sorted(early.items()):
        warn(f"{count} readings of meter {meter} are from before its member's consent: not traded.")


def _read(path: Path, format_name: str, zone: str | None, label: str | None) -> Iterator[Item]:
    if label not in (None, "start", "end"):
        raise typer.BadParameter("--label is start or end")
    side: Literal["start", "end"] | None = None
    if label is not None:
        side = "start" if label == "start" else "end"
    chosen = find_format(format_name)
    with path.open("rb") as stream:
        try:
            yield from chosen.read(stream, ReadOptions(zone=zone, label=side))
        except InputError as error:
            raise InputError(f"{path}: {error}") from error


def _warn_about(file_name: str, report: IntakeReport) -> int:
    """Say what was refused after reading, and return how many readings it was."""
    for meter, count in report.unknown_meters.items():
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
