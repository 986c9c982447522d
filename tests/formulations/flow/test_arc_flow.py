"""From flows to paths: nothing lost, nothing invented."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise, permutations
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from milproute.formulations import FORMULATIONS, ModelOptions, compile_model
from milproute.formulations.flow.arc_flow import decompose
from milproute.solvers.results import SolveOptions
from milproute.solvers.solve import solve
from tests.support.cases import any_case, brief, thorough

if TYPE_CHECKING:
    from milproute.instances import Instance

NODES = "abcdef"
ARCS = [(u, v) for u, v in permutations(NODES, 2)]
EXACT = SolveOptions(gap=0.0)


@st.composite
def flows(draw: st.DrawFn) -> tuple[list[float], dict[tuple[str, str], float]]:
    """Draw amounts for the sinks b, c and b again, and a flow from a that serves them, with cycles."""
    unit = draw(st.sampled_from((1.0, 0.25, 0.1)))
    amounts = [unit * draw(st.integers(0, 4)) for _ in range(3)]
    flow: dict[tuple[str, str], float] = defaultdict(float)
    for sink, amount in zip("bcb", amounts, strict=True):
        for _ in range(round(amount / unit)):
            inner = draw(st.lists(st.sampled_from([n for n in NODES if n not in ("a", sink)]), unique=True))
            for step in pairwise(["a", *inner, sink]):
                flow[step] += unit
    for _ in range(draw(st.integers(0, 3))):
        cycle = draw(st.lists(st.sampled_from(NODES), unique=True, min_size=2))
        for step in pairwise([*cycle, cycle[0]]):
            flow[step] += unit
    return amounts, flow


@thorough
@given(flows())
def test_widths_add_up_to_the_connections_over_simple_paths_within_the_flow(
    drawn: tuple[list[float], dict[tuple[str, str], float]],
) -> None:
    amounts, flow = drawn
    sinks = [(7, "b"), (3, "c"), (5, "b")]
    paths = decompose("a", sinks, amounts, ARCS, np.array([flow.get(arc, 0.0) for arc in ARCS]))
    width: dict[int, float] = defaultdict(float)
    load: dict[tuple[str, str], float] = defaultdict(float)
    for row, nodes, w in paths:
        assert w > 0
        assert (nodes[0], nodes[-1]) == ("a", dict(sinks)[row])
        assert len(set(nodes)) == len(nodes)
        width[row] += w
        for step in pairwise(nodes):
            load[step] += w
    assert [width[row] for row, _ in sinks] == pytest.approx(amounts, abs=1e-6)
    # Flow over an arc pays for the paths over it; opposite flows have cancelled.
    assert all(load[arc] <= flow.get(arc, 0.0) + 1e-6 for arc in ARCS)
    assert len(paths) <= len(ARCS) + len(sinks)


def test_cycles_are_dropped() -> None:
    arcs = [("a", "b"), ("b", "a"), ("b", "c"), ("c", "b"), ("a", "c"), ("c", "a")]
    round_trip = np.array([2.0, 0.0, 1.0, 0.0, 0.0, 1.0])  # a-b once, and a-b-c-a
    assert decompose("a", [(0, "b")], [1.0], arcs, round_trip) == [(0, ("a", "b"), 1.0)]
    assert decompose("a", [(0, "b")], [0.0], arcs, np.array([1.0, 1.0, 0, 0, 0, 0])) == []


def test_the_widest_path_comes_first() -> None:
    arcs = [(u, v) for u, v in permutations("abcd", 2)]
    flow = {("a", "b"): 1.0, ("b", "d"): 1.0, ("a", "c"): 3.0, ("c", "d"): 3.0}
    paths = decompose("a", [(0, "d")], [4.0], arcs, np.array([flow.get(arc, 0.0) for arc in arcs]))
    assert paths == [(0, ("a", "c", "d"), 3.0), (0, ("a", "b", "d"), 1.0)]


@brief
@given(any_case(pairs=True), st.sampled_from(sorted(FORMULATIONS)), st.booleans())
def test_paths_add_up_to_what_the_model_connects(instance: Instance, name: str, relax: bool) -> None:
    for variant in FORMULATIONS[name].variants:
        plan = solve(instance, name, variant, relax=relax, limits=EXACT)
        assert plan.violations == ()
        assert sum(plan.connections.values()) == pytest.approx(plan.objective, abs=1e-6)


@brief
@given(any_case(pairs=True), st.sampled_from(sorted(FORMULATIONS)))
def test_turning_requests_and_links_round_turns_the_paths_round(instance: Instance, name: str) -> None:
    turned = instance.changed(
        requests=tuple(r.changed(source=r.target, target=r.source) for r in instance.requests),
        links=tuple(e.changed(source=e.target, target=e.source) for e in instance.links),
    )
    for variant in FORMULATIONS[name].variants:
        plan, mirror = (solve(i, name, variant, limits=EXACT) for i in (instance, turned))
        assert mirror.violations == ()
        assert mirror.objective == pytest.approx(plan.objective, abs=1e-6)
    # Merged requests do not remember which way they were asked: the very same flow.
    plan, mirror = (solve(i, name, "by-source", limits=EXACT) for i in (instance, turned))
    assert {(p.request, p.nodes[::-1], p.count) for p in mirror.paths} == {
        (p.request, p.nodes, p.count) for p in plan.paths
    }


@brief
@given(any_case(pairs=True), st.sampled_from(sorted(FORMULATIONS)), st.randoms(use_true_random=False))
def test_the_order_of_links_changes_no_model(instance: Instance, name: str, random: object) -> None:
    shuffled = instance.changed(links=tuple(random.sample(instance.links, len(instance.links))))  # type: ignore[attr-defined]
    for variant in FORMULATIONS[name].variants:
        one, other = (
            compile_model(FORMULATIONS[name].build(i, ModelOptions(variant)).model, named=True)
            for i in (instance, shuffled)
        )
        assert one.column_names == other.column_names
        assert one.row_names == other.row_names
        assert abs(one.matrix - other.matrix).nnz == 0
        assert np.array_equal(one.upper, other.upper)
        assert np.array_equal(one.row_upper, other.row_upper)
