"""Reduction of a problem before a MILP is built: path fixing, or an incumbent where paths are not listed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from milproute.solvers.argmax.colgen.column_pool import first_pool
from milproute.solvers.argmax.path_fixing import ReducedProblem, fix_paths

if TYPE_CHECKING:
    from milproute.solvers.argmax.problem import ArgmaxProblem


def reduce_problem(problem: ArgmaxProblem) -> ReducedProblem:
    """Fix paths where they are listed; otherwise find an action that can refute a wrong claim of a solver."""
    if problem.columns is not None:
        return fix_paths(problem)
    with problem.clock.phase("bounds"):
        bounds = problem.bounds()
    with problem.clock.phase("search"):
        pool = first_pool(problem, problem.graph, bounds)
    return ReducedProblem(problem, bounds, pool.known, pool.columns.routes(pool.chosen))
