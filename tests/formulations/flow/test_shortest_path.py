"""Best paths against all paths."""

from __future__ import annotations

from itertools import pairwise
from operator import add
from typing import TYPE_CHECKING

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from milproute.formulations import best_path
from tests.support.cases import thorough

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Weighted = nx.DiGraph[str]


@st.composite
def graphs(draw: st.DrawFn) -> Weighted:
    """Draw a directed graph with few different whole weights, so that ties abound; 0 among them."""
    graph: Weighted = nx.DiGraph()
    graph.add_nodes_from("abcde")
    arcs = [(u, v) for u in "abcde" for v in "abcde" if u != v]
    for u, v in draw(st.lists(st.sampled_from(arcs), unique=True)):
        graph.add_edge(u, v, weight=draw(st.integers(0, 3)))
    return graph


def steps_of(graph: Weighted, sign: int = 1) -> Callable[[str], Iterable[tuple[str, float]]]:
    def steps(u: str) -> Iterable[tuple[str, float]]:
        return [(v, sign * data["weight"]) for v, data in graph[u].items()]

    return steps


def weights(graph: Weighted, nodes: Iterable[str]) -> list[int]:
    return [graph[u][v]["weight"] for u, v in pairwise(nodes)]


@thorough
@given(graphs())
def test_the_cheapest_path_is_the_first_by_sum_then_links_then_names(graph: Weighted) -> None:
    every = [(sum(weights(graph, p)), len(p), tuple(p)) for p in nx.all_simple_paths(graph, "a", "e")]
    found = best_path(steps_of(graph), "a", "e", add, 0)
    if not every:
        assert found is None
    else:
        value, _, nodes = min(every)
        assert found == (value, nodes)


@thorough
@given(graphs())
def test_the_widest_path_is_as_wide_as_any(graph: Weighted) -> None:
    every = [min(weights(graph, p)) for p in nx.all_simple_paths(graph, "a", "e")]
    found = best_path(steps_of(graph, -1), "a", "e", max, float("-inf"))
    if not every:
        assert found is None
    else:
        assert found is not None
        value, nodes = found
        assert -value == max(every) == min(weights(graph, nodes))
        assert len(set(nodes)) == len(nodes)


@pytest.mark.parametrize("order", [("b", "c"), ("c", "b")])
def test_the_order_in_which_neighbours_are_named_does_not_matter(order: tuple[str, ...]) -> None:
    steps = {"a": [(v, 1.0) for v in order], "b": [("d", 1.0)], "c": [("d", 1.0)], "d": []}
    assert best_path(steps.__getitem__, "a", "d", add, 0.0) == (2.0, ("a", "b", "d"))


def test_a_path_from_a_node_to_itself_has_no_links() -> None:
    assert best_path(lambda _: [], "a", "a", add, 0.0) == (0.0, ("a",))
