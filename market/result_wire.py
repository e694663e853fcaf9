"""Results as JSON: what ``commonwatt market clear`` writes, in one form only.

``docs/spec/market.md`` is the specification.

>>> read_result(b'{}')
Traceback (most recent call last):
market.errors.MarketInputError: result: the field 'period' is missing
"""

from collections.abc import Iterator, Sequence
from json.encoder import encode_basestring as _quoted
from typing import Any

from ledger.primitives import shape
from ledger.primitives.canonical import INTEGER_MAX, encode, encode_trusted
from market.errors import MarketInputError
from market.model import (
    FEEDERS_MAX,
    MARKET_WH_MAX,
    ORDERS_MAX,
    Certificate,
    FeederPrice,
    Fill,
    Flow,
    Result,
    Side,
    Trades,
)
from market.wire import ID, PERIOD, WH, check_shape, parse, without_none

_PRICE = shape.integer(-INTEGER_MAX, INTEGER_MAX)
"""A feeder's price may lie beyond any limit."""

_FILLS = shape.array(
    shape.record({"wh": WH, "price_ticks": _PRICE}, {"agreement": ID}), 2 * ORDERS_MAX
)
_UNITS = shape.integer(-INTEGER_MAX, INTEGER_MAX)
_RESULT = shape.record(
    {
        "period": PERIOD,
        "orders": shape.array(
            shape.record(
                {"id": ID, "side": shape.one_of("ask", "bid"), "wh": WH},
                {"price_ticks": _PRICE, "fills": _FILLS},
            ),
            2 * ORDERS_MAX,
        ),
        "prices": shape.array(
            shape.record(
                {"feeder": ID, "price_ticks": _PRICE, "low_ticks": _PRICE, "high_ticks": _PRICE}
            ),
            FEEDERS_MAX,
        ),
        "flows": shape.array(
            shape.record(
                {
                    "feeder": ID,
                    "out_wh": shape.integer(0, MARKET_WH_MAX),
                    "in_wh": shape.integer(0, MARKET_WH_MAX),
                    "full": shape.boolean,
                }
            ),
            FEEDERS_MAX,
        ),
        "matched_wh": shape.integer(0, MARKET_WH_MAX),
        "welfare_units": _UNITS,
        "charge_units": _UNITS,
        "rent_units": _UNITS,
        "certificate": shape.record(
            {},
            {
                "potentials": shape.array(
                    shape.record({"feeder": ID, "potential": _UNITS}), FEEDERS_MAX
                ),
                "cut": shape.array(ID, FEEDERS_MAX),
            },
        ),
    }
)


def result_to_json(result: Result) -> dict[str, Any]:
    """Return the result as JSON."""
    sides = ((Side.ASK, result.asks), (Side.BID, result.bids))
    orders = [order for side, trades in sides for order in _trades_to_json(side, trades)]
    return {"orders": orders, **_rest_to_json(result)}


def encode_result(result: Result) -> bytes:
    """Return the canonical bytes of `result_to_json`, written out like `encode_market`."""
    sides = (("ask", result.asks), ("bid", result.bids))
    orders = ",".join(text for side, trades in sides for text in _trades_text(side, trades))
    head, tail = encode_trusted({"orders": [], **_rest_to_json(result)}).split(b'"orders":[]')
    return head + f'"orders":[{orders}]'.encode() + tail


def _trades_text(side: str, trades: Trades) -> Iterator[str]:
    for order, wh, price in sorted(zip(trades.ids, trades.wh, trades.prices, strict=True)):
        if order in trades.fills:
            fills = encode_trusted(_fills_to_json(trades.fills[order])).decode()
            yield f'{{"fills":{fills},"id":{_quoted(order)},"side":"{side}","wh":{wh}}}'
        elif price is None:
            yield f'{{"id":{_quoted(order)},"side":"{side}","wh":{wh}}}'
        else:
            yield f'{{"id":{_quoted(order)},"price_ticks":{price},"side":"{side}","wh":{wh}}}'


def _rest_to_json(result: Result) -> dict[str, Any]:
    """Return all of a result but its orders."""
    certificate: dict[str, Any] = {}
    if result.certificate.potentials:
        certificate["potentials"] = [
            {"feeder": feeder, "potential": potential}
            for feeder, potential in result.certificate.potentials
        ]
    else:
        certificate["cut"] = list(result.certificate.cut)
    return {
        "period": result.period,
        "prices": [price._asdict() for price in result.prices],
        "flows": [flow._asdict() for flow in result.flows],
        "matched_wh": result.matched_wh,
        "welfare_units": result.welfare_units,
        "charge_units": result.charge_units,
        "rent_units": result.rent_units,
        "certificate": certificate,
    }


def _trades_to_json(side: Side, trades: Trades) -> list[dict[str, Any]]:
    name, found = side.value, []
    for order, wh, price in sorted(zip(trades.ids, trades.wh, trades.prices, strict=True)):
        value: dict[str, Any] = {"id": order, "side": name, "wh": wh}
        if order in trades.fills:
            value["fills"] = _fills_to_json(trades.fills[order])
        elif price is not None:
            value["price_ticks"] = price
        found.append(value)
    return found


def _fills_to_json(fills: Sequence[Fill]) -> list[dict[str, Any]]:
    return [without_none(**fill._asdict()) for fill in fills]


def read_result(data: bytes) -> Result:
    """Read a result file.

    Raises:
        MarketInputError: names the field that is wrong.
    """
    return result_from_json(parse(data))


def result_from_json(value: Any) -> Result:
    """Return the result that a JSON value stands for."""
    check_shape(_RESULT, value, "result")
    certificate = Certificate(
        tuple(
            (entry["feeder"], entry["potential"])
            for entry in value["certificate"].get("potentials", [])
        ),
        tuple(value["certificate"].get("cut", [])),
    )
    result = Result(
        value["period"],
        _trades_from_json(value["orders"], Side.ASK),
        _trades_from_json(value["orders"], Side.BID),
        tuple(FeederPrice(**price) for price in value["prices"]),
        tuple(Flow(**flow) for flow in value["flows"]),
        value["matched_wh"],
        value["welfare_units"],
        value["charge_units"],
        value["rent_units"],
        certificate,
    )
    if result_to_json(result) != value:
        raise MarketInputError(
            "result: not in its one form: asks before bids, each side by id, a price or fills and "
            "not both, potentials or a cut"
        )
    return result


def _trades_from_json(orders: list[dict[str, Any]], side: Side) -> Trades:
    own = [order for order in orders if order["side"] == side.value]
    return Trades(
        tuple(order["id"] for order in own),
        tuple(order["wh"] for order in own),
        tuple(order.get("price_ticks") for order in own),
        {o["id"]: tuple(Fill(**fill) for fill in o["fills"]) for o in own if "fills" in o},
    )


def result_bytes(result: Result) -> bytes:
    """Return the canonical bytes of a result: the same on every machine."""
    return encode(result_to_json(result))
