"""Exact: hand the model to the solver and read its answer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from milproute.formulations import Decision
from milproute.instances.tolerances import OPTIMALITY
from milproute.solvers.heuristics.rounding import provision_links
from milproute.solvers.pipeline import Outcome

if TYPE_CHECKING:
    from milproute.formulations import CompiledModel, Formulated
    from milproute.instances import Termination
    from milproute.solvers.pipeline import Job

# Columns from which on a start pays (measured on the library: 129 connections instead of 89 after 20 s on
# waxman-100-100, but 15 s instead of 2 s to the optimum of grid-7x7-10).
LARGE = 5_000
# Capacities from which on whole numbers hardly differ from fractions: the rounding is within a gap of 1e-6,
# and solvers lose themselves in digits that doubles do not have.
HUGE = 1_000_000


def solve_exactly(job: Job) -> Outcome:
    """Solve the job's formulation to its limits; objective and bound are the solver's.

    A large integer link ILP starts from REPS's rounding: the solver alone finds nothing as good in minutes.
    On small ones a start only slows the search down. The relaxation that was rounded is a bound as well, and
    the only one until the solver is through with its own. Where the two are within the gap that was asked for
    there is nothing left to solve.
    """
    formulated, model = job.compile(job.formulation, job.instance, job.options)
    rounding = None
    if formulated.encode is not None and not job.options.continuous and _needs_start(model):
        rounding = provision_links(job)
    return solve_compiled(job, formulated, model, rounding)


def solve_compiled(
    job: Job, formulated: Formulated, model: CompiledModel, rounding: Outcome | None = None
) -> Outcome:
    """Solve a compiled model to the job's limits, from a heuristic's outcome where there is one."""
    start, bounds = None, list[float | None]()
    if rounding is not None and formulated.encode is not None:
        bounds.append(rounding.bound)
        if rounding.objective is not None and rounding.bound is not None:
            if rounding.bound - rounding.objective <= job.limits.gap * rounding.objective:
                ended: Termination = "optimal" if rounding.status == "optimal" else "gap_limit"
                return replace(rounding, size=model.size, termination=ended)
            start = formulated.encode(model, Decision(rounding.attempts, rounding.routes))
    result = job.solve(model, start)
    bounds.append(result.bound)
    decision = job.decide(formulated, model, result)
    bound = min((bound for bound in bounds if bound is not None), default=None)
    closed = bound is not None and result.objective is not None and bound - result.objective <= OPTIMALITY
    return Outcome(
        status="optimal" if closed and result.status in ("gap_limit", "time_limit") else result.status,
        objective=result.objective,
        bound=bound,
        attempts=decision.attempts,
        routes=decision.routes,
        size=model.size,
        message=result.message,
        termination=result.termination,
    )


def _needs_start(model: CompiledModel) -> bool:
    """Whether the model is so large, in columns or in capacities, that a solver needs help."""
    upper = model.upper[np.isfinite(model.upper)]
    return model.size.columns > LARGE or float(upper.max(initial=0.0)) >= HUGE
