"""Pricing: find the paths that a better action may take, where all paths are too many to list.

A linear relaxation over few paths prices all the others, and proves a ceiling of Q over all actions. A path
whose ceiling falls below a known Q is in no better action; what is left is listed, and the listed paths are
an argmax like any other. Where too many are left, the relaxation is split by the sign of a neuron.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, replace
from itertools import count
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from milproute.formulations.action_sets.k_best_paths import joined, paths_above
from milproute.formulations.action_sets.layered_graph import all_walks
from milproute.formulations.relu.bounds import crown_bounds, interval_bounds
from milproute.instances.plan import relative_gap
from milproute.instances.tolerances import OPTIMALITY, SOLVER_NOISE
from milproute.solvers.argmax.colgen.arc_bounds import walk_sums
from milproute.solvers.argmax.colgen.column_pool import Pool, first_pool
from milproute.solvers.argmax.colgen.subproblem import Part, Priced, Pricer
from milproute.solvers.argmax.problem import ArgmaxProblem, list_paths
from milproute.solvers.interface import Watch
from milproute.solvers.results import TracePoint

if TYPE_CHECKING:
    from milproute.formulations.action_sets import Candidates
    from milproute.formulations.action_sets.k_best_paths import BestPaths
    from milproute.formulations.action_sets.layered_graph import Walks
    from milproute.formulations.relu.bounds import Bounds
    from milproute.solvers.interface import Backend
    from milproute.solvers.pipeline import Outcome
    from milproute.solvers.results import SolveOptions

SHARE = 0.7  # of the time limit that pricing may take; the rest is for the listed paths
LEAF = 10_000  # paths up to which a part is listed rather than split


@dataclass(frozen=True, slots=True)
class Listing:
    """The paths that pricing listed.

    Parameters
    ----------
    problem : over the listed paths.
    rest : proven bound on Q of the actions that take other paths; at least the best Q known.
    bound : proven bound on Q of all actions.
    priced, parts : paths in the linear programs; parts that were looked at.
    stopped : why it ended before all paths that matter were listed; empty otherwise.
    """

    problem: ArgmaxProblem
    rest: float
    bound: float
    priced: int
    parts: int
    stopped: str

    def settle(self, outcome: Outcome, gap: float) -> Outcome:
        """Return what was found over the listed paths as a claim about all of them."""
        listed = 0 if self.problem.candidates is None else len(self.problem.candidates)
        why = self.stopped or "no other path is in a better action"
        text = f"{self.priced} paths priced in {self.parts} parts, {listed} listed: {why}"
        text = "; ".join(filter(None, (outcome.message, text)))
        if outcome.bound is None or outcome.status not in ("optimal", "gap_limit", "time_limit"):
            return replace(outcome, message=text)
        best = self.rest if outcome.objective is None else max(self.rest, outcome.objective)
        bound = max(best, min(outcome.bound, self.bound))
        status = outcome.status
        if outcome.objective is not None:
            left = relative_gap(outcome.objective, bound) or 0.0
            closed = min(left, bound - outcome.objective) <= OPTIMALITY
            status = "optimal" if closed else "gap_limit" if left <= gap else "time_limit"
        return replace(outcome, status=status, bound=bound, message=text)


def price(
    problem: ArgmaxProblem, backend: Backend, limits: SolveOptions, watch: Watch | None = None
) -> Listing:
    """List the paths that an action better than any known one may take.

    Best bound first, a part is narrowed and priced; it is dropped where its bound shows no better action,
    listed where that leaves few paths, otherwise split by the sign of the neuron that the relaxation blurs
    most. Every bound holds at any time, so what is left when time is up bounds the actions that were not
    looked at.

    Parameters
    ----------
    problem : of the engine ``price``, whose paths are not listed.
    backend : of the linear programs, which must return their duals.
    limits : pricing takes at most the share `SHARE` of the time limit; no part within ``gap`` is split.
    """
    watch, begin = (watch or Watch()).in_units(problem.unit), perf_counter()
    share = np.inf if limits.time_limit is None else SHARE * limits.time_limit
    pricer = Pricer(backend, begin + share, watch)
    with problem.clock.phase("bounds"):
        every, bounds = walk_bounds(problem)
    with problem.clock.phase("start"):
        pool = first_pool(problem, every, bounds)
    tree = _Tree(pool, Part(bounds.ceiling, every, bounds), limits.gap)
    while tree.top > tree.within(0.0):
        seconds = perf_counter() - begin
        watch.on_point(TracePoint(seconds, tree.parts, pool.known, max(tree.top, tree.closed, tree.listed)))
        if pricer.over:
            tree.stopped = "the time for pricing is up"
            break
        tree.look(pricer)
    rest = max(pool.known, tree.closed, tree.top)
    more = [pool.table.candidates] if tree.stopped else []
    listing = _over(problem, joined(every, pool.incumbent, *more, *tree.lists))
    return Listing(
        problem=listing,
        rest=rest * problem.unit,
        bound=max(rest, tree.listed) * problem.unit,
        priced=len(pool),
        parts=tree.parts,
        stopped=tree.stopped,
    )


class _Tree:
    """Parts that are open, the paths listed of others, and what bounds the rest.

    Parameters
    ----------
    pool : paths priced so far and the best action over them.
    root : all actions.
    gap : relative; a part within it is not split.
    """

    def __init__(self, pool: Pool, root: Part, gap: float) -> None:
        self.pool, self.gap = pool, gap
        self.ticket = count()
        self.queue: list[tuple[float, int, Part]] = []
        self.lists: list[BestPaths] = []
        self.closed = self.listed = -np.inf  # largest bound of the parts that were dropped, and listed
        self.parts, self.stopped = 0, ""
        self._push(root)

    @property
    def top(self) -> float:
        """Largest bound of the open parts."""
        return -self.queue[0][0] if self.queue else -np.inf

    def within(self, gap: float) -> float:
        """Return the bound that is a relative gap above the best Q known."""
        known = self.pool.known
        return known + max(gap * abs(known), SOLVER_NOISE * max(1.0, abs(known)))

    def _push(self, part: Part) -> None:
        heapq.heappush(self.queue, (-part.bound, next(self.ticket), part))

    def look(self, pricer: Pricer) -> None:
        """Price the open part with the largest bound; drop it, list its paths or split it."""
        part = heapq.heappop(self.queue)[2]
        self.parts += 1
        with self.pool.problem.clock.phase("price"):
            seen = pricer.look(self.pool, part)
        if seen is None:
            return
        bound, halves = seen.part.bound, seen.halves(self.pool.known)
        if bound <= self.within(0.0):
            self.closed = max(self.closed, bound)
        elif self._lists(seen, LEAF if halves else np.inf):
            self.listed = max(self.listed, bound)
        elif halves and bound > self.within(self.gap):
            for half in halves:
                self._push(half)
        else:
            self.closed = max(self.closed, bound)
            self.stopped = "more paths than max_columns may matter"

    def _lists(self, seen: Priced, most: float) -> bool:
        """List the paths of a part that may be in a better action, if they are few."""
        problem = self.pool.problem
        room = problem.options.max_columns - sum(map(len, self.lists))
        with problem.clock.phase("enumerate"):
            floors = seen.ceiling.floors(self.pool.known)
            few = paths_above(seen.part.walks, seen.ceiling.values, floors, int(min(room, most)))
        if few is not None:
            self.lists.append(few)
        return few is not None


def walk_bounds(problem: ArgmaxProblem) -> tuple[Walks, Bounds]:
    """Return all walks of a problem, and bounds of its neurons over them."""
    walks = all_walks(problem.rules)
    bounds = crown_bounds(problem.net, problem.box, interval_bounds(problem.net, problem.box))
    return walks, crown_bounds(problem.net.of_first_sums(), walk_sums(problem, walks), bounds)


def _over(problem: ArgmaxProblem, paths: Candidates) -> ArgmaxProblem:
    """Return the problem over listed paths, for whichever engine suits it."""
    features = paths.features(problem.qnet.inputs)[:, problem.positions]
    options = replace(problem.options, engine="auto")
    listed = list_paths(paths, features, problem.net)
    return replace(problem, options=options, listed=listed)
