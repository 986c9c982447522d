"""Bounds of neurons over an action set: interval, CROWN, path.

An *oracle* bounds linear functions of the action features; the rest of the net is carried back to them by
substitution (CROWN; Zhang et al. 2018), all neurons of a layer at once. With the box as the oracle this is
the usual method; with the paths as the oracle the first layer is exact when requests do not share capacity.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from instances import MilprouteError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from formulations.relu.affine import AffineNet

    Floats = NDArray[np.float64]

ROUND_OFF = 1e-12


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

    def stable(self, layer: int) -> NDArray[np.bool_]:
        """Mark the neurons of a layer whose sign is known."""
        mask: NDArray[np.bool_] = (self.lower[layer] >= 0) | (self.upper[layer] <= 0)
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
            if (low > high + 1e-7 * scale).any():
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


def crown_bounds(net: AffineNet, oracle: Oracle, start: Bounds) -> Bounds:
    """Tighten ``start`` layer by layer: substitute back to the action features, ask the oracle.

    For a neuron with L < 0 < U, max(0, f) lies below U (f - L) / (U - L) and above alpha f, alpha = 1 if
    U >= -L else 0. An upper bound takes the line above where a weight is positive, the line below where
    it is negative; the linear function left over the action features goes to the oracle. Rounding errors
    are bounded by the absolute terms and absorbed outwards.
    """
    bounds = start
    for layer in range(len(net.weights)):
        weight, bias = net.weights[layer], net.biases[layer]
        high = _substitute(net, oracle, bounds, layer, weight) + bias
        low = bias - _substitute(net, oracle, bounds, layer, -weight)
        slack = ROUND_OFF * (np.abs(bias) + 1.0)
        better = Bounds(
            (*bounds.lower[:layer], low - slack, *bounds.lower[layer + 1 :]),
            (*bounds.upper[:layer], high + slack, *bounds.upper[layer + 1 :]),
        )
        bounds = bounds.intersect(better)
    return bounds


def _substitute(net: AffineNet, oracle: Oracle, bounds: Bounds, layer: int, weights: Floats) -> Floats:
    """Bound ``weights @ y_{layer-1}`` from above over the action set."""
    weights, constant, error = _carry_back(net, bounds, layer, weights)
    return oracle.largest(weights) + constant + ROUND_OFF * (oracle.magnitude(weights) + error)


def upper_line(net: AffineNet, bounds: Bounds) -> tuple[Floats, float]:
    """Return (w, c) with Q <= w @ y_0 + c for all actions, up to rounding: a linear ceiling of the net."""
    last = len(net.weights) - 1
    weights, constant, error = _carry_back(net, bounds, last, net.weights[-1])
    return weights[0], float(constant[0] + net.biases[-1][0] + ROUND_OFF * error[0])


def _carry_back(net: AffineNet, bounds: Bounds, layer: int, weights: Floats) -> tuple[Floats, Floats, Floats]:
    """Carry ``weights @ y_{layer-1}`` back to y_0 by lines above: weights, constants, absolute terms."""
    constant = np.zeros(len(weights))
    error = np.zeros(len(weights))
    for below in range(layer - 1, -1, -1):
        low, high = bounds.lower[below], bounds.upper[below]
        slope, offset, floor = _lines(low, high)
        up, down = np.maximum(weights, 0), np.minimum(weights, 0)
        constant += up @ offset
        weights = up * slope + down * floor
        reach = np.maximum(np.abs(low), np.abs(high))
        error += up @ np.abs(offset) + np.abs(weights) @ (np.abs(net.biases[below]) + reach)
        constant += weights @ net.biases[below]
        weights = weights @ net.weights[below]
    return weights, constant, error


def _lines(low: Floats, high: Floats) -> tuple[Floats, Floats, Floats]:
    """Return slope and offset of the line above max(0, f) and slope of the line below."""
    unstable = (low < 0) & (high > 0)
    on = (low >= 0).astype(float)
    width = np.where(unstable, high - low, 1.0)
    slope = np.where(unstable, high / width, on)
    offset = np.where(unstable, -slope * low, 0.0)
    floor = np.where(unstable, (high >= -low).astype(float), on)
    return slope, offset, floor
