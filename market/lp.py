"""The linear programme of a half-hour, in PuLP.

Variables are the aggregated Wh of each side and price level, so the programme's size depends
on the number of distinct prices and not of homes; equal offers are shared afterwards by rule.
Prices are doubled and each bid gets one more: a tick of welfare (2) always outweighs a unit of
volume (1), so the optimum has the largest volume among those of greatest welfare, and it is
the only one.

>>> solve_levels([Level(500, 800)], [Level(2450, 600)])
([600], [600])
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import highspy
import pulp

from market.errors import SolverError

SOLVER_SECONDS_MAX = 60
"""Longest time for one half-hour; a city's takes milliseconds, so more means a fault."""

INTEGRALITY_TOLERANCE = 1e-3
"""How far a solver's answer may lie from the integers that the network matrix guarantees.
HiGHS answers to about 1e-7 of a Wh; whatever is rounded is checked again in integers."""


@dataclass(frozen=True, slots=True)
class Level:
    """All orders of one side at one price: their limit and their Wh together."""

    price_ticks: int
    wh: int


class ArrayHighs(pulp.HiGHS):  # type: ignore[misc]
    """PuLP's HiGHS, handing the whole model over as arrays instead of column by column."""

    def buildSolverModel(self, lp: Any) -> None:  # noqa: N802 - PuLP's name
        """Pass the model to HiGHS in one call."""
        variables = lp.variables()
        constraints = list(lp._constraints.values())  # noqa: SLF001 - as PuLP's own interface
        for index, variable in enumerate(variables):
            variable.index = index
        model = highspy.HighsLp()
        model.num_col_, model.num_row_ = len(variables), len(constraints)
        model.col_cost_ = [lp.objective.get(variable, 0.0) for variable in variables]
        model.col_lower_ = [variable.lowBound for variable in variables]
        model.col_upper_ = [variable.upBound for variable in variables]
        starts, indices, values = [0], [], []
        for row, constraint in enumerate(constraints):
            constraint.index = row
            indices += [variable.index for variable in constraint]
            values += constraint.values()
            starts.append(len(indices))
        model.row_lower_ = [constraint.getLb() for constraint in constraints]
        model.row_upper_ = [constraint.getUb() for constraint in constraints]
        model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        model.a_matrix_.start_, model.a_matrix_.index_ = starts, indices
        model.a_matrix_.value_ = values
        if lp.solverModel.passModel(model) != highspy.HighsStatus.kOk:
            raise SolverError("HiGHS did not take the model; nothing was cleared.")


def highs() -> Any:
    """Return the default solver: HiGHS in process, presolve off (it costs more than it saves)."""
    return ArrayHighs(mip=False, msg=False, threads=1, timeLimit=SOLVER_SECONDS_MAX, presolve="off")


def cbc(program: str) -> Any:
    """Return the second opinion: the CBC program at a path, exact below 10^7 Wh in total."""
    return pulp.COIN_CMD(path=program, mip=False, msg=False, timeLimit=SOLVER_SECONDS_MAX)


def solve_levels(
    asks: Sequence[Level], bids: Sequence[Level], solver: Any | None = None
) -> tuple[list[int], list[int]]:
    """Return the Wh accepted at each level of asks and of bids.

    Args:
        asks: price levels on offer, each price once.
        bids: price levels wanted, each price once.
        solver: a PuLP solver; HiGHS if left out.

    Raises:
        SolverError: the solver did not report an optimum, or one that is not a whole,
            balanced number of Wh within bounds.
    """
    if not asks or not bids:
        return [0] * len(asks), [0] * len(bids)
    problem = pulp.LpProblem("half_hour", pulp.LpMinimize)
    supply = [
        problem.add_variable(f"ask_{index:06d}", 0, level.wh) for index, level in enumerate(asks)
    ]
    demand = [
        problem.add_variable(f"bid_{index:06d}", 0, level.wh) for index, level in enumerate(bids)
    ]
    costs = [
        (variable, 2 * level.price_ticks) for variable, level in zip(supply, asks, strict=True)
    ]
    values = [
        (variable, -2 * level.price_ticks - 1) for variable, level in zip(demand, bids, strict=True)
    ]
    problem.setObjective(pulp.LpAffineExpression(costs + values))
    balance = pulp.LpAffineExpression([(v, 1) for v in supply] + [(v, -1) for v in demand])
    problem.addConstraint(balance == 0, "balance")
    try:
        status = problem.solve(solver if solver is not None else highs())
    except pulp.PulpSolverError as error:
        raise SolverError(f"The solver failed ({error}); nothing was cleared.") from error
    if status != pulp.LpStatusOptimal or problem.sol_status != pulp.LpSolutionOptimal:
        raise SolverError(
            f"The solver answered '{pulp.LpStatus[status]}' and no optimum within "
            f"{SOLVER_SECONDS_MAX} s; nothing was cleared."
        )
    accepted = _whole(supply, asks), _whole(demand, bids)
    if sum(accepted[0]) != sum(accepted[1]):
        raise SolverError("The solver's answer does not balance; nothing was cleared.")
    return accepted


def _whole(variables: Sequence[Any], levels: Sequence[Level]) -> list[int]:
    """Round a vertex to the integers it stands for, and check the bounds again."""
    whole = []
    for variable, level in zip(variables, levels, strict=True):
        value = variable.varValue
        nearest = round(value) if value is not None and math.isfinite(value) else -1
        if nearest < 0 or abs(value - nearest) > INTEGRALITY_TOLERANCE or nearest > level.wh:
            raise SolverError(f"The solver's answer {value} is not whole Wh; nothing was cleared.")
        whole.append(nearest)
    return whole
