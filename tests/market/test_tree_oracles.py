"""Trees of feeders against other ways to find the same: everything tried, and linear programmes.

The oracles know nothing of potentials, components, levels or reductions.
"""

import hashlib
import itertools
import random
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from scipy.optimize import linprog

from market.agreements import serve
from market.certificate import verify
from market.clearing import clear, find_potentials
from market.model import Feeder, Market, Order, Orders, PriceRule, Rules, SharingRule
from market.programme import Programme
from market.rules import set_price_ticks
from market.staging import edges_of, levels_of, stage
from market.tree import Tree
from tests.market.any_market import any_market

TOLERANCE = 1e-6


class Linear:
    """A market without agreements as a linear programme over orders and flows.

    Variables: the Wh of each order that takes part, then the flow out and in over each edge.
    """

    def __init__(self, market: Market) -> None:
        self.tree = Tree.of(market.feeders)
        asks, bids = list(market.asks), list(market.bids)
        if market.rules.price.is_set:
            price = set_price_ticks(market.rules, sum(market.asks.wh), sum(market.bids.wh))
            asks = [order for order in asks if order.limit_ticks <= price]
            least = price + market.rules.charge_ticks
            bids = [order for order in bids if order.limit_ticks >= least]
            worth = [0] * len(asks) + [1] * len(bids)
            costs = [0] * (len(self.tree) - 1)
        else:
            worth = [-2 * order.limit_ticks for order in asks]
            worth += [2 * order.limit_ticks + 1 for order in bids]
            costs = [2 * charge for charge in self.tree.charges[1:]]
        self.orders = [("ask", order) for order in asks] + [("bid", order) for order in bids]
        edges = len(self.tree) - 1
        self.value = np.array(worth + [-cost for cost in costs for _ in range(2)], dtype=float)
        self.bounds = [(0, order.wh) for _, order in self.orders]
        for node in range(1, edges + 1):
            self.bounds += 2 * [(0, self.tree.capacities[node])]
        self.balance = np.zeros((len(self.tree), len(self.bounds)))
        for place, (side, order) in enumerate(self.orders):
            self.balance[self.tree.index[order.feeder], place] = 1 if side == "ask" else -1
        for edge in range(edges):
            node, place = edge + 1, len(self.orders) + 2 * edge
            parent = self.tree.parents[node]
            self.balance[node, place], self.balance[parent, place] = -1, 1
            self.balance[node, place + 1], self.balance[parent, place + 1] = 1, -1

    def most(self, objective, *, fixed=None, extra=0, upper=None, limits=None):
        """Return the greatest value of an objective, with some orders fixed, and inequalities."""
        bounds = [*self.bounds, *([(0, None)] * extra)]
        for place, wh in (fixed or {}).items():
            bounds[place] = (max(0, wh - TOLERANCE / 100), wh + TOLERANCE / 100)
        for slack in (0, 1e-6, 1e-5, 1e-4):  # what was found before is right to some digits only
            found = self._solved(objective, bounds, extra, upper, limits, slack)
            if found.status == 0:
                break
        assert found.status == 0, found.message
        return -found.fun

    def _solved(self, objective, bounds, extra, upper, limits, slack):
        return linprog(
            -np.asarray(objective, dtype=float),
            A_ub=upper,
            b_ub=None if limits is None else [limit + slack for limit in limits],
            A_eq=np.hstack([self.balance, np.zeros((len(self.balance), extra))]),
            b_eq=[0.0] * len(self.balance),
            bounds=bounds,
            method="highs",
        )

    def leximin(self, weights):
        """Return the fairest optimum: its shares in parts of some weights, by order.

        The least share is made as large as it can be; whoever cannot have more is fixed there;
        and so on with the others.
        """
        best = self.most(self.value)
        count = len(self.bounds)
        fixed: dict[int, float] = {}
        while len(fixed) < len(self.orders):
            open_ = [place for place in range(len(self.orders)) if place not in fixed]
            level = self._level(best, fixed, open_, weights, count)
            stuck = []
            for place in open_:
                goal = np.zeros(count)
                goal[place] = 1
                most = self._most_of(best, fixed, open_, weights, goal, level)
                if most <= level * weights[place] + TOLERANCE:
                    stuck.append(place)
            assert stuck
            fixed |= {place: level * weights[place] for place in stuck}
        return [fixed[place] for place in range(len(self.orders))]

    def fairest(self, market):
        """Return each order's exact share by the market's rule."""
        equal = market.rules.sharing is SharingRule.EQUAL_SHARE
        return self.leximin([1.0 if equal else float(order.wh) for _, order in self.orders])

    def _level(self, best, fixed, open_, weights, count):
        upper = np.zeros((len(open_) + 1, count + 1))
        for number, place in enumerate(open_):
            upper[number, place], upper[number, count] = -1, weights[place]
        upper[-1, :count] = -self.value
        goal = np.append(np.zeros(count), 1)
        limits = [0.0] * len(open_) + [-best + TOLERANCE]
        return self.most(goal, fixed=fixed, extra=1, upper=upper, limits=limits)

    def _most_of(self, best, fixed, open_, weights, goal, level):
        upper = np.zeros((len(open_) + 1, len(goal)))
        for number, place in enumerate(open_):
            upper[number, place] = -1
        upper[-1] = -self.value
        limits = [-level * weights[place] + TOLERANCE / 10 for place in open_]
        return self.most(goal, fixed=fixed, upper=upper, limits=[*limits, -best + TOLERANCE])


def plain(rng, **options) -> Market:
    """Return a market without agreements and coefficients, with every order of some Wh."""
    while True:
        market = replace(any_market(rng, **options), agreements=())
        if market.rules.sharing is SharingRule.KEYS:
            market = replace(
                market, rules=replace(market.rules, sharing=SharingRule.PRO_RATA, keys=())
            )
        if market.rules.price is not PriceRule.PAY_AS_BID:
            return market


def got(result):
    return {
        (side, order): wh
        for side, trades in (("ask", result.asks), ("bid", result.bids))
        for order, wh in zip(trades.ids, trades.wh, strict=True)
    }


@pytest.mark.parametrize("seed", range(6))
def test_no_linear_programme_finds_more(seed):
    rng = random.Random(1000 + seed)
    for _ in range(60):
        market = plain(rng, wh_max=200, orders_max=12)
        linear = Linear(market)
        if not linear.orders:
            continue
        found = got(clear(market))
        shares = [found.get((side, order.id), 0) for side, order in linear.orders]
        injections = linear.balance[:, : len(shares)] @ np.array(shares, dtype=float)
        flows = linear.tree.outflows([round(wh) for wh in injections])[1:]
        ours = np.array(shares + [x for flow in flows for x in (max(flow, 0), max(-flow, 0))])
        assert abs(float(linear.value @ ours) - linear.most(linear.value)) < 1e-3, market


@pytest.mark.parametrize("seed", range(6))
def test_shares_are_the_fairest_of_all_optima(seed):
    """Each order is within a Wh of its exact fairest share."""
    rng = random.Random(2000 + seed)
    for _ in range(12):
        market = plain(rng, orders_max=5, feeders_max=4, wh_max=20)
        market = without(market, {o.id for o in (*market.asks, *market.bids) if not o.wh})
        linear = Linear(market)
        if not linear.orders:
            continue
        found = got(clear(market))
        for (side, order), exact in zip(linear.orders, linear.fairest(market), strict=True):
            off = abs(found[side, order.id] - exact)
            assert off < 1 - TOLERANCE, (market, side, order.id, exact)


def without(market, ids):
    """Return a market without some orders."""
    return replace(
        market,
        asks=Orders.of(order for order in market.asks if order.id not in ids),
        bids=Orders.of(order for order in market.bids if order.id not in ids),
    )


# The reduction of the book before the programme.


@pytest.mark.parametrize("seed", range(4))
def test_the_reduced_book_has_the_potentials_of_the_whole(seed):
    """Capacities just at, below and above what flows: there an edge is just full, or not quite."""
    rng = random.Random(6000 + seed)
    tried = 0
    for _ in range(150):
        market = plain(rng, price=PriceRule.UNIFORM, feeders_max=4, orders_max=6, wh_max=6)
        flows = {flow.feeder: flow.out_wh + flow.in_wh for flow in clear(market).flows}
        for step in (-1, 0, 1):
            feeders = tuple(
                replace(feeder, capacity_wh=max(0, flows[feeder.id] + step))
                if feeder.parent is not None and rng.random() < 0.7
                else feeder
                for feeder in market.feeders
            )
            tight = replace(market, feeders=feeders)
            result = clear(tight)
            verify(tight, result)
            assert dict(result.certificate.potentials) == whole_potentials(tight), tight
            tried += 1
    assert tried == 450


def whole_potentials(market):
    """Solve the programme over all levels, without any reduction."""
    tree = Tree.of(market.feeders)
    rows = stage(market, tree, serve(market, tree), None)
    asks, bids = levels_of(rows.asks, len(tree)), levels_of(rows.bids, len(tree))
    base = min((row.value for row in (*rows.asks, *rows.bids)), default=0)
    edges, charges = edges_of(tree, serve(market, tree))
    return dict(
        zip(
            tree.ids,
            find_potentials(Programme(tree, asks, bids, edges, charges, base)),
            strict=True,
        )
    )


def test_an_edge_that_is_just_full():
    market = Market(
        9,
        (Feeder("a"), Feeder("z", "a", 3)),
        Orders.of([Order("s0", "z", 1, 3), Order("s1", "z", 2, 2)]),
        Orders.of([Order("b0", "a", 4, 5), Order("b1", "a", 4, 6)]),
        Rules(PriceRule.UNIFORM),
    )
    result = clear(market)
    verify(market, result)
    assert (result.matched_wh, result.flows[0].full) == (3, True)


# Tiny markets, where everything can be tried.


def tiny(rng, price=PriceRule.UNIFORM):
    while True:
        market = plain(rng, price=price, feeders_max=3, orders_max=3, wh_max=3)
        sizes = [order.wh + 1 for order in (*market.asks, *market.bids)]
        if sizes and np.prod(sizes) <= 600 and max(sizes) <= 6:
            return market


def allocations(market):
    """Yield (Wh of asks, Wh of bids, flows) of every allocation that the network carries."""
    tree = Tree.of(market.feeders)
    asks, bids = list(market.asks), list(market.bids)
    for chosen in itertools.product(*(range(order.wh + 1) for order in (*asks, *bids))):
        sold, bought = chosen[: len(asks)], chosen[len(asks) :]
        injections = [0] * len(tree)
        for order, wh in zip(asks, sold, strict=True):
            injections[tree.index[order.feeder]] += wh
        for order, wh in zip(bids, bought, strict=True):
            injections[tree.index[order.feeder]] -= wh
        flows = tree.outflows(injections)
        if flows[0] == 0 and all(
            cap is None or abs(flow) <= cap
            for flow, cap in zip(flows[1:], tree.capacities[1:], strict=True)
        ):
            yield sold, bought, flows


def worth(market, sold, bought, flows):
    """Return (welfare less charges, volume)."""
    gain = sum(wh * order.limit_ticks for order, wh in zip(market.bids, bought, strict=True))
    gain -= sum(wh * order.limit_ticks for order, wh in zip(market.asks, sold, strict=True))
    tree = Tree.of(market.feeders)
    gain -= sum(charge * abs(flow) for charge, flow in zip(tree.charges, flows, strict=True))
    return gain, sum(sold)


@pytest.mark.parametrize("seed", range(4))
def test_nothing_that_can_be_tried_is_better(seed):
    rng = random.Random(3000 + seed)
    for _ in range(40):
        market = tiny(rng)
        best = max(worth(market, *tried) for tried in allocations(market))
        result = clear(market)
        flows = Tree.of(market.feeders)
        by_id = {flow.feeder: flow.out_wh - flow.in_wh for flow in result.flows}
        found = [by_id.get(feeder, 0) for feeder in flows.ids]
        assert worth(market, result.asks.wh, result.bids.wh, found) == best, market


@pytest.mark.parametrize("seed", range(4))
def test_prices_are_the_midpoints_of_all_vectors_that_support_the_result(seed):
    rng = random.Random(4000 + seed)
    done = 0
    while done < 12:
        market = tiny(rng)
        result = clear(market)
        limits = [order.limit_ticks for order in (*market.asks, *market.bids)]
        span = range(min(limits) - 6, max(limits) + 7)
        if not result.prices or len(span) ** len(market.feeders) > 40_000:
            continue
        done += 1
        tree = Tree.of(market.feeders)
        vectors = [
            vector
            for vector in itertools.product(span, repeat=len(tree))
            if supports(market, tree, result, vector)
        ]
        for price in result.prices:
            at = [vector[tree.index[price.feeder]] for vector in vectors]
            assert (price.low_ticks, price.high_ticks) == (min(at), max(at)), market
            assert price.price_ticks == (min(at) + max(at)) // 2


def supports(market, tree, result, vector):
    """Return whether nobody and no edge would rather have had another quantity at some prices."""
    for orders, trades, sign in ((market.asks, result.asks, 1), (market.bids, result.bids, -1)):
        for order, wh in zip(orders, trades.wh, strict=True):
            gain = sign * (vector[tree.index[order.feeder]] - order.limit_ticks)
            if (gain > 0 and wh < order.wh) or (gain < 0 and wh > 0):
                return False
    flows = {flow.feeder: flow.out_wh - flow.in_wh for flow in result.flows}
    for node in range(1, len(tree)):
        flow, cap, charge = flows[tree.ids[node]], tree.capacities[node], tree.charges[node]
        rise = vector[tree.parents[node]] - vector[node]
        for direction in (1, -1):
            gain = direction * rise - charge
            if gain > 0 and (cap is None or direction * flow < cap):
                return False
            if gain < 0 and direction * flow > 0:
                return False
    return True


# Rounding.


@pytest.mark.parametrize("seed", range(3))
def test_rounding_takes_the_largest_remainders_first_as_far_as_the_network_allows(seed):
    rng = random.Random(5000 + seed)
    tried = 0
    while tried < 15:
        market = tiny(rng, price=PriceRule.FIXED)
        market = replace(market, rules=Rules(PriceRule.FIXED, market.rules.sharing, match_ticks=5))
        market = without(market, {o.id for o in (*market.asks, *market.bids) if not o.wh})
        linear = Linear(market)
        if not linear.orders:
            continue
        exact = [Fraction(share).limit_denominator(200) for share in linear.fairest(market)]
        if all(share.denominator == 1 for share in exact):
            continue
        tried += 1
        assert got(clear(market)) == dumb_rounding(market, linear, exact), market


def dumb_rounding(market, linear, exact):
    """Of all whole allocations next to the exact one, the first by the order of rounding up."""
    places = {(side, order.id): place for place, (side, order) in enumerate(linear.orders)}
    turn = sorted(
        (place for place, share in enumerate(exact) if share.denominator > 1),
        key=lambda place: (-(exact[place] % 1), key_of(market.period, linear.orders[place][1].id)),
    )
    best = None
    for sold, bought, _ in allocations(market):
        named = {("ask", order.id): wh for order, wh in zip(market.asks, sold, strict=True)}
        named |= {("bid", order.id): wh for order, wh in zip(market.bids, bought, strict=True)}
        ups = {place: named[key] - int(exact[place]) for key, place in places.items()}
        if any(up not in (0, 1) or (up and exact[p].denominator == 1) for p, up in ups.items()):
            continue
        if any(wh for key, wh in named.items() if key not in places):
            continue
        rank = [ups[place] for place in turn]
        if best is None or rank > best[0]:
            best = rank, named
    assert best is not None
    return best[1]


def key_of(period, order):
    return hashlib.sha256(f'[{period},"{order}"]'.encode()).digest()
