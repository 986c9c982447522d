"""Bound tightening by linear programs: proven whatever the solver's duals are, and worth something."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog

from milproute.formulations import compile_model
from milproute.formulations.embedding import embed
from milproute.formulations.relu.bounds import BoundsError
from milproute.formulations.relu.crown import crown_bounds
from milproute.formulations.relu.neuron_layout import NeuronLayout
from milproute.instances import generate
from milproute.instances.qnets.blocks import action_positions
from milproute.solvers.argmax.options import ArgmaxOptions
from milproute.solvers.argmax.problem import ArgmaxProblem, argmax_problem
from milproute.solvers.argmax.strengthening.certificate import certified_bound, fix_by_reduced_cost
from milproute.solvers.argmax.strengthening.obbt import tighten
from milproute.solvers.backends.highs import Highs
from milproute.solvers.interface import Watch
from milproute.solvers.results import SolveOptions
from tests.support.arrays import INFINITY, arrays
from tests.support.cases import brief, thorough
from tests.support.qnet_cases import action_cases, network, random_net

if TYPE_CHECKING:
    from collections.abc import Sequence

    from milproute.formulations import CompiledModel
    from milproute.formulations.relu.bounds import Bounds
    from milproute.instances import Instance, QNet
    from milproute.instances.arrays import Floats
    from milproute.solvers.results import SolveResult
    from tests.support.qnet_cases import ActionCase


ENCODINGS = ("columns", "arcs", "layers")
EXACT = SolveOptions(gap=0.0, native={"presolve": "off"})
seeds = st.integers(0, 2**32 - 1)


class Liar(Highs):
    """HiGHS whose duals come back wrong, by noise of a size of its own."""

    def __init__(self, noise: float, seed: int = 0) -> None:
        self.noise, self.rng = noise, np.random.default_rng(seed)

    def solve(
        self,
        model: CompiledModel,
        options: SolveOptions,
        start: Floats | None = None,
        watch: Watch | None = None,
    ) -> SolveResult:
        result = super().solve(model, options, start, watch)
        if result.duals is None:
            return result
        return replace(result, duals=result.duals + self.noise * self.rng.normal(size=len(result.duals)))


def prepared(
    net: QNet, instance: Instance, max_hops: int | None, actions: str = "columns", bounds: str = "path"
) -> tuple[ArgmaxProblem, Bounds, NeuronLayout, CompiledModel]:
    hops = len(instance.nodes) if max_hops is None else max_hops
    problem = argmax_problem(net, instance, ArgmaxOptions(actions=actions, max_hops=hops, bounds=bounds))
    action = problem.encode_actions()
    found = problem.bounds()
    model = compile_model(embed(action, problem.net, "tight", found, problem.box).model)
    return problem, found, NeuronLayout.of(model, found), model


def preactivations(case: ActionCase, problem: ArgmaxProblem) -> list[Floats]:
    """Return f of every layer for every action, by a forward pass."""
    positions = action_positions(case.instance, problem.qnet.inputs)
    return problem.net.preactivations(case.inputs_of(problem.qnet.inputs)[:, positions])


def assert_holds(bounds: Bounds, values: Sequence[Floats]) -> None:
    for layer, value in enumerate(values):
        assert (value >= bounds.lower[layer] - 1e-9).all(), layer
        assert (value <= bounds.upper[layer] + 1e-9).all(), layer


def random_program(rng: np.random.Generator) -> CompiledModel:
    """Draw a feasible linear program: equations, sides without a limit, all columns bounded."""
    n, m = int(rng.integers(1, 6)), int(rng.integers(0, 6))
    rows = np.round(rng.normal(size=(m, n)), 1)
    point = rng.uniform(-1, 1, n)
    low, high = rows @ point - rng.random(m), rows @ point + rng.random(m)
    kind = rng.integers(0, 4, m)
    low = np.where(kind == 0, -INFINITY, np.where(kind == 3, rows @ point, low))
    high = np.where(kind == 1, INFINITY, np.where(kind == 3, rows @ point, high))
    maximize, offset = bool(rng.random() < 0.5), float(rng.normal())
    cost = np.round(rng.normal(size=n), 1)
    return arrays(cost, rows, low, high, lower=-2.0, upper=2.0, maximize=maximize, offset=offset)


# --- the certificate ----------------------------------------------------------------------------------


@given(seeds)
@thorough
def test_the_duals_of_the_solver_prove_its_objective(seed: int) -> None:
    model = random_program(np.random.default_rng(seed))
    result = Highs().solve(model, SolveOptions())
    assert result.duals is not None
    assert result.objective is not None
    bound = certified_bound(model, result.duals)
    assert bound == pytest.approx(result.objective, abs=1e-5)


@given(seeds, st.sampled_from((1e-6, 0.1, 10.0)))
@thorough
def test_no_duals_whatsoever_prove_too_much(seed: int, noise: float) -> None:
    rng = np.random.default_rng(seed)
    model = random_program(rng)
    sign = -1.0 if model.maximize else 1.0
    dense, n = model.matrix.toarray(), len(model.cost)
    some = [(dense[i], h) for i, h in enumerate(model.row_upper) if np.isfinite(h)]
    some += [(-dense[i], -low) for i, low in enumerate(model.row_lower) if np.isfinite(low)]
    oracle = linprog(
        sign * model.cost,
        A_ub=np.array([row for row, _ in some]).reshape(-1, n),
        b_ub=np.array([right for _, right in some]),
        bounds=[(-2.0, 2.0)] * n,
    )
    assert oracle.status == 0
    assert oracle.fun is not None
    optimum = sign * oracle.fun + model.offset
    given_duals = rng.normal(size=len(model.row_lower)) * noise
    given_duals[rng.random(len(given_duals)) < 0.1] = np.nan
    excess = certified_bound(model, given_duals) - optimum
    assert (excess if model.maximize else -excess) >= -1e-7


def test_a_column_without_a_bound_proves_nothing_unless_it_does_not_matter() -> None:
    free = arrays([1.0, 0.0], [[1.0, 0.0]], [-INFINITY], [3.0], upper=[INFINITY, INFINITY], maximize=True)
    assert certified_bound(free, np.zeros(1)) == INFINITY
    idle = arrays([1.0, 0.0], [[1.0, 0.0]], [-INFINITY], [3.0], upper=[4.0, INFINITY], maximize=True)
    assert certified_bound(idle, np.ones(1)) == pytest.approx(3.0)


@pytest.mark.parametrize("maximize", [True, False])
def test_a_dual_is_what_a_longer_side_of_its_row_gains(maximize: bool) -> None:
    cost = [3.0, 2.0] if maximize else [-3.0, -2.0]
    rows, step = [[1.0, 1.0], [1.0, 3.0]], 0.01
    base = Highs().solve(arrays(cost, rows, [-9, -9], [4, 6], maximize=maximize), SolveOptions())
    more = Highs().solve(arrays(cost, rows, [-9, -9], [4 + step, 6], maximize=maximize), SolveOptions())
    assert base.objective is not None
    assert more.objective is not None
    assert base.duals is not None
    assert base.duals[0] == pytest.approx((more.objective - base.objective) / step)
    assert base.duals[0] != 0


def test_integer_programs_have_no_duals() -> None:
    assert Highs().solve(arrays([1.0], [[1.0]], [0], [3], integer=True), SolveOptions()).duals is None


# --- tightening ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("actions", ENCODINGS)
@given(
    action_cases(max_nodes=5, max_requests=2, most=80),
    seeds,
    st.sampled_from((0.0, 1e-3, 1.0)),
    st.sampled_from(("interval", "path")),
    st.sampled_from(([4], [4, 3], [3, 3, 2])),
)
@brief
def test_no_action_leaves_the_bounds_even_if_the_duals_are_wrong(
    actions: str, case: ActionCase, seed: int, noise: float, start: str, hidden: list[int]
) -> None:
    net = random_net(case.instance, np.random.default_rng(seed), hidden)
    problem, bounds, layout, model = prepared(net, case.instance, case.max_hops, actions, start)
    found = tighten(model, layout, bounds, Liar(noise, seed))
    assert_holds(found, preactivations(case, problem))
    for layer in range(len(bounds.lower)):
        assert (found.lower[layer] >= bounds.lower[layer]).all()
        assert (found.upper[layer] <= bounds.upper[layer]).all()


@given(action_cases(max_nodes=5, max_requests=2, most=80), seeds)
@brief
def test_bounds_written_into_the_arrays_state_the_same_net_as_a_fresh_model(
    case: ActionCase, seed: int
) -> None:
    net = random_net(case.instance, np.random.default_rng(seed), [4, 3])
    problem, bounds, layout, model = prepared(net, case.instance, case.max_hops, bounds="interval")
    found = tighten(
        model, layout, bounds, Highs(), refresh=lambda b: crown_bounds(problem.net, problem.box, b)
    )
    assert_holds(found, preactivations(case, problem))
    written = layout.with_loose_q_bounds(layout.with_bounds(model, found), found)
    fresh = compile_model(embed(problem.encode_actions(), problem.net, "tight", found, problem.box).model)
    best = case.best(net)
    for stated in (written, fresh):
        assert Highs().solve(stated, EXACT).objective == pytest.approx(best, abs=1e-6)
        worst = Highs().solve(stated.with_changes(maximize=False), EXACT).objective
        assert worst == pytest.approx(preactivations(case, problem)[-1].min(), abs=1e-6)
    relaxed = [Highs().solve(stated.relaxed(), EXACT).bound for stated in (written, fresh)]
    assert relaxed[0] == pytest.approx(relaxed[1], abs=1e-6)
    fixed = written.lower[layout.z] == written.upper[layout.z]
    left = sum(int((~found.stable(k)).sum()) for k in range(2))
    assert len(fixed) - int(fixed.sum()) == left


def shared() -> tuple[Instance, QNet]:
    """Return two requests that want the same link of one channel, and a net that sees only its load.

    Path bounds count the link twice, one request a time: load 2. The capacity says 1.
    """
    line = network([("a", "b"), ("b", "c"), ("a", "d")], [("a", "c"), ("d", "b")], channels=1)
    net = random_net(line, np.random.default_rng(0), [2], ("link_load",))
    row = next(i for i, link in enumerate(line.links) if {link.source, link.target} == {"a", "b"})
    weights = np.zeros_like(net.weights[0])
    weights[:, row] = 1.0
    chosen = replace(net, weights=(weights, np.ones((1, 2))), biases=(np.array([-1.5, -0.5]), np.zeros(1)))
    return line, chosen


def test_capacities_that_path_bounds_relax_make_neurons_stable() -> None:
    instance, net = shared()
    _, bounds, layout, model = prepared(net, instance, 3)
    assert bounds.stable(0).tolist() == [False, False]
    found = tighten(model, layout, bounds, Highs())
    assert found.stable(0).tolist() == [True, False]
    assert found.upper[0] == pytest.approx([-0.5, 0.5], abs=1e-9)
    assert found.largest_q == pytest.approx(0.5, abs=1e-9)
    assert bounds.largest_q > 1.0


def test_useless_duals_leave_the_bounds_as_they_were() -> None:
    instance, net = shared()
    _, bounds, layout, model = prepared(net, instance, 3)
    found = tighten(model, layout, bounds, Liar(1e9))
    assert found.stable(0).tolist() == [False, False]
    assert found.largest_q == bounds.largest_q


def test_tightening_stops_at_its_limit_and_on_request_and_keeps_what_is_proven() -> None:
    instance, net = shared()
    _, bounds, layout, model = prepared(net, instance, 3)
    asked = Watch()
    asked.stop.set()
    for found in (
        tighten(model, layout, bounds, Highs(), seconds=1e-9),
        tighten(model, layout, bounds, Highs(), watch=asked),
    ):
        for layer in range(2):
            assert (found.lower[layer] == bounds.lower[layer]).all()
            assert (found.upper[layer] == bounds.upper[layer]).all()


def test_an_empty_action_set_is_an_error() -> None:
    instance, net = shared()
    _, bounds, layout, model = prepared(net, instance, 3)
    lower = model.row_lower.copy()
    lower[model.rows["one_path"][0]] = 0.5
    lower[model.rows["one_path"][1]] = 0.75  # together more than the shared link bears
    with pytest.raises(BoundsError, match="the action set is empty"):
        tighten(model.with_changes(row_lower=lower), layout, bounds, Highs())


# --- fixing columns ---------------------------------------------------------------------------------


@given(action_cases(max_nodes=5, max_requests=2, most=80), seeds, st.sampled_from((0.0, 0.1)))
@brief
def test_no_better_action_is_fixed_at_zero_even_if_the_duals_are_wrong(
    case: ActionCase, seed: int, noise: float
) -> None:
    rng = np.random.default_rng(seed)
    net = random_net(case.instance, rng, [4, 3])
    _, bounds, layout, model = prepared(net, case.instance, case.max_hops)
    model = layout.with_loose_q_bounds(layout.with_bounds(model, bounds), bounds)
    result = Liar(noise, seed).solve(model.relaxed(), EXACT)
    assert result.duals is not None
    values = np.sort(net.forward(case.inputs_of(net.inputs)))
    incumbent = float(values[-2] if len(values) > 1 else values[0] - 1.0)
    narrow = fix_by_reduced_cost(model, result.duals, model.columns["choice"], incumbent)
    assert (narrow.upper <= model.upper).all()
    assert Highs().solve(narrow, EXACT).objective == pytest.approx(float(values[-1]), abs=1e-6)


def test_a_good_incumbent_fixes_most_columns_and_a_bad_one_none() -> None:
    instance = generate("waxman:nodes=12,requests=3,seed=5")
    net = random_net(instance, np.random.default_rng(0), [], scale=0.3)  # linear: no gap
    _, bounds, layout, model = prepared(net, instance, 4)
    model = layout.with_loose_q_bounds(layout.with_bounds(model, bounds), bounds)
    best = Highs().solve(model, EXACT).objective
    duals = Highs().solve(model.relaxed(), EXACT).duals
    assert best is not None
    assert duals is not None
    columns = model.columns["choice"]
    left = fix_by_reduced_cost(model, duals, model.columns["choice"], best)
    assert (left.upper[columns] > 0).sum() < 0.5 * len(columns)
    assert Highs().solve(left, EXACT).objective == pytest.approx(best, abs=1e-6)
    kept = fix_by_reduced_cost(model, duals, model.columns["choice"], best - 1e3)
    assert (kept.upper == model.upper).all()
