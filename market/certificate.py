"""The certificate: a result checked with integers only, no solver, linear in the orders.

One potential a feeder proves by complementary slackness that no result has more welfare, nor as
much with more volume (`market.programme`); under a set price it is a minimum cut, which proves that
no more can be traded among the eligible. Agreements, sharing, rounding, prices, flows and money are
made again and compared, so whoever runs `verify` has proved that this is the one result that the
rules give.

>>> from market.model import Feeder, Order, Orders, PriceRule, Rules
>>> market = Market(9, (Feeder("a"),), Orders.of([Order("m1", "a", 5, 1)]),
...     Orders.of([Order("m2", "a", 5, 4)]), Rules(PriceRule.UNIFORM))
>>> prove(market, Certificate(potentials=(("a", 2),))).welfare_units
15
"""

import json
from collections.abc import Sequence
from typing import Any

from ledger.primitives.canonical import INTEGER_MAX, encode_trusted
from market.agreements import serve
from market.assemble import Got, Matched, assemble
from market.check import checked
from market.errors import CertificateError
from market.face import components
from market.model import MARKET_WH_MAX, Certificate, Market, Orders, Result, Side
from market.programme import Levels, Programme, Volumes, least_vector, supported, supports
from market.result_wire import encode_result, result_to_json
from market.sharing import share
from market.staging import Row, Terms, edges_of, levels_of, stage, terms_of
from market.tree import Tree


def verify(market: Market, result: Result) -> None:
    """Prove that a result is the one that the rules give for this market.

    Raises:
        MarketInputError: the market itself cannot be cleared.
        CertificateError: names the first difference.
    """
    expected = result_to_json(prove(market, result.certificate))
    given = result_to_json(result)
    if encode_trusted(expected) != encode_trusted(given):  # to Python, true is 1
        _compare(expected, given)
        raise CertificateError("the result is not in its one form")


def verify_encoded(market: Market, data: bytes) -> Result:
    """Prove that some bytes are the one result that the rules give for this market.

    Only the certificate is read from them; the rest is made again and compared, so that no other
    form needs to be understood.

    Raises:
        MarketInputError: the market itself cannot be cleared.
        CertificateError: names the first difference, or the bytes are no result.
    """
    try:
        value = json.loads(data)
        stated = value["certificate"]
        certificate = Certificate(
            tuple((each["feeder"], each["potential"]) for each in stated.get("potentials", ())),
            tuple(stated.get("cut", ())),
        )
    except _NO_RESULT as error:
        raise CertificateError("the result cannot be read") from error
    expected = prove(market, certificate)
    if encode_result(expected) != data:
        _compare(result_to_json(expected), value)
        raise CertificateError("the result is not in its one form")
    return expected


def prove(market: Market, certificate: Certificate) -> Result:
    """Return the one result of a market, if a certificate is the one that proves it.

    Raises:
        MarketInputError: the market itself cannot be cleared.
        CertificateError: it proves nothing.
    """
    market, tree = checked(market)
    served, terms = serve(market, tree), terms_of(market)
    taking_part = stage(market, tree, served, terms)
    count = len(tree)
    asks, bids = levels_of(taking_part.asks, count), levels_of(taking_part.bids, count)
    edges, charges = edges_of(tree, served)
    base = min((row.value for row in (*taking_part.asks, *taking_part.bids)), default=0)
    programme = Programme(tree, asks, bids, edges, charges, base)
    potentials = potentials_of(tree, terms, certificate)
    got = _shared(market, programme, potentials, taking_part.asks, taking_part.bids)
    bounds = supports(programme, got.volumes)
    if not supported(bounds, tree, potentials):
        raise CertificateError("certificate: no result is supported: a better matching exists")
    if list(potentials) != least_vector(tree, bounds, programme.base):
        raise CertificateError("certificate: the potentials are not the least that support it")
    result = assemble(market, Matched(tree, served, terms, programme, got, potentials))
    if result.certificate != certificate:
        raise CertificateError("certificate: not in its one form")
    return result


def potentials_of(tree: Tree, terms: Terms | None, certificate: Certificate) -> list[int]:
    """Return the potential of each feeder that a certificate states."""
    if terms is not None:
        cut = {feeder for feeder in certificate.cut if type(feeder) is str}
        if certificate.potentials or len(cut) != len(certificate.cut) or cut - tree.index.keys():
            raise CertificateError("certificate: not a cut of this market's feeders")
        return [0 if feeder in cut else 1 for feeder in tree.ids]
    stated = {f: p for f, p in certificate.potentials if type(f) is str and type(p) is int}
    if (
        certificate.cut
        or len(certificate.potentials) != len(tree)
        or stated.keys() != tree.index.keys()
    ):
        raise CertificateError("certificate: not one potential for each of this market's feeders")
    return [stated[feeder] for feeder in tree.ids]


def _shared(
    market: Market,
    programme: Programme,
    potentials: Sequence[int],
    asks: Sequence[Row],
    bids: Sequence[Row],
) -> Got:
    """Return what orders get under some potentials: better ones all, equal ones their share."""
    got: dict[Side, dict[str, int]] = {
        Side.ASK: {row.id: row.wh for row in asks if row.value < potentials[row.node]},
        Side.BID: {row.id: row.wh for row in bids if row.value > potentials[row.node]},
    }
    marginal: dict[Side, list[list[tuple[str, int]]]] = {}
    for side, rows in ((Side.ASK, asks), (Side.BID, bids)):
        marginal[side] = [[] for _ in potentials]
        for row in rows:
            if row.value == potentials[row.node]:
                marginal[side][row.node].append((row.id, row.wh))
    for part in components(programme, potentials):
        tied = [marginal[part.side][node] for node in part.nodes]
        got[part.side] |= share(part, tied, market.rules.sharing, market.period)
    volumes = Volumes(
        _volumes(asks, got[Side.ASK], potentials), _volumes(bids, got[Side.BID], potentials)
    )
    if sum(volumes.injections()):
        raise CertificateError("certificate: sold and bought Wh differ")
    return Got(_column(market.asks, got[Side.ASK]), _column(market.bids, got[Side.BID]), volumes)


def _volumes(rows: Sequence[Row], got: dict[str, int], potentials: Sequence[int]) -> Levels:
    volumes: Levels = [{} for _ in potentials]
    for row in rows:
        of_node = volumes[row.node]
        of_node[row.value] = of_node.get(row.value, 0) + got.get(row.id, 0)
    return volumes


def _column(orders: Orders, got: dict[str, int]) -> list[int]:
    return [got.get(order, 0) for order in orders.ids]


def traded_of(data: bytes) -> tuple[int, dict[Side, dict[str, tuple[int, int]]]]:
    """Return matched Wh, and (Wh, units) by side, then order, of what traded, from a result's bytes.

    Nothing of it is proved: `verify_encoded` does that, perhaps elsewhere and later.

    Raises:
        CertificateError: the bytes are no result.
    """
    traded: dict[str, dict[str, tuple[int, int]]] = {Side.ASK: {}, Side.BID: {}}
    try:
        value = json.loads(data)
        matched_wh = _quantity(value["matched_wh"])
        for order in value["orders"]:
            if not order["wh"]:
                continue
            fills = order.get("fills", [order])
            pairs = [(_quantity(fill["wh"]), _price(fill["price_ticks"])) for fill in fills]
            units = sum(wh * ticks for wh, ticks in pairs)
            traded[order["side"]][order["id"]] = sum(wh for wh, _ in pairs), units
    except _NO_RESULT as error:
        raise CertificateError("the result cannot be read") from error
    return matched_wh, {Side(side): found for side, found in traded.items()}


def _quantity(wh: Any) -> int:
    """Return Wh of a result, if they are some: whoever signed it may have written anything."""
    if type(wh) is not int or not 0 <= wh <= MARKET_WH_MAX:
        raise CertificateError("a quantity of the result is no energy that a market takes")
    return wh


def _price(ticks: Any) -> int:
    if type(ticks) is not int or abs(ticks) > INTEGER_MAX:
        raise CertificateError("a price of the result is not a whole number of ticks")
    return ticks


_NO_RESULT = (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError)
"""What bytes that are no result make the standard library raise."""


def _compare(expected: dict[str, Any], given: dict[str, Any]) -> None:
    """Refuse a result that is not the expected one.

    Raises:
        CertificateError: names the first difference.
    """
    if given.get("period") != expected["period"]:
        raise CertificateError("period: the result is of another half-hour")
    if given.get("matched_wh") != expected["matched_wh"]:
        raise CertificateError(
            f"matched_wh: {expected['matched_wh']} Wh could be matched, the result says "
            f"{_number(given.get('matched_wh'))}"
        )
    orders = given.get("orders")
    if isinstance(orders, list):
        for wanted, order in zip(expected["orders"], orders, strict=False):
            if wanted != order:
                raise CertificateError(
                    f"orders: {wanted['side']} {wanted['id']!r}: its share is {_said(wanted)}; the "
                    f"result says {_said(order)}"
                )
    for field, value in expected.items():
        if given.get(field) != value:
            raise CertificateError(f"{field}: not what the rules give for this market")


def _said(order: Any) -> str:
    """Say what an order got, in numbers only: texts of a hostile result are not repeated."""
    if not isinstance(order, dict):
        return "something else"
    price = order.get("price_ticks")
    words = f"{_number(order.get('wh'))} Wh"
    return words if price is None else f"{words} at {_number(price)} ticks"


def _number(value: Any) -> str:
    return str(value) if type(value) is int and abs(value) <= INTEGER_MAX else "something else"
