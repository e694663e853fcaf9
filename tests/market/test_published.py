"""Price and sharing rules against what their authors published: formulas, figures, worked examples."""

from dataclasses import replace
from fractions import Fraction
from math import floor

import pytest

from market.certificate import verify
from market.clearing import clear
from market.model import Agreement, Key, Market, Order, Orders, PriceRule, Rules, SharingRule
from market.rules import set_price_ticks
from tests.market.books import PERIOD, market_of

BUY, SELL = 2450, 410
"""Retail price and feed-in price of the seventeen real homes, in ticks."""


def wh_of(result, side="bids"):
    trades = getattr(result, side)
    return dict(zip(trades.ids, trades.wh, strict=True))


# Mid-market rate: Long, Wu, Zhang, Thomas, Cheng and Jenkins, "Peer-to-peer energy trading in a
# community microgrid", IEEE PES General Meeting 2017: the middle of the retail prices where
# generation equals demand; what is left over is traded with the grid at the retail prices.


def test_mid_market_rate_is_the_middle_of_the_retail_prices():
    rules = Rules(PriceRule.MID_MARKET, import_ticks=BUY, export_ticks=SELL)
    assert set_price_ticks(rules) == (BUY + SELL) // 2 == 1430


@pytest.mark.parametrize(("supply", "demand"), [(600, 600), (900, 600), (600, 900)])
def test_what_the_mid_market_leaves_over_is_the_grids(supply, demand):
    rules = Rules(PriceRule.MID_MARKET, import_ticks=BUY, export_ticks=SELL)
    market = market_of([(supply, SELL)], [(demand // 2, BUY), (demand - demand // 2, BUY)], rules)
    result = clear(market)
    assert result.matched_wh == min(supply, demand)
    assert {price.price_ticks for price in result.prices} == {1430}


# Supply-demand ratio: Liu, Yu, Wang, Li, Ma and Lei, "Energy-sharing model with price-based demand
# response for microgrids of peer-to-peer prosumers", IEEE Transactions on Power Systems 32 (2017):
# Pr = buy * sell / ((buy - sell) * SDR + sell) up to SDR = 1, and sell beyond.


def liu(ratio, buy=BUY, sell=SELL):
    if ratio >= 1:
        return sell
    return floor(Fraction(buy * sell) / ((buy - sell) * ratio + sell))


@pytest.mark.parametrize("percent", [0, 1, 10, 25, 50, 75, 99, 100, 150, 1000])
def test_the_ratio_price_is_lius(percent):
    rules = Rules(PriceRule.SUPPLY_DEMAND_RATIO, import_ticks=BUY, export_ticks=SELL)
    assert set_price_ticks(rules, 100 * percent, 10_000) == liu(Fraction(percent, 100))


def test_the_ratio_price_goes_from_the_retail_price_to_the_feed_in_price():
    rules = Rules(PriceRule.SUPPLY_DEMAND_RATIO, import_ticks=BUY, export_ticks=SELL)
    prices = [set_price_ticks(rules, supply, 1_000) for supply in range(0, 1_200, 10)]
    assert prices == sorted(prices, reverse=True)
    assert (prices[0], prices[100], prices[-1]) == (BUY, SELL, SELL)


@pytest.mark.parametrize("kappa", [0, 250, 500, 1000])
def test_compensation_lifts_the_floor_by_a_part_of_the_gain(kappa):
    plain = Rules(PriceRule.SUPPLY_DEMAND_RATIO, import_ticks=BUY, export_ticks=SELL)
    rules = replace(plain, kappa_permille=kappa)
    lifted = SELL + Fraction(kappa * (BUY - SELL), 1000)
    assert set_price_ticks(rules, 2_000, 1_000) == floor(lifted)
    expected = Fraction(BUY) * lifted / ((BUY - lifted) * Fraction(1, 2) + lifted)
    assert set_price_ticks(rules, 500, 1_000) == floor(expected)


# Energy Local: everybody the same until satisfied, at a match price by time of day. Its published
# club tariff: 18p matched, against 30p from the supplier and 10p to the grid.


def test_a_club_shares_equally_until_satisfied_at_its_match_price():
    rules = Rules(PriceRule.FIXED, SharingRule.EQUAL_SHARE, match_ticks=1800)
    market = market_of([(1_000, 1_000)], [(100, 3_000), (300, 3_000), (900, 3_000)], rules)
    result = clear(market)
    verify(market, result)
    assert wh_of(result) == {"b1": 100, "b2": 300, "b3": 600}
    market = market_of([(600, 1_000)], [(100, 3_000), (300, 3_000), (900, 3_000)], rules)
    assert wh_of(clear(market)) == {"b1": 100, "b2": 250, "b3": 250}
    assert {price.price_ticks for price in result.prices} == {1800}


# The French keys. With fixed coefficients what a consumer leaves unused goes back to the grid and to
# nobody else; by default shares are pro rata of consumption; in the full dynamic regime there is a
# coefficient for each pair of producer and consumer. (Enedis's four keys, as described by enogrid.com
# and, for Wallonia, by macer.clustertweed.be.)

KWH = 1_000


def shared(keys=(), *, asks=((10 * KWH, 0),), bids=((6 * KWH, 1), (2 * KWH, 1), (4 * KWH, 1))):
    sharing = SharingRule.KEYS if keys else SharingRule.PRO_RATA
    market = market_of(asks, bids, Rules(PriceRule.FIXED, sharing, match_ticks=1, keys=keys))
    result = clear(market)
    verify(market, result)
    return wh_of(result), wh_of(result, "asks")


def test_fixed_coefficients_leave_their_surplus_to_the_grid():
    keys = (Key("b1", 500_000), Key("b2", 300_000), Key("b3", 200_000))
    bought, sold = shared(keys)
    # Parts of 5, 3 and 2 kWh: the second uses 2 of its 3, and the rest is nobody's.
    assert bought == {"b1": 5 * KWH, "b2": 2 * KWH, "b3": 2 * KWH}
    assert sold == {"s1": 9 * KWH}


def test_by_default_shares_are_pro_rata_of_consumption():
    bought, _ = shared()
    assert bought == {"b1": 5 * KWH, "b2": 1_667, "b3": 3_333}


def test_coefficients_to_each_producer():
    keys = (Key("b1", 1_000_000, "s1"), Key("b2", 500_000, "s2"), Key("b3", 500_000, "s2"))
    bought, sold = shared(keys, asks=((4 * KWH, 0), (6 * KWH, 0)))
    assert bought == {"b1": 4 * KWH, "b2": 2 * KWH, "b3": 3 * KWH}
    assert sold == {"s1": 4 * KWH, "s2": 5 * KWH}


def test_one_before_the_other():
    """The worked example of doc.plein-soleil.org: A exports 1 kWh, B uses 0.4 and is first, C 0.8."""
    market = Market(
        PERIOD,
        market_of([], []).feeders,
        Orders.of([Order("A", "a", 1_000, 0)]),
        Orders.of([Order("B", "a", 400, 2_000), Order("C", "a", 800, 2_000)]),
        Rules(PriceRule.FIXED, match_ticks=1_000),
        (Agreement("first", 1, "A", "B", 900), Agreement("then", 2, "A", "C", 900)),
    )
    result = clear(market)
    verify(market, result)
    assert wh_of(result) == {"B": 400, "C": 600}
