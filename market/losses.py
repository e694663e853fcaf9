"""Losses: metered energy as it counts at the boundary of the network.

They are not in the programme: metered Wh are multiplied beforehand by the feeder's factor, as British
settlement takes volumes to the boundary, exports floored and imports ceiled, so that flows stay whole
and no energy is made. What a market matches is energy at the boundary. Limits are for metered energy,
so they move the other way: nobody pays or gets worse than that for what their meter says.

>>> boundary_wh(1_000, Side.BID, 1_070_000), boundary_wh(999, Side.ASK, 930_000)
(1070, 929)
"""

from dataclasses import replace

from ledger.primitives.money import PRICE_TICKS_MAX
from market.model import PPM, Market, Orders, Side


def boundary_wh(metered_wh: int, side: Side, factor_ppm: int) -> int:
    """Return what metered energy is at the boundary: an ask's floored, a bid's ceiled."""
    product = metered_wh * factor_ppm
    return product // PPM if side is Side.ASK else -(-product // PPM)


def boundary_ticks(limit_ticks: int, side: Side, factor_ppm: int) -> int:
    """Return a limit for metered energy as one for energy at the boundary, rounded to its owner's side.

    >>> boundary_ticks(2450, Side.BID, 1_070_000), boundary_ticks(410, Side.ASK, 930_000)
    (2289, 441)
    """
    product = limit_ticks * PPM
    return -(-product // factor_ppm) if side is Side.ASK else product // factor_ppm


def boundary_order(wh: int, limit_ticks: int, side: Side, factor_ppm: int) -> tuple[int, int]:
    """Return the Wh and the limit of an order at the boundary.

    A limit that moves out of the range of prices stays at its end, where that is better for its owner;
    where it is worse, nobody on the other side can reach it, and the order offers nothing. So one
    member's limit never makes a market that cannot be cleared.

    >>> boundary_order(100, 1_000_000, Side.ASK, 950_000)
    (0, 1000000)
    """
    if factor_ppm == PPM:
        return wh, limit_ticks
    moved = boundary_ticks(limit_ticks, side, factor_ppm)
    kept = max(-PRICE_TICKS_MAX, min(moved, PRICE_TICKS_MAX))
    out_of_reach = moved > kept if side is Side.ASK else moved < kept
    return 0 if out_of_reach else boundary_wh(wh, side, factor_ppm), kept


def at_boundary(market: Market) -> Market:
    """Return the market with every order's Wh as they count at the boundary."""
    exports = {feeder.id: feeder.export_ppm for feeder in market.feeders}
    imports = {feeder.id: feeder.import_ppm for feeder in market.feeders}
    if {*exports.values(), *imports.values()} <= {PPM}:
        return market
    return replace(
        market,
        feeders=tuple(replace(f, import_ppm=PPM, export_ppm=PPM) for f in market.feeders),
        asks=_moved(market.asks, Side.ASK, exports),
        bids=_moved(market.bids, Side.BID, imports),
    )


def _moved(orders: Orders, side: Side, factors: dict[str, int]) -> Orders:
    moved = [
        boundary_order(order.wh, order.limit_ticks, side, factors.get(order.feeder, PPM))
        for order in orders
    ]
    return replace(
        orders,
        wh=tuple(wh for wh, _ in moved),
        limit_ticks=tuple(limit_ticks for _, limit_ticks in moved),
    )
