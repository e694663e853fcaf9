"""``commonwatt member limit``, ``agree``, ``revoke-mandate`` and ``withdraw``: what members agreed on."""

from typing import Annotated

import typer

from ledger.errors import InputError
from ledger.primitives.money import format_price, ticks_from_text
from ledger.primitives.periods import load_zone, of_local_day, parse_date
from settlement import deeds
from settlement.constitution import thousandths
from wallet_api.cli.context import say
from wallet_api.cli.fields import (
    At,
    Who,
    exact_money,
    local_time,
    money,
    open_at,
    who,
)


def limit(
    context: typer.Context,
    name: Who,
    floor: Annotated[str, typer.Option(help="How far below zero, as in -12.50")],
    reason: Annotated[str, typer.Option(help="Why, in words")],
    at: At = None,
) -> None:
    """Change how far below zero a member's wallet may go; at once.

    Signed by two operators, and not below what the rules allow.

    Example: commonwatt member limit Ada --floor -12.50 --reason "As she asked."
    """
    community = open_at(context, at)
    member, name = who(community, name)
    floor_units = money(floor)
    if floor_units > 0:
        raise InputError(f"--floor {floor}: a wallet's lower limit is zero or below, as in -12.50.")
    deeds.set_limit(community, member, floor_units, reason)
    say(f"{name}'s wallet may go down to {exact_money(floor_units)}.")
    say("It counts from now on; nothing that was posted changes.")


def agree(
    context: typer.Context,
    seller: Annotated[str, typer.Argument(help="Who sells: a member's name, or how its id begins")],
    buyer: Annotated[str, typer.Argument(help="Who buys, likewise")],
    price: Annotated[str, typer.Option(help="What the seller gets: 7p, or 700 ticks; 0 is a gift")],
    first: Annotated[str, typer.Option("--from", metavar="DATE", help="First day")],
    last: Annotated[str, typer.Option("--to", metavar="DATE", help="Last day")],
    share: Annotated[
        str | None, typer.Option(help="At most this part of what the seller offers, as in 30%")
    ] = None,
    cap_wh: Annotated[
        int | None, typer.Option(help="At most so many Wh in a half-hour", min=1)
    ] = None,
    rank: Annotated[int, typer.Option(help="Lower ranks are served first", min=1, max=1000)] = 1,
    at: At = None,
) -> None:
    """Let two members trade at a price of their own, before the market; signed by both.

    The buyer pays the community's charge on top. What the price makes dearer than the buyer's own
    limit is not served. It counts from the next half-hour on.

    Example: commonwatt member agree School Ada --price 7p --from 2026-06-01 --to 2026-12-31
    """
    community = open_at(context, at)
    (seller_id, seller), (buyer_id, buyer) = who(community, seller), who(community, buyer)
    zone = load_zone(community.state.rules_now.zone)
    days = parse_date(first), parse_date(last)
    if days[1] < days[0]:
        raise InputError(f"--to {last} is before --from {first}.")
    ticks = ticks_from_text(price)
    fields = {
        "buyer": buyer_id,
        "price_ticks": ticks,
        "rank": rank,
        "first": of_local_day(days[0], zone).start,
        "last": of_local_day(days[1], zone)[-1],
    }
    if share is not None:
        fields["share_permille"] = thousandths("share", share)
    if cap_wh is not None:
        fields["wh_period_max"] = cap_wh
    deeds.agree(community, seller_id, fields)
    say(f"{seller} sells to {buyer} at {format_price(ticks)} first, from {first} to {last}.")


def revoke_mandate(context: typer.Context, name: Who, at: At = None) -> None:
    """End what settlement may debit from a member, signed by the member's keys.

    Without a mandate the member buys nothing from neighbours; what they sell goes on.

    Example: commonwatt member revoke-mandate Ada
    """
    community = open_at(context, at)
    member, name = who(community, name)
    deeds.revoke_mandate(community, member)
    first = local_time(community, community.writer.now_period() + 1)
    say(f"{name} buys nothing from neighbours in half-hours that begin at {first} or later.")


def withdraw(
    context: typer.Context,
    name: Who,
    meter: Annotated[str, typer.Argument(help="The meter's id")],
    at: At = None,
) -> None:
    """End a member's consent to a meter's use, signed by the member's keys.

    Afterwards the meter can be added to another member: commonwatt meter add.

    Example: commonwatt member withdraw Ada 1900012345678
    """
    community = open_at(context, at)
    member, name = who(community, name)
    deeds.withdraw_consent(community, member, meter)
    first = local_time(community, community.writer.now_period() + 1)
    say(f"Meter {meter} is not used in half-hours that begin at {first} or later.")
