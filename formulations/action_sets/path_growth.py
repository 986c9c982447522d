"""Path growth: simple paths of a request, all extended at once step by step, with exact bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from milproute.formulations.action_sets.layered_graph import LayeredGraph
    from milproute.instances.arrays import Floats, Rows

    Grown = tuple[Rows, Rows, Rows, Floats]  # request, nodes, links, values


def grow_paths(
    graph: LayeredGraph, request: int, values: Floats, to_go: list[Floats], cutoff: float, most: int
) -> Iterator[tuple[Grown, float]]:
    """List the simple paths of a request whose sum of arc values is above a cutoff, by their number of links.

    What a path is worth so far, plus the best walk on from its end, bounds what it can become: it is dropped
    where that is not above the cutoff. At most ``most`` unfinished paths are kept at each step, the most
    promising ones.

    Parameters
    ----------
    values : of each arc, shape (arcs,).
    to_go : `LayeredGraph.cost_to_go` of the values, shape (states,) a step.
    cutoff : -inf lists all paths.

    Yields
    ------
    tuple : (request, nodes, links, values) of the paths of 1, 2, … links, in the order of the nodes.
    float : an upper bound on the value of every path that was given up so far; the cutoff where none was.
    """
    rules, order = graph.rules, graph.by_tail[0]
    weights, budget = rules.fidelity_weights, rules.fidelity_budget(request)
    tails = graph.states[0][order]
    first = request * len(rules.instance.nodes)
    source, target = (int(states[request]) - first for states in graph.ends)
    nodes, links = np.array([[source]]), np.zeros((1, 0), dtype=np.int64)
    worth, lost = np.zeros(1), np.zeros(1)
    given_up = cutoff
    for step, admissible in enumerate(graph.admissible):
        begin, end = (np.searchsorted(tails, first + nodes[:, -1], side) for side in ("left", "right"))
        degree = end - begin
        parent = np.repeat(np.arange(len(nodes)), degree)
        arc = order[np.arange(degree.sum()) + np.repeat(begin - (np.cumsum(degree) - degree), degree)]
        promise = worth[parent] + values[arc] + to_go[step + 1][first + graph.head[arc]]
        left = lost[parent] + weights[graph.link[arc]]
        keep = np.flatnonzero(admissible[arc] & (promise > cutoff) & (left <= budget))
        keep = keep[(nodes[parent[keep]] != graph.head[arc[keep], None]).all(axis=1)]
        if len(keep) > most:
            ranked = keep[np.argsort(-promise[keep], kind="stable")]
            given_up = max(given_up, float(promise[ranked[most]]))
            keep = np.sort(ranked[:most])
        parent, arc, lost = parent[keep], arc[keep], left[keep]
        worth = worth[parent] + values[arc]
        nodes = np.column_stack([nodes[parent], graph.head[arc]])
        links = np.column_stack([links[parent], graph.link[arc]])
        there = nodes[:, -1] == target
        padding = ((0, 0), (0, graph.hops - step - 1))
        padded = (np.pad(rows[there], padding, constant_values=-1) for rows in (nodes, links))
        yield (np.full(there.sum(), request), *padded, worth[there]), given_up
        nodes, links, worth, lost = nodes[~there], links[~there], worth[~there], lost[~there]
        if not len(nodes):
            break


def concatenated(parts: Sequence[Grown], hops: int) -> Grown:
    """Join what was found for several requests."""
    none = (np.zeros(0, np.int64), np.zeros((0, hops + 1), np.int64), np.zeros((0, hops), np.int64))
    columns = zip((*none, np.zeros(0)), *parts, strict=True)
    request, nodes, links, values = (np.concatenate(column) for column in columns)
    return request, nodes, links, values
