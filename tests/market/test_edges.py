"""The edges of what a market may be, each with the words that a member reads.

Written down whole, since people read them; `sentences` makes them from the result.
"""

import pytest

from market.certificate import verify
from market.clearing import clear
from market.explain import explain
from market.explain_words import sentences
from market.model import Feeder, Market, Order, Orders, Side
from tests.market.books import MID_MARKET, UNIFORM, market_of, orders


def tree(capacity_wh, charge=0):
    """A sunny hill above a town, and the edge between the two."""
    feeders = (Feeder("town"), Feeder("hill", "town", capacity_wh, charge))
    asks, bids = orders("s", [(500, 400)], "hill"), orders("b", [(300, 2450)], "town")
    return Market(946_000, feeders, asks, bids, UNIFORM)


def alone():
    """One member on both sides, under one id."""
    asks = Orders.of([Order("m", "a", 100, 400)])
    return Market(946_000, (Feeder("a"),), asks, Orders.of([Order("m", "a", 40, 2450)]), MID_MARKET)


EDGES = {
    "no buyers": (
        (market_of([(500, 400)], [], MID_MARKET), Side.ASK, "s1"),
        [
            "You offered 0.500 kWh, at 4.00p at least.",
            "Nobody wanted any energy in this half-hour.",
            "In all, 0.500 kWh was offered, 0.000 kWh wanted and 0.000 kWh matched.",
        ],
    ),
    "no sellers": (
        (market_of([], [(500, 2450)], MID_MARKET), Side.BID, "b1"),
        [
            "You wanted 0.500 kWh, at 24.50p at most.",
            "Nobody offered any energy in this half-hour.",
            "In all, 0.000 kWh was offered, 0.500 kWh wanted and 0.000 kWh matched.",
        ],
    ),
    "zero Wh": (
        (market_of([(0, 400)], [(500, 2450)], MID_MARKET), Side.ASK, "s1"),
        [
            "You offered 0.000 kWh, at 4.00p at least.",
            "In all, 0.000 kWh was offered, 0.500 kWh wanted and 0.000 kWh matched.",
        ],
    ),
    "equal prices": (
        (market_of([(500, 1000)], [(500, 1000)]), Side.BID, "b1"),
        [
            "You wanted 0.500 kWh, at 10.00p at most.",
            "All of it was matched with neighbours: 0.500 kWh.",
            "You paid 10.00p a kWh.",
            "In all, 0.500 kWh was offered, 0.500 kWh wanted and 0.500 kWh matched.",
            "A limit of 10.00p on the sellers' side bounds the price.",
        ],
    ),
    "supply equal to demand": (
        (market_of([(300, 400), (200, 600)], [(500, 2450)]), Side.BID, "b1"),
        [
            "You wanted 0.500 kWh, at 24.50p at most.",
            "All of it was matched with neighbours: 0.500 kWh.",
            "You paid 15.25p a kWh.",
            "In all, 0.500 kWh was offered, 0.500 kWh wanted and 0.500 kWh matched.",
            "A limit of 6.00p on the sellers' side bounds the price.",
            "Any price from 6.00p to 24.50p would have done; the rule takes the middle.",
        ],
    ),
    "negative export price": (
        (market_of([(500, -300)], [(200, 100)]), Side.ASK, "s1"),
        [
            "You offered 0.500 kWh, at −3.00p at least.",
            "Of 0.500 kWh that you offered you sold 0.200 kWh.",
            "You paid 3.00p a kWh for having it taken.",
            "In all, 0.500 kWh was offered, 0.200 kWh wanted and 0.200 kWh matched.",
            "Your own limit set the price.",
        ],
    ),
    "negative for everybody": (
        (market_of([(500, -300)], [(200, -100)]), Side.BID, "b1"),
        [
            "You wanted 0.200 kWh, at −1.00p at most.",
            "All of it was matched with neighbours: 0.200 kWh.",
            "You were paid 3.00p a kWh for taking it.",
            "In all, 0.500 kWh was offered, 0.200 kWh wanted and 0.200 kWh matched.",
            "A limit of −3.00p on the sellers' side bounds the price.",
        ],
    ),
    "capacity zero": (
        (tree(0), Side.BID, "b1"),
        [
            "You wanted 0.300 kWh, at 24.50p at most.",
            "Nothing that was left could be had at your feeder at your limit.",
            "In all, 0.500 kWh was offered, 0.300 kWh wanted and 0.000 kWh matched.",
            "The network was full at hill.",
        ],
    ),
    "an edge dearer than the gain": (
        (tree(None, 3000), Side.BID, "b1"),
        [
            "You wanted 0.300 kWh, at 24.50p at most.",
            "Nothing that was left could be had at your feeder at your limit.",
            "In all, 0.500 kWh was offered, 0.300 kWh wanted and 0.000 kWh matched.",
            "With a limit of 34.00p you would have got 0.300 kWh, at 34.00p on average.",
        ],
    ),
    "an edge that is full": (
        (tree(100), Side.BID, "b1"),
        [
            "You wanted 0.300 kWh, at 24.50p at most.",
            "Of 0.300 kWh that you wanted you got 0.100 kWh.",
            "You paid 24.50p a kWh.",
            "In all, 0.500 kWh was offered, 0.300 kWh wanted and 0.100 kWh matched.",
            "Your own limit set the price.",
            "The network was full at hill.",
        ],
    ),
    "no overlap": (
        (market_of([(500, 2500)], [(500, 2450)]), Side.BID, "b1"),
        [
            "You wanted 0.500 kWh, at 24.50p at most.",
            "Nothing that was left could be had at your feeder at your limit.",
            "In all, 0.500 kWh was offered, 0.500 kWh wanted and 0.000 kWh matched.",
            "With a limit of 25.00p you would have got 0.500 kWh, at 25.00p on average.",
        ],
    ),
    "the ends of the range": (
        (market_of([(10**9, -(10**6))], [(10**9, 10**6)]), Side.ASK, "s1"),
        [
            "You offered 1,000,000.000 kWh, at −10000.00p at least.",
            "All of it was matched with neighbours: 1,000,000.000 kWh.",
            "You got 0.00p a kWh.",
            "In all, 1,000,000.000 kWh was offered, 1,000,000.000 kWh wanted and 1,000,000.000 kWh matched.",
            "A limit of 10000.00p on the buyers' side bounds the price.",
            "Any price from −10000.00p to 10000.00p would have done; the rule takes the middle.",
        ],
    ),
    "one member on both sides": (
        (alone(), Side.BID, "m"),
        [
            "You wanted 0.040 kWh, at 24.50p at most.",
            "All of it was matched with neighbours: 0.040 kWh.",
            "You paid 14.30p a kWh.",
            "In all, 0.100 kWh was offered, 0.040 kWh wanted and 0.040 kWh matched.",
            "The community's rule makes the price: between the two reference tariffs, 14.30p.",
        ],
    ),
}


@pytest.mark.parametrize("edge", EDGES)
def test_the_words_at_an_edge(edge):
    (market, side, order), words = EDGES[edge]
    result = clear(market)
    verify(market, result)
    assert sentences(explain(market, result, side, order)) == words
