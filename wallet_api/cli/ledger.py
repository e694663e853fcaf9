"""``commonwatt ledger``: the operator's own look at the books.

>>> from ledger.check import Report
>>> render(Report((), "numbering", "Account 4 is missing.", 0, 0.1), "street.example")[-2:]
['Account 4 is missing.', 'UNSOUND.']
"""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ledger.communities import find_community
from ledger.errors import SetupError
from wallet_api.cli.context import (
    EXIT_NO,
    open_database,
    progress,
    say,
    say_json,
    settings_of,
    stop,
)

if TYPE_CHECKING:
    from ledger.check import Report

app = typer.Typer(
    help="Look at the ledger in the database, and check all of it.", no_args_is_help=True
)

_DETAILS = {
    "reading": "{count:,} transfers read",
    "numbering": "{count:,} transfers in batches without a gap",
    "content": "{count:,} batches have the hash they were posted with",
    "rules": "{count:,} transfers were allowed: accounts, holds, reversals",
    "limits": "{count:,} transfers left every account within its limits",
    "balances": "{count:,} accounts recomputed, each asset sums to zero",
    "history": "{count:,} running totals recomputed",
    "log": "{count:,} batches are what was signed",
}


@app.callback()
def ledger() -> None:
    """Look at the ledger in the database, and check all of it."""


@app.command()
def check(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="For programs")] = False,
    no_log: Annotated[
        bool, typer.Option("--no-log", help="Leave out the signed statements: much faster")
    ] = False,
) -> None:
    """Replay every transfer from the database and compare all that follows from it.

    Needs no keys, changes nothing, and may run while others write. Exit code 0: sound; 1: the
    first thing that is wrong is said, with what to do; 2: it could not run.

    Example: commonwatt ledger check --no-log
    """
    # numpy takes longer to load than most commands run.
    from ledger.check import check_ledger  # noqa: PLC0415

    settings = settings_of(context)
    database = open_database(settings)
    with database.read() as connection:
        row = find_community(connection, settings.origin)
        if row is None:
            raise SetupError("There is no such community in this database.")
        with progress("Transfers", None) as advance:
            done = 0

            def moved(_stage: str, now: int, _total: int) -> None:
                nonlocal done
                advance(now - done)
                done = now

            report = check_ledger(connection, row.community, with_log=not no_log, progress=moved)
    if as_json:
        say_json(to_json(report, row.origin))
    else:
        say("\n".join(render(report, row.origin)))
    if report.failure is not None:
        stop(EXIT_NO)


def to_json(report: "Report", origin: str) -> dict[str, Any]:
    """Return the report for programs."""
    return {
        "community": origin,
        "sound": report.failure is None,
        "failed": report.failed,
        "failure": report.failure,
        "transfers": report.transfers,
        "seconds": round(report.seconds, 3),
        "transfers_per_second": report.transfers_per_second,
        "erased": report.erased,
        "checks": [
            {
                "name": stage.name,
                "passed": stage.passed,
                "count": stage.count,
                "seconds": round(stage.seconds, 3),
            }
            for stage in report.stages
        ],
    }


def render(report: "Report", origin: str) -> list[str]:
    """Return the report for people."""
    lines = [f"Check of {origin}", ""]
    for stage in report.stages:
        mark = {True: "✓", False: "✗", None: "·"}[stage.passed]
        detail = _DETAILS[stage.name].format(count=stage.count)
        if stage.passed is None:
            detail = "not reached"
        elif stage.passed is False:
            detail = "see below"
        elif stage.name == "log" and report.erased:
            detail += f", {report.erased:,} could not be compared: erased"
        lines.append(f"  {mark} {stage.name:<10} {detail}")
    speed = f"{report.transfers:,} transfers in {report.seconds:.1f} s"
    lines += ["", f"{speed}, {report.transfers_per_second:,} a second."]
    if report.failure is None:
        return [*lines, "SOUND. Every transfer, limit, balance and running total holds."]
    return [*lines, report.failure, "UNSOUND."]
