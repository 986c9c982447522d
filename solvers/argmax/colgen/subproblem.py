"""Branch-and-price nodes: actions in which some neurons have a given sign; bounding, pricing, branching."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from milproute.formulations.relu.bounds import Bounds, BoundsError
from milproute.formulations.relu.crown import crown_bounds
from milproute.solvers.argmax.colgen.arc_fixing import fix_arcs
from milproute.solvers.argmax.colgen.column_pool import NEW
from milproute.solvers.argmax.colgen.restricted_master import net_relaxation, restricted_master
from milproute.solvers.argmax.path_fixing import WORTHWHILE
from milproute.solvers.interface import Watch
from milproute.solvers.results import SolveOptions
from milproute.solvers.simplex import by_simplex

if TYPE_CHECKING:
    from milproute.formulations.action_sets.layered_graph import LayeredGraph
    from milproute.formulations.relu.crown import LinearUpperBound
    from milproute.formulations.relu.support_functions import WalkSupport
    from milproute.instances.arrays import Floats
    from milproute.solvers.argmax.colgen.column_pool import ColumnPool
    from milproute.solvers.argmax.colgen.restricted_master import RestrictedMaster
    from milproute.solvers.interface import Backend
    from milproute.solvers.results import SolveResult


KEPT = (50, 400, 3_200)  # unfinished paths kept: more of them where fewer leave the bound too high
SETTLED = 0.02  # share of the gap to the best Q known that pricing may leave of itself


@dataclass(frozen=True, slots=True)
class Node:
    """Actions in which some neurons have a given sign.

    Parameters
    ----------
    bound : proven bound on their Q.
    graph : walks that their paths may be, where they are better than the best action known.
    bounds : bounds of the neurons over them.
    """

    bound: float
    graph: LayeredGraph
    bounds: Bounds


@dataclass(frozen=True, slots=True)
class PricedNode:
    """A node with the best linear upper bound found for it, and the last linear program that was solved."""

    node: Node
    upper: LinearUpperBound
    master: RestrictedMaster | None
    result: SolveResult | None

    def branch(self, known: float) -> list[Node]:
        """Branch on the sign of the neuron with the largest relaxation gap; [] where all signs are known."""
        low, high = self.node.bounds.of_hidden()
        unstable = np.flatnonzero((low < 0) & (high > 0))
        if not len(unstable):
            return []
        gap = self._gaps(len(low))[unstable]
        if gap.max() <= 0:
            gap = np.minimum(-low, high)[unstable]
        neuron = int(unstable[np.argmax(gap)])
        graph = fix_arcs(self.node.graph, self.upper, known)
        return [Node(self.node.bound, graph, child) for child in _with_sign(self.node.bounds, neuron)]

    def _gaps(self, count: int) -> Floats:
        """Return how far each neuron is off in the relaxation, times the dual of its row."""
        gaps = np.zeros(count)
        if self.master is None or self.result is None or self.result.values is None:
            return gaps
        layout, values, duals = self.master.neurons, self.result.values, self.result.duals
        if duals is None:
            return gaps
        own = layout.position
        prices = np.abs(duals[layout.row[own]])
        gaps[layout.unstable] = np.minimum(values[layout.y[own]], values[layout.s]) * prices
        return gaps


def _with_sign(bounds: Bounds, neuron: int) -> tuple[Bounds, Bounds]:
    """Return the bounds with a neuron, counted through all layers, off and on."""
    ends = np.cumsum([len(low) for low in bounds.lower])
    layer = int(np.searchsorted(ends, neuron, side="right"))
    place = neuron - (int(ends[layer - 1]) if layer else 0)
    lower, upper = bounds.lower[layer].copy(), bounds.upper[layer].copy()
    upper[place], lower[place] = 0.0, 0.0
    return (
        bounds.with_layer(layer, bounds.lower[layer], upper),
        bounds.with_layer(layer, lower, bounds.upper[layer]),
    )


@dataclass(frozen=True, slots=True)
class Pricing:
    """Column generation in a node: who solves the linear programs, and until when.

    Parameters
    ----------
    backend : the solver of the linear programs, which must return duals.
    end : when time is up, on the clock of ``perf_counter``; infinite for never.
    watch : callbacks; ``stop`` ends the pricing.
    """

    backend: Backend
    end: float
    watch: Watch

    @property
    def over(self) -> bool:
        """Whether time is up or a stop was asked for."""
        return perf_counter() >= self.end or self.watch.stop.is_set()

    def process_node(self, pool: ColumnPool, node: Node) -> PricedNode | None:
        """Bound a node over its walks, fix arcs, generate columns; None where no action has its signs."""
        problem, net = pool.problem, pool.problem.net.after_first_layer()
        graph, bounds, steps = node.graph, node.bounds, np.inf
        try:
            while graph.admissible.sum() < (1 - WORTHWHILE) * steps:
                steps = graph.admissible.sum()
                support = problem.walk_support(graph)
                bounds = crown_bounds(net, support, bounds)
                upper = problem.linear_upper_bound(support, bounds)
                graph = fix_arcs(graph, upper, pool.known)
        except BoundsError:
            return None
        node = Node(min(node.bound, upper.total), support.graph, bounds)
        return self._generate_columns(pool, node, support, upper)

    def _generate_columns(
        self, pool: ColumnPool, node: Node, support: WalkSupport, upper: LinearUpperBound
    ) -> PricedNode:
        """Solve and price until the relaxation over all paths is nearly solved, or time is up."""
        relaxation = net_relaxation(pool.problem.net, node.bounds)
        master, result, kept = None, None, list(KEPT)
        while node.bound > pool.known and not self.over:
            master = restricted_master(relaxation, pool.within(node.graph))
            result = self._solve(master)
            if result.duals is None or result.objective is None:  # nothing that could be certified
                break
            found, priced = master.price(result.duals, support, kept[0])
            if priced.total < upper.total:
                upper = priced
                node = Node(min(node.bound, priced.total), node.graph, node.bounds)
            if priced.total - result.objective <= SETTLED * (priced.total - pool.known):
                break
            if pool.add(node.graph, found.first(NEW)):
                pool.improve()
            elif len(kept) > 1:
                kept.pop(0)
            else:
                break
        return PricedNode(node, upper, master, result)

    def _solve(self, master: RestrictedMaster) -> SolveResult:
        """Solve one linear program."""
        left = None if np.isinf(self.end) else max(self.end - perf_counter(), 1e-3)
        options = by_simplex(SolveOptions(time_limit=left), self.backend)
        return self.backend.solve(master.model, options, None, Watch(stop=self.watch.stop))
