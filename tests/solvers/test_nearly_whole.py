"""Where p * c is nearly whole: all variants and solvers agree with exact fractions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milproute.instances import Instance, check
from milproute.solvers.backends import is_installed
from milproute.solvers.results import SolveOptions
from milproute.solvers.solve import solve
from tests.support.cases import brief, make, thorough
from tests.support.oracles import most_link_connections

EXACT = SolveOptions(gap=0.0)


@st.composite
def nearly_whole(draw: st.DrawFn) -> Instance:
    """Draw a small network whose links carry a whole load, or just fail to, or just do."""
    links = []
    for u, v in (("a", "b"), ("b", "c"), ("a", "c"), ("c", "d"))[: draw(st.integers(1, 4))]:
        channels = draw(st.integers(1, 9))
        load = draw(st.integers(1, channels))
        p = round(load / channels, draw(st.integers(2, 13)))
        p += draw(st.sampled_from([0.0, 0.0, 1e-5, -1e-5, 1e-7, -1e-7, 2e-9, -2e-9, 5e-10, -5e-10]))
        links.append((u, v, channels, min(max(p, 0.0), 1.0)))
    ids = sorted({end for u, v, *_ in links for end in (u, v)})
    ends = st.permutations(ids).map(lambda order: (order[0], order[1]))
    requests = [
        (*draw(ends), draw(st.sampled_from((None, None, 1, 3)))) for _ in range(draw(st.integers(1, 2)))
    ]
    return make(links, requests, memory={name: draw(st.integers(1, 18)) for name in ids})


@thorough
@given(nearly_whole())
def test_all_variants_find_the_optimum_of_exact_fractions(instance: Instance) -> None:
    best = most_link_connections(instance)
    for variant in ("by-source", "per-request"):
        plan = solve(instance, "link", variant, limits=EXACT)
        assert (plan.status, plan.verified, plan.objective, plan.bound) == ("optimal", True, best, best)
    rounded = solve(instance, "link", method="rounding")
    assert rounded.verified and rounded.objective is not None and rounded.bound is not None
    assert rounded.objective <= best <= rounded.bound
    slot = solve(instance, "reps")
    assert slot.verified


@pytest.mark.parametrize("solver", [s for s in ("scip", "gurobi") if is_installed(s)])
@brief
@given(nearly_whole())
def test_no_solver_is_blamed_for_a_load_that_barely_misses(solver: str, instance: Instance) -> None:
    best = most_link_connections(instance)
    for variant in ("by-source", "per-request"):
        plan = solve(instance, "link", variant, solver=solver, limits=EXACT)
        assert (plan.status, plan.verified, plan.objective, plan.bound) == ("optimal", True, best, best)


@pytest.mark.parametrize(
    ("p", "channels", "best"),
    [(0.333333, 3, 0), (0.3333333, 6, 1), (0.3333333333, 6, 2), (0.19999999, 5, 0), (0.2, 5, 1)],
)
@pytest.mark.parametrize("variant", ["by-source", "per-request"])
def test_one_question_has_one_answer(p: float, channels: int, best: int, variant: str) -> None:
    instance = make([("a", "b", channels, p)], [("a", "b")])
    plan = solve(instance, "link", variant)
    assert (plan.status, plan.objective, plan.bound, plan.verified) == ("optimal", best, best, True)
    assert check(instance, plan) == []
