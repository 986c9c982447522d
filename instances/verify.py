"""The independent checker: whether a plan is what it says, from the instance and the plan alone."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, TypeAlias

from instances import rules
from instances.case import Breach, Case
from instances.plan import Violation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from instances.instance import Instance
    from instances.plan import Plan

    Rule: TypeAlias = Callable[[Case], Iterator[Breach]]


def _formulation(case: Case) -> Iterator[Breach]:
    """Require a formulation that has a row in `RULES`."""
    if case.plan.formulation not in RULES:
        text = f"{case.plan.formulation!r} is unknown; known: {', '.join(RULES)}"
        yield Breach("formulation", 1, text)


ALWAYS: Mapping[str, Rule] = {
    "instance": rules.instance_name,
    "formulation": _formulation,
    "known-requests": rules.known_requests,
    "known-nodes": rules.known_nodes,
    "known-links": rules.known_links,
    "links-once": rules.links_once,
    "simple-path": rules.simple_paths,
    "path-links": rules.steps_are_links,
    "path-ends": rules.path_ends,
    "min-fidelity": rules.min_fidelity,
    "sign": rules.signs,
    "whole-attempts": rules.whole_attempts,
    "whole-paths": rules.whole_paths,
    "connections-listed": rules.connections_listed,
    "connections-sum": rules.connections_sum,
    "flow-conservation": rules.flow_conservation,
    "demand": rules.demands,
    "delivered": rules.delivered,
    "bound": rules.bound,
    "gap": rules.gap,
    "status": rules.status,
    "no-solution": rules.no_solution,
}
ATTEMPTS: Mapping[str, Rule] = {"channels": rules.channels, "memory": rules.memory}
CONNECTIONS: Mapping[str, Rule] = {"objective": rules.objective}

# One row a formulation; the keys are the names that violations carry.
RULES: Mapping[str, Mapping[str, Rule]] = {
    "link": {**ALWAYS, **ATTEMPTS, **CONNECTIONS, "load": rules.load_within_expected_pairs},
    "path": {**ALWAYS, **CONNECTIONS, "load": rules.load_within_given_pairs},
    "reps": {
        **ALWAYS,
        **ATTEMPTS,
        **CONNECTIONS,
        "load": rules.load_within_drawn_pairs,
        "pairs-drawn": rules.pairs_drawn,
        "pairs-attempted": rules.drawn_within_attempts,
    },
}


def check(instance: Instance, plan: Plan, tolerance: float = 1e-6) -> list[Violation]:
    """Return everything that is wrong with ``plan`` as a plan for ``instance``; [] when it holds.

    Nothing but the two documents is read: no model, no solver, and neither `Plan.verified` nor
    `Plan.violations`. A plan of an unknown formulation is a violation, and is checked by the rules that
    hold for all of them.

    Parameters
    ----------
    instance, plan : any valid documents, also if they have nothing to do with each other.
    tolerance : largest breach of a limit that is forgiven, in the unit of the rule (copies, attempts,
        fidelity); sums above 1 may be off by this share of them.
    """
    case = Case(instance, plan, tolerance)
    return [
        Violation(rule=name, place=breach.place, amount=_finite(breach.amount), message=breach.message)
        for name, rule in RULES.get(plan.formulation, ALWAYS).items()
        for breach in rule(case)
    ]


def _finite(amount: float) -> float:
    """Return an amount that a document can hold; sums of huge numbers overflow."""
    return min(float(amount), sys.float_info.max) if not math.isnan(amount) else sys.float_info.max
