r"""An explanation in plain sentences, for a member to read: no names but the member's own agreements.

>>> from market.clearing import clear
>>> from market.explain import explain
>>> from market.model import Feeder, Market, Orders, PriceRule, Rules
>>> market = Market(9, (Feeder("a"),), Orders.of([Order("m1", "a", 5, 10)]),
...     Orders.of([Order("m2", "a", 4, 30), Order("m3", "a", 4, 30)]), Rules(PriceRule.UNIFORM))
>>> print(*sentences(explain(market, clear(market), Side.BID, "m3")), sep="\n")
You wanted 0.004 kWh, at 0.30p at most.
2 buyers stood alike. They wanted 0.008 kWh together and got 0.005 kWh; your part was 0.003 kWh, in proportion.
You paid 0.30p a kWh.
In all, 0.005 kWh was offered, 0.008 kWh wanted and 0.005 kWh matched.
A limit of 0.30p on the buyers' side bounds the price.
With a limit of 0.31p you would have got 0.004 kWh, at 0.30p on average.
"""

from collections.abc import Iterator

from ledger.primitives.energy import format_kwh
from ledger.primitives.money import format_price
from market.explain import Explanation, Margin, Otherwise, Standing
from market.model import Order, PriceRule, SharingRule, Side


def sentences(told: Explanation) -> list[str]:
    """Return the explanation as sentences, the most important first."""
    return [
        _asked(told.side, told.order),
        *_agreed(told),
        *_missed(told),
        *_stood(told),
        *_priced(told),
        _in_all(told),
        *_why_this_price(told),
        *_network(told),
        *(_otherwise(told.side, other) for other in told.others),
    ]


def _asked(side: Side, order: Order) -> str:
    kwh, limit = _kwh(order.wh), format_price(order.limit_ticks)
    if side is Side.BID:
        return f"You wanted {kwh}, at {limit} at most."
    return f"You offered {kwh}, at {limit} at least."


def _in_all(told: Explanation) -> str:
    return (
        f"In all, {_kwh(told.offered_wh)} was offered, {_kwh(told.wanted_wh)} wanted and "
        f"{_kwh(told.matched_wh)} matched."
    )


def _kwh(energy_wh: int) -> str:
    """Write energy to the Wh: shares are that exact."""
    return f"{format_kwh(energy_wh, 3)} kWh"


def _agreed(told: Explanation) -> Iterator[str]:
    verb = "bought" if told.side is Side.BID else "sold"
    for fill in told.fills:
        if fill.agreement is not None:
            yield (
                f"By your agreement {fill.agreement[-8:]} you {verb} {_kwh(fill.wh)} at "
                f"{format_price(fill.price_ticks)}."
            )


def _missed(told: Explanation) -> Iterator[str]:
    for agreement in told.missed:
        yield f"Your agreement {agreement[-8:]} served nothing: too dear, or nothing was left for it."


def _stood(told: Explanation) -> Iterator[str]:
    did, got = ("wanted", "got") if told.side is Side.BID else ("offered", "sold")
    agreed_wh = sum(fill.wh for fill in told.fills if fill.agreement is not None)
    if 0 < told.taking_part_wh < told.order.wh - agreed_wh:
        part = "your part of the supply" if told.side is Side.BID else "the parts that buyers used"
        yield f"Of it {_kwh(told.taking_part_wh)} could be traded: {part}."
    if told.standing is Standing.WHOLE:
        which = "All of the rest" if agreed_wh else "All of it"
        if agreed_wh + told.taking_part_wh < told.order.wh:
            which = "All of that"
        yield f"{which} was matched with neighbours: {_kwh(told.market_wh)}."
    elif told.standing is Standing.SHARED and told.tied and told.tied.orders == 1:
        rest = " more" if agreed_wh else ""
        yield f"Of {_kwh(told.taking_part_wh)}{rest} that you {did} you {got} {_kwh(told.market_wh)}."
    elif told.standing is Standing.SHARED and told.tied:
        who = "buyers" if told.side is Side.BID else "sellers"
        yield (
            f"{told.tied.orders} {who} stood alike. They {did} {_kwh(told.tied.wanted_wh)} together "
            f"and {got} {_kwh(told.tied.matched_wh)}; your part was {_kwh(told.market_wh)}, "
            f"{_SHARES[told.rules.sharing]}."
        )
    elif told.standing is Standing.OUTBID and told.rules.sharing is SharingRule.KEYS:
        yield "Nobody's part met yours in this half-hour."
    elif told.standing is Standing.OUTBID and not (told.wanted_wh and told.offered_wh):
        what = "wanted" if told.offered_wh else "offered"
        yield f"Nobody {what} any energy in this half-hour."
    elif (told.standing, told.side) in _REASONS:
        yield _REASONS[told.standing, told.side]


_SHARES = {
    SharingRule.PRO_RATA: "in proportion",
    SharingRule.KEYS: "in proportion",
    SharingRule.EQUAL_SHARE: "the same as everybody's, or all that they asked for",
}

_REASONS = {
    (Standing.STOOD_OUT, Side.BID): (
        "The community's price, with its charge, is above your limit, so you took no part."
    ),
    (Standing.STOOD_OUT, Side.ASK): (
        "The community's price is below your limit, so you took no part."
    ),
    (Standing.NO_PART, Side.BID): "Your part of the supply came to nothing in this half-hour.",
    (Standing.NO_PART, Side.ASK): "Nobody's part of your supply was used in this half-hour.",
    (Standing.OUTBID, Side.BID): "Nothing that was left could be had at your feeder at your limit.",
    (Standing.OUTBID, Side.ASK): "Nobody who was left could be reached and would pay your limit.",
}


def _priced(told: Explanation) -> Iterator[str]:
    if not told.market_wh:
        return
    verb = "paid" if told.side is Side.BID else "got"
    market = [fill for fill in told.fills if fill.agreement is None]
    rest = " for the rest" if len(market) < len(told.fills) else ""
    if len(market) == 1 and market[0].price_ticks < 0:
        price = format_price(-market[0].price_ticks)
        if told.side is Side.BID:
            yield f"You were paid {price} a kWh for taking it."
        else:
            yield f"You paid {price} a kWh for having it taken."
    elif len(market) == 1:
        yield f"You {verb} {format_price(market[0].price_ticks)} a kWh{rest}."
    else:
        parts = (f"{_kwh(fill.wh)} at {format_price(fill.price_ticks)}" for fill in market)
        yield f"You {verb}: {', '.join(parts)}."


def _why_this_price(told: Explanation) -> Iterator[str]:
    rules = told.rules
    if rules.price.is_set and told.price_ticks is not None:
        charge = rules.charge_ticks
        price = format_price(told.price_ticks - (charge if told.side is Side.BID else 0))
        beyond = f"; buyers pay a charge of {format_price(charge)} on top" if charge else ""
        yield f"The community's rule makes the price: {_RULES[rules.price]}, {price}{beyond}."
    elif rules.price is PriceRule.PAY_AS_BID and told.market_wh:
        yield "Each pair of neighbours trades at the middle of their two limits."
    for margin in told.margins:
        if margin.own and margin.matched_wh != margin.wh:
            yield "Your own limit set the price."
        elif not margin.own:
            yield _margin(margin)
    if told.interval is not None and told.interval[0] != told.interval[1]:
        low, high = (format_price(ticks) for ticks in told.interval)
        yield f"Any price from {low} to {high} would have done; the rule takes the middle."


_RULES = {
    PriceRule.MID_MARKET: "between the two reference tariffs",
    PriceRule.SUPPLY_DEMAND_RATIO: "by how much is offered for what is wanted",
    PriceRule.FIXED: "fixed",
}


def _margin(margin: Margin) -> str:
    limit, buying = format_price(margin.limit_ticks), margin.side is Side.BID
    if margin.wh is None or margin.matched_wh is None:
        return (
            f"A limit of {limit} on the {'buyers' if buying else 'sellers'}' side bounds the price."
        )
    who, did, got = ("Buyers", "wanted", "got") if buying else ("Sellers", "offered", "sold")
    begin = f"{who} at {limit} {did} {_kwh(margin.wh)} and {got}"
    if not margin.matched_wh:
        return f"{begin} none of it."
    if margin.matched_wh == margin.wh:
        return f"{begin} all of it."
    return f"{begin} {_kwh(margin.matched_wh)}: they set the price."


def _network(told: Explanation) -> Iterator[str]:
    if told.full:
        named = ", ".join(told.full)
        yield f"The network was full at {named}."


def _otherwise(side: Side, other: Otherwise) -> str:
    limit, verb = format_price(other.limit_ticks), "got" if side is Side.BID else "sold"
    if other.price_ticks is None:
        return f"With a limit of {limit} you would have {verb} nothing either."
    price = format_price(other.price_ticks)
    return f"With a limit of {limit} you would have {verb} {_kwh(other.wh)}, at {price} on average."
