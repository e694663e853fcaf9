"""The linear programme of a half-hour, in PuLP: what each price level and edge carries.

Variables are the Wh of each feeder, side and value, and the flows over each edge both ways; each
feeder balances. Bounds and balances form a network matrix, so a vertex is whole Wh.

>>> from market.model import Feeder
>>> from market.tree import Tree
>>> levels = Programme(Tree.of([Feeder("a")]), [{1000: 800}], [{4901: 600}], [(None, None)], [0])
>>> solve(levels)
Volumes(asks=[{1000: 600}], bids=[{4901: 600}])
"""

import math
from collections.abc import Sequence
from typing import Any

import highspy
import pulp

from market.errors import SolverError
from market.programme import Levels, Programme, Volumes

SOLVER_SECONDS_MAX = 60
"""Longest time for one half-hour; a city's takes milliseconds, so more means a fault."""

INTEGRALITY_TOLERANCE = 1e-3
"""How far a solver's answer may lie from the integers that the network matrix guarantees.
HiGHS answers to about 1e-7 of a Wh; whatever is rounded is checked again in integers."""


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
        model.col_upper_ = [
            math.inf if variable.upBound is None else variable.upBound for variable in variables
        ]
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


def solve(programme: Programme, solver: Any | None = None) -> Volumes:
    """Return an optimum of the programme in whole Wh.

    Args:
        programme: levels, edges and charges.
        solver: a PuLP solver; HiGHS if left out.

    Raises:
        SolverError: the solver did not report an optimum, or one that is not a whole,
            balanced number of Wh within bounds.
    """
    count = len(programme.tree)
    if not any(programme.asks) or not any(programme.bids):
        return Volumes([{} for _ in range(count)], [{} for _ in range(count)])
    problem = pulp.LpProblem("half_hour", pulp.LpMinimize)
    balances: list[list[tuple[Any, int]]] = [[] for _ in range(count)]
    costs: list[tuple[Any, int]] = []
    sold = _add_levels(problem, "ask", programme.asks, 1, balances, costs)
    bought = _add_levels(problem, "bid", programme.bids, -1, balances, costs)
    _add_flows(problem, programme, balances, costs)
    problem.setObjective(pulp.LpAffineExpression(costs))
    for node, terms in enumerate(balances):
        if terms:
            balance = pulp.LpAffineExpression(terms) == 0
            problem.addConstraint(balance, f"balance_{node:04d}")
    _optimise(problem, solver if solver is not None else highs(), programme)
    volumes = Volumes(_whole(sold, programme.asks), _whole(bought, programme.bids))
    _check(programme, volumes)
    return volumes


def _add_levels(
    problem: Any,
    name: str,
    levels: Levels,
    sign: int,
    balances: list[list[tuple[Any, int]]],
    costs: list[tuple[Any, int]],
) -> list[dict[int, Any]]:
    """Add a variable a level, which gives to its feeder's balance or takes from it."""
    found: list[dict[int, Any]] = []
    for node, of_node in enumerate(levels):
        variables: dict[int, Any] = {}
        for number, (value, wh) in enumerate(sorted(of_node.items())):
            variable = problem.add_variable(f"{name}_{node:04d}_{number:06d}", 0, wh)
            variables[value] = variable
            balances[node].append((variable, sign))
            costs.append((variable, sign * value))
        found.append(variables)
    return found


def _add_flows(
    problem: Any,
    programme: Programme,
    balances: list[list[tuple[Any, int]]],
    costs: list[tuple[Any, int]],
) -> None:
    """Add a flow each way over every edge."""
    for node in range(1, len(programme.tree)):
        least, most = programme.edges[node]
        parent = programme.tree.parents[node]
        into = None if least is None else -least
        for name, source, target, room in (("out", node, parent, most), ("in", parent, node, into)):
            flow = problem.add_variable(f"{name}_{node:04d}", 0, room)
            balances[source].append((flow, -1))
            balances[target].append((flow, 1))
            costs.append((flow, programme.charges[node]))


def _optimise(problem: Any, solver: Any, programme: Programme) -> None:
    try:
        status = problem.solve(solver)
    except pulp.PulpSolverError as error:
        raise SolverError(f"The solver failed ({error}); nothing was cleared.") from error
    if status == pulp.LpStatusOptimal and problem.sol_status == pulp.LpSolutionOptimal:
        return
    answer = pulp.LpStatus[status]
    if status == pulp.LpStatusInfeasible:
        # To trade nothing keeps every bound: a solver that says so is wrong, or the model is.
        raise SolverError(
            f"The solver answered '{answer}', though no trade at all balances each of the "
            f"{len(programme.tree)} feeders ({', '.join(programme.tree.ids[:3])}, ...): the solver "
            "is at fault; nothing was cleared."
        )
    raise SolverError(
        f"The solver answered '{answer}' and no optimum within {SOLVER_SECONDS_MAX} s; nothing was "
        "cleared."
    )


def _whole(variables: Sequence[dict[int, Any]], levels: Levels) -> Levels:
    """Round a vertex to the integers it stands for, and check the bounds again."""
    found: Levels = []
    for of_node, offered in zip(variables, levels, strict=True):
        volumes: dict[int, int] = {}
        for value, variable in of_node.items():
            answer = variable.varValue
            nearest = round(answer) if answer is not None and math.isfinite(answer) else -1
            off = abs(answer - nearest) if nearest >= 0 else 1.0
            if off > INTEGRALITY_TOLERANCE or nearest > offered[value]:
                raise SolverError(
                    f"The solver's answer {answer} is not whole Wh; nothing was cleared."
                )
            volumes[value] = nearest
        found.append(volumes)
    return found


def _check(programme: Programme, volumes: Volumes) -> None:
    """Check balance and capacities again in integers; flows follow from what feeders give."""
    flows = programme.tree.outflows(volumes.injections())
    if flows[0]:
        raise SolverError("The solver's answer does not balance; nothing was cleared.")
    for feeder, flow, (least, most) in zip(programme.tree.ids, flows, programme.edges, strict=True):
        if (least is not None and flow < least) or (most is not None and flow > most):
            raise SolverError(
                f"The solver's answer sends {abs(flow)} Wh over the edge of {feeder!r}, more than "
                "it carries; nothing was cleared."
            )
