"""Choices: one vector out of each of several finite sets, and what a net makes of their sum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from milproute.formulations.relu.bounds import Bounds, Lines, crown_bounds, enclosed, upper_line
from milproute.instances.tolerances import ROUND_OFF

if TYPE_CHECKING:
    from milproute.formulations.relu.folded_net import AffineNet
    from milproute.instances.arrays import Floats, Rows


# Steps that the slopes below the neurons take towards the best ceiling; more cost more than they gain.
STEPS = 6


@dataclass(frozen=True, slots=True)
class Choices:
    """The sums of one member of each set; an oracle (see `bounds`), exact for them.

    Parameters
    ----------
    vectors : members of all sets, one set after the other, shape (members, neurons).
    starts : first member of each set; none is empty.
    peak : bound of the sum of absolute terms behind each component of a sum, for the rounding error.
    """

    vectors: Floats
    starts: Rows
    peak: Floats

    def largest(self, weights: Floats) -> Floats:
        """Return the largest ``weights[i] @ sum`` of each row, shape (rows,)."""
        values = self.vectors @ weights.T
        best: Floats = np.maximum.reduceat(values, self.starts, axis=0).sum(axis=0)
        return best

    def magnitude(self, weights: Floats) -> Floats:
        """Bound the sum of absolute terms component by component."""
        found: Floats = np.abs(weights) @ self.peak
        return found

    def sums(self, bias: Floats) -> tuple[Floats, Floats]:
        """Return the smallest and the largest of each component of bias + sum, rounded outwards."""
        low = np.minimum.reduceat(self.vectors, self.starts, axis=0).sum(axis=0)
        high = np.maximum.reduceat(self.vectors, self.starts, axis=0).sum(axis=0)
        slack = ROUND_OFF * (self.peak + np.abs(bias) + 1.0)
        return bias + low - slack, bias + high + slack


@dataclass(frozen=True, slots=True)
class Ceiling:
    """A linear ceiling of Q over choices, and where it is highest.

    Parameters
    ----------
    value : the ceiling at its highest: an upper bound of Q.
    own : what each member adds to it, shape (members,).
    best : largest of ``own`` in each set, shape (sets,).
    chosen : member that attains it in each set, shape (sets,).
    sums : bias + sum of the chosen members.
    parts : weight of each hidden neuron in the ceiling, layer by layer.
    """

    value: float
    own: Floats
    best: Floats
    chosen: Rows
    sums: Floats
    parts: list[Floats]


def bound_choices(net: AffineNet, choices: Choices, known: Bounds) -> Bounds:
    """Bound the hidden neurons of a net that reads sums (`AffineNet.of_first_sums`), as tight as ``known``.

    The first layer is exact, deeper ones are carried back to the members (CROWN).
    """
    low, high = choices.sums(net.biases[0])
    own = Bounds((low, *known.lower[1:]), (high, *known.upper[1:]))
    return crown_bounds(net, choices, own, first=1, last=len(net.weights) - 2)


def best_ceiling(net: AffineNet, choices: Choices, bounds: Bounds, steps: int = STEPS) -> Ceiling:
    """Return the lowest of several linear ceilings of Q.

    For fixed bounds the ceiling is convex in the slopes of the lines below unstable neurons (it is the
    dual of the triangle relaxation; Xu et al. 2021). Each step moves the slopes half way to those that are
    exact at the choice where the last ceiling was highest. Every one of them is valid.
    """
    around = enclosed(net, bounds, len(net.hidden))
    unstable = [~bounds.stable(k) for k in range(len(around))]
    lowest = last = _ceiling(net, choices, around)
    for _ in range(steps - 1):
        value, moved = last.sums, []
        for k, lines in enumerate(around):
            if k:
                value = net.weights[k] @ np.maximum(value, 0.0) + net.biases[k]
            floor = np.where(unstable[k], 0.5 * lines.floor + 0.5 * (value > 0), lines.floor)
            moved.append(Lines(lines.slope, lines.offset, floor, lines.reach))
        around = moved
        last = _ceiling(net, choices, around)
        if last.value < lowest.value:
            lowest = last
    return lowest


def _ceiling(net: AffineNet, choices: Choices, around: list[Lines]) -> Ceiling:
    (line, *parts), constant = upper_line(net, around)
    own = choices.vectors @ line
    ends = [*choices.starts[1:].tolist(), len(own)]
    chosen = np.array(
        [a + int(own[a:b].argmax()) for a, b in zip(choices.starts.tolist(), ends, strict=True)]
    )
    best = own[chosen]
    value = constant + float(best.sum()) + ROUND_OFF * float(np.abs(line) @ choices.peak)
    sums = net.biases[0] + choices.vectors[chosen].sum(axis=0)
    return Ceiling(value, own, best, chosen, sums, parts)
