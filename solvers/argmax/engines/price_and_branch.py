"""Price and branch: column generation finds the paths that a better action may take, where all are too many.

A linear relaxation over few paths prices all the others, and proves an upper bound of Q over all actions. A
path whose own bound falls below a known Q is in no better action; what is left is listed, and the listed
paths are an argmax like any other, which the engines after this one solve. Where too many are left, the
relaxation is split by the sign of a neuron.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, replace
from itertools import count
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from milproute.formulations.action_sets.k_best_paths import joined, paths_above
from milproute.instances.plan import relative_gap
from milproute.instances.tolerances import OPTIMALITY, SOLVER_NOISE
from milproute.solvers.argmax.colgen.column_pool import first_pool
from milproute.solvers.argmax.colgen.subproblem import Node, Pricing
from milproute.solvers.argmax.engines.interface import EngineResult, Handover
from milproute.solvers.interface import Watch
from milproute.solvers.results import TracePoint

if TYPE_CHECKING:
    from milproute.formulations.action_sets.k_best_paths import BestPaths
    from milproute.solvers.argmax.colgen.column_pool import ColumnPool
    from milproute.solvers.argmax.colgen.subproblem import PricedNode
    from milproute.solvers.argmax.engines.interface import EngineInput
    from milproute.solvers.argmax.problem import ArgmaxProblem
    from milproute.solvers.interface import Backend
    from milproute.solvers.pipeline import Outcome
    from milproute.solvers.results import SolveOptions

NAME = "price"
LISTS_PATHS = False
SHARE = 0.7  # of the time limit that pricing may take; the rest is for the listed paths
LEAF = 10_000  # paths up to which a node is listed rather than split


def suits(problem: ArgmaxProblem) -> bool:
    """Say whether paths are the columns of the problem but are not listed."""
    return problem.columns is None and problem.options.actions == "columns"


def reason(problem: ArgmaxProblem) -> str:
    """Say why paths are priced."""
    return f"more than {problem.options.max_columns} paths; those are listed that a better action may take"


def solve(given: EngineInput) -> Handover:
    """Find the paths that matter, and hand the problem over them to the engines below."""
    listing = price(given.problem, given.backend, given.limits, given.watch)

    def conclude(found: EngineResult) -> EngineResult:
        outcome = listing.conclude(found.outcome, given.limits.gap)
        return EngineResult(outcome, NAME, found.bounds)

    return Handover(replace(given, problem=listing.problem, hand_over=True), conclude)


@dataclass(frozen=True, slots=True)
class ListedColumns:
    """The paths that column generation listed.

    Parameters
    ----------
    problem : the problem over the listed paths.
    rest : proven bound on Q of the actions that take other paths; at least the best Q known.
    bound : proven bound on Q of all actions.
    priced, nodes : number of paths in the linear programs, and of nodes that were processed.
    stopped : why it ended before all paths that matter were listed; empty otherwise.
    """

    problem: ArgmaxProblem
    rest: float
    bound: float
    priced: int
    nodes: int
    stopped: str

    def conclude(self, outcome: Outcome, gap: float) -> Outcome:
        """Return what was found over the listed paths as a claim about all of them."""
        why = self.stopped or "no other path is in a better action"
        listed = len(self.problem.listed())
        text = f"{self.priced} paths priced in {self.nodes} nodes, {listed} listed: {why}"
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
) -> ListedColumns:
    """List the paths that an action better than any known one may take.

    Best bound first, a node is bounded and priced; it is dropped where its bound shows no better action,
    listed where that leaves few paths, otherwise split by the sign of the neuron with the largest relaxation
    gap. Every bound holds at any time, so what is left when time is up bounds the actions that were not
    processed.

    Parameters
    ----------
    problem : a problem whose paths are not listed.
    backend : the solver of the linear programs, which must return their duals.
    limits : pricing takes at most the share `SHARE` of the time limit; no node within ``gap`` is split.
    watch : callbacks, in the units of the Q-net.
    """
    watch, begin = (watch or Watch()).in_units(problem.unit), perf_counter()
    share = np.inf if limits.time_limit is None else SHARE * limits.time_limit
    pricing = Pricing(backend, begin + share, watch)
    with problem.clock.phase("bounds"):
        graph, bounds = problem.graph, problem.path_bounds()
    with problem.clock.phase("start"):
        pool = first_pool(problem, graph, bounds)
    tree = _Tree(pool, Node(bounds.largest_q, graph, bounds), limits.gap)
    while tree.top > tree.within(0.0):
        seconds = perf_counter() - begin
        watch.on_point(TracePoint(seconds, tree.nodes, pool.known, max(tree.top, tree.closed, tree.listed)))
        if pricing.over:
            tree.stopped = "the time for pricing is up"
            break
        tree.process_best(pricing)
    rest = max(pool.known, tree.closed, tree.top)
    more = [pool.columns.candidates] if tree.stopped else []
    listed = problem.columns_of(joined(graph, pool.incumbent, *more, *tree.lists))
    return ListedColumns(
        problem=problem.over(listed),
        rest=rest * problem.unit,
        bound=max(rest, tree.listed) * problem.unit,
        priced=len(pool),
        nodes=tree.nodes,
        stopped=tree.stopped,
    )


class _Tree:
    """Nodes that are open, the paths listed of others, and what bounds the rest.

    Parameters
    ----------
    pool : paths priced so far and the best action over them.
    root : all actions.
    gap : relative gap; a node within it is not split.
    """

    def __init__(self, pool: ColumnPool, root: Node, gap: float) -> None:
        self.pool, self.gap = pool, gap
        self.ticket = count()
        self.queue: list[tuple[float, int, Node]] = []
        self.lists: list[BestPaths] = []
        self.closed = self.listed = -np.inf  # largest bound of the nodes that were dropped, and listed
        self.nodes, self.stopped = 0, ""
        self._push(root)

    @property
    def top(self) -> float:
        """Largest bound of the open nodes."""
        return -self.queue[0][0] if self.queue else -np.inf

    def within(self, gap: float) -> float:
        """Return the bound that is a relative gap above the best Q known."""
        known = self.pool.known
        return known + max(gap * abs(known), SOLVER_NOISE * max(1.0, abs(known)))

    def _push(self, node: Node) -> None:
        heapq.heappush(self.queue, (-node.bound, next(self.ticket), node))

    def process_best(self, pricing: Pricing) -> None:
        """Price the open node with the largest bound; drop it, list its paths or split it."""
        node = heapq.heappop(self.queue)[2]
        self.nodes += 1
        with self.pool.problem.clock.phase("price"):
            priced = pricing.process_node(self.pool, node)
        if priced is None:
            return
        bound, children = priced.node.bound, priced.branch(self.pool.known)
        if bound <= self.within(0.0):
            self.closed = max(self.closed, bound)
        elif self._list_paths(priced, LEAF if children else np.inf):
            self.listed = max(self.listed, bound)
        elif children and bound > self.within(self.gap):
            for child in children:
                self._push(child)
        else:
            self.closed = max(self.closed, bound)
            self.stopped = "more paths than max_columns may matter"

    def _list_paths(self, priced: PricedNode, most: float) -> bool:
        """List the paths of a node that may be in a better action, if they are few."""
        problem = self.pool.problem
        left = problem.options.max_columns - sum(map(len, self.lists))
        with problem.clock.phase("enumerate"):
            cutoffs = priced.upper.cutoffs(self.pool.known)
            few = paths_above(priced.node.graph, priced.upper.values, cutoffs, int(min(left, most)))
        if few is not None:
            self.lists.append(few)
        return few is not None
