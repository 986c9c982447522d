"""Ceilings: linear bounds of Q over walks, and the steps of walks that no better action takes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from milproute.formulations.relu.bounds import enclosed, upper_line
from milproute.instances.tolerances import SOLVER_NOISE

if TYPE_CHECKING:
    from milproute.formulations.action_sets.layered_graph import Walks
    from milproute.formulations.relu.bounds import Bounds
    from milproute.instances.arrays import Floats
    from milproute.solvers.argmax.problem import ArgmaxProblem


@dataclass(frozen=True)
class WalkSums:
    """Walks with what each arc adds to the first-layer sums of a net: an `Oracle` for these sums.

    Parameters
    ----------
    walks : of all requests.
    first, terms : first-layer weights times the features of each arc, and the same of absolute values,
        shape (arcs, neurons) each.
    """

    walks: Walks
    first: Floats
    terms: Floats

    @cached_property
    def peak(self) -> Floats:
        """Largest sum of absolute terms behind each first-layer sum over the action set."""
        return self._total(self.terms)

    def largest(self, weights: Floats) -> Floats:
        """Bound all rows of ``weights`` at once: the best walk of each request, as often as it may."""
        return self._total(self.first @ weights.T)

    def magnitude(self, weights: Floats) -> Floats:
        """Bound the sum of absolute terms sum by sum."""
        found: Floats = np.abs(weights) @ self.peak
        return found

    def _total(self, values: Floats) -> Floats:
        total: Floats = self.walks.rules.copies.astype(float) @ np.maximum(self.walks.best(values), 0.0)
        return total


def walk_sums(problem: ArgmaxProblem, walks: Walks) -> WalkSums:
    """Send the features of all arcs through the first layer."""
    features, weight = walks.features(problem.qnet.inputs)[:, problem.positions], problem.net.weights[0]
    return WalkSums(walks, features @ weight.T, abs(features) @ np.abs(weight).T)


@dataclass(frozen=True, slots=True)
class Ceiling:
    """A linear bound of Q: ``total`` less copies * (best - value of the path) of each request.

    Parameters
    ----------
    total : proven bound on Q over all actions.
    values : of each arc, adding up along a path, shape (arcs,).
    best : upper bound on the value of the paths of each request, at least 0, which is no path.
    """

    total: float
    values: Floats
    best: Floats

    def floors(self, known: float) -> Floats:
        """Return what a path must be worth to be in an action with Q above ``known``, shape (requests,)."""
        floors: Floats = known - SOLVER_NOISE * max(1.0, abs(known)) - self.total + self.best
        return floors

    def narrowed(self, walks: Walks, known: float) -> Walks:
        """Keep the steps that a path of an action with Q above ``known`` may take."""
        return walks.keeping(walks.through(self.values) >= self.floors(known)[walks.request])


def line_ceiling(problem: ArgmaxProblem, sums: WalkSums, bounds: Bounds) -> Ceiling:
    """Return the ceiling that the lines above the neurons make, whatever the channels and memory."""
    net = problem.net.of_first_sums()
    (weights, *_), constant = upper_line(net, enclosed(net, bounds, len(net.hidden)))
    values = sums.first @ weights
    best = np.maximum(sums.walks.best(values[:, None])[:, 0], 0.0)
    return Ceiling(constant + float(problem.rules.copies @ best), values, best)
