"""Tight: an OMLT formulation of a ReLU net with bounds from outside and no binary for a stable neuron."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyomo.environ as pyo
from omlt.formulation import _PyomoFormulation

if TYPE_CHECKING:
    from omlt.neuralnet import NetworkDefinition

    from milproute.formulations.relu.bounds import Bounds


class TightReluFormulation(_PyomoFormulation):  # type: ignore[misc]  # OMLT has no types
    """Big-M with given bounds L <= f <= U of every neuron, stated once and sparsely.

        U <= 0          y = 0: no column, no row
        L >= 0          y = f                                                    1 column, 1 row
        L < 0 < U       y - s = f;  y <= U z;  s <= -L (1 - z);  y, s >= 0, z binary   3 columns, 3 rows

    y >= f and y <= f - L (1 - z) of the textbook are s >= 0 and s <= -L (1 - z): the dense row of a neuron
    is written once instead of twice. Indices are layer and neuron numbers, so names are the same in every
    run. With n stable active and m unstable neurons: n + 3 m columns (m binary), n + 3 m + 1 rows beside
    inputs and output. Source: big-M of Fischetti and Jo (2018); the bounds are the caller's.

    Parameters
    ----------
    network : dense layers with ReLU between them and a linear last one.
    bounds : of the pre-activations of all its layers.
    """

    def __init__(self, network: NetworkDefinition, bounds: Bounds) -> None:
        super().__init__()
        self.inputs, *self.layers = network.layers
        self.bounds = bounds

    @property
    def input_indexes(self) -> list[Any]:
        """Indices of the inputs."""
        return list(self.inputs.output_indexes)

    @property
    def output_indexes(self) -> list[Any]:
        """Indices of the outputs."""
        return list(self.layers[-1].output_indexes)

    def _build_formulation(self) -> None:
        b, bounds = self.block, self.bounds
        *hidden, _ = range(len(self.layers))
        low = {(k, j): float(bounds.lower[k][j]) for k in hidden for j in range(len(bounds.lower[k]))}
        high = {(k, j): float(bounds.upper[k][j]) for k in hidden for j in range(len(bounds.upper[k]))}
        alive = [kj for kj in low if high[kj] > 0]
        unstable = [kj for kj in alive if low[kj] < 0]
        b.y = pyo.Var(alive, bounds=lambda _, k, j: (max(0.0, low[k, j]), high[k, j]))
        b.s = pyo.Var(unstable, bounds=lambda _, k, j: (0.0, -low[k, j]))
        b.z = pyo.Var(unstable, domain=pyo.Binary)

        def preactivation(k: int, j: int) -> Any:
            layer = self.layers[k]
            weights = np.asarray(layer.weights)[:, j]
            below = [
                (float(w), b.inputs[i] if k == 0 else b.y[k - 1, i])
                for i, w in enumerate(weights)
                if w and (k == 0 or (k - 1, i) in b.y)
            ]
            return pyo.quicksum(w * v for w, v in below) + float(np.asarray(layer.biases)[j])

        def value(_: Any, k: int, j: int) -> Any:
            net = b.y[k, j] - preactivation(k, j)
            return (net - b.s[k, j] if low[k, j] < 0 else net) == 0

        last = len(self.layers) - 1
        b.neuron = pyo.Constraint(alive, rule=value)
        b.value_if_on = pyo.Constraint(unstable, rule=lambda _, k, j: b.y[k, j] - high[k, j] * b.z[k, j] <= 0)
        b.spare_if_off = pyo.Constraint(
            unstable, rule=lambda _, k, j: b.s[k, j] - low[k, j] * b.z[k, j] <= -low[k, j]
        )
        b.output = pyo.Constraint(
            self.output_indexes, rule=lambda _, i: b.outputs[i] - preactivation(last, i) == 0
        )
