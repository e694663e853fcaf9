"""``commonwatt dispute``: say that a run is wrong, decide it, and see where disputes stand."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ledger import people
from ledger.errors import InputError
from ledger.primitives.money import format_money
from ledger.primitives.periods import SECONDS, load_zone, of_local_day, parse_date
from settlement import deeds, store
from settlement.community import Community
from settlement.disputes import Dispute, State
from settlement.timetable import due_at_ms
from wallet_api.cli.context import open_here, say, say_json, settings_of
from wallet_api.cli.fields import (
    AsJson,
    At,
    Reason,
    Who,
    file_hash,
    half_hour_of,
    local_time,
    open_at,
    positive_money,
    who,
)

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

Which = Annotated[str, typer.Argument(help="The dispute's id, or how it ends")]


@app.callback()
def disputes() -> None:
    """Say that a run is wrong, decide it, and see where disputes stand."""


@app.command("raise")
def raise_dispute(
    context: typer.Context,
    name: Who,
    day: Annotated[str, typer.Option(metavar="DATE", help="The local day that it is about")],
    claim: Annotated[str, typer.Option(help="What is wrong, in the member's words")],
    amount: Annotated[str, typer.Option(help="What it is about in money, as in 1.20")],
    first: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="First half-hour, local [all day]")
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", metavar="TIME", help="Where it ends, local")
    ] = None,
    run: Annotated[str | None, typer.Option(help="The run that is wrong [the last one]")] = None,
    evidence: Annotated[
        Path | None, typer.Option(help="A file that shows it: its hash is signed, keep the file")
    ] = None,
    at: At = None,
) -> None:
    """Say for a member that a run of a day is wrong; signed by the member.

    Two operators decide. If they uphold it, the readings are put right (commonwatt meters edit, or a
    new delivery), and the day's next run takes them in; a day that is closed is worked out once more:
    commonwatt settle --run DF.

    Example: commonwatt dispute raise Ada --day 2026-06-15 --claim "I was away." --amount 1.20
    """
    community = open_at(context, at)
    member, name = who(community, name)
    made = _runs_of(community, day)
    if not made:
        raise InputError(f"{day} is not settled yet: there is nothing to dispute.")
    periods = _span(community, day, first, last)
    fields: dict[str, Any] = {
        "day": day,
        "run": run or made[-1],
        "first": periods.start,
        "periods": len(periods),
        "units": positive_money(amount),
        "claim": claim,
    }
    if run is not None and run not in made:
        raise InputError(f"The run {run} of {day} was not made: {', '.join(made)} were.")
    if evidence is not None:
        fields["evidence"] = file_hash(evidence)
    statement = deeds.dispute(community, member, fields)
    dispute = community.state.disputes.of(statement.id)
    say(f"{name} disputes the run {fields['run']} of {day}: {claim}")
    say(f"Dispute {dispute.id[-8:]}, open until {local_time(community, dispute.until)}.")


@app.command("uphold")
def uphold(context: typer.Context, which: Which, reason: Reason, at: At = None) -> None:
    """Decide that the member is right; signed by two operators.

    Example: commonwatt dispute uphold 9b1a09c2 --reason "The meter company confirms it."
    """
    community, dispute = _decide(context, which, reason, at, upheld=True)
    day, table = parse_date(dispute.day), community.state.timetable_of(parse_date(dispute.day))
    made = tuple(_runs_of(community, dispute.day))
    say(f"Put the readings of {day} right: commonwatt meters edit, or import them anew.")
    if table.closing in made:
        say(f"Then: commonwatt settle --day {day} --run {table.next_dispute(made)}")
        return
    code = table.posting[table.posting.index(made[-1]) + 1]
    due = due_at_ms(table.run(code), day, community.state.rules_now.zone) // (SECONDS * 1000)
    say(f"The day's next run, {code}, takes them in, from {local_time(community, due)} on.")


@app.command("reject")
def reject(context: typer.Context, which: Which, reason: Reason, at: At = None) -> None:
    """Decide that the run stays as it is; signed by two operators.

    Example: commonwatt dispute reject 9b1a09c2 --reason "The register's read agrees."
    """
    _decide(context, which, reason, at, upheld=False)


@app.command("list")
def list_disputes(
    context: typer.Context,
    state: Annotated[State | None, typer.Option(help="Only these [all]")] = None,
    as_json: AsJson = False,
) -> None:
    """List disputes and where they stand.

    Example: commonwatt dispute list --state open
    """
    community = open_here(settings_of(context))
    now = community.writer.now_period()
    found = [
        dispute
        for dispute in community.state.disputes.disputes.values()
        if state is None or dispute.state(now) is state
    ]
    if as_json:
        say_json([dispute_json(dispute, now) for dispute in found])
        return
    names = _names(community)
    for dispute in found:
        name = names.get(dispute.member, dispute.member[:8])
        say(
            f"{dispute.id[-8:]}  {dispute.state(now):<8}  {dispute.day}  {dispute.run:<3} "
            f"{format_money(dispute.units):>9}  {name}: {dispute.claim}"
        )
    if not found:
        say("No dispute." if state is None else f"No dispute is {state}.")


@app.command("show")
def show(context: typer.Context, which: Which, as_json: AsJson = False) -> None:
    """Show one dispute, and the runs of its day.

    Example: commonwatt dispute show 9b1a09c2
    """
    community = open_here(settings_of(context))
    dispute, now = _find(community, which), community.writer.now_period()
    made = _runs_of(community, dispute.day)
    if as_json:
        say_json(dispute_json(dispute, now) | {"runs": made})
        return
    name = _names(community).get(dispute.member, dispute.member[:8])
    say(f"Dispute {dispute.id}: {dispute.state(now)}")
    say(f"{name} says of {dispute.day}, run {dispute.run}: {dispute.claim}")
    first, end = (
        local_time(community, period) for period in (dispute.first, dispute.first + dispute.periods)
    )
    say(f"About {first} to {end}, and {format_money(dispute.units)}.")
    if dispute.evidence:
        say(f"Evidence: a file with the SHA-256 {dispute.evidence}")
    if dispute.reason:
        say(f"Operators decided: {dispute.reason}")
    else:
        say(f"Operators may decide until {local_time(community, dispute.until)}.")
    say(f"Runs of the day: {', '.join(made)}")


def dispute_json(dispute: Dispute, now: int) -> dict[str, Any]:
    """Return a dispute for programs, without who raised it and what was said: ids are pseudonyms."""
    return {
        "id": dispute.id,
        "state": dispute.state(now).value,
        "day": dispute.day,
        "run": dispute.run,
        "first": dispute.first,
        "periods": dispute.periods,
        "units": dispute.units,
        "raised": dispute.raised,
        "until": dispute.until,
    }


def _decide(
    context: typer.Context, which: str, reason: str, at: str | None, *, upheld: bool
) -> tuple[Community, Dispute]:
    community = open_at(context, at)
    dispute = _find(community, which)
    deeds.rule_on(community, dispute.id, reason, upheld=upheld)
    say(f"Dispute {dispute.id[-8:]} is {'upheld' if upheld else 'rejected'}: {reason}")
    return community, dispute


def _find(community: Community, text: str) -> Dispute:
    book = community.state.disputes.disputes
    found = [each for each in book.values() if text and each.id.endswith(text.lower())]
    if len(found) != 1:
        several = "several disputes' ids end" if found else "no dispute's id ends"
        raise InputError(f"{text!r}: {several} with it. See 'commonwatt dispute list'.")
    return found[0]


def _names(community: Community) -> dict[str, str]:
    with community.reading() as connection:
        return people.names(connection, community.writer.community)


def _runs_of(community: Community, day: str) -> list[str]:
    with community.reading() as connection:
        made = store.runs_of(connection, community.writer.community, str(parse_date(day)))
    return [run.code for run in made]


def _span(community: Community, day: str, first: str | None, last: str | None) -> range:
    """Return the half-hours that are disputed."""
    zone = community.state.rules_now.zone
    whole = of_local_day(parse_date(day), load_zone(zone))
    start = whole.start if first is None else half_hour_of(first, zone)
    stop = whole.stop if last is None else half_hour_of(last, zone)
    if not (start in whole and start < stop <= whole.stop):
        raise InputError("--from and --to are times of the day, as in 2026-06-15T12:00, in order.")
    return range(start, stop)
