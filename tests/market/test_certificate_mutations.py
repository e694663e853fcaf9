"""Whatever is changed in a result, its certificate no longer proves it."""

import copy
import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from ledger.primitives.canonical import encode_trusted
from market.certificate import verify, verify_encoded
from market.clearing import clear
from market.errors import CertificateError, MarketInputError
from market.model import Certificate, Market, Orders, PriceRule
from market.result_wire import result_from_json, result_to_json
from tests.market.any_market import any_market
from tests.market.books import MID_MARKET, market_of, seeded_market

MARKETS = 150

Path = tuple[str | int, ...]


def leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield every number and text of a JSON value, with the way to it."""
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(item, (*path, key))
    else:
        yield path, value


def at(value: Any, path: Path) -> Any:
    for key in path:
        value = value[key]
    return value


def changed(value: Any, path: Path, leaf: Any) -> Any:
    copied = copy.deepcopy(value)
    at(copied, path[:-1])[path[-1]] = leaf
    return copied


def mutations(result: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (what was done, the result after it)."""
    yield from changed_leaves(result)
    for index, order in enumerate(result["orders"]):
        yield from changed_order(result, index, order)
        if index:
            yield from exchanged_orders(result, index)
    yield from changed_prices(result)
    yield from other_certificates(result)


def changed_leaves(result: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, leaf in leaves(result):
        if isinstance(leaf, int):
            for step in (-1, 1):
                yield f"{path} {step:+}", changed(result, path, leaf + step)
        elif path[-1] == "side":
            yield f"{path} swapped", changed(result, path, "bid" if leaf == "ask" else "ask")
        else:
            yield f"{path} renamed", changed(result, path, f"{leaf}x")


def changed_order(
    result: dict[str, Any], index: int, order: dict[str, Any]
) -> Iterator[tuple[str, dict[str, Any]]]:
    rows = result["orders"]
    yield f"order {index} removed", {**result, "orders": rows[:index] + rows[index + 1 :]}
    yield f"order {index} doubled", {**result, "orders": [*rows[:index], order, *rows[index:]]}
    if "price_ticks" in order:
        priceless = copy.deepcopy(result)
        del priceless["orders"][index]["price_ticks"]
        yield f"order {index} without its price", priceless
    else:
        yield f"order {index} priced", changed(result, ("orders", index, "price_ticks"), 0)


def exchanged_orders(result: dict[str, Any], index: int) -> Iterator[tuple[str, dict[str, Any]]]:
    swapped = copy.deepcopy(result)
    rows = swapped["orders"]
    rows[index - 1], rows[index] = rows[index], rows[index - 1]
    yield f"orders {index - 1} and {index} in the wrong order", swapped
    renamed = copy.deepcopy(result)
    first, second = renamed["orders"][index - 1], renamed["orders"][index]
    first["id"], second["id"] = second["id"], first["id"]
    if first["side"] == second["side"]:
        yield f"ids of {index - 1} and {index} exchanged", renamed


def changed_prices(result: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for price in result["prices"]:
        yield "price removed", {**result, "prices": []}
        yield "price doubled", {**result, "prices": [price, price]}
    if not result["prices"]:
        price = {"feeder": "a", "price_ticks": 0, "low_ticks": 0, "high_ticks": 0}
        yield "price added", {**result, "prices": [price]}


def other_certificates(result: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    own = result["certificate"]
    potential = [{"feeder": "a", "potential": 0}]
    for other in (
        {},
        {"cut": []},
        {"cut": ["a"]},
        {"cut": ["a", "a"]},
        {"potentials": potential},
        {"potentials": 2 * own.get("potentials", potential)},
        {**own, "cut": ["a"], "potentials": potential},
    ):
        same = all(other.get(name, []) == own.get(name, []) for name in ("potentials", "cut"))
        if not same:
            yield f"certificate {other}", {**result, "certificate": other}


def moved_energy(result: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield results in which one order gave a Wh to another, so that all sums still hold."""
    rows = result["orders"]
    for side in ("ask", "bid"):
        mine = [index for index, row in enumerate(rows) if row["side"] == side]
        for source in mine:
            for target in mine:
                if source == target or not rows[source]["wh"]:
                    continue
                moved = copy.deepcopy(result)
                moved["orders"][source]["wh"] -= 1
                moved["orders"][target]["wh"] += 1
                yield f"one Wh from {side} {source} to {target}", moved


def is_refused(market: Market, value: dict[str, Any]) -> bool:
    try:
        verify(market, result_from_json(value))
    except (CertificateError, MarketInputError):
        return True
    return False


@pytest.mark.parametrize("part", range(5))
def test_no_change_to_a_result_passes(part):
    rng = random.Random(1000 + part)
    for _ in range(MARKETS // 5):
        market = seeded_market(rng, orders_max=7)
        value = result_to_json(clear(market))
        verify(market, result_from_json(value))
        for what, mutated in mutations(value):
            assert is_refused(market, mutated), (what, market)


@pytest.mark.parametrize("part", range(4))
def test_no_change_to_a_result_of_any_market_passes(part):
    """Trees, agreements, every rule; as a file that people read, and as the bytes that are hashed."""
    rng = random.Random(2000 + part)
    for _ in range(25):
        market = any_market(rng, orders_max=5, feeders_max=4)
        value = result_to_json(clear(market))
        verify(market, result_from_json(value))
        for what, mutated in mutations(value):
            assert is_refused(market, mutated), (what, market)
            with pytest.raises(CertificateError):
                verify_encoded(market, encode_trusted(mutated))


def test_no_wh_moved_between_neighbours_passes():
    rng = random.Random(77)
    tried = 0
    for _ in range(60):
        market = seeded_market(rng, orders_max=6)
        for what, mutated in moved_energy(result_to_json(clear(market))):
            tried += 1
            assert is_refused(market, mutated), (what, market)
    assert tried > 200


def test_less_volume_or_less_welfare_passes_nowhere():
    """Whole results that balance, with prices and sums put right, but are not the best one."""
    market = market_of([(5, 10), (5, 20)], [(5, 30), (5, 20)])
    best = result_to_json(clear(market))
    assert best["matched_wh"] == 10
    for asks, bids in (((5, 0), (5, 0)), ((5, 4), (5, 4)), ((0, 5), (5, 0)), ((0, 0), (0, 0))):
        other = copy.deepcopy(best)
        limits = {"s1": -10, "s2": -20, "b1": 30, "b2": 20}
        for row, wh in zip(other["orders"], (*asks, *bids), strict=True):
            row["wh"] = wh
            row.pop("price_ticks", None)
            if wh:
                row["price_ticks"] = 20
        other["matched_wh"] = sum(asks)
        other["welfare_units"] = sum(row["wh"] * limits[row["id"]] for row in other["orders"])
        if not sum(asks):
            other["prices"] = []
        for potential in range(18, 63):
            other["certificate"] = {"potentials": [{"feeder": "a", "potential": potential}]}
            assert is_refused(market, other), (asks, bids, potential)


@pytest.mark.parametrize("demand", [4, 6, 9])
def test_less_than_the_eligible_volume_passes_nowhere(demand):
    """Under a set price: balanced, shared and summed up by the rule, only smaller."""
    market = market_of([(6, 410)], [(demand, 2450)], MID_MARKET)
    best = clear(market)
    for wh in range(best.matched_wh):
        for cut in ((), ("a",)):
            other = replace(
                best,
                asks=replace(best.asks, wh=(wh,)),
                bids=replace(best.bids, wh=(wh,)),
                matched_wh=wh,
                welfare_units=wh * (2450 - 410),
                certificate=Certificate(cut=cut),
            )
            with pytest.raises(CertificateError):
                verify(market, other)


def test_a_result_proves_nothing_about_another_market():
    rng = random.Random(5)
    pairs = [(market, clear(market)) for market in (seeded_market(rng) for _ in range(25))]
    for one, (market, _) in enumerate(pairs):
        for other, (_, result) in enumerate(pairs):
            if one != other:
                with pytest.raises(CertificateError):
                    verify(market, result)


def test_a_result_proves_nothing_about_nearly_the_same_market():
    market = market_of([(5, 10), (9, 20)], [(8, 30), (5, 15)])
    result = clear(market)
    verify(market, result)
    rules = replace(market.rules, price=PriceRule.MID_MARKET, import_ticks=30, export_ticks=10)
    first, *rest = market.asks
    for other in (
        replace(market, period=market.period + 1),
        replace(market, rules=rules),
        replace(market, asks=Orders()),
        replace(market, asks=market.bids, bids=market.asks),
        replace(market, asks=Orders.of([first._replace(wh=4), *rest])),
        replace(market, asks=Orders.of([first._replace(limit_ticks=9), *rest])),
    ):
        with pytest.raises(CertificateError):
            verify(other, result)
