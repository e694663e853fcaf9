"""``commonwatt ledger reserve``: what circulates, and what people counted in the bank.

>>> sentence(-500_000_000)
'They differ: £50.00 is missing in the bank. Find out why before more is issued.'
"""

from pathlib import Path
from typing import Annotated

import typer

from ledger.primitives.periods import load_zone, local_date, parse_date
from settlement import payment_deeds
from settlement.community import Community
from settlement.reserve import Backing
from wallet_api.cli.context import say, say_json
from wallet_api.cli.fields import AsJson, At, exact_money, file_hash, money, open_at, positive_money


def reserve(
    context: typer.Context,
    count: Annotated[
        str | None, typer.Option(help="What two operators counted in the bank, as in 900.00")
    ] = None,
    day: Annotated[
        str | None, typer.Option(metavar="DATE", help="At the end of which day [today, up to now]")
    ] = None,
    evidence: Annotated[
        Path | None, typer.Option(help="File that shows it; its SHA-256 is signed")
    ] = None,
    note: Annotated[str | None, typer.Option(help="Who counted, in words, without names")] = None,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Show what was issued less what was redeemed, beside what was counted last; or log a count.

    Only where a reserve backs the currency. A count is signed by two operators.

    Example: commonwatt ledger reserve

    Or: commonwatt ledger reserve --count 900.00 --evidence bank.pdf --note "The two treasurers."
    """
    if count is None and any(given is not None for given in (day, evidence, note)):
        raise typer.BadParameter("--day, --evidence and --note go with --count")
    if count is not None and (evidence is None or note is None):
        raise typer.BadParameter("a --count needs --evidence and --note")
    community = open_at(context, at)
    if count is not None and evidence is not None and note is not None:
        zone = load_zone(community.state.rules_now.zone)
        today = local_date(community.writer.now_period(), zone)
        counted = today if day is None else parse_date(day)
        units, shown = _counted(count), file_hash(evidence)
        payment_deeds.count_reserve(community, counted, units, shown, note)
        if not as_json:
            say(
                f"Counted: {exact_money(units)}. Keep {evidence}: the log names its SHA-256, {shown}"
            )
    found = payment_deeds.backing_of(community)
    if as_json:
        say_json(_to_json(found))
        return
    for line in lines_of(community, found):
        say(line)


def _counted(text: str) -> int:
    """Read what was counted: nothing at all is a count, too.

    Raises:
        InputError: below zero, or no amount.
    """
    return positive_money(text) if money(text) else 0


def lines_of(community: Community, found: Backing) -> list[str]:
    """Return what there is to say of the reserve."""
    asset = community.state.rules_now.asset.partition("/")[0]
    lines = [f"Issued less redeemed, now: {exact_money(found.issued_units)} in {asset}"]
    if found.count is None:
        return [*lines, "Nobody counted the reserve yet: commonwatt ledger reserve --count"]
    return [
        *lines,
        f"Counted last: {exact_money(found.count.units)} on {found.count.day}",
        f"Issued less redeemed, by the end of that day: {exact_money(found.issued_then_units)}",
        sentence(found.difference_units),
    ]


def sentence(difference_units: int) -> str:
    """Return what it means that the count and the ledger agree, or not."""
    if not difference_units:
        return "They agree: every unit that circulates is in the bank."
    if difference_units < 0:
        return (
            f"They differ: {exact_money(-difference_units)} is missing in the bank. Find out why "
            "before more is issued."
        )
    return (
        f"They differ: {exact_money(difference_units)} more is in the bank than circulates. Was a "
        "payment not issued, or one redeemed and not paid out?"
    )


def _to_json(found: Backing) -> dict[str, object]:
    count = None
    if found.count is not None:
        count = {
            "id": found.count.id,
            "day": str(found.count.day),
            "units": found.count.units,
            "issued_units": found.issued_then_units,
            "difference_units": found.difference_units,
        }
    return {"issued_units": found.issued_units, "count": count}
