"""Layered graph and best paths: Bellman-Ford and guided search against walks and paths tried one by one."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from milproute.formulations.action_sets import Candidates, list_candidates
from milproute.formulations.action_sets.k_best_paths import best_paths, joined, paths_above
from milproute.formulations.action_sets.layered_graph import LayeredGraph, layered_graph
from milproute.instances import generate
from milproute.instances.action_set import ActionSet
from tests.support.cases import brief, thorough
from tests.support.qnet_cases import ACTION_BLOCKS, action_cases, network

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.qnet_cases import ActionCase


seeds = st.integers(0, 2**32 - 1)


def rules_of(case: ActionCase) -> ActionSet:
    return ActionSet(
        case.instance, max_hops=min(4, len(case.instance.nodes) if case.max_hops is None else case.max_hops)
    )


def tried(walks: LayeredGraph, request: int) -> Iterator[tuple[int, ...]]:
    """Every walk of a request, as its arcs, by the rules alone: one arc after the other."""
    instance, rules = walks.rules.instance, walks.rules
    ends = instance.requests[request]
    source, target = instance.node_row[ends.source], instance.node_row[ends.target]
    if rules.copies[request] < 1 or min(rules.memory[source], rules.memory[target]) < 1:
        return
    budget, weights = rules.fidelity_budget(request), rules.fidelity_weights
    steps = [
        (u, v, e)
        for e, pair in enumerate(instance.ends.tolist())
        for u, v in (pair, pair[::-1])
        if rules.usable[e] and weights[e] <= budget
    ]
    arc = {
        (k, u, v): i for i, (k, u, v) in enumerate(zip(walks.request, walks.tail, walks.head, strict=True))
    }

    def grown(at: int, taken: tuple[tuple[int, int], ...]) -> Iterator[tuple[int, ...]]:
        if at == target:
            yield tuple(arc[request, u, v] for u, v in taken)
            return
        if len(taken) < rules.max_hops and (at == source or rules.interior[at]):
            for u, v, _ in steps:
                if u == at and v != source:
                    yield from grown(v, (*taken, (u, v)))

    yield from grown(source, ())


def rows_of(candidates: Candidates) -> list[tuple[int, ...]]:
    return [
        (k, *nodes[nodes >= 0])
        for k, nodes in zip(candidates.request.tolist(), candidates.nodes, strict=True)
    ]


@given(action_cases(max_nodes=5), seeds)
@thorough
def test_bellman_ford_finds_the_best_of_all_walks_and_through_every_step(case: ActionCase, seed: int) -> None:
    walks = layered_graph(rules_of(case))
    values = np.random.default_rng(seed).normal(size=(len(walks), 3))
    best, through = walks.best(values), walks.best_through(values[:, 0])
    by_hand = np.full_like(through, -np.inf)
    for request in range(len(case.instance.requests)):
        every = list(tried(walks, request))
        for arcs in every:
            for step, arc in enumerate(arcs):
                by_hand[step, arc] = max(by_hand[step, arc], values[list(arcs), 0].sum())
        most = np.array([values[list(arcs)].sum(axis=0) for arcs in every] or [np.full(3, -np.inf)])
        np.testing.assert_allclose(best[request], most.max(axis=0), atol=1e-12)
    np.testing.assert_allclose(through, by_hand, atol=1e-12)
    np.testing.assert_array_equal(walks.admissible, through > -np.inf)


@given(action_cases(max_nodes=5), seeds)
@brief
def test_walks_without_some_steps_are_those_that_take_none_of_them(case: ActionCase, seed: int) -> None:
    rng = np.random.default_rng(seed)
    walks = layered_graph(rules_of(case))
    admissible = rng.random(walks.admissible.shape) < 0.8
    kept, candidates = walks.restricted_to(admissible), list_candidates(walks.rules)
    left = [
        all(admissible[step, arc] for step, arc in enumerate(arcs))
        for request in range(len(case.instance.requests))
        for arcs in tried(walks, request)
    ]
    count = kept.best_through(np.zeros(len(kept)))
    assert (np.isfinite(count)).any() == any(left)
    paths = best_paths(kept, np.zeros(len(kept)), np.full(len(walks.rules.copies), -np.inf), 10_000)
    assert rows_of(joined(walks, paths)) == [
        row for row, holds in zip(rows_of(candidates), kept.contains(candidates), strict=True) if holds
    ]


@given(action_cases())
@brief
def test_features_and_qubits_of_arcs_add_up_to_those_of_paths(case: ActionCase) -> None:
    walks = layered_graph(rules_of(case))
    candidates = list_candidates(walks.rules)
    arc = {key: i for i, key in enumerate(zip(walks.request, walks.tail, walks.head, strict=True))}
    features, qubits = walks.features(ACTION_BLOCKS).toarray(), walks.memory_use.toarray()
    whole, held = candidates.features(ACTION_BLOCKS).toarray(), candidates.memory_use.toarray()
    for p, (request, *nodes) in enumerate(rows_of(candidates)):
        arcs = [arc[request, u, v] for u, v in pairwise(nodes)]
        np.testing.assert_allclose(features[arcs].sum(axis=0), whole[p], atol=1e-12)
        np.testing.assert_array_equal(qubits[arcs].sum(axis=0), held[p])


@given(action_cases(), seeds, st.floats(-3, 3), st.integers(1, 5))
@thorough
def test_best_paths_are_all_above_the_cutoff_or_the_bound_covers_them(
    case: ActionCase, seed: int, cutoff: float, most: int
) -> None:
    walks = layered_graph(rules_of(case))
    candidates = list_candidates(walks.rules)
    values = np.random.default_rng(seed).normal(size=len(walks))
    arc = {key: i for i, key in enumerate(zip(walks.request, walks.tail, walks.head, strict=True))}
    worth = {row: sum(values[arc[row[0], u, v]] for u, v in pairwise(row[1:])) for row in rows_of(candidates)}
    cutoffs = np.full(len(walks.rules.copies), cutoff)
    found = best_paths(walks, values, cutoffs, most)
    rows = rows_of(Candidates(walks.rules, found.request, found.nodes, found.links))
    assert [worth[row] for row in rows] == pytest.approx(found.values.tolist(), abs=1e-12)
    assert all(value > cutoff for value in found.values)
    for row, value in worth.items():
        assert row in rows or value <= found.bounds[row[0]] + 1e-12
        assert value <= found.largest[row[0]] + 1e-12
    above = [row for row in worth if worth[row] > cutoff]
    everything = paths_above(walks, values, cutoffs, 10_000)
    assert everything is not None
    assert rows_of(joined(walks, everything)) == above
    limited = paths_above(walks, values, cutoffs, len(above) - 1)
    assert limited is None or not above


def test_the_best_of_each_request_come_first() -> None:
    rules = ActionSet(network([("a", "b"), ("b", "c"), ("a", "c")], [("a", "c"), ("a", "b")]), max_hops=3)
    walks = layered_graph(rules)
    found = best_paths(walks, -np.ones(len(walks)), np.full(2, -np.inf), 10)
    assert sorted(zip(found.request.tolist(), found.values.tolist(), strict=True)) == [
        (0, -2.0),
        (0, -1.0),
        (1, -2.0),
        (1, -1.0),
    ]
    assert found.first(1).values.tolist() == [-1.0, -1.0]


def test_joined_sets_hold_each_path_once_in_the_order_of_candidates() -> None:
    rules = ActionSet(generate("waxman:nodes=10,requests=3,seed=2"), max_hops=5)
    candidates, walks = list_candidates(rules), layered_graph(rules)
    some = best_paths(walks, np.linspace(-1, 1, len(walks)), np.zeros(3), 10)
    both = joined(walks, some, candidates, candidates)
    assert rows_of(both) == rows_of(candidates)
