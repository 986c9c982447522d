"""The checker on an argmax: honest plans pass, every lie about the action or its Q is named."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from milproute.instances import (
    Instance,
    InstanceError,
    OptionError,
    Plan,
    PlanError,
    QNet,
    QNetError,
    check,
    load_plan,
    save,
)
from milproute.instances.checker.check import ALWAYS, RULES
from milproute.instances.plan import OPTIONAL, relative_gap

INSTANCE = Instance.model_validate(
    {
        "name": "diamond",
        "attenuation_per_km": 0.0,
        "nodes": [{"id": v, "memory": 6, "swap_probability": 0.5} for v in "abcd"],
        "links": [
            {
                "source": u,
                "target": v,
                "length_km": 1.0,
                "channels": n,
                "probability": p,
                "fidelity": 0.9,
                "entangled_pairs": e,
            }
            for u, v, n, p, e in [
                ("a", "b", 2, 0.5, None),
                ("b", "d", 1, 0.25, 3),
                ("a", "c", 2, 1.0, None),
                ("d", "c", 2, 1.0, None),
            ]
        ],
        "requests": [
            {"id": "r0", "source": "a", "target": "d", "demand": 2},
            {"id": "r1", "source": "b", "target": "a"},
        ],
    }
)
# Inputs: load of ab, bd, ac, dc, then ln success of r0, r1; two neurons, Q = 2 max(0, f0) - max(0, f1) - 10.
QNET = QNet(
    ("link_load", "request_log_success"),
    (np.array([[1.0, 1.0, 0.0, 3.0, 1.0, 0.0], [0.0, 0.0, 0.0, -1.0, 0.0, -4.0]]), np.array([[2.0, -1.0]])),
    (np.array([0.5, 1.0]), np.array([-10.0])),
)
# r0 twice a-c-d, r1 once b-a: f0 = 1 + 3 * 2 + 2 ln(1/2) + 1/2, f1 = -2 - 4 ln(1/2) + 1.
Q = 2 * (7.5 - 2 * np.log(2)) - (4 * np.log(2) - 1) - 10
HONEST: dict[str, Any] = {
    "instance": "diamond",
    "formulation": "argmax",
    "variant": "columns+tight+path",
    "solver": "highs",
    "solver_version": "0",
    "status": "optimal",
    "objective": Q,
    "bound": Q,
    "gap": 0.0,
    "seconds": {},
    "paths": [
        {"request": "r0", "nodes": ["a", "c", "d"], "count": 2.0},
        {"request": "r1", "nodes": ["b", "a"], "count": 1.0},
    ],
    "connections": {"r0": 2.0, "r1": 1.0},
    "engine": "milp",
    "forward": Q,
    "residual": 0.0,
    "neurons": {"total": 2, "stable": 1, "binaries": 1},
    "max_hops": 2,
}


def plan(**changes: Any) -> Plan:
    return Plan.model_validate({**HONEST, **changes})


def path(request: str, nodes: str, count: float = 1.0) -> dict[str, Any]:
    return {"request": request, "nodes": list(nodes), "count": count}


def found(instance: Instance, candidate: Plan, qnet: QNet | None = None) -> list[tuple[str, str]]:
    return [(v.rule, v.place) for v in check(instance, candidate, qnet=qnet)]


@pytest.mark.parametrize("engine", ["milp", "enumerate"])
def test_an_honest_argmax_passes_by_whichever_engine(engine: str) -> None:
    variant = {"enumerate": {"variant": "enumerate", "solver": "none", "neurons": None}}.get(engine, {})
    assert check(INSTANCE, plan(engine=engine, **variant)) == []
    assert check(INSTANCE, plan(engine=engine, **variant), qnet=QNET) == []


def test_the_empty_action_and_no_action_pass() -> None:
    # f0 = 1/2, f1 = 1: Q = 1 - 1 - 10.
    nothing = {"paths": [], "connections": {"r0": 0.0, "r1": 0.0}}
    values = {"objective": -10.0, "bound": -10.0, "forward": -10.0}
    assert check(INSTANCE, plan(**nothing, **values), qnet=QNET) == []
    unsolved = {
        "objective": None,
        "bound": None,
        "gap": None,
        "forward": None,
        "residual": None,
        "engine": None,
    }
    for status in ("time_limit", "no_solution", "crash"):
        assert check(INSTANCE, plan(paths=[], connections={}, status=status, **unsolved), qnet=QNET) == []


def at(q: float, **changes: Any) -> dict[str, Any]:
    return {"objective": q, "bound": q, "forward": q, "gap": 0.0, **changes}


# Changes of the plan -> the violations without a Q-net, and those that the Q-net adds.
BREACHES: dict[str, tuple[dict[str, Any], list[tuple[str, str]], list[tuple[str, str]]]] = {
    "too many hops": ({"max_hops": 1}, [("hops", "paths[0]")], []),
    "above the channels": (
        {"paths": [path("r0", "acd", 2), path("r1", "bdca")], "max_hops": 3},
        [("load", "links[2] (a-c)"), ("load", "links[3] (d-c)")],
        [("q-value", "objective"), ("q-value", "forward")],
    ),
    "two copies without a demand": (
        {"paths": [path("r1", "ba", 2)], "connections": {"r0": 0.0, "r1": 2.0}},
        [("demand", "requests[1] (r1)")],
        [("q-value", "objective"), ("q-value", "forward")],
    ),
    "half copies, though relaxed": (
        {
            "paths": [path("r0", "acd", 1.5), path("r1", "ba")],
            "connections": {"r0": 1.5, "r1": 1.0},
            "relaxed": True,
        },
        [("whole-paths", "paths[0]")],
        [("q-value", "objective"), ("q-value", "forward")],
    ),
    "half copies, though continuous": (
        {
            "paths": [path("r0", "acd", 1.5), path("r1", "ba")],
            "connections": {"r0": 1.5, "r1": 1.0},
            "flows": "continuous",
        },
        [("whole-paths", "paths[0]")],
        [("q-value", "objective"), ("q-value", "forward")],
    ),
    "connections that are not the copies": (
        {"connections": {"r0": 1.0, "r1": 1.0}},
        [("connections-sum", "requests[0] (r0)"), ("flow-conservation", "requests[0] (r0)")],
        [],
    ),
    "no engine": ({"engine": None}, [("action-value", "engine")], []),
    "no forward pass": ({"forward": None}, [("action-value", "forward")], []),
    "no residual": ({"residual": None}, [("action-value", "residual")], []),
    "a residual that is none": ({"residual": 0.5}, [("residual", "residual")], []),
    "a residual hidden": (
        {"forward": Q - 0.5},
        [("residual", "residual"), ("residual", "objective")],
        [("q-value", "forward")],
    ),
    "a residual admitted": (
        {"forward": Q - 0.5, "residual": 0.5},
        [("residual", "objective")],
        [("q-value", "forward")],
    ),
    "a residual just too large": (
        {"forward": Q - 2e-6, "residual": 2e-6},
        [("residual", "objective")],
        [("q-value", "forward")],
    ),
    "a solver that lies with its forward pass": (
        at(Q + 1),
        [],
        [("q-value", "objective"), ("q-value", "forward")],
    ),
    "an objective above the bound": (
        {"bound": Q - 0.25, "gap": relative_gap(Q, Q - 0.25), "status": "time_limit"},
        [("bound", "bound")],
        [],
    ),
    "a path over unknown nodes": (
        {"paths": [*HONEST["paths"], path("r0", "azd", 0.0)]},
        [("known-nodes", "paths[2]")],
        [],
    ),
}


@pytest.mark.parametrize(("changes", "expected", "more"), BREACHES.values(), ids=BREACHES.keys())
def test_a_planted_breach_is_named(
    changes: dict[str, Any], expected: list[tuple[str, str]], more: list[tuple[str, str]]
) -> None:
    assert found(INSTANCE, plan(**changes)) == expected
    assert found(INSTANCE, plan(**changes), QNET) == [*expected, *more]


def test_what_the_network_cannot_do_is_named() -> None:
    document = INSTANCE.document()

    def changed(part: str, row: int, **fields: Any) -> Instance:
        rows = [entry | fields if i == row else entry for i, entry in enumerate(document[part])]
        return Instance.model_validate({**document, part: rows})

    # r1 alone sees a link of probability 0: Q is undefined there, and only the rule on links says so.
    assert found(changed("links", 0, probability=0.0), plan(), QNET) == [("usable-links", "paths[1]")]
    assert found(changed("nodes", 2, swap_probability=0.0), plan(), QNET) == [("usable-swaps", "paths[0]")]
    assert found(changed("nodes", 0, memory=2), plan(), QNET) == [("memory", "nodes[0] (a)")]
    assert found(changed("links", 0, entangled_pairs=0), plan(), QNET) == [("load", "links[0] (a-b)")]
    assert found(changed("requests", 0, min_fidelity=0.9), plan(), QNET) == [("min-fidelity", "paths[0]")]


def test_the_rules_of_an_argmax_are_those_of_all_plans_and_of_actions() -> None:
    planted = {rule for _, expected, _ in BREACHES.values() for rule, _ in expected}
    planted |= {"usable-links", "usable-swaps", "memory", "min-fidelity"}
    assert set(RULES["argmax"]) - set(ALWAYS) <= planted
    assert set(ALWAYS) <= set(RULES["argmax"])
    assert "objective" not in RULES["argmax"], "Q is no number of connections"


def test_residuals_are_relative_above_one() -> None:
    q = 1e4
    assert found(INSTANCE, plan(**at(q, forward=q - 5e-3, residual=5e-3))) == []
    assert found(INSTANCE, plan(**at(q, forward=q - 5e-2, residual=5e-2))) == [("residual", "objective")]


def test_a_lie_says_what_the_net_gives() -> None:
    texts = [v.message for v in check(INSTANCE, plan(**at(Q + 1)), qnet=QNET)]
    assert texts[0] == f"objective is {Q + 1:.9g}, the Q-net gives {Q:.9g} for these paths"
    assert [v.amount for v in check(INSTANCE, plan(**at(Q + 1)), qnet=QNET)] == pytest.approx([1.0, 1.0])


def test_a_net_is_refused_where_it_does_not_belong() -> None:
    with pytest.raises(
        OptionError, match="a Q-net with a plan of formulation 'link'; allowed: with 'argmax' only"
    ):
        check(INSTANCE, plan(formulation="link"), qnet=QNET)
    with pytest.raises(QNetError, match="3 inputs wide, which leaves 3 for block 'link_load'; allowed: 4"):
        check(INSTANCE, plan(), qnet=QNet(("link_load",), (np.ones((1, 3)),), (np.zeros(1),)))
    with pytest.raises(InstanceError, match=r"links\[0\].entangled_pairs is null"):
        check(INSTANCE, plan(), qnet=QNet(("link_pairs",), (np.ones((1, 4)),), (np.zeros(1),)))


def test_an_argmax_survives_its_file_and_other_plans_know_no_argmax(tmp_path: Any) -> None:
    save(plan(), tmp_path / "plan.json")
    assert load_plan(tmp_path / "plan.json") == plan()
    bare = plan(**dict.fromkeys(OPTIONAL))
    assert not set(OPTIONAL) & set(bare.document())
    assert set(plan().document()) - set(bare.document()) == {
        "engine",
        "forward",
        "residual",
        "neurons",
        "max_hops",
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"max_hops": 0}, "max_hops is 0; allowed: a whole number of at least 1"),
        ({"max_hops": 2.5}, "max_hops is 2.5; allowed: a whole number of at least 1"),
        ({"residual": -1e-9}, "residual is -1e-09; allowed: a finite number of at least 0"),
        (
            {"neurons": {"total": 2, "stable": 3, "binaries": 0}},
            "neurons.stable is 3; allowed: at most neurons.total = 2",
        ),
        (
            {"neurons": {"total": 2, "stable": 0, "binaries": 3}},
            "neurons.binaries is 3; allowed: at most neurons.total = 2",
        ),
    ],
)
def test_a_file_with_impossible_numbers_is_refused(
    tmp_path: Any, changes: dict[str, Any], message: str
) -> None:
    file = tmp_path / "plan.json"
    file.write_text(json.dumps({**plan().document(), **changes}))
    with pytest.raises(PlanError) as raised:
        load_plan(file)
    assert message in str(raised.value)


amounts = st.floats(0, 5) | st.floats(0, allow_infinity=False) | st.integers(0, 3).map(float)
numbers = st.none() | amounts | amounts.map(lambda x: -x)
CHANGES: dict[str, st.SearchStrategy[Any]] = {
    "formulation": st.sampled_from(["argmax", "argmax", "magic"]),
    "objective": numbers,
    "forward": numbers,
    "residual": st.none() | amounts,
    "max_hops": st.none() | st.integers(1, 4),
    "paths": st.lists(
        st.builds(
            path,
            st.sampled_from(["r0", "r1", "r9"]),
            st.lists(st.sampled_from("abcdz"), min_size=2, max_size=5).map("".join),
            amounts,
        ),
        max_size=4,
    ),
}


@given(st.fixed_dictionaries({}, optional=CHANGES))
def test_any_argmax_is_checked_without_raising(changes: dict[str, Any]) -> None:
    violations = check(INSTANCE, plan(**changes), qnet=QNET)
    assert {v.rule for v in violations} <= {*RULES["argmax"], "q-value"}
    assert all(v.amount > 0 and v.message for v in violations)
    json.dumps([v.model_dump() for v in violations], allow_nan=False)
