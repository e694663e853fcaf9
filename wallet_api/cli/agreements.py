"""``commonwatt member agree``, ``agreements`` and ``end-agreement``: trade at a price of one's own."""

from dataclasses import asdict
from typing import Annotated

import typer

from ledger import people
from ledger.errors import InputError
from ledger.primitives.counted import whose
from ledger.primitives.money import format_price, ticks_from_text
from ledger.primitives.periods import load_zone, local_date, of_local_day, parse_date
from settlement import deeds
from settlement.constitution import thousandths
from wallet_api.cli.context import say, say_json
from wallet_api.cli.fields import AsJson, At, Who, local_time, open_at, who


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
    first_period = of_local_day(days[0], zone).start
    fields = {
        "buyer": buyer_id,
        "price_ticks": ticks,
        "rank": rank,
        "first": first_period,
        "last": of_local_day(days[1], zone)[-1],
    }
    if share is not None:
        fields["share_permille"] = thousandths("share", share)
    if cap_wh is not None:
        fields["wh_period_max"] = cap_wh
    made = deeds.agree(community, seller_id, fields)
    begins = max(first_period, community.writer.now_period() + 1)
    say(
        f"{seller} sells to {buyer} at {format_price(ticks)} first, in half-hours from "
        f"{local_time(community, begins)} to the end of {last}. Its id ends in {made.id[-8:]}."
    )
    offer = community.state.offer_of(buyer_id, begins)
    if (
        offer is not None
        and ticks + community.state.rules_now.market.charge_ticks > offer.buy_ticks
    ):
        say(
            f"{buyer} pays {format_price(offer.buy_ticks)} at most now: nothing is served above that."
        )


def agreements(context: typer.Context, name: Who, as_json: AsJson = False) -> None:
    """List the agreements of a member that may still serve a half-hour.

    Example: commonwatt member agreements Ada
    """
    community = open_at(context, None)
    member, name = who(community, name)
    with community.reading() as connection:
        names = people.names(connection, community.writer.community)
    found = sorted(community.state.agreements.of_member(member), key=lambda each: each[0].rank)
    if as_json:
        say_json([asdict(agreement) for agreement, _ in found])
        return
    zone = load_zone(community.state.rules_now.zone)
    if not found:
        say(f"{name} has no agreement.")
    for agreement, last in found:
        verb, other = (
            ("sells to", agreement.buyer)
            if agreement.seller == member
            else ("buys from", agreement.seller)
        )
        limits = [f"rank {agreement.rank}"]
        if agreement.share_permille is not None:
            limits.append(f"{agreement.share_permille / 10:g}% of what is offered")
        if agreement.wh_period_max is not None:
            limits.append(f"{agreement.wh_period_max:,} Wh a half-hour at most")
        say(
            f"{agreement.id[-8:]}  {name} {verb} {names.get(other, other[:8])} at "
            f"{format_price(agreement.price_ticks)}, until {local_date(last, zone)}; "
            f"{', '.join(limits)}"
        )


def end_agreement(
    context: typer.Context,
    name: Who,
    agreement: Annotated[str, typer.Argument(help="Its id, or how it ends")],
    at: At = None,
) -> None:
    """End an agreement for one of its two members, signed by that member.

    Example: commonwatt member end-agreement Ada 9b1a09c2
    """
    community = open_at(context, at)
    member, name = who(community, name)
    mine = [a.id for a, _ in community.state.agreements.of_member(member)]
    found = [each for each in mine if each.endswith(agreement.lower())]
    if len(found) != 1:
        several = "several of" if found else "none of"
        raise InputError(
            f"{agreement!r} is how {several} {whose(name)} agreements end: see member agreements."
        )
    deeds.end_agreement(community, member, found[0])
    first = local_time(community, community.writer.now_period() + 1)
    say(f"Agreement {found[0][-8:]} serves no half-hour that begins at {first} or later.")
