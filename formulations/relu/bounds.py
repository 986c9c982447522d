"""Bounds of the pre-activations of a net, and interval arithmetic, the cheapest way to get some."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from milproute.formulations.relu.support_functions import Box
from milproute.instances import MilprouteError
from milproute.instances.tolerances import ROUND_OFF, SOLVER_NOISE

if TYPE_CHECKING:
    from milproute.formulations.relu.folded_net import FoldedNet
    from milproute.instances.arrays import Flags, Floats


class BoundsError(MilprouteError, ArithmeticError):
    """Bounds that cross: the action set is empty, or there is a bug."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Lower and upper bounds of the pre-activations of each layer; the last layer is Q itself."""

    lower: tuple[Floats, ...]
    upper: tuple[Floats, ...]

    @property
    def largest_q(self) -> float:
        """Proven upper bound on Q over the action set."""
        return float(self.upper[-1][0])

    def of_hidden(self) -> tuple[Floats, Floats]:
        """Return lower and upper bounds of all hidden neurons, layer after layer, shape (neurons,) each."""
        none = np.zeros(0)
        return np.concatenate([none, *self.lower[:-1]]), np.concatenate([none, *self.upper[:-1]])

    def with_layer(self, layer: int, lower: Floats, upper: Floats) -> Bounds:
        """Return these bounds with others of one layer."""
        return Bounds(
            (*self.lower[:layer], lower, *self.lower[layer + 1 :]),
            (*self.upper[:layer], upper, *self.upper[layer + 1 :]),
        )

    def with_q_at_most(self, bound: float) -> Bounds:
        """Return these bounds with a lower upper bound of Q, if it is one."""
        top = np.minimum(self.upper[-1], bound)
        return Bounds(self.lower, (*self.upper[:-1], np.maximum(top, self.lower[-1])))

    def stable(self, layer: int) -> Flags:
        """Mark the neurons of a layer whose sign is known."""
        mask: Flags = (self.lower[layer] >= 0) | (self.upper[layer] <= 0)
        return mask

    def intersect(self, other: Bounds) -> Bounds:
        """Keep the better of two bounds everywhere.

        Raises
        ------
        BoundsError : some lower bound is above its upper bound.
        """
        lower = tuple(np.maximum(a, b) for a, b in zip(self.lower, other.lower, strict=True))
        upper = tuple(np.minimum(a, b) for a, b in zip(self.upper, other.upper, strict=True))
        for layer, (low, high) in enumerate(zip(lower, upper, strict=True)):
            scale = np.maximum(1.0, np.abs(low))
            if (low > high + SOLVER_NOISE * scale).any():
                neuron = int(np.argmax(low - high))
                raise BoundsError(
                    f"bounds of neuron {neuron} in layer {layer} cross: {low[neuron]} > {high[neuron]}; "
                    "the action set is empty or a bound is wrong"
                )
        return Bounds(lower, tuple(np.maximum(low, high) for low, high in zip(lower, upper, strict=True)))


def interval_bounds(net: FoldedNet, box: Box) -> Bounds:
    """Propagate a box of the features through the layers by interval arithmetic: cheap and loose."""
    lower, upper = [], []
    for weight, bias in zip(net.weights, net.biases, strict=True):
        slack = ROUND_OFF * (box.sum_abs_terms(weight) + np.abs(bias) + 1.0)
        upper.append(box.max_linear(weight) + bias + slack)
        lower.append(bias - box.max_linear(-weight) - slack)
        box = Box(np.maximum(lower[-1], 0), np.maximum(upper[-1], 0))
    return Bounds(tuple(lower), tuple(upper))
