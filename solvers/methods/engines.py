"""Engines: how an argmax is found, and which one to take: all actions, branch and bound, or a MILP."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from formulations import Route
from formulations.relu.net_block import can_attach
from instances.plan import relative_gap
from solvers.job import Outcome
from solvers.methods.branching import TIME_UP, branch
from solvers.methods.search import count_actions, enumerate_actions
from solvers.results import ABSOLUTE_GAP

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from formulations.actions import Candidates
    from instances import Status
    from solvers.backend import Watch
    from solvers.methods.argmax_problem import ArgmaxProblem
    from solvers.methods.narrowing import Narrowed
    from solvers.results import SolveOptions

# Joint choices up to which trying them all beats anything else (half a second of batched forward passes).
FEW_ACTIONS = 200_000
# Share of the time limit that `auto` gives to branch and bound before a MILP takes over; seconds without one.
SHARE, SECONDS = 0.5, 60.0


def is_enumerable(problem: ArgmaxProblem) -> bool:
    """Whether to try all joint actions: asked for, or they are few."""
    engine = problem.options.engine
    if engine == "auto" and problem.candidates is not None:
        return count_actions(problem.candidates) <= FEW_ACTIONS
    return engine == "enumerate"


def is_branched(problem: ArgmaxProblem) -> bool:
    """Whether to search by branch and bound over the paths: asked for, or they are listed."""
    engine = problem.options.engine
    return problem.candidates is not None and engine in ("auto", "branch")


def enumerate_outcome(problem: ArgmaxProblem) -> Outcome:
    """Try all joint actions in batched forward passes: proven by exhaustion."""
    table = problem.table()
    with problem.clock("solve"):
        chosen, q = enumerate_actions(table)
    return Outcome("optimal", q, q, np.zeros(0), routes_of(table.candidates, chosen), None)


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
    problem, seconds = narrowed.problem, limits.time_limit
    auto = problem.options.engine == "auto" and can_attach()
    if auto:
        seconds = SECONDS if seconds is None else SHARE * seconds
    assert narrowed.start is not None  # paths are listed
    with problem.clock("branch"):
        found = branch(
            problem,
            narrowed.start,
            narrowed.known,
            narrowed.bounds,
            replace(limits, time_limit=seconds),
            watch,
        )
    gap = relative_gap(found.objective, found.bound) or 0.0
    closed = gap <= ABSOLUTE_GAP or found.bound - found.objective <= ABSOLUTE_GAP
    status: Status = "optimal" if closed else "time_limit" if found.stopped else "gap_limit"
    told = f"branch and bound: {found.nodes} nodes" + (f", {found.stopped}" if found.stopped else "")
    if found.stopped == TIME_UP and problem.options.engine == "auto" and not auto:
        told += "; a MILP would go on, but OMLT is not installed: pip install 'milproute[nets]'"
    routes = routes_of(problem.table().candidates, found.chosen)
    outcome = Outcome(status, found.objective, found.bound, np.zeros(0), routes, None, message=told)
    if closed or not auto or found.stopped != TIME_UP:
        return outcome, None
    ceiling = narrowed.bounds.below(found.bound)
    return outcome, replace(narrowed, start=found.chosen, known=found.objective, bounds=ceiling)


def routes_of(candidates: Candidates, chosen: Sequence[int]) -> list[Route]:
    """Return chosen rows of paths, with repeats, as routes."""
    counts = Counter(chosen)
    return [
        Route(int(candidates.request[p]), candidates.path(p), float(n)) for p, n in sorted(counts.items())
    ]


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
