"""Rounding: within every limit at every step, and never better than the truth."""

from __future__ import annotations

from collections import Counter, defaultdict
from math import ceil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from milproute.formulations import PATH, Route, copies_of
from milproute.instances import Attempt, Instance, Plan, RoutedPath, check
from milproute.solvers.heuristics.rounding import Provision, draw_paths
from milproute.solvers.results import SolveOptions
from milproute.solvers.solve import solve
from tests.support.backends import Stub, without_solution
from tests.support.cases import any_case, brief, crowded, make, thorough
from tests.support.oracles import (
    most_link_connections,
    most_path_connections,
    node_paths,
    relaxed_link_connections,
    relaxed_path_connections,
)

EXACT = SolveOptions(gap=0.0)


def plan_of(instance: Instance, provision: Provision) -> Plan:
    """Write what is provisioned as a plan that anyone can check."""
    total = float(provision.copies.sum())
    return Plan(
        instance=instance.name,
        formulation="link",
        variant="test",
        solver="none",
        solver_version="0",
        status="time_limit",
        objective=total,
        bound=None,
        gap=None,
        seconds={},
        attempts=tuple(
            Attempt(source=link.source, target=link.target, channels=float(x))
            for link, x in zip(instance.links, provision.attempts, strict=True)
        ),
        paths=tuple(
            RoutedPath(request=instance.requests[row].id, nodes=nodes, count=float(n))
            for (row, nodes), n in provision.routes.items()
        ),
        connections={
            r.id: float(n) for r, n in zip(instance.requests, provision.copies.tolist(), strict=True)
        },
    )


@thorough
@given(any_case(), st.randoms(use_true_random=False))
def test_the_checker_accepts_what_is_provisioned_after_every_copy(instance: Instance, random: object) -> None:
    provision = Provision(instance)
    turns = [(row, p) for row in range(len(instance.requests)) for p in node_paths(instance, row)]
    random.shuffle(turns)  # type: ignore[attr-defined]
    for row, nodes in turns[:12] * 2:
        if not provision.wanted(row):
            continue
        before = (provision.attempts.copy(), provision.copies.copy(), Counter(provision.routes))
        if provision.add(row, nodes):
            assert check(instance, plan_of(instance, provision)) == []
            assert provision.copies.sum() == before[1].sum() + 1
        else:  # and refuses nothing that would fit
            assert np.array_equal(provision.attempts, before[0])
            assert provision.routes == before[2]
            forced = defaultdict(float, {k: float(n) for k, n in before[2].items()})
            forced[row, nodes] += 1
            assert not fits(instance, forced)


def fits(instance: Instance, copies: dict[tuple[int, tuple[str, ...]], float]) -> bool:
    load = np.zeros(len(instance.links))
    for (_, nodes), n in copies.items():
        load[instance.links_along(nodes)] += n
    attempts = [ceil(f / p - 1e-9) if f else 0 for f, p in zip(load, instance.probabilities, strict=True)]
    used: Counter[str] = Counter()
    for x, link in zip(attempts, instance.links, strict=True):
        used[link.source] += x
        used[link.target] += x
    return all(x <= link.channels for x, link in zip(attempts, instance.links, strict=True)) and all(
        used[node.id] <= node.memory for node in instance.nodes
    )


@thorough
@given(any_case())
def test_rounded_links_stay_below_the_ilp_and_their_bound_above_it(instance: Instance) -> None:
    plan = solve(instance, "link", method="rounding")
    assert plan.violations == ()
    assert plan.status in ("optimal", "gap_limit")
    assert plan.objective is not None
    assert plan.bound is not None
    most = most_link_connections(instance)
    assert plan.objective <= most <= plan.bound <= relaxed_link_connections(instance) + 1e-6
    assert (plan.status == "optimal") == (plan.objective == plan.bound)


@thorough
@given(any_case())
def test_rounded_attempts_are_what_the_load_needs(instance: Instance) -> None:
    plan = solve(instance, "link", method="rounding")
    load: Counter[int] = Counter()
    for path in plan.paths:
        for row in instance.links_along(path.nodes):
            load[row] += round(path.count)
    attempts = {instance.link_row[a.source, a.target]: a.channels for a in plan.attempts}
    assert attempts == {e: ceil(n / instance.probabilities[e] - 1e-9) for e, n in load.items()}


@brief
@given(crowded())
def test_every_pass_but_the_last_adds_something(instance: Instance) -> None:
    stub = Stub()
    plan = solve(instance, "link", method="rounding", solver=stub)
    passes = len(stub.models) - 1  # the last solve is the tightened bound
    assert plan.objective is not None
    assert 1 <= passes <= plan.objective + 1


@brief
@given(crowded())
def test_every_pass_asks_only_for_what_is_still_wanted(instance: Instance) -> None:
    stub = Stub()
    plan = solve(instance, "link", method="rounding", solver=stub)
    last = stub.models[-2]  # what its flow could add did not fit
    memory = {node.id: node.memory for node in instance.nodes}
    at_node: Counter[str] = Counter()  # what the links at a node bear on average
    for link, p in zip(instance.links, instance.probabilities.tolist(), strict=True):
        for end in link.ends:
            at_node[end] += p * min(link.channels, *(memory[v] for v in link.ends))  # type: ignore[assignment]
    most = [min(at_node[r.source], at_node[r.target]) for r in instance.requests]
    left = [
        (n if r.demand is None else min(n, r.demand)) - plan.connections[r.id]
        for n, r in zip(most, instance.requests, strict=True)
    ]
    assert sorted(last.upper[last.columns["connections"]]) == pytest.approx(sorted(left))
    attempts = {instance.links[instance.link_row[a.source, a.target]].ends: a.channels for a in plan.attempts}
    assert (
        sorted(last.lower[last.columns["attempts"]])[::-1][: len(attempts)] == sorted(attempts.values())[::-1]
    )


def test_a_load_of_two_at_one_half_takes_four_attempts() -> None:
    link = make([("a", "b", 9, 0.5)], [("a", "b", 2)])
    plan = solve(link, "link", method="rounding")
    assert (plan.objective, [a.channels for a in plan.attempts]) == (2.0, [4.0])


def test_memory_of_a_hub_is_kept() -> None:
    star = make([("hub", leaf, 9, 1.0) for leaf in "abc"], [("a", "b"), ("b", "c")], memory={"hub": 3})
    assert solve(star, "link", relax=True).objective == pytest.approx(1.5)
    plan = solve(star, "link", method="rounding")
    assert (plan.objective, plan.bound, plan.status, plan.violations) == (1.0, 1.0, "optimal", ())


def test_whole_flows_are_never_rounded_down() -> None:
    lossless = make([("a", "b", 4, 1.0), ("b", "c", 3, 1.0)], [("a", "c"), ("a", "b", 1)])
    assert solve(lossless, "link", method="rounding").objective == 4


def test_without_requests_nothing_is_rounded() -> None:
    for empty in (make([("a", "b", 3, 1.0)], []), make([], [("a", "b")]), make([], [])):
        plan = solve(empty, "link", method="rounding")
        assert (plan.objective, plan.bound, plan.status, plan.verified) == (0.0, 0.0, "optimal", True)


def test_a_pass_that_fails_keeps_what_was_provisioned() -> None:
    # The first pass rounds 2.7 down; the second one never comes back.
    link = make([("a", "b", 3, 0.9)], [("a", "b")])
    stub = Stub(change=without_solution("no_solution"), after=1)
    plan = solve(link, "link", method="rounding", solver=stub)
    assert (plan.objective, plan.violations) == (2.0, ())
    assert plan.status in ("optimal", "gap_limit")


def test_without_a_first_relaxation_there_is_no_plan() -> None:
    link = make([("a", "b", 3, 0.9)], [("a", "b")], pairs=[2])
    for formulation in ("link", "path"):
        stub = Stub(change=without_solution("no_solution"))
        plan = solve(link, formulation, method="rounding", solver=stub)
        assert (plan.status, plan.objective, plan.paths, plan.violations) == ("no_solution", None, (), ())


# --- paths --------------------------------------------------------------------------------------------


@thorough
@given(any_case(pairs=True), st.integers(0, 9))
def test_rounded_paths_stay_below_the_ilp_and_their_bound_above_it(instance: Instance, seed: int) -> None:
    plan = solve(instance, "path", method="rounding", seed=seed)
    assert plan.violations == ()
    assert plan.objective is not None
    assert plan.bound is not None
    most = most_path_connections(instance)
    assert plan.objective <= most <= plan.bound <= relaxed_path_connections(instance) + 1e-6
    assert plan.status in ("optimal", "gap_limit")


def routes(*widths: float, request: int = 0) -> list[Route]:
    return [Route(request, ("s", f"m{i}", "t"), w) for i, w in enumerate(widths)]


@given(
    st.lists(st.floats(0.01, 3.0), max_size=5), st.lists(st.floats(0.01, 3.0), max_size=5), st.integers(0, 99)
)
@thorough
def test_no_copy_draws_more_than_one_path(first: list[float], second: list[float], seed: int) -> None:
    copies = [ceil(sum(first)), ceil(sum(second)) + 2]
    drawn = draw_paths(routes(*first) + routes(*second, request=1), copies, np.random.default_rng(seed))
    count: Counter[int] = Counter()
    for route in drawn:
        assert route.count >= 1.0
        count[route.request] += int(route.count)
    assert count[0] <= copies[0]
    assert count[1] <= copies[1]


def test_a_path_is_drawn_as_often_as_it_is_wide() -> None:
    widths, copies, trials = (0.3, 1.5, 0.0625, 1.0), 4, 5000
    rng = np.random.default_rng(11)
    counts = np.zeros((trials, len(widths)))
    for trial in range(trials):
        for route in draw_paths(routes(*widths), [copies], rng):
            counts[trial, int(route.nodes[1][1:])] += route.count
    for i, w in enumerate(widths):
        # Each of 4 copies takes path i with probability w / 4: binomial.
        error = np.sqrt(copies * (w / copies) * (1 - w / copies) / trials)
        assert counts[:, i].mean() == pytest.approx(w, abs=3 * error)
    assert counts.sum(axis=1).max() <= copies


def test_full_copies_always_draw_and_copies_without_flow_never() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        assert sum(route.count for route in draw_paths(routes(0.5, 1.5), [2], rng)) == 2
        assert draw_paths([], [3], rng) == []


def test_a_thousand_billion_copies_are_drawn_at_once() -> None:
    copies = 10**12
    drawn = draw_paths(routes(0.25 * copies, 0.5 * copies), [copies], np.random.default_rng(3))
    shares = [route.count / copies for route in drawn]
    assert shares == pytest.approx([0.25, 0.5], abs=1e-5)


def test_more_flow_than_copies_is_refused() -> None:
    with pytest.raises(ValueError, match=r"request 0 has 1\.5 connections, more than 1 copies"):
        draw_paths(routes(1.5), [1], np.random.default_rng(0))


@brief
@given(any_case(pairs=True))
def test_the_relaxation_never_has_more_flow_than_copies(instance: Instance) -> None:
    pairs = np.array([link.entangled_pairs for link in instance.links], dtype=np.int64)
    for variant in PATH.variants:
        plan = solve(instance, "path", variant, relax=True)
        copies = dict(zip(plan.connections, copies_of(instance, pairs), strict=True))
        assert all(plan.connections[r] <= n + 1e-6 for r, n in copies.items())
