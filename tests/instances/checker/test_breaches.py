"""The checker on dishonest plans: every rule has a planted breach, which is named with place and amount."""

from __future__ import annotations

from typing import Any

import pytest

from milproute.instances.checker.check import RULES, check
from milproute.instances.plan import relative_gap
from tests.support.checked_plans import (
    ATTEMPTS,
    COMMON,
    INSTANCE,
    PAIRS,
    PLANS,
    UNSOLVED,
    attempts,
    paths,
    plan,
)

# What is broken in an honest plan -> every (rule, place, amount) the checker must name, no more, no less.
BREACHES: dict[str, tuple[str, dict[str, Any], list[tuple[str, str, float]]]] = {
    "another instance": ("link", {"instance": "other"}, [("instance", "instance", 1)]),
    "unknown formulation": ("path", {"formulation": "magic"}, [("formulation", "formulation", 1)]),
    "path of an unknown request": (
        "path",
        {"paths": [*COMMON["paths"], *paths(("r9", "ab", 0.0))]},
        [("known-requests", "paths[2]", 1)],
    ),
    "connections of an unknown request": (
        "path",
        {"connections": {**COMMON["connections"], "r9": 0.0}},
        [("known-requests", "connections.r9", 1)],
    ),
    "deliveries to an unknown request": (
        "reps",
        {"delivered": {"r9": 0}},
        [("known-requests", "delivered.r9", 1)],
    ),
    "unknown nodes": (
        "path",
        {"paths": [*COMMON["paths"], *paths(("r0", "axyc", 0.0))]},
        [("known-nodes", "paths[2]", 2)],
    ),
    "a node twice": (
        "path",
        {"paths": [*COMMON["paths"], *paths(("r0", "abcac", 0.0))]},
        [("simple-path", "paths[2]", 2)],
    ),
    "standing still": (
        "path",
        {"paths": [*COMMON["paths"], *paths(("r0", "abbc", 0.0))]},
        [("simple-path", "paths[2]", 1)],
    ),
    "a step without a link": (
        "path",
        {"paths": [*COMMON["paths"], *paths(("r2", "abd", 0.0))]},
        [("path-links", "paths[2]", 1)],
    ),
    "a path from target to source": (
        "path",
        {"paths": [*COMMON["paths"], *paths(("r0", "cba", 0.0))]},
        [("path-ends", "paths[2]", 2)],
    ),
    "a path that stops short": (
        "path",
        {"paths": [*COMMON["paths"], *paths(("r2", "ac", 0.0))]},
        [("path-ends", "paths[2]", 1)],
    ),
    "attempts where no link is": (
        "link",
        {"attempts": [*ATTEMPTS, *attempts(bd=0.0)]},
        [("known-links", "attempts[2] (b-d)", 1)],
    ),
    "pairs where no link is": (
        "reps",
        {"entangled_pairs": [*PAIRS, {"source": "a", "target": "z", "pairs": 0}]},
        [("known-links", "entangled_pairs[2] (a-z)", 1)],
    ),
    "a link twice among the attempts": (
        "link",
        {"attempts": [*ATTEMPTS, *attempts(ba=0.0)]},
        [("links-once", "attempts[2] (b-a)", 1)],
    ),
    "a link twice among the pairs": (
        "reps",
        {"entangled_pairs": [*PAIRS, {"source": "a", "target": "b", "pairs": 0}]},
        [("links-once", "entangled_pairs[2] (a-b)", 1)],
    ),
    "fractional attempts": (
        "link",
        {"attempts": attempts(ab=4, bc=3.25), "flows": "continuous"},
        [("whole-attempts", "attempts[1] (b-c)", 0.25)],
    ),
    "fractional copies": (
        "path",
        {
            "paths": paths(("r0", "abc", 1.75), ("r1", "cb", 1.0)),
            "connections": {"r0": 1.75, "r1": 1, "r2": 0},
            "objective": 2.75,
            "bound": 2.75,
        },
        [("whole-paths", "paths[0]", 0.25)],
    ),
    "more attempts than channels": (
        "link",
        {"attempts": attempts(ab=4, bc=3, cd=2)},
        [("channels", "links[3] (c-d)", 1)],
    ),
    "more attempts than memory": (
        "link",
        {"attempts": attempts(ab=4, bc=5)},
        [("memory", "nodes[1] (b)", 1)],
    ),
    "load above the expected pairs": (
        "link",
        {"attempts": attempts(ab=3, bc=3)},
        [("load", "links[0] (a-b)", 1)],
    ),
    "load above the given pairs": (
        "path",
        {
            "paths": paths(("r0", "abc", 2), ("r1", "cb", 2)),
            "connections": {"r0": 2, "r1": 2, "r2": 0},
            "objective": 4.0,
            "bound": 4.0,
        },
        [("load", "links[1] (b-c)", 1)],
    ),
    "load on unknown pairs": (
        "path",
        {
            "paths": paths(("r0", "ac", 1), ("r1", "cb", 1)),
            "connections": {"r0": 1, "r1": 1, "r2": 0},
            "objective": 2.0,
            "bound": 2.0,
        },
        [("load", "links[2] (a-c)", 1)],
    ),
    "load above the drawn pairs": (
        "reps",
        {"entangled_pairs": [PAIRS[0], {**PAIRS[1], "pairs": 1}]},
        [("load", "links[1] (b-c)", 2)],
    ),
    "more pairs than attempts": (
        "reps",
        {"entangled_pairs": [PAIRS[0], {**PAIRS[1], "pairs": 5}]},
        [("pairs-attempted", "links[1] (b-c)", 2)],
    ),
    "no pairs drawn": (
        "reps",
        {"entangled_pairs": None},
        [("load", "links[0] (a-b)", 2), ("load", "links[1] (b-c)", 3), ("pairs-drawn", "entangled_pairs", 1)],
    ),
    "a request left out": (
        "path",
        {"connections": {"r0": 2.0, "r1": 1.0}},
        [("connections-listed", "requests[2] (r2)", 1)],
    ),
    "connections without paths": (
        "path",
        {"connections": {"r0": 2.0, "r1": 1.0, "r2": 0.5}, "objective": 3.5, "bound": 3.5},
        [("connections-sum", "requests[2] (r2)", 0.5), ("flow-conservation", "requests[2] (r2)", 0.5)],
    ),
    "above the demand": (
        "link",
        {
            "paths": paths(("r0", "abc", 2), ("r0", "ac", 1)),
            "attempts": attempts(ab=4, bc=2, ac=2),
            "connections": {"r0": 3, "r1": 0, "r2": 0},
        },
        [("demand", "requests[0] (r0)", 1)],
    ),
    "more delivered than connected": (
        "reps",
        {"delivered": {"r0": 3, "r1": 1}},
        [("delivered", "requests[0] (r0)", 1)],
    ),
    "objective that is no sum": ("link", {"objective": 4.0, "bound": 4.0}, [("objective", "objective", 1)]),
    "objective above the bound": (
        "link",
        {"bound": 2.5, "gap": relative_gap(3, 2.5), "status": "time_limit"},
        [("bound", "bound", 0.5)],
    ),
    "wrong gap": ("link", {"gap": 0.25}, [("gap", "gap", 0.25)]),
    "gap without bound": ("link", {"bound": None, "status": "time_limit"}, [("gap", "gap", 1)]),
    "no gap": ("link", {"gap": None}, [("gap", "gap", 1)]),
    "optimal without bound": ("link", {"bound": None, "gap": None}, [("status", "status", 1)]),
    "optimal within the solver's gap only": (
        "link",
        {"bound": 3.0003, "gap": relative_gap(3.0, 3.0003)},
        [("status", "status", 0.0003)],
    ),
    "gap limit without solution": ("link", {**UNSOLVED, "status": "gap_limit"}, [("status", "status", 1)]),
    "infeasible with a solution": ("link", {"status": "infeasible"}, [("status", "status", 1)]),
    "paths without objective": (
        "path",
        {"objective": None, "bound": None, "gap": None, "status": "time_limit"},
        [("no-solution", "objective", 4)],
    ),
}


@pytest.mark.parametrize(("formulation", "changes", "expected"), BREACHES.values(), ids=BREACHES.keys())
def test_a_planted_breach_is_named(
    formulation: str, changes: dict[str, Any], expected: list[tuple[str, str, float]]
) -> None:
    found = check(INSTANCE, plan(formulation, **changes))
    assert [(v.rule, v.place) for v in found] == [(rule, place) for rule, place, _ in expected]
    assert [v.amount for v in found] == pytest.approx([amount for _, _, amount in expected])


def test_every_rule_has_a_planted_breach() -> None:
    assert set(RULES) == {*PLANS, "argmax"}  # argmax: test_verify_argmax.py
    planted = {rule for _, _, expected in BREACHES.values() for rule, _, _ in expected}
    elsewhere = {"sign", "min-fidelity"}  # the two tests below
    assert planted | elsewhere == {rule for name in PLANS for rule in RULES[name]} | {"formulation"}
