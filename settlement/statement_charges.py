"""What is in the money that a member paid for energy: the energy, both charges, and VAT. Pure.

What a buyer pays is the seller's price, and the community's charge on each kWh, of which a part is
the network's. Prices are what a member pays: VAT, where the group is registered, is inside them, at
the rate of the member's class in the rules that bind the day. What a member sells carries none here.

>>> vat_in(1_050, 50), vat_in(-1_050, 50), vat_in(7, None)
(50, -50, 0)
"""

from collections.abc import Iterable
from typing import NamedTuple

from ledger.primitives.money import round_half_even
from settlement.statement_model import Charge, ChargedFor
from settlement.terms import CommunityRules

WHOLE_PERMILLE = 1_000
"""A price without VAT, in thousandths of itself."""


class Bought(NamedTuple):
    """What a day's run changed of what a member bought; of the day's first run, all of it.

    Attributes:
        rules: that bind the day.
        changed: it is of a later run.
        wh: bought.
        units: paid for it, charges and VAT inside.
    """

    rules: CommunityRules
    changed: bool
    wh: int
    units: int


class PriceParts(NamedTuple):
    """Units paid for energy, for the network and to the community: they sum to what was paid."""

    energy: int
    network: int
    fee: int


def parts_of(rules: CommunityRules, bought_wh: int, bought_units: int) -> PriceParts:
    """Return what is in the price of some energy, under a day's rules."""
    charge_units = bought_wh * rules.market.charge_ticks
    network_units = bought_wh * rules.network_ticks
    return PriceParts(bought_units - charge_units, network_units, charge_units - network_units)


def vat_in(gross_units: int, permille: int | None) -> int:
    """Return the VAT that is inside an amount, to the nearest unit, half to even."""
    rate = permille or 0
    return round_half_even(gross_units * rate, WHOLE_PERMILLE + rate)


def charges_of(bought: Iterable[Bought], member_class: str) -> tuple[Charge, ...]:
    """Return what was paid, by what for and by rate: the month's days first, then what changed.

    Args:
        bought: by day and run.
        member_class: of the member, for the rate of VAT.
    """
    sums: dict[tuple[bool, ChargedFor, int | None], int] = {}
    for item in bought:
        rate = item.rules.vat_of(member_class)
        for what, units in zip(ChargedFor, parts_of(item.rules, item.wh, item.units), strict=True):
            if units:
                key = (item.changed, what, rate)
                sums[key] = sums.get(key, 0) + units
    places = {what: place for place, what in enumerate(ChargedFor)}
    ordered = sorted(
        sums, key=lambda key: (key[0], places[key[1]], -1 if key[2] is None else key[2])
    )
    return tuple(
        Charge(what, changed, sums[key], rate, vat_in(sums[key], rate))
        for key in ordered
        for changed, what, rate in [key]
    )
