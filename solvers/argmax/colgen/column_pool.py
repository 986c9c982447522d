"""Pool: the paths that pricing knows, with the best action over them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from milproute.formulations.action_sets import Candidates
from milproute.formulations.action_sets.k_best_paths import best_paths, joined
from milproute.instances.tolerances import SOLVER_NOISE
from milproute.solvers.argmax.colgen.arc_bounds import line_ceiling, walk_sums
from milproute.solvers.argmax.local_search import Table, local_search, search_from_many

if TYPE_CHECKING:
    from milproute.formulations.action_sets.k_best_paths import BestPaths
    from milproute.formulations.action_sets.layered_graph import Walks
    from milproute.formulations.relu.bounds import Bounds
    from milproute.instances.arrays import Floats
    from milproute.solvers.argmax.problem import ArgmaxProblem


FIRST = 50  # paths of each request to begin with
NEW = 30  # paths of each request that are added at once


class Pool:
    """Paths and the best action over them that was found.

    Parameters
    ----------
    problem : whose paths are not listed.
    paths : to begin with.
    """

    def __init__(self, problem: ArgmaxProblem, paths: Candidates) -> None:
        self.problem = problem
        self.table = self._table(paths)
        self.chosen, self.known = search_from_many(self.table)

    def __len__(self) -> int:
        return len(self.table.candidates)

    def _table(self, paths: Candidates) -> Table:
        problem = self.problem
        features = paths.features(problem.qnet.inputs)[:, problem.positions]
        return Table(paths, features @ problem.net.weights[0].T, problem.net)

    @property
    def incumbent(self) -> Candidates:
        """The paths of the best action known."""
        paths, rows = self.table.candidates, sorted(set(self.chosen))
        return Candidates(paths.rules, paths.request[rows], paths.nodes[rows], paths.links[rows])

    def within(self, walks: Walks) -> tuple[Candidates, Floats]:
        """Return the paths that are among ``walks``, and their first-layer sums."""
        paths = self.table.candidates
        rows = np.flatnonzero(walks.holds(paths))
        kept = Candidates(paths.rules, paths.request[rows], paths.nodes[rows], paths.links[rows])
        return kept, self.table.first[rows]

    def add(self, walks: Walks, found: BestPaths) -> bool:
        """Take new paths in; False where there is none."""
        old = self.table.candidates
        new = joined(walks, old, found)
        if len(new) == len(old):
            return False
        self.chosen = [_row(new, old, p) for p in self.chosen]
        self.table = self._table(new)
        return True

    def improve(self) -> bool:
        """Search locally from the best action known; say whether there is a better one."""
        chosen, q = local_search(self.table, self.chosen)
        better = q > self.known + SOLVER_NOISE * max(1.0, abs(self.known))
        if better:
            self.chosen, self.known = chosen, q
        return better


def _row(new: Candidates, old: Candidates, path: int) -> int:
    width = old.links.shape[1]
    same = (new.request == old.request[path]) & (new.links[:, :width] == old.links[path]).all(axis=1)
    return int(np.flatnonzero(same & (new.links[:, width:] < 0).all(axis=1))[0])


def first_pool(problem: ArgmaxProblem, walks: Walks, bounds: Bounds) -> Pool:
    """Begin with the paths that the ceiling likes best and the shortest ones, then follow the gradient."""
    none = np.full(len(problem.rules.copies), -np.inf)
    sums = walk_sums(problem, walks)
    likely = best_paths(walks, line_ceiling(problem, sums, bounds).values, none, FIRST)
    short = best_paths(walks, -np.ones(len(walks)), none, FIRST)
    pool = Pool(problem, joined(walks, likely.first(FIRST), short.first(FIRST)))
    while pool.add(walks, best_paths(walks, sums.first @ _gradient(pool), none, FIRST).first(NEW)):
        if not pool.improve():
            break
    return pool


def _gradient(pool: Pool) -> Floats:
    """Return the slope of Q in the first-layer sums at the best action known."""
    net = pool.problem.net.of_first_sums()
    values = net.preactivations(pool.table.first[pool.chosen].sum(axis=0)[None])
    slope = np.ones(1)
    for weight, value in zip(net.weights[:0:-1], values[-2::-1], strict=True):
        slope = (slope @ weight) * (value[0] > 0)
    return slope
