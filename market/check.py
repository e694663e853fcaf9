"""Is this a market that can be cleared? Refused with the order and field, never "solved".

>>> from market.model import PriceRule, Rules
>>> check_market(Market(946000, (), Orders(), Orders(), Rules(PriceRule.UNIFORM)))
Traceback (most recent call last):
market.errors.MarketInputError: feeders: a market has at least one feeder
"""

from itertools import pairwise

from ledger.primitives.energy import WH_MAX
from ledger.primitives.money import PRICE_TICKS_MAX
from ledger.primitives.periods import PERIOD_MAX
from market.errors import MarketInputError
from market.losses import at_boundary
from market.model import (
    AGREEMENTS_MAX,
    FEEDERS_MAX,
    MARKET_WH_MAX,
    ORDERS_MAX,
    Agreement,
    Feeder,
    Market,
    Orders,
    PriceRule,
)
from market.rules import PERMILLE, check_rules
from market.tree import Tree

LEVELS_MAX = 64
"""Most feeders one above the other: sharing takes time in proportion, and streets are shallow."""

FACTOR_PPM_MAX = 2_000_000
"""Largest loss factor: twice the metered energy."""


def checked(market: Market) -> tuple[Market, Tree]:
    """Return a market with its energy at the network's boundary, and its feeders' tree.

    Raises:
        MarketInputError: it cannot be cleared; names the order and the field.
    """
    tree = check_market(market)
    moved = at_boundary(market)
    if moved is not market:
        check_market(moved)
    return moved, tree


def check_market(market: Market) -> Tree:
    """Refuse a market that is out of range or contradicts itself.

    Returns:
        Its feeders' tree.

    Raises:
        MarketInputError: names the order and the field.
    """
    if not 0 <= market.period <= PERIOD_MAX:
        raise MarketInputError(f"period: {market.period} is not between 0 and {PERIOD_MAX}")
    tree = _check_feeders(market.feeders)
    check_rules(market.rules)
    if len(tree) > 1:
        _check_network(market)
    for name, orders in (("asks", market.asks), ("bids", market.bids)):
        _check_side(name, orders, tree)
    if market.agreements:
        _check_agreements(market)
    return tree


def _check_feeders(feeders: tuple[Feeder, ...]) -> Tree:
    if not feeders:
        raise MarketInputError("feeders: a market has at least one feeder")
    if len(feeders) > FEEDERS_MAX:
        raise MarketInputError(f"feeders: {len(feeders):,} are more than {FEEDERS_MAX:,}")
    known: set[str] = set()
    for feeder in feeders:
        if feeder.id in known:
            raise MarketInputError(f"feeders: the id {feeder.id!r} stands twice")
        known.add(feeder.id)
    roots = [feeder.id for feeder in feeders if feeder.parent is None]
    if len(roots) != 1:
        raise MarketInputError(
            f"feeders: one feeder has no parent, the root; here {len(roots)} have none"
        )
    for feeder in feeders:
        _check_feeder(feeder, known)
    tree = Tree.of(feeders)
    if len(tree) != len(feeders):
        circle = min(known - set(tree.ids))
        raise MarketInputError(f"feeders: {circle!r} lies above itself: no path to {roots[0]!r}")
    if tree.depth() > LEVELS_MAX:
        raise MarketInputError(f"feeders: more than {LEVELS_MAX} lie one above the other")
    return tree


def _check_feeder(feeder: Feeder, known: set[str]) -> None:
    for name in ("import_ppm", "export_ppm"):
        if not 0 < getattr(feeder, name) <= FACTOR_PPM_MAX:
            factor = getattr(feeder, name)
            raise MarketInputError(f"feeders: {feeder.id!r}: {name} {factor} is out of range")
    if feeder.parent is None:
        if feeder.capacity_wh is not None or feeder.charge_ticks:
            raise MarketInputError(
                f"feeders: {feeder.id!r} is the root; capacity_wh and charge_ticks belong to the "
                "edge to a parent"
            )
        return
    if feeder.parent not in known:
        raise MarketInputError(
            f"feeders: {feeder.id!r} names the parent {feeder.parent!r}, which is not there"
        )
    if feeder.capacity_wh is not None and not 0 <= feeder.capacity_wh <= MARKET_WH_MAX:
        raise MarketInputError(
            f"feeders: {feeder.id!r}: capacity_wh {feeder.capacity_wh} is out of range"
        )
    if not 0 <= feeder.charge_ticks <= PRICE_TICKS_MAX:
        raise MarketInputError(
            f"feeders: {feeder.id!r}: charge_ticks {feeder.charge_ticks} is out of range"
        )


def _check_network(market: Market) -> None:
    """Refuse what several feeders cannot have: a price of their own where one price is set."""
    rule = market.rules.price
    if rule is PriceRule.PAY_AS_BID:
        raise MarketInputError(
            "rules: 'pay-as-bid' has no price for a feeder, so it clears one feeder only; choose "
            "'uniform'"
        )
    charged = [feeder.id for feeder in market.feeders if feeder.charge_ticks]
    if charged and rule.is_set:
        raise MarketInputError(
            f"feeders: {charged[0]!r} has charge_ticks, and under '{rule.value}' the one price is "
            "set for all feeders: put the charge into the rules' charge_ticks, or choose 'uniform'"
        )


def _check_side(name: str, orders: Orders, tree: Tree) -> None:
    count = len(orders.ids)
    if count > ORDERS_MAX:
        raise MarketInputError(f"{name}: {count:,} orders are more than {ORDERS_MAX:,}")
    if not count:
        return
    if len(set(orders.ids)) != count:
        rising = sorted(orders.ids)
        twice = next(one for one, other in pairwise(rising) if one == other)
        raise MarketInputError(f"{name}: the id {twice!r} stands twice")
    if not tree.index.keys() >= set(orders.feeders):
        lost = next(order for order in orders if order.feeder not in tree.index)
        raise MarketInputError(f"{name}: order {lost.id!r} is on unknown feeder {lost.feeder!r}")
    if min(orders.wh) < 0 or max(orders.wh) > WH_MAX:
        odd = next(order for order in orders if not 0 <= order.wh <= WH_MAX)
        raise MarketInputError(f"{name}: order {odd.id!r}: wh {odd.wh} is out of range")
    if max(orders.limit_ticks) > PRICE_TICKS_MAX or min(orders.limit_ticks) < -PRICE_TICKS_MAX:
        odd = next(order for order in orders if abs(order.limit_ticks) > PRICE_TICKS_MAX)
        raise MarketInputError(
            f"{name}: order {odd.id!r}: limit_ticks {odd.limit_ticks} is out of range"
        )
    total_wh = sum(orders.wh)
    if total_wh > MARKET_WH_MAX:
        raise MarketInputError(
            f"{name}: {total_wh:,} Wh in all are more than the {MARKET_WH_MAX:,} one market takes"
        )


def _check_agreements(market: Market) -> None:
    if len(market.agreements) > AGREEMENTS_MAX:
        raise MarketInputError(
            f"agreements: {len(market.agreements):,} are more than {AGREEMENTS_MAX:,}"
        )
    asks, bids = set(market.asks.ids), set(market.bids.ids)
    known: set[str] = set()
    for agreement in market.agreements:
        if agreement.id in known:
            raise MarketInputError(f"agreements: the id {agreement.id!r} stands twice")
        known.add(agreement.id)
        for field, orders in (("seller", asks), ("buyer", bids)):
            named = getattr(agreement, field)
            if named not in orders:
                raise MarketInputError(
                    f"agreements: {agreement.id!r} names the {field} {named!r}, who has no order"
                )
        _check_terms(agreement)


def _check_terms(agreement: Agreement) -> None:
    if abs(agreement.price_ticks) > PRICE_TICKS_MAX:
        raise MarketInputError(
            f"agreements: {agreement.id!r}: price_ticks {agreement.price_ticks} is out of range"
        )
    cap_wh, share = agreement.cap_wh, agreement.share_permille
    if cap_wh is not None and not 0 <= cap_wh <= MARKET_WH_MAX:
        raise MarketInputError(f"agreements: {agreement.id!r}: cap_wh {cap_wh} is out of range")
    if share is not None and not 0 <= share <= PERMILLE:
        raise MarketInputError(
            f"agreements: {agreement.id!r}: share_permille {share} is not between 0 and 1000"
        )
