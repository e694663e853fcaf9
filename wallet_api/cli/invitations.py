"""``commonwatt member invite`` and ``join``, ``commonwatt community invitations``: in by a letter."""

from typing import Annotated

import typer

from ledger import people
from ledger.invitations import Invitation, Standing
from ledger.primitives.money import UNITS_PER_MAJOR, format_money, ticks_from_text
from ledger.primitives.periods import start_text
from settlement import joining
from settlement.enrol import Terms
from settlement.key_deeds import make_paper_code
from wallet_api.cli.context import say, say_json
from wallet_api.cli.fields import AsJson, At, Reason, id_ending, last_period, local_time, open_at
from wallet_api.cli.member import CLASSES
from wallet_api.cli.paper import WordsFile, ask_words, card, sheet

DAYS = 30
"""How long an invitation is good, unless somebody says otherwise: a letter may lie for a while."""

DAYS_MAX = 366
"""Longest: whoever did not come in a year is asked again."""


def invite(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Argument(help="Whom it is for: printed on the card, and kept nowhere")
    ] = None,
    member_class: Annotated[str, typer.Option("--class", help="|".join(CLASSES))] = "household",
    credit_limit: Annotated[
        int | None,
        typer.Option(
            "--credit-limit",
            "--floor",
            help="Pounds they can go below zero [as rules allow]",
            min=0,
        ),
    ] = None,
    days: Annotated[int, typer.Option(help="How many days it is good", min=1, max=DAYS_MAX)] = DAYS,
    at: At = None,
) -> None:
    """Make an invitation, signed by two operators: twelve words that open one account.

    Whoever holds the words joins at any hour, without an operator. They are shown once and kept
    nowhere, nor is the name.

    Example: commonwatt member invite "The Okafors, number 12" --class household --days 30
    """
    if member_class not in CLASSES:
        raise typer.BadParameter(f"--class is one of: {', '.join(CLASSES)}")
    community = open_at(context, at)
    floor_units = None if credit_limit is None else -credit_limit * UNITS_PER_MAJOR
    last = last_period(community, days)
    letter = joining.invite(community, member_class, last, floor_units)
    until = local_time(community, letter.last + 1)
    below = (
        f"These words open one account of the class {member_class},",
        f"until {until}. Nobody else is needed: not even an operator.",
        "Whoever has the words can use them: keep them to yourself.",
    )
    say(sheet((f"Invitation for {name or '_' * 30}", community.name), letter.words, below))
    say()
    say(f"Invitation {letter.id[-8:]}. They use it with: commonwatt member join NAME")
    say(f"Take it back: commonwatt community end-invitation {letter.id[-8:]}")


def join(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Kept in the erasable store alone")],
    import_ticks: Annotated[
        str, typer.Option("--import-ticks", help="Their import tariff: 24.50p, or 2450")
    ] = "2450",
    export_ticks: Annotated[
        str, typer.Option("--export-ticks", help="Their export tariff: 4.10p, or 410")
    ] = "410",
    day_limit: Annotated[
        int, typer.Option(help="Most that settlement may take a day, pounds")
    ] = 50,
    words: WordsFile = None,
    paper_code: Annotated[
        bool,
        typer.Option(
            "--paper-code/--no-paper-code",
            help="Print twelve other words that bring the account back if the phone is lost",
        ),
    ] = True,
    at: At = None,
) -> None:
    """Open an account by an invitation, whose words are asked for without showing them.

    The key that signs is made here, as for a sign-up on paper. Class and credit limit are those of
    the invitation; no operator signs.

    Example: commonwatt member join "Okafor"

    Or: commonwatt member join "Okafor" --words letter.txt
    """
    community = open_at(context, at)
    tariffs = ticks_from_text(import_ticks), ticks_from_text(export_ticks)
    terms = Terms(*tariffs, mandate_units_day_max=day_limit * UNITS_PER_MAJOR)
    typed = ask_words(words)
    code = make_paper_code(community, name) if paper_code else None
    recovery = None if code is None else code.commitment
    member = joining.join(community, name, typed, terms, recovery)
    if code is not None:
        say(card(name, community.name, code.words))
        say()
    say(f"{name} is a member: {member}")


def invitations(context: typer.Context, at: At = None, as_json: AsJson = False) -> None:
    """List invitations: open, used (and by whom), ended, expired.

    Example: commonwatt community invitations
    """
    community = open_at(context, at)
    found = joining.invitations_now(community)
    if as_json:
        say_json([invitation_json(each, standing) for each, standing in found])
        return
    with community.reading() as connection:
        names = people.names(connection, community.writer.community)
    for each, standing in found:
        floor = format_money(-each.floor_units)
        say(
            f"{each.id[-8:]}  {standing:<8} {each.member_class:<10} credit {floor:>8}  "
            f"until {local_time(community, each.last + 1)}{_more(each, names)}"
        )
    if not found:
        say("Nobody was invited. See 'commonwatt member invite --help'.")


def end_invitation(
    context: typer.Context,
    which: Annotated[str, typer.Argument(metavar="ID", help="The invitation's id, or how it ends")],
    reason: Reason = "It is not needed any more.",
    at: At = None,
) -> None:
    """End an invitation, signed by one operator: nobody joins by it any more.

    Example: commonwatt community end-invitation 9b1a09c2 --reason "The letter was lost."
    """
    community = open_at(context, at)
    ids = [each.id for each, _ in joining.invitations_now(community)]
    found = id_ending(ids, which, "invitation", "commonwatt community invitations")
    joining.end_invitation(community, found, reason)
    say(f"Invitation {found[-8:]} opens no account any more.")


def _more(invitation: Invitation, names: dict[str, str]) -> str:
    if invitation.member is not None:
        return f"  {names.get(invitation.member, invitation.member[:8])} joined"
    return "" if invitation.ended is None else f"  {invitation.ended}"


def invitation_json(invitation: Invitation, standing: Standing) -> dict[str, object]:
    """Return an invitation for programs: without its words, which nobody knows."""
    return {
        "id": invitation.id,
        "state": standing.value,
        "class": invitation.member_class,
        "floor_units": invitation.floor_units,
        "last": invitation.last,
        "last_utc": start_text(invitation.last),
        "member": invitation.member,
        "ended": invitation.ended,
    }
