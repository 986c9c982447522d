"""Branching: the argmax of a Q-net by branch and bound over sets of paths, without a solver.

A node keeps for each request the paths it may still take. Its ceiling is a linear one of the net over
these paths; a path whose own ceiling falls below the incumbent leaves the node, and the set whose split
narrows the worst neuron is halved. Fewer paths give tighter neuron bounds, and with one path a request
they are exact. A node costs a few small dense products, where a MILP solves linear programs with a column
a path.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from time import perf_counter
from typing import TYPE_CHECKING, Literal

import numpy as np

from milproute.formulations.relu.bounds import enclosed
from milproute.formulations.relu.product_set import Ceiling, Choices, best_ceiling, bound_choices
from milproute.instances.tolerances import COMPARISON
from milproute.solvers.argmax.shared_capacities import Room
from milproute.solvers.interface import Watch
from milproute.solvers.results import TracePoint

if TYPE_CHECKING:
    from milproute.formulations.relu.bounds import Bounds
    from milproute.formulations.relu.folded_net import AffineNet
    from milproute.instances.arrays import Flags, Floats, Rows
    from milproute.solvers.argmax.problem import ArgmaxProblem
    from milproute.solvers.results import SolveOptions


# Bounds and ceiling are reckoned again while at least this share of the paths falls.
WORTHWHILE = 0.1
ROUNDS = 3
TELL = 0.5  # seconds between two points of the trace
# A neuron of the first layer is split unless one of the second blurs the ceiling this much more.
DEEPER = 2.0


@dataclass(frozen=True, slots=True)
class Branched:
    """What a branch and bound found.

    Parameters
    ----------
    chosen : rows of the paths of the best action, with repeats.
    objective, bound : its Q, and a proven bound on all of them.
    nodes : whose ceiling was reckoned.
    stopped : why it ended before it was done; None when the action is proven.
    """

    chosen: list[int]
    objective: float
    bound: float
    nodes: int
    stopped: Literal["time_limit", "interrupted"] | None


@dataclass(frozen=True, slots=True)
class _Node:
    """An open node: its ceiling, the items of each unit, bounds of neurons, and how it is to be split."""

    ceiling: float
    items: list[Rows]
    bounds: Bounds
    unit: int
    part: Flags


@dataclass
class _Search:
    """Branch and bound under way. Item ``len(paths)`` of every unit is: no path."""

    problem: ArgmaxProblem
    best: list[int]
    objective: float
    room: Room
    vectors: Floats
    peak: Floats
    nodes: int = 0
    heap: list[tuple[float, int, _Node]] = field(default_factory=list)
    order: count[int] = field(default_factory=count)

    @cached_property
    def net(self) -> AffineNet:
        """The net as a function of its first sums."""
        return self.problem.net.of_first_sums()

    @property
    def least(self) -> float:
        """What an upper bound must exceed to matter: below, rounding errors decide."""
        return self.objective + COMPARISON * max(1.0, abs(self.objective))

    @property
    def bound(self) -> float:
        """Proven bound on Q of all actions, up to the slack of the comparisons."""
        top = -self.heap[0][0] if self.heap else -np.inf
        return top if top > self.least else self.objective

    def visit(self, items: list[Rows], bounds: Bounds) -> None:
        """Bound the actions of a node, drop items that are in none of the better ones, and keep the rest."""
        for _ in range(ROUNDS):
            fitting = self.room.thinned(items)
            if fitting is None:
                return
            items = fitting
            sizes = [len(own) for own in items]
            unit = np.repeat(np.arange(len(items)), sizes)
            starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
            flat = np.concatenate(items)
            choices = Choices(self.vectors[flat], starts, self.peak)
            self.nodes += 1
            bounds = bound_choices(self.net, choices, bounds)
            ceiling = best_ceiling(self.net, choices, bounds)
            self._try(flat[ceiling.chosen])
            if ceiling.value <= self.least:
                return
            keep = ceiling.value - ceiling.best[unit] + ceiling.own > self.least
            items = [own[keep[start : start + len(own)]] for own, start in zip(items, starts, strict=True)]
            if keep.mean() > 1 - WORTHWHILE:
                break
        if max(len(own) for own in items) > 1:
            self._keep(items, bounds, ceiling, flat[ceiling.chosen])

    def split(self, node: _Node) -> None:
        """Visit both halves of a node."""
        for part in (node.part, ~node.part):
            children = list(node.items)
            children[node.unit] = children[node.unit][part]
            self.visit(children, node.bounds)

    def _try(self, chosen: Rows) -> None:
        """Take an action as the incumbent if it is allowed and better."""
        q = self.q(chosen)
        if q > self.objective and self.room.fits(chosen):
            self.objective, self.best = q, sorted(chosen[chosen < len(self.vectors) - 1].tolist())

    def q(self, chosen: Rows) -> float:
        """Return Q of one item a unit."""
        return float(self.problem.table().values(self.vectors[chosen].sum(axis=0)[None])[0])

    def _keep(self, items: list[Rows], bounds: Bounds, ceiling: Ceiling, chosen: Rows) -> None:
        """Choose how to split a node and put it on the heap."""
        clash = self.room.clash(items, chosen)
        tight = ceiling.value - self.q(chosen) < 0.5 * (ceiling.value - self.least)
        if clash is not None and tight:
            unit, part = clash
        else:
            unit, part = self._halves(items, bounds, ceiling)
        node = _Node(ceiling.value, items, bounds, unit, part)
        heapq.heappush(self.heap, (-ceiling.value, next(self.order), node))

    def _halves(self, items: list[Rows], bounds: Bounds, ceiling: Ceiling) -> tuple[int, Flags]:
        """Split, along the neuron that blurs the ceiling most, the unit that moves it most, in the middle."""
        direction = self._direction(bounds, ceiling)
        values = [self.vectors[own] @ direction for own in items]
        unit = int(np.argmax([np.ptp(v) if len(v) > 1 else -1.0 for v in values]))
        value = values[unit]
        part = value > 0.5 * (value.max() + value.min())
        if part.all() or not part.any():  # all alike along it
            part = np.arange(len(value)) < len(value) // 2
        return unit, part

    def _direction(self, bounds: Bounds, ceiling: Ceiling) -> Floats:
        """Return the neuron with the largest triangle between its lines, as a function of the first sums."""
        worst: tuple[float, int, int] = (0.0, 0, 0)
        for k, weight in enumerate(ceiling.parts):
            low, high = bounds.lower[k], bounds.upper[k]
            open_ = (low < 0) & (high > 0)
            height = np.where(open_, -low * high / np.where(open_, high - low, 1.0), 0.0)
            blur = np.abs(weight) * height / DEEPER**k
            j = int(np.argmax(blur))
            worst = max(worst, (float(blur[j]), k, j))
        _, k, j = worst
        direction: Floats = np.eye(len(bounds.lower[k]))[j]
        around = enclosed(self.net, bounds, k)
        for below in range(k, 0, -1):
            direction = (direction @ self.net.weights[below]) * around[below - 1].slope
        return direction


def branch(
    problem: ArgmaxProblem,
    start: list[int],
    objective: float,
    bounds: Bounds,
    limits: SolveOptions,
    watch: Watch | None = None,
) -> Branched:
    """Find the best joint action over the listed paths.

    Parameters
    ----------
    problem : with listed paths.
    start, objective : an action (rows of paths) and its Q.
    bounds : of all pre-activations over the action set.
    limits : its time limit and relative gap hold; the absolute gap is 1e-9.
    watch : told of the best Q and the bound twice a second; its ``stop`` ends the search.
    """
    watch, begin = watch or Watch(), perf_counter()
    search, items = _opened(problem, start, objective)
    if items:
        search.visit(items, bounds)
    told = begin
    stopped: Literal["time_limit", "interrupted"] | None = None
    while search.heap and search.bound - search.objective > limits.gap * abs(search.objective):
        now = perf_counter()
        if now > told + TELL:
            told = now
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
    bound = max(min(search.bound, bounds.ceiling), search.objective)
    found = Branched(search.best, search.objective, bound, search.nodes, stopped)
    watch.on_point(TracePoint(perf_counter() - begin, found.nodes, found.objective, found.bound))
    return found


def _opened(problem: ArgmaxProblem, start: list[int], objective: float) -> tuple[_Search, list[Rows]]:
    """Return a search without a node, and the items of every unit: a copy of a request."""
    table = problem.table()
    candidates = table.candidates
    none = np.zeros((1, table.first.shape[1]))
    items = []
    for request in np.unique(candidates.request).tolist():
        own = np.append(np.flatnonzero(candidates.request == request), len(candidates))
        items.extend([own] * int(problem.rules.copies[request]))
    assert problem.listed is not None
    search = _Search(
        problem,
        start,
        objective,
        Room(candidates, items),
        np.vstack([table.first, none]),
        problem.listed.peak,
    )
    return search, items
