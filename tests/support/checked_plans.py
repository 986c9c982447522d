"""A small instance and an honest plan of every formulation, to be changed by a test of the checker."""

from __future__ import annotations

from typing import Any

from milproute.instances.instance import Instance
from milproute.instances.plan import Plan

NODES = {"a": 6, "b": 8, "c": 6, "d": 2}
LINKS = [  # ends, channels, probability, fidelity, entangled_pairs
    ("a", "b", 4, 0.5, 0.9, 2),
    ("b", "c", 5, 1.0, 0.9, 3),
    ("a", "c", 2, 0.5, 0.1, None),
    ("c", "d", 1, 1.0, 0.1, 0),
]
REQUESTS = [("r0", "a", "c", 2), ("r1", "c", "b", None), ("r2", "a", "d", None)]
INSTANCE = Instance.model_validate(
    {
        "name": "toy",
        "attenuation_per_km": 2e-4,
        "nodes": [{"id": v, "memory": m, "swap_probability": 0.9} for v, m in NODES.items()],
        "links": [
            {
                "source": u,
                "target": v,
                "length_km": 1.0,
                "channels": c,
                "probability": p,
                "fidelity": f,
                "entangled_pairs": n,
            }
            for u, v, c, p, f, n in LINKS
        ],
        "requests": [{"id": r, "source": s, "target": t, "demand": d} for r, s, t, d in REQUESTS],
    }
)
COMMON: dict[str, Any] = {
    "instance": "toy",
    "variant": "by-source",
    "solver": "none",
    "solver_version": "0",
    "status": "optimal",
    "objective": 3.0,
    "bound": 3.0,
    "gap": 0.0,
    "seconds": {},
    "paths": [
        {"request": "r0", "nodes": ["a", "b", "c"], "count": 2.0},
        {"request": "r1", "nodes": ["c", "b"], "count": 1.0},
    ],
    "connections": {"r0": 2.0, "r1": 1.0, "r2": 0.0},
}
ATTEMPTS = [{"source": "a", "target": "b", "channels": 4.0}, {"source": "c", "target": "b", "channels": 3.0}]
PAIRS = [{"source": "b", "target": "a", "pairs": 2}, {"source": "b", "target": "c", "pairs": 3}]
PLANS: dict[str, dict[str, Any]] = {
    "link": {**COMMON, "formulation": "link", "attempts": ATTEMPTS},
    "path": {**COMMON, "formulation": "path"},
    "reps": {
        **COMMON,
        "formulation": "reps",
        "attempts": ATTEMPTS,
        "entangled_pairs": PAIRS,
        "delivered": {"r0": 1, "r1": 1},
    },
}
UNSOLVED: dict[str, Any] = {
    "objective": None,
    "bound": None,
    "gap": None,
    "paths": [],
    "connections": {},
    "delivered": None,
}


def plan(formulation: str, /, **changes: Any) -> Plan:
    return Plan.model_validate({**PLANS[formulation], **changes})


def attempts(**channels: float) -> list[dict[str, Any]]:
    return [{"source": name[0], "target": name[1], "channels": n} for name, n in channels.items()]


def paths(*routes: tuple[str, str, float]) -> list[dict[str, Any]]:
    return [{"request": r, "nodes": list(nodes), "count": n} for r, nodes, n in routes]


def network(links: dict[str, Any] | None = None, first_request: dict[str, Any] | None = None) -> Instance:
    """Return the toy instance with changes to every link and to the first request."""
    data = INSTANCE.document()
    data["links"] = [link | (links or {}) for link in data["links"]]
    data["requests"][0] |= first_request or {}
    return Instance.model_validate(data)
