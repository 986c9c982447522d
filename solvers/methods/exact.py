"""Exact: hand the model to the solver and read its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from formulations import Decision
from instances.tolerances import OPTIMALITY
from solvers.job import Outcome
from solvers.methods.rounding import provision_links

if TYPE_CHECKING:
    from solvers.job import Job

# Columns from which on a start pays (measured on the library: 129 connections instead of 89 after 20 s on
# waxman-100-100, but 15 s instead of 2 s to the optimum of grid-7x7-10).
LARGE = 5_000


def solve_exactly(job: Job) -> Outcome:
    """Solve the job's formulation to its limits; objective and bound are the solver's.

    A large integer link ILP starts from REPS's rounding: the solver alone finds nothing as good in minutes.
    On small ones a start only slows the search down. The relaxation that was rounded is a bound as well, and
    the only one until the solver is through with its own.
    """
    formulated, model = job.compile(job.formulation, job.instance, job.options)
    start, bounds = None, list[float | None]()
    if formulated.encode is not None and not job.options.continuous and model.size.columns > LARGE:
        rounding = provision_links(job)
        bounds.append(rounding.bound)
        if rounding.objective is not None:
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
