"""Oracles: brute force and linear programs too simple to be wrong. No Pyomo, no solver back end."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from math import ceil
from typing import TYPE_CHECKING

import networkx as nx
import numpy as np
from hypothesis import reject
from scipy.optimize import linprog

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from milproute.instances import Instance
    from milproute.instances.arrays import Floats

Loads = tuple[int, ...]
MOST_STATES = 20_000


def simple_paths(instance: Instance, request: int) -> list[frozenset[int]]:
    """Every simple path of a request, as the rows of its links."""
    graph = nx.Graph((link.source, link.target, {"row": i}) for i, link in enumerate(instance.links))
    graph.add_nodes_from(node.id for node in instance.nodes)
    ends = instance.requests[request]
    paths = nx.all_simple_edge_paths(graph, ends.source, ends.target)
    return [frozenset(graph.edges[step]["row"] for step in path) for path in paths]


def node_paths(instance: Instance, request: int) -> list[tuple[str, ...]]:
    """Return every simple path of a request over links with a probability, as nodes."""
    ends = instance.requests[request]
    paths = []
    for links in simple_paths(instance, request):
        if any(instance.probabilities[e] == 0 for e in links):
            continue
        nodes, rest = [ends.source], set(links)
        while rest:
            here = next(e for e in rest if nodes[-1] in instance.links[e].ends)
            rest.remove(here)
            u, v = instance.links[here].ends
            nodes.append(v if nodes[-1] == u else u)
        paths.append(tuple(nodes))
    return paths


def most_link_connections(instance: Instance, weights: Sequence[float] | None = None) -> float:
    """Largest (weighted) number of connections whose attempts fit channels and memories.

    A link with load F makes ceil(F (1 - 1e-9) / p) attempts, in exact fractions: p counts as a fraction F / x
    from 1e-9 below it on. Rejects the drawn example when the search is long.
    """
    links = instance.links
    p = [Fraction(value) for value in instance.probabilities.tolist()]
    almost = 1 - Fraction(1, 10**9)

    def fits(loads: Loads) -> bool:
        if any(n and p[e] == 0 for e, n in enumerate(loads)):
            return False
        attempts = [ceil(n * almost / p[e]) if n else 0 for e, n in enumerate(loads)]
        if any(x > link.channels for x, link in zip(attempts, links, strict=True)):
            return False
        used = {node.id: 0 for node in instance.nodes}
        for x, link in zip(attempts, links, strict=True):
            used[link.source] += x
            used[link.target] += x
        return all(used[node.id] <= node.memory for node in instance.nodes)

    return _most(instance, fits, weights)


def most_path_connections(instance: Instance, weights: Sequence[float] | None = None) -> float:
    """Largest (weighted) number of connections over the entangled pairs; rejects when the search is long."""
    pairs = [link.entangled_pairs or 0 for link in instance.links]
    return _most(instance, lambda loads: all(n <= e for n, e in zip(loads, pairs, strict=True)), weights)


def _most(instance: Instance, fits: Callable[[Loads], bool], weights: Sequence[float] | None) -> float:
    """Try every multiset of simple paths, one path after the other, each once more or never again."""
    none = (0,) * len(instance.links)
    fits = cache(fits)
    turns = [
        (request, path)
        for request in range(len(instance.requests))
        for path in simple_paths(instance, request)
        if fits(tuple(int(e in path) for e in range(len(none))))
    ]
    weight = [1.0] * len(instance.requests) if weights is None else list(weights)
    demand = [r.demand for r in instance.requests]
    states = 0

    @cache
    def best(turn: int, served: int, loads: Loads) -> float:
        nonlocal states
        states += 1
        if states > MOST_STATES:
            reject()
        if turn == len(turns):
            return 0.0
        request, path = turns[turn]
        last = turn + 1 == len(turns) or turns[turn + 1][0] != request
        most = best(turn + 1, 0 if last else served, loads)
        wanted = demand[request]
        more = tuple(n + (e in path) for e, n in enumerate(loads))
        if (wanted is None or served < wanted) and fits(more):
            most = max(most, weight[request] + best(turn, served + 1, more))
        return most

    return best(0, 0, none)


def relaxed_link_connections(instance: Instance) -> float:
    """Optimum of the relaxed link ILP, its attempts eliminated: x_e = F_e / p_e.

    max sum t, conservation, F_e <= p_e c_e, sum of F_e / p_e over the links at u <= m_u.
    """
    p, c = instance.probabilities, instance.channels
    usable = (p > 1e-12) & (c > 0)  # 1 / p must stay a number that a solver takes
    price = np.where(usable, 1.0 / np.where(usable, p, 1.0), 0.0)
    at_node = np.zeros((len(instance.nodes), len(instance.links)))
    for e, ends in enumerate(instance.ends):
        at_node[ends, e] = price[e]
    return _most_flow(instance, np.where(usable, p * c, 0.0), at_node, instance.memories.astype(float))


def relaxed_path_connections(instance: Instance) -> float:
    """Optimum of the relaxed path ILP: F_e <= entangled pairs, t <= demand."""
    pairs = np.array([link.entangled_pairs for link in instance.links], dtype=float)
    return _most_flow(instance, pairs, np.zeros((0, len(pairs))), np.zeros(0))


def _most_flow(instance: Instance, capacity: Floats, rows: Floats, limits: Floats) -> float:
    """Maximise the connections over dense arrays; columns: t, then (request, direction, link)."""
    requests, links, nodes = len(instance.requests), len(instance.links), len(instance.nodes)
    if requests == 0:
        return 0.0
    columns = requests + requests * 2 * links
    conserve = np.zeros((requests * nodes, columns))
    load = np.zeros((links, columns))
    for r, request in enumerate(instance.requests):
        conserve[r * nodes + instance.node_row[request.source], r] = -1
        conserve[r * nodes + instance.node_row[request.target], r] = 1
        for e, (u, v) in enumerate(instance.ends.tolist()):
            there = requests + r * 2 * links + e
            for column, tail, head in ((there, u, v), (there + links, v, u)):
                conserve[r * nodes + tail, column] = 1
                conserve[r * nodes + head, column] = -1
                load[e, column] = 1
    cost = np.zeros(columns)
    cost[:requests] = -1
    demands = [(0, request.demand) for request in instance.requests]
    found = linprog(
        cost,
        A_ub=np.vstack([load, rows @ load]),
        b_ub=np.concatenate([capacity, limits]),
        A_eq=conserve,
        b_eq=np.zeros(len(conserve)),
        bounds=demands + [(0, None)] * (columns - requests),
    )
    assert found.status == 0, found.message
    return -float(found.fun)
