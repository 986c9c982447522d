"""Synthetic topologies: who stands where, and who is linked. Connected by construction."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import cos, hypot, pi, sin
from typing import TYPE_CHECKING

import numpy as np

from milproute.instances.errors import OptionError
from milproute.instances.generators.geography import Place, distance_km, metres

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from milproute.instances.arrays import Floats, Integers

Edge = tuple[int, int, float]  # rows of both ends, length in km


@dataclass(frozen=True)
class Topology:
    """Nodes with places (km, None where unknown) and links with lengths (km), at most one a pair of nodes.

    ``source`` and ``licence`` say where measured data comes from, and ``notes`` what to know about them.
    """

    ids: list[str]
    positions: Sequence[Place | None]
    edges: list[Edge]
    source: str | None = None
    licence: str | None = None
    notes: tuple[str, ...] = ()


def waxman(
    rng: np.random.Generator, *, nodes: int, width_km: float, height_km: float, degree: float, alpha: float
) -> Topology:
    """Draw links with weight exp(-d / (alpha L)), L the diagonal of the area, until the degree is met.

    All pairs are put in the order of successive weighted draws without replacement. The links that
    join two components in that order come first (a spanning tree drawn with the same weights), then
    the others in order, round(nodes * degree / 2) links in all: the graph is connected and has the
    mean degree that was asked for, which Waxman's independent coin flips promise neither of.
    Source: B. M. Waxman, IEEE JSAC 6(9), 1988; nodes, area and degree as in the REPS and AEG setting.

    Raises
    ------
    OptionError : a mean degree below that of a tree or above that of the complete graph.
    """
    wanted = round(nodes * degree / 2)
    most = nodes * (nodes - 1) // 2
    if not nodes - 1 <= wanted <= most:
        allowed = f"{2 * (nodes - 1) / nodes:.4g} to {nodes - 1}"
        raise OptionError(f"degree is {degree:g}; allowed for {nodes} connected nodes: {allowed}")
    positions = _scatter(rng, nodes, width_km, height_km)
    pairs = list(combinations(range(nodes), 2))
    lengths = [distance_km(positions[u], positions[v]) for u, v in pairs]
    order = _weighted_order(rng, -np.array(lengths) / (alpha * hypot(width_km, height_km)))
    import networkx as nx  # only here: the room alone loads quickly

    components = nx.utils.UnionFind(range(nodes))
    tree: list[int] = []
    rest: list[int] = []
    for i in order.tolist():
        u, v = pairs[i]
        (tree if components[u] != components[v] else rest).append(i)
        components.union(u, v)
    chosen = [*tree, *rest][:wanted]
    return _topology(positions, ((*pairs[i], lengths[i]) for i in chosen))


def random_geometric(
    rng: np.random.Generator, *, nodes: int, width_km: float, height_km: float, radius_km: float
) -> Topology:
    """Link all nodes within ``radius_km``, and the shortest spanning tree on top of that.

    The tree only adds links where the radius leaves the graph in pieces.
    """
    positions = _scatter(rng, nodes, width_km, height_km)
    edges = [(u, v, distance_km(positions[u], positions[v])) for u, v in combinations(range(nodes), 2)]
    import networkx as nx  # only here: the room alone loads quickly

    components = nx.utils.UnionFind(range(nodes))
    chosen = []
    for u, v, length in sorted(edges, key=lambda edge: (edge[2], edge)):
        if length <= radius_km or components[u] != components[v]:
            chosen.append((u, v, length))
            components.union(u, v)
    return _topology(positions, chosen)


def watts_strogatz(
    rng: np.random.Generator, *, nodes: int, degree: int, rewire: float, spacing_km: float
) -> Topology:
    """Link each node on a circle to its ``degree`` nearest, then move far ends with chance ``rewire``.

    A move that would cut the graph in two, or a node already linked to all others, is left out.
    Neighbours on the circle are ``spacing_km`` apart; lengths are chords.
    Source: Watts and Strogatz, Nature 393, 1998.

    Raises
    ------
    OptionError : an odd degree, or one that is not below the number of nodes.
    """
    if degree % 2 or not 2 <= degree < nodes:
        raise OptionError(f"degree is {degree}; allowed: an even number from 2 to {nodes - 1}")
    import networkx as nx  # only here: the room alone loads quickly

    graph = nx.Graph((u, (u + k) % nodes) for k in range(1, degree // 2 + 1) for u in range(nodes))
    for k in range(1, degree // 2 + 1):
        for u in range(nodes):
            v = (u + k) % nodes
            free = [w for w in range(nodes) if w != u and not graph.has_edge(u, w)]
            if rng.random() >= rewire or not free:
                continue
            w = free[int(rng.integers(len(free)))]
            graph.remove_edge(u, v)
            graph.add_edge(u, w)
            if not nx.has_path(graph, u, v):
                graph.remove_edge(u, w)
                graph.add_edge(u, v)
    radius = spacing_km / (2 * sin(pi / nodes))
    angles = [2 * pi * i / nodes for i in range(nodes)]
    positions = [(metres(radius * cos(a)), metres(radius * sin(a))) for a in angles]
    edges = ((u, v, metres(2 * radius * sin(pi * abs(u - v) / nodes))) for u, v in graph.edges)
    return _topology(positions, edges)


def ring(rng: np.random.Generator, *, nodes: int, spacing_km: float) -> Topology:
    """Lay the nodes on a circle, each linked to the next, ``spacing_km`` apart."""
    return watts_strogatz(rng, nodes=nodes, degree=2, rewire=0.0, spacing_km=spacing_km)


def grid(rng: np.random.Generator, *, rows: int, columns: int, spacing_km: float) -> Topology:
    """Lay the nodes row by row on a square grid, ``spacing_km`` apart; nothing is drawn.

    Raises
    ------
    OptionError : fewer than two nodes.
    """
    if rows * columns < 2:
        raise OptionError(f"rows, columns are {rows}, {columns}; allowed: at least two nodes in all")
    step = metres(spacing_km)
    positions = [(metres(c * step), metres(r * step)) for r in range(rows) for c in range(columns)]
    across = [(i, i + 1, step) for i in range(rows * columns) if (i + 1) % columns]
    down = [(i, i + columns, step) for i in range((rows - 1) * columns)]
    return _topology(positions, across + down)


def line(rng: np.random.Generator, *, nodes: int, spacing_km: float) -> Topology:
    """Lay the nodes in a row, each linked to the next, ``spacing_km`` apart."""
    return grid(rng, rows=1, columns=nodes, spacing_km=spacing_km)


def _scatter(rng: np.random.Generator, nodes: int, width_km: float, height_km: float) -> list[Place]:
    """Draw places uniformly in the area."""
    draws = rng.random((nodes, 2)) * (width_km, height_km)
    return [(metres(x), metres(y)) for x, y in draws]


def _weighted_order(rng: np.random.Generator, log_weights: Floats) -> Integers:
    """Draw an order without replacement, the next with chance in proportion to its weight.

    Sorting by log(-log(uniform)) - log(weight) does it in one go and never underflows
    (Efraimidis and Spirakis, Inf. Process. Lett. 97, 2006).
    """
    with np.errstate(divide="ignore"):  # a uniform draw of exactly 0 comes first: -inf
        keys = np.log(-np.log1p(-rng.random(len(log_weights)))) - log_weights
    return np.argsort(keys, kind="stable")


def _topology(positions: list[Place], edges: Iterable[Edge]) -> Topology:
    """Name the nodes n00, n01, … (sorted order is row order) and sort the links."""
    digits = len(str(len(positions) - 1))
    ids = [f"n{i:0{digits}d}" for i in range(len(positions))]
    return Topology(ids, positions, sorted((min(u, v), max(u, v), length) for u, v, length in edges))
