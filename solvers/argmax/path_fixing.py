"""Narrowing: drop the paths that no better action takes, before the MILP is built."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from milproute.formulations.action_sets.layered_graph import all_walks
from milproute.formulations.relu.bounds import enclosed, upper_line
from milproute.formulations.relu.scaling import Scaling
from milproute.instances.tolerances import SOLVER_NOISE
from milproute.solvers.argmax.colgen.column_pool import first_pool
from milproute.solvers.argmax.local_search import routes_of, search_from_many

if TYPE_CHECKING:
    from collections.abc import Sequence

    from milproute.formulations import Route
    from milproute.formulations.relu.bounds import Bounds
    from milproute.instances.arrays import Floats, Integers
    from milproute.solvers.argmax.problem import ArgmaxProblem

# Another round pays while it drops at least this share of the paths.
WORTHWHILE = 0.05


@dataclass(frozen=True, slots=True)
class Narrowed:
    """What is left of a problem.

    Parameters
    ----------
    problem : over the paths that are kept.
    bounds : of its neurons over these paths.
    rows : rows of the kept paths in the problem before, None where paths are not listed.
    start : rows, among the kept paths, of the best action that a local search found.
    known : Q of the best action known before solving, at least that of the empty one.
    routes : the paths of that action.
    """

    problem: ArgmaxProblem
    bounds: Bounds
    known: float
    rows: Integers | None = None
    start: list[int] | None = None
    routes: Sequence[Route] = ()

    def scaled(self) -> Narrowed:
        """Return the same in units in which bounds of neurons lie in [-1, 1] and Q is about 1."""
        scaling = Scaling.of(self.bounds, known=self.known)
        return replace(
            self,
            problem=self.problem.scaled(scaling),
            bounds=scaling.bounds(self.bounds),
            known=self.known / scaling.output,
        )


def narrow(problem: ArgmaxProblem) -> Narrowed:
    """Search an incumbent, bound the neurons, drop paths that cannot be in a better action; repeat.

    The neuron bounds give a linear ceiling of Q over the actions. With path p in place of the best path of
    its request, the ceiling falls by the difference of the two; where it falls below the incumbent, p is in
    no better action. Fewer paths give tighter bounds, which drop more paths. The best action stays: the
    incumbent's paths are kept. Like reduced-cost fixing, but before any LP and for the neurons too.
    Where paths are not listed, a search over some of them finds an action that can refute the solver.
    """
    if problem.listed is None:
        with problem.clock.phase("bounds"):
            bounds = problem.bounds()
        with problem.clock.phase("search"):
            pool = first_pool(problem, all_walks(problem.rules), bounds)
        return Narrowed(problem, bounds, pool.known, routes=routes_of(pool.table.candidates, pool.chosen))
    with problem.clock.phase("search"):
        chosen, incumbent = search_from_many(problem.table())
    with problem.clock.phase("bounds"):
        return _narrowed(problem, chosen, incumbent)


def _narrowed(problem: ArgmaxProblem, chosen: list[int], incumbent: float) -> Narrowed:
    candidates = problem.table().candidates
    rows, bounds, routes = np.arange(len(candidates)), problem.bounds(), routes_of(candidates, chosen)
    if problem.options.bounds not in ("path", "obbt"):
        return Narrowed(problem, bounds, incumbent, rows, chosen, routes)
    while len(rows):
        keep = _ceilings(problem, bounds) >= incumbent - SOLVER_NOISE * max(1.0, abs(incumbent))
        keep[chosen] = True
        if keep.mean() > 1 - WORTHWHILE:
            break
        kept = np.flatnonzero(keep)
        rows, chosen = rows[kept], np.searchsorted(kept, chosen).tolist()
        problem = problem.keeping(kept)
        bounds = bounds.intersect(problem.bounds())
    return Narrowed(problem, bounds, incumbent, rows, chosen, routes)


def _ceilings(problem: ArgmaxProblem, bounds: Bounds) -> Floats:
    """Bound Q over the actions that take each listed path, shape (paths,)."""
    table = problem.table()
    net = problem.net.of_first_sums()
    (weights, *_), constant = upper_line(net, enclosed(net, bounds, len(net.hidden)))
    values = table.first @ weights
    requests, starts = np.unique(table.candidates.request, return_index=True)
    best = np.maximum(np.maximum.reduceat(values, starts), 0.0)
    total = constant + float(problem.rules.copies[requests] @ best)
    own: Floats = total - best[np.searchsorted(requests, table.candidates.request)] + values
    return own
