"""Plans: write what a method found as a document, and have it checked."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

from milproute.instances import Attempt, Plan, RoutedPath, check
from milproute.instances.plan import DrawnPairs, relative_gap
from milproute.instances.tolerances import COMPARISON

if TYPE_CHECKING:
    from collections.abc import Mapping

    from milproute.instances import Instance, QNet
    from milproute.solvers.interface import Backend
    from milproute.solvers.pipeline import Outcome


def checked_plan(
    instance: Instance,
    outcome: Outcome,
    backend: Backend,
    seconds: Mapping[str, float],
    qnet: QNet | None = None,
    **fields: Any,
) -> Plan:
    """Return an outcome as a plan with the checker's word; a claim that breaks a rule is a wrong solution.

    Parameters
    ----------
    qnet : for an argmax, so that the checker evaluates it again.
    fields : further fields of the plan: formulation, variant, …
    """
    plan = _plan(instance, outcome, backend, seconds, fields)
    start = perf_counter()
    violations = tuple(check(instance, plan, qnet=qnet))
    timed = plan.seconds | {"verify": perf_counter() - start}
    status = "wrong_solution" if violations and plan.objective is not None else plan.status
    return plan.changed(verified=not violations, violations=violations, status=status, seconds=timed)


def _plan(
    instance: Instance,
    outcome: Outcome,
    backend: Backend,
    seconds: Mapping[str, float],
    fields: dict[str, Any],
) -> Plan:
    connections = {request.id: 0.0 for request in instance.requests}
    for route in outcome.routes:
        connections[instance.requests[route.request].id] += route.count
    links = instance.links
    drawn = outcome.pairs
    return Plan(
        instance=instance.name,
        solver=backend.name,
        solver_version=backend.version,
        status=outcome.status,
        termination=outcome.termination,
        message=outcome.message or None,
        objective=outcome.objective,
        bound=outcome.bound,
        gap=relative_gap(outcome.objective, outcome.bound),
        seconds=dict(seconds),
        size=outcome.size,
        attempts=tuple(
            Attempt(source=link.source, target=link.target, channels=x)
            for link, x in zip(links, outcome.attempts.tolist(), strict=False)
            if x > COMPARISON
        ),
        paths=tuple(
            RoutedPath(request=instance.requests[r.request].id, nodes=r.nodes, count=r.count)
            for r in sorted(outcome.routes, key=lambda r: (r.request, r.nodes))
        ),
        connections=connections,
        entangled_pairs=None
        if drawn is None
        else tuple(
            DrawnPairs(source=link.source, target=link.target, pairs=n)
            for link, n in zip(links, drawn, strict=True)
        ),
        delivered=outcome.delivered,
        **fields,
    )
