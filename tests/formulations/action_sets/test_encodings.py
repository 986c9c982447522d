"""Action sets as models: columns, arcs and layers accept exactly the joint actions that brute force lists."""

from __future__ import annotations

from itertools import combinations, pairwise
from typing import TYPE_CHECKING

import networkx as nx
import numpy as np
import pyomo.environ as pyo
import pytest
from hypothesis import given
from hypothesis import strategies as st

from milproute.formulations import compile_model
from milproute.formulations.action_sets import encode_arcs, encode_layers, encode_paths, list_candidates
from milproute.instances import OptionError
from milproute.instances.action_set import ActionSet
from milproute.instances.qnets.features import features, state_vector
from milproute.solvers.backends.highs import Highs
from milproute.solvers.results import SolveOptions
from tests.support.cases import brief, thorough
from tests.support.qnet_cases import (
    ACTION_BLOCKS,
    EVERY_BLOCK,
    action_cases,
    as_action,
    build,
    grid_graph,
    network,
    path_graph,
    routed,
    whole_points,
)

if TYPE_CHECKING:
    from milproute.formulations import CompiledModel
    from milproute.formulations.action_sets import ActionEncoding
    from milproute.instances import Instance
    from milproute.instances.arrays import Integers
    from tests.support.qnet_cases import Action, ActionCase

ENCODINGS = ("columns", "arcs", "layers")
every_encoding = pytest.mark.parametrize("encoding", ENCODINGS)


def stated(
    encoding: str, instance: Instance, max_hops: int | None, inputs: tuple[str, ...] = EVERY_BLOCK
) -> ActionEncoding:
    rules = ActionSet(instance, max_hops=max_hops)
    if encoding == "columns":
        return encode_paths(list_candidates(rules), inputs)
    return (encode_arcs if encoding == "arcs" else encode_layers)(rules, inputs)


def compiled(action: ActionEncoding) -> tuple[CompiledModel, Integers]:
    """Compile with an objective that names all action variables; return the columns of these, too."""
    action.model.anything = pyo.Objective(expr=pyo.quicksum(action.variables), sense=pyo.maximize)
    model = compile_model(action.model)
    name = action.variables[0].parent_component().name if action.variables else ""
    return model, model.columns[name] if name else np.zeros(0, dtype=np.int64)


def accepted(encoding: str, instance: Instance, max_hops: int | None) -> list[Action]:
    """Return what `read` makes of every point of the model."""
    action = stated(encoding, instance, max_hops)
    model, _ = compiled(action)
    return [as_action(action.read(model, point)) for point in whole_points(model)]


@every_encoding
@given(action_cases())
@thorough
def test_the_points_of_a_model_are_exactly_the_joint_actions(encoding: str, case: ActionCase) -> None:
    instance, action = case.instance, stated(encoding, case.instance, case.max_hops)
    model, columns = compiled(action)
    state = state_vector(instance, EVERY_BLOCK)
    seen = set()
    for point in whole_points(model):
        found = as_action(action.read(model, point))
        seen.add(found)
        value = state + action.features.T @ point[columns]
        np.testing.assert_allclose(value, features(instance, EVERY_BLOCK, routed(instance, found)), atol=1e-9)
    assert seen == set(case.actions)


@every_encoding
@given(action_cases(max_nodes=7, most=3000), st.integers(0, 2**32 - 1))
@brief
def test_linear_functions_of_the_features_have_the_extrema_of_brute_force(
    encoding: str, case: ActionCase, seed: int
) -> None:
    instance, action = case.instance, stated(encoding, case.instance, case.max_hops)
    model, columns = compiled(action)
    weights = np.random.default_rng(seed).normal(size=action.features.shape[1])
    exact = SolveOptions(gap=0.0, native={"presolve": "off"})  # presolve of HiGHS 1.15.1 cuts off optima
    values = (case.inputs_of(EVERY_BLOCK) - state_vector(instance, EVERY_BLOCK)) @ weights
    for maximize, best in ((True, values.max()), (False, values.min())):
        cost = np.zeros_like(model.cost)
        cost[columns] = action.features @ weights
        result = Highs().solve(model.with_changes(cost=cost, maximize=maximize), exact)
        assert (result.status, result.objective) == ("optimal", pytest.approx(best, abs=1e-6))
        assert result.values is not None
        found = as_action(action.read(model, np.round(result.values, 6)))
        assert found in case.actions
        there = features(instance, EVERY_BLOCK, routed(instance, found)) - state_vector(instance, EVERY_BLOCK)
        assert there @ weights == pytest.approx(best, abs=1e-6)


@every_encoding
@given(action_cases())
@brief
def test_a_feature_as_an_expression_is_the_feature_as_a_number(encoding: str, case: ActionCase) -> None:
    action = stated(encoding, case.instance, case.max_hops)
    rng = np.random.default_rng(len(action.variables))
    values = rng.integers(0, 2, len(action.variables)).astype(float)
    for variable, value in zip(action.variables, values, strict=True):
        variable.set_value(value, skip_validation=True)
    numbers = [pyo.value(action.feature(i)) for i in range(action.features.shape[1])]
    np.testing.assert_allclose(numbers, action.features.T @ values, atol=1e-12)


# --- the vacuous path rows of SEQUOIA's code ------------------------------------------------------------
# There u[j, j, t] = 1 marks a node as visited that no path visits: all 56 (79) subsets are accepted.


def visited(actions: list[Action]) -> set[frozenset[str]]:
    return {frozenset(v for _, nodes, _ in action for v in nodes) for action in actions}


@every_encoding
@pytest.mark.parametrize(
    ("graph", "source", "target", "max_hops"),
    [
        (path_graph(10), "n0", "n4", 4),
        (path_graph(10), "n2", "n5", 9),
        (grid_graph(3, 4), "n00", "n12", 4),
        (grid_graph(3, 4), "n00", "n23", 7),
        (grid_graph(3, 4), "n11", "n12", 6),
    ],
)
def test_node_sets_on_no_path_are_never_accepted(
    encoding: str, graph: nx.Graph, source: str, target: str, max_hops: int
) -> None:
    paths = {frozenset(p) for p in nx.all_simple_paths(graph, source, target, cutoff=max_hops)}
    found = visited(accepted(encoding, network(graph.edges, [(source, target)]), max_hops))
    assert found == {*paths, frozenset()}
    pairs = [set(pair) for n in (1, 2) for pair in combinations(graph.nodes, n)]
    within = [sum(any(pair <= nodes for nodes in sets) for pair in pairs) for sets in (found, paths)]
    assert within[0] == within[1] < len(pairs)


@every_encoding
def test_a_cycle_beside_the_path_or_instead_of_it_is_never_accepted(encoding: str) -> None:
    ring = [("c", "d"), ("d", "e"), ("e", "f"), ("f", "c")]
    beside = network([("a", "b"), *ring], [("a", "b")], channels=3)
    bridged = network([("a", "b"), ("b", "c"), *ring], [("a", "b")], channels=3)
    no_path = network([*ring, ("e", "b")], [("a", "b")], channels=3)
    direct = ((0, ("a", "b"), 1),)
    assert set(accepted(encoding, beside, 6)) == set(accepted(encoding, bridged, 6)) == {(), direct}
    assert set(accepted(encoding, no_path, 6)) == {()}


@every_encoding
def test_every_link_of_a_counted_path_exists_and_every_subset_of_requests_can_be_served(
    encoding: str,
) -> None:
    instance = network(grid_graph(2, 3).edges, [("n00", "n12"), ("n10", "n02")], channels=2, memory=4)
    actions = accepted(encoding, instance, 3)
    links = {frozenset(link.ends) for link in instance.links}
    assert all(frozenset(s) in links for a in actions for _, nodes, _ in a for s in pairwise(nodes))
    assert {tuple(k for k, *_ in a) for a in actions} == {(), (0,), (1,), (0, 1)}
    assert len(set(actions)) == len(actions)


# --- corners -------------------------------------------------------------------------------------------


@every_encoding
@pytest.mark.parametrize("inputs", [(), ("node_memory",), *((block,) for block in ACTION_BLOCKS)])
def test_any_feature_blocks_will_do(encoding: str, inputs: tuple[str, ...]) -> None:
    instance = network([("a", "b"), ("b", "c"), ("a", "c")], [("a", "c")])
    action = stated(encoding, instance, 3, inputs)
    state = state_vector(instance, inputs)
    model, columns = compiled(action)
    points = list(whole_points(model))
    for point in points:
        paths = routed(instance, as_action(action.read(model, point)))
        expected = features(instance, inputs, paths)
        np.testing.assert_allclose(state + action.features.T @ point[columns], expected)
    assert len(points) == 3


@every_encoding
@pytest.mark.parametrize("requests", [[], [("a", "z")]])
def test_without_any_path_the_empty_action_alone_is_left(
    encoding: str, requests: list[tuple[str, str]]
) -> None:
    instance = network([("a", "b"), ("y", "z")], requests)
    action = stated(encoding, instance, 4)
    assert action.features.shape[0] == len(action.variables)
    model, _ = compiled(action)
    assert {as_action(action.read(model, point)) for point in whole_points(model)} == {()}


@every_encoding
def test_dust_on_the_integers_does_not_change_what_is_read(encoding: str) -> None:
    instance = network([("a", "b"), ("b", "c"), ("a", "c")], [("a", "c"), ("a", "b")], channels=2, demand=2)
    action = stated(encoding, instance, 3)
    model, _ = compiled(action)
    rng = np.random.default_rng(0)
    for point in whole_points(model):
        dusty = np.where(model.integer, point + rng.uniform(-1e-6, 1e-6, len(point)), point)
        assert as_action(action.read(model, dusty)) == as_action(action.read(model, point))


@every_encoding
def test_a_fidelity_met_exactly_counts_as_met(encoding: str) -> None:
    links = [{"source": u, "target": v, "fidelity": 0.95} for u, v in pairwise("abcd")]
    least = 0.25 + 0.75 * (2.8 / 3) ** 3
    for asked, actions in ((least, 2), (least + 1e-6, 1)):
        requests = [{"source": "a", "target": "d", "min_fidelity": asked}]
        instance = build(links, requests, [{"id": v} for v in "abcd"])
        assert len(accepted(encoding, instance, None)) == actions


@every_encoding
def test_the_size_of_a_model_is_as_its_docstring_says(encoding: str) -> None:
    instance = network(grid_graph(3, 3).edges, [("n00", "n22"), ("n02", "n20")], memory=4, demand=2)
    size = compiled(stated(encoding, instance, 4))[0].size
    links, nodes, requests, units, hops = 12, 9, 2, 4, 4
    if encoding == "columns":
        assert size.columns == size.integers == 12
        assert size.rows <= requests + links + nodes
    elif encoding == "layers":
        assert size.columns == size.integers <= units * 2 * links * hops
        assert size.rows <= units * nodes * (hops + 1) + links + nodes
    else:
        assert size.integers <= units * 2 * links
        assert size.columns <= units * (2 * links + nodes)
        assert size.rows <= units * (2 * links + 2 * nodes) + links + nodes


def test_a_hop_limit_of_0_is_refused() -> None:
    with pytest.raises(OptionError, match="the hop limit is 0; allowed: a whole number of at least 1"):
        ActionSet(network([("a", "b")], [("a", "b")]), max_hops=0)
