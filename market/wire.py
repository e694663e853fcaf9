"""Markets and results as JSON: what ``commonwatt market clear`` reads and writes.

``docs/spec/market.md`` is the specification. Input may have its keys in any order, spaces and
nulls; every field is checked and every unknown one refused. Output is canonical JSON.

>>> market = read_market(b'{"period": 1, "feeders": [{"id": "a", "parent": null}],'
...     b' "asks": [], "bids": [], "rules": {"price": "uniform"}}')
>>> market.feeders[0].id
'a'
"""

import json
import unicodedata
from json.encoder import encode_basestring as _quoted
from operator import attrgetter
from typing import Any

from ledger.errors import InputError
from ledger.primitives import shape
from ledger.primitives.canonical import INTEGER_MAX, encode, encode_trusted
from ledger.primitives.energy import WH_MAX
from ledger.primitives.money import PRICE_TICKS_MAX
from ledger.primitives.periods import PERIOD_MAX
from market.errors import MarketInputError
from market.model import (
    MARKET_WH_MAX,
    ORDERS_MAX,
    Certificate,
    Feeder,
    FeederPrice,
    Market,
    Order,
    Outcome,
    PriceRule,
    Result,
    Rules,
    SharingRule,
    Side,
)

MARKET_BYTES_MAX = 200_000_000
"""Longest market or result file: a million orders a side."""

_ID_TEXT = shape.text(64, r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]+")


def _ID(value: Any, path: str) -> Any:  # noqa: N802 - a shape, like its neighbours
    """Take an id that canonical JSON can hold."""
    _ID_TEXT(value, path)
    if not unicodedata.is_normalized("NFC", value):
        raise InputError(f"{path}: {value!r} is not in Unicode normal form C")
    return value


_TICKS = shape.integer(-PRICE_TICKS_MAX, PRICE_TICKS_MAX)
_CHARGE = shape.integer(0, PRICE_TICKS_MAX)
_WH = shape.integer(0, WH_MAX)
_PERIOD = shape.integer(0, PERIOD_MAX)

_ORDERS = shape.array(
    shape.record({"id": _ID, "feeder": _ID, "wh": _WH, "limit_ticks": _TICKS}), ORDERS_MAX
)
RULES_SHAPE = shape.record(
    {"price": shape.one_of(*(rule.value for rule in PriceRule))},
    {
        "sharing": shape.one_of(*(rule.value for rule in SharingRule)),
        "import_ticks": _TICKS,
        "export_ticks": _TICKS,
        "charge_ticks": _CHARGE,
        "k_permille": shape.integer(0, 1000),
    },
)
"""Market rules, as they stand in a market file and in a signed ``rules`` statement."""

_MARKET = shape.record(
    {
        "period": _PERIOD,
        "feeders": shape.array(
            shape.record(
                {"id": _ID},
                {
                    "parent": _ID,
                    "capacity_wh": shape.integer(0, MARKET_WH_MAX),
                    "charge_ticks": _CHARGE,
                },
            ),
            1000,
        ),
        "asks": _ORDERS,
        "bids": _ORDERS,
        "rules": RULES_SHAPE,
    },
    {"agreements": shape.array(shape.record({}), 0)},
)
_PRICES = shape.array(
    shape.record({"feeder": _ID, "price_ticks": _TICKS, "low_ticks": _TICKS, "high_ticks": _TICKS}),
    1000,
)
_RESULT = shape.record(
    {
        "period": _PERIOD,
        "orders": shape.array(
            shape.record(
                {"id": _ID, "side": shape.one_of("ask", "bid"), "wh": _WH},
                {"price_ticks": _TICKS},
            ),
            2 * ORDERS_MAX,
        ),
        "prices": _PRICES,
        "flows": shape.array(shape.record({}), 0),
        "matched_wh": shape.integer(0, MARKET_WH_MAX),
        "welfare_units": shape.integer(-INTEGER_MAX, INTEGER_MAX),
        "certificate": shape.record(
            {},
            {
                "potentials": shape.array(
                    shape.record(
                        {"feeder": _ID, "potential": shape.integer(-INTEGER_MAX, INTEGER_MAX)}
                    ),
                    1000,
                ),
                "cut": shape.array(_ID, 1000),
            },
        ),
    }
)


def read_market(data: bytes) -> Market:
    """Read a market file.

    Raises:
        MarketInputError: names the field that is wrong.
    """
    return market_from_json(_parse(data))


def market_from_json(value: Any) -> Market:
    """Return the market that a JSON value stands for.

    Raises:
        MarketInputError: names the field that is wrong.
    """
    _check(_MARKET, value, "market")
    return Market(
        value["period"],
        tuple(Feeder(**feeder) for feeder in value["feeders"]),
        tuple(Order(**order) for order in value["asks"]),
        tuple(Order(**order) for order in value["bids"]),
        rules_from_json(value["rules"]),
    )


def rules_from_json(value: Any) -> Rules:
    """Return the rules that a JSON value stands for."""
    _check(RULES_SHAPE, value, "rules")
    fields = {**value, "price": PriceRule(value["price"])}
    fields["sharing"] = SharingRule(value.get("sharing", SharingRule.PRO_RATA.value))
    return Rules(**fields)


def rules_to_json(rules: Rules) -> dict[str, Any]:
    """Return the rules as JSON, leaving out what is absent."""
    value: dict[str, Any] = {"price": rules.price.value, "sharing": rules.sharing.value}
    for field in ("import_ticks", "export_ticks", "charge_ticks", "k_permille"):
        if getattr(rules, field) is not None:
            value[field] = getattr(rules, field)
    return value


def market_to_json(market: Market) -> dict[str, Any]:
    """Return the market as JSON with orders sorted by id: the form that is hashed."""
    return {
        "period": market.period,
        "feeders": [{"id": feeder.id} for feeder in market.feeders],
        "asks": [_order_to_json(order) for order in _by_id(market.asks)],
        "bids": [_order_to_json(order) for order in _by_id(market.bids)],
        "agreements": [],
        "rules": rules_to_json(market.rules),
    }


def encode_market(market: Market) -> bytes:
    """Return the canonical bytes of `market_to_json`, which a clearing hashes.

    Written out, in a third of the time; a test compares the two.
    """
    asks, bids = (
        ",".join(
            f'{{"feeder":{_quoted(feeder)},"id":{_quoted(made_id)},"limit_ticks":{limit_ticks},'
            f'"wh":{wh}}}'
            for made_id, feeder, wh, limit_ticks in _by_id(side)
        )
        for side in (market.asks, market.bids)
    )
    feeders = ",".join(f'{{"id":{_quoted(feeder.id)}}}' for feeder in market.feeders)
    rules = encode_trusted(rules_to_json(market.rules)).decode()
    return (
        f'{{"agreements":[],"asks":[{asks}],"bids":[{bids}],"feeders":[{feeders}],'
        f'"period":{market.period},"rules":{rules}}}'
    ).encode()


def result_to_json(result: Result) -> dict[str, Any]:
    """Return the result as JSON."""
    return {
        "period": result.period,
        "orders": [_outcome_to_json(outcome) for outcome in result.orders],
        "prices": _prices_to_json(result),
        "flows": [],
        "matched_wh": result.matched_wh,
        "welfare_units": result.welfare_units,
        "certificate": _certificate_to_json(result.certificate),
    }


def encode_result(result: Result) -> bytes:
    """Return the canonical bytes of `result_to_json`, written out like `encode_market`."""
    orders = ",".join(
        f'{{"id":{_quoted(made_id)},"side":"{side}","wh":{wh}}}'
        if price_ticks is None
        else f'{{"id":{_quoted(made_id)},"price_ticks":{price_ticks},"side":"{side}","wh":{wh}}}'
        for made_id, side, wh, price_ticks in result.orders
    )
    certificate = encode_trusted(_certificate_to_json(result.certificate)).decode()
    prices = encode_trusted(_prices_to_json(result)).decode()
    return (
        f'{{"certificate":{certificate},"flows":[],"matched_wh":{result.matched_wh},'
        f'"orders":[{orders}],"period":{result.period},"prices":{prices},'
        f'"welfare_units":{result.welfare_units}}}'
    ).encode()


def read_result(data: bytes) -> Result:
    """Read a result file.

    Raises:
        MarketInputError: names the field that is wrong.
    """
    return result_from_json(_parse(data))


def result_from_json(value: Any) -> Result:
    """Return the result that a JSON value stands for."""
    _check(_RESULT, value, "result")
    certificate = Certificate(
        tuple(
            (entry["feeder"], entry["potential"])
            for entry in value["certificate"].get("potentials", [])
        ),
        tuple(value["certificate"].get("cut", [])),
    )
    return Result(
        value["period"],
        tuple(
            Outcome(o["id"], Side(o["side"]), o["wh"], o.get("price_ticks"))
            for o in value["orders"]
        ),
        tuple(FeederPrice(**price) for price in value["prices"]),
        value["matched_wh"],
        value["welfare_units"],
        certificate,
    )


def result_bytes(result: Result) -> bytes:
    """Return the canonical bytes of a result: the same on every machine."""
    return encode(result_to_json(result))


def _by_id(orders: tuple[Order, ...]) -> list[Order]:
    return sorted(orders, key=attrgetter("id"))


def _prices_to_json(result: Result) -> list[dict[str, Any]]:
    return [
        {
            "feeder": price.feeder,
            "price_ticks": price.price_ticks,
            "low_ticks": price.low_ticks,
            "high_ticks": price.high_ticks,
        }
        for price in result.prices
    ]


def _certificate_to_json(certificate: Certificate) -> dict[str, Any]:
    if not certificate.potentials:
        return {"cut": list(certificate.cut)}
    return {
        "potentials": [
            {"feeder": feeder, "potential": potential}
            for feeder, potential in certificate.potentials
        ]
    }


def _order_to_json(order: Order) -> dict[str, Any]:
    return {
        "id": order.id,
        "feeder": order.feeder,
        "wh": order.wh,
        "limit_ticks": order.limit_ticks,
    }


def _outcome_to_json(outcome: Outcome) -> dict[str, Any]:
    value = {"id": outcome.id, "side": outcome.side.value, "wh": outcome.wh}
    if outcome.price_ticks is not None:
        value["price_ticks"] = outcome.price_ticks
    return value


def _check(check: shape.Check, value: Any, path: str) -> None:
    try:
        check(value, path)
    except MarketInputError:
        raise
    except InputError as error:
        raise MarketInputError(str(error)) from error


def _parse(data: bytes) -> Any:
    """Parse JSON, refusing duplicate keys and leaving out nulls."""
    if len(data) > MARKET_BYTES_MAX:
        raise MarketInputError(f"the file has more than {MARKET_BYTES_MAX:,} bytes")
    try:
        return json.loads(data.decode(), object_pairs_hook=_object)
    except MarketInputError:
        raise
    except (ValueError, RecursionError) as error:
        raise MarketInputError(f"not JSON: {error}") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for key, entry in pairs:
        if key in value:
            raise MarketInputError(f"the key {key!r} stands twice in one object")
        value[key] = entry
    return {key: entry for key, entry in value.items() if entry is not None}
