"""Where nodes are drawn: their places, or a computed layout that says it is one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import networkx as nx
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from milproute.instances.arrays import Floats
    from milproute.instances.network import Network

KAMADA_KAWAI_LIMIT = 300


def node_positions(network: Network) -> tuple[Floats, str]:
    """Return a position for each node, shape (nodes, 2), and a note on where they come from.

    The note is empty when they are ``position_km``. Where a position is missing, or all are equal, the
    whole network is laid out by Kamada-Kawai on hop counts (beyond 300 nodes by springs with a fixed
    seed), one component beside the other: the same network always gets the same picture.
    """
    given = [node.position_km for node in network.nodes]
    missing = sum(place is None for place in given)
    if not missing:
        places = np.array(given, dtype=float).reshape(-1, 2)
        if len(given) == 1 or bool((places != places[0]).any()):
            return places, ""
    reason = f"{missing} of {len(given)} positions unknown" if missing else "all nodes at one position"
    if missing == len(given):
        reason = "positions unknown"
    springs = len(given) > KAMADA_KAWAI_LIMIT
    return _computed(network), f"{reason}: {'spring' if springs else 'Kamada-Kawai'} layout"


def _computed(network: Network) -> Floats:
    """Lay the components out, each with room for its nodes, and pack them in rows."""
    graph: nx.Graph[int] = nx.Graph()
    graph.add_nodes_from(range(len(network.nodes)))
    graph.add_edges_from((int(u), int(v)) for u, v in network.ends)
    parts = sorted((sorted(part) for part in nx.connected_components(graph)), key=lambda p: (-len(p), p))
    blocks = [_component(graph.subgraph(part), part) for part in parts]
    row_width = 1.6 * float(np.sqrt(sum(np.prod(np.ptp(block, axis=0) + 1) for block in blocks)))
    places = np.zeros((len(network.nodes), 2))
    x = y = height = 0.0
    for part, block in zip(parts, blocks, strict=True):
        wide, high = np.ptp(block, axis=0)
        if x > 0 and x + wide > row_width:
            x, y, height = 0.0, y - height - 1.0, 0.0
        places[part] = block - [block[:, 0].min() - x, block[:, 1].max() - y]
        x, height = x + wide + 1.0, max(height, float(high))
    return places


def _component(graph: nx.Graph[int], nodes: Sequence[int]) -> Floats:
    """Lay one connected component out, about one unit between neighbours."""
    if len(nodes) == 1:
        return np.zeros((1, 2))
    ordered: nx.Graph[int] = nx.Graph()  # a subgraph view has the order of a set
    ordered.add_nodes_from(nodes)
    ordered.add_edges_from(sorted((min(u, v), max(u, v)) for u, v in graph.edges))
    if len(nodes) > KAMADA_KAWAI_LIMIT:
        found = nx.spring_layout(ordered, seed=0, iterations=60, method="force")
    else:
        found = nx.kamada_kawai_layout(ordered)
    places = np.array([found[node] for node in nodes], dtype=float)
    row = {node: i for i, node in enumerate(nodes)}
    steps = np.array([(row[u], row[v]) for u, v in ordered.edges])
    lengths = np.linalg.norm(places[steps[:, 0]] - places[steps[:, 1]], axis=1)
    return places / max(float(np.median(lengths)), 1e-9)
