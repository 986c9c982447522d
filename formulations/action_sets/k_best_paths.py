"""Best paths: the paths with the largest sums of arc values, grown under the guidance of Bellman-Ford."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from milproute.formulations.action_sets.candidate_paths import Candidates

if TYPE_CHECKING:
    from milproute.formulations.action_sets.layered_graph import Walks
    from milproute.instances.arrays import Floats, Rows


@dataclass(frozen=True, slots=True)
class BestPaths:
    """Paths worth more than a floor, and what the others are worth at most.

    Parameters
    ----------
    request, nodes, links : as in `Candidates`.
    values : sum of the arc values along each path.
    ceilings : of each request, an upper bound on the value of every path that is not here, shape
        (requests,); at most the floor where the search was complete.
    """

    request: Rows
    nodes: Rows
    links: Rows
    values: Floats
    ceilings: Floats

    def __len__(self) -> int:
        return len(self.request)

    @property
    def largest(self) -> Floats:
        """Upper bound on the value of every path of each request, found or not, shape (requests,)."""
        found = self.ceilings.copy()
        np.maximum.at(found, self.request, self.values)
        return found

    def first(self, count: int) -> BestPaths:
        """Return the ``count`` best paths of each request; the ceilings are those of the search."""
        order = np.lexsort((-self.values, self.request))
        rank = np.arange(len(order)) - np.searchsorted(self.request[order], self.request[order])
        rows = np.sort(order[rank < count])
        return BestPaths(
            self.request[rows], self.nodes[rows], self.links[rows], self.values[rows], self.ceilings
        )


def best_paths(walks: Walks, values: Floats, floors: Floats, most: int) -> BestPaths:
    """Find simple paths whose sum of arc values is above a floor, the best if they are too many.

    Paths grow by one step at a time. What one is worth so far, plus the best walk on from its end, bounds
    what it can become: it is dropped where that is not above the floor. At most ``most`` unfinished paths
    a request and step are kept, the most promising ones; the bound of the best one dropped is the ceiling.
    Hop limit, fidelity and simplicity are those of `list_candidates`.

    Parameters
    ----------
    values : of each arc, shape (arcs,).
    floors : of each request, shape (requests,); -inf lists all.
    most : unfinished paths kept of each request and step.
    """
    to_go = [step[:, 0] for step in walks.completions(values[:, None])]
    ceilings = floors.astype(float).copy()
    parts = []
    for request in np.unique(walks.request).tolist():
        found, ceilings[request] = _grow(walks, request, values, to_go, floors[request], most)
        parts.extend(found)
    return _together(walks, parts, ceilings)


def paths_above(walks: Walks, values: Floats, floors: Floats, most: int) -> BestPaths | None:
    """List the simple paths worth more than a floor, see `best_paths`; None if more than ``most`` are."""
    to_go = [step[:, 0] for step in walks.completions(values[:, None])]
    parts = []
    left = most
    for request in np.unique(walks.request).tolist():
        found, ceiling = _grow(walks, request, values, to_go, floors[request], max(1, left))
        parts.extend(found)
        left -= sum(len(worth) for *_, worth in found)
        if left < 0 or ceiling > floors[request]:
            return None
    return _together(walks, parts, floors.astype(float))


def _grow(
    walks: Walks, request: int, values: Floats, to_go: list[Floats], floor: float, most: int
) -> tuple[list[tuple[Rows, Rows, Rows, Floats]], float]:
    """Return (request, nodes, links, values) of the paths of one request by length, and its ceiling."""
    rules, order = walks.rules, walks.by_tail[0]
    weights, budget = rules.fidelity_weights, rules.fidelity_budget(request)
    tails = walks.states[0][order]
    first = request * len(rules.instance.nodes)
    source, target = (int(states[request]) - first for states in walks.ends)
    nodes, links = np.array([[source]]), np.zeros((1, 0), dtype=np.int64)
    worth, lost = np.zeros(1), np.zeros(1)
    found, ceiling = [], floor
    for step, alive in enumerate(walks.alive):
        begin, end = (np.searchsorted(tails, first + nodes[:, -1], side) for side in ("left", "right"))
        degree = end - begin
        parent = np.repeat(np.arange(len(nodes)), degree)
        arc = order[np.arange(degree.sum()) + np.repeat(begin - (np.cumsum(degree) - degree), degree)]
        promise = worth[parent] + values[arc] + to_go[step + 1][first + walks.head[arc]]
        left = lost[parent] + weights[walks.link[arc]]
        keep = np.flatnonzero(alive[arc] & (promise > floor) & (left <= budget))
        keep = keep[(nodes[parent[keep]] != walks.head[arc[keep], None]).all(axis=1)]
        if len(keep) > most:
            ranked = keep[np.argsort(-promise[keep], kind="stable")]
            ceiling = max(ceiling, float(promise[ranked[most]]))
            keep = np.sort(ranked[:most])
        parent, arc, lost = parent[keep], arc[keep], left[keep]
        worth = worth[parent] + values[arc]
        nodes = np.column_stack([nodes[parent], walks.head[arc]])
        links = np.column_stack([links[parent], walks.link[arc]])
        there = nodes[:, -1] == target
        padding = ((0, 0), (0, walks.hops - step - 1))
        padded = (np.pad(rows[there], padding, constant_values=-1) for rows in (nodes, links))
        found.append((np.full(there.sum(), request), *padded, worth[there]))
        nodes, links, worth, lost = nodes[~there], links[~there], worth[~there], lost[~there]
    return found, ceiling


def _together(walks: Walks, parts: list[tuple[Rows, Rows, Rows, Floats]], ceilings: Floats) -> BestPaths:
    width = walks.hops
    none = (np.zeros(0, np.int64), np.zeros((0, width + 1), np.int64), np.zeros((0, width), np.int64))
    columns = zip((*none, np.zeros(0)), *parts, strict=True)
    request, nodes, links, worth = (np.concatenate(column) for column in columns)
    return BestPaths(request, nodes, links, worth, ceilings)


def joined(walks: Walks, *sets: Candidates | BestPaths) -> Candidates:
    """Return the paths of all sets, each once, in the order of `Candidates`."""
    width = walks.hops
    keys = [np.zeros((0, 2 * width + 3), dtype=np.int64)]
    for paths in sets:
        nodes, links = (
            np.pad(rows, ((0, 0), (0, most - rows.shape[1])), constant_values=-1)
            for rows, most in ((paths.nodes, width + 1), (paths.links, width))
        )
        keys.append(np.column_stack([paths.request, (links >= 0).sum(axis=1), nodes, links]))
    rows = np.unique(np.concatenate(keys), axis=0)
    return Candidates(walks.rules, rows[:, 0], rows[:, 2 : width + 3], rows[:, width + 3 :])
