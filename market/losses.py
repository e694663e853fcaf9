"""Losses: metered energy as it counts at the boundary of the network.

They are not in the programme: metered Wh are multiplied beforehand by the feeder's factor, as British
settlement takes volumes to the boundary, exports floored and imports ceiled, so that flows stay whole
and no energy is made. What a market matches is energy at the boundary. Limits are for metered energy,
so they move the other way: nobody pays or gets worse than that for what their meter says.

>>> boundary_wh(1_000, Side.BID, 1_070_000), boundary_wh(999, Side.ASK, 930_000)
(1070, 929)
"""

from dataclasses import replace

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
    of_order = [factors.get(feeder, PPM) for feeder in orders.feeders]
    pairs = zip(orders.limit_ticks, of_order, strict=True)
    return replace(
        orders,
        wh=tuple(boundary_wh(wh, side, f) for wh, f in zip(orders.wh, of_order, strict=True)),
        limit_ticks=tuple(boundary_ticks(ticks, side, factor) for ticks, factor in pairs),
    )
