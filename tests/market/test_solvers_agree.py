"""No byte depends on the solver, and a solver that fails gives no result at all."""

import hashlib
import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cbcbox
import pulp
import pytest

from market.certificate import verify
from market.clearing import clear
from market.errors import SolverError
from market.lp import INTEGRALITY_TOLERANCE, cbc
from market.result_wire import result_bytes
from tests.market.any_market import any_market
from tests.market.books import market_of, seeded_market

GOLDEN_SHA256 = "fcb2ee9b6602433f309f9db69c6ee7f490afc0a98350ac2e573adfd16e27193d"
"""Of the results of 200 seeded markets, one after another. If it changes, so do the hashes of
every half-hour that was settled before: say so in the changelog, and why."""

CORPUS_SHA256 = "9c790153ea339bc70aaf8c867a7fdfdde8d20573757a1c078fd47ac3fe8b5991"
"""Of 200 seeded markets with trees, agreements and all rules, likewise."""

CBC_WH_MAX = 10**7
"""CBC's file interface keeps eight digits, so it is compared below this."""


@pytest.fixture(scope="module")
def cbc_solver() -> Any:
    path = cbcbox.cbc_bin_path()
    assert Path(path).is_file()
    return cbc(path)


@pytest.mark.parametrize("seed", range(60))
def test_highs_and_cbc_give_the_same_bytes(cbc_solver, seed):
    market = seeded_market(random.Random(seed), wh_max=200_000)
    assert sum(order.wh for order in (*market.asks, *market.bids)) < CBC_WH_MAX
    ours, theirs = clear(market), clear(market, cbc_solver)
    assert result_bytes(ours) == result_bytes(theirs)
    verify(market, theirs)


def test_where_duals_differ_the_result_does_not(cbc_solver):
    """On this book CBC's dual says 30 and HiGHS's 10; the price is neither."""
    market = market_of([(10, 1000)], [(10, 3000)])
    for solver in (None, cbc_solver):
        [price] = clear(market, solver).prices
        assert (price.low_ticks, price.price_ticks, price.high_ticks) == (1000, 2000, 3000)


def test_the_bytes_of_200_seeded_markets_are_what_they_were():
    rng = random.Random(946_000)
    digest = hashlib.sha256()
    for _ in range(200):
        market = seeded_market(rng)
        result = clear(market)
        verify(market, result)
        digest.update(result_bytes(result))
    assert digest.hexdigest() == GOLDEN_SHA256


def test_the_corpus_of_200_markets_has_its_bytes_with_either_solver(cbc_solver):
    rng = random.Random(946_001)
    digests = hashlib.sha256(), hashlib.sha256()
    rules = set()
    for _ in range(200):
        market = any_market(rng, wh_max=2_000, orders_max=20)
        rules.add((market.rules.price, market.rules.sharing, len(market.feeders) > 1))
        for digest, solver in zip(digests, (None, cbc_solver), strict=True):
            digest.update(result_bytes(clear(market, solver)))
    assert len(rules) >= 20
    assert [digest.hexdigest() for digest in digests] == 2 * [CORPUS_SHA256]


# Solvers that fail.


class FakeSolver(pulp.LpSolver):
    """A solver in PuLP's form that answers what it is told to.

    Args:
        answer: value by the variable's place, asks before bids.
        status: PuLP's status.
        sol_status: PuLP's status of the solution; follows from ``status`` if left out.
    """

    name = "fake"

    def __init__(
        self,
        answer: Callable[[int], float | None],
        status: int = pulp.LpStatusOptimal,
        sol_status: int | None = None,
    ) -> None:
        super().__init__(mip=False, msg=False)
        self._answer, self._status, self._sol_status = answer, status, sol_status

    def available(self) -> bool:
        return True

    def actualSolve(self, lp: Any, **_kwargs: Any) -> int:  # noqa: N802 - PuLP's name
        for index, variable in enumerate(lp.variables()):
            variable.varValue = self._answer(index)
        lp.assignStatus(self._status, self._sol_status)
        return self._status


class BrokenSolver(FakeSolver):
    """A solver whose program cannot be run."""

    def actualSolve(self, _lp: Any, **_kwargs: Any) -> int:  # noqa: N802 - PuLP's name
        raise pulp.PulpSolverError("no such program")


MARKET = market_of([(6, 10)], [(6, 30)])


def test_the_fake_can_answer_rightly():
    """So the refusals below come from the answers and not from the fake."""
    assert result_bytes(clear(MARKET, FakeSolver(lambda _: 6.0))) == result_bytes(clear(MARKET))
    almost = FakeSolver(lambda _: 6 - INTEGRALITY_TOLERANCE / 2)
    assert result_bytes(clear(MARKET, almost)) == result_bytes(clear(MARKET))


@pytest.mark.parametrize(
    "status",
    [
        pulp.LpStatusNotSolved,
        pulp.LpStatusInfeasible,
        pulp.LpStatusUnbounded,
        pulp.LpStatusUndefined,
    ],
)
def test_a_solver_without_an_optimum_clears_nothing(status):
    with pytest.raises(SolverError, match="nothing was cleared"):
        clear(MARKET, FakeSolver(lambda _: 6.0, status))


def test_a_solution_that_is_only_feasible_clears_nothing():
    """As when time runs out: PuLP says Optimal and means integer feasible."""
    solver = FakeSolver(lambda _: 6.0, sol_status=pulp.LpSolutionIntegerFeasible)
    with pytest.raises(SolverError, match="nothing was cleared"):
        clear(MARKET, solver)


def test_a_solver_that_cannot_run_clears_nothing():
    with pytest.raises(SolverError, match="no such program"):
        clear(MARKET, BrokenSolver(lambda _: 6.0))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ([5.5, 5.5], "not whole Wh"),
        ([6.01, 6.0], "not whole Wh"),
        ([7.0, 7.0], "not whole Wh"),
        ([-1.0, -1.0], "not whole Wh"),
        ([6.0, 5.0], "does not balance"),
        ([0.0, 6.0], "does not balance"),
    ],
)
def test_an_answer_that_is_not_whole_bounded_and_balanced_clears_nothing(answer, words):
    with pytest.raises(SolverError, match=words):
        clear(MARKET, FakeSolver(answer.__getitem__))


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
def test_an_answer_that_is_not_a_number_clears_nothing(value):
    with pytest.raises(SolverError):
        clear(MARKET, FakeSolver(lambda _: value))


def test_no_other_method_is_tried_when_a_solver_fails():
    """A wrong answer that is whole, bounded and balanced is caught by the certificate."""
    result = clear(MARKET, FakeSolver(lambda _: 6.0))
    verify(MARKET, result)
    calls: list[int] = []

    def answer(index: int) -> float:
        calls.append(index)
        return 5.5

    with pytest.raises(SolverError):
        clear(MARKET, FakeSolver(answer))
    assert calls == [0, 1]
