"""Hypothesis strategies: tiny random instances with every awkward corner the format allows."""

from __future__ import annotations

from itertools import combinations
from typing import Any

from hypothesis import strategies as st

from milproute.instances.instance import Instance

# 0: a dead link; 1: one attempt is enough; None: from length and attenuation.
PROBABILITIES = (1.0, 0.5, 0.9, 0.75, 0.05, 0.001, 0.0, None)
SWAPS = (1.0, 0.9, 0.5, 0.0)
FIDELITIES = (1.0, 0.98, 0.9, 0.5)


@st.composite
def _links(draw: st.DrawFn, ids: list[str], pairs: bool) -> list[dict[str, Any]]:
    """Draw links in any order and orientation; the graph may fall apart."""
    every = list(combinations(ids, 2))
    least = draw(st.sampled_from((3, 3, 6, 0)))  # without it half of the graphs would be empty
    chosen = draw(st.lists(st.sampled_from(every), unique=True, min_size=least, max_size=12))
    return [
        {
            "source": v if draw(st.booleans()) else u,
            "target": None,
            "ends": (u, v),
            "length_km": draw(st.sampled_from((0.0, 1.5, 120.0, 4000.0))),
            "channels": draw(st.integers(0, 3)),
            "probability": draw(st.sampled_from(PROBABILITIES)),
            "fidelity": draw(st.sampled_from(FIDELITIES)),
            "entangled_pairs": draw(st.integers(0, 3)) if pairs else None,
        }
        for u, v in chosen
    ]


@st.composite
def _requests(draw: st.DrawFn, ids: list[str], most: int, demands: bool) -> list[dict[str, Any]]:
    """Draw requests; ends are shared and whole requests repeated (also turned round) often."""
    few = ids[: draw(st.integers(2, len(ids)))]
    least = min(most, draw(st.sampled_from((1, 1, 2, 0))))
    ends = draw(st.lists(st.permutations(few).map(lambda order: order[:2]), min_size=least, max_size=most))
    wanted = st.one_of(st.none(), st.integers(0, 4)) if demands else st.none()
    return [
        {"id": f"r{k}", "source": u, "target": v, "demand": draw(wanted)} for k, (u, v) in enumerate(ends)
    ]


@st.composite
def instances(
    draw: st.DrawFn,
    min_nodes: int = 4,
    max_nodes: int = 8,
    max_requests: int = 4,
    pairs: bool = False,
    demands: bool = True,
) -> Instance:
    """Draw an instance small enough for brute force.

    Channels 0-3, memory 0-6, at most 12 links, 0 to ``max_requests`` requests without ``min_fidelity``;
    with ``pairs`` every link has 0-3 entangled pairs, otherwise none has; with ``demands`` some
    requests have a demand (0-4). Graphs may be disconnected or empty, requests share ends or repeat.
    """
    ids = [f"n{i}" for i in range(draw(st.integers(min_nodes, max_nodes)))]
    links = draw(_links(ids, pairs))
    for link in links:
        u, v = link.pop("ends")
        link["target"] = u if link["source"] == v else v
    nodes = [
        {"id": name, "memory": draw(st.integers(0, 6)), "swap_probability": draw(st.sampled_from(SWAPS))}
        for name in ids
    ]
    return Instance.model_validate(
        {
            "name": "drawn",
            "attenuation_per_km": draw(st.sampled_from((0.0, 0.0002, 0.01))),
            "nodes": nodes,
            "links": links,
            "requests": draw(_requests(ids, max_requests, demands)),
        }
    )
