"""Why an order was made as it was: the offer that bound, the mandate that covered, what cut it.

>>> order_told.__name__
'order_told'
"""

from collections.abc import Sequence

from ledger import log_store
from ledger.primitives.periods import load_zone, minute_of_day
from ledger.statements import Statement
from market.explain import explain
from market.explain_words import sentences
from market.model import Market, Result, Side, summed
from settlement import why_store
from settlement.orders import DayFunds, Flow, Funded, PeriodOrders
from settlement.terms import Mandate
from settlement.why_caps import Limits, bound_by
from settlement.why_model import Agreed, Cap, MandateTold, MarketTold, OrderTold
from settlement.why_scene import Scene
from settlement.why_version_model import Cited


def order_told(
    scene: Scene,
    member: str,
    flow: Flow,
    orders: Sequence[PeriodOrders],
    funds: DayFunds,
) -> OrderTold | None:
    """Return what a member's order of the last of some half-hours follows from; None without one.

    Raises:
        AssertionError: nothing explains by what it was cut.
    """
    now, period = orders[-1], orders[-1].period
    side = Side.ASK if member in now.asks else Side.BID
    funded = (now.asks if side is Side.ASK else now.bids).get(member)
    offer = scene.community.state.offer_of(member, period)
    if funded is None or offer is None:
        return None
    mandate = scene.community.state.mandate_of(member, period)
    if mandate is not None and mandate.id in funds.revoked:
        mandate = None
    net_wh = flow.offered_wh if side is Side.ASK else flow.wanted_wh
    boundary_wh = scene.rules.at_boundary(side, net_wh)
    spent_units, own_units = _had(member, orders, funds)
    funds_units = funds.units.get(member, 0)
    minute = minute_of_day(period, load_zone(scene.rules.zone))
    offer_ticks = offer.limit_at(side, minute)
    return OrderTold(
        side,
        net_wh,
        boundary_wh,
        funded.order.wh,
        funded.order.limit_ticks,
        funded.hold_units,
        _binding(scene, member, period),
        offer_ticks,
        _mandate(scene, mandate),
        _cap(
            side,
            boundary_wh,
            funded,
            None if mandate is None else Limits.of(mandate, funds_units, spent_units, own_units),
        ),
        price_lowered=side is Side.BID
        and mandate is not None
        and mandate.price_ticks_max < offer_ticks,
        funds_units=funds_units,
        spent_units=spent_units,
    )


def _had(member: str, orders: Sequence[PeriodOrders], funds: DayFunds) -> tuple[int, int]:
    """Return the units that others of a member's half-hours had before the last, and its own.

    In the first run the earlier ones had what they set aside. In a later one all have what the first
    set aside for them, and the earlier ones what they took beyond it.
    """
    held = {period: found[member] for period, found in funds.held.items() if member in found}
    own = held.pop(orders[-1].period, 0)
    had = dict(held)
    for item in orders[:-1]:
        for side in (item.asks, item.bids):
            if member in side:
                had[item.period] = max(had.get(item.period, 0), side[member].hold_units)
    return sum(had.values()), own


def _binding(scene: Scene, member: str, period: int) -> Cited | None:
    """Return the statement of the offer that binds a half-hour."""
    deeds = why_store.deeds_of(scene.connection, scene.number, member, "offer")
    return next((c for logged, c in reversed([*deeds]) if logged < period), None)


def _mandate(scene: Scene, mandate: Mandate | None) -> MandateTold | None:
    if mandate is None:
        return None
    found = why_store.with_id(scene.connection, scene.number, mandate.id)
    if found is None:
        return None
    return MandateTold(
        found.cited,
        mandate.wh_period_max,
        mandate.price_ticks_max,
        mandate.units_period_max,
        mandate.units_day_max,
    )


def _cap(
    side: Side,
    boundary_wh: int,
    funded: Funded,
    limits: Limits | None,
) -> Cap | None:
    """Return what cut an order."""
    wh, ticks = funded.order.wh, funded.order.limit_ticks
    if wh == boundary_wh:
        return None
    may_owe = ticks < 0 if side is Side.ASK else ticks > 0
    if not may_owe:
        return Cap.OUT_OF_REACH
    if limits is None:
        return Cap.NO_MANDATE
    return bound_by(boundary_wh, wh, ticks, limits)


def rules_cited(scene: Scene) -> Cited | None:
    """Return the statement of the rules that bind the day."""
    for position, entry in log_store.facts(scene.connection, scene.number, kinds=["rules"]):
        statement = Statement.decode(entry.envelope)
        if statement.body["version"] == scene.rules.version:
            return Cited(position, entry.kind, statement.tx_id, entry.period)
    return None


def agreements_told(
    scene: Scene, member: str, orders: PeriodOrders, result: Result | None
) -> tuple[Agreed, ...]:
    """Return the member's agreements that bound a half-hour, and what each served."""
    found = []
    for each in orders.agreements:
        if member not in (each.seller, each.buyer):
            continue
        said = why_store.with_id(scene.connection, scene.number, each.id)
        if said is not None:
            wh = _served(result, member, each.id)
            found.append(Agreed(said.cited, each.id, each.price_ticks, wh))
    return tuple(found)


def _served(result: Result | None, member: str, agreement: str) -> int:
    if result is None:
        return 0
    return sum(
        fill.wh
        for trades in (result.asks, result.bids)
        for order, fills in trades.matched()
        if order == member
        for fill in fills
        if fill.agreement == agreement
    )


def market_told(
    market: Market | None,
    result: Result,
    hashes: tuple[str, str],
    member: str,
    *,
    certificate: bool | None,
) -> MarketTold:
    """Return how a half-hour was cleared, as a member lived it.

    Args:
        market: that was cleared; None where its orders cannot be made again.
        result: what came of it.
        hashes: of market and result, as the clearing signs them.
        member: whose order is explained.
        certificate: whether it was verified; None where that cannot be done.
    """
    fills = [
        fill
        for trades in (result.asks, result.bids)
        for order, found in trades.matched()
        if order == member
        for fill in found
        if fill.agreement is None
    ]
    wh, units = summed(fills)
    price = next(iter(result.prices), None)
    words: tuple[str, ...] = ()
    if market is not None and certificate:
        sides = ((Side.ASK, market.asks), (Side.BID, market.bids))
        side = next((side for side, orders in sides if member in orders.ids), None)
        if side is not None:
            words = tuple(sentences(explain(market, result, side, member)))
    return MarketTold(
        units // wh if wh else None,
        None if price is None else price.low_ticks,
        None if price is None else price.high_ticks,
        result.matched_wh,
        *hashes,
        certificate,
        words,
    )
