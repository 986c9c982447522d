"""Plans of an argmax: the claim of an engine, evaluated again by a forward pass, and the sizes of its net."""

from __future__ import annotations

from typing import TYPE_CHECKING

from milproute.instances.plan import NeuronCounts
from milproute.solvers.plans import checked_plan

if TYPE_CHECKING:
    from milproute.formulations.relu.bounds import Bounds
    from milproute.instances import Plan
    from milproute.solvers.argmax.engines.interface import EngineResult
    from milproute.solvers.argmax.problem import ArgmaxProblem
    from milproute.solvers.interface import Backend


def write_plan(problem: ArgmaxProblem, found: EngineResult, backend: Backend) -> Plan:
    """Write what an engine found as a plan, its Q evaluated by a plain forward pass, and have it checked."""
    outcome = found.outcome
    with problem.clock.phase("forward"):
        forward = None if outcome.objective is None else problem.forward(outcome.routes)
    residual = None if forward is None or outcome.objective is None else abs(outcome.objective - forward)
    counts = None
    if found.bounds is not None:
        counts = count_neurons(problem, found.bounds, as_milp=found.encoding is not None)
    return checked_plan(
        problem.instance,
        outcome,
        backend,
        problem.clock.seconds,
        problem.qnet,
        formulation="argmax",
        variant=found.encoding or found.engine,
        engine=found.engine,
        forward=forward,
        residual=residual,
        neurons=counts,
        max_hops=problem.rules.max_hops,
    )


def count_neurons(problem: ArgmaxProblem, bounds: Bounds, *, as_milp: bool) -> NeuronCounts:
    """Count neurons; only a MILP has binaries for them."""
    hidden = range(len(problem.net.hidden))
    stable = sum(int(bounds.stable(k).sum()) for k in hidden)
    total = sum(problem.net.hidden)
    stated = {"omlt-bigm": total, "omlt-partition": total, "sos1": 0}.get(
        problem.options.relu, total - stable
    )
    return NeuronCounts(total=total, stable=stable, binaries=stated if as_milp else 0)
