"""Column pool: the paths that column generation knows, with the best action over them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from milproute.formulations.action_sets.k_best_paths import best_paths, joined
from milproute.instances.tolerances import SOLVER_NOISE
from milproute.solvers.argmax.local_search import local_search, search_from_many

if TYPE_CHECKING:
    from milproute.formulations.action_sets import Candidates
    from milproute.formulations.action_sets.k_best_paths import BestPaths
    from milproute.formulations.action_sets.layered_graph import LayeredGraph
    from milproute.formulations.relu.bounds import Bounds
    from milproute.instances.arrays import Floats
    from milproute.solvers.argmax.path_columns import PathColumns
    from milproute.solvers.argmax.problem import ArgmaxProblem


FIRST = 50  # paths of each request to begin with
NEW = 30  # paths of each request that are added at once


class ColumnPool:
    """Paths and the best action over them that was found.

    Parameters
    ----------
    problem : a problem whose paths are not listed.
    paths : the first paths.
    """

    def __init__(self, problem: ArgmaxProblem, paths: Candidates) -> None:
        self.problem = problem
        self.columns = problem.columns_of(paths)
        self.chosen, self.known = search_from_many(self.columns)

    def __len__(self) -> int:
        return len(self.columns)

    @property
    def incumbent(self) -> Candidates:
        """The paths of the best action known."""
        return self.columns.candidates.take(sorted(set(self.chosen)))

    def within(self, graph: LayeredGraph) -> PathColumns:
        """Return the paths that are walks of a layered graph."""
        return self.columns.take(np.flatnonzero(graph.contains(self.columns.candidates)))

    def add(self, graph: LayeredGraph, found: BestPaths) -> bool:
        """Add the paths that are new; False where there is none."""
        old = self.columns.candidates
        new = joined(graph, old, found)
        if len(new) == len(old):
            return False
        self.chosen = [_row(new, old, p) for p in self.chosen]
        self.columns = self.problem.columns_of(new)
        return True

    def improve(self) -> bool:
        """Search locally from the best action known; say whether there is a better one."""
        chosen, q = local_search(self.columns, self.chosen)
        better = q > self.known + SOLVER_NOISE * max(1.0, abs(self.known))
        if better:
            self.chosen, self.known = chosen, q
        return better


def _row(new: Candidates, old: Candidates, path: int) -> int:
    width = old.links.shape[1]
    same = (new.request == old.request[path]) & (new.links[:, :width] == old.links[path]).all(axis=1)
    return int(np.flatnonzero(same & (new.links[:, width:] < 0).all(axis=1))[0])


def first_pool(problem: ArgmaxProblem, graph: LayeredGraph, bounds: Bounds) -> ColumnPool:
    """Return initial columns: paths with the largest values in the linear upper bound, and the shortest.

    Columns along the gradient of Q at the incumbent follow, as long as that improves the incumbent.
    """
    none = np.full(len(problem.rules.copies), -np.inf)
    support = problem.walk_support(graph)
    likely = best_paths(graph, problem.linear_upper_bound(support, bounds).values, none, FIRST)
    short = best_paths(graph, -np.ones(len(graph)), none, FIRST)
    pool = ColumnPool(problem, joined(graph, likely.first(FIRST), short.first(FIRST)))
    while pool.add(graph, best_paths(graph, support.features @ _gradient(pool), none, FIRST).first(NEW)):
        if not pool.improve():
            break
    return pool


def _gradient(pool: ColumnPool) -> Floats:
    """Return the gradient of Q in the first-layer sums at the best action known."""
    net = pool.columns.net
    values = net.preactivations_of_sums(pool.columns.sums(pool.chosen)[None])
    gradient = np.ones(1)
    for weight, value in zip(net.weights[:0:-1], values[-2::-1], strict=True):
        gradient = (gradient @ weight) * (value[0] > 0)
    return gradient
