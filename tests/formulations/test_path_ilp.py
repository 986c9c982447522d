"""Path ILP: its variants, its relaxation and its size, against brute force and plain arrays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from milproute.formulations import PATH, CompiledModel, ModelOptions, compile_model, copies_of, known_pairs
from milproute.formulations.flow.commodities import one_per_root
from milproute.instances import Instance, InstanceError
from milproute.solvers.backends.highs import Highs
from milproute.solvers.results import SolveOptions
from milproute.solvers.solve import solve
from tests.support.cases import any_case, brief, connected_network, crowded, make, thorough
from tests.support.oracles import most_path_connections, relaxed_path_connections

EXACT = SolveOptions(gap=0.0)
VARIANTS = list(PATH.variants)


def compiled(instance: Instance, variant: str, *, relax: bool = False) -> CompiledModel:
    return compile_model(PATH.build(instance, ModelOptions(variant, relax=relax)).model)


@thorough
@given(any_case(pairs=True))
def test_every_variant_finds_the_most_connections(instance: Instance) -> None:
    most = most_path_connections(instance)
    for variant in VARIANTS:
        plan = solve(instance, "path", variant, limits=EXACT)
        assert (plan.status, plan.violations) == ("optimal", ())
        assert plan.objective == pytest.approx(most, abs=1e-6)


@thorough
@given(any_case(pairs=True))
def test_every_relaxation_equals_the_plain_program(instance: Instance) -> None:
    most = relaxed_path_connections(instance)
    for variant in VARIANTS:
        relaxed = solve(instance, "path", variant, relax=True)
        assert (relaxed.status, relaxed.violations) == ("optimal", ())
        assert relaxed.objective == pytest.approx(most, abs=1e-6)
    flows = solve(instance, "path", flows="continuous")
    assert (flows.objective, flows.verified) == (pytest.approx(most, abs=1e-6), True)


@thorough
@given(crowded(pairs=True), st.lists(st.integers(-3, 20), min_size=3, max_size=3))
def test_variants_have_the_same_solutions_whatever_a_connection_is_worth(
    instance: Instance, worth: list[int]
) -> None:
    weights = worth[: len(instance.requests)]
    most = most_path_connections(instance, weights)
    for variant in VARIANTS:
        formulated = PATH.build(instance, ModelOptions(variant))
        model = compile_model(formulated.model)
        cost = np.zeros_like(model.cost)
        cost[model.columns["connections"]] = [weights[row] for _, row in formulated.model.connections]
        result = Highs().solve(model.with_changes(cost=cost), EXACT)
        assert result.objective == pytest.approx(most, abs=1e-6)


@pytest.mark.parametrize("relax", [False, True])
@pytest.mark.parametrize("variant", VARIANTS)
def test_no_flow_appears_behind_a_link_without_pairs(variant: str, relax: bool) -> None:
    chain = [("s", "a", 3, 1.0), ("a", "b", 3, 1.0), ("b", "d", 3, 1.0)]
    broken = make(chain, [("s", "d")], pairs=[2, 0, 2])
    assert solve(broken, "path", variant, relax=relax).objective == 0
    plan = solve(broken.with_pairs([2, 1, 2]), "path", variant, relax=relax)
    assert [(path.nodes, path.count) for path in plan.paths] == [(("s", "a", "b", "d"), 1.0)]


@pytest.mark.parametrize("variant", VARIANTS)
def test_both_diagonals_of_a_square_have_a_gap_only_with_caps(variant: str) -> None:
    square = [("a", "b", 1, 1.0), ("b", "c", 1, 1.0), ("c", "d", 1, 1.0), ("d", "a", 1, 1.0)]
    free = make(square, [("a", "c"), ("b", "d")], pairs=[1, 1, 1, 1])
    capped = free.with_demands([1, 1])
    assert solve(capped, "path", variant, relax=True).objective == pytest.approx(2)
    assert solve(capped, "path", variant).objective == pytest.approx(1)
    assert solve(free, "path", variant, relax=True).objective == pytest.approx(2)
    assert solve(free, "path", variant).objective == pytest.approx(2)


@pytest.mark.parametrize("variant", VARIANTS)
def test_only_pairs_and_demands_bind(variant: str) -> None:
    spent = make([("a", "b", 0, 0.0), ("b", "c", 0, 0.5)], [("a", "c")], memory=0, pairs=[3, 2])
    assert solve(spent, "path", variant).objective == 2
    assert solve(spent.with_demands([1]), "path", variant).objective == 1
    assert solve(spent.with_demands([0]), "path", variant).objective == 0


@pytest.mark.parametrize("variant", VARIANTS)
def test_when_the_first_path_breaks_a_spare_one_is_taken(variant: str) -> None:
    links = [("s", "a", 1, 1.0), ("a", "d", 1, 1.0), ("s", "b", 1, 1.0), ("b", "d", 1, 1.0)]
    plan = solve(make(links, [("s", "d", 1)], pairs=[1, 0, 1, 1]), "path", variant)
    assert (plan.objective, plan.paths[0].nodes) == (1.0, ("s", "b", "d"))


@pytest.mark.parametrize("relax", [False, True])
@pytest.mark.parametrize("variant", VARIANTS)
def test_opposite_requests_share_the_pairs_of_a_link(variant: str, relax: bool) -> None:
    link = make([("a", "b", 1, 1.0)], [("a", "b"), ("b", "a")], pairs=[1])
    assert solve(link, "path", variant, relax=relax).objective == pytest.approx(1)


@pytest.mark.parametrize("variant", VARIANTS)
def test_without_requests_links_or_a_way_the_objective_is_zero(variant: str) -> None:
    apart = make([("a", "b", 1, 1.0), ("c", "d", 1, 1.0)], [("a", "c"), ("e", "b")], pairs=[2, 2])
    for empty in (make([("a", "b", 3, 1.0)], [], pairs=[2]), make([], [("a", "b")]), make([], []), apart):
        plan = solve(empty, "path", variant)
        assert (plan.objective, plan.status, plan.verified) == (0.0, "optimal", True)


@pytest.mark.parametrize("variant", VARIANTS)
def test_links_without_pairs_stated_are_refused_with_the_way_to_draw_them(variant: str) -> None:
    half = make([("a", "b", 1, 1.0), ("b", "c", 1, 1.0)], [("a", "c")], pairs=[1, 1])
    unknown = half.changed(links=(half.links[0], half.links[1].changed(entangled_pairs=None)))
    with pytest.raises(InstanceError, match=r"links\[1\]\.entangled_pairs is None.*--draw-pairs"):
        solve(unknown, "path", variant)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_least_fidelity_is_refused_with_the_reason(variant: str) -> None:
    plain = make([("a", "b", 3, 1.0)], [("a", "b")], pairs=[1])
    strict = plain.requests[0].changed(min_fidelity=0.5)
    with pytest.raises(InstanceError, match=r"requests\[0\]\.min_fidelity is 0\.5.*cannot bound.*action set"):
        solve(plain.changed(requests=(strict,)), "path", variant)


@brief
@given(any_case(pairs=True))
def test_no_request_gets_more_than_its_number_of_copies(instance: Instance) -> None:
    copies = copies_of(instance, known_pairs(instance))
    for row, request in enumerate(instance.requests):
        alone = instance.changed(requests=(request,))
        assert most_path_connections(alone) <= copies[row]


@pytest.mark.parametrize(("nodes", "links", "requests"), [(6, 8, 3), (12, 20, 7), (20, 30, 10)])
@pytest.mark.parametrize("variant", VARIANTS)
def test_models_have_the_size_of_their_docstring(variant: str, nodes: int, links: int, requests: int) -> None:
    instance = connected_network(nodes, links, requests, pairs=2)
    copies = sum(copies_of(instance, known_pairs(instance)))
    k = {"per-copy": copies, "aggregated": requests, "by-source": len(one_per_root(instance))}[variant]
    r = copies if variant == "per-copy" else requests
    size = compiled(instance, variant).size
    assert size.columns == size.integers == 2 * links * k + r
    assert size.rows == nodes * k + links
    assert size.nonzeros == 6 * links * k + 2 * r
    assert compiled(instance, variant, relax=True).size == size.changed(integers=0)


def test_textbook_copies_are_binary() -> None:
    model = compiled(connected_network(6, 8, 3, pairs=2), "per-copy")
    assert set(model.upper) == {1.0}
    assert set(model.lower) == {0.0}


@brief
@given(any_case(pairs=True))
def test_conservation_and_load_count_each_arc_once(instance: Instance) -> None:
    for variant in VARIANTS:
        model = compiled(instance, variant)
        flows = model.columns["flow"]
        rows = model.matrix.tocsr()[model.rows["conserve"]]
        assert set(np.unique(rows.data)) <= {-1.0, 1.0}
        assert np.all(rows[:, flows].sum(axis=0) == 0)
        loads = model.matrix.tocsr()[model.rows["link_load"]][:, flows]
        assert np.all(loads.sum(axis=0) == 1)
