"""Search: enumeration is brute force; local search stays feasible and never gets worse."""

from __future__ import annotations

from itertools import combinations_with_replacement
from time import process_time
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from milproute.formulations.action_sets import list_candidates
from milproute.instances import Instance, Link, QNet, generate
from milproute.instances.action_set import ActionSet
from milproute.instances.qnets.features import features
from milproute.solvers.argmax.engines.enumeration import count_actions, enumerate_actions
from milproute.solvers.argmax.local_search import local_search
from milproute.solvers.argmax.options import ArgmaxOptions
from milproute.solvers.argmax.problem import argmax_problem
from tests.support.cases import brief, thorough
from tests.support.qnet_cases import ActionCase, action_cases, network, random_net, routed

if TYPE_CHECKING:
    from milproute.solvers.argmax.path_columns import PathColumns

seeds = st.integers(0, 2**32 - 1)


def columns_of(net: QNet, instance: Instance, max_hops: int | None) -> PathColumns:
    hops = len(instance.nodes) if max_hops is None else max_hops
    return argmax_problem(net, instance, ArgmaxOptions(max_hops=hops)).listed()


def action_of(columns: PathColumns, chosen: list[int]) -> tuple[tuple[int, tuple[str, ...], int], ...]:
    rows = sorted(set(chosen))
    candidates = columns.candidates
    return tuple(sorted((int(candidates.request[p]), candidates.path(p), chosen.count(p)) for p in rows))


def q_of(net: QNet, instance: Instance, columns: PathColumns, chosen: list[int]) -> float:
    return float(net.forward(features(instance, net.inputs, routed(instance, action_of(columns, chosen)))))


@given(action_cases(), seeds, st.sampled_from(([], [4], [4, 3])))
@thorough
def test_enumeration_finds_what_brute_force_finds(case: ActionCase, seed: int, hidden: list[int]) -> None:
    net = random_net(case.instance, np.random.default_rng(seed), hidden)
    columns = columns_of(net, case.instance, case.max_hops)
    chosen, q, done = enumerate_actions(columns)
    assert done
    assert q == pytest.approx(case.best(net), abs=1e-9)
    assert action_of(columns, chosen) in case.actions
    assert q_of(net, case.instance, columns, chosen) == pytest.approx(q, abs=1e-9)


@given(action_cases(most=2000))
@brief
def test_the_number_of_joint_choices_is_exact(case: ActionCase) -> None:
    """Count multisets of the listed paths one by one, up to the copies that both ends can hold."""
    instance, number = case.instance, 1
    for request, paths in zip(instance.requests, case.paths, strict=True):
        held = []
        for end in (request.source, request.target):
            own = [link for link in instance.links if end in link.ends and link_can_succeed(instance, link)]
            room = sum(x.channels if x.entangled_pairs is None else x.entangled_pairs for x in own)
            held.append(min(room, instance.nodes[instance.node_row[end]].memory))
        most = min(1 if request.demand is None else request.demand, *held)
        number *= sum(1 for n in range(most + 1) for _ in combinations_with_replacement(paths, n))
    assert count_actions(list_candidates(ActionSet(instance, max_hops=case.max_hops))) == number


def link_can_succeed(instance: Instance, link: Link) -> bool:
    return bool(instance.probabilities[instance.link_row[link.ends]] > 0)


def test_the_number_of_joint_choices_of_huge_demands_is_found_at_once() -> None:
    many = network([("a", "b"), ("b", "c"), ("a", "c")], [("a", "c")], demand=10**12, channels=10**12)
    candidates = list_candidates(ActionSet(many))
    copies = int(ActionSet(many).copies[0])
    assert count_actions(candidates) == pytest.approx((copies + 1) * (copies + 2) / 2)


@given(action_cases(), seeds)
@brief
def test_local_search_is_feasible_and_no_worse_than_its_start(case: ActionCase, seed: int) -> None:
    rng = np.random.default_rng(seed)
    net = random_net(case.instance, rng)
    columns = columns_of(net, case.instance, case.max_hops)
    row_of = {(int(k), columns.candidates.path(p)): p for p, k in enumerate(columns.candidates.request)}
    starts = [case.actions[i] for i in rng.permutation(len(case.actions))[:4]]
    for action in [(), *starts]:
        start = [row_of[k, nodes] for k, nodes, n in action for _ in range(n)]
        chosen, q = local_search(columns, start)
        assert action_of(columns, chosen) in case.actions
        assert q >= q_of(net, case.instance, columns, start) - 1e-9
        assert q <= case.best(net) + 1e-9
        assert q_of(net, case.instance, columns, chosen) == pytest.approx(q, abs=1e-9)


@given(action_cases(max_requests=1), seeds)
@brief
def test_local_search_over_one_request_with_one_copy_is_exact(case: ActionCase, seed: int) -> None:
    if any(request.demand == 2 for request in case.instance.requests):
        return
    net = random_net(case.instance, np.random.default_rng(seed))
    columns = columns_of(net, case.instance, case.max_hops)
    assert local_search(columns)[1] == pytest.approx(case.best(net), abs=1e-9)


@given(action_cases(), seeds)
@brief
def test_fitting_paths_are_those_that_stay_in_the_action_set(case: ActionCase, seed: int) -> None:
    rng = np.random.default_rng(seed)
    net = random_net(case.instance, rng, [2])
    columns = columns_of(net, case.instance, case.max_hops)
    candidates = columns.candidates
    members = set(case.actions)
    row_of = {(int(k), candidates.path(p)): p for p, k in enumerate(candidates.request)}
    for action in [case.actions[i] for i in rng.permutation(len(case.actions))[:5]]:
        chosen = [row_of[k, nodes] for k, nodes, n in action for _ in range(n)]
        load = candidates.link_use[chosen].sum(axis=0)
        held = candidates.memory_use[chosen].sum(axis=0)
        used = np.bincount(candidates.request[chosen], minlength=len(case.instance.requests))
        left = (used < candidates.rules.copies)[candidates.request]
        fits = columns.capacities.paths_that_fit(np.concatenate([load, held]).astype(float)) & left
        expected = [action_of(columns, [*chosen, p]) in members for p in range(len(candidates))]
        assert fits.tolist() == expected


def test_ties_go_to_the_empty_action() -> None:
    instance = network([("a", "b"), ("b", "c"), ("a", "c")], [("a", "c")], demand=2, channels=2)
    flat = QNet(("link_load",), (np.zeros((1, 3)),), (np.array([2.5]),))
    assert enumerate_actions(columns_of(flat, instance, 3)) == ([], 2.5, True)
    assert local_search(columns_of(flat, instance, 3)) == ([], 2.5)


def test_the_same_path_may_be_taken_twice() -> None:
    instance = network([("a", "b")], [("a", "b")], demand=2, channels=2)
    greedy = QNet(("request_served",), (np.ones((1, 1)),), (np.zeros(1),))
    assert enumerate_actions(columns_of(greedy, instance, 1)) == ([0, 0], 2.0, True)
    assert local_search(columns_of(greedy, instance, 1)) == ([0, 0], 2.0)


def test_many_requests_with_few_paths_each_are_enumerated_in_seconds() -> None:
    # 2^16 joint choices, under the threshold of `auto`: a request a link, all of them independent.
    ends = [(f"a{i}", f"b{i}") for i in range(16)]
    instance = network(ends, ends)
    net = random_net(instance, np.random.default_rng(0), [8, 8])
    columns = columns_of(net, instance, 1)
    assert count_actions(columns.candidates) == 2**16
    begin = process_time()
    _, q, _ = enumerate_actions(columns)
    assert process_time() - begin < 5
    bits = ((np.arange(2**16)[:, None] >> np.arange(16)) & 1).astype(float)
    assert q == pytest.approx(float(columns.net.q_of_sums(bits @ columns.contributions).max()))


def test_paths_that_never_fit_together_are_enumerated_in_seconds() -> None:
    # All pairs of paths meet on one link that bears a single copy, and two paths would be better than one.
    instance = generate("grid:rows=4,columns=4,requests=1,seed=0")
    bridge = [("s", "t"), *[(u, v) for u, v in (link.ends for link in instance.links)]]
    first = instance.nodes[0].id
    joined = network([*bridge, ("t", first)], [("s", instance.nodes[-1].id)] * 2)
    greedy = QNet(("request_served",), (np.ones((1, 2)),), (np.zeros(1),))
    columns = columns_of(greedy, joined, 12)
    assert 10_000 < count_actions(columns.candidates) < 200_000
    begin = process_time()
    chosen, q, _ = enumerate_actions(columns)
    assert process_time() - begin < 5
    assert (len(chosen), q) == (1, 1.0)
