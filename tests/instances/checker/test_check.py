"""The checker: honest plans pass, fractions are allowed where the plan says so, nothing makes it raise."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from milproute.instances.checker.check import RULES, check
from milproute.instances.instance import Instance
from milproute.instances.plan import Plan, RoutedPath
from tests.support.checked_plans import (
    INSTANCE,
    NODES,
    PLANS,
    UNSOLVED,
    attempts,
    network,
    paths,
    plan,
)


@pytest.mark.parametrize("formulation", list(PLANS))
def test_every_formulation_has_an_honest_plan_that_passes(formulation: str) -> None:
    assert check(INSTANCE, plan(formulation)) == []


@pytest.mark.parametrize("formulation", list(PLANS))
@pytest.mark.parametrize("status", ["infeasible", "no_solution", "time_limit", "crash", "licence", "error"])
def test_a_plan_that_found_nothing_and_says_so_passes(formulation: str, status: str) -> None:
    assert check(INSTANCE, plan(formulation, **UNSOLVED, status=status)) == []


def test_negative_amounts_of_an_unvalidated_plan_are_named() -> None:
    negative = RoutedPath.model_construct(request="r2", nodes=("a", "c", "d"), count=-1.0)
    broken = plan("path").model_copy(update={"paths": (*plan("path").paths, negative)})
    assert ("sign", "paths[2]", 1) in [(v.rule, v.place, v.amount) for v in check(INSTANCE, broken)]


def test_a_path_below_min_fidelity_is_named() -> None:
    # Two links of fidelity .9: W = (13/15)^2, F = 1/4 + 3/4 W = .813333
    assert check(network(first_request={"min_fidelity": 0.8133}), plan("path")) == []
    (found,) = check(network(first_request={"min_fidelity": 0.9}), plan("path"))
    assert (found.rule, found.place) == ("min-fidelity", "paths[0]")
    assert found.amount == pytest.approx(0.9 - 0.8133333333)
    assert "0.0866666667 below the 0.9 that 'r0' asks for" in found.message


def test_useless_links_are_forbidden_where_fidelity_matters_and_only_there() -> None:
    # a-c-d crosses two links with F = .1: W = -.2 twice multiplies to F = .28, a fidelity no pair has.
    route = paths(("r0", "acd", 1.0))
    data = {**PLANS["link"], "attempts": attempts(ac=2, cd=1), "paths": route, "objective": 1.0, "bound": 1.0}
    data["connections"] = {"r0": 1.0, "r1": 0.0, "r2": 0.0}
    for harmless in (0.0, 0.25):
        instance = network(first_request={"target": "d", "min_fidelity": harmless})
        assert check(instance, Plan.model_validate(data)) == []
    instance = network(first_request={"target": "d", "min_fidelity": 0.27})
    (found,) = check(instance, Plan.model_validate(data))
    assert (found.rule, found.amount) == ("min-fidelity", pytest.approx(0.17))


def test_all_breaches_are_returned_together() -> None:
    broken = plan("link", instance="x", attempts=attempts(ab=9), objective=7.0, gap=0.5)
    assert {v.rule for v in check(INSTANCE, broken)} == {
        "instance", "channels", "memory", "load", "objective", "bound", "gap", "status",
    }  # fmt: skip


def test_messages_are_sentences_with_numbers() -> None:
    (found,) = check(INSTANCE, plan("link", attempts=attempts(ab=3, bc=3)))
    assert str(found) == "load at links[0] (a-b): 2 copies of paths; 3 attempts carry 1 (p = 0.5)"


FRACTIONAL = {
    "paths": paths(("r0", "abc", 1.5), ("r1", "cb", 1.25)),
    "connections": {"r0": 1.5, "r1": 1.25, "r2": 0.0},
    "objective": 2.75,
    "bound": 2.75,
}


@pytest.mark.parametrize(
    ("relaxed", "flows", "rules"),
    [
        (False, "integer", ["whole-attempts", "whole-paths", "whole-paths"]),
        (False, "continuous", ["whole-attempts"]),
        (True, "integer", []),
        (True, "continuous", []),
    ],
)
def test_fractions_are_allowed_where_the_plan_says_so(relaxed: bool, flows: str, rules: list[str]) -> None:
    fractional = plan("link", **FRACTIONAL, attempts=attempts(ab=3.5, bc=3), relaxed=relaxed, flows=flows)
    assert [v.rule for v in check(INSTANCE, fractional)] == rules


@pytest.mark.parametrize(("excess", "rules"), [(0.9e-6, []), (1.2e-6, ["load"])])
def test_the_tolerance_of_fractional_loads_is_a_millionth(excess: float, rules: list[str]) -> None:
    # p = 1 - excess lets one copy and one attempt through a solver's feasibility tolerance.
    instance = network(links={"probability": 1 - excess})
    changes = {
        "paths": paths(("r1", "cb", 1)),
        "attempts": attempts(bc=1),
        "connections": {"r0": 0, "r1": 1, "r2": 0},
        "objective": 1.0,
        "bound": 1.0,
    }
    one = plan("link", relaxed=True, **changes)
    assert [v.rule for v in check(instance, one)] == rules
    assert check(instance, one, tolerance=1e-5) == []
    # In whole numbers one attempt carries nothing, however little is missing.
    assert [v.rule for v in check(instance, plan("link", **changes), tolerance=1e-5)] == ["load"]


@pytest.mark.parametrize("p", [0.3333333333, 1 / 3, 0.33333333335])
def test_a_rounded_fraction_carries_the_load_of_the_fraction(p: float) -> None:
    instance = network(links={"probability": p, "channels": 3})
    changes = {
        "paths": paths(("r1", "cb", 1)),
        "attempts": attempts(bc=3),
        "connections": {"r0": 0, "r1": 1, "r2": 0},
        "objective": 1.0,
        "bound": 1.0,
    }
    assert check(instance, plan("link", **changes)) == []


@given(st.tuples(*[st.integers(0, 6)] * 4), st.tuples(*[st.integers(0, 3)] * 5))
def test_the_checker_agrees_with_incidence_matrices(x: tuple[int, ...], counts: tuple[int, ...]) -> None:
    routes = [("r0", "abc"), ("r0", "ac"), ("r1", "cb"), ("r1", "cab"), ("r2", "abcd")]
    uses = np.array([[1, 0, 0, 1, 1], [1, 0, 1, 0, 1], [0, 1, 0, 1, 0], [0, 0, 0, 0, 1]])
    at = np.array([[1, 0, 1, 0], [1, 1, 0, 0], [0, 1, 1, 1], [0, 0, 0, 1]])
    load, made = uses @ counts, np.array([0.5, 1, 0.5, 1]) * x
    broken = {
        "load": (load > made).any(),
        "channels": (np.array(x) > [4, 5, 2, 1]).any(),
        "memory": (at @ x > list(NODES.values())).any(),
        "demand": counts[0] + counts[1] > 2,
    }
    totals = {"r0": counts[0] + counts[1], "r1": counts[2] + counts[3], "r2": counts[4]}
    candidate = plan(
        "link",
        attempts=attempts(**dict(zip(("ab", "bc", "ac", "cd"), x, strict=True))),
        paths=paths(*((r, nodes, n) for (r, nodes), n in zip(routes, counts, strict=True))),
        connections=totals,
        objective=float(sum(counts)),
        bound=float(sum(counts)),
    )
    assert {v.rule for v in check(INSTANCE, candidate)} == {rule for rule, bad in broken.items() if bad}


names = st.sampled_from([*"abcdz"])
requests = st.sampled_from(["r0", "r1", "r2", "r9"])
amounts = st.floats(0, 5) | st.floats(0, allow_infinity=False) | st.integers(0, 3).map(float)
counts = st.integers(0, 5) | st.just(2**40)
numbers = st.none() | amounts | amounts.map(lambda x: -x)
ends = {"source": names, "target": names}
CHANGES: dict[str, st.SearchStrategy[Any]] = {
    "instance": st.sampled_from(["toy", ""]),
    "formulation": st.sampled_from([*RULES, ""]),
    "status": st.sampled_from(["optimal", "gap_limit", "time_limit", "infeasible", "wrong_solution"]),
    "objective": numbers,
    "bound": numbers,
    "gap": st.none() | amounts,
    "relaxed": st.booleans(),
    "flows": st.sampled_from(["integer", "continuous"]),
    "attempts": st.lists(st.fixed_dictionaries({**ends, "channels": amounts}), max_size=5),
    "paths": st.lists(
        st.fixed_dictionaries(
            {"request": requests, "nodes": st.lists(names, min_size=2, max_size=6), "count": amounts}
        ),
        max_size=5,
    ),
    "connections": st.dictionaries(requests, amounts),
    "entangled_pairs": st.none() | st.lists(st.fixed_dictionaries({**ends, "pairs": counts}), max_size=5),
    "delivered": st.none() | st.dictionaries(requests, counts),
}
perturbed = st.builds(
    lambda formulation, changes: plan(formulation, **changes),
    st.sampled_from(list(PLANS)),
    st.fixed_dictionaries({}, optional=CHANGES),
)


@given(perturbed, st.sampled_from([0.2, 0.25, 0.3, 0.9]))
def test_any_document_is_checked_without_raising(candidate: Plan, fidelity: float) -> None:
    found = check(network(first_request={"min_fidelity": fidelity}), candidate)
    known = {"formulation"}.union(*RULES.values())
    assert {v.rule for v in found} <= known
    assert all(v.amount > 0 and v.message for v in found)
    json.dumps([v.model_dump() for v in found], allow_nan=False)


@given(perturbed)
def test_the_order_of_link_ends_means_nothing(candidate: Plan) -> None:
    def turned(entry: Any) -> Any:
        return entry.model_copy(update={"source": entry.target, "target": entry.source})

    data = INSTANCE.document()
    turned_links = [link | {"source": link["target"], "target": link["source"]} for link in data["links"]]
    instance = Instance.model_validate(data | {"links": turned_links})
    other = candidate.model_copy(
        update={
            "attempts": tuple(map(turned, candidate.attempts)),
            "entangled_pairs": candidate.entangled_pairs and tuple(map(turned, candidate.entangled_pairs)),
        }
    )
    first, second = check(INSTANCE, candidate), check(instance, other)
    assert [(v.rule, v.amount) for v in first] == [(v.rule, v.amount) for v in second]


@given(perturbed)
def test_the_order_of_paths_and_attempts_means_nothing(candidate: Plan) -> None:
    other = candidate.model_copy(
        update={"attempts": candidate.attempts[::-1], "paths": candidate.paths[::-1]}
    )
    first, second = check(INSTANCE, candidate), check(INSTANCE, other)
    assert sorted(v.rule for v in first) == sorted(v.rule for v in second)


def test_the_verdict_in_the_plan_is_not_believed() -> None:
    assert check(INSTANCE, plan("link", verified=True, attempts=[])) != []
    honest = plan(
        "link", verified=False, violations=[v.model_dump() for v in check(INSTANCE, plan("link", gap=1.0))]
    )
    assert check(INSTANCE, honest) == []
