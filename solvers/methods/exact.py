"""Exact: hand the model to the solver and read its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from solvers.job import Outcome

if TYPE_CHECKING:
    from solvers.job import Job


def solve_exactly(job: Job) -> Outcome:
    """Solve the job's formulation to its limits; objective and bound are the solver's."""
    formulated, model = job.compile(job.formulation, job.instance, job.options)
    result = job.solve(model, job.watch)
    decision = job.decide(formulated, model, result)
    return Outcome(
        status=result.status,
        objective=result.objective,
        bound=result.bound,
        attempts=decision.attempts,
        routes=decision.routes,
        size=model.size,
        message=result.message,
    )
