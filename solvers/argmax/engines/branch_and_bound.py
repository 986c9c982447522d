"""Branch and bound over sets of paths: the argmax of a Q-net without a solver.

A MILP goes on where it does not end in its share of the time, if the engine was not asked for by name.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from milproute.formulations.relu.net_block import can_attach
from milproute.instances.action_set import MOST_COPIES
from milproute.instances.plan import relative_gap
from milproute.instances.tolerances import OPTIMALITY
from milproute.solvers.argmax.engines.interface import EngineResult, Handover
from milproute.solvers.argmax.path_branching import branch
from milproute.solvers.pipeline import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

    from milproute.instances import Status
    from milproute.solvers.argmax.engines.interface import EngineInput
    from milproute.solvers.argmax.problem import ArgmaxProblem

NAME = "branch"
LISTS_PATHS = True
WORDS: Mapping[str, str] = {"time_limit": "the time limit came first", "interrupted": "stopped on request"}
# Share of the time limit after which a MILP takes over, and seconds where there is no limit.
SHARE, SECONDS = 0.5, 60.0


def suits(problem: ArgmaxProblem) -> bool:
    """Say whether paths are listed and the copies of requests can be told apart."""
    return problem.columns is not None and int(problem.rules.copies.sum()) <= MOST_COPIES


def reason(problem: ArgmaxProblem) -> str:
    """Say how many paths there are."""
    return f"{len(problem.listed())} paths are listed; milp where it does not end in half of the time"


def solve(given: EngineInput) -> EngineResult | Handover:
    """Search by branch and bound; hand the rest over to a MILP where that may be and OMLT is installed.

    Raises
    ------
    OptionError : requests have more copies than can be told apart.
    """
    given.problem.rules.refuse_many_copies("the engine branch")
    reduced = given.reduce()
    problem, seconds = reduced.problem, given.problem.clock.left
    columns, hand_over = problem.listed(), given.hand_over and can_attach()
    if hand_over:
        seconds = SECONDS if seconds is None else SHARE * seconds
    with problem.clock.phase("branch"):
        found = branch(
            columns,
            reduced.start or [],
            reduced.known,
            reduced.bounds,
            replace(given.limits, time_limit=seconds),
            given.watch.in_units(problem.unit),
        )
    gap = relative_gap(found.objective, found.bound) or 0.0
    closed = gap <= OPTIMALITY or found.bound - found.objective <= OPTIMALITY
    if hand_over and not closed and found.stopped == "time_limit":
        rest = replace(
            reduced,
            start=found.chosen,
            known=found.objective,
            bounds=reduced.bounds.with_q_at_most(found.bound),
            routes=columns.routes(found.chosen),
        )
        return Handover(replace(given, problem=problem, reduced=rest), lambda result: result)
    status: Status = "optimal" if closed else "time_limit" if found.stopped else "gap_limit"
    message = f"branch and bound: {found.nodes} nodes" + (
        f", {WORDS[found.stopped]}" if found.stopped else ""
    )
    if found.stopped == "time_limit" and given.hand_over:
        message += "; a MILP would go on, but OMLT is not installed: pip install 'milproute[nets]'"
    outcome = Outcome(
        status,
        found.objective,
        found.bound,
        np.zeros(0),
        columns.routes(found.chosen),
        None,
        message=message,
        termination=found.stopped or ("optimal" if closed else "gap_limit"),
    )
    return EngineResult(problem.in_true_units(outcome), NAME, reduced.bounds)
