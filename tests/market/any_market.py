"""Seeded random markets with everything that a market may have, small enough to try by hand."""

import random
from dataclasses import replace

from market.model import (
    PPM,
    Agreement,
    Feeder,
    Key,
    Market,
    Order,
    Orders,
    PriceRule,
    Rules,
    SharingRule,
)


def any_market(
    rng: random.Random,
    *,
    price: PriceRule | None = None,
    feeders_max: int = 6,
    orders_max: int = 8,
    wh_max: int = 40,
    losses: float = 0.0,
) -> Market:
    """Return a market of some feeders, agreements, and any rules that go together."""
    price = price or rng.choice(list(PriceRule))
    sharings = [SharingRule.PRO_RATA, SharingRule.EQUAL_SHARE]
    sharing = rng.choice([*sharings, SharingRule.KEYS] if price.is_set else sharings)
    count = 1 if price is PriceRule.PAY_AS_BID else rng.randint(1, feeders_max)
    feeders = [Feeder("f0")]
    for number in range(1, count):
        capacity_wh = rng.choice([None, 0, rng.randint(0, 10), rng.randint(0, wh_max)])
        charge_ticks = 0 if price.is_set else rng.choice([0, 0, 1, 2, 5])
        parent = f"f{rng.randrange(number)}"
        feeders.append(Feeder(f"f{number}", parent, capacity_wh, charge_ticks))
    small = rng.random() < 0.7

    def order(name: str) -> Order:
        wh = rng.choice([0, rng.randint(1, 9), rng.randint(1, wh_max)])
        limit = rng.randint(-5, 20) if small else rng.randint(-1000, 3000)
        return Order(name, f"f{rng.randrange(count)}", wh, limit)

    asks = [order(f"s{number}") for number in range(rng.randint(0, orders_max))]
    bids = [order(f"b{number}") for number in range(rng.randint(0, orders_max))]
    rules = _rules(rng, price, sharing, asks, bids)
    market = Market(rng.randrange(10**6), tuple(feeders), Orders.of(asks), Orders.of(bids), rules)
    if asks and bids and rng.random() < 0.4:
        agreed = (_agreement(rng, number, asks, bids) for number in range(rng.randint(1, 4)))
        market = replace(market, agreements=tuple(agreed))
    if losses and rng.random() < losses:
        lossy = (
            replace(
                feeder, import_ppm=rng.randint(10**6, 1_200_000), export_ppm=rng.randint(1, 10**6)
            )
            for feeder in market.feeders
        )
        market = replace(market, feeders=tuple(lossy))
    return market


def _agreement(rng: random.Random, number: int, asks: list[Order], bids: list[Order]) -> Agreement:
    return Agreement(
        f"g{number}",
        rng.randint(1, 3),
        rng.choice(asks).id,
        rng.choice(bids).id,
        rng.randint(-2, 15),
        rng.choice([None, rng.randint(0, 10)]),
        rng.choice([None, rng.randint(0, 1000)]),
    )


def _rules(
    rng: random.Random,
    price: PriceRule,
    sharing: SharingRule,
    asks: list[Order],
    bids: list[Order],
) -> Rules:
    rules = Rules(price, sharing)
    if price in (PriceRule.MID_MARKET, PriceRule.SUPPLY_DEMAND_RATIO):
        rules = replace(rules, import_ticks=rng.randint(8, 20), export_ticks=rng.randint(1, 5))
    if price.is_set:
        rules = replace(rules, charge_ticks=rng.randint(0, 3))
    if price is PriceRule.FIXED:
        rules = replace(rules, match_ticks=rng.randint(0, 10))
    if price is PriceRule.SUPPLY_DEMAND_RATIO:
        rules = replace(rules, kappa_permille=rng.randint(0, 1000))
    if sharing is SharingRule.KEYS:
        to = [None] if rng.random() < 0.5 else [ask.id for ask in asks] or ["gone"]
        rules = replace(rules, keys=tuple(key for ask in to for key in _keys(rng, ask, bids)))
    return rules


def _keys(rng: random.Random, ask: str | None, bids: list[Order]) -> list[Key]:
    left, keys = PPM, []
    for bid in bids:
        ppm = rng.randint(0, left)
        left -= ppm
        keys.append(Key(bid.id, ppm, ask))
    return [*keys, Key("not there", rng.randint(0, left), ask)]


def shuffled(rng: random.Random, market: Market) -> Market:
    """Return the same market with everything in another order."""

    def mixed(items):
        items = list(items)
        rng.shuffle(items)
        return items

    return replace(
        market,
        feeders=tuple(mixed(market.feeders)),
        asks=Orders.of(mixed(market.asks)),
        bids=Orders.of(mixed(market.bids)),
        agreements=tuple(mixed(market.agreements)),
        rules=replace(market.rules, keys=tuple(mixed(market.rules.keys))),
    )
