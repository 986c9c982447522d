"""Branching: branch and bound over paths is brute force, its bound never lies, and limits are kept."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise, product
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from milproute.formulations.action_sets.capacities import SharedCapacities
from milproute.formulations.relu.bounds import Bounds
from milproute.formulations.relu.folded_net import FoldedNet
from milproute.formulations.relu.product_set import ProductSet, product_set_bounds, tightest_linear_bound
from milproute.instances import Instance, OptionError, QNet, generate
from milproute.instances.qnets.library import load_library_qnet
from milproute.solvers.argmax.argmax import argmax
from milproute.solvers.argmax.engines import branch_and_bound, enumeration
from milproute.solvers.argmax.options import ArgmaxOptions
from milproute.solvers.argmax.path_branching import BranchResult, branch
from milproute.solvers.argmax.persistent import ArgmaxModel
from milproute.solvers.argmax.problem import ArgmaxProblem, argmax_problem
from milproute.solvers.interface import Watch
from milproute.solvers.results import SolveOptions, TracePoint
from tests.support.cases import brief, thorough
from tests.support.qnet_cases import ActionCase, action_cases, network, random_net

if TYPE_CHECKING:
    from milproute.instances.arrays import Floats

seeds = st.integers(0, 2**32 - 1)
layers = st.sampled_from(([], [4], [5, 4], [4, 3, 3]))


def problem_of(net: QNet, instance: Instance, max_hops: int | None) -> ArgmaxProblem:
    hops = len(instance.nodes) if max_hops is None else max_hops
    return argmax_problem(net, instance, ArgmaxOptions(engine="branch", max_hops=hops))


def from_nothing(problem: ArgmaxProblem, **limits: Any) -> BranchResult:
    """Search from the empty action, so that nothing is known but what the search finds."""
    return branch(problem.listed(), [], problem.empty_q(), problem.bounds(), SolveOptions(gap=0.0, **limits))


def crowded(seed: int) -> tuple[QNet, Instance, int]:
    """Make an action set with far more requests than its links bear, and a wild net over it."""
    instance = generate(f"grid:rows=3,columns=3,requests=4,channels=1,memory=2-4,seed={seed}")
    return random_net(instance, np.random.default_rng(seed), [6, 5]), instance, 4


@given(action_cases(), seeds, layers)
@thorough
def test_branching_finds_what_brute_force_finds(case: ActionCase, seed: int, hidden: list[int]) -> None:
    net = random_net(case.instance, np.random.default_rng(seed), hidden)
    problem = problem_of(net, case.instance, case.max_hops)
    found = from_nothing(problem)
    best = case.best(net)
    assert found.stopped is None
    assert found.objective == pytest.approx(best, abs=1e-7)
    assert found.bound >= best - 1e-7
    assert found.bound == pytest.approx(best, abs=1e-7)


@pytest.mark.parametrize("seed", range(20))
def test_branching_agrees_with_enumeration_where_links_and_memory_are_scarce(seed: int) -> None:
    net, instance, hops = crowded(seed)
    assert something_binds(net, instance, hops)
    truth = argmax(net, instance, engine="enumerate", max_hops=hops)
    plan = argmax(net, instance, engine="branch", max_hops=hops, limits=SolveOptions(gap=0.0))
    assert (plan.status, plan.engine, plan.variant, plan.verified) == ("optimal", "branch", "branch", True)
    assert plan.objective == pytest.approx(truth.objective, abs=1e-7)
    found = from_nothing(problem_of(net, instance, hops))
    assert found.objective == pytest.approx(truth.objective, abs=1e-7)


def something_binds(net: QNet, instance: Instance, hops: int) -> bool:
    candidates = problem_of(net, instance, hops).listed().candidates
    items = [np.flatnonzero(candidates.request == k) for k in np.unique(candidates.request)]
    return len(SharedCapacities.of(candidates).binding(items).limit) > 0


@pytest.mark.parametrize("seed", range(6))
def test_a_search_that_is_stopped_early_has_an_action_and_a_bound_that_holds(seed: int) -> None:
    net, instance, hops = crowded(seed)
    truth = argmax(net, instance, engine="enumerate", max_hops=hops)
    problem = problem_of(net, instance, hops)
    found = from_nothing(problem, time_limit=1e-9)
    assert truth.objective is not None
    assert found.bound >= truth.objective - 1e-9
    assert found.objective <= truth.objective + 1e-9


def test_a_time_limit_is_a_status_and_auto_goes_on_with_a_milp(monkeypatch: pytest.MonkeyPatch) -> None:
    net, instance, hops = crowded(3)
    truth = argmax(net, instance, engine="enumerate", max_hops=hops)

    def given_up(*arguments: Any) -> BranchResult:
        found = branch(*arguments)
        return replace(found, stopped="time_limit", bound=found.objective + 8.0)

    monkeypatch.setattr(branch_and_bound, "branch", given_up)
    monkeypatch.setattr(enumeration, "FEW_ACTIONS", 0)
    plan = argmax(net, instance, engine="branch", max_hops=hops)
    assert (plan.status, plan.verified) == ("time_limit", True)
    assert plan.bound is not None and plan.objective is not None and plan.bound > plan.objective + 8.0
    assert plan.message is not None and "the time limit came first" in plan.message
    auto = argmax(net, instance, max_hops=hops, limits=SolveOptions(gap=0.0))
    assert (auto.engine, auto.status) == ("milp", "optimal"), (auto.message, auto.violations)
    assert auto.objective == pytest.approx(truth.objective, abs=1e-6)
    monkeypatch.setattr(branch_and_bound, "can_attach", lambda: False)
    alone = argmax(net, instance, max_hops=hops, limits=SolveOptions(gap=0.0))
    assert (alone.engine, alone.status) == ("branch", "time_limit")
    assert alone.bound is not None and alone.objective is not None and alone.bound > alone.objective + 8.0
    assert alone.message is not None
    assert "OMLT is not installed: pip install 'milproute[nets]'" in alone.message
    monkeypatch.undo()
    monkeypatch.setattr(branch_and_bound, "branch", given_up)
    monkeypatch.setattr(enumeration, "FEW_ACTIONS", 0)
    model = ArgmaxModel(net, instance, ArgmaxOptions(max_hops=hops))
    updated = model.solve(instance, SolveOptions(gap=0.0))
    assert (updated.engine, updated.status) == ("milp", "optimal")
    assert updated.objective == pytest.approx(truth.objective, abs=1e-6)


def test_a_request_to_stop_and_ctrl_c_keep_action_and_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    net, instance, hops = crowded(1)
    truth = argmax(net, instance, engine="enumerate", max_hops=hops)
    assert truth.objective is not None
    problem = problem_of(net, instance, hops)
    watch = Watch()
    watch.stop.set()
    start = ([], problem.empty_q(), problem.bounds(), SolveOptions(gap=0.0))
    stopped = branch(problem.listed(), *start, watch)
    assert stopped.stopped == "interrupted"
    assert stopped.bound >= truth.objective - 1e-9

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("milproute.solvers.argmax.path_branching._Search.split", interrupt)
    broken = branch(problem.listed(), *start)
    assert broken.stopped == "interrupted"
    assert broken.bound >= truth.objective - 1e-9
    monkeypatch.setattr(enumeration, "FEW_ACTIONS", 0)
    hard, network, most = load_library_qnet("q-waxman-50-5-32x32-l0")
    plan = argmax(hard, network, max_hops=most)  # by `auto`, which must not go on with a MILP
    assert (plan.engine, plan.status, plan.verified) == ("branch", "time_limit", True)


def test_the_trace_ends_with_what_is_returned_and_its_bound_only_falls() -> None:
    net, instance, hops = crowded(2)
    problem = problem_of(net, instance, hops)
    points: list[TracePoint] = []
    start = ([], problem.empty_q(), problem.bounds(), SolveOptions(gap=0.0))
    found = branch(problem.listed(), *start, Watch(on_point=points.append))
    assert (points[-1].objective, points[-1].bound) == (found.objective, found.bound)
    bounds = [point.bound for point in points if point.bound is not None]
    assert bounds == sorted(bounds, reverse=True)


def test_the_gap_asked_for_is_kept() -> None:
    qnet, instance, hops = load_library_qnet("q-waxman-50-5-32x32-l0")
    loose = argmax(qnet, instance, engine="branch", max_hops=hops, limits=SolveOptions(gap=2.0))
    assert loose.gap is not None and 1e-6 < loose.gap <= 2.0
    assert (loose.status, loose.verified) == ("gap_limit", True)


def test_branching_over_no_path_is_the_empty_action() -> None:
    instance = network([("a", "b"), ("c", "d")], [("a", "c")])
    net = random_net(instance, np.random.default_rng(0), [3])
    plan = argmax(net, instance, engine="branch", max_hops=3)
    assert (plan.status, plan.paths, plan.verified) == ("optimal", (), True)


def test_branching_needs_listed_paths() -> None:
    with pytest.raises(OptionError, match="branch lists paths, but actions is 'arcs'"):
        ArgmaxOptions(actions="arcs", engine="branch")


# --- product sets -------------------------------------------------------------------------------------------


def random_product_set(rng: np.random.Generator, width: int) -> tuple[ProductSet, list[Floats]]:
    sets = [rng.normal(size=(int(rng.integers(1, 5)), width)) for _ in range(int(rng.integers(1, 4)))]
    starts = np.cumsum([0, *(len(own) for own in sets)])[:-1]
    abs_terms = np.sum([np.abs(own).max(axis=0) for own in sets], axis=0)
    return ProductSet(np.vstack(sets), starts, abs_terms), sets


def test_bounds_hold_for_every_sum_of_members() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        sizes = [int(rng.integers(1, 6)) for _ in range(int(rng.integers(1, 4)))] + [1]
        shapes = [(sizes[0], sizes[0]), *((b, a) for a, b in pairwise(sizes))]
        weights = tuple(np.eye(sizes[0]) if k == 0 else rng.normal(size=s) for k, s in enumerate(shapes))
        net = FoldedNet(weights, tuple(rng.normal(size=len(w)) for w in weights))
        product_set, sets = random_product_set(rng, sizes[0])
        infinite = Bounds(*(tuple(sign * np.full(len(b), np.inf) for b in net.biases) for sign in (-1, 1)))
        bounds = product_set_bounds(net, product_set, infinite)
        upper, _ = tightest_linear_bound(net, product_set, bounds)
        sums = np.array([np.sum(members, axis=0) for members in product(*sets)])
        values = net.preactivations(sums)
        for k in range(len(net.hidden)):
            assert (values[k] >= bounds.lower[k]).all() and (values[k] <= bounds.upper[k]).all()
        assert values[0].min(axis=0) == pytest.approx(bounds.lower[0], abs=1e-9)
        assert values[0].max(axis=0) == pytest.approx(bounds.upper[0], abs=1e-9)
        assert (values[-1] <= upper.total).all()
        assert upper.total <= tightest_linear_bound(net, product_set, bounds, steps=1)[0].total


def test_the_upper_bound_of_single_members_is_their_q() -> None:
    rng = np.random.default_rng(1)
    weights = (np.eye(4), rng.normal(size=(3, 4)), rng.normal(size=(1, 3)))
    net = FoldedNet(weights, tuple(rng.normal(size=len(w)) for w in weights))
    vectors = rng.normal(size=(2, 4))
    product_set = ProductSet(vectors, np.array([0, 1]), np.abs(vectors).sum(axis=0))
    infinite = Bounds(*(tuple(sign * np.full(len(b), np.inf) for b in net.biases) for sign in (-1, 1)))
    upper, _ = tightest_linear_bound(net, product_set, product_set_bounds(net, product_set, infinite))
    assert upper.total == pytest.approx(float(net(vectors.sum(axis=0)[None])[0]), abs=1e-9)


# --- shared capacities --------------------------------------------------------------------------------------


@given(action_cases(), seeds)
@brief
def test_propagation_and_splitting_keep_every_choice_that_fits(case: ActionCase, seed: int) -> None:
    net = random_net(case.instance, np.random.default_rng(seed), [3])
    candidates = problem_of(net, case.instance, case.max_hops).listed().candidates
    items = [
        np.append(np.flatnonzero(candidates.request == k), len(candidates))
        for k in np.unique(candidates.request).tolist()
        for _ in range(int(candidates.rules.copies[k]))
    ]
    capacities = SharedCapacities.of(candidates).binding(items)
    rng = np.random.default_rng(seed)
    some = [own[np.sort(rng.choice(len(own), size=min(len(own), 2), replace=False))] for own in items]
    fitting = {
        choice
        for choice in product(*(own.tolist() for own in some))
        if capacities.fits(np.array(choice, np.int64))
    }
    propagated = capacities.propagate(some)
    kept = set() if propagated is None else set(product(*(own.tolist() for own in propagated)))
    assert fitting <= kept
    for choice in product(*(own.tolist() for own in some)):
        conflict = capacities.conflict(some, np.array(choice, dtype=np.int64))
        if conflict is not None:
            unit, part = conflict
            assert choice not in fitting
            assert part.any() and not part.all() and part[some[unit].tolist().index(choice[unit])]
