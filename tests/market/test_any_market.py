"""Properties of every result, whatever the feeders, agreements and rules are."""

import random

import pytest

from ledger.primitives.canonical import encode
from market.certificate import prove, verify, verify_encoded
from market.clearing import clear
from market.errors import CertificateError
from market.losses import at_boundary
from market.model import Certificate, Market, PriceRule, Result
from market.result_wire import encode_result, read_result, result_bytes
from market.rules import set_price_ticks
from market.tree import Tree
from market.wire import encode_market, market_to_json, read_market
from tests.market.any_market import any_market, shuffled

SEEDS = range(8)
EACH = 150


def markets(seed):
    rng = random.Random(seed)
    return ((rng, any_market(rng, losses=0.2)) for _ in range(EACH))


@pytest.mark.parametrize("seed", SEEDS)
def test_engine_and_certificate_make_the_same_bytes_whatever_the_order(seed):
    for rng, market in markets(seed):
        result = clear(market)
        data = result_bytes(result)
        verify(market, read_result(data))
        assert result_bytes(verify_encoded(market, data)) == data == encode_result(result)
        assert result_bytes(clear(shuffled(rng, market))) == data
        written = encode_market(market)
        assert written == encode(market_to_json(market)) == encode_market(shuffled(rng, market))
        assert result_bytes(clear(read_market(written))) == data


@pytest.mark.parametrize("seed", SEEDS)
def test_energy_and_money_are_conserved_and_limits_are_kept(seed):
    for _, market in markets(100 + seed):
        result = clear(market)
        assert sum(result.asks.wh) == sum(result.bids.wh) == result.matched_wh
        paid = check_side(market, result, "bids")
        got = check_side(market, result, "asks")
        assert paid - got == result.charge_units + result.rent_units
        assert result.charge_units >= 0
        assert result.rent_units >= 0
        check_network(market, result)
        there = at_boundary(market)
        limits = zip(result.bids.wh, there.bids.limit_ticks, strict=True)
        costs = zip(result.asks.wh, there.asks.limit_ticks, strict=True)
        welfare = sum(wh * t for wh, t in limits) - sum(wh * t for wh, t in costs)
        assert result.welfare_units == welfare


def check_side(market: Market, result: Result, name: str) -> int:
    """Check each order's fills against its limits, and return the money of the side."""
    market = at_boundary(market)
    orders = {order.id: order for order in getattr(market, name)}
    agreed = {agreement.id: agreement for agreement in market.agreements}
    units = 0
    wh_of = dict(zip(getattr(result, name).ids, getattr(result, name).wh, strict=True))
    assert wh_of.keys() == orders.keys()
    for order_id, fills in getattr(result, name).matched():
        order = orders[order_id]
        assert 0 < sum(fill.wh for fill in fills) == wh_of[order_id] <= order.wh
        for fill in fills:
            assert fill.wh > 0
            units += fill.wh * fill.price_ticks
            if name == "bids":
                assert fill.price_ticks <= order.limit_ticks
            elif fill.agreement is None:
                assert fill.price_ticks >= order.limit_ticks
            else:
                assert fill.price_ticks == agreed[fill.agreement].price_ticks
    return units


def check_network(market: Market, result: Result) -> None:
    """Check that flows balance every feeder, and that no edge carries more than it can."""
    tree = Tree.of(market.feeders)
    injections = [0] * len(tree)
    for orders, trades, sign in ((market.asks, result.asks, 1), (market.bids, result.bids, -1)):
        for order, wh in zip(orders, trades.wh, strict=True):
            injections[tree.index[order.feeder]] += sign * wh
    flows = {flow.feeder: flow for flow in result.flows}
    assert flows.keys() == set(tree.ids[1:])
    for node, net in enumerate(tree.outflows(injections)):
        if not node:
            assert net == 0
            continue
        flow, capacity_wh = flows[tree.ids[node]], tree.capacities[node]
        assert (flow.out_wh, flow.in_wh) == (max(net, 0), max(-net, 0))
        assert capacity_wh is None or abs(net) <= capacity_wh
        assert flow.full == (capacity_wh is not None and abs(net) == capacity_wh)


@pytest.mark.parametrize("seed", SEEDS[:4])
def test_a_set_price_is_one_price_between_the_tariffs(seed):
    for _, market in markets(200 + seed):
        if not market.rules.price.is_set:
            continue
        there = at_boundary(market)
        supply, demand = sum(there.asks.wh), sum(there.bids.wh)
        price = set_price_ticks(market.rules, supply, demand)
        for shown in clear(market).prices:
            assert (shown.price_ticks, shown.low_ticks, shown.high_ticks) == 3 * (price,)
        if market.rules.price is not PriceRule.FIXED:
            most = market.rules.import_ticks - market.rules.charge_ticks
            assert market.rules.export_ticks <= price <= most


@pytest.mark.parametrize("seed", SEEDS[:4])
def test_no_other_certificate_proves_anything(seed):
    for rng, market in markets(300 + seed):
        true = clear(market).certificate
        for other in other_certificates(rng, market, true):
            if other != true:
                with pytest.raises(CertificateError):
                    prove(market, other)


def other_certificates(rng, market, true):
    feeders = [feeder.id for feeder in market.feeders]
    for place, (feeder, potential) in enumerate(true.potentials):
        for step in (-2, -1, 1, 2, rng.randint(-60, 60)):
            changed = list(true.potentials)
            changed[place] = (feeder, potential + step)
            yield Certificate(potentials=tuple(changed))
    for _ in range(3):
        yield Certificate(cut=tuple(sorted(rng.sample(feeders, rng.randint(0, len(feeders))))))
        yield Certificate(potentials=tuple((f, rng.randint(-10, 40)) for f in sorted(feeders)))
    yield Certificate(potentials=true.potentials[::-1], cut=true.cut[::-1])
    yield Certificate(potentials=true.potentials * 2, cut=true.cut * 2)
    yield Certificate(potentials=true.potentials[1:], cut=(*true.cut, "elsewhere"))
