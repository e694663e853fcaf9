"""Is this a market that can be cleared? Refused with the order and field, never "solved".

>>> from market.model import PriceRule, Rules
>>> check_market(Market(946000, (), (), (), Rules(PriceRule.UNIFORM)))
Traceback (most recent call last):
market.errors.MarketInputError: feeders: a market has exactly one feeder in this version, not 0
"""

from collections.abc import Sequence

from ledger.primitives.energy import WH_MAX
from ledger.primitives.money import PRICE_TICKS_MAX
from ledger.primitives.periods import PERIOD_MAX
from market.errors import MarketInputError
from market.model import MARKET_WH_MAX, ORDERS_MAX, Market, Order
from market.rules import check_rules


def check_market(market: Market) -> None:
    """Refuse a market that is out of range or contradicts itself.

    Raises:
        MarketInputError: names the order and the field.
    """
    if not 0 <= market.period <= PERIOD_MAX:
        raise MarketInputError(f"period: {market.period} is not between 0 and {PERIOD_MAX}")
    if len(market.feeders) != 1:
        raise MarketInputError(
            f"feeders: a market has exactly one feeder in this version, not {len(market.feeders)}"
        )
    feeder = market.feeders[0]
    if feeder.parent is not None:
        raise MarketInputError(f"feeders: {feeder.id!r} names a parent that is not there")
    if feeder.capacity_wh is not None or feeder.charge_ticks:
        raise MarketInputError(
            f"feeders: {feeder.id!r} is the root; capacity_wh and charge_ticks belong to the edge "
            "to a parent"
        )
    check_rules(market.rules)
    for name, orders in (("asks", market.asks), ("bids", market.bids)):
        _check_side(name, orders, feeder.id)


def _check_side(name: str, orders: Sequence[Order], feeder: str) -> None:
    if len(orders) > ORDERS_MAX:
        raise MarketInputError(f"{name}: {len(orders):,} orders are more than {ORDERS_MAX:,}")
    seen: set[str] = set()
    for order in orders:
        if order.id in seen:
            raise MarketInputError(f"{name}: the id {order.id!r} stands twice")
        seen.add(order.id)
        if order.feeder != feeder:
            raise MarketInputError(
                f"{name}: order {order.id!r} is on unknown feeder {order.feeder!r}"
            )
        if not 0 <= order.wh <= WH_MAX:
            raise MarketInputError(f"{name}: order {order.id!r}: wh {order.wh} is out of range")
        if abs(order.limit_ticks) > PRICE_TICKS_MAX:
            raise MarketInputError(
                f"{name}: order {order.id!r}: limit_ticks {order.limit_ticks} is out of range"
            )
    total_wh = sum(order.wh for order in orders)
    if total_wh > MARKET_WH_MAX:
        raise MarketInputError(
            f"{name}: {total_wh:,} Wh in all are more than the {MARKET_WH_MAX:,} one market takes"
        )
