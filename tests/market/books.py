"""Small markets for tests: short forms, seeded random ones and Hypothesis strategies."""

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from hypothesis import strategies as st

from market.model import Feeder, Fill, Market, Order, Orders, PriceRule, Result, Rules, Side

UNIFORM = Rules(PriceRule.UNIFORM)
MID_MARKET = Rules(PriceRule.MID_MARKET, import_ticks=2450, export_ticks=410)
PERIOD = 946000


class Row(NamedTuple):
    """What one order got, as tests look at it."""

    side: Side
    id: str
    wh: int
    price_ticks: int | None
    fills: tuple[Fill, ...] = ()


def rows(result: Result) -> list[Row]:
    """Return what every order got, asks first, each side by id."""
    return sorted(
        Row(side, *row, trades.fills.get(row[0], ()))
        for side, trades in ((Side.ASK, result.asks), (Side.BID, result.bids))
        for row in zip(trades.ids, trades.wh, trades.prices, strict=True)
    )


def with_wh(market: Market, result: Result, changes: dict[str, int]) -> Result:
    """Return a result of one feeder in which some orders got other Wh, and all else agrees."""
    [price] = {price.price_ticks for price in result.prices} or {0}
    changed = {}
    for name, trades, charge in (
        ("asks", result.asks, 0),
        ("bids", result.bids, market.rules.charge_ticks),
    ):
        wh = [changes.get(order, got) for order, got in zip(trades.ids, trades.wh, strict=True)]
        prices = [price + charge if each else None for each in wh]
        changed[name] = replace(trades, wh=wh, prices=prices)
    sold, bought = changed["asks"].wh, changed["bids"].wh
    welfare = sum(wh * t for wh, t in zip(bought, market.bids.limit_ticks, strict=True))
    welfare -= sum(wh * t for wh, t in zip(sold, market.asks.limit_ticks, strict=True))
    return replace(
        result,
        **changed,
        prices=result.prices if sum(sold) else (),
        matched_wh=sum(sold),
        welfare_units=welfare,
        charge_units=market.rules.charge_ticks * sum(sold),
    )


def orders(prefix: str, offers: Sequence[tuple[int, int]], feeder: str = "a") -> Orders:
    """Orders from (Wh, limit in ticks), named ``prefix1``, ``prefix2`` and so on."""
    return Orders.of(
        Order(f"{prefix}{number}", feeder, wh, limit)
        for number, (wh, limit) in enumerate(offers, start=1)
    )


def market_of(
    asks: Sequence[tuple[int, int]],
    bids: Sequence[tuple[int, int]],
    rules: Rules = UNIFORM,
    period: int = PERIOD,
) -> Market:
    """A market on one feeder, from (Wh, limit in ticks) a side."""
    return Market(period, (Feeder("a"),), orders("s", asks), orders("b", bids), rules)


def seeded_market(rng: random.Random, wh_max: int = 40_000, orders_max: int = 24) -> Market:
    """A random market with ties, zero Wh and prices below zero; integers only."""
    step = rng.choice((1, 7, 50, 500))
    offers = [
        [
            (rng.choice((0, rng.randint(1, 9), rng.randint(1, wh_max))), rng.randint(-8, 40) * step)
            for _ in range(rng.randint(0, orders_max))
        ]
        for _ in range(2)
    ]
    rules = UNIFORM
    if rng.randrange(3) == 0:
        export_ticks = rng.randint(-5, 20) * step
        charge_ticks = rng.randint(0, 4) * step
        import_ticks = export_ticks + charge_ticks + rng.randint(0, 20) * step
        rules = Rules(
            PriceRule.MID_MARKET,
            import_ticks=import_ticks,
            export_ticks=export_ticks,
            charge_ticks=charge_ticks,
            k_permille=rng.randint(0, 1000),
        )
    return market_of(offers[0], offers[1], rules, rng.randrange(4_000_000))


@st.composite
def set_price_rules(draw: st.DrawFn, ticks: int) -> Rules:
    """Mid-market rules whose tariffs lie within a few ticks of zero."""
    export_ticks = draw(st.integers(-ticks, ticks))
    charge_ticks = draw(st.integers(0, ticks))
    gain_ticks = draw(st.integers(0, 2 * ticks))
    return Rules(
        PriceRule.MID_MARKET,
        import_ticks=export_ticks + charge_ticks + gain_ticks,
        export_ticks=export_ticks,
        charge_ticks=charge_ticks,
        k_permille=draw(st.integers(0, 1000)),
    )


@st.composite
def markets(
    draw: st.DrawFn,
    *,
    rules: st.SearchStrategy[Rules] | None = None,
    wh_max: int = 12,
    ticks_max: int = 9,
    orders_max: int = 6,
) -> Market:
    """Markets of few orders, by default so small that every price and volume can be tried."""
    offer = st.tuples(st.integers(0, wh_max), st.integers(-ticks_max, ticks_max))
    sides = [draw(st.lists(offer, max_size=orders_max)) for _ in range(2)]
    chosen = draw(
        st.one_of(st.just(UNIFORM), set_price_rules(ticks_max)) if rules is None else rules
    )
    return market_of(sides[0], sides[1], chosen, draw(st.integers(0, 4_000_000)))
