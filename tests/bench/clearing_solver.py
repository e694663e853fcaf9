"""Many distinct prices: the whole clearing against HiGHS alone on the whole book."""

from collections.abc import Callable
from functools import partial

import highspy
import numpy as np

from market.clearing import clear
from tests.bench.markets import UNIFORM, Book, level_book
from tests.bench.page import RUNS, take_turns, verdict

LEVELS = 3_600
ORDERS_EACH = (1, 10)
WANTED_TIMES = 3


class BareHighs:
    """HiGHS on every price level of a book, grouped beforehand, and nothing around it."""

    def __init__(self, book: Book, *, presolve: str) -> None:
        columns = []
        for orders, bonus in ((book.asks, 0), (book.bids, 1)):
            values = 2 * np.array(orders.limit_ticks) + bonus
            levels, places = np.unique(values, return_inverse=True)
            columns.append((levels, np.bincount(places, weights=orders.wh)))
        (sold, sold_wh), (bought, bought_wh) = columns
        self._sold = len(sold)
        self._cost = np.concatenate([sold, -bought]).astype(float)
        self._most = np.concatenate([sold_wh, bought_wh])
        self._signs = np.concatenate([np.ones(len(sold)), -np.ones(len(bought))])
        self._solver = highspy.Highs()
        for name, value in (("output_flag", False), ("presolve", presolve), ("threads", 1)):
            self._solver.setOptionValue(name, value)
        self.matched_wh = 0

    def solve(self) -> None:
        """Hand the arrays over, solve, and read what was matched."""
        count = len(self._cost)
        model = highspy.HighsLp()
        model.num_col_, model.num_row_ = count, 1
        model.col_cost_, model.col_upper_ = self._cost, self._most
        model.col_lower_ = np.zeros(count)
        model.row_lower_ = model.row_upper_ = np.zeros(1)
        model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        model.a_matrix_.start_ = np.array([0, count], dtype=np.int32)
        model.a_matrix_.index_ = np.arange(count, dtype=np.int32)
        model.a_matrix_.value_ = self._signs
        self._solver.clearModel()
        self._solver.passModel(model)
        self._solver.run()
        answer = np.array(self._solver.getSolution().col_value)
        self.matched_wh = round(answer[: self._sold].sum())


def solver_rows(ratios: list[float]) -> list[str]:
    """Measure clearing beside the bare solver; clearing's multiple of it goes to ``ratios``."""
    rows = []
    for each in ORDERS_EACH:
        book = level_book(LEVELS, each)
        market = book.under(UNIFORM)
        bare, presolved = (BareHighs(book, presolve=choice) for choice in ("off", "on"))
        works: dict[str, Callable[[], object]] = {
            "clear": partial(clear, market),
            "bare": bare.solve,
            "pre": presolved.solve,
        }
        times = take_turns(works)
        matched = clear(market).matched_wh
        if {bare.matched_wh, presolved.matched_wh} != {matched}:
            raise SystemExit("the bare solver matched something else: nothing is compared")
        ratios.append(times["clear"] / times["bare"])
        rows.append(
            f"| {LEVELS * each:,} | {1000 * times['clear']:.2f} | {1000 * times['bare']:.2f} "
            f"| {1000 * times['pre']:.2f} | {ratios[-1]:.2f} |"
        )
        print(rows[-1])
    return rows


def solver_section() -> list[str]:
    """Return the page's section on distinct prices."""
    ratios: list[float] = []
    rows = solver_rows(ratios)
    return [
        f"## {LEVELS:,} distinct prices a side",
        "",
        "Clearing from orders to every share, with the book reduced before the linear programme,",
        "against HiGHS alone, called directly with arrays of all price levels that are there",
        "already; it shares nothing and prices nothing, and matches as much. Milliseconds of",
        f"processor time, taking turns, median of {RUNS} runs.",
        "",
        "| orders a side | clearing | HiGHS, presolve off | HiGHS, presolve on | times the first |",
        "| ---: | ---: | ---: | ---: | ---: |",
        *rows,
        "",
        "Wanted:",
        "",
        verdict("against HiGHS, presolve off", ratios[0], WANTED_TIMES, "times"),
    ]
