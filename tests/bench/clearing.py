"""Clearing one half-hour, and proving it: on one feeder and on sixteen.

In processor time of one core; what is compared takes turns.
"""

import gc
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from market.certificate import prove
from market.clearing import clear
from market.model import Market, Rules
from tests.bench.markets import (
    DISTINCT,
    MID_MARKET,
    MID_MARKET_EQUAL,
    TIED,
    UNIFORM,
    UNIFORM_EQUAL,
    Book,
    even_book,
    homes_book,
    limits_and_wh,
    sort_orders,
    tree_book,
    tree_of,
)
from tests.bench.page import RUNS, take_turns, verdict

SIZES = (1_000, 10_000, 100_000)
EVEN = (10_000, 50_000)
LEVELS = 360
FEEDERS = 16

WANTED_MS = {10_000: 10, 100_000: 60}
WANTED_FEEDERS_MS = 100


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of market: its name on the page, its price levels and its rules."""

    name: str
    levels: int
    rules: Rules


@dataclass(frozen=True, slots=True)
class Network:
    """A kind of market on a tree; an edge carries so many Wh for each home, None without limit."""

    name: str
    levels: int
    rules: Rules
    capacity_wh: int | None = None
    charge_ticks: int = 0


KINDS = (
    Kind("mid-market, one tariff: all tie", TIED, MID_MARKET),
    Kind("the same, shared equally", TIED, MID_MARKET_EQUAL),
    Kind("uniform, one tariff: all tie", TIED, UNIFORM),
    Kind("uniform, 360 price levels", LEVELS, UNIFORM),
    Kind("the same, shared equally", LEVELS, UNIFORM_EQUAL),
    Kind("uniform, all prices distinct", DISTINCT, UNIFORM),
)

NETWORKS = (
    Network("uniform, no limits", LEVELS, UNIFORM),
    Network("uniform, capacities", LEVELS, UNIFORM, 20),
    Network("uniform, capacities and charges", LEVELS, UNIFORM, 20, 30),
    Network("the same, shared equally", LEVELS, UNIFORM_EQUAL, 20, 30),
    Network("the same, all prices distinct", DISTINCT, UNIFORM, 20, 30),
    Network("mid-market, no limits", TIED, MID_MARKET),
    Network("mid-market, capacities", TIED, MID_MARKET, 20),
    Network("the same, shared equally", TIED, MID_MARKET_EQUAL, 20),
)


def half_hour_rows(found: dict[tuple[int, int], float]) -> list[str]:
    """Measure each kind at each size; clearing's seconds are left in ``found``."""
    rows = []
    for kind in KINDS:
        before: dict[str, float] = {}
        sizes: list[tuple[str, int, Callable[[int, int], Book]]] = [
            (f"{homes:,}", homes, homes_book) for homes in SIZES
        ]
        if kind.rules is UNIFORM and kind.levels != TIED:
            sizes += [(f"{half:,} a side", half, even_book) for half in EVEN]
        for name, size, make in sizes:
            book = make(size, kind.levels)
            sides = limits_and_wh(book.asks), limits_and_wh(book.bids)
            times = _times(book.under(kind.rules), sort=partial(sort_orders, *sides))
            grows = _growth(times, before if make is homes_book else {})
            before = times
            if make is homes_book:
                found.setdefault((kind.levels, size), times["clear"])
            rows.append(
                f"| {kind.name} | {name} | {1000 * times['clear']:.2f} | {grows['clear']} "
                f"| {1000 * times['sort']:.3f} | {times['clear'] / times['sort']:,.0f} "
                f"| {_proof(times, grows)}"
            )
            print(rows[-1])
    return rows


def feeder_rows(found: dict[int, list[float]]) -> list[str]:
    """Measure each network at each size; clearing's seconds are left in ``found`` by homes."""
    rows = []
    for network in NETWORKS:
        before: dict[str, float] = {}
        for homes in SIZES:
            book, names = tree_book(homes, FEEDERS, network.levels)
            capacity = None if network.capacity_wh is None else network.capacity_wh * homes
            market = book.under(network.rules, tree_of(names, capacity, network.charge_ticks))
            full = sum(flow.full for flow in clear(market).flows)
            times = _times(market)
            grows = _growth(times, before)
            before = times
            found.setdefault(homes, []).append(times["clear"])
            rows.append(
                f"| {network.name} | {homes:,} | {full} | {1000 * times['clear']:.1f} "
                f"| {grows['clear']} | {_proof(times, grows)}"
            )
            print(rows[-1])
    return rows


def _times(market: Market, **others: Callable[[], object]) -> dict[str, float]:
    """Return the seconds to clear a market, to prove its result, and of other work beside it."""
    certificate = clear(market).certificate
    gc.collect()

    def quietly() -> None:
        gc.disable()
        try:
            prove(market, certificate)
        finally:
            gc.enable()

    works = {"clear": partial(clear, market), "prove": partial(prove, market, certificate)}
    return take_turns({**works, "quiet": quietly, **others})


def _proof(times: dict[str, float], grows: dict[str, str]) -> str:
    """Return the cells on the proof, with and without Python's collector of garbage."""
    cells = (f"{1000 * times[name]:.1f} | {grows[name]}" for name in ("prove", "quiet"))
    return " | ".join(cells) + " |"


def _growth(times: dict[str, float], before: dict[str, float]) -> dict[str, str]:
    return {name: f"{times[name] / before[name]:.1f}×" if before else "" for name in times}


def half_hour_section() -> list[str]:
    """Return the page's section on one half-hour of one feeder."""
    found: dict[tuple[int, int], float] = {}
    rows = half_hour_rows(found)
    verdicts = [
        verdict(f"{homes:,} homes, 360 price levels", 1000 * found[LEVELS, homes], most, "ms")
        for homes, most in WANTED_MS.items()
    ]
    return [
        "## One half-hour",
        "",
        "Each home has an order on one feeder: a third sell, the others buy; *a side* means so",
        "many sellers and as many buyers. Clearing includes checking the input, grouping, the",
        "linear programme, prices and every order's share. *Sort* is the practical limit: numpy",
        "sorts the same orders by price and sums their energy, and shares nothing; *ratio* is",
        "clearing to sort. *Proof* is what an auditor does without a solver",
        "(`market.certificate.prove`). Milliseconds of one core's",
        f"processor time; they take turns, median of {RUNS} runs.",
        "",
        "| market | homes | clearing | growth | sort | ratio | proof | growth | no collector | growth |",
        "| --- |" + " ---: |" * 9,
        *rows,
        "",
        "*Growth* is against ten times fewer homes: 10× is linear. *No collector* is the proof with",
        "Python's garbage collector off: the collector, which looks again and again at the objects",
        "that the proof makes of each order, is a large part of what is beyond linear. Wanted:",
        "",
        *verdicts,
    ]


def feeders_section() -> list[str]:
    """Return the page's section on a half-hour of sixteen feeders."""
    found: dict[int, list[float]] = {}
    rows = feeder_rows(found)
    slowest = 1000 * max(found[10_000])
    return [
        f"## {FEEDERS} feeders",
        "",
        f"A tree of {FEEDERS} feeders, three below each; on every other one two thirds of the",
        "homes sell, elsewhere one in six. Every edge carries 20 Wh for each home of the whole, or",
        "has no limit; charges are 30 ticks an edge. *Full* counts the edges that carry all they",
        f"can. Milliseconds of one core's processor time, taking turns, median of {RUNS} runs.",
        "",
        "| market | homes | full | clearing | growth | proof | growth | no collector | growth |",
        "| --- |" + " ---: |" * 8,
        *rows,
        "",
        "*Growth* is against ten times fewer homes: 10× is linear. Wanted, of the slowest row:",
        "",
        verdict("10,000 homes", slowest, WANTED_FEEDERS_MS, "ms"),
    ]
