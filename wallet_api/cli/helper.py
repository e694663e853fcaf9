"""``commonwatt helper``: what helpers do for members who asked them to; nothing of it pays."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from ledger.errors import InputError
from ledger.primitives.counted import whose
from ledger.primitives.money import format_price, ticks_from_text
from settlement import deeds
from settlement.community import Community
from wallet_api.cli.context import say
from wallet_api.cli.fields import (
    At,
    Who,
    local_time,
    open_at,
    who,
)

app = typer.Typer(help="Do something for a member who asked a helper.", no_args_is_help=True)


class Deed(StrEnum):
    """What a helper does for a member."""

    OFFER = "offer"
    MANDATE_REVOKE = "mandate-revoke"


Ticks = Annotated[str | None, typer.Option(help="24.50p, or 2450 [as before]")]


@app.callback()
def helper() -> None:
    """Do something for a member who asked a helper; the helper signs, and says why."""


@app.command()
def act(
    context: typer.Context,
    name: Who,
    deed: Annotated[Deed, typer.Argument(help="What is done for the member")],
    reason: Annotated[str, typer.Option(help="Why the member did not do it themselves")],
    buy_ticks: Ticks = None,
    sell_ticks: Ticks = None,
    import_ticks: Ticks = None,
    export_ticks: Ticks = None,
    helper_file: Annotated[
        str | None, typer.Option("--helper", help="Key file of the helper [one that is here]")
    ] = None,
    at: At = None,
) -> None:
    """Make an offer or end a mandate for a member, signed by a helper of the roster.

    What is not named of an offer stays as it is. It binds from the next half-hour on.

    Example: commonwatt helper act Ada offer --buy-ticks 20p --reason "She rang and asked."

    Or: commonwatt helper act Ada mandate-revoke --reason "She has no telephone."
    """
    prices = {
        "buy_ticks": buy_ticks,
        "sell_ticks": sell_ticks,
        "import_tariff_ticks": import_ticks,
        "export_tariff_ticks": export_ticks,
    }
    said = {field: ticks_from_text(text) for field, text in prices.items() if text is not None}
    community = open_at(context, at)
    member, name = who(community, name)
    key = None if helper_file is None else community.writer.keyring.load(helper_file)
    if deed is Deed.OFFER:
        fields: dict[str, Any] = _offer(community, member, said)
        deeds.act_for(community, member, "offer", fields, reason, key)
        say(
            f"{name} buys up to {format_price(fields['buy_ticks'])} a kWh and sells from "
            f"{format_price(fields['sell_ticks'])}, by a helper's word."
        )
    else:
        if said:
            raise typer.BadParameter("prices go with an offer")
        fields = deeds.revocation(community, member)
        deeds.act_for(community, member, "mandate_revoke", fields, reason, key)
        say(f"{whose(name)} mandate ends, by a helper's word: no more is bought from neighbours.")
    first = local_time(community, community.writer.now_period() + 1)
    say(f"It binds half-hours that begin at {first} or later.")


def _offer(community: Community, member: str, said: dict[str, int]) -> dict[str, int]:
    """Return the member's latest offer with some prices changed.

    Raises:
        InputError: nothing is changed, or tariffs would be swapped.
    """
    if not said:
        raise InputError("An offer needs a price: --buy-ticks, --sell-ticks or a tariff.")
    history = community.state.offers.get(member, [])
    before = history[-1][1].fields if history else {}
    fields = {**before, **said}
    if len(fields) < len(("buy", "sell", "import", "export")):
        raise InputError("This member has no offer yet: say all four prices.")
    if fields["export_tariff_ticks"] > fields["import_tariff_ticks"]:
        raise InputError("The export tariff is above the import tariff: were they swapped?")
    return fields
