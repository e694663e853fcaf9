r"""An explanation in plain sentences, for a member to read: no names but the member's own agreements.

>>> from market.clearing import clear
>>> from market.explain import explain
>>> from market.model import Feeder, Market, Orders, PriceRule, Rules
>>> market = Market(9, (Feeder("a"),), Orders.of([Order("m1", "a", 5, 10)]),
...     Orders.of([Order("m2", "a", 4, 30), Order("m3", "a", 4, 30)]), Rules(PriceRule.UNIFORM))
>>> print(*sentences(explain(market, clear(market), Side.BID, "m3")), sep="\n")
You wanted 0.004 kWh, at 0.30p at most.
2 buyers stood alike. They wanted 0.008 kWh together and got 0.005 kWh; your part was 0.003 kWh.
You paid 0.30p a kWh.
In all, 0.005 kWh was offered, 0.008 kWh wanted and 0.005 kWh matched.
Buyers at 0.30p wanted 0.008 kWh and got 0.005 kWh: they set the price.
With a limit of 0.31p you would have got 0.004 kWh, at 0.30p on average.
"""

from collections.abc import Iterator

from ledger.primitives.energy import format_kwh
from ledger.primitives.money import format_price
from market.explain import Explanation, Margin, Otherwise, Standing
from market.model import Order, Side


def sentences(told: Explanation) -> list[str]:
    """Return the explanation as sentences, the most important first."""
    return [
        _asked(told.side, told.order),
        *_agreed(told),
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
                f"By your agreement {fill.agreement[:8]} you {verb} {_kwh(fill.wh)} at "
                f"{format_price(fill.price_ticks)}."
            )


def _stood(told: Explanation) -> Iterator[str]:
    did, got = ("wanted", "got") if told.side is Side.BID else ("offered", "sold")
    if told.standing is Standing.WHOLE:
        which = "All of the rest" if len(told.fills) > 1 else "All of it"
        yield f"{which} was matched with neighbours: {_kwh(told.market_wh)}."
    elif told.standing is Standing.SHARED and told.tied and told.tied.orders == 1:
        yield f"Of {_kwh(told.taking_part_wh)} that you {did} you {got} {_kwh(told.market_wh)}."
    elif told.standing is Standing.SHARED and told.tied:
        who = "buyers" if told.side is Side.BID else "sellers"
        yield (
            f"{told.tied.orders} {who} stood alike. They {did} {_kwh(told.tied.wanted_wh)} together "
            f"and {got} {_kwh(told.tied.matched_wh)}; your part was {_kwh(told.market_wh)}."
        )
    elif (told.standing, told.side) in _REASONS:
        yield _REASONS[told.standing, told.side]


_REASONS = {
    (Standing.STOOD_OUT, Side.BID): (
        "The community's price, with its charge, is above your limit, so you took no part."
    ),
    (Standing.STOOD_OUT, Side.ASK): (
        "The community's price is below your limit, so you took no part."
    ),
    (Standing.NO_PART, Side.BID): "Your part of the supply came to nothing in this half-hour.",
    (Standing.NO_PART, Side.ASK): "Nobody's part of your supply was used in this half-hour.",
    (
        Standing.OUTBID,
        Side.BID,
    ): "Others would pay more, and there was no more energy than they took.",
    (Standing.OUTBID, Side.ASK): "Others sold for less, and no more was wanted than they had.",
}


def _priced(told: Explanation) -> Iterator[str]:
    if not told.market_wh:
        return
    verb = "paid" if told.side is Side.BID else "got"
    market = [fill for fill in told.fills if fill.agreement is None]
    if len(market) == 1:
        yield f"You {verb} {format_price(market[0].price_ticks)} a kWh."
    else:
        parts = (f"{_kwh(fill.wh)} at {format_price(fill.price_ticks)}" for fill in market)
        yield f"You {verb}: {', '.join(parts)}."


def _why_this_price(told: Explanation) -> Iterator[str]:
    for margin in told.margins:
        yield _margin(margin)
    if told.interval is not None and told.interval[0] != told.interval[1]:
        low, high = (format_price(ticks) for ticks in told.interval)
        yield f"Any price from {low} to {high} would have done; the rule takes the middle."


def _margin(margin: Margin) -> str:
    limit, kwh = format_price(margin.limit_ticks), _kwh(margin.wh)
    matched = _kwh(margin.matched_wh)
    who, did, got = (
        ("Buyers", "wanted", "got") if margin.side is Side.BID else ("Sellers", "offered", "sold")
    )
    end = ": they set the price." if 0 < margin.matched_wh < margin.wh else "."
    if not margin.matched_wh:
        return f"{who} at {limit} {did} {kwh} and {got} none of it."
    if margin.matched_wh == margin.wh:
        return f"{who} at {limit} {did} {kwh} and {got} all of it."
    return f"{who} at {limit} {did} {kwh} and {got} {matched}{end}"


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
