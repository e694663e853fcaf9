"""``commonwatt voucher``: money on paper, for whoever carries no phone to the shop."""

from typing import Annotated

import typer

from ledger import people
from ledger.primitives.periods import start_text
from settlement import voucher_deeds
from settlement.vouchers import Standing, Voucher
from wallet_api.cli.context import say, say_json
from wallet_api.cli.fields import (
    AsJson,
    At,
    Who,
    exact_money,
    id_ending,
    last_period,
    local_time,
    open_at,
    positive_money,
    who,
)
from wallet_api.cli.paper import WordsFile, ask_words, sheet

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

DAYS = 90
"""How long a voucher pays, unless somebody says otherwise."""

DAYS_MAX = 732
"""Longest: two years, of which one may have 366 days."""


@app.callback()
def vouchers() -> None:
    """Vouchers: money on paper, paid once to whoever is shown the words."""


@app.command()
def make(
    context: typer.Context,
    name: Who,
    amount: Annotated[str, typer.Argument(help="What it is worth, as in 5.00")],
    note: Annotated[str | None, typer.Option(help="What it is for, 35 characters at most")] = None,
    days: Annotated[int, typer.Option(help="How many days it pays", min=1, max=DAYS_MAX)] = DAYS,
    at: At = None,
) -> None:
    """Put money from a member's wallet under twelve words, signed by the member.

    The words are shown once and kept nowhere: whoever has them has the money.

    Example: commonwatt voucher make Ada 5.00 --note "For the bakery" --days 30
    """
    community = open_at(context, at)
    member, name = who(community, name)
    units = positive_money(amount)
    last = last_period(community, days)
    card = voucher_deeds.make_voucher(community, member, units, last, note)
    worth = f"Voucher for {exact_money(units)}{'' if note is None else f': {note}'}"
    below = (
        "Whoever shows these words to a member of the community is paid by",
        f"them, once, until {local_time(community, card.last + 1)}. Keep it like a banknote:",
        "whoever finds it can use it.",
    )
    say(sheet((worth, community.name), card.words, below))
    say()
    say(f"Voucher {card.id[-8:]} of {name}. Whoever is paid: commonwatt voucher pay NAME")
    say(f"Take it back: commonwatt voucher end {card.id[-8:]}")


@app.command()
def pay(context: typer.Context, name: Who, words: WordsFile = None, at: At = None) -> None:
    """Pay a member by a voucher, whose words are asked for without showing them.

    Example: commonwatt voucher pay "Green Stores"

    Or: commonwatt voucher pay "Green Stores" --words card.txt
    """
    community = open_at(context, at)
    member, name = who(community, name)
    paid = voucher_deeds.pay_with_voucher(community, member, ask_words(words))
    say(f"{name} was paid {exact_money(paid.units)} by voucher {paid.id[-8:]}.")


@app.command()
def end(
    context: typer.Context,
    which: Annotated[str, typer.Argument(metavar="ID", help="The voucher's id, or how it ends")],
    by_operators: Annotated[
        bool, typer.Option("--by-operators", help="By two operators, once it is over")
    ] = False,
    at: At = None,
) -> None:
    """Take a voucher back, signed by whoever made it; what is in it goes back to their wallet.

    Example: commonwatt voucher end 9b1a09c2
    """
    community = open_at(context, at)
    ids = [each.id for each, _ in voucher_deeds.vouchers_now(community)]
    found = id_ending(ids, which, "voucher", "commonwatt voucher list")
    voucher_deeds.end_voucher(community, found, by_operators=by_operators)
    voucher = community.state.vouchers.vouchers[found]
    _, name = who(community, voucher.issuer)
    say(f"Voucher {found[-8:]} pays nothing any more: {exact_money(voucher.units)} went to {name}.")


@app.command("list")
def list_vouchers(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="Only what this member made")] = None,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """List vouchers: open, paid (to whom), ended, expired. What expired still holds its money.

    Example: commonwatt voucher list Ada
    """
    community = open_at(context, at)
    member = None if name is None else who(community, name)[0]
    found = [
        (each, standing)
        for each, standing in voucher_deeds.vouchers_now(community)
        if member in (None, each.issuer)
    ]
    if as_json:
        say_json([_json(each, standing) for each, standing in found])
        return
    with community.reading() as connection:
        names = people.names(connection, community.writer.community)
    for each, standing in found:
        to = "" if each.payee is None else f" to {names.get(each.payee, each.payee[:8])}"
        note = "" if each.note is None else f": {each.note}"
        say(
            f"{each.id[-8:]}  {standing:<8} {exact_money(each.units):>10}  until "
            f"{local_time(community, each.last + 1)}  {names.get(each.issuer, each.issuer[:8])}"
            f"{to}{note}"
        )
    if not found:
        say("There is no voucher. See 'commonwatt voucher make --help'.")
    held = sum(each.units for each, _ in found if not each.closed)
    if held:
        say(f"In vouchers that were neither paid nor taken back: {exact_money(held)}")


def _json(voucher: Voucher, standing: Standing) -> dict[str, object]:
    return {
        "id": voucher.id,
        "state": standing.value,
        "member": voucher.issuer,
        "units": voucher.units,
        "last": voucher.last,
        "last_utc": start_text(voucher.last),
        "paid_to": voucher.payee,
    }
