"""REPS: a whole slot, played fairly and the same way twice."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from milproute.formulations import LINK, ModelOptions, Route
from milproute.instances import Instance, OptionError, Plan, generate
from milproute.instances.outcomes import draw_pairs
from milproute.solvers.backends.highs import Highs
from milproute.solvers.pipeline import Job, Outcome
from milproute.solvers.reps_slot import RepsSlot, path_ilp_of, run_slot
from milproute.solvers.results import SolveOptions
from milproute.solvers.solve import solve
from tests.support.backends import Stub
from tests.support.cases import any_case, brief, crowded, make, thorough
from tests.support.oracles import most_link_connections, most_path_connections, relaxed_path_connections

METHODS = ["rounding", "exact"]


def drawn(instance: Instance, plan: Plan) -> Instance:
    """Return the instance with the pairs that the plan drew."""
    pairs = {frozenset((d.source, d.target)): d.pairs for d in plan.entangled_pairs or ()}
    return instance.with_pairs([pairs[frozenset(link.ends)] for link in instance.links])


def bytes_of(plan: Plan) -> str:
    return json.dumps({key: value for key, value in plan.document().items() if key != "seconds"})


@thorough
@given(any_case(), st.integers(0, 99), st.sampled_from(METHODS))
def test_a_slot_keeps_every_rule_and_its_bound_holds(instance: Instance, seed: int, method: str) -> None:
    plan = solve(instance, "reps", method=method, seed=seed)
    assert plan.violations == ()
    assert plan.objective is not None
    assert plan.bound is not None
    assert plan.delivered is not None
    after = drawn(instance, plan)
    assert plan.objective <= most_path_connections(after) <= plan.bound
    assert plan.bound <= relaxed_path_connections(after) + 1e-6
    assert (plan.status == "optimal") == (plan.objective == plan.bound)
    assert list(plan.delivered) == list(plan.connections) == [r.id for r in instance.requests]
    assert all(plan.delivered[r] <= plan.connections[r] for r in plan.delivered)


@brief
@given(any_case(), st.integers(0, 99))
def test_the_exact_link_decision_provisions_the_optimum(instance: Instance, seed: int) -> None:
    plan = solve(instance, "reps", method="exact", seed=seed, limits=SolveOptions(gap=0.0))
    attempts = {(a.source, a.target): a.channels for a in plan.attempts}
    load = [attempts.get((link.source, link.target), 0.0) for link in instance.links]
    # Attempts alone, as channels, still allow as many connections as the whole network did.
    links = tuple(e.changed(channels=int(x)) for e, x in zip(instance.links, load, strict=True))
    assert most_link_connections(instance.changed(links=links)) == most_link_connections(instance)


@brief
@given(crowded(), st.integers(0, 99), st.sampled_from(METHODS))
def test_links_have_the_same_outcomes_whatever_was_decided(
    instance: Instance, seed: int, method: str
) -> None:
    """Every policy's pairs are the first attempts of one and the same draw: common random numbers."""
    plan = solve(instance, "reps", method=method, seed=seed)
    attempts = {(a.source, a.target): int(a.channels) for a in plan.attempts}
    made = [attempts.get((link.source, link.target), 0) for link in instance.links]
    generation = np.random.default_rng(seed).spawn(2)[0]
    pairs = draw_pairs(instance, made, generation)
    assert [d.pairs for d in plan.entangled_pairs or ()] == pairs
    everything = draw_pairs(
        instance, [link.channels for link in instance.links], np.random.default_rng(seed).spawn(2)[0]
    )
    assert all(p <= q for p, q in zip(pairs, everything, strict=True))


@pytest.mark.parametrize("method", METHODS)
def test_the_same_seed_gives_the_same_plan_and_another_seed_another_slot(method: str) -> None:
    instance = generate("waxman:nodes=12,requests=5,seed=2")
    limits = SolveOptions(native={"mip_max_nodes": 20})
    first, again, other = (
        solve(instance, "reps", method=method, seed=seed, limits=limits) for seed in (5, 5, 6)
    )
    assert bytes_of(first) == bytes_of(again)
    assert first.attempts == other.attempts  # decided before anything is drawn
    assert first.entangled_pairs != other.entangled_pairs


@pytest.mark.parametrize("method", METHODS)
def test_with_perfect_links_and_swaps_every_connection_is_delivered(method: str) -> None:
    chain = [("a", "b", 4, 1.0), ("b", "c", 4, 1.0), ("c", "d", 4, 1.0)]
    perfect = make(chain, [("a", "d"), ("b", "d", 1)], swap=1.0)
    plan = solve(perfect, "reps", method=method)
    assert (plan.objective, plan.status) == (4.0, "optimal")
    assert plan.delivered == plan.connections
    assert [(p.request, p.nodes) for p in plan.paths if len(p.nodes) == 4] == [("r0", ("a", "b", "c", "d"))]


def test_swaps_happen_at_interior_nodes_only() -> None:
    blind = make([("a", "b", 3, 1.0)], [("a", "b")], swap=0.0)
    plan = solve(blind, "reps")
    assert (plan.objective, plan.delivered) == (3.0, {"r0": 3})


def test_swaps_fail_as_often_as_they_should() -> None:
    half = make([("a", "b", 40, 1.0), ("b", "c", 40, 1.0)], [("a", "c")], swap={"b": 0.5})
    delivered = [(solve(half, "reps", seed=seed).delivered or {})["r0"] for seed in range(25)]
    # 25 slots of 40 fair coins: three standard errors of the mean.
    assert np.mean(delivered) == pytest.approx(20, abs=3 * np.sqrt(40 * 0.25 / 25))
    assert len(set(delivered)) > 1


SQUARE = [("s", "a", 1, 1.0), ("a", "d", 1, 1.0), ("s", "b", 1, 1.0), ("b", "d", 1, 1.0)]


def job(instance: Instance, stub: Stub) -> Job:
    return Job(instance, LINK, ModelOptions("by-source"), stub, SolveOptions(gap=0.0))


def test_when_the_provisioned_path_breaks_spare_pairs_serve() -> None:
    """One copy was meant to go over a, but pairs came up on the way over b only."""
    square, stub = make(SQUARE, [("s", "d")]), Stub()
    meant = Outcome("gap_limit", 1.0, 1.0, np.array([0.0, 1, 1, 1]), [Route(0, ("s", "a", "d"), 1.0)], None)
    given_job = job(square, stub)
    slot = run_slot(given_job, meant, path_ilp_of(given_job))
    assert slot.pairs == [0, 1, 1, 1]
    assert list(slot.routes) == [Route(0, ("s", "b", "d"), 1.0)]
    assert (slot.objective, slot.bound, slot.delivered) == (1.0, 1.0, {"r0": 1})


@brief
@given(crowded(), st.integers(0, 9))
def test_the_path_ilp_gives_no_request_more_than_was_provisioned(instance: Instance, seed: int) -> None:
    stub = Stub()
    caps: Counter[str] = Counter()
    link = solve(instance, "link", method="rounding")
    for path in link.paths:
        caps[path.request] += round(path.count)
    plan = solve(instance, "reps", solver=stub, seed=seed)
    model = [m for m in stub.models if m.name == "path_by-source"][1]  # after the bound: with the caps
    chosen = model.read("connections", Highs().solve(model, SolveOptions(gap=0.0)).values)
    assert sum(chosen) <= sum(caps.values()) + 1e-6
    pairs: Counter[str] = Counter()
    for drawn in plan.entangled_pairs or ():
        for end in (drawn.source, drawn.target):
            pairs[end] += drawn.pairs
    upper = [model.upper[j] if j >= 0 else 0.0 for j in model.columns["connections"]]
    assert sorted(upper) == sorted(
        min(caps[r.id], caps[r.id] if r.demand is None else r.demand, pairs[r.source], pairs[r.target])
        for r in instance.requests
    )
    assert plan.objective is not None
    assert plan.objective >= sum(chosen) - 1e-6  # fill only adds


def test_fill_serves_beyond_what_was_provisioned() -> None:
    # Nothing whole fits p = 0.3 with one channel each, so t is 0 there; lossless links give a spare pair.
    square, stub = make(SQUARE, [("s", "d")]), Stub()
    nothing = Outcome("optimal", 0.0, 0.0, np.ones(4), [], None)
    given_job = job(square, stub)
    slot = run_slot(given_job, nothing, path_ilp_of(given_job))
    assert (slot.objective, slot.bound, slot.status) == (2.0, 2.0, "optimal")


@pytest.mark.parametrize("method", METHODS)
def test_without_requests_or_links_nothing_is_delivered(method: str) -> None:
    for empty in (make([("a", "b", 3, 1.0)], []), make([], [("a", "b")]), make([], [])):
        plan = solve(empty, "reps", method=method)
        assert (plan.objective, plan.status, plan.violations) == (0.0, "optimal", ())
        assert plan.delivered == {r.id: 0 for r in empty.requests}


# --- slot after slot ------------------------------------------------------------------------------------


@brief
@given(any_case(), st.lists(st.integers(0, 99), min_size=1, max_size=4), st.sampled_from(METHODS))
def test_a_compiled_slot_gives_the_plan_of_a_slot_built_for_it(
    instance: Instance, seeds: list[int], method: str
) -> None:
    slot = RepsSlot(instance, method=method)
    for seed in seeds:
        assert bytes_of(slot.run(seed=seed)) == bytes_of(solve(instance, "reps", method=method, seed=seed))


def test_only_the_first_slot_builds_models_and_decides_on_links() -> None:
    stub = Stub()
    slot = RepsSlot(generate("waxman:nodes=12,requests=5,seed=2"), solver=stub)
    first, second = slot.run(seed=0), slot.run(seed=1)
    assert {"build", "compile", "round"} <= set(first.seconds)
    assert not {"build", "compile", "round"} & set(second.seconds)
    assert [model.name for model in stub.models].count("link_by-source") >= 1
    assert all(model.name == "path_by-source" for model in stub.models[-2:])
    assert first.attempts == second.attempts


def test_a_link_decision_that_a_limit_cut_short_is_made_again() -> None:
    slot = RepsSlot(generate("waxman:nodes=12,requests=5,seed=2"), limits=SolveOptions(time_limit=1e-9))
    assert slot.run().status == "no_solution"
    slot.limits = SolveOptions()
    assert slot.run().status in ("optimal", "gap_limit")


def test_an_unknown_method_of_a_slot_is_refused() -> None:
    with pytest.raises(OptionError, match="unknown method 'exat': did you mean 'exact'"):
        RepsSlot(generate("line:nodes=3,requests=1,seed=1"), method="exat")
