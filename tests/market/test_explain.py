"""Why this price, why this much: true for every order of any market, and in plain words."""

import random

import pytest

from market.clearing import clear
from market.errors import MarketInputError
from market.explain import Standing, explain
from market.explain_words import sentences
from market.model import Agreement, Key, Market, PriceRule, Rules, SharingRule, Side, summed
from tests.market.any_market import any_market
from tests.market.books import MID_MARKET, PERIOD, market_of

SELLS_TO_TWO = market_of([(5, 10)], [(4, 30), (4, 30)])


def told_of(market, side, order):
    return explain(market, clear(market), side, order)


@pytest.mark.parametrize("seed", range(6))
def test_every_order_of_any_market_is_explained_and_the_explanation_holds(seed):
    rng = random.Random(seed)
    seen = set()
    for _ in range(60):
        market = any_market(rng, orders_max=6)
        result = clear(market)
        for side, orders, trades in (
            (Side.ASK, market.asks, result.asks),
            (Side.BID, market.bids, result.bids),
        ):
            for order, wh in zip(orders, trades.wh, strict=True):
                told = explain(market, result, side, order.id)
                seen.add(told.standing)
                assert summed(told.fills)[0] == wh
                check_standing(told)
                check_words(market, told)
    assert seen == set(Standing)


def check_standing(told):
    if told.standing is Standing.WHOLE:
        assert 0 < told.market_wh == told.taking_part_wh
    elif told.standing is Standing.SHARED:
        assert told.tied.matched_wh < told.tied.wanted_wh
        assert told.market_wh <= told.taking_part_wh <= told.tied.wanted_wh
    else:
        assert told.market_wh == 0
    if told.market_wh and told.price_ticks is not None:
        assert told.fills[-1].price_ticks == told.price_ticks
    for other in told.others:
        assert other.wh != summed(told.fills)[0]


def check_words(market, told):
    text = "\n".join(sentences(told))
    assert "None" not in text
    everybody = {order.id for order in (*market.asks, *market.bids)}
    assert not any(name in text.split() for name in everybody)


def test_what_another_limit_would_have_brought_is_what_it_brings():
    told = told_of(SELLS_TO_TWO, Side.BID, "b2")
    [other] = told.others
    again = clear(market_of([(5, 10)], [(4, 30), (4, other.limit_ticks)]))
    assert (again.bids.wh[1], again.bids.prices[1]) == (other.wh, other.price_ticks) == (4, 30)


def test_who_is_outbid_reads_which_limit_ties_and_which_goes_first():
    told = told_of(market_of([(5, 10)], [(6, 30), (4, 20)]), Side.BID, "b2")
    assert told.standing is Standing.OUTBID
    assert [(other.limit_ticks, other.wh) for other in told.others] == [(30, 2), (31, 4)]
    assert "With a limit of 0.30p you would have got 0.002 kWh" in "\n".join(sentences(told))


WORDS = {
    "shared": (SELLS_TO_TWO, Side.BID, "b1", "2 buyers stood alike"),
    "alone at the margin": (
        market_of([(9, 10)], [(4, 30)]),
        Side.ASK,
        "s1",
        "Of 0.009 kWh that you offered you sold 0.004 kWh.",
    ),
    "whole": (market_of([(9, 10)], [(4, 30)]), Side.BID, "b1", "All of it was matched"),
    "outbid": (
        market_of([(4, 30)], [(4, 20)]),
        Side.ASK,
        "s1",
        "Nobody who was left could be reached and would pay your limit.",
    ),
    "stood out": (
        market_of([(4, 2000)], [(4, 2450)], MID_MARKET),
        Side.ASK,
        "s1",
        "The community's price is below your limit",
    ),
    "what a stander-out needs": (
        market_of([(4, 2000)], [(4, 2450)], MID_MARKET),
        Side.ASK,
        "s1",
        "With a limit of 14.30p you would have sold 0.004 kWh",
    ),
    "no part": (
        market_of(
            [(4, 400)],
            [(4, 2450)],
            Rules(
                PriceRule.FIXED,
                SharingRule.KEYS,
                match_ticks=1000,
                keys=(Key("another", 1_000_000),),
            ),
        ),
        Side.BID,
        "b1",
        "Your part of the supply came to nothing",
    ),
    "an interval": (
        market_of([(4, 10)], [(4, 30)]),
        Side.ASK,
        "s1",
        "Any price from 0.10p to 0.30p would have done; the rule takes the middle.",
    ),
    "capped": (
        market_of(
            [(1_000, 400)],
            [(1_000, 2450)],
            Rules(PriceRule.FIXED, SharingRule.KEYS, match_ticks=1000, keys=(Key("b1", 500_000),)),
        ),
        Side.BID,
        "b1",
        "Of it 0.500 kWh could be traded: your part of the supply.\nAll of that was matched",
    ),
    "alone below the only ask": (
        market_of([(4, 30)], [(4, 20)]),
        Side.BID,
        "b1",
        "With a limit of 0.30p you would have got 0.004 kWh, at 0.30p on average.",
    ),
    "a neighbour's own limit is not measured out": (
        market_of([(9, 10)], [(4, 30)]),
        Side.BID,
        "b1",
        "A limit of 0.10p on the sellers' side bounds the price.",
    ),
    "many at the margin": (
        market_of([(2, 10), (2, 10), (2, 10), (2, 10)], [(4, 30)]),
        Side.BID,
        "b1",
        "Sellers at 0.10p offered 0.008 kWh and sold 0.004 kWh: they set the price.",
    ),
    "nothing offered": (market_of([(0, 10)], [(4, 30)]), Side.ASK, "s1", "You offered 0.000 kWh"),
}


@pytest.mark.parametrize("case", WORDS)
def test_the_sentence_of_each_case(case):
    market, side, order, words = WORDS[case]
    assert words in "\n".join(sentences(told_of(market, side, order)))


def test_an_agreement_and_the_rest():
    market = Market(
        PERIOD,
        *(getattr(SELLS_TO_TWO, name) for name in ("feeders", "asks", "bids", "rules")),
        (Agreement("friends", 1, "s1", "b1", 5, cap_wh=2),),
    )
    told = told_of(market, Side.BID, "b1")
    text = sentences(told)
    assert text[1] == "By your agreement friends you bought 0.002 kWh at 0.05p."
    assert told.taking_part_wh == 2


def test_pay_as_bid_shows_every_price():
    market = market_of([(2, 10), (2, 20)], [(4, 30)], Rules(PriceRule.PAY_AS_BID))
    told = told_of(market, Side.BID, "b1")
    assert "You paid: 0.002 kWh at 0.20p, 0.002 kWh at 0.25p." in sentences(told)


def test_an_order_that_is_not_there():
    with pytest.raises(MarketInputError, match="bids: there is no order 'b9'"):
        told_of(SELLS_TO_TWO, Side.BID, "b9")
