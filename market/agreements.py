"""Agreements are served first, one by one by rank, then id: no programme, so no ties.

Each takes the least of what the seller has left, what the buyer has left, its cap, its share, and
what the path between them has left. Energy the other way over an edge makes room, as it does in
the wire. Two agreements of one pair are two agreements.

>>> Served(0).flows
[]
"""

from dataclasses import dataclass, field

from market.model import Agreement, Fill, Market, Side
from market.rules import PERMILLE
from market.tree import Tree


@dataclass
class Served:
    """What agreements took.

    Attributes:
        charge_units: what their buyers pay on top of prices.
        asks_wh: by id of the ask.
        bids_wh: by id of the bid.
        flows: net, from each feeder to its parent.
        fills: by side and order.
    """

    charge_units: int
    asks_wh: dict[str, int] = field(default_factory=dict)
    bids_wh: dict[str, int] = field(default_factory=dict)
    flows: list[int] = field(default_factory=list)
    fills: dict[tuple[Side, str], list[Fill]] = field(default_factory=dict)


def serve(market: Market, tree: Tree) -> Served:
    """Serve a checked market's agreements."""
    served = Served(0, flows=[0] * len(tree))
    if not market.agreements:
        return served
    asks = {order.id: order for order in market.asks}
    bids = {order.id: order for order in market.bids}
    for agreement in sorted(market.agreements, key=lambda each: (each.rank, each.id)):
        ask, bid = asks[agreement.seller], bids[agreement.buyer]
        path = tree.path(tree.index[ask.feeder], tree.index[bid.feeder])
        charge_ticks = market.rules.charge_ticks + sum(tree.charges[edge] for edge, _ in path)
        paid_ticks = agreement.price_ticks + charge_ticks
        # A buyer's money was set aside at the bid's limit, a seller's at an ask below zero.
        if paid_ticks > bid.limit_ticks or agreement.price_ticks < min(0, ask.limit_ticks):
            continue
        wh = min(
            ask.wh - served.asks_wh.get(ask.id, 0),
            bid.wh - served.bids_wh.get(bid.id, 0),
            *_terms(agreement, ask.wh),
            *_room(tree, served.flows, path),
        )
        if wh > 0:
            _take(served, agreement, wh, paid_ticks)
            served.charge_units += wh * charge_ticks
            for edge, direction in path:
                served.flows[edge] += direction * wh
    return served


def _terms(agreement: Agreement, offered_wh: int) -> list[int]:
    terms = [] if agreement.cap_wh is None else [agreement.cap_wh]
    if agreement.share_permille is not None:
        terms.append(offered_wh * agreement.share_permille // PERMILLE)
    return terms


def _room(tree: Tree, flows: list[int], path: list[tuple[int, int]]) -> list[int]:
    room = []
    for edge, direction in path:
        capacity_wh = tree.capacities[edge]
        if capacity_wh is not None:
            room.append(capacity_wh - direction * flows[edge])
    return room


def _take(served: Served, agreement: Agreement, wh: int, paid_ticks: int) -> None:
    for side, order, taken, ticks in (
        (Side.ASK, agreement.seller, served.asks_wh, agreement.price_ticks),
        (Side.BID, agreement.buyer, served.bids_wh, paid_ticks),
    ):
        taken[order] = taken.get(order, 0) + wh
        served.fills.setdefault((side, order), []).append(Fill(wh, ticks, agreement.id))
