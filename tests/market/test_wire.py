"""Markets and results as JSON: the worked example, what is refused, and mutated bytes."""

import copy
import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.primitives.canonical import encode
from market.certificate import verify
from market.clearing import clear
from market.errors import CertificateError, MarketInputError
from market.model import PriceRule
from market.result_wire import encode_result, read_result, result_bytes, result_to_json
from market.wire import (
    encode_market,
    market_from_json,
    market_to_json,
    read_market,
    rules_from_json,
    rules_to_json,
)
from tests.market.books import markets, seeded_market

EXAMPLE: dict[str, Any] = {
    "period": 946000,
    "feeders": [{"id": "a", "parent": None, "capacity_wh": None, "charge_ticks": 0}],
    "asks": [{"id": "m1", "feeder": "a", "wh": 600, "limit_ticks": 500}],
    "bids": [{"id": "m2", "feeder": "a", "wh": 600, "limit_ticks": 2450}],
    "agreements": [],
    "rules": {"price": "uniform", "sharing": "pro-rata"},
}


def as_bytes(value: Any) -> bytes:
    return json.dumps(value).encode()


def read(value: Any) -> Any:
    return read_market(as_bytes(value))


def example(**fields: Any) -> dict[str, Any]:
    return {**copy.deepcopy(EXAMPLE), **fields}


def with_rules(**rules: Any) -> dict[str, Any]:
    return example(rules=rules)


# The worked example.


def test_the_example():
    market = read(EXAMPLE)
    result = clear(market)
    verify(market, result)
    assert result_to_json(result) == {
        "period": 946000,
        "orders": [
            {"id": "m1", "side": "ask", "wh": 600, "price_ticks": 1475},
            {"id": "m2", "side": "bid", "wh": 600, "price_ticks": 1475},
        ],
        "prices": [{"feeder": "a", "price_ticks": 1475, "low_ticks": 500, "high_ticks": 2450}],
        "flows": [],
        "matched_wh": 600,
        "welfare_units": 1_170_000,
        "charge_units": 0,
        "rent_units": 0,
        "certificate": {"potentials": [{"feeder": "a", "potential": 1000}]},
    }


def test_the_example_with_more_supply_than_demand():
    value = example()
    value["asks"][0]["wh"] = 800
    result = clear(read(value))
    assert result_to_json(result)["prices"] == [
        {"feeder": "a", "price_ticks": 500, "low_ticks": 500, "high_ticks": 500}
    ]
    assert result.matched_wh == 600


def test_nulls_and_what_may_be_left_out():
    shortest = example(feeders=[{"id": "a"}], rules={"price": "uniform"})
    del shortest["agreements"]
    nulls = example(agreements=None)
    nulls["rules"] |= {"import_ticks": None, "export_ticks": None, "k_permille": None}
    assert read(shortest) == read(nulls) == read(EXAMPLE)


def test_keys_in_any_order_and_spaces_change_nothing():
    backwards = dict(reversed(EXAMPLE.items()))
    assert read_market(json.dumps(backwards, indent=4).encode() + b"\n") == read(EXAMPLE)


# What is refused.


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([], "market: must be an object, not a list"),
        (None, "market: must be an object, not null"),
        (example(surprise=1), "market: unknown field 'surprise'"),
        (example(period=-1), "market.period: -1 is not between 0 and 4000000"),
        (example(period=1.0), "market.period: must be a whole number, not a number with a fracti"),
        (example(period=True), "market.period: must be a whole number, not true or false"),
        (example(period="946000"), "market.period: must be a whole number, not a text"),
        (example(period=None), "market: the field 'period' is missing"),
        (example(asks={}), "market.asks: must be a list, not an object"),
        (example(asks=[None]), r"market.asks\[0\]: must be an object, not null"),
        (example(rules="uniform"), "market.rules: must be an object, not a text"),
        (example(feeders=[]), "feeders: a market has at least one feeder"),
        (example(feeders=[{"id": "a"}, {"id": "b"}]), "one feeder has no parent, the root; here 2"),
        (
            example(feeders=[{"id": "a", "parent": "b"}]),
            "one feeder has no parent, the root; here 0",
        ),
        (
            example(feeders=[{"id": "a"}, {"id": "b", "parent": "x"}]),
            "'b' names the parent 'x', which is not there",
        ),
        (
            example(feeders=[{"id": "a"}, {"id": "b", "parent": "c"}, {"id": "c", "parent": "b"}]),
            "'b' lies above itself",
        ),
        (example(feeders=[{"id": "a", "capacity_wh": 9}]), "feeders: 'a' is the root; capacity_wh"),
        (
            example(feeders=[{"id": "a", "charge_ticks": 1}]),
            "feeders: 'a' is the root; capacity_wh",
        ),
        (
            example(feeders=[{"id": "a", "charge_ticks": -1}]),
            r"market.feeders\[0\].charge_ticks: -1 is not between 0 and 1000000",
        ),
        (example(agreements=[{}]), r"market.agreements\[0\]: the field 'id' is missing"),
        (with_rules(), "market.rules: the field 'price' is missing"),
        (with_rules(price="auction"), "'auction' is not one of: mid-market, uniform, supply"),
        (
            with_rules(price="uniform", sharing="keys"),
            "keys and the sharing rule 'keys' go together",
        ),
        (
            with_rules(price="uniform", k_permille=1001),
            "k_permille: 1001 is not between 0 and 1000",
        ),
        (
            with_rules(price="uniform", charge_ticks=1),
            (
                "rules: charge_ticks goes with a set price such as 'mid-market'; under 'uniform' "
                "put the charge on the feeder's edge"
            ),
        ),
        (
            with_rules(price="mid-market"),
            "rules: the price rule 'mid-market' needs import_ticks",
        ),
        (
            with_rules(price="mid-market", import_ticks=2450),
            "rules: the price rule 'mid-market' needs export_ticks",
        ),
        (
            with_rules(price="mid-market", import_ticks=2450, export_ticks=2400, charge_ticks=51),
            (
                r"rules: export_ticks 2400 is above import_ticks less charge_ticks \(2399\): "
                "neighbours would lose by trading"
            ),
        ),
    ],
)
def test_a_wrong_market_is_refused_with_its_field(value, words):
    with pytest.raises(MarketInputError, match=words):
        clear(read(value))


@pytest.mark.parametrize(
    ("field", "leaf", "words"),
    [
        ("id", "", r"market.asks\[0\].id: must have 1 to 64 characters, has 0"),
        ("id", "m" * 65, r"market.asks\[0\].id: must have 1 to 64 characters, has 65"),
        ("id", "m\n1", r"market.asks\[0\].id: 'm\\n1' is not of the form"),
        ("id", 7, r"market.asks\[0\].id: must be a text, not a number"),
        ("feeder", "b", "asks: order 'm1' is on unknown feeder 'b'"),
        ("wh", -1, r"market.asks\[0\].wh: -1 is not between 0 and 1000000000"),
        ("wh", 10**9 + 1, r"market.asks\[0\].wh: 1000000001 is not between"),
        ("wh", 600.0, r"market.asks\[0\].wh: must be a whole number"),
        ("wh", False, r"market.asks\[0\].wh: must be a whole number, not true or false"),
        ("wh", None, r"market.asks\[0\]: the field 'wh' is missing"),
        ("limit_ticks", 10**6 + 1, r"market.asks\[0\].limit_ticks: 1000001 is not between"),
        ("limit_ticks", [500], r"market.asks\[0\].limit_ticks: must be a whole number, not a list"),
        ("member", "m1", r"market.asks\[0\]: unknown field 'member'"),
    ],
)
def test_a_wrong_order_is_refused_with_its_field(field, leaf, words):
    value = example()
    value["asks"][0][field] = leaf
    with pytest.raises(MarketInputError, match=words):
        clear(read(value))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe{}", "not JSON"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b'{"period": 1, "period": 2}', "the key 'period' stands twice in one object"),
        (b'{"period": null, "period": 2}', "the key 'period' stands twice in one object"),
        (as_bytes(EXAMPLE).replace(b'"wh": 600', b'"wh": 600, "wh": 600', 1), "'wh' stands twice"),
        (as_bytes(EXAMPLE).replace(b": 600", b": 6e2", 1), "must be a whole number"),
        (as_bytes(EXAMPLE).replace(b": 600", b": NaN", 1), "must be a whole number"),
        (as_bytes(EXAMPLE).replace(b": 600", b": " + b"9" * 5000, 1), "not JSON"),
        (as_bytes(EXAMPLE) + b"{}", "not JSON"),
        (b"[" * 100_000, "not JSON"),
    ],
)
def test_wrong_bytes_are_refused(data, words):
    with pytest.raises(MarketInputError, match=words):
        read_market(data)


@pytest.mark.parametrize("name", ["\ud800", "m\x85", "e\u0301"], ids=["surrogate", "C1", "NFD"])
def test_an_id_that_no_result_could_hold_is_refused_when_it_is_read(name):
    """Canonical JSON takes neither control characters nor text outside normal form C."""
    value = example()
    value["asks"][0]["id"] = name
    with pytest.raises(MarketInputError, match=r"market.asks\[0\].id"):
        read(value)


# Round trips.


@settings(max_examples=100)
@given(markets())
def test_markets_and_results_round_trip(market):
    again = market_from_json(json.loads(json.dumps(market_to_json(market))))
    assert market_to_json(again) == market_to_json(market)
    assert rules_from_json(rules_to_json(market.rules)) == market.rules
    result = clear(market)
    data = result_bytes(result)
    assert result_bytes(read_result(data)) == data
    assert result_bytes(clear(again)) == data
    assert encode_market(market) == encode(market_to_json(market))
    assert encode_result(result) == data


def test_ids_with_quotes_are_written_out_as_canonical_json():
    value = example()
    value["feeders"][0]["id"] = 'a "b" \\ é'
    for order in (*value["asks"], *value["bids"]):
        order["feeder"] = value["feeders"][0]["id"]
        order["id"] += ' "ü" \\n'
    market = read(value)
    assert encode_market(market) == encode(market_to_json(market))
    assert encode_result(clear(market)) == result_bytes(clear(market))


def test_a_market_is_hashed_with_its_orders_in_order_of_id():
    one, other = example(), example()
    one["asks"].insert(0, {"id": "z", "feeder": "a", "wh": 1, "limit_ticks": 1})
    other["asks"].append({"id": "z", "feeder": "a", "wh": 1, "limit_ticks": 1})
    assert market_to_json(read(one)) == market_to_json(read(other))


@pytest.mark.parametrize(
    ("field", "leaf", "words"),
    [
        ("surprise", 1, "result: unknown field 'surprise'"),
        ("flows", [{}], r"result.flows\[0\]: the field 'feeder' is missing"),
        ("matched_wh", 600.0, "result.matched_wh: must be a whole number"),
        ("certificate", {"proof": 1}, "result.certificate: unknown field 'proof'"),
        ("certificate", None, "result: the field 'certificate' is missing"),
        ("orders", [{"id": "m1", "side": "both", "wh": 1}], "side: 'both' is not one of: ask, bid"),
    ],
)
def test_a_wrong_result_is_refused_with_its_field(field, leaf, words):
    value = result_to_json(clear(read(EXAMPLE)))
    value[field] = leaf
    with pytest.raises(MarketInputError, match=words):
        read_result(as_bytes(value))


# Mutated bytes.

PIECES = [b"null", b"true", b"-1", b"1e9", b'""', b"{}", b"[]", b",", b'"', b"\\u0000", b"\xff"]
PIECES += [b"\\ud800", b"99999999999999999999", b'"wh":1', b"[[[["]


@st.composite
def mutated(draw: st.DrawFn, data: bytes) -> bytes:
    """Cut, double, overwrite or insert a few pieces of valid bytes."""
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(len(data), start + 12)))
        piece = draw(st.one_of(st.sampled_from(PIECES), st.binary(max_size=3)))
        data = data[:start] + draw(st.sampled_from([b"", piece, 2 * data[start:end]])) + data[end:]
    return data


def market_bytes(seed: int) -> bytes:
    return as_bytes(market_to_json(seeded_market(random.Random(seed), orders_max=3)))


@settings(max_examples=600)
@given(st.data(), st.integers(0, 20))
def test_mutated_markets_raise_only_our_error(data, seed):
    try:
        market = read_market(data.draw(mutated(market_bytes(seed))))
        result = clear(market)
    except MarketInputError:
        return
    assert result_bytes(read_result(result_bytes(result))) == result_bytes(result)


@settings(max_examples=600)
@given(st.data())
def test_mutated_results_raise_only_our_errors(data):
    market = read(EXAMPLE)
    true = clear(market)
    try:
        result = read_result(data.draw(mutated(result_bytes(true))))
        verify(market, result)
    except (MarketInputError, CertificateError):
        return
    assert result_bytes(result) == result_bytes(true)


@settings(max_examples=200)
@given(st.binary(max_size=60))
def test_random_bytes_raise_only_our_error(data):
    for reader in (read_market, read_result):
        with pytest.raises(MarketInputError):
            reader(data)


def test_every_price_rule_is_read_or_refused_by_name():
    for rule in PriceRule:
        value = {"price": rule.value, "import_ticks": 9, "export_ticks": 1}
        assert rules_from_json(value).price is rule
