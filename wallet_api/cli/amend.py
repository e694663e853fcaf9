"""``commonwatt ledger reverse``, ``correct``, ``issue`` and ``redeem``: money moved by two operators.

Nothing is edited: each is a new, signed statement that names what it is about.
"""

from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Connection

from ledger import people
from ledger.errors import InputError, RefusedError
from ledger.primitives.counted import whose
from ledger.records import Transfer
from settlement import deeds
from settlement.community import Community
from wallet_api.cli.books import account_label
from wallet_api.cli.context import say
from wallet_api.cli.fields import (
    At,
    Who,
    exact_money,
    file_hash,
    open_at,
    positive_money,
    who,
)

PREFIX_DIGITS_MIN = 4
"""Fewest digits of a transfer's id: fewer are a typing mistake."""

Original = Annotated[
    str, typer.Argument(metavar="TRANSFER", help="Beginning of its id: commonwatt ledger history")
]
Why = Annotated[str, typer.Option(help="Why, in words: it stands in the signed statement")]
Evidence = Annotated[
    Path, typer.Option(help="File that shows the payment outside; its SHA-256 is signed")
]
Note = Annotated[str, typer.Option(help="What it was, in words")]
Amount = Annotated[str, typer.Argument(help="In the currency, as in 12.50")]


def reverse(context: typer.Context, transfer: Original, reason: Why, at: At = None) -> None:
    """Take back all that remains of a payment, signed by two operators.

    Example: commonwatt ledger reverse 4f1a09c2 --reason "Paid twice."
    """
    community = open_at(context, at)
    original, remaining = _find(community, transfer)
    deeds.reverse(community, original.id.hex(), reason)
    say(f"{exact_money(remaining)} went back {_way(community, original, back=True)}.")
    say("The payment stays in the ledger; its reversal stands after it.")


def correct(
    context: typer.Context,
    transfer: Original,
    amount: Amount,
    reason: Why,
    back: Annotated[
        bool | None, typer.Option("--back/--more", help="A part goes back, or more the same way")
    ] = None,
    at: At = None,
) -> None:
    """Move a part of a payment back, or more of it the same way, signed by two operators.

    Example: commonwatt ledger correct 4f1a09c2 0.50 --back --reason "It was one loaf."
    """
    if back is None:
        raise typer.BadParameter("say --back or --more")
    units = positive_money(amount)
    community = open_at(context, at)
    original, remaining = _find(community, transfer)
    try:
        deeds.correct(community, original.id.hex(), units, reason, back=back)
    except RefusedError as error:
        if remaining:
            raise
        raise RefusedError(
            "Nothing remains of this payment: it was reversed or corrected before."
        ) from error
    say(
        f"{exact_money(units)} went {'back ' if back else ''}{_way(community, original, back=back)}."
    )
    left = remaining - units if back else remaining + units
    say(f"Of the payment of {exact_money(original.amount)}, {exact_money(left)} remains.")


def issue(
    context: typer.Context,
    name: Who,
    amount: Amount,
    evidence: Evidence,
    note: Note,
    at: At = None,
) -> None:
    """Put money into a wallet that was paid in outside, where a reserve backs the currency.

    Example: commonwatt ledger issue Ada 50.00 --evidence slip.pdf --note "Paid in at the bank."
    """
    _move(context, name, amount, evidence, note, at, redeem=False)


def redeem(
    context: typer.Context,
    name: Who,
    amount: Amount,
    evidence: Evidence,
    note: Note,
    at: At = None,
) -> None:
    """Take money out of a wallet that is paid out outside, where a reserve backs the currency.

    Example: commonwatt ledger redeem Ada 20.00 --evidence transfer.pdf --note "Paid out."
    """
    _move(context, name, amount, evidence, note, at, redeem=True)


def _move(
    context: typer.Context,
    name: str,
    amount: str,
    evidence: Path,
    note: str,
    at: str | None,
    *,
    redeem: bool,
) -> None:
    units, shown = positive_money(amount), file_hash(evidence)
    community = open_at(context, at)
    member, name = who(community, name)
    deeds.issue(community, member, units, shown, note, redeem=redeem)
    way = "out of" if redeem else "into"
    say(f"{exact_money(units)} went {way} {whose(name)} wallet.")
    say(f"Keep {evidence}: the log names its SHA-256, {shown}")


def _find(community: Community, text: str) -> tuple[Transfer, int]:
    """Return the transfer whose id begins with some digits, and what remains of it.

    Raises:
        InputError: none, or several.
    """
    digits = text.lower()
    if len(digits) < PREFIX_DIGITS_MIN or set(digits) - set("0123456789abcdef"):
        raise InputError(
            f"{text!r} is not the beginning of a transfer's id: at least {PREFIX_DIGITS_MIN} of "
            "its digits, as 'commonwatt ledger history' shows them."
        )
    with community.reading() as connection:
        ledger = community.writer.ledger
        ids = ledger.ids_with_prefix(connection, digits)
        if len(ids) != 1:
            many = "several transfers' ids begin" if ids else "no transfer's id begins"
            raise InputError(f"{text!r}: {many} with it. See 'commonwatt ledger history'.")
        found = ledger.find(connection, ids[0])
    if found is None:
        raise AssertionError("a transfer that was found is not there")
    transfer, _, remaining = found
    return transfer, remaining


def _way(community: Community, original: Transfer, *, back: bool) -> str:
    """Return from whom to whom, in names."""
    with community.reading() as connection:
        names = _names(community, connection)
    giver, taker = account_label(original.debit, names), account_label(original.credit, names)
    return f"from {taker} to {giver}" if back else f"from {giver} to {taker}"


def _names(community: Community, connection: Connection) -> dict[str, str]:
    return people.names(connection, community.writer.community)
