"""MILP: the argmax as a mixed-integer program; the claim of the solver is held against what is known."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from milproute.instances.tolerances import COMPARISON, REFUTATION
from milproute.solvers.argmax.embedded_model import build_model
from milproute.solvers.argmax.engines.interface import EngineResult
from milproute.solvers.argmax.strengthening.strengthen import strengthened
from milproute.solvers.clock import BuildLimitError
from milproute.solvers.pipeline import Outcome, rounded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from milproute.solvers.argmax.embedded_model import EmbeddedModel
    from milproute.solvers.argmax.engines.interface import EngineInput
    from milproute.solvers.argmax.path_fixing import ReducedProblem
    from milproute.solvers.argmax.problem import ArgmaxProblem
    from milproute.solvers.interface import Backend, Watch
    from milproute.solvers.results import SolveOptions, SolveResult

NAME = "milp"
LISTS_PATHS = True
# What makes a solver more careful: presolve of HiGHS 1.15.1 has cut off optima of such models.
CAREFUL: Mapping[str, Mapping[str, Any]] = {"highs": {"presolve": "off"}}


def suits(problem: ArgmaxProblem) -> bool:
    """Say whether the action set can be encoded: by path columns, arcs or layers."""
    return problem.columns is not None or problem.options.actions != "columns"


def reason(problem: ArgmaxProblem) -> str:
    """Say why no other engine is taken."""
    if problem.columns is None:
        return f"paths are not listed ({problem.options.actions})"
    return f"{problem.rules.copies.sum()} copies of requests are too many to tell apart"


def solve(given: EngineInput) -> EngineResult:
    """Build, compile and solve the MILP, each phase timed; say what is known where there is no time to."""
    reduced = given.reduce()
    watch = given.watch.in_units(reduced.problem.unit)
    try:
        if given.model_of is not None:
            model = given.model_of(reduced)
        else:
            model = strengthened(build_model(reduced), reduced, given.backend, given.limits, watch)
    except BuildLimitError as error:
        outcome, bounds = _best_known(reduced, str(error)), reduced.bounds
    else:
        outcome, bounds = solve_model(model, reduced, given.backend, given.limits, watch), model.bounds
    encoding = given.problem.options.variant
    return EngineResult(reduced.problem.in_true_units(outcome), NAME, bounds, encoding)


def _best_known(reduced: ReducedProblem, message: str) -> Outcome:
    """Return what is known before there is a model: an action and a bound."""
    return Outcome(
        "time_limit",
        reduced.known,
        max(reduced.bounds.largest_q, reduced.known),
        np.zeros(0),
        reduced.routes,
        None,
        message=message,
        termination="build_limit",
    )


def solve_model(
    embedded: EmbeddedModel,
    reduced: ReducedProblem,
    backend: Backend,
    limits: SolveOptions,
    watch: Watch | None = None,
) -> Outcome:
    """Solve a compiled MILP, timed; an answer that is refuted is asked for again without presolve."""
    limits = replace(limits, integrality=min(limits.integrality, COMPARISON))

    def solve_once(options: SolveOptions) -> Outcome:
        with reduced.problem.clock.phase("solve"):
            result = backend.solve(embedded.model, options, embedded.start, watch)
        return claim(result, embedded, reduced)

    outcome = solve_once(reduced.problem.clock.limits(limits))
    careful = CAREFUL.get(backend.name, {})
    if outcome.status != "wrong_solution" or careful.keys() <= limits.native.keys():
        return outcome
    again = solve_once(replace(reduced.problem.clock.limits(limits), native={**careful, **limits.native}))
    message = f"{outcome.message}; solved again without presolve. {again.message}".strip()
    return replace(again, message=message)


def claim(result: SolveResult, embedded: EmbeddedModel, reduced: ReducedProblem) -> Outcome:
    """Return the solver's claim, unless an action that is known already refutes it.

    The bound can only be improved by that of the neuron bounds. A bound below the Q of the empty action or
    of the start is wrong, whatever the solver says: solvers do err (HiGHS 1.15.1 has returned a negative
    "optimum" where the empty action has 0).
    """
    model = embedded.model
    routes = [] if result.values is None else embedded.action.read(model, rounded(model, result.values))
    bound, status, message = result.bound, result.status, result.message
    if status in ("infeasible", "unbounded"):
        status, message = "wrong_solution", f"the solver says {status}, but the empty action is always there"
    else:
        attained = -np.inf if result.objective is None else result.objective
        largest = reduced.bounds.largest_q
        bound = largest if bound is None else min(bound, max(largest, attained))
        if reduced.known > bound + REFUTATION * max(1.0, abs(bound)):
            status = "wrong_solution"
            known, claimed = reduced.known * model.unit, bound * model.unit
            message = f"an action with Q = {known:z.6g} refutes the claimed bound {claimed:z.6g}"
    return Outcome(
        status=status,
        objective=result.objective,
        bound=bound,
        attempts=np.zeros(0),
        routes=routes,
        size=model.size,
        message=message,
        termination=result.termination,
    )
