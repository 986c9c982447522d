"""Path fixing: paths whose upper bound is below the incumbent are dropped before a MILP is built.

It is reduced-cost fixing, with the linear upper bound of CROWN in place of the duals of a linear program.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from milproute.formulations.relu.scaling import Scaling
from milproute.instances.tolerances import SOLVER_NOISE
from milproute.solvers.argmax.local_search import search_from_many

if TYPE_CHECKING:
    from collections.abc import Sequence

    from milproute.formulations import Route
    from milproute.formulations.relu.bounds import Bounds
    from milproute.instances.arrays import Floats, Integers
    from milproute.solvers.argmax.path_columns import PathColumns
    from milproute.solvers.argmax.problem import ArgmaxProblem

# Another round pays while it drops at least this share of the paths.
WORTHWHILE = 0.05


@dataclass(frozen=True, slots=True)
class ReducedProblem:
    """What is left of an argmax problem, with what is known of its optimum.

    Parameters
    ----------
    problem : the problem over the paths that are kept.
    bounds : bounds of its neurons over these paths.
    known : Q of the best action that is known, at least that of the empty one.
    routes : the paths of that action.
    rows : rows of the kept paths in the problem before; None where paths are not listed.
    start : rows of the action among the kept paths; None where paths are not listed.
    """

    problem: ArgmaxProblem
    bounds: Bounds
    known: float
    routes: Sequence[Route] = ()
    rows: Integers | None = None
    start: list[int] | None = None

    def scaled(self) -> ReducedProblem:
        """Return the same in units in which bounds of neurons lie in [-1, 1] and Q is about 1."""
        scaling = Scaling.of(self.bounds, known=self.known)
        return replace(
            self,
            problem=self.problem.scaled(scaling),
            bounds=scaling.bounds(self.bounds),
            known=self.known / scaling.output,
        )


def fix_paths(problem: ArgmaxProblem) -> ReducedProblem:
    """Search an incumbent, bound the neurons, drop paths that are in no better action; repeat.

    The neuron bounds give a linear upper bound of Q over the actions. With path p in place of the best path
    of its request, the bound falls by the difference of the two; where it falls below the incumbent, p is in
    no better action. Fewer paths give tighter bounds, which drop more paths. The optimum stays: paths of the
    incumbent are kept.

    Parameters
    ----------
    problem : a problem whose paths are listed.
    """
    columns = problem.listed()
    with problem.clock.phase("search"):
        chosen, known = search_from_many(columns)
    with problem.clock.phase("bounds"):
        rows, bounds, routes = np.arange(len(columns)), problem.bounds(), columns.routes(chosen)
        while len(rows) and problem.options.bounds in ("path", "obbt"):
            keep = _bounds_with_path(problem, columns, bounds) >= known - SOLVER_NOISE * max(1.0, abs(known))
            keep[chosen] = True
            if keep.mean() > 1 - WORTHWHILE:
                break
            kept = np.flatnonzero(keep)
            rows, chosen = rows[kept], np.searchsorted(kept, chosen).tolist()
            columns = columns.take(kept)
            problem = problem.over(columns)
            bounds = bounds.intersect(problem.bounds())
    return ReducedProblem(problem, bounds, known, routes, rows, chosen)


def _bounds_with_path(problem: ArgmaxProblem, columns: PathColumns, bounds: Bounds) -> Floats:
    """Bound Q over the actions that take each listed path, shape (paths,)."""
    upper = problem.linear_upper_bound(columns.support, bounds)
    return upper.with_element(columns.support.group)
