"""Fill: nothing is left that someone still needs, nobody goes first twice."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from math import inf, log
from typing import TYPE_CHECKING

import networkx as nx
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from milproute.formulations import Route
from milproute.solvers.heuristics.greedy_fill import fill
from tests.support.cases import any_case, make, thorough
from tests.support.oracles import node_paths

if TYPE_CHECKING:
    from milproute.instances import Instance


def pairs_of(instance: Instance) -> list[int]:
    return [link.entangled_pairs or 0 for link in instance.links]


@st.composite
def candidates(draw: st.DrawFn, instance: Instance) -> list[Route]:
    """Draw paths with counts, more than fit perhaps, over links without pairs perhaps."""
    every = [Route(row, p, 1.0) for row in range(len(instance.requests)) for p in node_paths(instance, row)]
    if not every:
        return []
    chosen = draw(st.lists(st.sampled_from(every), unique=True, max_size=4))
    return [Route(r.request, r.nodes, float(draw(st.integers(0, 3)))) for r in chosen]


def left_after(instance: Instance, routes: list[Route]) -> list[float]:
    left = [float(n) for n in pairs_of(instance)]
    for route in routes:
        for row in instance.links_along(route.nodes):
            left[row] -= route.count
    return left


@thorough
@given(any_case(pairs=True), st.data())
def test_pairs_are_spent_once_and_no_request_in_need_has_a_path(
    instance: Instance, data: st.DataObject
) -> None:
    filled = fill(instance, pairs_of(instance), data.draw(candidates(instance)))
    left = left_after(instance, filled)
    assert min(left, default=0) >= 0
    served: Counter[int] = Counter()
    for route in filled:
        request = instance.requests[route.request]
        assert (route.nodes[0], route.nodes[-1]) == (request.source, request.target)
        assert len(set(route.nodes)) == len(route.nodes)
        served[route.request] += round(route.count)
    swapping = {node.id for node in instance.nodes if node.swap_probability > 0}
    for row, request in enumerate(instance.requests):
        assert request.demand is None or served[row] <= request.demand
        if request.demand is None or served[row] < request.demand:
            rest = nx.Graph(link.ends for link, n in zip(instance.links, left, strict=True) if n > 0)
            rest.add_nodes_from((request.source, request.target))
            usable = rest.subgraph((swapping & set(rest)) | {request.source, request.target})
            assert not nx.has_path(usable, request.source, request.target)


@thorough
@given(any_case(pairs=True), st.data(), st.randoms(use_true_random=False))
def test_the_order_of_candidates_does_not_matter(
    instance: Instance, data: st.DataObject, random: object
) -> None:
    drawn = data.draw(candidates(instance))
    shuffled = random.sample(drawn, len(drawn))  # type: ignore[attr-defined]
    assert set(fill(instance, pairs_of(instance), drawn)) == set(fill(instance, pairs_of(instance), shuffled))


@thorough
@given(any_case(pairs=True))
def test_equal_requests_get_equal_shares(instance: Instance) -> None:
    assume(instance.requests)
    first = instance.requests[0]
    twin = instance.changed(requests=(*instance.requests, first.changed(id="twin")))
    served: Counter[int] = Counter()
    for route in fill(twin, pairs_of(twin), []):
        served[route.request] += round(route.count)
    assert abs(served[0] - served[len(instance.requests)]) <= 1


@thorough
@given(any_case(pairs=True), st.data())
def test_candidates_that_fit_together_are_all_taken(instance: Instance, data: st.DataObject) -> None:
    """What the path ILP chose is never lost to the greedy order."""
    first = fill(instance, pairs_of(instance), data.draw(candidates(instance)))
    again = Counter({(r.request, r.nodes): r.count for r in fill(instance, pairs_of(instance), first)})
    assert all(again[r.request, r.nodes] >= r.count for r in first)


DIAMOND = make(
    [("s", "a", 1, 1.0), ("a", "t", 1, 1.0), ("s", "b", 1, 1.0), ("b", "t", 1, 1.0)],
    [("s", "t", 1)],
    swap={"a": 0.5, "b": 0.9},
    pairs=[1, 1, 1, 1],
)


@pytest.mark.parametrize("step", [1, -1])
def test_the_candidate_whose_swaps_succeed_most_often_wins(step: int) -> None:
    routes = [Route(0, ("s", "a", "t"), 1.0), Route(0, ("s", "b", "t"), 1.0)][::step]
    assert fill(DIAMOND, [1, 1, 1, 1], routes) == [Route(0, ("s", "b", "t"), 1.0)]


def test_without_candidates_the_path_whose_swaps_succeed_most_often_wins() -> None:
    assert fill(DIAMOND, [1, 1, 1, 1], []) == [Route(0, ("s", "b", "t"), 1.0)]
    assert fill(DIAMOND, [1, 1, 1, 0], []) == [Route(0, ("s", "a", "t"), 1.0)]
    assert fill(DIAMOND, [1, 0, 1, 0], []) == []


def test_more_links_are_better_than_worse_swaps() -> None:
    links = [
        ("s", "a", 1, 1.0),
        ("a", "t", 1, 1.0),
        ("s", "b", 1, 1.0),
        ("b", "c", 1, 1.0),
        ("c", "t", 1, 1.0),
    ]
    detour = make(links, [("s", "t", 1)], swap={"a": 0.5, "b": 0.9, "c": 0.9})
    short, long = Route(0, ("s", "a", "t"), 1.0), Route(0, ("s", "b", "c", "t"), 1.0)
    for candidates_given in ([short, long], [long, short], []):
        assert fill(detour, [1] * 5, candidates_given) == [long]


def test_a_node_that_never_swaps_is_never_inside_a_path() -> None:
    blind = make([("s", "a", 1, 1.0), ("a", "t", 1, 1.0)], [("s", "t"), ("s", "a")], swap={"a": 0.0})
    assert fill(blind, [2, 2], []) == [Route(1, ("s", "a"), 2.0)]


def test_each_link_of_a_path_spends_one_pair() -> None:
    chain = make([(u, v, 1, 1.0) for u, v in pairwise("abcd")], [("a", "d")])
    assert fill(chain, [3, 2, 3], []) == [Route(0, ("a", "b", "c", "d"), 2.0)]
    assert left_after(chain.with_pairs([3, 2, 3]), fill(chain, [3, 2, 3], [])) == [1, 0, 1]


def one_at_a_time(instance: Instance, candidates: list[Route]) -> Counter[tuple[int, tuple[str, ...]]]:
    """Fill by the definition: one path a turn, the best path found among all of them each time."""
    left = pairs_of(instance)
    graph = nx.Graph([(link.source, link.target) for link in instance.links])
    graph.add_nodes_from(node.id for node in instance.nodes)
    every = [list(map(tuple, nx.all_simple_paths(graph, r.source, r.target))) for r in instance.requests]
    swap = {node.id: node.swap_probability for node in instance.nodes}
    own = [
        [p for c in candidates if c.request == i for p in [c.nodes] * round(c.count)]
        for i in range(len(every))
    ]
    chosen: Counter[tuple[int, tuple[str, ...]]] = Counter()
    served = [0] * len(every)

    def cost(nodes: tuple[str, ...]) -> tuple[float, int, tuple[str, ...]]:
        return sum(-log(swap[v]) if swap[v] else inf for v in nodes[1:-1]), len(nodes), nodes

    for listed in (own, None):
        waiting = {i for i, r in enumerate(instance.requests) if r.demand is None or served[i] < r.demand}
        while waiting:
            i = min(waiting, key=lambda i: (served[i], i))
            paths = every[i] if listed is None else listed[i]
            fits = [p for p in paths if all(left[e] > 0 for e in instance.links_along(p))]
            if listed is None:
                fits = [p for p in fits if cost(p)[0] < inf]
            if not fits:
                waiting.remove(i)
                continue
            best = min(fits, key=cost)
            if listed is not None:
                listed[i].remove(best)
            for e in instance.links_along(best):
                left[e] -= 1
            chosen[i, best] += 1
            served[i] += 1
            demand = instance.requests[i].demand
            if demand is not None and served[i] >= demand:
                waiting.remove(i)
    return chosen


@thorough
@given(any_case(pairs=True), st.integers(1, 9), st.data())
def test_turns_taken_together_choose_what_turns_one_by_one_choose(
    instance: Instance, factor: int, data: st.DataObject
) -> None:
    plenty = instance.with_pairs([factor * n for n in pairs_of(instance)])
    listed = data.draw(candidates(plenty))
    filled = Counter({(r.request, r.nodes): round(r.count) for r in fill(plenty, pairs_of(plenty), listed)})
    assert filled == one_at_a_time(plenty, listed)


@pytest.mark.parametrize("pairs", [10**5, 10**9, 10**12])
def test_the_number_of_pairs_costs_no_turns(pairs: int) -> None:
    ring = make(
        [("a", "b", 1, 0.9), ("b", "c", 1, 0.9), ("c", "d", 1, 0.9), ("d", "a", 1, 0.9)],
        [("a", "c"), ("b", "d")],
    )
    filled = fill(ring, [pairs] * 4, [])
    # Every connection takes two pairs of four times as many, and the two requests take turns.
    served: Counter[int] = Counter()
    for route in filled:
        served[route.request] += round(route.count)
    assert served[0] + served[1] == 2 * pairs
    assert abs(served[0] - served[1]) <= 1
