"""Seeded half-hours to clear: of homes on one feeder, on a tree of feeders, or of two even sides."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from market.model import Feeder, Market, Orders, PriceRule, Rules, SharingRule

PERIOD = 946_000
IMPORT_TICKS, EXPORT_TICKS = 2450, 410

UNIFORM = Rules(PriceRule.UNIFORM)
UNIFORM_EQUAL = Rules(PriceRule.UNIFORM, SharingRule.EQUAL_SHARE)
MID_MARKET = Rules(PriceRule.MID_MARKET, import_ticks=IMPORT_TICKS, export_ticks=EXPORT_TICKS)
MID_MARKET_EQUAL = Rules(
    PriceRule.MID_MARKET,
    SharingRule.EQUAL_SHARE,
    import_ticks=IMPORT_TICKS,
    export_ticks=EXPORT_TICKS,
)

TIED = 1
"""Price levels of a street with one tariff: each side has one limit."""

DISTINCT = 0
"""Stands for no levels at all: every order has a limit of its own."""

DISTINCT_TICKS = 400_000
"""Limits that are all distinct lie between the export tariff and so much more."""


@dataclass(frozen=True, slots=True)
class Book:
    """The two sides of a half-hour."""

    asks: Orders
    bids: Orders

    def under(self, rules: Rules, feeders: tuple[Feeder, ...] = (Feeder("a"),)) -> Market:
        """Return the market of these orders."""
        return Market(PERIOD, feeders, self.asks, self.bids, rules)


def homes_book(homes: int, levels: int) -> Book:
    """Return an order of each home: a third of them sell, the others buy."""
    dice = random.Random(f"{homes}/{levels}")
    sellers = homes // 3
    return Book(
        _side("s", levels, EXPORT_TICKS, _whole(dice, sellers), dice),
        _side("b", levels, IMPORT_TICKS, _whole(dice, homes - sellers), dice),
    )


def even_book(per_side: int, levels: int) -> Book:
    """Return two sides of so many orders, some of the same Wh and limit; buyers want more."""
    dice = random.Random(f"even/{per_side}/{levels}")
    sold = [100 * dice.randrange(1, 21) for _ in range(per_side)]
    bought = [100 * dice.randrange(1, 31) for _ in range(per_side)]
    return Book(
        _side("s", levels, EXPORT_TICKS, sold, dice),
        _side("b", levels, IMPORT_TICKS, bought, dice),
    )


def level_book(levels: int, orders_each: int) -> Book:
    """Return two sides with just so many distinct limits each, so many orders at each limit."""
    dice = random.Random(f"level/{levels}/{orders_each}")
    sides = []
    for name in "sb":
        limits = dice.sample(range(EXPORT_TICKS, EXPORT_TICKS + 4 * levels), levels) * orders_each
        sides.append(_orders(name, _whole(dice, len(limits)), limits))
    return Book(*sides)


def tree_book(homes: int, count: int, levels: int) -> tuple[Book, list[str]]:
    """Return homes spread over a tree of feeders, and the feeders' ids.

    Every other feeder has much sun: there two thirds of the homes sell, elsewhere one in six.
    """
    dice = random.Random(f"tree/{homes}/{count}/{levels}")
    names = [f"f{number:03d}" for number in range(count)]
    on: dict[str, list[str]] = {"s": [], "b": []}
    for home in range(homes):
        at = home % count
        on["s" if dice.random() < (2 / 3 if at % 2 else 1 / 6) else "b"].append(names[at])
    sides = []
    for name, limit in (("s", EXPORT_TICKS), ("b", IMPORT_TICKS)):
        side = _side(name, levels, limit, _whole(dice, len(on[name])), dice)
        sides.append(Orders(side.ids, tuple(on[name]), side.wh, side.limit_ticks))
    return Book(*sides), names


def tree_of(names: Sequence[str], capacity_wh: int | None, charge_ticks: int) -> tuple[Feeder, ...]:
    """Return a tree in which each feeder has three below it, every edge alike."""
    below = [
        Feeder(name, names[(number - 1) // 3], capacity_wh, charge_ticks)
        for number, name in enumerate(names[1:], start=1)
    ]
    return (Feeder(names[0]), *below)


def limits_and_wh(orders: Orders) -> np.ndarray:
    """Return a side as rows of limit and Wh."""
    return np.column_stack([orders.limit_ticks, orders.wh]).astype(np.int64)


def sort_orders(asks: np.ndarray, bids: np.ndarray) -> None:
    """Do what any merit order must do: sort both sides by price and sum the energy."""
    np.cumsum(asks[np.argsort(asks[:, 0], kind="stable"), 1])
    np.cumsum(bids[np.argsort(-bids[:, 0], kind="stable"), 1])


def _whole(dice: random.Random, count: int) -> list[int]:
    return [dice.randrange(1, 3000) for _ in range(count)]


def _side(name: str, levels: int, tariff: int, wh: list[int], dice: random.Random) -> Orders:
    if levels == TIED:
        limits = [tariff] * len(wh)
    elif levels == DISTINCT:
        limits = dice.sample(range(EXPORT_TICKS, EXPORT_TICKS + DISTINCT_TICKS), len(wh))
    else:
        width = IMPORT_TICKS - EXPORT_TICKS
        prices = [EXPORT_TICKS + width * step // levels for step in range(levels)]
        limits = dice.choices(prices, k=len(wh))
    return _orders(name, wh, limits)


def _orders(name: str, wh: list[int], limits: list[int]) -> Orders:
    ids = tuple(f"{name}{number:031x}" for number in range(len(wh)))
    return Orders(ids, ("a",) * len(wh), tuple(wh), tuple(limits))
