"""Losses: metered energy as it counts at the boundary of the network.

They are not in the programme: metered Wh are multiplied beforehand by the feeder's factor, as British
settlement takes volumes to the boundary, exports floored and imports ceiled, so that flows stay whole
and no energy is made. What a market matches is energy at the boundary.

>>> boundary_wh(1_000, Side.BID, 1_070_000), boundary_wh(999, Side.ASK, 930_000)
(1070, 929)
"""

from dataclasses import replace

from market.model import PPM, Market, Orders, Side


def boundary_wh(metered_wh: int, side: Side, factor_ppm: int) -> int:
    """Return what metered energy is at the boundary: an ask's floored, a bid's ceiled."""
    product = metered_wh * factor_ppm
    return product // PPM if side is Side.ASK else -(-product // PPM)


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
    pairs = zip(orders.wh, orders.feeders, strict=True)
    return replace(orders, wh=tuple(boundary_wh(wh, side, factors.get(f, PPM)) for wh, f in pairs))
