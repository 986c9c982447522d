"""A second witness: honest claims are confirmed in another way, lies are refuted and both claims named."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

import milproute.solvers.confirm
from milproute.instances import check, generate
from milproute.instances.library import load_library
from milproute.solvers.argmax.argmax import argmax
from milproute.solvers.results import SolveOptions, SolveResult
from milproute.solvers.solve import solve
from milproute.solvers.wrappers.process import Worker
from tests.support.backends import Stub, without_solution
from tests.support.cases import make
from tests.support.qnet_cases import random_net

if TYPE_CHECKING:
    from milproute.formulations import CompiledModel

EXACT = SolveOptions(gap=0.0)


def too_low(result: SolveResult, _model: CompiledModel) -> SolveResult:
    """Claim that the empty solution is optimal: feasible, so that no checker can object."""
    if result.values is None:
        return result
    return replace(result, values=np.zeros_like(result.values), objective=0.0, bound=0.0, status="optimal")


def alone(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Let only these solvers be installed."""
    monkeypatch.setattr(milproute.solvers.confirm, "is_installed", lambda name: name in names)


@pytest.mark.parametrize("method", ["exact", "rounding"])
@pytest.mark.parametrize("formulation", ["link", "reps"])
def test_an_honest_claim_is_confirmed_by_another_solver(formulation: str, method: str) -> None:
    plan = solve(load_library("nsfnet-10"), formulation, method=method, confirm=True)
    other = "scip" if milproute.solvers.confirm.is_installed("scip") else "highs"
    assert plan.status in ("optimal", "gap_limit") and plan.verified
    assert plan.confirmed_by is not None and plan.confirmed_by.startswith(other)
    assert plan.bound is not None and plan.confirmed_by.endswith(f"at most {plan.bound:.9g}")
    assert "confirm" in plan.seconds
    assert check(load_library("nsfnet-10"), plan) == []


def test_where_there_is_one_solver_it_goes_another_way(monkeypatch: pytest.MonkeyPatch) -> None:
    alone(monkeypatch, "highs")
    asked = []
    honest = Stub.solve

    def noting(self: Stub, model: CompiledModel, options: SolveOptions, *rest: object) -> SolveResult:
        asked.append((options, model.matrix.toarray()))
        return honest(self, model, options, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Stub, "solve", noting)
    monkeypatch.setattr(Stub, "name", "highs")
    plan = solve(make([("a", "b", 3, 0.9), ("b", "c", 3, 0.9)], [("a", "c")]), solver=Stub(), confirm=True)
    assert plan.confirmed_by == (
        "highs 0 with rows and columns permuted, another seed, presolve=off: at most 2"
    )
    (first, matrix), (second, permuted) = asked
    assert (first.seed, first.native) == (0, {})
    assert (second.seed, second.native) == (1, {"presolve": "off"})
    assert matrix.shape == permuted.shape and not np.array_equal(matrix, permuted)


@pytest.mark.parametrize("by", ["highs", "scip"])
def test_a_bound_that_is_too_low_is_refuted_and_both_claims_are_named(
    by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not milproute.solvers.confirm.is_installed(by):
        pytest.skip(f"{by} is not installed")
    alone(monkeypatch, by)
    instance = make([("a", "b", 3, 0.9), ("b", "c", 3, 0.9)], [("a", "c")])
    liar = Stub(change=too_low)
    believed = solve(instance, solver=liar)
    assert (believed.status, believed.verified, believed.objective) == ("optimal", True, 0.0)
    plan = solve(instance, solver=liar, confirm=True)
    assert (plan.status, plan.verified, plan.confirmed_by) == ("wrong_solution", False, None)
    (breach,) = plan.violations
    assert (breach.rule, breach.amount) == ("confirmation", 2.0)
    assert plan.message is not None
    assert "stub 0 claims at most 0, but" in plan.message and f"{by} " in plan.message
    assert plan.message.endswith("attains 2")


def test_a_witness_that_lies_is_named_too(monkeypatch: pytest.MonkeyPatch) -> None:
    alone(monkeypatch)
    instance = make([("a", "b", 3, 0.9), ("b", "c", 3, 0.9)], [("a", "c")])
    plan = solve(instance, solver=Stub(change=too_low, after=1), confirm=True)
    assert plan.status == "wrong_solution"
    assert "permuted" in (plan.message or "") and "stub 0 attains 2" in (plan.message or "")


def test_a_witness_that_says_nothing_gives_way_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    refusing, honest = Stub(change=without_solution("licence")), Stub()
    backends = {"scip": refusing, "highs": honest}
    alone(monkeypatch, *backends)
    monkeypatch.setattr(milproute.solvers.confirm, "load_backend", backends.get)
    plan = solve(make([("a", "b", 3, 0.9)], [("a", "b")]), solver=Stub(), confirm=True)
    assert len(refusing.models) == len(honest.models) == 1
    assert (plan.confirmed_by, plan.message) == ("stub 0: at most 2", None)
    alone(monkeypatch)
    silent = solve(
        make([("a", "b", 3, 0.9)], [("a", "b")]),
        solver=Stub(change=without_solution("crash"), after=1),
        confirm=True,
    )
    assert (silent.status, silent.confirmed_by) == ("optimal", None)
    assert silent.message is not None and silent.message.startswith("not confirmed: stub 0 with rows")


def test_a_weaker_bound_confirms_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    alone(monkeypatch)

    def weaker(result: SolveResult, _model: CompiledModel) -> SolveResult:
        return replace(result, status="time_limit", bound=3.0)

    instance = make([("a", "b", 3, 0.9)], [("a", "b")])
    plan = solve(instance, solver=Stub(change=weaker, after=1), confirm=True)
    assert (plan.status, plan.confirmed_by) == ("optimal", None)
    assert plan.message is not None and plan.message.endswith("proves only at most 3")


def test_no_solution_is_nothing_to_confirm() -> None:
    stub = Stub(change=without_solution("time_limit"))
    plan = solve(make([("a", "b", 3, 0.9)], [("a", "b")]), solver=stub, confirm=True)
    assert (plan.objective, plan.confirmed_by, len(stub.models)) == (None, None, 1)


def test_workers_are_confirmed_by_workers() -> None:
    with Worker("highs") as worker:
        plan = solve(load_library("nsfnet-10"), solver=worker, confirm=True)
    assert plan.confirmed_by is not None


@pytest.mark.parametrize("engine", ["auto", "enumerate", "branch", "milp", "price"])
def test_an_argmax_is_confirmed_by_another_engine(engine: str) -> None:
    instance = generate("waxman:nodes=12,requests=3,degree=3,seed=1")
    net = random_net(instance, np.random.default_rng(4), [5])
    plan = argmax(net, instance, engine=engine, max_hops=4, limits=EXACT, confirm=True)
    assert (plan.status, plan.verified) == ("optimal", True)
    assert plan.confirmed_by is not None
    assert ("branch and bound" in plan.confirmed_by) == (plan.engine != "branch")


def test_a_wrong_argmax_is_refuted_by_branching() -> None:
    instance = generate("waxman:nodes=12,requests=3,degree=3,seed=1")
    net = random_net(instance, np.random.default_rng(4), [5])
    truth = argmax(net, instance, engine="enumerate", max_hops=4)
    assert truth.objective is not None

    def worse(result: SolveResult, model: CompiledModel) -> SolveResult:
        """Claim a bound a little below the optimum, but above what a search knows."""
        return replace(result, status="gap_limit", bound=(truth.objective or 0.0) * 0.9 / model.unit)

    plan = argmax(net, instance, engine="milp", max_hops=4, solver=Stub(change=worse), confirm=True)
    assert plan.status == "wrong_solution"


def test_arcs_and_layers_have_a_witness_without_being_asked() -> None:
    """A search over some paths refutes a solver that stops at the empty action."""
    instance = generate("waxman:nodes=12,requests=3,degree=3,seed=1")
    net = random_net(instance, np.random.default_rng(4), [5])
    truth = argmax(net, instance, engine="enumerate", max_hops=4)
    assert truth.objective is not None

    def lowered(result: SolveResult, model: CompiledModel) -> SolveResult:
        if model.is_linear:
            return result
        return replace(result, status="time_limit", bound=(truth.objective or 0.0) / model.unit - 0.1)

    for actions in ("arcs", "layers"):
        plan = argmax(net, instance, engine="milp", actions=actions, max_hops=4, solver=Stub(change=lowered))
        assert plan.status == "wrong_solution"
        assert "refutes the claimed bound" in (plan.message or "")
