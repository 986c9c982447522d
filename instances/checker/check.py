"""The independent checker: whether a plan is what it says, from the instance and the plan alone."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from milproute.instances.checker import (
    action_rules,
    capacity_rules,
    certificate_rules,
    claim_rules,
    connection_rules,
    path_rules,
)
from milproute.instances.checker.context import Breach, CheckContext, violations
from milproute.instances.errors import OptionError
from milproute.instances.qnets.features import features, state_vector
from milproute.instances.qnets.net import check_fits
from milproute.instances.tolerances import FEASIBILITY, OPTIMALITY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from milproute.instances.checker.context import Rule
    from milproute.instances.instance import Instance
    from milproute.instances.plan import Plan, Violation
    from milproute.instances.qnets.net import QNet


def _formulation(context: CheckContext) -> Iterator[Breach]:
    """Require a formulation that has a row in `RULES`."""
    if context.plan.formulation not in RULES:
        text = f"{context.plan.formulation!r} is unknown; known: {', '.join(RULES)}"
        yield Breach("formulation", 1, text)


def _action_value(context: CheckContext) -> Iterator[Breach]:
    """Require an argmax with an objective to say which engine found it, and both values that certify it."""
    for field in ("engine", "forward", "residual"):
        if context.solved and getattr(context.plan, field) is None:
            yield Breach(field, 1, f"an argmax must say its {field}")


def _residual(context: CheckContext) -> Iterator[Breach]:
    """Require residual = |objective - forward|, and at most 1e-6 of the objective or of 1."""
    objective, forward, stated = context.plan.objective, context.plan.forward, context.plan.residual
    if objective is None or forward is None:
        return
    apart = abs(objective - forward)
    if stated is not None and context.differs(stated, apart):
        text = f"the residual is {stated:.9g}, objective and forward pass are {apart:.9g} apart"
        yield Breach("residual", abs(stated - apart), text)
    if not apart <= OPTIMALITY * max(1.0, abs(objective)):
        text = f"the objective is {objective:.9g}, the forward pass gives {forward:.9g}"
        yield Breach("objective", apart, text)


def _q_value(context: CheckContext, qnet: QNet) -> Iterator[Breach]:
    """Require objective and forward = Q of the paths, by a forward pass made here."""
    if not context.solved:
        return
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            q = float(qnet.forward(features(context.instance, qnet.inputs, context.plan.paths)))
    except OptionError:
        return  # Q is undefined there: the rules on paths say why.
    for field in ("objective", "forward"):
        claimed = getattr(context.plan, field)
        if claimed is not None and context.differs(claimed, q):
            text = f"{field} is {claimed:.9g}, the Q-net gives {q:.9g} for these paths"
            yield Breach(field, abs(claimed - q), text)


ALWAYS: Mapping[str, Rule] = {
    "instance": claim_rules.instance_name,
    "formulation": _formulation,
    "known-requests": claim_rules.known_requests,
    "known-nodes": path_rules.known_nodes,
    "known-links": claim_rules.known_links,
    "links-once": claim_rules.links_once,
    "simple-path": path_rules.simple_paths,
    "path-links": path_rules.steps_are_links,
    "path-ends": path_rules.path_ends,
    "min-fidelity": path_rules.min_fidelity,
    "sign": claim_rules.signs,
    "whole-attempts": claim_rules.whole_attempts,
    "whole-paths": claim_rules.whole_paths,
    "connections-listed": claim_rules.connections_listed,
    "connections-sum": connection_rules.connections_sum,
    "flow-conservation": connection_rules.flow_conservation,
    "demand": connection_rules.demands,
    "delivered": connection_rules.delivered,
    "bound": certificate_rules.bound,
    "gap": certificate_rules.gap,
    "status": certificate_rules.status,
    "no-solution": certificate_rules.no_solution,
}
ATTEMPTS: Mapping[str, Rule] = {"channels": capacity_rules.channels, "memory": capacity_rules.memory}
CONNECTIONS: Mapping[str, Rule] = {"objective": certificate_rules.objective}

# One row a formulation; the keys are the names that violations carry.
RULES: Mapping[str, Mapping[str, Rule]] = {
    "link": {**ALWAYS, **ATTEMPTS, **CONNECTIONS, "load": capacity_rules.load_within_expected_pairs},
    "path": {**ALWAYS, **CONNECTIONS, "load": capacity_rules.load_within_given_pairs},
    "reps": {
        **ALWAYS,
        **ATTEMPTS,
        **CONNECTIONS,
        "load": capacity_rules.load_within_drawn_pairs,
        "pairs-drawn": capacity_rules.pairs_drawn,
        "pairs-attempted": capacity_rules.drawn_within_attempts,
    },
    "argmax": {**ALWAYS, **action_rules.MEMBERSHIP, "action-value": _action_value, "residual": _residual},
}


def check(
    instance: Instance, plan: Plan, tolerance: float = FEASIBILITY, qnet: QNet | None = None
) -> list[Violation]:
    """Return everything that is wrong with ``plan`` as a plan for ``instance``; [] when it holds.

    Nothing but the documents is read: no model, no solver, and neither `Plan.verified` nor
    `Plan.violations`. A plan of an unknown formulation is a violation, and is checked by the rules that
    hold for all of them.

    Parameters
    ----------
    instance, plan : any valid documents, also if they have nothing to do with each other.
    tolerance : largest breach of a limit that is forgiven, in the unit of the rule (copies, attempts,
        fidelity); sums above 1 may be off by this share of them.
    qnet : of an argmax. With it Q of the paths is computed anew (rule ``q-value``); without it objective
        and forward pass are only compared with each other.

    Raises
    ------
    OptionError : a Q-net for a plan that is no argmax.
    QNetError, InstanceError : a Q-net that does not fit the instance.
    """
    wanted = RULES.get(plan.formulation, ALWAYS)
    if qnet is not None:
        if plan.formulation in RULES and plan.formulation != "argmax":
            raise OptionError(
                f"a Q-net with a plan of formulation {plan.formulation!r}; allowed: with 'argmax' only"
            )
        check_fits(qnet, instance)
        state_vector(instance, qnet.inputs)
        wanted = {**wanted, "q-value": partial(_q_value, qnet=qnet)}
    return violations(CheckContext(instance, plan, tolerance), wanted)
