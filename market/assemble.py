"""From what each order got in the market to the full result: prices, flows, money, fills. Pure.

>>> from market.model import Feeder, Order, Rules
>>> rules = Rules(PriceRule.UNIFORM)
>>> market = Market(9, (Feeder("a"),), Orders.of([Order("m1", "a", 5, 1)]),
...     Orders.of([Order("m2", "a", 5, 4)]), rules)
>>> tree = Tree.of(market.feeders)
>>> levels = Programme(tree, [{2: 5}], [{9: 5}], [(None, None)], [0])
>>> got = Got([5], [5], Volumes([{2: 5}], [{9: 5}]))
>>> result = assemble(market, Matched(tree, Served(0, flows=[0]), None, levels, got, [2]))
>>> result.prices, result.welfare_units
((FeederPrice(feeder='a', price_ticks=2, low_ticks=1, high_ticks=4),), 15)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import mul

from market.agreements import Served
from market.errors import CertificateError
from market.model import (
    Certificate,
    FeederPrice,
    Fill,
    Flow,
    Market,
    Orders,
    PriceRule,
    Result,
    Side,
    Trades,
)
from market.programme import Programme, Volumes, greatest_vector, least_vector, supports
from market.staging import Terms
from market.ties import tie_key
from market.tree import Tree


@dataclass(frozen=True, slots=True)
class Got:
    """What the market's orders got apart from agreements.

    Attributes:
        asks: Wh of each ask, in the market's order.
        bids: Wh of each bid, in the market's order.
        volumes: the same by level of the programme.
    """

    asks: Sequence[int]
    bids: Sequence[int]
    volumes: Volumes


@dataclass(frozen=True, slots=True)
class Matched:
    """A market that was matched, with all that led to it."""

    tree: Tree
    served: Served
    terms: Terms | None
    programme: Programme
    got: Got
    potentials: Sequence[int]


def assemble(market: Market, matched: Matched) -> Result:
    """Return the full result that what orders got stands for."""
    tree, got, served = matched.tree, matched.got, matched.served
    injections = got.volumes.injections()
    flows = tree.outflows(injections)
    prices = _feeder_prices(market, matched, flows)
    at = {price.feeder: price.price_ticks for price in prices}
    if market.rules.price is PriceRule.PAY_AS_BID:
        asks, bids = _pairs(market, got)
    else:
        asks, bids = {}, {}
    charge = market.rules.charge_ticks
    sold = _trades(Side.ASK, market.asks, got.asks, served, _prices(market.asks, at, 0), asks)
    bought = _trades(
        Side.BID, market.bids, got.bids, served, _prices(market.bids, at, charge), bids
    )
    charge_units = charge * sum(got.asks) + sum(
        ticks * abs(flow) for ticks, flow in zip(tree.charges, flows, strict=True)
    )
    # What buyers pay beyond what sellers get: charges, and rent of full edges.
    spread = -sum(at.get(feeder, 0) * wh for feeder, wh in zip(tree.ids, injections, strict=True))
    edge_units = charge_units - charge * sum(got.asks)
    return Result(
        period=market.period,
        asks=sold,
        bids=bought,
        prices=prices,
        flows=_flows(tree, flows, served),
        matched_wh=sum(sold.wh),
        welfare_units=sum(map(mul, bought.wh, market.bids.limit_ticks))
        - sum(map(mul, sold.wh, market.asks.limit_ticks)),
        charge_units=charge_units + served.charge_units,
        rent_units=spread - edge_units if at else 0,
        certificate=_certificate(market, matched),
    )


def _certificate(market: Market, matched: Matched) -> Certificate:
    pairs = sorted(zip(matched.tree.ids, matched.potentials, strict=True))
    if market.rules.price.is_set:
        return Certificate(cut=tuple(feeder for feeder, potential in pairs if not potential))
    return Certificate(potentials=tuple(pairs))


def _feeder_prices(
    market: Market, matched: Matched, flows: Sequence[int]
) -> tuple[FeederPrice, ...]:
    """Return the price of each feeder with trade or flow."""
    tree, volumes = matched.tree, matched.got.volumes
    active = {
        node
        for node in range(len(tree))
        if any(volumes.asks[node].values()) or any(volumes.bids[node].values())
    }
    for node in range(1, len(tree)):
        if flows[node]:
            active |= {node, tree.parents[node]}
    if not active or market.rules.price is PriceRule.PAY_AS_BID:
        return ()
    if matched.terms is not None:
        price = matched.terms.ask_most_ticks
        found = [FeederPrice(tree.ids[node], price, price, price) for node in active]
        return tuple(sorted(found))
    bounds = supports(matched.programme, volumes, halved=True)
    lows, highs = least_vector(tree, bounds, None), greatest_vector(tree, bounds)
    found = []
    for node in active:
        low, high = lows[node], highs[node]
        if low is None or high is None or low > high:
            raise CertificateError(f"no price supports the result on feeder {tree.ids[node]!r}")
        found.append(FeederPrice(tree.ids[node], (low + high) // 2, low, high))
    return tuple(sorted(found))


def _prices(orders: Orders, at: Mapping[str, int], charge_ticks: int) -> list[int | None]:
    """Return the price at each order's feeder, None where there is none."""
    if len(set(orders.feeders)) == 1:
        price = at.get(orders.feeders[0])
        return [None if price is None else price + charge_ticks] * len(orders)
    paid = {feeder: price + charge_ticks for feeder, price in at.items()}
    return [paid.get(feeder) for feeder in orders.feeders]


def _trades(
    side: Side,
    orders: Orders,
    got: Sequence[int],
    served: Served,
    prices: Sequence[int | None],
    pairs: Mapping[str, list[Fill]],
) -> Trades:
    """Return what one side got: from agreements, and from the market."""
    shown = [price if wh else None for price, wh in zip(prices, got, strict=True)]
    fills: dict[str, tuple[Fill, ...]] = {order: tuple(found) for order, found in pairs.items()}
    total = list(got)
    if served.fills:
        for number, order in enumerate(orders.ids):
            agreed = served.fills.get((side, order))
            if agreed is None:
                continue
            price = shown[number]
            market_fills = () if price is None else (Fill(got[number], price),)
            fills[order] = (*agreed, *fills.get(order, market_fills))
            total[number] += sum(fill.wh for fill in agreed)
            shown[number] = None
    return Trades(orders.ids, total, shown, fills)


def _flows(tree: Tree, flows: Sequence[int], served: Served) -> tuple[Flow, ...]:
    found = []
    for node in range(1, len(tree)):
        net, capacity_wh = flows[node] + served.flows[node], tree.capacities[node]
        full = capacity_wh is not None and abs(net) == capacity_wh
        found.append(Flow(tree.ids[node], max(0, net), max(0, -net), full))
    return tuple(sorted(found))


def _pairs(market: Market, got: Got) -> tuple[dict[str, list[Fill]], dict[str, list[Fill]]]:
    """Match asks and bids in merit order, each pair at the floored midpoint of its two limits.

    Among equal limits the half-hour's hash decides who comes first.
    """
    asks, bids = _queue(market, market.asks, got.asks, 1), _queue(market, market.bids, got.bids, -1)
    sold: dict[str, list[Fill]] = {}
    bought: dict[str, list[Fill]] = {}
    ask = bid = 0
    while ask < len(asks) and bid < len(bids):
        (ask_limit, seller, offered), (bid_limit, buyer, wanted) = asks[ask], bids[bid]
        wh, price = min(offered, wanted), (ask_limit + bid_limit) // 2
        for side, order in ((sold, seller), (bought, buyer)):
            _add(side.setdefault(order, []), wh, price)
        asks[ask], bids[bid] = (ask_limit, seller, offered - wh), (bid_limit, buyer, wanted - wh)
        ask += offered == wh
        bid += wanted == wh
    return sold, bought


def _queue(
    market: Market, orders: Orders, got: Sequence[int], sign: int
) -> list[tuple[int, str, int]]:
    rows = zip(orders.limit_ticks, orders.ids, got, strict=True)
    traded = [row for row in rows if row[2]]
    return sorted(traded, key=lambda row: (sign * row[0], tie_key(market.period, row[1])))


def _add(fills: list[Fill], wh: int, price: int) -> None:
    """Add Wh to an order's fills; two at one price are one."""
    if fills and fills[-1].price_ticks == price:
        fills[-1] = Fill(fills[-1].wh + wh, price)
    else:
        fills.append(Fill(wh, price))
