"""Instances made by hand or drawn so that channels, memory and requests fight over the same links."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import networkx as nx
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from milproute.instances import Instance
from tests.support.strategies import instances

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

thorough = settings(
    max_examples=200,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
brief = settings(thorough, max_examples=50)


def make(
    links: Sequence[tuple[str, str, int, float]],
    requests: Sequence[tuple[str, str] | tuple[str, str, int | None]],
    *,
    memory: int | Mapping[str, int] = 99,
    swap: float | Mapping[str, float] = 1.0,
    pairs: Sequence[int] | None = None,
) -> Instance:
    """Build an instance from (u, v, channels, probability) and (source, target[, demand])."""
    ids = sorted({end for u, v, *_ in links for end in (u, v)} | {end for r in requests for end in r[:2]})
    return Instance.model_validate(
        {
            "name": "made",
            "attenuation_per_km": 0.0,
            "nodes": [
                {
                    "id": name,
                    "memory": memory if isinstance(memory, int) else memory.get(name, 99),
                    "swap_probability": swap if isinstance(swap, float) else swap.get(name, 1.0),
                }
                for name in ids or ["only"]
            ],
            "links": [
                {
                    "source": u,
                    "target": v,
                    "length_km": 1.0,
                    "channels": channels,
                    "probability": p,
                    "fidelity": 1.0,
                    "entangled_pairs": None if pairs is None else pairs[i],
                }
                for i, (u, v, channels, p) in enumerate(links)
            ],
            "requests": [
                {"id": f"r{i}", "source": r[0], "target": r[1], "demand": r[2] if len(r) > 2 else None}
                for i, r in enumerate(requests)
            ],
        }
    )


@st.composite
def crowded(draw: st.DrawFn, max_nodes: int = 6, pairs: bool = False) -> Instance:
    """Draw a connected network on which most links carry a whole connection or just fail to."""
    ids = [f"n{i}" for i in range(draw(st.integers(4, max_nodes)))]
    tree = [(ids[draw(st.integers(0, i - 1))], ids[i]) for i in range(1, len(ids))]
    others = [pair for pair in combinations(ids, 2) if pair not in tree]
    extra = draw(st.lists(st.sampled_from(others), unique=True, min_size=1, max_size=4))
    probability = st.sampled_from((0.9, 1.0, 0.75, 0.6, 0.95, 0.5, 0.35))
    ends = draw(st.lists(st.permutations(ids).map(lambda order: order[:2]), min_size=2, max_size=3))
    demand = st.sampled_from((None, None, 1, 2))
    links = [(u, v, draw(st.integers(1, 6)), draw(probability)) for u, v in tree + extra]
    return make(
        links,
        [(u, v, draw(demand)) for u, v in ends],
        memory={name: draw(st.integers(3, 14)) for name in ids},
        swap={name: draw(st.sampled_from((0.9, 0.5, 1.0, 0.0))) for name in ids},
        pairs=[draw(st.integers(0, 3)) for _ in links] if pairs else None,
    )


def any_case(*, pairs: bool = False) -> st.SearchStrategy[Instance]:
    """Draw crowded instances, and those with every corner of the format."""
    return st.one_of(crowded(pairs=pairs), crowded(pairs=pairs), instances(max_nodes=6, pairs=pairs))


def connected_network(nodes: int, links: int, requests: int, *, pairs: int | None = None) -> Instance:
    """Return a random connected instance of a given size, all requests different."""
    graph = next(
        g for seed in range(10_000) if nx.is_connected(g := nx.gnm_random_graph(nodes, links, seed=seed))
    )
    ends = [(f"n{u}", f"n{v}") for u, v in list(combinations(range(nodes), 2))[:: nodes // 2][:requests]]
    made = [(f"n{u}", f"n{v}", 5, 0.9) for u, v in sorted(graph.edges)]
    return make(made, ends, memory=12, pairs=None if pairs is None else [pairs] * links)
