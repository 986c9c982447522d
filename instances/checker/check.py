"""The independent checker: whether a plan is what it says, from the instance and the plan alone."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from milproute.instances import action_set as actions
from milproute.instances.action_set import violations
from milproute.instances.checker import rules
from milproute.instances.checker.context import Breach, Case
from milproute.instances.errors import OptionError
from milproute.instances.qnets.features import check_fits, features, state_vector
from milproute.instances.tolerances import FEASIBILITY, OPTIMALITY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from milproute.instances.instance import Instance
    from milproute.instances.plan import Plan, Violation
    from milproute.instances.qnets.net import QNet

    Rule: TypeAlias = Callable[[Case], Iterator[Breach]]


def _formulation(case: Case) -> Iterator[Breach]:
    """Require a formulation that has a row in `RULES`."""
    if case.plan.formulation not in RULES:
        text = f"{case.plan.formulation!r} is unknown; known: {', '.join(RULES)}"
        yield Breach("formulation", 1, text)


# Q by the solver and by a forward pass agree when they are this close, relative where Q exceeds 1.


def _action_value(case: Case) -> Iterator[Breach]:
    """Require an argmax with an objective to say which engine found it, and both values that certify it."""
    for field in ("engine", "forward", "residual"):
        if case.solved and getattr(case.plan, field) is None:
            yield Breach(field, 1, f"an argmax must say its {field}")


def _residual(case: Case) -> Iterator[Breach]:
    """Require residual = |objective - forward|, and at most 1e-6 of the objective or of 1."""
    objective, forward, stated = case.plan.objective, case.plan.forward, case.plan.residual
    if objective is None or forward is None:
        return
    apart = abs(objective - forward)
    if stated is not None and case.differs(stated, apart):
        text = f"the residual is {stated:.9g}, objective and forward pass are {apart:.9g} apart"
        yield Breach("residual", abs(stated - apart), text)
    if not apart <= OPTIMALITY * max(1.0, abs(objective)):
        text = f"the objective is {objective:.9g}, the forward pass gives {forward:.9g}"
        yield Breach("objective", apart, text)


def _q_value(case: Case, qnet: QNet) -> Iterator[Breach]:
    """Require objective and forward = Q of the paths, by a forward pass made here."""
    if not case.solved:
        return
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            q = float(qnet.forward(features(case.instance, qnet.inputs, case.plan.paths)))
    except OptionError:
        return  # Q is undefined there: the rules on paths say why.
    for field in ("objective", "forward"):
        claimed = getattr(case.plan, field)
        if claimed is not None and case.differs(claimed, q):
            text = f"{field} is {claimed:.9g}, the Q-net gives {q:.9g} for these paths"
            yield Breach(field, abs(claimed - q), text)


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
    "argmax": {**ALWAYS, **actions.MEMBERSHIP, "action-value": _action_value, "residual": _residual},
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
    return violations(Case(instance, plan, tolerance), wanted)
