"""Candidates: exactly the simple paths that networkx lists and the rules allow, in one fixed order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import networkx as nx
import numpy as np
import pytest
from hypothesis import given

from milproute.formulations.action_sets import TooManyPathsError, list_candidates
from milproute.instances import OptionError, generate
from milproute.instances.action_set import ActionSet
from milproute.instances.qnets.features import path_features
from tests.support.cases import brief, thorough
from tests.support.qnet_cases import EVERY_BLOCK, action_cases, build, grid_graph, network, path_graph

if TYPE_CHECKING:
    from milproute.formulations.action_sets import Candidates
    from tests.support.qnet_cases import ActionCase

MANY = 10**9


def listed(candidates: Candidates) -> list[tuple[int, tuple[str, ...]]]:
    return [(int(k), candidates.path(row)) for row, k in enumerate(candidates.request)]


@given(action_cases(max_nodes=7, most=MANY))
@thorough
def test_candidates_are_the_paths_that_may_be_taken_alone(case: ActionCase) -> None:
    found = listed(list_candidates(ActionSet(case.instance, max_hops=case.max_hops)))
    assert len(set(found)) == len(found)
    assert sorted(found) == sorted((k, path) for k, paths in enumerate(case.paths) for path in paths)


@given(action_cases(max_nodes=7, most=MANY))
@brief
def test_candidates_stand_by_request_then_length_then_node_rows(case: ActionCase) -> None:
    row = case.instance.node_row
    found = listed(list_candidates(ActionSet(case.instance, max_hops=case.max_hops)))
    keys = [(k, len(path), [row[v] for v in path]) for k, path in found]
    assert keys == sorted(keys)


@given(action_cases(max_nodes=7, most=MANY))
@brief
def test_arrays_of_a_candidate_say_what_its_path_does(case: ActionCase) -> None:
    instance = case.instance
    candidates = list_candidates(ActionSet(instance, max_hops=case.max_hops))
    load, memory = candidates.link_use.toarray(), candidates.memory_use.toarray()
    matrix = candidates.features(EVERY_BLOCK).toarray()
    assert matrix.shape[0] == len(candidates) == len(load) == len(memory)
    for p, (k, path) in enumerate(listed(candidates)):
        links = instance.links_along(path)
        assert [e for e in candidates.links[p] if e >= 0] == list(links)
        np.testing.assert_array_equal(load[p], np.isin(np.arange(len(instance.links)), links))
        held = [(v.id in path) + (v.id in path[1:-1]) for v in instance.nodes]
        np.testing.assert_array_equal(memory[p], held)
        assert [instance.nodes[v].id for v in candidates.interiors[p] if v >= 0] == list(path[1:-1])
        np.testing.assert_allclose(matrix[p], path_features(instance, EVERY_BLOCK, k, path), atol=1e-12)


@pytest.mark.parametrize("max_hops", [1, 2, 3, 5, 8, 99, None])
@pytest.mark.parametrize(
    "graph", [grid_graph(3, 4), path_graph(7), nx.relabel_nodes(nx.complete_graph(6), "n{}".format)]
)
def test_candidates_on_an_open_network_are_all_simple_paths(graph: nx.Graph, max_hops: int | None) -> None:
    nodes = sorted(graph)
    requests = [(nodes[0], nodes[-1]), (nodes[2], nodes[1])]
    found = listed(list_candidates(ActionSet(network(graph.edges, requests), max_hops=max_hops)))
    expected = [
        (k, tuple(path))
        for k, ends in enumerate(requests)
        for path in nx.all_simple_paths(graph, *ends, cutoff=max_hops)
    ]
    assert sorted(found) == sorted(expected)


def test_the_order_of_links_in_the_instance_and_their_direction_do_not_matter() -> None:
    graph, ends = grid_graph(3, 3), [("n00", "n22"), ("n02", "n11")]
    edges = list(graph.edges)
    turned = [(v, u) for u, v in reversed(edges)]
    one, other = (listed(list_candidates(ActionSet(network(e, ends), max_hops=6))) for e in (edges, turned))
    assert one == other == listed(list_candidates(ActionSet(network(edges, ends), max_hops=6)))


def test_one_path_too_many_is_refused_and_exactly_the_limit_is_not() -> None:
    rules = ActionSet(network(grid_graph(3, 4).edges, [("n00", "n23"), ("n03", "n20")]), max_hops=7)
    count = len(list_candidates(rules))
    assert count > 10
    assert len(list_candidates(rules, count)) == count
    for limit in (count - 1, count // 2, 1):
        with pytest.raises(TooManyPathsError) as raised:
            list_candidates(rules, limit)
        text = str(raised.value)
        assert f"more than {limit} candidate paths within 7 hops" in text
        for way in ("--max-hops", "--max-columns", "--actions layers"):
            assert way in text
    assert isinstance(raised.value, OptionError)


def test_a_limit_that_all_paths_meet_holds_whatever_the_dead_ends() -> None:
    # A clique of 9 hangs on the first link; only one path leaves it, so long dead ends are not counted.
    clique = [(f"k{i}", f"k{j}") for i in range(9) for j in range(i)]
    instance = network([("a", "b"), ("a", "k0"), *clique], [("a", "b")])
    assert listed(list_candidates(ActionSet(instance, max_hops=10), 1)) == [(0, ("a", "b"))]


def test_a_network_with_millions_of_paths_is_refused_at_once() -> None:
    rules = ActionSet(generate("waxman:nodes=60,requests=5,seed=1"), max_hops=12)
    with pytest.raises(TooManyPathsError, match=r"more than 2,000,000 unfinished paths .*--actions layers"):
        list_candidates(rules)


def test_listing_stops_at_the_limit_and_not_at_the_last_hop() -> None:
    rules = ActionSet(
        network(nx.complete_graph([f"n{i:02}" for i in range(30)]).edges, [("n00", "n01")]), max_hops=9
    )
    with pytest.raises(TooManyPathsError, match="more than 20000 candidate paths within 9 hops"):
        list_candidates(rules, 20_000)  # all of them would be 28 * 27 * ... * 21


@pytest.mark.parametrize(
    ("node", "links"),
    [
        ({"id": "b", "memory": 1}, {}),
        ({"id": "a", "memory": 0}, {}),
        ({"id": "c", "memory": 0}, {}),
        ({"id": "b", "swap_probability": 0.0}, {}),
        ({}, {"channels": 0}),
        ({}, {"probability": 0.0}),
        ({}, {"entangled_pairs": 0}),
        ({}, {"fidelity": 0.5}),
    ],
)
def test_a_path_that_can_never_be_taken_is_no_candidate(
    node: dict[str, object], links: dict[str, object]
) -> None:
    nodes = [{"id": v} | (node if node.get("id") == v else {}) for v in "abc"]
    ends = [{"source": "a", "target": "b"}, {"source": "b", "target": "c"}]
    requests = [{"source": "a", "target": "c", "min_fidelity": 0.8}]
    assert (
        len(
            list_candidates(
                ActionSet(build(ends, requests, nodes if not node else [{"id": v} for v in "abc"]))
            )
        )
        == 1
    )
    wrong = build([ends[0], ends[1] | links], requests, nodes)
    candidates = list_candidates(ActionSet(wrong))
    assert len(candidates) == 0
    assert candidates.features(EVERY_BLOCK).shape[0] == 0
    assert candidates.link_use.shape == (0, 2) and candidates.memory_use.shape == (0, 3)


def test_ends_need_one_qubit_and_interior_nodes_two() -> None:
    ends = [{"source": "a", "target": "b"}, {"source": "b", "target": "c"}]
    nodes = [{"id": "a", "memory": 1}, {"id": "b", "memory": 2}, {"id": "c", "memory": 1}]
    rules = ActionSet(build(ends, [{"source": "a", "target": "c"}], nodes))
    assert listed(list_candidates(rules)) == [(0, ("a", "b", "c"))]


@pytest.mark.parametrize("requests", [[], [("a", "z")]])
def test_without_requests_or_connection_the_list_is_empty(requests: list[tuple[str, str]]) -> None:
    assert len(list_candidates(ActionSet(network([("a", "b"), ("y", "z")], requests), max_hops=5))) == 0


def test_a_demand_of_0_has_no_candidate() -> None:
    assert len(list_candidates(ActionSet(network([("a", "b")], [("a", "b")], demand=0)))) == 0
