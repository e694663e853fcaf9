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
from dataclasses import replace
from json.encoder import encode_basestring as _quoted
from typing import Any

from ledger.errors import InputError
from ledger.primitives import shape
from ledger.primitives.canonical import encode_trusted
from ledger.primitives.energy import WH_MAX
from ledger.primitives.money import PRICE_TICKS_MAX
from ledger.primitives.periods import PERIOD_MAX
from market.check import FACTOR_PPM_MAX
from market.errors import MarketInputError
from market.model import (
    AGREEMENTS_MAX,
    FEEDERS_MAX,
    KEYS_MAX,
    MARKET_WH_MAX,
    ORDERS_MAX,
    PPM,
    Agreement,
    Feeder,
    Key,
    Market,
    Orders,
    PriceRule,
    Rules,
    SharingRule,
)
from market.rules import BANDS_MAX, DAY_MINUTES

MARKET_BYTES_MAX = 200_000_000
"""Longest market or result file: a million orders a side."""

_ID_TEXT = shape.text(64, r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]+")


def ID(value: Any, path: str) -> Any:  # noqa: N802 - a shape, like its neighbours
    """Take an id that canonical JSON can hold."""
    _ID_TEXT(value, path)
    if not unicodedata.is_normalized("NFC", value):
        raise InputError(f"{path}: {value!r} is not in Unicode normal form C")
    return value


_TICKS = shape.integer(-PRICE_TICKS_MAX, PRICE_TICKS_MAX)
_CHARGE = shape.integer(0, PRICE_TICKS_MAX)
WH = shape.integer(0, WH_MAX)
PERIOD = shape.integer(0, PERIOD_MAX)

_ORDERS = shape.array(
    shape.record({"id": ID, "feeder": ID, "wh": WH, "limit_ticks": _TICKS}), ORDERS_MAX
)
_FEEDERS = shape.array(
    shape.record(
        {"id": ID},
        {
            "parent": ID,
            "capacity_wh": shape.integer(0, MARKET_WH_MAX),
            "charge_ticks": _CHARGE,
            "import_ppm": shape.integer(1, FACTOR_PPM_MAX),
            "export_ppm": shape.integer(1, FACTOR_PPM_MAX),
        },
    ),
    FEEDERS_MAX,
)
AGREEMENTS_SHAPE = shape.array(
    shape.record(
        {
            "id": ID,
            "rank": shape.integer(1, 1_000),
            "seller": ID,
            "buyer": ID,
            "price_ticks": _TICKS,
        },
        {
            "cap_wh": shape.integer(0, MARKET_WH_MAX),
            "share_permille": shape.integer(0, 1_000),
        },
    ),
    AGREEMENTS_MAX,
)
"""Agreements, as they stand in a market file and beside a signed ``hold`` statement."""

_PERMILLE = shape.integer(0, 1000)
RULES_SHAPE = shape.record(
    {"price": shape.one_of(*(rule.value for rule in PriceRule))},
    {
        "sharing": shape.one_of(*(rule.value for rule in SharingRule)),
        "import_ticks": _TICKS,
        "export_ticks": _TICKS,
        "charge_ticks": _CHARGE,
        "k_permille": _PERMILLE,
        "kappa_permille": _PERMILLE,
        "match_ticks": _TICKS,
        "match_bands": shape.array(
            shape.record({"minute": shape.integer(0, DAY_MINUTES - 1), "ticks": _TICKS}), BANDS_MAX
        ),
        "keys": shape.array(
            shape.record({"bid": ID, "ppm": shape.integer(0, PPM)}, {"ask": ID}), KEYS_MAX
        ),
    },
)
"""Market rules, as they stand in a market file and in a signed ``rules`` statement."""

_MARKET = shape.record(
    {
        "period": PERIOD,
        "feeders": _FEEDERS,
        "asks": _ORDERS,
        "bids": _ORDERS,
        "rules": RULES_SHAPE,
    },
    {"agreements": AGREEMENTS_SHAPE},
)


def read_market(data: bytes) -> Market:
    """Read a market file.

    Raises:
        MarketInputError: names the field that is wrong.
    """
    return market_from_json(parse(data))


def market_from_json(value: Any) -> Market:
    """Return the market that a JSON value stands for.

    Raises:
        MarketInputError: names the field that is wrong.
    """
    check_shape(_MARKET, value, "market")
    return Market(
        value["period"],
        tuple(Feeder(**feeder) for feeder in value["feeders"]),
        _orders_from_json(value["asks"]),
        _orders_from_json(value["bids"]),
        rules_from_json(value["rules"]),
        tuple(Agreement(**agreement) for agreement in value.get("agreements", ())),
    )


def _orders_from_json(orders: list[dict[str, Any]]) -> Orders:
    names = ("id", "feeder", "wh", "limit_ticks")
    return Orders(*(tuple(order[name] for order in orders) for name in names))


def rules_from_json(value: Any) -> Rules:
    """Return the rules that a JSON value stands for."""
    check_shape(RULES_SHAPE, value, "rules")
    fields = {**value, "price": PriceRule(value["price"])}
    fields["sharing"] = SharingRule(value.get("sharing", SharingRule.PRO_RATA.value))
    if "match_bands" in value:
        fields["match_bands"] = tuple((b["minute"], b["ticks"]) for b in value["match_bands"])
    if "keys" in value:
        fields["keys"] = tuple(Key(**key) for key in value["keys"])
    return Rules(**fields)


def rules_to_json(rules: Rules) -> dict[str, Any]:
    """Return the rules as JSON, leaving out what is absent."""
    value: dict[str, Any] = {"price": rules.price.value, "sharing": rules.sharing.value}
    for field in ("import_ticks", "export_ticks", "charge_ticks", "k_permille", "match_ticks"):
        if getattr(rules, field) is not None:
            value[field] = getattr(rules, field)
    if rules.kappa_permille:
        value["kappa_permille"] = rules.kappa_permille
    if rules.match_bands:
        bands = ({"minute": minute, "ticks": ticks} for minute, ticks in rules.match_bands)
        value["match_bands"] = list(bands)
    if rules.keys:
        keys = sorted(rules.keys, key=lambda key: (key.ask or "", key.bid))
        value["keys"] = [without_none(bid=key.bid, ppm=key.ppm, ask=key.ask) for key in keys]
    return value


def market_to_json(market: Market) -> dict[str, Any]:
    """Return the market as JSON with orders, feeders and agreements sorted: the form hashed."""
    return {
        "period": market.period,
        "feeders": [_feeder_to_json(f) for f in sorted(market.feeders, key=lambda each: each.id)],
        "asks": _orders_to_json(market.asks),
        "bids": _orders_to_json(market.bids),
        "agreements": [
            agreement_to_json(agreement)
            for agreement in sorted(market.agreements, key=lambda each: each.id)
        ],
        "rules": rules_to_json(market.rules),
    }


def agreement_to_json(agreement: Agreement) -> dict[str, Any]:
    """Return an agreement as JSON, leaving out what is absent."""
    return without_none(**{name: getattr(agreement, name) for name in Agreement.__slots__})


def encode_market(market: Market) -> bytes:
    """Return the canonical bytes of `market_to_json`, which a clearing hashes.

    Written out, in a third of the time; a test compares the two.
    """
    asks, bids = (
        ",".join(
            f'{{"feeder":{_quoted(feeder)},"id":{_quoted(order)},"limit_ticks":{limit},"wh":{wh}}}'
            for order, feeder, wh, limit in _rows(side)
        )
        for side in (market.asks, market.bids)
    )
    rest = market_to_json(replace(market, asks=Orders(), bids=Orders()))
    agreements, feeders, rules = (
        encode_trusted(rest[name]).decode() for name in ("agreements", "feeders", "rules")
    )
    return (
        f'{{"agreements":{agreements},"asks":[{asks}],"bids":[{bids}],"feeders":{feeders},'
        f'"period":{market.period},"rules":{rules}}}'
    ).encode()


def _feeder_to_json(feeder: Feeder) -> dict[str, Any]:
    value = without_none(id=feeder.id, parent=feeder.parent, capacity_wh=feeder.capacity_wh)
    if feeder.charge_ticks:
        value["charge_ticks"] = feeder.charge_ticks
    for name in ("import_ppm", "export_ppm"):
        if getattr(feeder, name) != PPM:
            value[name] = getattr(feeder, name)
    return value


def _orders_to_json(orders: Orders) -> list[dict[str, Any]]:
    return [
        {"id": order, "feeder": feeder, "wh": wh, "limit_ticks": limit}
        for order, feeder, wh, limit in _rows(orders)
    ]


def _rows(orders: Orders) -> list[tuple[str, str, int, int]]:
    """Return orders by id; an id stands once."""
    return sorted(zip(orders.ids, orders.feeders, orders.wh, orders.limit_ticks, strict=True))


def without_none(**fields: Any) -> dict[str, Any]:
    """Return the fields that are there."""
    return {name: value for name, value in fields.items() if value is not None}


def check_shape(check: shape.Check, value: Any, path: str) -> None:
    """Refuse a value that is not of a shape.

    Raises:
        MarketInputError: names the field.
    """
    try:
        check(value, path)
    except MarketInputError:
        raise
    except InputError as error:
        raise MarketInputError(str(error)) from error


def parse(data: bytes) -> Any:
    """Parse JSON, refusing duplicate keys and leaving out nulls."""
    if len(data) > MARKET_BYTES_MAX:
        raise MarketInputError(f"the file has more than {MARKET_BYTES_MAX:,} bytes")
    try:
        return json.loads(data.decode(), object_pairs_hook=_object)
    except MarketInputError:
        raise
    except RecursionError as error:
        raise MarketInputError("not JSON that anybody needs: nested too deep") from error
    except UnicodeDecodeError as error:
        raise MarketInputError(f"not JSON: not UTF-8 text at byte {error.start}") from error
    except ValueError as error:
        where = "a number is too long"
        if isinstance(error, json.JSONDecodeError):
            where = f"{error.msg}, line {error.lineno} column {error.colno}"
        if data.startswith(b"\xef\xbb\xbf"):
            where = "it begins with a byte order mark; save it as UTF-8 without one"
        raise MarketInputError(f"not JSON: {where}") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for key, entry in pairs:
        if key in value:
            raise MarketInputError(f"the key {key!r} stands twice in one object")
        value[key] = entry
    return {key: entry for key, entry in value.items() if entry is not None}
