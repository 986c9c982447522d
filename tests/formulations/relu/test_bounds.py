"""Bounds of neurons: no joint action ever leaves them, tighter methods are tighter, crossing ones raise."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from milproute.formulations.action_sets import list_candidates
from milproute.formulations.action_sets.layered_graph import layered_graph
from milproute.formulations.relu.bounds import Bounds, BoundsError, interval_bounds
from milproute.formulations.relu.crown import crown_bounds
from milproute.formulations.relu.folded_net import FoldedNet, fold_state
from milproute.formulations.relu.support_functions import (
    Box,
    PathSupport,
    WalkSupport,
    action_box,
    max_abs_terms,
    path_box,
    path_support,
)
from milproute.instances import MilprouteError
from milproute.instances.action_set import ActionSet
from milproute.instances.qnets.blocks import action_positions, input_size
from milproute.instances.qnets.features import state_vector
from tests.support.cases import brief, thorough
from tests.support.qnet_cases import ACTION_BLOCKS, EVERY_BLOCK, action_cases, network, random_net

if TYPE_CHECKING:
    import scipy.sparse as sp

    from milproute.formulations.action_sets import Candidates
    from milproute.instances import QNet
    from milproute.instances.arrays import Floats
    from tests.support.qnet_cases import ActionCase


seeds = st.integers(0, 2**32 - 1)


def folded(case: ActionCase, net: QNet) -> FoldedNet:
    inputs = net.inputs
    positions = action_positions(case.instance, inputs)
    return fold_state(net, state_vector(case.instance, inputs), positions)


def action_inputs(case: ActionCase, inputs: tuple[str, ...] = EVERY_BLOCK) -> Floats:
    return case.inputs_of(inputs)[:, action_positions(case.instance, inputs)]


def found_by(case: ActionCase, net: FoldedNet, inputs: tuple[str, ...] = EVERY_BLOCK) -> dict[str, Bounds]:
    """Bound by every method: over listed paths, and without a list for arcs and layers."""
    rules = ActionSet(case.instance, max_hops=case.max_hops)
    positions = action_positions(case.instance, inputs)
    candidates = list_candidates(rules)
    features = candidates.features(inputs)[:, positions]
    listed = path_box(candidates, features)
    box = action_box(rules, inputs)
    wide = Box(box.lower[positions], box.upper[positions])
    found = {"interval": interval_bounds(net, listed), "interval, unlisted": interval_bounds(net, wide)}
    found["crown"] = crown_bounds(net, listed, found["interval"])
    found["crown, unlisted"] = crown_bounds(net, wide, found["interval, unlisted"])
    found["path"] = crown_bounds(net, listed_support(candidates, features), found["crown"])
    found["walks"] = crown_bounds(net, walk_support(rules, inputs), found["crown, unlisted"])
    return found


def listed_support(candidates: Candidates, features: sp.csr_array) -> PathSupport:
    return path_support(candidates, features.toarray(), max_abs_terms(candidates, abs(features)))


def walk_support(rules: ActionSet, inputs: tuple[str, ...]) -> WalkSupport:
    graph = layered_graph(rules)
    features = graph.features(inputs)[:, action_positions(rules.instance, inputs)].toarray()
    return WalkSupport(graph, features, np.abs(features))


def assert_nested(inner: Bounds, outer: Bounds) -> None:
    for layer in range(len(inner.lower)):
        assert (inner.lower[layer] >= outer.lower[layer]).all()
        assert (inner.upper[layer] <= outer.upper[layer]).all()


@given(action_cases(), seeds, st.sampled_from(([], [3], [4, 3], [3, 4, 2])))
@thorough
def test_no_action_leaves_any_bound_and_no_q_exceeds_the_upper_bound(
    case: ActionCase, seed: int, hidden: list[int]
) -> None:
    qnet = random_net(case.instance, np.random.default_rng(seed), hidden)
    net = folded(case, qnet)
    values = net.preactivations(action_inputs(case))
    np.testing.assert_allclose(values[-1][:, 0], qnet.forward(case.inputs_of(qnet.inputs)), atol=1e-9)
    for name, bounds in found_by(case, net).items():
        for layer, value in enumerate(values):
            assert (value >= bounds.lower[layer] - 1e-9).all(), (name, layer)
            assert (value <= bounds.upper[layer] + 1e-9).all(), (name, layer)
            known = bounds.stable(layer)
            assert ((value[:, known] >= -1e-9).all(axis=0) | (value[:, known] <= 1e-9).all(axis=0)).all()
        assert bounds.largest_q >= values[-1].max() - 1e-9, name


@given(action_cases(), seeds)
@brief
def test_path_bounds_lie_in_crown_bounds_and_these_in_intervals(case: ActionCase, seed: int) -> None:
    net = folded(case, random_net(case.instance, np.random.default_rng(seed)))
    found = found_by(case, net)
    assert_nested(found["path"], found["crown"])
    assert_nested(found["crown"], found["interval"])
    assert_nested(found["walks"], found["crown, unlisted"])
    assert_nested(found["crown, unlisted"], found["interval, unlisted"])


@given(action_cases(), seeds)
@thorough
def test_path_bounds_of_the_first_layer_are_exact_where_no_capacity_binds(
    case: ActionCase, seed: int
) -> None:
    instance = case.instance
    roomy = instance.changed(
        links=tuple(link.changed(channels=99, entangled_pairs=None) for link in instance.links),
        nodes=tuple(node.changed(memory=99) for node in instance.nodes),
    )
    roomy_case = type(case)(roomy, case.max_hops)
    if roomy_case.size > 2000:
        return
    net = folded(roomy_case, random_net(roomy, np.random.default_rng(seed)))
    values = net.preactivations(action_inputs(roomy_case))[0]
    bounds = found_by(roomy_case, net)["path"]
    np.testing.assert_allclose(bounds.upper[0], values.max(axis=0), atol=1e-7)
    np.testing.assert_allclose(bounds.lower[0], values.min(axis=0), atol=1e-7)


@given(action_cases(max_requests=1), seeds)
@brief
def test_listed_paths_bound_the_first_layer_no_worse_than_walks(case: ActionCase, seed: int) -> None:
    net = folded(case, random_net(case.instance, np.random.default_rng(seed)))
    rules = ActionSet(case.instance, max_hops=case.max_hops)
    positions = action_positions(case.instance, EVERY_BLOCK)
    candidates = list_candidates(rules)
    columns = listed_support(candidates, candidates.features(EVERY_BLOCK)[:, positions])
    walks = walk_support(rules, EVERY_BLOCK)
    for weights in (net.weights[0], -net.weights[0]):
        assert (columns.max_linear(weights) <= walks.max_linear(weights) + 1e-9).all()
        assert (columns.max_linear(weights) >= (action_inputs(case) @ weights.T).max(axis=0) - 1e-9).all()
        assert (columns.sum_abs_terms(weights) >= np.abs(columns.max_linear(weights)) - 1e-9).all()
        assert (walks.sum_abs_terms(weights) >= walks.max_linear(weights) - 1e-9).all()


def test_a_walk_that_uses_a_link_twice_makes_the_bound_over_walks_outer_not_wrong() -> None:
    case_network = network([("a", "b"), ("b", "c"), ("b", "d"), ("d", "e")], [("a", "c")])
    rules = ActionSet(case_network, max_hops=5)
    inputs = ("link_load",)
    columns = list_candidates(rules)
    weights = np.eye(4)
    exact = listed_support(columns, columns.features(inputs)).max_linear(weights)
    walks = walk_support(rules, inputs).max_linear(weights)
    assert exact.tolist() == [1.0, 1.0, 0.0, 0.0]
    assert (walks >= exact).all()


# --- boxes ---------------------------------------------------------------------------------------------


@given(action_cases())
@brief
def test_no_action_feature_leaves_either_box(case: ActionCase) -> None:
    rules = ActionSet(case.instance, max_hops=case.max_hops)
    candidates = list_candidates(rules)
    positions = action_positions(case.instance, EVERY_BLOCK)
    values = action_inputs(case)
    listed = path_box(candidates, candidates.features(EVERY_BLOCK)[:, positions])
    unlisted = action_box(rules, EVERY_BLOCK)
    assert unlisted.lower.shape == unlisted.upper.shape == (input_size(case.instance, EVERY_BLOCK),)
    for box in (listed, Box(unlisted.lower[positions], unlisted.upper[positions])):
        assert (values >= box.lower - 1e-9).all()
        assert (values <= box.upper + 1e-9).all()


@pytest.mark.parametrize("block", ACTION_BLOCKS)
def test_a_state_block_behind_the_action_blocks_does_not_shift_the_box(block: str) -> None:
    rules = ActionSet(network([("a", "b"), ("b", "c")], [("a", "c")]), max_hops=2)
    plain = action_box(rules, (block,))
    mixed = action_box(rules, ("node_memory", block, "link_fidelity"))
    size = len(plain.upper)
    assert mixed.upper[3 : 3 + size].tolist() == plain.upper.tolist()
    assert mixed.lower[3 : 3 + size].tolist() == plain.lower.tolist()
    assert len(mixed.upper) == 3 + size + 2


# --- soundness against rounding --------------------------------------------------------------------------


def exactly(net: FoldedNet, features: Floats) -> list[list[Fraction]]:
    """Pre-activations without any rounding, the numbers taken as they are."""
    values, y = [], [Fraction(float(x)) for x in features]
    for weight, bias in zip(net.weights, net.biases, strict=True):
        rows = [[Fraction(float(w)) for w in row] for row in weight]
        sums = [
            sum((w * v for w, v in zip(row, y, strict=True)), Fraction(float(b)))
            for row, b in zip(rows, bias, strict=True)
        ]
        values.append(sums)
        y = [max(Fraction(0), v) for v in sums]
    return values


@given(action_cases(max_nodes=5, max_requests=2, most=40), seeds, st.sampled_from((1e-6, 1.0, 1e6)))
@brief
def test_bounds_hold_in_exact_arithmetic_however_large_the_weights(
    case: ActionCase, seed: int, scale: float
) -> None:
    rng = np.random.default_rng(seed)
    inputs = ("link_load", "request_served", "request_hops")  # whole numbers: no rounding in the features
    net = folded(case, random_net(case.instance, rng, [3, 3], inputs, scale))
    # Layers that cancel: twins of opposite sign, a trifle apart, are summed up by the next layer.
    first = np.vstack([net.weights[0], -net.weights[0] * (1 + 1e-12)])
    second = np.hstack([net.weights[1], net.weights[1]])
    twins = FoldedNet((first, second, net.weights[2]), (np.concatenate([net.biases[0]] * 2), *net.biases[1:]))
    for sample in (net, twins):
        found = found_by(case, sample, inputs)
        for features in action_inputs(case, inputs)[:20]:
            values = exactly(sample, features)
            for name, bounds in found.items():
                for layer, value in enumerate(values):
                    for j, v in enumerate(value):
                        assert Fraction(float(bounds.lower[layer][j])) <= v, (name, layer, j)
                        assert v <= Fraction(float(bounds.upper[layer][j])), (name, layer, j)


# --- the parts -------------------------------------------------------------------------------------------


@given(action_cases(max_nodes=5), seeds)
@brief
def test_folding_the_state_in_changes_no_q(case: ActionCase, seed: int) -> None:
    qnet = random_net(case.instance, np.random.default_rng(seed), [5])
    net = folded(case, qnet)
    assert net.hidden == (5,)
    np.testing.assert_allclose(net(action_inputs(case)), qnet.forward(case.inputs_of(qnet.inputs)), atol=1e-9)


def test_bounds_that_cross_raise_and_name_the_neuron() -> None:
    one = Bounds((np.array([0.0, 2.0]), np.array([0.0])), (np.array([1.0, 3.0]), np.array([9.0])))
    other = Bounds((np.array([0.0, 0.0]), np.array([0.0])), (np.array([1.0, 1.5]), np.array([8.0])))
    with pytest.raises(BoundsError, match=r"bounds of neuron 1 in layer 0 cross: 2\.0 > 1\.5") as raised:
        one.intersect(other)
    assert isinstance(raised.value, MilprouteError)
    assert isinstance(raised.value, ArithmeticError)
    both = one.intersect(one)
    assert both.largest_q == 9.0
    assert [a.tolist() for a in both.lower] == [a.tolist() for a in one.lower]


def test_a_start_that_is_too_tight_raises_instead_of_giving_bounds() -> None:
    net = FoldedNet((np.array([[1.0, 1.0]]), np.array([[1.0]])), (np.zeros(1), np.zeros(1)))
    box = Box(np.array([2.0, 2.0]), np.array([3.0, 3.0]))
    wrong = Bounds((np.array([0.0]), np.array([0.0])), (np.array([1.0]), np.array([1.0])))
    with pytest.raises(BoundsError):
        crown_bounds(net, box, wrong)


def test_neurons_are_stable_where_the_sign_is_known_zero_included() -> None:
    bounds = Bounds((np.array([-1.0, 0.0, -2.0, -1.0]),), (np.array([1.0, 4.0, 0.0, -0.5]),))
    assert bounds.stable(0).tolist() == [False, True, True, True]


def test_crown_is_tighter_than_intervals_where_neurons_cancel() -> None:
    # Q = max(0, x) - max(0, x) = 0 on [0, 1]: intervals say [-1, 1].
    net = FoldedNet((np.array([[1.0], [1.0]]), np.array([[1.0, -1.0]])), (np.zeros(2), np.zeros(1)))
    box = Box(np.zeros(1), np.ones(1))
    loose = interval_bounds(net, box)
    assert loose.largest_q == pytest.approx(1.0)
    assert crown_bounds(net, box, loose).largest_q == pytest.approx(0.0, abs=1e-9)


def test_without_any_path_the_bounds_are_the_empty_action() -> None:
    instance = network([("a", "b"), ("y", "z")], [("a", "z")])
    rules = ActionSet(instance, max_hops=4)
    qnet = random_net(instance, np.random.default_rng(0))
    positions = action_positions(instance, EVERY_BLOCK)
    net = fold_state(qnet, state_vector(instance, EVERY_BLOCK), positions)
    candidates = list_candidates(rules)
    features = candidates.features(EVERY_BLOCK)[:, positions]
    box = path_box(candidates, features)
    bounds = crown_bounds(net, listed_support(candidates, features), interval_bounds(net, box))
    for value, low, high in zip(
        net.preactivations(np.zeros((1, len(positions)))), bounds.lower, bounds.upper, strict=True
    ):
        np.testing.assert_allclose(low, value[0], atol=1e-9)
        np.testing.assert_allclose(high, value[0], atol=1e-9)


def test_more_hops_never_tighten_a_bound() -> None:
    instance = network([("a", "b"), ("b", "c"), ("a", "c"), ("c", "d"), ("b", "d")], [("a", "d"), ("b", "c")])
    qnet = random_net(instance, np.random.default_rng(3))
    positions = action_positions(instance, EVERY_BLOCK)
    net = fold_state(qnet, state_vector(instance, EVERY_BLOCK), positions)
    widest = []
    for hops in (1, 2, 3):
        candidates = list_candidates(ActionSet(instance, max_hops=hops))
        support = listed_support(candidates, candidates.features(EVERY_BLOCK)[:, positions])
        widest.append(support.max_linear(net.weights[0]))
    assert all((few <= more + 1e-12).all() for few, more in pairwise(widest))
