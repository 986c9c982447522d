"""Branch and bound over sets of paths, without a solver.

A node keeps for each copy of a request the paths it may still take, its options. The node is bounded by a
linear upper bound of the net over the sums of one option a copy (a product set); an option whose own bound
falls below the incumbent leaves the node. A node is split at the neuron with the largest relaxation gap.
Fewer options give tighter neuron bounds, and with one option a copy they are exact. A node costs a few small
dense products, where a MILP solves linear programs with a column a path.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from time import perf_counter
from typing import TYPE_CHECKING, Literal

import numpy as np

from milproute.formulations.relu.linear_relaxation import relax_layers, relaxation_gap
from milproute.formulations.relu.product_set import ProductSet, product_set_bounds, tightest_linear_bound
from milproute.instances.tolerances import COMPARISON
from milproute.solvers.interface import Watch
from milproute.solvers.results import TracePoint

if TYPE_CHECKING:
    from milproute.formulations.action_sets.capacities import BindingCapacities
    from milproute.formulations.relu.bounds import Bounds
    from milproute.formulations.relu.crown import LinearUpperBound
    from milproute.formulations.relu.folded_net import FoldedNet
    from milproute.instances.arrays import Flags, Floats, Rows
    from milproute.solvers.argmax.path_columns import PathColumns
    from milproute.solvers.results import SolveOptions


# A node is bounded again while at least this share of its options is dropped, at most so many times.
WORTHWHILE = 0.1
ROUNDS = 3
TRACE_SECONDS = 0.5  # between two points of the trace
# A neuron of the first layer is split unless the weighted relaxation gap of a deeper one is this much larger.
DEEPER = 2.0


@dataclass(frozen=True, slots=True)
class BranchResult:
    """What a branch and bound found.

    Parameters
    ----------
    chosen : rows of the paths of the best action, with repeats.
    objective, bound : Q of that action, and a proven bound on Q of all actions.
    nodes : number of nodes that were bounded.
    stopped : why it ended before it was done; None when the action is proven.
    """

    chosen: list[int]
    objective: float
    bound: float
    nodes: int
    stopped: Literal["time_limit", "interrupted"] | None


@dataclass(frozen=True, slots=True)
class _Node:
    """An open node: bound of Q, options of each copy, bounds of neurons, and how it is to be split."""

    bound: float
    options: list[Rows]
    bounds: Bounds
    copy: int
    part: Flags


@dataclass
class _Search:
    """Branch and bound under way. Option ``len(columns)`` of every copy is to take no path.

    Parameters
    ----------
    columns : the listed paths.
    best, objective : the incumbent and its Q.
    capacities : limits that the copies of requests share.
    vectors : contribution of each option to the first-layer sums, shape (paths + 1, neurons).
    """

    columns: PathColumns
    best: list[int]
    objective: float
    capacities: BindingCapacities
    vectors: Floats
    nodes: int = 0
    heap: list[tuple[float, int, _Node]] = field(default_factory=list)
    order: count[int] = field(default_factory=count)

    @cached_property
    def net(self) -> FoldedNet:
        """The net as a function of its first-layer sums."""
        return self.columns.net.after_first_layer()

    @property
    def cutoff(self) -> float:
        """What an upper bound must exceed to matter: below, rounding errors decide."""
        return self.objective + COMPARISON * max(1.0, abs(self.objective))

    @property
    def bound(self) -> float:
        """Proven bound on Q of all actions, up to the slack of the comparisons."""
        top = -self.heap[0][0] if self.heap else -np.inf
        return top if top > self.cutoff else self.objective

    def visit(self, options: list[Rows], bounds: Bounds) -> None:
        """Bound the actions of a node, drop options that are in no better one, and keep the rest open."""
        for _ in range(ROUNDS):
            fitting = self.capacities.propagate(options)
            if fitting is None:
                return
            options = fitting
            sizes = [len(own) for own in options]
            copy = np.repeat(np.arange(len(options)), sizes)
            starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
            flat = np.concatenate(options)
            members = ProductSet(self.vectors[flat], starts, self.columns.abs_terms)
            self.nodes += 1
            bounds = product_set_bounds(self.net, members, bounds)
            upper, maximiser = tightest_linear_bound(self.net, members, bounds)
            self._try(flat[maximiser])
            if upper.total <= self.cutoff:
                return
            keep = upper.with_element(copy) > self.cutoff
            options = [
                own[keep[start : start + len(own)]] for own, start in zip(options, starts, strict=True)
            ]
            if keep.mean() > 1 - WORTHWHILE:
                break
        if max(len(own) for own in options) > 1:
            self._keep(options, bounds, upper, flat[maximiser])

    def split(self, node: _Node) -> None:
        """Visit both parts of a node."""
        for part in (node.part, ~node.part):
            children = list(node.options)
            children[node.copy] = children[node.copy][part]
            self.visit(children, node.bounds)

    def _try(self, chosen: Rows) -> None:
        """Take an action as the incumbent if it is allowed and better."""
        q = self._q(chosen)
        if q > self.objective and self.capacities.fits(chosen):
            self.objective, self.best = q, sorted(chosen[chosen < len(self.columns)].tolist())

    def _q(self, chosen: Rows) -> float:
        """Return Q of one option a copy."""
        return float(self.columns.net.q_of_sums(self.vectors[chosen].sum(axis=0)[None])[0])

    def _keep(self, options: list[Rows], bounds: Bounds, upper: LinearUpperBound, chosen: Rows) -> None:
        """Choose how to split a node and put it on the heap.

        Where the linear bound is nearly Q at its maximiser, the neurons have little left to be split for: if
        the maximiser breaks a shared limit, the node is split at that.
        """
        conflict = self.capacities.conflict(options, chosen)
        tight = upper.total - self._q(chosen) < 0.5 * (upper.total - self.cutoff)
        copy, part = conflict if conflict is not None and tight else self._bisection(options, bounds, upper)
        heapq.heappush(
            self.heap, (-upper.total, next(self.order), _Node(upper.total, options, bounds, copy, part))
        )

    def _bisection(self, options: list[Rows], bounds: Bounds, upper: LinearUpperBound) -> tuple[int, Flags]:
        """Bisect, along the neuron with the largest relaxation gap, the copy with the widest range of it."""
        direction = self._direction(bounds, upper)
        values = [self.vectors[own] @ direction for own in options]
        copy = int(np.argmax([np.ptp(v) if len(v) > 1 else -1.0 for v in values]))
        value = values[copy]
        part = value > 0.5 * (value.max() + value.min())
        if part.all() or not part.any():  # all alike along it
            part = np.arange(len(value)) < len(value) // 2
        return copy, part

    def _direction(self, bounds: Bounds, upper: LinearUpperBound) -> Floats:
        """Return the pre-activation of a neuron, linearised in the first-layer sums.

        The neuron is the one with the largest relaxation gap, times its weight in the linear bound.
        """
        worst: tuple[float, int, int] = (0.0, 0, 0)
        for k, weight in enumerate(upper.neuron_weights):
            gap = np.abs(weight) * relaxation_gap(bounds.lower[k], bounds.upper[k]) / DEEPER**k
            j = int(np.argmax(gap))
            worst = max(worst, (float(gap[j]), k, j))
        _, k, j = worst
        direction: Floats = np.eye(len(bounds.lower[k]))[j]
        relaxations = relax_layers(self.net, bounds, k)
        for below in range(k, 0, -1):
            direction = (direction @ self.net.weights[below]) * relaxations[below - 1].slope
        return direction


def branch(
    columns: PathColumns,
    start: list[int],
    objective: float,
    bounds: Bounds,
    limits: SolveOptions,
    watch: Watch | None = None,
) -> BranchResult:
    """Find the best joint action over listed paths.

    Parameters
    ----------
    columns : the listed paths and the net.
    start, objective : an action (rows of paths) and its Q.
    bounds : bounds of all pre-activations over the action set.
    limits : the time limit and the relative gap that hold; the absolute gap is 1e-9.
    watch : callbacks: the best Q and the bound twice a second; ``stop`` ends the search.
    """
    watch, begin = watch or Watch(), perf_counter()
    search, options = _search(columns, start, objective)
    if options:
        search.visit(options, bounds)
    traced = begin
    stopped: Literal["time_limit", "interrupted"] | None = None
    while search.heap and search.bound - search.objective > limits.gap * abs(search.objective):
        now = perf_counter()
        if now > traced + TRACE_SECONDS:
            traced = now
            watch.on_point(TracePoint(now - begin, search.nodes, search.objective, search.bound))
        if watch.stop.is_set() or (limits.time_limit is not None and now > begin + limits.time_limit):
            stopped = "interrupted" if watch.stop.is_set() else "time_limit"
            break
        top = heapq.heappop(search.heap)
        try:
            search.split(top[2])
        except KeyboardInterrupt:
            heapq.heappush(search.heap, top)  # half its children may be missing: it stays open
            stopped = "interrupted"
            break
    bound = max(min(search.bound, bounds.largest_q), search.objective)
    found = BranchResult(search.best, search.objective, bound, search.nodes, stopped)
    watch.on_point(TracePoint(perf_counter() - begin, found.nodes, found.objective, found.bound))
    return found


def _search(columns: PathColumns, start: list[int], objective: float) -> tuple[_Search, list[Rows]]:
    """Return a search without a node, and the options of every copy of a request."""
    request, none = columns.candidates.request, np.zeros((1, columns.contributions.shape[1]))
    options = []
    for row in np.unique(request).tolist():
        own = np.append(np.flatnonzero(request == row), len(columns))
        options.extend([own] * int(columns.rules.copies[row]))
    vectors = np.vstack([columns.contributions, none])
    return _Search(columns, start, objective, columns.capacities.binding(options), vectors), options
