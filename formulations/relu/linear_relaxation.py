"""Linear relaxation of ReLU: two linear functions that enclose max(0, f) between bounds of f."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from milproute.formulations.relu.bounds import Bounds
    from milproute.formulations.relu.folded_net import FoldedNet
    from milproute.instances.arrays import Floats


@dataclass(frozen=True, slots=True)
class ReluRelaxation:
    """Linear functions that enclose max(0, f) of the neurons of a layer with L <= f <= U.

        lower_slope * f <= max(0, f) <= slope * f + offset

    Where L < 0 < U the upper one goes through both ends, and any lower slope in [0, 1] is valid.

    Parameters
    ----------
    slope, offset, lower_slope : of the functions, shape (neurons,).
    max_abs_terms : largest absolute term behind f, for the rounding error.
    """

    slope: Floats
    offset: Floats
    lower_slope: Floats
    max_abs_terms: Floats


def relax_layer(low: Floats, high: Floats, bias: Floats) -> ReluRelaxation:
    """Relax the neurons of a layer; the lower slope of an unstable one is 1 if U >= -L, else 0."""
    unstable = (low < 0) & (high > 0)
    on = (low >= 0).astype(float)
    slope = np.where(unstable, high / np.where(unstable, high - low, 1.0), on)
    offset = np.where(unstable, -slope * low, 0.0)
    lower_slope = np.where(unstable, (high >= -low).astype(float), on)
    largest = np.abs(bias) + np.maximum(np.abs(low), np.abs(high))
    return ReluRelaxation(slope, offset, lower_slope, largest)


def relax_layers(net: FoldedNet, bounds: Bounds, layers: int) -> list[ReluRelaxation]:
    """Relax the neurons of the first ``layers`` layers."""
    return [relax_layer(bounds.lower[k], bounds.upper[k], net.biases[k]) for k in range(layers)]


def relaxation_gap(low: Floats, high: Floats) -> Floats:
    """Return the largest distance of the upper function from max(0, f), -L U / (U - L), 0 where stable."""
    unstable = (low < 0) & (high > 0)
    gap: Floats = np.where(unstable, -low * high / np.where(unstable, high - low, 1.0), 0.0)
    return gap
