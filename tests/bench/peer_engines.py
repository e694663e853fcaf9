"""Who else clears a half-hour: plain integers, PuLP as first written, other projects' engines.

Each takes a book and returns what clears it and gives each order's Wh. Other projects' engines run
in a process of their own, under a Python that has them, by `tests/bench/peer_driver.py`.
"""

import json
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import cbcbox
import pulp

from market.clearing import clear
from market.model import Orders
from tests.bench.markets import UNIFORM, Book

SECONDS_MAX = 60
"""An engine that takes longer is stopped."""

PULP_HIGHS = "PuLP, a variable an order, HiGHS"
PULP_CBC = "PuLP, a variable an order, CBC"

Got = tuple[Sequence[float], Sequence[float]]
"""Wh of each ask and of each bid."""


def ours(book: Book) -> Callable[[], Got]:
    """Return this project's clearing of a book."""
    market = book.under(UNIFORM)

    def run() -> Got:
        result = clear(market)
        return result.asks.wh, result.bids.wh

    return run


def merit_order(book: Book) -> Callable[[], Got]:
    """Return the least that clears one feeder: sort, walk, and split what ties pro rata."""
    sides = [list(zip(side.limit_ticks, side.wh, strict=True)) for side in (book.asks, book.bids)]

    def run() -> Got:
        asks, bids = sides
        sold = sorted(range(len(asks)), key=lambda number: asks[number][0])
        bought = sorted(range(len(bids)), key=lambda number: -bids[number][0])
        ask, bid, total = 0, 0, 0
        left_ask, left_bid = asks[sold[0]][1], bids[bought[0]][1]
        while asks[sold[ask]][0] <= bids[bought[bid]][0]:
            step = min(left_ask, left_bid)
            total, left_ask, left_bid = total + step, left_ask - step, left_bid - step
            if not left_ask:
                ask += 1
                if ask == len(sold):
                    break
                left_ask = asks[sold[ask]][1]
            if not left_bid:
                bid += 1
                if bid == len(bought):
                    break
                left_bid = bids[bought[bid]][1]
        return _shares(asks, sold, total), _shares(bids, bought, total)

    return run


def _shares(orders: list[tuple[int, int]], rising: list[int], total: int) -> list[int]:
    """Give a total to a sorted side, level by level; the last level shares by largest remainder."""
    got = [0] * len(orders)
    at = 0
    while total and at < len(rising):
        level = orders[rising[at]][0]
        tied = []
        while at < len(rising) and orders[rising[at]][0] == level:
            tied.append(rising[at])
            at += 1
        whole = sum(orders[number][1] for number in tied)
        taken = min(total, whole)
        total -= taken
        remainders = []
        for number in tied:
            got[number], remainder = divmod(orders[number][1] * taken, whole)
            remainders.append((-remainder, number))
        missing = taken - sum(got[number] for number in tied)
        for _, number in sorted(remainders)[:missing]:
            got[number] += 1
    return got


def naive_pulp(book: Book, solver: Callable[[], Any]) -> Callable[[], Got]:
    """Return a linear programme with a variable for each order, as one would first write it."""

    def run() -> Got:
        problem = pulp.LpProblem("naive", pulp.LpMinimize)
        sides = [
            [problem.add_variable(f"{name}{n}", 0, wh) for n, wh in enumerate(side.wh)]
            for name, side in (("a", book.asks), ("b", book.bids))
        ]
        sold, bought = sides
        costs = [*zip(sold, book.asks.limit_ticks, strict=True)]
        costs += [(made, -limit) for made, limit in zip(bought, book.bids.limit_ticks, strict=True)]
        problem.setObjective(pulp.LpAffineExpression(costs))
        balance = [(made, 1) for made in sold] + [(made, -1) for made in bought]
        problem.addConstraint(pulp.LpAffineExpression(balance) == 0, "balance")
        problem.solve(solver())
        return [made.varValue for made in sold], [made.varValue for made in bought]

    return run


def highs() -> Any:
    """Return HiGHS as PuLP ships it."""
    return pulp.HiGHS(msg=False, threads=1)


def cbc() -> Any:
    """Return CBC, a program of its own."""
    return pulp.COIN_CMD(path=cbcbox.cbc_bin_path(), msg=False)


def own_versions() -> dict[str, str]:
    """Return what the linear programmes here are made with."""
    pulp_version, highs_version = metadata.version("pulp"), metadata.version("highspy")
    return {
        PULP_HIGHS: f"PuLP {pulp_version}, highspy {highs_version}",
        PULP_CBC: f"PuLP {pulp_version}, cbcbox {metadata.version('cbcbox')}",
    }


class Others:
    """Other projects' engines, in a process of their own."""

    def __init__(self, python: str) -> None:
        driver = Path(__file__).with_name("peer_driver.py")
        self._folder = tempfile.TemporaryDirectory()  # some of them write logs where they stand
        self._process = subprocess.Popen(
            [python, str(driver.resolve())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=self._folder.name,
        )
        self.versions: dict[str, str] = {}
        for engine in self._ask(do="list"):
            if "missing" in engine:
                print(f"NOT MEASURED: {engine['name']}: {engine['missing']}")
            else:
                self.versions[engine["name"]] = engine["version"]

    def load(self, book: Book) -> None:
        """Hand a book over."""
        self._ask(do="load", asks=_pairs(book.asks), bids=_pairs(book.bids))

    def run(self, name: str) -> dict[str, Any]:
        """Clear the book by an engine."""
        answer: dict[str, Any] = self._ask(do="run", name=name, seconds_max=SECONDS_MAX)
        return answer

    def close(self) -> None:
        """End the process."""
        self._process.communicate()
        self._folder.cleanup()

    def _ask(self, **command: object) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


def _pairs(orders: Orders) -> list[tuple[int, int]]:
    return list(zip(orders.wh, orders.limit_ticks, strict=True))
