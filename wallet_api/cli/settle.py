"""``commonwatt settle``: make the first posting run of local days."""

from datetime import timedelta
from typing import Annotated, Any

import typer

from ledger.primitives.counted import counted
from ledger.primitives.periods import parse_date
from settlement import store
from settlement.errors import RunRefusedError
from settlement.estimating import estimate_missing
from settlement.run import settle_day
from settlement.store import RunSummary
from settlement.timetable import first_due_ms
from wallet_api.cli.context import (
    EXIT_CANNOT,
    move_clock,
    open_here,
    progress,
    say,
    say_json,
    settings_of,
    stop,
    warn,
)
from wallet_api.cli.publish import publish_here, witnesses_line

DAYS_MAX = 4_000
"""Most days in one command: ten years."""


def settle(
    context: typer.Context,
    day: Annotated[str, typer.Option(metavar="DATE", help="First local day")],
    through: Annotated[str | None, typer.Option(metavar="DATE", help="Last local day")] = None,
    estimates: Annotated[
        bool, typer.Option("--estimates/--no-estimates", help="Estimate missing readings first")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="For programs")] = False,
) -> None:
    """Settle local days: set aside, clear every half-hour, post, sign and seal.

    Readings that are missing are estimated first, and say so; an export is estimated as zero.

    A day that is settled already posts nothing; a run that was stopped goes on where it was.

    Example: commonwatt settle --day 2026-06-15 --through 2026-06-21
    """
    first = parse_date(day)
    last = parse_date(through) if through else first
    count = (last - first).days + 1
    if not 1 <= count <= DAYS_MAX:
        warn(f"Error: --through must be from {first} on, and at most {DAYS_MAX:,} days later.")
        stop(EXIT_CANNOT)
    settings = settings_of(context)
    community = open_here(settings)
    zone, table = community.state.rules_now.zone, community.state.rules_now.timetable
    with community.reading() as connection:
        before = {run.day for run in store.runs(connection, community.writer.community)}
    runs = []
    with progress("Days", count) as advance:
        for offset in range(count):
            this_day = first + timedelta(days=offset)
            move_clock(community, first_due_ms(this_day, zone, table))
            try:
                estimated = 0
                if estimates and this_day.isoformat() not in before:
                    estimated = estimate_missing(community, this_day)
                runs.append(settle_day(community, this_day))
            except RunRefusedError:
                if runs:
                    publish_here(settings, community)
                    warn(f"{_sums(runs, before)}, through {runs[-1].day}; then:")
                raise
            advance(1)
            if not as_json:
                _say_run(runs[-1], before, estimated)
    published = publish_here(settings, community)
    checkpoint = published.checkpoint
    if as_json:
        head = {"log_entries": checkpoint.size, "root": checkpoint.root.hex()}
        say_json({"days": [_to_json(run) for run in runs], **head})
        return
    total = sum(run.matched_wh for run in runs)
    say(f"{_sums(runs, before)}, {total:,} Wh matched between neighbours.")
    say(f"Log: {checkpoint.size:,} entries, root {checkpoint.root.hex()}")
    if published.collected is not None:
        say(witnesses_line(published))


def _to_json(run: RunSummary) -> dict[str, Any]:
    return {
        "day": run.day,
        "run": run.code,
        "periods": run.periods,
        "matched_wh": run.matched_wh,
        "missing": run.missing,
    }


def _sums(runs: list[RunSummary], before: set[str]) -> str:
    """Say how many days were settled now, and how many were already."""
    known = sum(run.day in before for run in runs)
    words = f"{counted(len(runs) - known, 'day')} settled"
    return f"{words}, {known:,} already settled" if known else words


def _say_run(run: RunSummary, before: set[str], estimated: int) -> None:
    guessed = f", {counted(estimated, 'reading')} estimated" if estimated else ""
    missing = f", {run.missing:,} readings missing, counted as zero" if run.missing else ""
    known = ", already settled" if run.day in before else ""
    say(
        f"{run.day}  {run.periods} half-hours, {run.matched_wh:>9,} Wh matched{guessed}{missing}{known}"
    )
