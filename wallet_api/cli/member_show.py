"""``commonwatt member show``: one member on one screen.

>>> tariff_text(2450, ((0, 750), (330, 2800)))
'24.50p (00:00=7.50p,05:30=28.00p)'
"""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import typer

from ledger.primitives.counted import whose
from ledger.primitives.energy import format_kwh
from ledger.primitives.money import format_price
from ledger.primitives.periods import PERIOD_MAX, load_zone, local_date
from market.model import PPM
from settlement.constitution import bands_text
from settlement.member_facts import MemberFacts, Part, member_facts
from settlement.terms import Bands, Mandate
from wallet_api.cli.context import open_here, say, say_json, settings_of
from wallet_api.cli.fields import AsJson, Who, exact_money, who


def show(context: typer.Context, name: Who, as_json: AsJson = False) -> None:
    """Show a member: offer, mandate, gift, meters, shares, wallet, and what is owed.

    Example: commonwatt member show Ada
    """
    community = open_here(settings_of(context))
    member, name = who(community, name)
    facts = member_facts(community, member)
    if as_json:
        say_json(facts_json(facts))
        return
    zone = load_zone(community.state.rules_now.zone)
    since = datetime.fromtimestamp(facts.since_ms / 1000, UTC).astimezone(zone)
    say(f"{name}: {facts.member_class}, a member since {since:%Y-%m-%d}")
    for title, words in _lines(facts, zone):
        say(f"  {title:<12}{words}")


def facts_json(facts: MemberFacts) -> dict[str, Any]:
    """Return a member for programs: money in ledger units, prices in ticks, parts in millionths."""
    mandate = None if facts.mandate is None else asdict(facts.mandate)
    return {
        "member": facts.member,
        "name": _name(facts, facts.member),
        "class": facts.member_class,
        "since_ms": facts.since_ms,
        "offer": None if facts.offer is None else facts.offer.fields,
        "mandate": mandate,
        "month": asdict(facts.month) | {"left_units": facts.month.left_units},
        "gift_wh_month": facts.gift_wh_month,
        "meters": [
            {"meter": meter, "channels": [channel.value for channel in channels]}
            for meter, channels in facts.meters
        ],
        "parts": [asdict(part) for part in facts.parts],
        "consents": [
            {"meter": meter, "purpose": purpose, "granularity": granularity}
            for meter, purpose, granularity in facts.consents
        ],
        "units": facts.units,
        "held_units": facts.held_units,
        "voucher_units": facts.voucher_units,
        "floor_units": facts.floor_units,
        "spendable": facts.can_spend_units,
        "owed_units": facts.owed_units,
    }


def _lines(facts: MemberFacts, zone: ZoneInfo) -> Iterator[tuple[str, str]]:
    """Yield (what, words), in the order in which people ask."""
    yield "id", facts.member
    aside = f", {exact_money(facts.held_units)} of it set aside" if facts.held_units else ""
    yield (
        "wallet",
        (
            f"{exact_money(facts.units)}{aside}; may go down to {exact_money(facts.floor_units)}, "
            f"so can spend {exact_money(facts.can_spend_units)} now"
        ),
    )
    if facts.owed_units:
        way = "is owed" if facts.owed_units > 0 else "owes"
        yield "later runs", f"{way} {exact_money(abs(facts.owed_units))}"
    if facts.voucher_units:
        yield "vouchers", f"{exact_money(facts.voucher_units)} in cards that were not used yet"
    offer = facts.offer
    if offer is not None:
        limits = f"at {format_price(offer.buy_ticks)} a kWh at most"
        yield (
            "buys",
            f"{limits}; tariff {tariff_text(offer.import_tariff_ticks, offer.import_bands)}",
        )
        limits = f"from {format_price(offer.sell_ticks)} a kWh on"
        yield (
            "sells",
            f"{limits}; tariff {tariff_text(offer.export_tariff_ticks, offer.export_bands)}",
        )
    yield "mandate", _mandate_line(facts.mandate, zone)
    yield facts.month.month, _month_line(facts)
    gift = f"{format_kwh(facts.gift_wh_month, 2)} kWh a month of what they sell"
    yield "gift", gift if facts.gift_wh_month else "none"
    for number, (meter, channels) in enumerate(facts.meters):
        sides = " and ".join(channel.value for channel in channels)
        yield "" if number else "meters", f"{meter} ({sides})"
    if not facts.meters:
        yield "meters", "none"
    for number, (meter, purpose, granularity) in enumerate(facts.consents):
        yield "" if number else "allows", f"{purpose} with {meter}, by the {granularity}"
    for number, part in enumerate(facts.parts):
        yield "" if number else "shares", _part_line(facts, part)


def _mandate_line(mandate: Mandate | None, zone: ZoneInfo) -> str:
    if mandate is None:
        return "none: buys nothing from neighbours"
    ends = "" if mandate.last == PERIOD_MAX else f"; until {local_date(mandate.last, zone)}"
    return f"at most {limits_text(mandate)}{ends}"


def _month_line(facts: MemberFacts) -> str:
    """Say what of the mandate's month is used: of days that were worked out, as others are unknown."""
    month, bought = facts.month, "bought on days worked out so far"
    if month.most_units is None or month.left_units is None:
        unlimited = "" if facts.mandate is None else "; no limit by the month"
        return f"{exact_money(month.used_units)} {bought}{unlimited}"
    return (
        f"{exact_money(month.used_units)} of {exact_money(month.most_units)} {bought}, "
        f"{exact_money(month.left_units)} left"
    )


def _part_line(facts: MemberFacts, part: Part) -> str:
    if part.holder == facts.member:
        return f"holds {percent(part.ppm)} of {part.meter}, {whose(_name(facts, part.owner))}"
    return f"gives {percent(part.ppm)} of {part.meter} to {_name(facts, part.holder)}"


def _name(facts: MemberFacts, member: str) -> str:
    return facts.names.get(member, member[:8])


def limits_text(mandate: Mandate) -> str:
    """Write a mandate's limits, as in ``£3.00 a day, £40.00 a month, ...``."""
    month, half_hour = mandate.units_month_max, mandate.units_period_max
    return ", ".join(
        [
            f"{exact_money(mandate.units_day_max)} a day",
            *([f"{exact_money(month)} a month"] if month is not None else []),
            f"{exact_money(half_hour)} and {mandate.wh_period_max:,} Wh a half-hour",
            f"at {format_price(mandate.price_ticks_max)} a kWh",
        ]
    )


def tariff_text(ticks: int, bands: Bands) -> str:
    """Write a tariff, with its bands as the command line takes them."""
    if not bands:
        return format_price(ticks)
    written = bands_text([{"minute": minute, "ticks": price} for minute, price in bands])
    return f"{format_price(ticks)} ({written})"


def percent(ppm: int) -> str:
    """Write millionths as a percentage.

    >>> percent(30_000), percent(2_500)
    ('3 %', '0.25 %')
    """
    return f"{ppm * 100 / PPM:g} %"
