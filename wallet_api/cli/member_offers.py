"""``commonwatt member offer``, ``mandate``, ``gift``, ``donate`` and ``share``: what members say anew."""

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from ledger.accounts import wallet
from ledger.errors import InputError, RefusedError
from ledger.primitives.counted import counted, whose
from ledger.primitives.energy import format_kwh
from ledger.primitives.money import format_price, ticks_from_text
from ledger.primitives.periods import PERIOD_MAX, load_zone, local_date, of_local_day, parse_date
from market.model import PPM
from settlement import deeds
from settlement.community import Community
from settlement.constitution import bands_from_text
from settlement.terms import Mandate
from wallet_api.cli.context import say
from wallet_api.cli.fields import (
    At,
    Reason,
    Who,
    exact_money,
    local_time,
    open_at,
    positive_money,
    read_rows,
    who,
)
from wallet_api.cli.member_show import limits_text, percent

_PERCENT = re.compile(r"(\d{1,3})(?:\.(\d{1,4}))?%")


def offer(
    context: typer.Context,
    name: Who,
    buy: Annotated[str | None, typer.Option(help="The most to pay per kWh, as in 22p")] = None,
    sell: Annotated[str | None, typer.Option(help="The least to take per kWh, as in 8p")] = None,
    import_tariff: Annotated[str | None, typer.Option(help="What the supplier asks")] = None,
    export_tariff: Annotated[str | None, typer.Option(help="What the supplier pays")] = None,
    import_bands: Annotated[
        str | None,
        typer.Option(help="By the clock, as in 00:00=7.5p,05:30=28p; none for one price"),
    ] = None,
    export_bands: Annotated[str | None, typer.Option(help="Likewise")] = None,
    at: At = None,
) -> None:
    """Change a member's standing offer and tariffs; what is left out stays. Signed by the member.

    Whatever the offer, nobody pays more than their own tariff of that hour, or gets less.

    Example: commonwatt member offer Ada --buy 22p --import-bands 00:00=7.5p,05:30=28p
    """
    community = open_at(context, at)
    member, name = who(community, name)
    history = community.state.offers.get(member)
    if not history:
        raise InputError(f"{name} has no offer to change: add the member anew.")
    fields = history[-1][1].fields
    said = {"buy_ticks": buy, "sell_ticks": sell}
    said |= {"import_tariff_ticks": import_tariff, "export_tariff_ticks": export_tariff}
    fields |= {field: ticks_from_text(text) for field, text in said.items() if text is not None}
    for field, text in (("import_bands", import_bands), ("export_bands", export_bands)):
        if text is not None:
            fields.pop(field, None)
        if text is not None and text != "none":
            fields[field] = bands_from_text(text)
    deeds.say(community, "offer", member, fields, deeds.by_member(member))
    first = local_time(community, community.writer.now_period() + 1)
    say(
        f"{name} buys at {format_price(fields['buy_ticks'])} at most and sells from "
        f"{format_price(fields['sell_ticks'])} on, in half-hours from {first}."
    )


def mandate(
    context: typer.Context,
    name: Who,
    day: Annotated[str | None, typer.Option(help="At most so much a day, as in 3.00")] = None,
    month: Annotated[str | None, typer.Option(help="At most so much a month")] = None,
    half_hour: Annotated[str | None, typer.Option(help="At most so much a half-hour")] = None,
    price: Annotated[str | None, typer.Option(help="At most so much a kWh, as in 22p")] = None,
    wh: Annotated[int | None, typer.Option(help="At most so many Wh a half-hour", min=0)] = None,
    until: Annotated[str | None, typer.Option(metavar="DATE", help="Last local day")] = None,
    at: At = None,
) -> None:
    """Let settlement debit a member's wallet, within limits; what is left out stays as it is.

    Signed by the member, who may end it at once: commonwatt member revoke-mandate.

    Example: commonwatt member mandate Ada --day 3.00 --month 40.00 --price 22p --until 2027-03-31
    """
    community = open_at(context, at)
    member, name = who(community, name)
    history = community.state.mandates.get(member, [])
    now = history[-1][1] if history else Mandate("", 1_000_000, 0, 0, 0, 0, PERIOD_MAX)
    zone, first = load_zone(community.state.rules_now.zone), community.writer.now_period()
    last = now.last if until is None else of_local_day(parse_date(until), zone)[-1]
    if last < first:
        raise InputError(
            f"{local_date(last, zone)} is over: say a later --until. To end a mandate at once: "
            "commonwatt member revoke-mandate"
        )
    day_units = now.units_day_max if day is None else positive_money(day)
    fields: dict[str, Any] = {
        "may_debit": "settlement",
        "wh_period_max": now.wh_period_max if wh is None else wh,
        "price_ticks_max": _ticks(price, now.price_ticks_max),
        "units_period_max": (
            min(now.units_period_max or day_units, day_units)
            if half_hour is None
            else positive_money(half_hour)
        ),
        "units_day_max": day_units,
        "first": first,
        "last": last,
    }
    month_units = now.units_month_max if month is None else positive_money(month)
    if month_units is not None:
        fields["units_month_max"] = month_units
    if not day_units or fields["price_ticks_max"] <= 0:
        raise InputError("Say at least --day and --price: this member has no mandate to go by.")
    deeds.say(community, "mandate", member, fields, deeds.by_member(member))
    limits = {field: value for field, value in fields.items() if field != "may_debit"}
    words = limits_text(Mandate("", **limits))
    ends = "" if last == PERIOD_MAX else f" until {local_date(last, zone)}"
    say(f"Settlement may take at most {words} from {name}, from the next half-hour on{ends}.")


def gift(
    context: typer.Context,
    name: Who,
    kwh: Annotated[str, typer.Argument(help="kWh a month, as in 5; 0 ends it")],
    at: At = None,
) -> None:
    """Give a part of what a member sells to the community's help fund, from tomorrow on.

    Each day gives its part of the month: what a dark day does not sell lapses.

    Example: commonwatt member gift Ada 5
    """
    community = open_at(context, at)
    member, name = who(community, name)
    found = re.fullmatch(r"(\d{1,6})(?:\.(\d{1,3}))?", kwh)
    if found is None:
        raise InputError(f"{kwh!r} is not a number of kWh, as in 5 or 2.5")
    wh = int(found[1]) * 1_000 + int((found[2] or "").ljust(3, "0"))
    deeds.give(community, member, wh)
    if not wh:
        say(f"{name} gives nothing of what they sell any more, from tomorrow on.")
        return
    say(f"{name} gives {format_kwh(wh, 2)} kWh a month of what they sell, from tomorrow on.")


def donate(
    context: typer.Context,
    name: Who,
    amount: Annotated[str, typer.Argument(help="As in 5.00")],
    reference: Annotated[str, typer.Option(help="A few words")] = "For the help fund",
    at: At = None,
) -> None:
    """Pay from a member's wallet into the community's help fund; signed by the member.

    Example: commonwatt member donate Ada 5.00
    """
    community = open_at(context, at)
    member, name = who(community, name)
    units = positive_money(amount)
    _check_can_pay(community, member, name, units)
    deeds.donate(community, member, units, reference)
    say(f"{name} gave {exact_money(units)} to the help fund.")


def grant(
    context: typer.Context,
    name: Who,
    amount: Annotated[str, typer.Argument(help="As in 20.00")],
    reason: Reason,
    at: At = None,
) -> None:
    """Help a member from the community's fund, which gives no more than it has; by two operators.

    Example: commonwatt member grant Ben 20.00 --reason "A hard winter."
    """
    community = open_at(context, at)
    member, name = who(community, name)
    units = positive_money(amount)
    deeds.grant(community, member, units, reason)
    say(f"The fund gave {exact_money(units)} to {name}.")


def share(
    context: typer.Context,
    name: Who,
    meter: Annotated[str, typer.Argument(help="The generator's meter")],
    holders: Annotated[
        Path, typer.Argument(help="CSV of member,part: parts as in 3% or 0.25%; the rest stays")
    ],
    at: At = None,
) -> None:
    """Share what a member's generator gives: each holder's part counts as if it were on their roof.

    Signed by the owner. A file of its first line alone ends all shares.

    Example: commonwatt meter share "School roof" m-school-pv shares.csv
    """
    community = open_at(context, at)
    member, name = who(community, name)
    parts: dict[str, int] = {}
    reader = read_rows(holders)
    if reader.fieldnames != ["member", "part"]:
        raise InputError(f"{holders}: the first line must be member,part")
    for number, row in enumerate(reader, start=2):
        found = _PERCENT.fullmatch((row["part"] or "").strip())
        part = int(found[1]) * 10_000 + int((found[2] or "").ljust(4, "0")) if found else 0
        if not 0 < part <= PPM:
            raise InputError(f"{holders} line {number}: {row['part'] or ''!r} is no part, as in 3%")
        try:
            holder, _ = who(community, row["member"])
        except InputError as error:
            raise InputError(f"{holders} line {number}: {error}") from error
        if holder in parts:
            raise InputError(f"{holders} line {number}: {row['member']} is there twice")
        parts[holder] = part
    deeds.share(community, member, meter, parts)
    rest = PPM - sum(parts.values())
    first = local_time(community, community.writer.now_period() + 1)
    if not parts:
        say(f"Nobody shares {meter} any more: all is {whose(name)}, in half-hours from {first}.")
        return
    say(
        f"{counted(len(parts), 'member')} share{'' if len(parts) > 1 else 's'} {meter}; {name} keeps "
        f"{percent(rest)}, in half-hours from {first}."
    )


def _check_can_pay(community: Community, member: str, name: str, units: int) -> None:
    """Say in words what the ledger would refuse.

    Raises:
        RefusedError: the wallet has less.
    """
    account = wallet(member, community.state.rules_now.asset)
    with community.reading() as connection:
        free = community.writer.ledger.balances(connection)[account].available
    if free is not None and units > free:
        raise RefusedError(
            f"{exact_money(units)} is more than {name} can pay now: {exact_money(max(0, free))}, with the wallet's "
            "limit. Nothing was paid."
        )


def _ticks(text: str | None, before: int) -> int:
    return before if text is None else ticks_from_text(text)
