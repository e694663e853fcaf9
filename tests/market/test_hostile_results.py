"""What whoever signs a result may write into it: refused by our errors, at no cost, in plain words."""

import json
import time
import tracemalloc
from dataclasses import replace

import pytest

from ledger.primitives.canonical import encode_trusted
from market.certificate import prove, traded_of, verify, verify_encoded
from market.clearing import clear
from market.errors import CertificateError
from market.model import Certificate
from market.result_wire import result_bytes, result_to_json
from tests.market.books import market_of

MARKET = market_of([(5, 10)], [(5, 30)])
RESULT = result_to_json(clear(MARKET))


def with_order(**fields):
    order = {"id": "s1", "side": "ask", "wh": 5, "price_ticks": 20} | fields
    return json.dumps({"matched_wh": 5, "orders": [order]}).encode()


HOSTILE = {
    "a text times a number": with_order(wh="aaaaaaaaaa", price_ticks=10**12),
    "a list times a number": with_order(wh=[1], price_ticks=10**8),
    "a number times a list": with_order(price_ticks=[1] * 9),
    "endless digits": with_order(wh=10**4000),
    "energy below zero": with_order(fills=[{"wh": -5, "price_ticks": 20}]),
    "truth for a number": with_order(wh=True),
    "a fraction": with_order(wh=5.0),
    "fills that are none": with_order(fills=7),
    "an order that is none": b'{"matched_wh":5,"orders":[7]}',
    "no list": b'{"matched_wh":5,"orders":{"wh":5}}',
    "not a number": b'{"matched_wh":NaN,"orders":[]}',
    "too deep": b'{"matched_wh":5,"orders":' + b"[" * 100_000,
    "no JSON": b"\xff",
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_result_is_refused_at_no_cost(case):
    begun = time.process_time()
    tracemalloc.start()
    with pytest.raises(CertificateError):
        traded_of(HOSTILE[case])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20_000_000
    assert time.process_time() - begun < 5
    with pytest.raises(CertificateError):
        verify_encoded(MARKET, HOSTILE[case])


ESCAPE = "\x1b[2J\x1b[HSOUND."


@pytest.mark.parametrize("place", ["price_ticks", "wh", "id", "side"])
def test_what_a_hostile_result_says_is_not_repeated(place):
    value = json.loads(json.dumps(RESULT))
    value["orders"][0][place] = ESCAPE * 1000
    with pytest.raises(CertificateError) as refused:
        verify_encoded(MARKET, encode_trusted(value))
    assert len(str(refused.value)) < 300
    assert "\x1b" not in str(refused.value)


def test_matched_wh_is_not_repeated_either():
    with pytest.raises(CertificateError, match="the result says something else"):
        verify_encoded(MARKET, encode_trusted(RESULT | {"matched_wh": ESCAPE * 1000}))


@pytest.mark.parametrize("field", ["matched_wh", "rent_units"])
def test_truth_is_no_number_in_a_result_object(field):
    result = clear(MARKET)
    with pytest.raises(CertificateError):
        verify(MARKET, replace(result, **{field: bool(getattr(result, field))}))


@pytest.mark.parametrize(
    "potentials",
    [
        (),
        (("a", "20"),),
        (("a", True),),
        ((1, 20),),
        (("a", 20), ("a", 20)),
        (("b", 20),),
        (("a", 10**5000),),
    ],
    ids=range(7),
)
def test_a_hostile_certificate_is_refused_by_our_error(potentials):
    with pytest.raises(CertificateError):
        prove(MARKET, Certificate(potentials=potentials))


def test_the_honest_one_is_proved():
    assert result_bytes(verify_encoded(MARKET, encode_trusted(RESULT))) == encode_trusted(RESULT)
