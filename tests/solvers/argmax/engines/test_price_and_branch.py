"""Pricing: without a list of all paths the answer is that of brute force, and no bound is ever below it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from milproute.formulations.action_sets import TooManyPathsError, list_candidates
from milproute.instances import Instance, OptionError, QNet, check, generate
from milproute.instances.action_set import ActionSet
from milproute.instances.library import best_known
from milproute.instances.qnets.library import load_library_qnet
from milproute.solvers.argmax.argmax import argmax, pose
from milproute.solvers.argmax.colgen import column_pool, subproblem
from milproute.solvers.argmax.describe import describe, write_embedding
from milproute.solvers.argmax.engines import price_and_branch
from milproute.solvers.argmax.engines.enumeration import enumerate_actions
from milproute.solvers.argmax.options import ArgmaxOptions
from milproute.solvers.argmax.persistent import ArgmaxModel
from milproute.solvers.argmax.problem import argmax_problem
from milproute.solvers.backends.highs import Highs
from milproute.solvers.interface import Watch
from milproute.solvers.results import SolveOptions
from tests.support.backends import Stub, without_solution
from tests.support.cases import brief, thorough
from tests.support.qnet_cases import (
    EVERY_BLOCK,
    ActionCase,
    action_cases,
    network,
    plan_action,
    random_net,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from milproute.formulations import CompiledModel
    from milproute.instances import Plan
    from milproute.solvers.argmax.engines.price_and_branch import ListedColumns
    from milproute.solvers.results import SolveResult, TracePoint

EXACT = SolveOptions(gap=0.0)
shortest = settings(brief, max_examples=20)
seeds = st.integers(0, 2**32 - 1)
layers = st.sampled_from(([], [3], [4, 3], [3, 4, 2]))


def hops_of(case: ActionCase) -> int:
    return len(case.instance.nodes) if case.max_hops is None else case.max_hops


def assert_optimal(plan: Plan, case: ActionCase, net: QNet) -> None:
    best = case.best(net)
    assert (plan.engine, plan.status, plan.verified, plan.violations) == ("price", "optimal", True, ())
    assert plan.objective == pytest.approx(best, abs=1e-6)
    assert plan.forward == pytest.approx(best, abs=1e-6)
    assert plan.bound is not None and plan.bound >= best - 1e-9
    assert plan_action(case.instance, plan.paths) in case.actions
    assert check(case.instance, plan, qnet=net) == []


@pytest.fixture
def few_columns(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Begin with one path a request, keep few unfinished ones, split rather than list: all is priced."""
    monkeypatch.setattr(column_pool, "FIRST", 1)
    for module in (column_pool, subproblem):
        monkeypatch.setattr(module, "NEW", 1)
    monkeypatch.setattr(subproblem, "KEPT", (1, 3))
    monkeypatch.setattr(price_and_branch, "LEAF", 0)
    yield


@dataclass
class Impatient(Highs):
    """HiGHS that asks for a stop at its n-th linear program, and may spoil the duals on the way."""

    solves: int
    noise: float = 0.0
    watch: Watch = field(default_factory=Watch)

    def solve(
        self, model: CompiledModel, options: SolveOptions, start: Any = None, watch: Watch | None = None
    ) -> SolveResult:
        self.solves -= 1
        if self.solves <= 0:
            self.watch.stop.set()
        result = super().solve(model, options, start, None)
        if self.noise == 0.0 or result.duals is None:
            return result
        spoilt = result.duals + np.random.default_rng(self.solves).normal(size=len(result.duals)) * self.noise
        return replace(result, duals=spoilt)


def listed_of(
    net: QNet, case: ActionCase, backend: Impatient, most: int = 1000
) -> tuple[ListedColumns, float]:
    """Price until the back end stops; also the best Q over what was listed."""
    options = ArgmaxOptions(engine="price", max_hops=hops_of(case), max_columns=most)
    problem = argmax_problem(net, case.instance, options, list_paths=False)
    listed = price_and_branch.price(problem, backend, EXACT, backend.watch)
    return listed, enumerate_actions(listed.problem.listed())[1]


# --- against brute force ---------------------------------------------------------------------------------


@given(action_cases(), seeds, layers)
@thorough
def test_pricing_returns_what_brute_force_finds(case: ActionCase, seed: int, hidden: list[int]) -> None:
    net = random_net(case.instance, np.random.default_rng(seed), hidden)
    plan = argmax(net, case.instance, engine="price", max_hops=hops_of(case), limits=EXACT)
    assert_optimal(plan, case, net)


@pytest.mark.usefixtures("few_columns")
@given(action_cases(), seeds, layers)
@brief
def test_it_does_so_where_hardly_any_path_is_known_at_first(
    case: ActionCase, seed: int, hidden: list[int]
) -> None:
    net = random_net(case.instance, np.random.default_rng(seed), hidden)
    plan = argmax(net, case.instance, engine="price", max_hops=hops_of(case), limits=EXACT)
    assert_optimal(plan, case, net)


@pytest.mark.usefixtures("few_columns")
@given(action_cases(), seeds, layers, st.integers(1, 4), st.sampled_from((1, 3, 1000)))
@brief
def test_stopped_at_any_time_it_lists_the_best_action_or_its_bound_covers_it(
    case: ActionCase, seed: int, hidden: list[int], solves: int, most: int
) -> None:
    net = random_net(case.instance, np.random.default_rng(seed), hidden)
    best = case.best(net)
    listed, found = listed_of(net, case, Impatient(solves), most)
    assert listed.bound >= best - 1e-9
    assert max(found, listed.rest) >= best - 1e-6 * max(1.0, abs(best))
    assert listed.rest <= listed.bound
    if not listed.stopped:
        assert found == pytest.approx(best, abs=1e-6)


@pytest.mark.usefixtures("few_columns")
@given(action_cases(), seeds, st.sampled_from((1e-3, 0.1, 3.0)))
@shortest
def test_bounds_hold_however_wrong_the_duals_are(case: ActionCase, seed: int, noise: float) -> None:
    net = random_net(case.instance, np.random.default_rng(seed))
    listed, found = listed_of(net, case, Impatient(30, noise))
    best = case.best(net)
    assert listed.bound >= best - 1e-9
    assert max(found, listed.rest) >= best - 1e-6 * max(1.0, abs(best))


@pytest.mark.usefixtures("few_columns")
@pytest.mark.parametrize("seed", range(1, 6))
def test_it_agrees_with_the_list_where_requests_fight_over_links_and_memory(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(price_and_branch, "LEAF", 20)
    rng = np.random.default_rng(seed)
    drawn = generate(f"waxman:nodes=9,requests=3,seed={seed}")
    instance = drawn.changed(
        links=tuple(link.changed(channels=1) for link in drawn.links),
        nodes=tuple(node.changed(memory=int(rng.integers(2, 5))) for node in drawn.nodes),
        requests=(drawn.requests[0].changed(demand=2), *drawn.requests[1:]),
    )
    net = random_net(instance, rng, [5, 4], EVERY_BLOCK, 0.3)
    listed = argmax(net, instance, engine="branch", max_hops=4, limits=EXACT)
    priced = argmax(net, instance, engine="price", max_hops=4, limits=EXACT)
    assert (listed.status, priced.status, priced.verified) == ("optimal", "optimal", True)
    assert priced.objective == pytest.approx(listed.objective, abs=1e-6)


# --- paths that are too many to list ---------------------------------------------------------------------


def test_a_limit_far_below_the_number_of_paths_leaves_the_optimum() -> None:
    net, instance, hops = load_library_qnet("q-waxman-50-5-32x32")
    known = next(entry for entry in best_known()["argmax"] if entry["qnet"] == "q-waxman-50-5-32x32")
    plan = argmax(net, instance, max_hops=hops, max_columns=100)
    assert len(list_candidates(ActionSet(instance, max_hops=hops))) > 4000
    assert (plan.engine, plan.variant, plan.status, plan.verified) == ("price", "price", "optimal", True)
    assert plan.objective == pytest.approx(known["value"], abs=1e-6)
    assert plan.message is not None
    assert "paths priced in" in plan.message and "no other path is in a better action" in plan.message
    assert {"bounds", "start", "price", "enumerate"} <= set(plan.seconds)
    assert plan.neurons is None or plan.neurons.total == 64


def test_millions_of_paths_are_no_obstacle() -> None:
    net, instance, _ = load_library_qnet("q-waxman-50-5-32x32")
    plan = argmax(net, instance, engine="price", max_hops=10)
    assert (plan.engine, plan.status, plan.verified, plan.max_hops) == ("price", "optimal", True, 10)
    assert plan.objective is not None and plan.objective >= 2.7391517  # of 6 hops, which 10 allow too


def test_paths_that_matter_but_are_too_many_leave_an_honest_gap() -> None:
    instance = generate("waxman:nodes=12,requests=3,seed=5")
    net = random_net(instance, np.random.default_rng(4), [6, 6], EVERY_BLOCK, 0.3)
    best = argmax(net, instance, engine="branch", max_hops=5, limits=EXACT)
    plan = argmax(net, instance, max_hops=5, max_columns=1, limits=SolveOptions(gap=10.0))
    assert best.objective is not None and plan.objective is not None and plan.bound is not None
    assert (plan.engine, plan.status, plan.verified) == ("price", "gap_limit", True)
    assert plan.objective <= best.objective + 1e-6 <= plan.bound + 2e-6
    assert plan.message is not None and "more paths than max_columns may matter" in plan.message


def test_no_time_leaves_an_action_and_a_bound() -> None:
    net, instance, _ = load_library_qnet("q-waxman-50-5-32x32-l0")
    plan = argmax(net, instance, engine="price", max_hops=7, limits=SolveOptions(time_limit=1e-6))
    assert (plan.status, plan.verified) == ("time_limit", True)
    assert plan.objective is not None and plan.bound is not None and plan.bound > plan.objective
    assert plan.message is not None and "the time for pricing is up" in plan.message


def test_a_back_end_without_duals_leaves_the_bounds_of_the_neurons() -> None:
    instance = network([("a", "b"), ("b", "c"), ("a", "c")], [("a", "c"), ("a", "b")])
    net = random_net(instance, np.random.default_rng(0))

    def silent(result: SolveResult, model: CompiledModel) -> SolveResult:
        return replace(result, duals=None) if model.is_linear else result

    plan = argmax(net, instance, engine="price", solver=Stub(change=silent), limits=EXACT)
    assert_optimal(plan, ActionCase(instance, 6), net)
    plan = argmax(
        net, instance, engine="price", solver=Stub(change=without_solution("infeasible")), limits=EXACT
    )
    assert_optimal(plan, ActionCase(instance, 6), net)


def test_the_trace_comes_down_to_the_answer_and_a_stop_ends_it() -> None:
    net, instance, _ = load_library_qnet("q-waxman-100-10-32x32")
    points: list[TracePoint] = []
    plan = argmax(net, instance, engine="price", max_hops=6, watch=Watch(on_point=points.append))
    bounds = [point.bound for point in points if point.bound is not None]
    assert plan.objective == pytest.approx(5.979680067, abs=1e-6)
    assert bounds[0] > bounds[-1] >= plan.objective - 1e-6
    stopped = Watch()
    stopped.stop.set()
    plan = argmax(net, instance, engine="price", max_hops=6, watch=stopped)
    assert plan.objective is not None and plan.bound is not None and plan.bound > plan.objective


@pytest.mark.parametrize("requests", [[], [("a", "z")], [("a", "z"), ("a", "b")]])
@pytest.mark.parametrize("inputs", [EVERY_BLOCK, ("node_memory",)])
def test_requests_without_a_path_are_no_obstacle(
    requests: list[tuple[str, str]], inputs: tuple[str, ...]
) -> None:
    instance = network([("a", "b"), ("y", "z")], requests)
    net = random_net(instance, np.random.default_rng(5), [3, 3], inputs)
    plan = argmax(net, instance, engine="price", max_hops=4, limits=EXACT)
    assert_optimal(plan, ActionCase(instance, 4), net)


def test_the_same_call_gives_the_same_plan() -> None:
    instance = generate("waxman:nodes=10,requests=3,seed=3")
    net = random_net(instance, np.random.default_rng(0), [6, 6], EVERY_BLOCK, 0.3)
    one, other = (argmax(net, instance, engine="price", max_hops=4) for _ in range(2))
    assert one.changed(seconds={}) == other.changed(seconds={})


# --- which engine, and what is refused -------------------------------------------------------------------


def test_auto_prices_where_it_may_not_list_and_the_others_say_how_to() -> None:
    instance: Instance = network([("a", "b"), ("b", "c"), ("a", "c"), ("c", "d"), ("b", "d")], [("a", "d")])
    net = random_net(instance, np.random.default_rng(0))
    for engine in ("milp", "enumerate", "branch"):
        with pytest.raises(TooManyPathsError, match="--engine price or --actions layers"):
            argmax(net, instance, engine=engine, max_columns=2)
    assert pose(net, instance, ArgmaxOptions(max_columns=4)).columns is not None
    problem = pose(net, instance, ArgmaxOptions(max_columns=2))
    assert problem.columns is None
    facts = describe(problem)
    assert facts["engine"].startswith("price: more than 2 paths")
    assert "size" not in facts and facts["ceiling"] >= ActionCase(instance, 6).best(net)


def test_what_needs_a_list_of_paths_refuses_to_price(tmp_path: Path) -> None:
    instance = network([("a", "b")], [("a", "b")])
    net = random_net(instance, np.random.default_rng(0))
    options = ArgmaxOptions(engine="price")
    for actions in ("arcs", "layers"):
        with pytest.raises(OptionError, match=f"price lists paths, but actions is '{actions}'"):
            ArgmaxOptions(actions=actions, engine="price")
    with pytest.raises(OptionError, match="allowed: --actions layers"):
        write_embedding(tmp_path / "model.mps", net, instance, options, "highs")
    with pytest.raises(OptionError, match="a persistent argmax lists its paths"):
        ArgmaxModel(net, instance, options)
