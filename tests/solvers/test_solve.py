"""Solve: names that do not exist, solvers that lie, and clocks that add up."""

from __future__ import annotations

import json
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given

from milproute.instances import Instance, MilprouteError, OptionError, generate
from milproute.solvers.results import SolveOptions, SolveResult
from milproute.solvers.solve import METHODS, solve
from tests.support.backends import Stub, without_solution
from tests.support.cases import any_case, brief, make

if TYPE_CHECKING:
    from milproute.formulations import CompiledModel

LINKS = [("a", "b", 5, 0.9), ("b", "c", 5, 0.8), ("a", "c", 2, 1.0)]
TRIANGLE = make(LINKS, [("a", "c"), ("b", "c", 1)], pairs=[2, 1, 2])
EVERY_WAY = [
    (formulation, method, options)
    for formulation, methods in METHODS.items()
    for method in methods
    for options in (
        ({}, {"relax": True}, {"flows": "continuous"})
        if method == "exact" and formulation != "reps"
        else ({},)
    )
]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"formulation": "lnik"}, "unknown formulation 'lnik': did you mean 'link'"),
        ({"formulation": "route"}, "unknown formulation 'route'.*allowed: link, path, reps"),
        ({"variant": "by-sorce"}, "unknown variant of link 'by-sorce': did you mean 'by-source'"),
        ({"formulation": "path", "variant": "per-request"}, "unknown variant of path 'per-request'"),
        ({"method": "exakt"}, "unknown method 'exakt': did you mean 'exact'"),
        ({"flows": "continous"}, "unknown flows 'continous': did you mean 'continuous'"),
        ({"solver": "hihgs"}, "unknown solver 'hihgs': did you mean 'highs'"),
        ({"method": "rounding", "relax": True}, "link by rounding gives whole numbers"),
        ({"method": "rounding", "flows": "continuous"}, "link by rounding gives whole numbers"),
        ({"formulation": "reps", "method": "exact", "relax": True}, "reps by exact gives whole numbers"),
    ],
)
def test_what_does_not_exist_or_go_together_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message) as refusal:
        solve(TRIANGLE, **options)
    assert isinstance(refusal.value, MilprouteError)


@pytest.mark.parametrize(("formulation", "method", "options"), EVERY_WAY)
def test_every_way_to_solve_gives_a_verified_plan(
    formulation: str, method: str, options: dict[str, Any]
) -> None:
    plan = solve(TRIANGLE, formulation, method=method, **options)
    assert (plan.verified, plan.violations) == (True, ())
    assert plan.formulation == formulation
    base = "aggregated" if (formulation, method) == ("path", "rounding") else "by-source"
    assert plan.variant == (f"{base}+rounding" if (formulation, method) in ROUNDED else base)
    assert plan.solver == "highs"
    assert plan.size is not None


ROUNDED = [("link", "rounding"), ("path", "rounding")]


@pytest.mark.parametrize(("formulation", "method", "options"), EVERY_WAY)
def test_the_same_input_gives_the_same_plan(formulation: str, method: str, options: dict[str, Any]) -> None:
    instance = generate("waxman:nodes=9,requests=4,seed=7")
    instance = instance.with_pairs([i % 4 for i in range(len(instance.links))])
    limits = SolveOptions(native={"mip_max_nodes": 10})
    one, other = (
        json.dumps(plan.document() | {"seconds": None})
        for plan in (solve(instance, formulation, method=method, limits=limits, **options) for _ in range(2))
    )
    assert one == other


# --- lies ---------------------------------------------------------------------------------------------


def more_connections(result: SolveResult, model: CompiledModel) -> SolveResult:
    """Twice everything: rows hold, bounds do not."""
    assert result.values is not None
    assert result.objective is not None
    return replace(
        result, values=2 * result.values, objective=2 * result.objective, bound=2 * result.objective
    )


def no_attempts(result: SolveResult, model: CompiledModel) -> SolveResult:
    """Flow over links on which nothing is attempted."""
    assert result.values is not None
    values = result.values.copy()
    values[model.columns["attempts"]] = 0.0
    return replace(result, values=values)


def flow_from_nowhere(result: SolveResult, model: CompiledModel) -> SolveResult:
    """Connections without flow."""
    assert result.values is not None
    values = result.values.copy()
    values[model.columns["flow"]] = 0.0
    return replace(result, values=values)


def better_price(result: SolveResult, _model: CompiledModel) -> SolveResult:
    """The right decision at the wrong price."""
    assert result.objective is not None
    return replace(result, objective=result.objective + 1, bound=result.objective + 1)


def bound_below(result: SolveResult, _model: CompiledModel) -> SolveResult:
    """A proof that the solution is impossible."""
    assert result.objective is not None
    return replace(result, bound=result.objective - 1)


def loose_optimum(result: SolveResult, _model: CompiledModel) -> SolveResult:
    """Called optimal, with a bound that does not say so."""
    assert result.objective is not None
    return replace(result, bound=result.objective + 1)


@pytest.mark.parametrize(
    ("lie", "rule"),
    [
        (more_connections, "channels"),
        (no_attempts, "load"),
        (flow_from_nowhere, "objective"),
        (better_price, "objective"),
        (bound_below, "bound"),
        (loose_optimum, "status"),
    ],
)
def test_a_lie_about_the_link_ilp_is_a_wrong_solution(lie: Any, rule: str) -> None:
    plan = solve(TRIANGLE, "link", solver=Stub(change=lie))
    assert (plan.status, plan.verified, plan.solver) == ("wrong_solution", False, "stub")
    assert rule in {violation.rule for violation in plan.violations}


@pytest.mark.parametrize(
    ("lie", "rule"),
    [
        (more_connections, "load"),
        (flow_from_nowhere, "objective"),
        (better_price, "objective"),
        (bound_below, "bound"),
    ],
)
def test_a_lie_about_the_path_ilp_is_a_wrong_solution(lie: Any, rule: str) -> None:
    plan = solve(TRIANGLE, "path", solver=Stub(change=lie))
    assert (plan.status, plan.verified) == ("wrong_solution", False)
    assert rule in {violation.rule for violation in plan.violations}


@brief
@given(any_case(pairs=True))
def test_an_unserved_world_is_not_improved_by_lies(instance: Instance) -> None:
    for formulation in ("link", "path"):
        honest = solve(instance, formulation)
        plan = solve(instance, formulation, solver=Stub(change=better_price))
        assert honest.verified
        assert plan.status == "wrong_solution"


@pytest.mark.parametrize("status", ["infeasible", "unbounded", "no_solution", "crash", "licence", "error"])
@pytest.mark.parametrize("formulation", ["link", "path"])
def test_without_a_solution_the_plan_has_no_paths(formulation: str, status: str) -> None:
    plan = solve(TRIANGLE, formulation, solver=Stub(change=without_solution(status)))
    assert (plan.status, plan.objective, plan.bound, plan.gap) == (status, None, None, None)
    assert (plan.paths, plan.attempts, plan.violations) == ((), (), ())
    assert plan.connections == {"r0": 0.0, "r1": 0.0}


def test_a_bound_without_a_solution_is_kept() -> None:
    plan = solve(TRIANGLE, solver=Stub(change=without_solution("no_solution", 9.0)))
    assert (plan.status, plan.objective, plan.bound, plan.violations) == ("no_solution", None, 9.0, ())


@pytest.mark.parametrize("method", ["rounding", "exact"])
def test_a_slot_without_a_solution_draws_nothing(method: str) -> None:
    plan = solve(TRIANGLE, "reps", method=method, solver=Stub(change=without_solution("no_solution")))
    assert (plan.status, plan.objective, plan.entangled_pairs, plan.delivered) == ("no_solution", *[None] * 3)
    assert (plan.paths, plan.violations) == ((), ())


def test_dust_on_integers_is_wiped_off() -> None:
    def dusty(result: SolveResult, model: CompiledModel) -> SolveResult:
        assert result.values is not None
        return replace(result, values=result.values + np.where(model.integer, 9e-7, 0.0))

    plan = solve(TRIANGLE, solver=Stub(change=dusty))
    assert (plan.status, plan.violations) == ("optimal", ())
    assert all(path.count.is_integer() for path in plan.paths)
    assert all(attempt.channels.is_integer() for attempt in plan.attempts)


# --- clocks -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("formulation", "method", "options"), EVERY_WAY)
def test_a_slow_solver_shows_in_its_own_phase_and_phases_do_not_overlap(
    formulation: str, method: str, options: dict[str, Any]
) -> None:
    stub = Stub(wait=0.05)
    start = perf_counter()
    plan = solve(TRIANGLE, formulation, method=method, solver=stub, **options)
    wall = perf_counter() - start
    assert {"build", "compile", "solve", "extract", "verify"} <= set(plan.seconds)
    assert plan.seconds["solve"] >= 0.05 * len(stub.models)
    assert sum(plan.seconds.values()) <= wall
