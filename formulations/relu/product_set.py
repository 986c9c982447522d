"""Product sets: sums of one member of each of several finite sets, and bounds of nets over such sums."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from milproute.formulations.relu.bounds import Bounds
from milproute.formulations.relu.crown import LinearUpperBound, crown_bounds, linear_upper_bound
from milproute.formulations.relu.linear_relaxation import relax_layers
from milproute.instances.tolerances import ROUND_OFF

if TYPE_CHECKING:
    from milproute.formulations.relu.folded_net import FoldedNet
    from milproute.instances.arrays import Floats, Rows


# Steps that the lower slopes of the relaxation take towards the best bound; more cost more than they gain.
STEPS = 6


@dataclass(frozen=True, slots=True)
class ProductSet:
    """All sums of one vector of each set; its support function is exact.

    Parameters
    ----------
    vectors : members of all sets, one set after the other, shape (members, neurons).
    starts : first member of each set; none is empty.
    abs_terms : bound of the sum of absolute terms behind each component of a sum, for the rounding error.
    """

    vectors: Floats
    starts: Rows
    abs_terms: Floats

    def max_linear(self, weights: Floats) -> Floats:
        """Return the largest ``weights[i] @ sum`` of each row, shape (rows,)."""
        values = self.vectors @ weights.T
        best: Floats = np.maximum.reduceat(values, self.starts, axis=0).sum(axis=0)
        return best

    def sum_abs_terms(self, weights: Floats) -> Floats:
        """Bound the sum of absolute terms component by component."""
        found: Floats = np.abs(weights) @ self.abs_terms
        return found

    def by_element(self, weights: Floats) -> tuple[Floats, Floats, float]:
        """Return the values of the members and the best of each set."""
        values = self.vectors @ weights
        best = np.maximum.reduceat(values, self.starts)
        return values, best, float(best.sum())

    def range_of_sums(self, bias: Floats) -> tuple[Floats, Floats]:
        """Return the smallest and the largest of each component of bias + sum, rounded outwards."""
        low = np.minimum.reduceat(self.vectors, self.starts, axis=0).sum(axis=0)
        high = np.maximum.reduceat(self.vectors, self.starts, axis=0).sum(axis=0)
        slack = ROUND_OFF * (self.abs_terms + np.abs(bias) + 1.0)
        return bias + low - slack, bias + high + slack

    def maximiser(self, values: Floats) -> Rows:
        """Return the member with the largest value in each set, shape (sets,)."""
        ends = [*self.starts[1:].tolist(), len(values)]
        spans = zip(self.starts.tolist(), ends, strict=True)
        return np.array([a + int(values[a:b].argmax()) for a, b in spans], dtype=np.int64)


def product_set_bounds(net: FoldedNet, members: ProductSet, known: Bounds) -> Bounds:
    """Bound the hidden neurons of a `FoldedNet.after_first_layer`, at least as tightly as ``known``.

    The first layer is exact, deeper ones are substituted back to the members (CROWN).
    """
    low, high = members.range_of_sums(net.biases[0])
    own = Bounds((low, *known.lower[1:]), (high, *known.upper[1:]))
    return crown_bounds(net, members, own, first=1, last=len(net.weights) - 2)


def tightest_linear_bound(
    net: FoldedNet, members: ProductSet, bounds: Bounds, steps: int = STEPS
) -> tuple[LinearUpperBound, Rows]:
    """Return the lowest of several linear upper bounds of Q, and the members where it is largest.

    For fixed bounds the maximum of the linear bound is convex in the lower slopes of unstable neurons (it is
    the dual of the triangle relaxation; Xu et al. 2021). Each step moves the slopes half way to those that
    are exact at the maximiser of the last bound. Every one of them is valid.
    """
    relaxations = relax_layers(net, bounds, len(net.hidden))
    unstable = [~bounds.stable(k) for k in range(len(relaxations))]
    lowest = last = linear_upper_bound(net, members, relaxations)
    chosen = at = members.maximiser(last.values)
    for _ in range(steps - 1):
        value, moved = net.biases[0] + members.vectors[at].sum(axis=0), []
        for k, relaxation in enumerate(relaxations):
            if k:
                value = net.weights[k] @ np.maximum(value, 0.0) + net.biases[k]
            exact = 0.5 * relaxation.lower_slope + 0.5 * (value > 0)
            moved.append(
                replace(relaxation, lower_slope=np.where(unstable[k], exact, relaxation.lower_slope))
            )
        relaxations = moved
        last = linear_upper_bound(net, members, relaxations)
        at = members.maximiser(last.values)
        if last.total < lowest.total:
            lowest, chosen = last, at
    return lowest, chosen
