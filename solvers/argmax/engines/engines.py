"""Engines: how an argmax is found, and which one to take: all actions, branch and bound, or a MILP."""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING, Literal

import numpy as np

from milproute.formulations.relu.net_block import can_attach
from milproute.instances import OptionError
from milproute.instances.action_set import MOST_COPIES
from milproute.instances.plan import relative_gap
from milproute.instances.tolerances import OPTIMALITY
from milproute.solvers.argmax.engines.branch_and_bound import branch
from milproute.solvers.argmax.local_search import count_actions, enumerate_actions, largest_choice, routes_of
from milproute.solvers.pipeline import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from milproute.instances import Status
    from milproute.solvers.argmax.path_fixing import Narrowed
    from milproute.solvers.argmax.problem import ArgmaxProblem
    from milproute.solvers.interface import Watch
    from milproute.solvers.results import SolveOptions

# Joint choices up to which trying them all beats anything else (half a second of batched forward passes).
FEW_ACTIONS = 200_000
# Joint actions that `enumerate` tries at most when asked to, and choices of one request that it lists.
MOST_ACTIONS, MOST_CHOICES = 1e10, 5e6
WORDS: Mapping[str, str] = {"time_limit": "the time limit came first", "interrupted": "stopped on request"}
# Share of the time limit that `auto` gives to branch and bound before a MILP takes over; seconds without one.
SHARE, SECONDS = 0.5, 60.0


def is_enumerable(problem: ArgmaxProblem) -> bool:
    """Whether to try all joint actions: asked for, or they are few."""
    engine = problem.options.engine
    if engine == "auto" and problem.candidates is not None:
        return count_actions(problem.candidates) <= FEW_ACTIONS
    if engine != "enumerate":
        return False
    candidates = problem.table().candidates
    if count_actions(candidates) > MOST_ACTIONS or largest_choice(candidates) > MOST_CHOICES:
        raise OptionError(
            f"the engine enumerate would try {count_actions(candidates):.3g} joint actions, up to "
            f"{largest_choice(candidates):.3g} choices of one request; allowed: at most {MOST_ACTIONS:.0e} "
            f"and {MOST_CHOICES:.0e}. Take another engine: auto, branch, milp."
        )
    return True


def is_branched(problem: ArgmaxProblem) -> bool:
    """Whether to search by branch and bound over the paths: asked for, or they are listed."""
    engine = problem.options.engine
    if problem.candidates is None or engine not in ("auto", "branch"):
        return False
    if engine == "branch":
        problem.rules.refuse_many_copies("the engine branch")
    return int(problem.rules.copies.sum()) <= MOST_COPIES


def enumerate_outcome(problem: ArgmaxProblem) -> Outcome:
    """Try all joint actions in batched forward passes: proven by exhaustion, or bounded when time is up."""
    table, left, begin = problem.table(), problem.clock.left, perf_counter()
    with problem.clock.phase("solve"):
        chosen, q, done = enumerate_actions(table, lambda: left is not None and perf_counter() > begin + left)
    ended: Literal["optimal", "time_limit"] = "optimal" if done else "time_limit"
    bound = q if done else max(q, problem.bounds().ceiling)
    routes = routes_of(table.candidates, chosen)
    return Outcome(ended, q, bound, np.zeros(0), routes, None, termination=ended)


def branch_outcome(
    narrowed: Narrowed, limits: SolveOptions, watch: Watch | None
) -> tuple[Outcome, Narrowed | None]:
    """Search by branch and bound.

    Returns
    -------
    Outcome : what it found.
    Narrowed : the problem for a MILP to go on with, its incumbent and ceiling those found, when ``auto``
        was asked for, time is left, and OMLT is there to state it; else None.
    """
    problem, seconds = narrowed.problem, narrowed.problem.clock.left
    auto = problem.options.engine == "auto" and can_attach()
    if auto:
        seconds = SECONDS if seconds is None else SHARE * seconds
    assert narrowed.start is not None  # paths are listed
    with problem.clock.phase("branch"):
        found = branch(
            problem,
            narrowed.start,
            narrowed.known,
            narrowed.bounds,
            replace(limits, time_limit=seconds),
            watch,
        )
    gap = relative_gap(found.objective, found.bound) or 0.0
    closed = gap <= OPTIMALITY or found.bound - found.objective <= OPTIMALITY
    status: Status = "optimal" if closed else "time_limit" if found.stopped else "gap_limit"
    told = f"branch and bound: {found.nodes} nodes" + (f", {WORDS[found.stopped]}" if found.stopped else "")
    if found.stopped == "time_limit" and problem.options.engine == "auto" and not auto:
        told += "; a MILP would go on, but OMLT is not installed: pip install 'milproute[nets]'"
    routes = routes_of(problem.table().candidates, found.chosen)
    ended = found.stopped or ("optimal" if closed else "gap_limit")
    outcome = Outcome(
        status, found.objective, found.bound, np.zeros(0), routes, None, message=told, termination=ended
    )
    if closed or not auto or found.stopped != "time_limit":
        return outcome, None
    ceiling = narrowed.bounds.below(found.bound)
    return outcome, replace(
        narrowed, start=found.chosen, known=found.objective, bounds=ceiling, routes=routes
    )


def reasons(problem: ArgmaxProblem) -> Iterator[str]:
    """Say why the engine was chosen."""
    if problem.options.engine == "price":
        yield "price: paths are not listed but priced, and those listed that a better action may take"
        return
    if problem.candidates is None:
        yield f"milp: paths are not listed ({problem.options.actions})"
        return
    if problem.options.engine != "auto":
        yield f"{problem.options.engine}: asked for"
        return
    actions = count_actions(problem.candidates)
    listed = f"{len(problem.candidates)} paths, {actions:.3g} joint choices"
    if actions <= FEW_ACTIONS:
        yield f"enumerate: {listed}, at most {FEW_ACTIONS}"
    else:
        yield f"branch: {listed}, more than {FEW_ACTIONS}; milp where it does not end in half of the time"
