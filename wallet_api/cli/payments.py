"""``commonwatt member pay``, ``ask``, ``asks`` and ``decline``: money from one member to another."""

from dataclasses import asdict
from typing import Annotated

import typer

from ledger import people
from ledger.errors import InputError
from ledger.primitives.periods import load_zone, of_local_day, parse_date
from settlement import payment_deeds
from settlement.ask_store import Listed
from settlement.community import Community
from settlement.enrol import pay as pay_member
from wallet_api.cli.context import say, say_json
from wallet_api.cli.fields import (
    AsJson,
    At,
    Who,
    exact_money,
    local_time,
    open_at,
    positive_money,
    who,
)
from wallet_api.cli.spending import warn_of

Reference = Annotated[str, typer.Option(help="What for, in at most 35 characters")]
AskId = Annotated[str, typer.Argument(metavar="REQUEST", help="Its id, or how it ends")]


def pay(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Who pays: a name, or the beginning of the id")],
    to: Annotated[str | None, typer.Argument(help="Who is paid")] = None,
    amount: Annotated[str | None, typer.Argument(help="As in 4.20")] = None,
    reference: Reference = "Payment",
    request: Annotated[
        str | None, typer.Option("--ask", metavar="REQUEST", help="Pay what was asked for")
    ] = None,
    at: At = None,
) -> None:
    """Pay another member, or what one asked for; signed by the member who pays.

    Example: commonwatt member pay Ada Ben 4.20 --reference "two loaves"

    Or: commonwatt member pay Ada --ask 9b1a09c2
    """
    if (request is None) == (to is None) or (to is None) != (amount is None):
        raise typer.BadParameter("give whom and how much, or --ask")
    community = open_at(context, at)
    payer, name = who(community, name)
    if to is None or amount is None:
        listed = _find(community, payer, request or "")
        before = payment_deeds.spent_now(community, payer)
        payment_deeds.pay_ask(community, payer, listed.ask, listed.reference)
        _, payee = who(community, listed.ask.member)
        say(f"{name} paid {exact_money(listed.ask.units)} to {payee}, for: {listed.reference}")
        warn_of(*before, listed.ask.units)
        return
    member, payee = who(community, to)
    units = positive_money(amount)
    before = payment_deeds.spent_now(community, payer)
    pay_member(community, payer, member, units, reference)
    say(f"{name} paid {exact_money(units)} to {payee}, for: {reference}")
    warn_of(*before, units)


def ask(
    context: typer.Context,
    name: Who,
    amount: Annotated[str, typer.Argument(help="As in 4.20")],
    reference: Reference,
    of: Annotated[str | None, typer.Option(help="Who is asked [anybody, once]")] = None,
    until: Annotated[
        str | None, typer.Option(metavar="DATE", help="Last local day [in a week]")
    ] = None,
    at: At = None,
) -> None:
    """Ask to be paid: one member, or whoever pays first; it is paid once.

    Example: commonwatt member ask "Green Stores" 4.20 --reference "two loaves" --of Ada
    """
    community = open_at(context, at)
    member, name = who(community, name)
    asked, whom = (None, "anybody") if of is None else who(community, of)
    zone = load_zone(community.state.rules_now.zone)
    last = None if until is None else of_local_day(parse_date(until), zone)[-1]
    units = positive_money(amount)
    made = payment_deeds.ask(community, member, units, reference, of=asked, last=last)
    ends = local_time(community, made.body["last"] + 1)
    say(
        f"{name} asks {whom} for {exact_money(units)}, until {ends}. Its id ends in {made.id[-8:]}."
    )


def asks(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="Of or to whom [everybody]")] = None,
    as_json: AsJson = False,
) -> None:
    """List the requests that stand: all, or those that a member made or may pay.

    Example: commonwatt member asks Ada
    """
    community = open_at(context, None)
    member = None if name is None else who(community, name)[0]
    found = payment_deeds.asks_open(community, member)
    if as_json:
        say_json([asdict(each) for each in found])
        return
    with community.reading() as connection:
        names = people.names(connection, community.writer.community)
    if not found:
        say("Nothing is asked for.")
    for each in found:
        ask = each.ask
        whom = "anybody" if ask.of is None else names.get(ask.of, ask.of[:8])
        say(
            f"{ask.id[-8:]}  {names.get(ask.member, ask.member[:8])} asks {whom} for "
            f"{exact_money(ask.units)}, until {local_time(community, ask.last + 1)}: {each.reference}"
        )


def decline(context: typer.Context, name: Who, request: AskId, at: At = None) -> None:
    """End a request: whoever was asked declines it, whoever asked takes it back.

    Example: commonwatt member decline Ada 9b1a09c2
    """
    community = open_at(context, at)
    member, name = who(community, name)
    listed = _find(community, member, request)
    payment_deeds.end_ask(community, member, listed.ask.id)
    verb = "takes back" if member == listed.ask.member else "declines"
    say(f"{name} {verb} the request for {exact_money(listed.ask.units)}: nobody pays it.")


def _find(community: Community, member: str, text: str) -> Listed:
    """Return the open request of or to a member whose id ends so.

    Raises:
        InputError: none, or several.
    """
    mine = payment_deeds.asks_open(community, member)
    found = [each for each in mine if each.ask.id.endswith(text.lower())]
    if len(found) != 1 or not text:
        several = "several open requests'" if found else "no open request's"
        raise InputError(f"{text!r} is how {several} ids end: see member asks.")
    return found[0]
