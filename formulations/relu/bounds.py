"""Bounds of neurons over an action set: interval, CROWN, path.

An *oracle* bounds linear functions of the action features; the rest of the net is carried back to them by
substitution (CROWN; Zhang et al. 2018), all neurons of a layer at once. With the box as the oracle this is
the usual method; with the paths as the oracle the first layer is exact when requests do not share capacity.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from milproute.instances import MilprouteError
from milproute.instances.tolerances import ROUND_OFF, SOLVER_NOISE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from milproute.formulations.relu.folded_net import AffineNet
    from milproute.instances.arrays import Flags, Floats


class BoundsError(MilprouteError, ArithmeticError):
    """Bounds that cross: the action set is empty, or there is a bug."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Lower and upper bounds of the pre-activations of each layer; the last layer is Q itself."""

    lower: tuple[Floats, ...]
    upper: tuple[Floats, ...]

    @property
    def ceiling(self) -> float:
        """Proven upper bound on Q over the action set."""
        return float(self.upper[-1][0])

    def below(self, ceiling: float) -> Bounds:
        """Return these bounds with a lower ceiling of Q, if it is one."""
        top = np.minimum(self.upper[-1], ceiling)
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


class Oracle(Protocol):
    """Bounds linear functions over the action set."""

    def largest(self, weights: Floats) -> Floats:
        """Return an upper bound of ``weights[i] @ a`` over all actions a, shape (rows,)."""

    def magnitude(self, weights: Floats) -> Floats:
        """Return a bound of the sum of all absolute terms, for the rounding error, shape (rows,)."""


@dataclass(frozen=True, slots=True)
class Box:
    """The box around the action set: each feature between its own bounds, shape (features,) each."""

    lower: Floats
    upper: Floats

    def largest(self, weights: Floats) -> Floats:
        """Maximise each feature apart."""
        found: Floats = np.maximum(weights, 0) @ self.upper + np.minimum(weights, 0) @ self.lower
        return found

    def magnitude(self, weights: Floats) -> Floats:
        """Sum |w| times the larger end of the box."""
        found: Floats = np.abs(weights) @ np.maximum(np.abs(self.lower), np.abs(self.upper))
        return found


def interval_bounds(net: AffineNet, box: Box) -> Bounds:
    """Propagate the box through the layers by interval arithmetic: free and loose."""
    lower, upper = [], []
    for weight, bias in zip(net.weights, net.biases, strict=True):
        slack = ROUND_OFF * (box.magnitude(weight) + np.abs(bias) + 1.0)
        upper.append(box.largest(weight) + bias + slack)
        lower.append(bias - box.largest(-weight) - slack)
        box = Box(np.maximum(lower[-1], 0), np.maximum(upper[-1], 0))
    return Bounds(tuple(lower), tuple(upper))


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines that enclose max(0, f) of the neurons of a layer with L <= f <= U.

        floor * f <= max(0, f) <= slope * f + offset

    Where L < 0 < U the line above goes through both ends, and the slope of the one below is free in [0, 1].

    Parameters
    ----------
    slope, offset, floor : of the lines, shape (neurons,).
    reach : largest absolute term behind f, for the rounding error.
    """

    slope: Floats
    offset: Floats
    floor: Floats
    reach: Floats


def enclose(low: Floats, high: Floats, bias: Floats) -> Lines:
    """Return the lines around the neurons of a layer: below, slope 1 if U >= -L, else 0."""
    unstable = (low < 0) & (high > 0)
    on = (low >= 0).astype(float)
    slope = np.where(unstable, high / np.where(unstable, high - low, 1.0), on)
    offset = np.where(unstable, -slope * low, 0.0)
    floor = np.where(unstable, (high >= -low).astype(float), on)
    return Lines(slope, offset, floor, np.abs(bias) + np.maximum(np.abs(low), np.abs(high)))


def enclosed(net: AffineNet, bounds: Bounds, layers: int) -> list[Lines]:
    """Return the lines around the neurons of the first ``layers`` layers."""
    return [enclose(bounds.lower[k], bounds.upper[k], net.biases[k]) for k in range(layers)]


def crown_bounds(
    net: AffineNet, oracle: Oracle, start: Bounds, first: int = 0, last: int | None = None
) -> Bounds:
    """Tighten ``start`` layer by layer: substitute back to the action features, ask the oracle.

    An upper bound takes the line above a neuron where its weight is positive, the line below where it is
    negative; the linear function left over the action features goes to the oracle. Rounding errors are
    bounded by the absolute terms and absorbed outwards. Layers before ``first`` and after ``last`` stay.
    """
    bounds = start
    around = enclosed(net, bounds, first)
    for layer in range(first, len(net.weights) if last is None else last + 1):
        weight, bias = net.weights[layer], net.biases[layer]
        top = _highest(net, oracle, around, np.vstack([weight, -weight]))
        high, low = top[: len(bias)] + bias, bias - top[len(bias) :]
        slack = ROUND_OFF * (np.abs(bias) + 1.0)
        better = Bounds(
            (*bounds.lower[:layer], low - slack, *bounds.lower[layer + 1 :]),
            (*bounds.upper[:layer], high + slack, *bounds.upper[layer + 1 :]),
        )
        bounds = bounds.intersect(better)
        around.append(enclose(bounds.lower[layer], bounds.upper[layer], bias))
    return bounds


def _highest(net: AffineNet, oracle: Oracle, around: Sequence[Lines], weights: Floats) -> Floats:
    """Bound ``weights @ y`` of the neurons that the last of ``around`` encloses from above."""
    parts, constant, error = carry_back(net, around, weights)
    return oracle.largest(parts[0]) + constant + ROUND_OFF * (oracle.magnitude(parts[0]) + error)


def upper_line(net: AffineNet, around: Sequence[Lines]) -> tuple[list[Floats], float]:
    """Return ([w, ...], c) with Q <= w @ y_0 + c for all actions, up to rounding: a linear ceiling of Q.

    Parameters
    ----------
    around : lines around the neurons of every hidden layer.

    Returns
    -------
    list : w, then the weight of each neuron of each hidden layer in what was carried back that far.
    """
    parts, constant, error = carry_back(net, around, net.weights[-1])
    return [part[0] for part in parts], float(constant[0] + net.biases[-1][0] + ROUND_OFF * error[0])


def carry_back(
    net: AffineNet, around: Sequence[Lines], weights: Floats
) -> tuple[list[Floats], Floats, Floats]:
    """Carry ``weights @ y`` of the last enclosed layer back to y_0 by lines above.

    Returns
    -------
    list : the weights at y_0, then at the neurons of each layer on the way.
    Floats, Floats : constants, and the absolute terms that they are sums of.
    """
    constant, error = np.zeros(len(weights)), np.zeros(len(weights))
    parts = [weights]
    for k in range(len(around) - 1, -1, -1):
        lines = around[k]
        up, down = np.maximum(weights, 0), np.minimum(weights, 0)
        constant += up @ lines.offset
        error += up @ lines.offset + np.abs(weights) @ lines.reach
        weights = up * lines.slope + down * lines.floor
        constant += weights @ net.biases[k]
        weights = weights @ net.weights[k]
        parts.append(weights)
    return parts[::-1], constant, error
