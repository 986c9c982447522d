"""Argmax with a solver that is wrong: lies about Q, the action or the proof end as wrong solutions."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from milproute.instances import QNet
from milproute.solvers.argmax.argmax import argmax
from milproute.solvers.results import SolveOptions
from tests.support.backends import Stub
from tests.support.qnet_cases import (
    EVERY_BLOCK,
    ActionCase,
    build,
    network,
    random_net,
)

if TYPE_CHECKING:
    from milproute.formulations import CompiledModel
    from milproute.solvers.results import SolveResult

ENCODINGS = ("columns", "arcs", "layers")
EXACT = SolveOptions(gap=0.0)


def raised_objective(result: SolveResult, _model: CompiledModel) -> SolveResult:
    assert result.objective is not None
    return replace(result, objective=result.objective + 0.5, bound=result.objective + 0.5)


def nothing_chosen(result: SolveResult, model: CompiledModel) -> SolveResult:
    return replace(result, values=np.zeros(len(model.lower)))


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("lie", [raised_objective, nothing_chosen])
def test_a_back_end_that_lies_about_q_is_a_wrong_solution(lie: Any, encoding: str) -> None:
    instance = network([("a", "b"), ("b", "c"), ("a", "c")], [("a", "c"), ("a", "b")])
    served = QNet(("request_served",), (np.ones((1, 2)),), (np.zeros(1),))
    plan = argmax(served, instance, engine="milp", actions=encoding, solver=Stub(change=lie))
    assert (plan.status, plan.verified) == ("wrong_solution", False)
    assert plan.violations


@pytest.mark.parametrize("encoding", ["arcs", "layers"])
def test_a_back_end_that_leaves_the_action_set_is_a_wrong_solution(encoding: str) -> None:
    # Q is the same for all actions, so the link that carries two copies is all that is wrong.
    instance = network([("a", "b")], [("a", "b"), ("a", "b")])
    flat = QNet(("request_served",), (np.zeros((1, 2)),), (np.ones(1),))
    component = {"arcs": "arc", "layers": "step"}[encoding]

    def both(result: SolveResult, model: CompiledModel) -> SolveResult:
        assert result.values is not None
        values = result.values.copy()
        assert (model.columns[component] >= 0).all()
        values[model.columns[component]] = 1.0
        return replace(result, values=values)

    plan = argmax(flat, instance, engine="milp", actions=encoding, solver=Stub(change=both))
    assert plan.status == "wrong_solution"
    assert [violation.rule for violation in plan.violations] == ["load"]


def test_a_proof_that_a_known_action_refutes_is_a_wrong_solution() -> None:
    instance = network([("a", "b")], [("a", "b")])
    harmful = QNet(("request_served",), (-np.ones((1, 1)),), (np.zeros(1),))  # doing nothing is best: Q = 0

    def worse(result: SolveResult, model: CompiledModel) -> SolveResult:
        return replace(result, values=np.ones(len(model.lower)), objective=-1.0, bound=-1.0)

    for encoding in ("arcs", "layers"):
        plan = argmax(harmful, instance, engine="milp", actions=encoding, solver=Stub(change=worse))
        assert plan.status == "wrong_solution"


def test_a_wrong_proof_by_highs_is_not_passed_on() -> None:
    ring = [("n3", "n0"), ("n0", "n1"), ("n1", "n2"), ("n2", "n3")]
    links = [{"source": u, "target": v, "probability": 1.0} for u, v in ring]
    links[0]["channels"] = links[3]["channels"] = 2
    nodes = [{"id": f"n{i}", "memory": m, "swap_probability": 1.0} for i, m in enumerate((2, 2, 4, 2))]
    instance = build(links, [{"source": "n0", "target": "n1"}] * 2, nodes)
    case = ActionCase(instance, None)
    weights = np.random.default_rng(0).normal(
        size=random_net(instance, np.random.default_rng(0), []).sizes[0]
    )
    net = QNet(EVERY_BLOCK, (weights[None],), (np.zeros(1),))
    plan = argmax(net, instance, engine="milp", actions="arcs", limits=EXACT)
    assert plan.status == "wrong_solution" or plan.forward == pytest.approx(case.best(net), abs=1e-6)
