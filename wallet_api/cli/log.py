"""``commonwatt log``: publish it; what may be erased of it, and what that costs."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from ledger import log_store
from ledger.erasure import DETAIL, FACT, check_erasure
from ledger.kinds import a_kind
from ledger.primitives.counted import counted
from settlement import deeds
from wallet_api.cli.context import (
    EXIT_NO,
    open_here,
    say,
    say_json,
    settings_of,
    stop,
)
from wallet_api.cli.fields import AsJson, At, agreed, local_time, open_at
from wallet_api.cli.publish import publish_here, witnessed_by, witnesses_line

app = typer.Typer(help="Publish the log; erase what may go.", no_args_is_help=True)


class What(StrEnum):
    """What of an entry goes: all of it, or what it binds beside itself."""

    FACT = FACT
    DETAIL = DETAIL


COSTS = {
    ("transfer", FACT): (
        "who paid whom, how much and why, with its signature",
        "whether the right keys signed it, and every balance and order that follows from it",
    ),
    ("ask", FACT): (
        "who asked whom to pay what, with its signature",
        "whether the right keys signed it and its number was new; it moved nothing",
    ),
    ("reading_batch", DETAIL): (
        "half-hours of a home",
        "what was read, and the orders, clearings and postings that follow from it",
    ),
    ("hold", DETAIL): (
        "what each home wanted to buy or sell on a day",
        "the day's orders, clearings, postings and seal",
    ),
    ("clearing", DETAIL): (
        "who got how much in a half-hour",
        "whether the half-hour was cleared and posted by the rules",
    ),
    ("settlement", DETAIL): (
        "the salts of a half-hour's transfers and lines",
        "whether the half-hour posted the transfers that were signed",
    ),
    ("netting", DETAIL): (
        "the salts of a day's money",
        "whether the day moved the money that was signed",
    ),
}
"""By kind and what of it: what goes, and what an auditor can then not tell any more."""


@app.callback()
def log() -> None:
    """Publish the log; erase facts that may go. Its tree and every proof stay."""


@app.command()
def publish(context: typer.Context, as_json: AsJson = False) -> None:
    """Write the log's files up to now, and ask the group's witnesses to cosign.

    Runs do this by themselves; other entries wait for it. The witnesses are those of the file
    'policy' beside the keys (docs/witness.md).

    Example: commonwatt log publish
    """
    settings = settings_of(context)
    published = publish_here(settings, open_here(settings))
    checkpoint, collected = published.checkpoint, published.collected
    if as_json:
        say_json(
            {
                "log_entries": checkpoint.size,
                "root": checkpoint.root.hex(),
                "witnesses": witnessed_by(published),
                "witnesses_enough": collected is None or collected.quorum_met,
            }
        )
        return
    say(f"Log: {counted(checkpoint.size, 'entry', 'entries')}, root {checkpoint.root.hex()}")
    say(f"Published in {settings.log_folder}")
    say(witnesses_line(published))


@app.command()
def erase(
    context: typer.Context,
    entry: Annotated[list[int], typer.Option(help="Log position; may be given again", min=0)],
    what: Annotated[What, typer.Option(help="All of it, or what it binds beside itself")],
    reason: Annotated[str, typer.Option(help="The rule, or that the member asked")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would go, and erase nothing")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask")] = False,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Delete facts or details for good, by a statement that two operators sign.

    The fact of a payment, request or claim may go at any time; half-hours of homes once they are
    100 days old. Leaves stay, so every proof stays valid. Log positions stand in 'commonwatt
    ledger history'.

    Example: commonwatt log erase --entry 412 --what fact --reason "She asked." --dry-run
    """
    if as_json and not (yes or dry_run):
        raise typer.BadParameter("with --json, say --yes or --dry-run: nothing is asked then")
    community = open_at(context, at)
    entries = dict.fromkeys(sorted(set(entry)), what.value)
    with community.reading() as connection:
        number = community.writer.community
        found = log_store.entries_at(connection, number, list(entries))
        erased = log_store.erased(connection, number)
    named = [{"entry": position, "what": what.value} for position in entries]
    check_erasure({"entries": named}, found, community.writer.now_period(), erased)
    rows: list[dict[str, Any]] = [
        {
            "entry": position,
            "what": what.value,
            "kind": found[position][0],
            "goes": COSTS[found[position][0], what.value][0],
            "cannot_tell": COSTS[found[position][0], what.value][1],
        }
        for position in entries
    ]
    for row in [] if as_json else rows:
        logged = local_time(community, found[row["entry"]][1])
        say(f"Entry {row['entry']}, {a_kind(row['kind'])} of {logged}: {row['goes']}.")
        say(f"  An auditor without it cannot tell: {row['cannot_tell']}.")
    if not dry_run and not agreed("Erase it? Nothing brings it back.", yes=yes):
        say("Nothing was erased.")
        stop(EXIT_NO)
    if not dry_run:
        deeds.erase(community, entries, reason)
    if as_json:
        say_json({"erased": not dry_run, "entries": rows})
        return
    these = counted(len(rows), "entry", "entries")
    its = "its" if len(rows) == 1 else "their"
    if dry_run:
        say(f"A rehearsal: {these} could lose {its} {what.value}; nothing was erased.")
        return
    say(f"{these} lost {its} {what.value}, for good. Erase it in backups, too.")
