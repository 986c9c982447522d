"""Link ILP: its variants, its relaxation and its size, against brute force and plain arrays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from milproute.formulations import LINK, CompiledModel, ModelOptions, compile_model
from milproute.formulations.flow.commodities import one_per_root
from milproute.instances import Instance, InstanceError, ModelSize
from milproute.solvers.backends.highs import Highs
from milproute.solvers.results import SolveOptions
from milproute.solvers.solve import solve
from tests.support.cases import any_case, brief, connected_network, crowded, make, thorough
from tests.support.oracles import most_link_connections, relaxed_link_connections

EXACT = SolveOptions(gap=0.0)
VARIANTS = list(LINK.variants)


def compiled(instance: Instance, variant: str, *, relax: bool = False) -> CompiledModel:
    return compile_model(LINK.build(instance, ModelOptions(variant, relax=relax)).model)


def best(model: CompiledModel) -> float:
    result = Highs().solve(model, EXACT)
    assert result.status == "optimal"
    assert result.objective is not None
    return result.objective


@thorough
@given(any_case())
def test_every_variant_finds_the_most_connections(instance: Instance) -> None:
    most = most_link_connections(instance)
    for variant in VARIANTS:
        plan = solve(instance, "link", variant, limits=EXACT)
        assert (plan.status, plan.violations) == ("optimal", ())
        assert plan.objective == pytest.approx(most, abs=1e-6)


@thorough
@given(any_case())
def test_every_relaxation_equals_the_program_without_attempts(instance: Instance) -> None:
    most = relaxed_link_connections(instance)
    for variant in VARIANTS:
        plan = solve(instance, "link", variant, relax=True)
        assert (plan.status, plan.violations) == ("optimal", ())
        assert plan.objective == pytest.approx(most, abs=1e-6)


@thorough
@given(crowded(), st.lists(st.integers(-3, 20), min_size=3, max_size=3))
def test_variants_have_the_same_solutions_whatever_a_connection_is_worth(
    instance: Instance, worth: list[int]
) -> None:
    weights = worth[: len(instance.requests)]
    most = most_link_connections(instance, weights)
    for variant in VARIANTS:
        formulated = LINK.build(instance, ModelOptions(variant))
        model = compile_model(formulated.model)
        cost = np.zeros_like(model.cost)
        cost[model.columns["connections"]] = [weights[row] for _, row in formulated.model.connections]
        assert best(model.with_changes(cost=cost)) == pytest.approx(most, abs=1e-6)


@thorough
@given(any_case())
def test_the_tightened_relaxation_lies_between_the_ilp_and_its_relaxation(instance: Instance) -> None:
    tight = best(compiled(instance, "by-source").relaxed())
    assert most_link_connections(instance) - 1e-6 <= tight <= relaxed_link_connections(instance) + 1e-6


@brief
@given(any_case())
def test_continuous_flows_lie_between_the_ilp_and_its_relaxation(instance: Instance) -> None:
    by_variant = [solve(instance, "link", v, flows="continuous", limits=EXACT) for v in VARIANTS]
    assert all(plan.status == "optimal" and plan.verified for plan in by_variant)
    one, other = (plan.objective or 0.0 for plan in by_variant)
    assert one == pytest.approx(other, abs=1e-6)
    assert most_link_connections(instance) - 1e-6 <= one <= relaxed_link_connections(instance) + 1e-6


def test_continuous_flows_keep_attempts_whole() -> None:
    # Memory 3 at b is shared 1 : 2, so half a connection crosses; shared evenly it would be 0.75.
    chain = make([("a", "b", 5, 0.5), ("b", "c", 5, 0.5)], [("a", "c")], memory={"b": 3})
    for variant in VARIANTS:
        assert solve(chain, "link", variant, flows="continuous").objective == pytest.approx(0.5)
        assert solve(chain, "link", variant, relax=True).objective == pytest.approx(0.75)
        assert solve(chain, "link", variant).objective == pytest.approx(0.0)


@pytest.mark.parametrize(
    ("channels", "probability", "relaxed", "whole"),
    [(1, 0.9, 0.9, 0), (2, 0.6, 1.2, 1), (7, 0.95, 6.65, 6), (1, 1.0, 1, 1)],
)
@pytest.mark.parametrize("variant", VARIANTS)
def test_one_link_carries_what_its_attempts_promise(
    variant: str, channels: int, probability: float, relaxed: float, whole: int
) -> None:
    link = make([("a", "b", channels, probability)], [("a", "b")])
    assert solve(link, "link", variant, relax=True).objective == pytest.approx(relaxed)
    assert solve(link, "link", variant).objective == pytest.approx(whole)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_link_with_every_fault_carries_nothing(variant: str) -> None:
    links = [("a", "b", 0, 1.0), ("b", "c", 3, 0.0), ("a", "c", 1, 0.999), ("c", "d", 3, 1.0)]
    plan = solve(make(links, [("a", "b"), ("b", "c"), ("a", "c"), ("c", "d", 0)]), "link", variant)
    assert (plan.objective, plan.status, plan.verified) == (0.0, "optimal", True)


@pytest.mark.parametrize("relax", [False, True])
@pytest.mark.parametrize("variant", VARIANTS)
def test_opposite_requests_share_the_channel_of_a_link(variant: str, relax: bool) -> None:
    link = make([("a", "b", 1, 1.0)], [("a", "b"), ("b", "a")])
    assert solve(link, "link", variant, relax=relax).objective == pytest.approx(1)


@pytest.mark.parametrize("variant", VARIANTS)
def test_equal_requests_get_together_what_one_would_get(variant: str) -> None:
    links = [("a", "b", 5, 0.9), ("b", "c", 4, 1.0), ("a", "c", 3, 0.5)]
    one = solve(make(links, [("a", "c")]), "link", variant).objective
    assert one == 5
    assert solve(make(links, [("a", "c"), ("a", "c"), ("c", "a")]), "link", variant).objective == one
    capped = solve(make(links, [("a", "c", 1), ("c", "a", 2)]), "link", variant)
    assert capped.connections == {"r0": 1.0, "r1": 2.0}


@pytest.mark.parametrize("relax", [False, True])
@pytest.mark.parametrize("variant", VARIANTS)
def test_requests_across_components_get_nothing(variant: str, relax: bool) -> None:
    apart = make([("a", "b", 3, 1.0), ("c", "d", 3, 1.0)], [("a", "c"), ("d", "b"), ("e", "a"), ("a", "b")])
    plan = solve(apart, "link", variant, relax=relax)
    assert plan.status == "optimal"
    assert plan.connections == pytest.approx({"r0": 0.0, "r1": 0.0, "r2": 0.0, "r3": 3.0})


@pytest.mark.parametrize("relax", [False, True])
@pytest.mark.parametrize("variant", VARIANTS)
def test_without_requests_or_links_the_objective_is_zero(variant: str, relax: bool) -> None:
    for empty in (make([("a", "b", 3, 1.0)], []), make([], [("a", "b")]), make([], [])):
        plan = solve(empty, "link", variant, relax=relax)
        assert (plan.objective, plan.bound, plan.status, plan.verified) == (0.0, 0.0, "optimal", True)


@pytest.mark.parametrize("variant", VARIANTS)
def test_without_losses_attempts_equal_the_load(variant: str) -> None:
    lossless = make([("a", "b", 3, 1.0), ("b", "c", 2, 1.0), ("a", "c", 1, 1.0)], [("a", "c"), ("b", "c", 1)])
    plan = solve(lossless, "link", variant)
    assert plan.objective == 3
    load = {("a", "b"): 0.0, ("b", "c"): 0.0, ("a", "c"): 0.0}
    for path in plan.paths:
        for u, v in zip(path.nodes, path.nodes[1:], strict=False):
            load[min(u, v), max(u, v)] += path.count
    attempts = {(a.source, a.target): a.channels for a in plan.attempts}
    assert all(attempts.get(link, 0.0) >= n for link, n in load.items())


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_least_fidelity_is_refused_with_the_reason(variant: str) -> None:
    plain = make([("a", "b", 3, 1.0)], [("a", "b"), ("b", "a")])
    strict = plain.requests[1].changed(min_fidelity=0.9)
    with pytest.raises(InstanceError, match=r"requests\[1\]\.min_fidelity is 0\.9.*cannot bound.*action set"):
        solve(plain.changed(requests=(plain.requests[0], strict)), "link", variant)


def test_the_textbook_model_has_the_size_of_its_docstring() -> None:
    large = connected_network(30, 92, 10)
    whole, relaxed = (compiled(large, "per-request", relax=relax).size for relax in (False, True))
    assert relaxed == ModelSize(rows=422, columns=1942, nonzeros=5816, integers=0)
    assert whole == ModelSize(rows=422, columns=1942, nonzeros=5816, integers=1942)


@pytest.mark.parametrize(("nodes", "links", "requests"), [(6, 8, 3), (12, 20, 7), (20, 30, 10)])
@pytest.mark.parametrize("variant", VARIANTS)
def test_models_have_the_size_of_their_docstring(variant: str, nodes: int, links: int, requests: int) -> None:
    instance = connected_network(nodes, links, requests)
    k = requests if variant == "per-request" else len(one_per_root(instance))
    size = compiled(instance, variant, relax=True).size
    assert size.columns == 2 * links * k + requests + links
    assert size.rows == nodes * k + links + nodes
    assert size.nonzeros == 6 * links * k + 2 * requests + 3 * links
    # The tightened model: a column for the spare attempts of each link, a row to define it, rows of hulls.
    whole = compiled(instance, variant).size
    if variant == "by-source":
        assert whole.columns == size.columns + links
        assert whole.rows >= size.rows + links
    assert whole.integers == whole.columns


@brief
@given(any_case())
def test_conservation_and_load_count_each_arc_once(instance: Instance) -> None:
    for variant in VARIANTS:
        model = compiled(instance, variant)
        rows = model.matrix.tocsr()[model.rows["conserve"]]
        assert set(np.unique(rows.data)) <= {-1.0, 1.0}
        # A flow leaves one node and enters another, and loads its link once.
        flows = model.columns["flow"]
        assert np.all(rows[:, flows].sum(axis=0) == 0)
        loads = model.matrix.tocsr()[model.rows["link_load"]][:, flows]
        assert np.all(loads.sum(axis=0) == 1)
