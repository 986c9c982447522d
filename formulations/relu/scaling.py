"""Scaling: a ReLU net in units in which every pre-activation lies in [-1, 1] and Q is about 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from milproute.formulations.relu.bounds import Bounds
from milproute.formulations.relu.folded_net import FoldedNet

if TYPE_CHECKING:
    from milproute.instances.arrays import Floats


# Bounds of Q that exceed a known value by more than this say nothing about it, or the value is next to 0.
LOOSEST = 1024.0


@dataclass(frozen=True, slots=True)
class Scaling:
    """Units of the neurons of each hidden layer, and of Q: powers of two, so that scaling rounds nothing.

    ReLU is positively homogeneous: with units d_l > 0 of the neurons of layer l, d_0 = 1,

        f_l / d_l = (D_l^-1 W_l D_{l-1}) (y_{l-1} / d_{l-1}) + b_l / d_l,   y_l / d_l = max(0, f_l / d_l)

    The tolerances of solvers are absolute. In these units they are relative to the size of each neuron and of
    Q, so the answer does not hang on the unit of the reward.

    Parameters
    ----------
    neurons : units of each hidden layer, shape (neurons,) each.
    output : unit of Q.
    """

    neurons: tuple[Floats, ...]
    output: float

    @classmethod
    def of(cls, bounds: Bounds, *, known: float | None = None) -> Scaling:
        """Return the scaling that brings all bounds into [-1, 1].

        With a ``known`` value of Q its size is the unit of Q, unless the bounds are a thousand times as
        large: they may be loose, and gaps are relative to Q itself.
        """
        *hidden, q = (
            unit_of(np.maximum(np.abs(low), np.abs(high)))
            for low, high in zip(bounds.lower, bounds.upper, strict=True)
        )
        output = float(q[0])
        if known is not None:
            size = float(unit_of(np.array([abs(known)]))[0]) if known else 0.0
            output = min(output, max(size, output / LOOSEST))
        return cls(tuple(hidden), output)

    def hidden(self) -> Scaling:
        """Return the same scaling of the neurons alone: Q keeps its unit."""
        return Scaling(self.neurons, 1.0)

    def then(self, other: Scaling) -> Scaling:
        """Return this scaling followed by another one of the scaled net."""
        pairs = zip(self.neurons, other.neurons, strict=True)
        return Scaling(tuple(a * b for a, b in pairs), self.output * other.output)

    @property
    def units(self) -> tuple[Floats, ...]:
        """Units of the pre-activations of all layers, Q as the last."""
        return (*self.neurons, np.array([self.output]))

    def net(self, net: FoldedNet) -> FoldedNet:
        """Return the net in these units, as a function of the same features."""
        below = (np.ones(net.weights[0].shape[1]), *self.neurons)
        return FoldedNet(
            tuple(
                weight * before / unit[:, None]
                for weight, before, unit in zip(net.weights, below, self.units, strict=True)
            ),
            tuple(bias / unit for bias, unit in zip(net.biases, self.units, strict=True)),
        )

    def bounds(self, bounds: Bounds) -> Bounds:
        """Return bounds of pre-activations in these units."""
        return Bounds(
            tuple(low / unit for low, unit in zip(bounds.lower, self.units, strict=True)),
            tuple(high / unit for high, unit in zip(bounds.upper, self.units, strict=True)),
        )


def unit_of(size: Floats) -> Floats:
    """Return the smallest power of two that is not below each size; 1 for 0."""
    mantissa, exponent = np.frexp(size)
    # frexp gives size = mantissa 2^exponent with mantissa in [1/2, 1): a power of two has mantissa 1/2.
    exponent = np.where(mantissa == 0.5, exponent - 1, exponent)
    unit: Floats = np.where(size > 0, np.ldexp(1.0, np.clip(exponent, -1000, 1000)), 1.0)
    return unit
