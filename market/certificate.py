"""The certificate: a result checked with integers only, no solver, linear in the orders.

Under `uniform` a potential of the doubled programme (see `market.lp`) proves by complementary
slackness that no result has more welfare, nor as much with more volume. Under a set price a
minimum cut proves that no more can be traded among the eligible. Sharing, rounding, price and
its interval are recomputed and compared, so whoever runs `verify` has proved that this is the
one result that the rules give.

>>> from market.model import *
>>> market = Market(9, (Feeder("a"),), (Order("m1", "a", 5, 1),), (Order("m2", "a", 5, 4),),
...     Rules(PriceRule.UNIFORM))
>>> result = assemble(market, Fills({"m1": 5}, {"m2": 5}), Certificate(potentials=(("a", 2),)))
>>> verify(market, result)
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import attrgetter

from market.check import check_market
from market.errors import CertificateError
from market.model import (
    Certificate,
    FeederPrice,
    Market,
    Order,
    Outcome,
    PriceRule,
    Result,
    Side,
)
from market.rules import set_price_ticks
from market.sharing import share_pro_rata
from market.wire import encode_result

_ID = attrgetter("id")


@dataclass(frozen=True, slots=True)
class Fills:
    """Matched Wh by order id, a side each; an order that is not there got nothing."""

    asks: Mapping[str, int]
    bids: Mapping[str, int]

    @property
    def volume_wh(self) -> int:
        """Matched energy, as the sellers' side counts it."""
        return sum(self.asks.values())


def eligible(market: Market) -> tuple[list[Order], list[Order]]:
    """Return the asks and bids whose limits a set price does not break.

    Buyers pay the price and the community's charge; limits are all-in.
    """
    price = set_price_ticks(market.rules)
    asks = [order for order in market.asks if order.limit_ticks <= price]
    bid_least = price + market.rules.charge_ticks
    bids = [order for order in market.bids if order.limit_ticks >= bid_least]
    return asks, bids


def group_by_price(orders: Iterable[Order], *, by_limit: bool) -> dict[int, dict[str, int]]:
    """Return offered Wh by id, by price level, levels in rising order and ids in order.

    With ``by_limit`` false all orders form one level at price 0.
    """
    groups: dict[int, dict[str, int]] = {}
    for order in sorted(orders, key=_ID):
        if order.wh:
            level = groups.setdefault(order.limit_ticks if by_limit else 0, {})
            level[order.id] = order.wh
    return dict(sorted(groups.items()))


def least_potential(market: Market, fills: Fills) -> int:
    """Return the one integer potential that a certificate states.

    The least that supports the result; where nothing bounds it from below the greatest, and
    0 for an empty market.
    """
    low, high = _potential_bounds(market, fills)
    if low is not None:
        return low
    return high if high is not None else 0


def _potential_bounds(market: Market, fills: Fills) -> tuple[int | None, int | None]:
    return _support(market, fills, scale=2, bonus=1)


def _support(
    market: Market, fills: Fills, *, scale: int, bonus: int
) -> tuple[int | None, int | None]:
    """Return the lowest and highest price that supports the fills; None is unbounded.

    Accepted asks and bids not filled bound from below, accepted bids and asks not filled from
    above. ``scale * limit`` (plus ``bonus`` for bids) is the value of a limit.
    """
    lows: list[int] = []
    highs: list[int] = []
    for order in market.asks:
        got = fills.asks.get(order.id, 0)
        if got > 0:
            lows.append(scale * order.limit_ticks)
        if got < order.wh:
            highs.append(scale * order.limit_ticks)
    for order in market.bids:
        got = fills.bids.get(order.id, 0)
        if got > 0:
            highs.append(scale * order.limit_ticks + bonus)
        if got < order.wh:
            lows.append(scale * order.limit_ticks + bonus)
    return max(lows, default=None), min(highs, default=None)


def feeder_prices(market: Market, fills: Fills) -> tuple[FeederPrice, ...]:
    """Return each feeder's price by the community's rule; none where nothing trades."""
    if not fills.volume_wh:
        return ()
    feeder = market.feeders[0].id
    if market.rules.price is PriceRule.UNIFORM:
        low, high = _support(market, fills, scale=1, bonus=0)
        if low is None or high is None or low > high:
            raise CertificateError(f"no price supports the result on feeder {feeder!r}")
        return (FeederPrice(feeder, (low + high) // 2, low, high),)
    price = set_price_ticks(market.rules)
    return (FeederPrice(feeder, price, price, price),)


def assemble(market: Market, fills: Fills, certificate: Certificate) -> Result:
    """Return the full result that the fills stand for."""
    prices = feeder_prices(market, fills)
    outcomes = []
    welfare_units = 0
    for side, orders, got, charge_ticks in (
        (Side.ASK, market.asks, fills.asks, 0),
        (Side.BID, market.bids, fills.bids, market.rules.charge_ticks),
    ):
        sign = -1 if side is Side.ASK else 1
        for order in sorted(orders, key=_ID):
            wh = got.get(order.id, 0)
            price = prices[0].price_ticks + charge_ticks if wh else None
            outcomes.append(Outcome(order.id, side, wh, price))
            welfare_units += sign * wh * order.limit_ticks
    return Result(
        market.period, tuple(outcomes), prices, fills.volume_wh, welfare_units, certificate
    )


def minimum_cut(market: Market, asks: Sequence[Order], bids: Sequence[Order]) -> tuple[str, ...]:
    """Return the feeders on the suppliers' side of the minimum cut, for one feeder.

    All supply traded: the cut separates the sources (no feeder on their side). Otherwise all
    demand is met and the feeder stands with the sources.
    """
    supply_wh = sum(order.wh for order in asks)
    demand_wh = sum(order.wh for order in bids)
    return () if supply_wh <= demand_wh else (market.feeders[0].id,)


def verify(market: Market, result: Result) -> None:
    """Prove that a result is the one that the rules give for this market.

    Raises:
        MarketInputError: the market itself cannot be cleared.
        CertificateError: names the first difference.
    """
    check_market(market)
    sides: dict[str, dict[str, int]] = {Side.ASK: {}, Side.BID: {}}
    for outcome in result.orders:
        if outcome.id in sides[outcome.side]:
            raise CertificateError(f"{outcome.side.value} {outcome.id!r} stands twice")
        sides[outcome.side][outcome.id] = outcome.wh
    expected = _proved(market, sides, result.certificate)
    for field in ("period", "matched_wh", "welfare_units", "prices", "orders"):
        if getattr(expected, field) != getattr(result, field):
            raise CertificateError(f"{field}: not what the rules give for these quantities")


def verify_encoded(market: Market, data: bytes) -> Result:
    """Prove that some bytes are the one result that the rules give for this market.

    Only quantities and certificate are read from them; the rest is made again and compared, so that
    no other form needs to be understood.

    Raises:
        MarketInputError: the market itself cannot be cleared.
        CertificateError: names the first difference, or the bytes are no result.
    """
    check_market(market)
    sides: dict[str, dict[str, int]] = {Side.ASK: {}, Side.BID: {}}
    try:
        value = json.loads(data)
        for entry in value["orders"]:
            sides[entry["side"]][entry["id"]] = entry["wh"]
        stated = value["certificate"]
        certificate = Certificate(
            tuple((each["feeder"], each["potential"]) for each in stated.get("potentials", ())),
            tuple(stated.get("cut", ())),
        )
    except _NO_RESULT as error:
        raise CertificateError("the result cannot be read") from error
    expected = _proved(market, sides, certificate)
    if encode_result(expected) != data:
        raise CertificateError("the result is not what the rules give, in its one form")
    return expected


def traded_of(data: bytes) -> tuple[int, dict[str, dict[str, tuple[int, int]]]]:
    """Return matched Wh, and (Wh, ticks) by side, then order, of what traded, from a result's bytes.

    Nothing of it is proved: `verify_encoded` does that, perhaps elsewhere and later.

    Raises:
        CertificateError: the bytes are no result.
    """
    traded: dict[str, dict[str, tuple[int, int]]] = {Side.ASK: {}, Side.BID: {}}
    try:
        value = json.loads(data)
        for entry in value["orders"]:
            if entry["wh"]:
                traded[entry["side"]][entry["id"]] = entry["wh"], entry["price_ticks"]
        matched_wh = value["matched_wh"]
    except _NO_RESULT as error:
        raise CertificateError("the result cannot be read") from error
    pairs = chain(*(side.values() for side in traded.values()))
    if {type(matched_wh), *map(type, chain(*pairs))} != {int}:
        raise CertificateError("a quantity or price of the result is not a whole number")
    return matched_wh, traded


_NO_RESULT = (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError)
"""What bytes that are no result make the standard library raise."""


def _proved(
    market: Market, sides: Mapping[str, Mapping[str, int]], certificate: Certificate
) -> Result:
    """Return the full result that quantities stand for, if the rules give these and no others."""
    for side, orders in ((Side.ASK, market.asks), (Side.BID, market.bids)):
        _check_bounds(side, sides[side], orders)
    fills = Fills(sides[Side.ASK], sides[Side.BID])
    if sum(fills.asks.values()) != sum(fills.bids.values()):
        raise CertificateError("sold and bought Wh differ")
    if market.rules.price is PriceRule.UNIFORM:
        _check_potential(market, fills, certificate)
        asks, bids, by_limit = market.asks, market.bids, True
    else:
        asks, bids, by_limit = *map(tuple, eligible(market)), False
        _check_cut(market, fills, asks, bids, certificate)
    for got, eligible_orders in ((fills.asks, asks), (fills.bids, bids)):
        _check_sharing(market.period, got, group_by_price(eligible_orders, by_limit=by_limit))
    return assemble(market, fills, certificate)


def _check_bounds(side: Side, got: Mapping[str, int], orders: Sequence[Order]) -> None:
    """Check that each order of a side has a quantity, within its bounds."""
    if len(orders) != len(got):
        raise CertificateError(f"the result has another number of {side.value}s")
    for order in orders:
        wh = got.get(order.id)
        if wh is None:
            raise CertificateError(f"{side.value} {order.id!r} is not in the result")
        if type(wh) is not int or not 0 <= wh <= order.wh:
            raise CertificateError(f"{side.value} {order.id!r}: {wh} Wh is out of its bounds")


def _check_potential(market: Market, fills: Fills, certificate: Certificate) -> None:
    low, high = _potential_bounds(market, fills)
    if low is not None and high is not None and low > high:
        raise CertificateError("no potential supports the result: a better matching exists")
    stated = ((market.feeders[0].id, least_potential(market, fills)),)
    if certificate != Certificate(potentials=stated):
        raise CertificateError("certificate: not the potential that supports the result")


def _check_cut(
    market: Market,
    fills: Fills,
    asks: Sequence[Order],
    bids: Sequence[Order],
    certificate: Certificate,
) -> None:
    if certificate != Certificate(cut=minimum_cut(market, asks, bids)):
        raise CertificateError("certificate: not the minimum cut of the eligible orders")
    cut_wh = sum(order.wh for order in (bids if certificate.cut else asks))
    if fills.volume_wh != cut_wh:
        raise CertificateError(f"{fills.volume_wh} Wh traded where {cut_wh} Wh could be")


def _check_sharing(
    period: int, got: Mapping[str, int], groups: Mapping[int, Mapping[str, int]]
) -> None:
    grouped: set[str] = set()
    for offered in groups.values():
        grouped.update(offered)
        total = sum(got[order_id] for order_id in offered)
        for order_id, share in share_pro_rata(period, total, dict(offered)).items():
            if got[order_id] != share:
                raise CertificateError(
                    f"order {order_id!r} got {got[order_id]} Wh; its share is {share} Wh"
                )
    for order_id, wh in got.items():
        if wh and order_id not in grouped:
            raise CertificateError(f"order {order_id!r} traded though the price breaks its limit")
