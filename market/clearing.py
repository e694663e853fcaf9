"""Clearing: who trades how much, and at what price. Pure: inputs and rules alone decide.

The linear programme (`market.lp`) decides how much each price level trades; the sharing rule
splits each level among its orders; the price rule sets the price; the certificate lets anyone
check the result without a solver (`market.certificate`).

>>> from market.model import Feeder, Rules
>>> rules = Rules(PriceRule.UNIFORM)
>>> ask, bid = Order("m1", "a", 600, 500), Order("m2", "a", 600, 2450)
>>> result = clear(Market(946000, (Feeder("a"),), (ask,), (bid,), rules))
>>> result.matched_wh, result.prices[0].price_ticks
(600, 1475)
"""

from collections.abc import Sequence
from typing import Any

from market.certificate import (
    Fills,
    assemble,
    eligible,
    group_by_price,
    least_potential,
    minimum_cut,
)
from market.check import check_market
from market.lp import Level, solve_levels
from market.model import Certificate, Market, Order, PriceRule, Result
from market.sharing import share_pro_rata


def clear(market: Market, solver: Any | None = None) -> Result:
    """Clear one half-hour.

    Args:
        market: orders, feeders and rules.
        solver: a PuLP solver; HiGHS in process if left out. No byte of the result depends
            on it.

    Raises:
        MarketInputError: the market cannot be cleared; names the order or field.
        SolverError: the solver gave no optimum; nothing was cleared.
    """
    check_market(market)
    if market.rules.price is PriceRule.UNIFORM:
        fills = _match(market, market.asks, market.bids, by_limit=True, solver=solver)
        certificate = Certificate(
            potentials=tuple(
                (feeder.id, least_potential(market, fills)) for feeder in market.feeders
            )
        )
    else:
        asks, bids = eligible(market)
        fills = _match(market, asks, bids, by_limit=False, solver=solver)
        certificate = Certificate(cut=minimum_cut(market, asks, bids))
    return assemble(market, fills, certificate)


def _match(
    market: Market,
    asks: Sequence[Order],
    bids: Sequence[Order],
    *,
    by_limit: bool,
    solver: Any | None,
) -> Fills:
    """Solve the programme over price levels and share each level among its orders.

    Where a price is set beforehand (``by_limit`` false) all eligible orders tie: one level.
    """
    sides = [group_by_price(asks, by_limit=by_limit), group_by_price(bids, by_limit=by_limit)]
    levels = [
        [Level(price, sum(offered.values())) for price, offered in groups.items()]
        for groups in sides
    ]
    accepted = solve_levels(levels[0], levels[1], solver)
    fills: list[dict[str, int]] = []
    for groups, volumes in zip(sides, accepted, strict=True):
        side: dict[str, int] = {}
        for offered, volume_wh in zip(groups.values(), volumes, strict=True):
            side |= share_pro_rata(market.period, volume_wh, offered)
        fills.append(side)
    return Fills(asks=fills[0], bids=fills[1])
