"""K best paths: those with the largest sums of arc values, by extension with exact cost-to-go bounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from milproute.formulations.action_sets.candidate_paths import Candidates
from milproute.formulations.action_sets.path_growth import concatenated, grow_paths

if TYPE_CHECKING:
    from milproute.formulations.action_sets.layered_graph import LayeredGraph
    from milproute.instances.arrays import Floats, Rows


@dataclass(frozen=True, slots=True)
class BestPaths:
    """Paths worth more than a cutoff, and what the others are worth at most.

    Parameters
    ----------
    request, nodes, links : as in `Candidates`.
    values : sum of the arc values along each path.
    bounds : of each request, an upper bound on the value of every path that is not here, shape
        (requests,); at most the cutoff where the search was complete.
    """

    request: Rows
    nodes: Rows
    links: Rows
    values: Floats
    bounds: Floats

    def __len__(self) -> int:
        return len(self.request)

    @property
    def largest(self) -> Floats:
        """Upper bound on the value of every path of each request, found or not, shape (requests,)."""
        found = self.bounds.copy()
        np.maximum.at(found, self.request, self.values)
        return found

    def first(self, count: int) -> BestPaths:
        """Return the ``count`` best paths of each request; the bounds are those of the search."""
        order = np.lexsort((-self.values, self.request))
        rank = np.arange(len(order)) - np.searchsorted(self.request[order], self.request[order])
        rows = np.sort(order[rank < count])
        return BestPaths(
            self.request[rows], self.nodes[rows], self.links[rows], self.values[rows], self.bounds
        )


def best_paths(graph: LayeredGraph, values: Floats, cutoffs: Floats, most: int) -> BestPaths:
    """Find simple paths whose sum of arc values is above a cutoff, the best if they are too many.

    Paths grow by one step at a time. What one is worth so far, plus the best walk on from its end, bounds
    what it can become: it is dropped where that is not above the cutoff. At most ``most`` unfinished paths
    a request and step are kept, the most promising ones; the best promise that is given up is kept as a
    bound. Hop limit, fidelity and simplicity are those of `list_candidates`.

    Parameters
    ----------
    values : of each arc, shape (arcs,).
    cutoffs : of each request, shape (requests,); -inf lists all.
    most : unfinished paths kept of each request and step.
    """
    to_go = [step[:, 0] for step in graph.cost_to_go(values[:, None])]
    bounds = cutoffs.astype(float).copy()
    parts = []
    for request in np.unique(graph.request).tolist():
        for found, bounds[request] in grow_paths(graph, request, values, to_go, cutoffs[request], most):
            parts.append(found)
    return BestPaths(*concatenated(parts, graph.hops), bounds)


def paths_above(graph: LayeredGraph, values: Floats, cutoffs: Floats, most: int) -> BestPaths | None:
    """List the simple paths worth more than a cutoff, see `best_paths`; None if more than ``most`` are."""
    to_go = [step[:, 0] for step in graph.cost_to_go(values[:, None])]
    parts = []
    left = most
    for request in np.unique(graph.request).tolist():
        for found, bound in grow_paths(graph, request, values, to_go, cutoffs[request], max(1, left)):
            parts.append(found)
            left -= len(found[0])
            if left < 0 or bound > cutoffs[request]:
                return None
    return BestPaths(*concatenated(parts, graph.hops), cutoffs.astype(float))


def joined(graph: LayeredGraph, *sets: Candidates | BestPaths) -> Candidates:
    """Return the paths of all sets, each once, in the order of `Candidates`."""
    width = graph.hops
    keys = [np.zeros((0, 2 * width + 3), dtype=np.int64)]
    for paths in sets:
        nodes, links = (
            np.pad(rows, ((0, 0), (0, most - rows.shape[1])), constant_values=-1)
            for rows, most in ((paths.nodes, width + 1), (paths.links, width))
        )
        keys.append(np.column_stack([paths.request, (links >= 0).sum(axis=1), nodes, links]))
    rows = np.unique(np.concatenate(keys), axis=0)
    return Candidates(graph.rules, rows[:, 0], rows[:, 2 : width + 3], rows[:, width + 3 :])
