"""What every result must satisfy, against an oracle that tries everything."""

import hashlib
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.primitives.energy import WH_MAX
from ledger.primitives.money import PRICE_TICKS_MAX
from ledger.primitives.periods import PERIOD_MAX
from market.certificate import verify
from market.clearing import clear
from market.errors import MarketInputError
from market.model import (
    MARKET_WH_MAX,
    Feeder,
    FeederPrice,
    Market,
    Order,
    Orders,
    PriceRule,
    Result,
    Rules,
    Side,
)
from market.result_wire import read_result, result_bytes
from tests.market.books import MID_MARKET, UNIFORM, market_of, markets, rows, set_price_rules

LARGE = {"wh_max": 10**8, "ticks_max": PRICE_TICKS_MAX, "orders_max": 10}


# The oracle: it knows nothing of programmes, potentials and cuts.


def dumb_volume(market: Market) -> tuple[int, int]:
    """Try every volume: the largest among those of greatest welfare, and that welfare."""
    costs = sorted(order.limit_ticks for order in market.asks for _ in range(order.wh))
    values = sorted(order.limit_ticks for order in market.bids for _ in range(order.wh))[::-1]
    tried = [
        (sum(values[:volume]) - sum(costs[:volume]), volume)
        for volume in range(min(len(costs), len(values)) + 1)
    ]
    welfare, volume = max(tried)
    return volume, welfare


def merit_order_volume(market: Market) -> int:
    """Walk both merit orders, dearest bid against cheapest ask, while neither side loses."""
    asks = sorted((order.limit_ticks, order.wh) for order in market.asks)
    bids = sorted(((order.limit_ticks, order.wh) for order in market.bids), reverse=True)
    volume = 0
    while asks and bids and bids[0][0] >= asks[0][0]:
        step = min(asks[0][1], bids[0][1])
        volume += step
        asks[0], bids[0] = (asks[0][0], asks[0][1] - step), (bids[0][0], bids[0][1] - step)
        asks, bids = asks[not asks[0][1] :], bids[not bids[0][1] :]
    return volume


def dumb_share(period: int, total: int, orders: list[Order]) -> dict[str, int]:
    """Pro rata in exact fractions; largest remainder first, then the hash of period and id."""
    whole = sum(order.wh for order in orders)
    exact = {order.id: Fraction(total * order.wh, whole) for order in orders if order.wh}
    shares = {order_id: int(share) for order_id, share in exact.items()}

    def rank(order_id: str) -> tuple[Fraction, bytes]:
        key = hashlib.sha256(f'[{period},"{order_id}"]'.encode()).digest()
        return shares[order_id] - exact[order_id], key

    for order_id in sorted(exact, key=rank)[: total - sum(shares.values())]:
        shares[order_id] += 1
    return shares


def dumb_fills(period: int, volume: int, orders: list[Order], *, rising: bool) -> dict[str, int]:
    """Fill whole price levels in order of merit; the orders of a level share it."""
    fills = {order.id: 0 for order in orders}
    for limit in sorted({order.limit_ticks for order in orders if order.wh}, reverse=not rising):
        level = [order for order in orders if order.limit_ticks == limit]
        taken = min(volume, sum(order.wh for order in level))
        volume -= taken
        fills |= dumb_share(period, taken, level)
    return fills


def supporting_prices(market: Market, fills: dict[tuple[Side, str], int]) -> list[int]:
    """Try every price at which no order would rather have had another quantity."""
    limits = [order.limit_ticks for order in (*market.asks, *market.bids)]
    return [
        price
        for price in range(min(limits) - 1, max(limits) + 2)
        if all(
            gain == 0 or fills[side, order.id] == (order.wh if gain > 0 else 0)
            for side, orders, sign in ((Side.ASK, market.asks, 1), (Side.BID, market.bids, -1))
            for order in orders
            for gain in [sign * (price - order.limit_ticks)]
        )
    ]


def fills_of(result: Result) -> dict[tuple[Side, str], int]:
    return {(outcome.side, outcome.id): outcome.wh for outcome in rows(result)}


# Properties.


@settings(max_examples=400)
@given(markets(rules=st.just(UNIFORM)))
def test_uniform_gives_what_the_oracle_gives(market):
    result = clear(market)
    volume, welfare = dumb_volume(market)
    assert (result.matched_wh, result.welfare_units) == (volume, welfare)
    sold = dumb_fills(market.period, volume, list(market.asks), rising=True)
    bought = dumb_fills(market.period, volume, list(market.bids), rising=False)
    fills = fills_of(result)
    assert fills == {(Side.ASK, name): wh for name, wh in sold.items()} | {
        (Side.BID, name): wh for name, wh in bought.items()
    }
    if not volume:
        assert result.prices == ()
        return
    prices = supporting_prices(market, fills)
    low, high = prices[0], prices[-1]
    assert prices == list(range(low, high + 1))
    assert result.prices == (FeederPrice("a", (low + high) // 2, low, high),)


@settings(max_examples=300)
@given(markets(rules=set_price_rules(9)))
def test_mid_market_trades_all_that_is_eligible(market):
    rules = market.rules
    least, most = rules.export_ticks, rules.import_ticks - rules.charge_ticks
    price = int(least + Fraction(rules.k_permille, 1000) * (most - least) // 1)
    asks = [order for order in market.asks if order.limit_ticks <= price]
    bids = [order for order in market.bids if order.limit_ticks >= price + rules.charge_ticks]
    volume = min(sum(order.wh for order in asks), sum(order.wh for order in bids))

    result = clear(market)
    assert result.matched_wh == volume
    fills = fills_of(result)
    for side, everybody, eligible in ((Side.ASK, market.asks, asks), (Side.BID, market.bids, bids)):
        shares = dumb_share(market.period, volume, eligible) if volume else {}
        for order in everybody:
            assert fills[side, order.id] == shares.get(order.id, 0)
    assert result.prices == ((FeederPrice("a", price, price, price),) if volume else ())
    limits = {(Side.ASK, order.id): -order.limit_ticks for order in market.asks}
    limits |= {(Side.BID, order.id): order.limit_ticks for order in market.bids}
    assert result.welfare_units == sum(wh * limits[key] for key, wh in fills.items())


@settings(max_examples=300)
@given(markets(rules=st.just(UNIFORM), **LARGE))
def test_large_numbers_follow_the_merit_order(market):
    assert clear(market).matched_wh == merit_order_volume(market)


@settings(max_examples=400)
@given(st.one_of(markets(), markets(**LARGE)))
def test_energy_and_money_are_conserved_and_nobody_is_worse_than_their_limit(market):
    result = clear(market)
    verify(market, result)
    assert result_bytes(read_result(result_bytes(result))) == result_bytes(result)

    offered = {(Side.ASK, order.id): order for order in market.asks}
    offered |= {(Side.BID, order.id): order for order in market.bids}
    wh = dict.fromkeys(Side, 0)
    units = dict.fromkeys(Side, 0)
    assert len(rows(result)) == len(offered)
    for outcome in rows(result):
        order = offered[outcome.side, outcome.id]
        assert 0 <= outcome.wh <= order.wh
        assert (outcome.price_ticks is None) == (outcome.wh == 0)
        if outcome.price_ticks is None:
            continue
        if outcome.side is Side.ASK:
            assert outcome.price_ticks >= order.limit_ticks
        else:
            assert outcome.price_ticks <= order.limit_ticks
        wh[outcome.side] += outcome.wh
        units[outcome.side] += outcome.wh * outcome.price_ticks
    assert wh[Side.ASK] == wh[Side.BID] == result.matched_wh
    assert units[Side.BID] == units[Side.ASK] + market.rules.charge_ticks * result.matched_wh
    assert result.welfare_units >= 0


@settings(max_examples=200)
@given(markets(), st.randoms(use_true_random=False))
def test_the_order_of_inputs_changes_no_byte(market, random):
    before = result_bytes(clear(market))
    asks, bids = list(market.asks), list(market.bids)
    random.shuffle(asks)
    random.shuffle(bids)
    shuffled = replace(market, asks=Orders.of(asks), bids=Orders.of(bids))
    result = clear(shuffled)
    assert result_bytes(result) == before
    verify(market, result)


@settings(max_examples=400)
@given(markets(rules=st.just(UNIFORM)), st.integers(1, 12), st.integers(-9, 9))
def test_more_supply_never_raises_the_uniform_price(market, wh, limit):
    more = replace(market, asks=Orders.of([*market.asks, Order("new", "a", wh, limit)]))
    before, after = clear(market), clear(more)
    assert after.matched_wh >= before.matched_wh
    for one, other in zip(before.prices, after.prices, strict=False):
        assert other.low_ticks <= one.low_ticks
        assert other.high_ticks <= one.high_ticks
        assert other.price_ticks <= one.price_ticks


# Edges.


@pytest.mark.parametrize("rules", [UNIFORM, MID_MARKET], ids=["uniform", "mid-market"])
@pytest.mark.parametrize(
    ("asks", "bids"),
    [
        ([], []),
        ([(5, 400)], []),
        ([], [(5, 2500)]),
        ([(0, 400)], [(0, 2500)]),
        ([(0, 400)], [(5, 2500)]),
        ([(5, 400), (0, 1)], [(0, 2500)]),
    ],
)
def test_where_one_side_is_empty_nothing_trades(rules, asks, bids):
    market = market_of(asks, bids, rules)
    result = clear(market)
    verify(market, result)
    assert (result.matched_wh, result.welfare_units, result.prices) == (0, 0, ())
    assert all(outcome.price_ticks is None for outcome in rows(result))
    assert len(rows(result)) == len(asks) + len(bids)


def test_zero_wh_takes_part_in_nothing():
    without = clear(market_of([(4, 10)], [(4, 30)]))
    nothing = clear(market_of([(4, 10), (0, 20)], [(4, 30), (0, 25)]))
    assert nothing.prices == without.prices == (FeederPrice("a", 20, 10, 30),)
    assert nothing.matched_wh == 4


def test_equal_prices_trade_in_full_and_gain_nothing():
    result = clear(market_of([(7, 20), (2, 20)], [(9, 20)]))
    assert (result.matched_wh, result.welfare_units) == (9, 0)
    assert result.prices == (FeederPrice("a", 20, 20, 20),)


def test_supply_equal_to_demand_leaves_the_whole_gap_to_the_midpoint():
    result = clear(market_of([(3, 10), (4, 12)], [(5, 30), (2, 20)]))
    assert result.prices == (FeederPrice("a", 16, 12, 20),)
    assert result.matched_wh == 7


def test_one_member_on_both_sides_under_one_id():
    market = Market(
        1,
        (Feeder("a"),),
        Orders.of([Order("m1", "a", 5, 10)]),
        Orders.of([Order("m1", "a", 3, 30)]),
        UNIFORM,
    )
    result = clear(market)
    verify(market, result)
    assert [(o.side, o.id, o.wh) for o in rows(result)] == [
        (Side.ASK, "m1", 3),
        (Side.BID, "m1", 3),
    ]


def test_prices_below_zero():
    # Sellers would pay to be rid of it, and the dearest of them is not needed.
    result = clear(market_of([(10, -500), (10, -100)], [(10, 0), (2, -300)]))
    assert result.prices == (FeederPrice("a", -200, -300, -100),)
    assert (result.matched_wh, result.welfare_units) == (10, 5000)


def test_a_set_price_below_zero_is_floored():
    rules = Rules(PriceRule.MID_MARKET, import_ticks=0, export_ticks=-5)
    result = clear(market_of([(1, -5)], [(1, 0)], rules))
    assert result.prices == (FeederPrice("a", -3, -3, -3),)


def test_the_limits_of_the_range():
    top = PRICE_TICKS_MAX
    market = market_of([(WH_MAX, -top)], [(WH_MAX - 1, top), (1, top)], period=PERIOD_MAX)
    result = clear(market)
    verify(market, result)
    assert result.matched_wh == MARKET_WH_MAX
    assert result.prices == (FeederPrice("a", 0, -top, top),)
    assert result.welfare_units == 2 * top * WH_MAX
    assert result_bytes(read_result(result_bytes(result))) == result_bytes(result)


@pytest.mark.parametrize(
    ("market", "words"),
    [
        (market_of([(WH_MAX + 1, 0)], []), r"asks: order 's1': wh 1000000001"),
        (market_of([(-1, 0)], []), r"asks: order 's1': wh -1"),
        (market_of([], [(1, PRICE_TICKS_MAX + 1)]), r"bids: order 'b1': limit_ticks 1000001"),
        (market_of([], [(1, -PRICE_TICKS_MAX - 1)]), r"bids: order 'b1': limit_ticks -1000001"),
        (market_of([(WH_MAX, 0), (1, 0)], []), r"asks: 1,000,000,001 Wh in all"),
        (market_of([], [], period=-1), r"period: -1"),
        (market_of([], [], period=PERIOD_MAX + 1), r"period: 4000001"),
        (
            Market(1, (Feeder("a"),), Orders.of(2 * [Order("m1", "a", 1, 1)]), Orders(), UNIFORM),
            r"asks: the id 'm1' stands twice",
        ),
        (
            Market(1, (Feeder("a"),), Orders(), Orders.of([Order("m1", "b", 1, 1)]), UNIFORM),
            r"bids: order 'm1' is on unknown feeder 'b'",
        ),
    ],
)
def test_a_market_out_of_range_is_refused_with_the_order_and_field(market, words):
    with pytest.raises(MarketInputError, match=words):
        clear(market)
    with pytest.raises(MarketInputError, match=words):
        verify(market, clear(market_of([], [])))
