"""``commonwatt vat``: what a registered group took and the VAT in it, for its return.

>>> COLUMNS[0]
'class'
"""

import re
from typing import Annotated, Any

import typer

from ledger.errors import InputError
from ledger.primitives.money import format_money
from settlement.community import Community
from settlement.statement import Month, household_statement
from settlement.statement_words import month_name, percent
from settlement.vat_sums import VatSum, vat_sums
from wallet_api.cli.context import open_here, progress, say, say_json, settings_of

COLUMNS = ("class", "for", "rate", "members", "net", "VAT", "gross")
WIDTHS = (12, 12, 8, 9, 13, 12, 13)
_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")


def vat(
    context: typer.Context,
    month: Annotated[str, typer.Option(metavar="YYYY-MM", help="Local month")],
    as_json: Annotated[bool, typer.Option("--json", help="For programs")] = False,
) -> None:
    """Add up a month's VAT over all members' statements: net, VAT and gross, by class and rate.

    Later runs whose money counts in the month are in it. The exact sums are in --json, in units.

    Example: commonwatt vat --month 2026-06
    """
    if _MONTH.fullmatch(month) is None:
        raise InputError(f"{month!r} is no month, as in 2026-06.")
    community = open_here(settings_of(context))
    number, found = _sums(community, month)
    if as_json:
        say_json(_to_json(month, number, found))
        return
    if not number:
        say(f"The group has no number for VAT in {month_name(month)}: nothing bears it.")
        return
    say(f"VAT in {month_name(month)}, number {number}")
    say(_row(COLUMNS))
    for each in found:
        say(_row(_cells(each)))
    net, tax, gross = (
        sum(getattr(each, name) for each in found)
        for name in ("net_units", "vat_units", "gross_units")
    )
    say(_row(("together", "", "", "", *map(format_money, (net, tax, gross)))))
    say("Rows are rounded each by itself; together is rounded from exact sums.")


def _sums(community: Community, month: str) -> tuple[str, list[VatSum]]:
    members = sorted(community.state.members)
    charged, number = [], ""
    with community.reading() as connection:
        shared = Month(community, connection, month)
        with progress("Adding up statements", len(members)) as advance:
            for member in members:
                model = household_statement(community, connection, member, shared)
                number = number or model.vat_number
                charged.append((community.state.members[member].member_class, model.charges))
                advance(1)
    return number, vat_sums(charged)


def _cells(each: VatSum) -> tuple[str, ...]:
    money = map(format_money, (each.net_units, each.vat_units, each.gross_units))
    return (each.member_class, each.what.value, percent(each.permille), f"{each.members:,}", *money)


def _row(cells: tuple[str, ...]) -> str:
    sides = ("<", "<", *">" * (len(cells) - 2))
    return "".join(
        f"{cell:{side}{width}}" for cell, side, width in zip(cells, sides, WIDTHS, strict=True)
    ).rstrip()


def _to_json(month: str, number: str, found: list[VatSum]) -> dict[str, Any]:
    rows = [
        {
            "class": each.member_class,
            "for": each.what.value,
            "permille": each.permille,
            "members": each.members,
            "net_units": each.net_units,
            "vat_units": each.vat_units,
            "gross_units": each.gross_units,
        }
        for each in found
    ]
    return {"month": month, "number": number or None, "sums": rows}
