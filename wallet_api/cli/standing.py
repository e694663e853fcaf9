"""``commonwatt member standing`` and ``commonwatt pay-due``: payments again and again."""

from dataclasses import asdict
from datetime import date, timedelta
from enum import StrEnum
from typing import Annotated, Any

import typer

from ledger import people
from ledger.errors import InputError
from ledger.primitives.counted import counted
from ledger.primitives.periods import load_zone, local_date, parse_date
from settlement import payment_deeds
from settlement.community import Community
from settlement.pay_due import PaidDue, pay_due
from settlement.standing import StandingOrder, due_days
from wallet_api.cli.context import open_here, say, say_json, settings_of, warn
from wallet_api.cli.fields import AsJson, At, Who, exact_money, open_at, positive_money, who

app = typer.Typer(help="Pay another member each week or month.", no_args_is_help=True)

LOOK_AHEAD_DAYS = 32
"""How far ahead the next payment is looked for: more than a month."""


class Every(StrEnum):
    """How often it is due."""

    WEEK = "week"
    MONTH = "month"


@app.callback()
def standing() -> None:
    """Standing orders: given, ended and listed."""


@app.command()
def add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Who pays: a name, or the beginning of the id")],
    to: Annotated[str, typer.Argument(help="Who is paid")],
    amount: Annotated[str, typer.Argument(help="Each time, as in 5.00")],
    reference: Annotated[str, typer.Option(help="What for, in at most 35 characters")],
    every: Annotated[Every, typer.Option(help="How often")] = Every.MONTH,
    first: Annotated[
        str | None,
        typer.Option("--from", metavar="DATE", help="First day on which it is due [today]"),
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", metavar="DATE", help="Last day on which it may be due")
    ] = None,
    at: At = None,
) -> None:
    """Pay another member again and again, until it is ended; signed by the member who pays.

    A month without the first payment's day pays on its last day. Whatever cannot be paid in seven
    days, for want of money, say, is not paid and not owed.

    Example: commonwatt member standing add Ada Ben 5.00 --reference "garden" --from 2026-07-01
    """
    community = open_at(context, at)
    (payer, name), (payee, to) = who(community, name), who(community, to)
    begins = _today(community) if first is None else parse_date(first)
    ends = None if last is None else parse_date(last)
    units = positive_money(amount)
    made = payment_deeds.add_standing(
        community, payer, payee, units, reference, begins, every.value, ends
    )
    until = "" if ends is None else f" to {ends}"
    say(
        f"{name} pays {exact_money(units)} to {to} every {every.value}, from {begins}{until}. Its id "
        f"ends in {made.id[-8:]}."
    )


@app.command()
def end(
    context: typer.Context,
    name: Who,
    order: Annotated[str, typer.Argument(help="Its id, or how it ends")],
    at: At = None,
) -> None:
    """End a standing order, at once; signed by the member who pays.

    Example: commonwatt member standing end Ada 9b1a09c2
    """
    community = open_at(context, at)
    member, name = who(community, name)
    mine = community.state.payments.standing.of(member)
    found = [each for each in mine if each.id.endswith(order.lower())]
    if len(found) != 1 or not order:
        several = "several of" if found else "none of"
        raise InputError(
            f"{order!r} is how {several} the standing orders of {name} end: see member standing list."
        )
    payment_deeds.end_standing(community, member, found[0].id)
    say(f"{name} pays {exact_money(found[0].units)} for {found[0].reference} no more.")


@app.command("list")
def list_orders(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="Who pays [everybody]")] = None,
    as_json: AsJson = False,
) -> None:
    """List standing orders, each with the day on which it is due next.

    Example: commonwatt member standing list Ada
    """
    community = open_here(settings_of(context))
    book = community.state.payments.standing
    found = [*book.orders.values()] if name is None else book.of(who(community, name)[0])
    if as_json:
        say_json([_to_json(order) for order in found])
        return
    if not found:
        say("Nothing is paid by a standing order.")
    names, today = _names(community), _today(community)
    for order in found:
        ahead = max(order.first, today)
        coming = due_days(order, ahead, ahead + timedelta(days=LOOK_AHEAD_DAYS))
        following = next(coming, None)
        due = "over" if following is None else f"next on {following}"
        say(f"{order.id[-8:]}  {_line(order, names)}, every {order.every}: {due}")


def pay_due_now(context: typer.Context, as_json: AsJson = False) -> None:
    """Pay what is due by standing orders and was not paid yet; 'settle --due' does it, too.

    Run it every day. Several at once, or one that was stopped, pay nothing twice.

    Example: commonwatt pay-due
    """
    community = open_here(settings_of(context))
    found = pay_due(community)
    if as_json:
        say_json(due_json(found))
        return
    if not found.paid and not found.waits:
        say("Nothing is due by standing orders.")
    say_due(community, found)


def say_due(community: Community, found: PaidDue) -> None:
    """Say what was paid by standing orders, and what waits."""
    names = _names(community)
    for day, order in found.paid:
        say(f"{day}  {_line(order, names)}")
    for day, order, reason in found.waits:
        warn(f"Not paid: {day}  {_line(order, names)}: {reason}")
    if found.paid:
        say(f"{counted(len(found.paid), 'standing payment')} made.")


def due_json(found: PaidDue) -> dict[str, Any]:
    """Return what was paid by standing orders, and what waits, for programs."""
    return {
        "paid": [{"day": str(day), "order": order.id} for day, order in found.paid],
        "waits": [
            {"day": str(day), "order": order.id, "reason": reason}
            for day, order, reason in found.waits
        ],
    }


def _line(order: StandingOrder, names: dict[str, str]) -> str:
    payer, payee = (names.get(member, member[:8]) for member in (order.member, order.to))
    return f"{payer} to {payee}, {exact_money(order.units)} for {order.reference}"


def _to_json(order: StandingOrder) -> dict[str, Any]:
    last = None if order.last is None else str(order.last)
    return {**asdict(order), "first": str(order.first), "last": last}


def _names(community: Community) -> dict[str, str]:
    with community.reading() as connection:
        return people.names(connection, community.writer.community)


def _today(community: Community) -> date:
    zone = load_zone(community.state.rules_now.zone)
    return local_date(community.writer.now_period(), zone)
