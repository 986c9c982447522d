"""Where the neurons of an embedded net are in the compiled arrays, and how new bounds are written into these.

The names of the components are those of `TightReluFormulation`, which declares them; nothing else knows them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

if TYPE_CHECKING:
    from milproute.formulations.compiled import CompiledModel
    from milproute.formulations.relu.bounds import Bounds
    from milproute.instances.arrays import Floats, Rows

BLOCK = "qnet"


@dataclass(frozen=True)
class NeuronLayout:
    """Rows and columns of the hidden neurons of a ``tight``, ``ideal`` or ``sos1`` embedding.

    Neurons are counted through all hidden layers. ``alive`` ones have a column y and a row y - s = f,
    ``unstable`` ones besides a spare part s = y - f and, unless they are SOS1 sets, a binary z with two rows.

    Parameters
    ----------
    alive, unstable : neurons by their number, ascending; the second are among the first.
    y, row : of each alive neuron.
    s, z, on, off : of each unstable neuron: spare part, binary, the rows y <= U z and s <= -L (1 - z); ``z``,
        ``on`` and ``off`` are empty where there are no binaries.
    inputs, outputs : columns of what the net reads and of Q.
    output_row : row that defines Q.
    on_data, off_data : places of the coefficients of z in the matrix, empty as ``z`` is.
    """

    alive: Rows
    unstable: Rows
    y: Rows
    row: Rows
    s: Rows
    z: Rows
    on: Rows
    off: Rows
    inputs: Rows
    outputs: Rows
    output_row: int
    on_data: Rows
    off_data: Rows

    @classmethod
    def of(cls, model: CompiledModel, built: Bounds) -> NeuronLayout:
        """Locate the neurons of a model that was built with the bounds ``built``."""
        lower, upper = built.of_hidden()
        alive = np.flatnonzero(upper > 0)
        unstable = alive[lower[alive] < 0]
        none = np.zeros(0, dtype=np.int64)
        z, on, off = (
            model.columns.get(f"{BLOCK}.z", none),
            model.rows.get(f"{BLOCK}.value_if_on", none),
            model.rows.get(f"{BLOCK}.spare_if_off", none),
        )
        return cls(
            alive=alive,
            unstable=unstable,
            y=model.columns[f"{BLOCK}.y"],
            row=model.rows[f"{BLOCK}.neuron"],
            s=model.columns.get(f"{BLOCK}.s", none),
            z=z,
            on=on,
            off=off,
            inputs=model.columns[f"{BLOCK}.inputs"],
            outputs=model.columns[f"{BLOCK}.outputs"],
            output_row=int(model.rows[f"{BLOCK}.output"][0]),
            on_data=_places(model.matrix, on, z),
            off_data=_places(model.matrix, off, z),
        )

    @cached_property
    def position(self) -> Rows:
        """Position of each unstable neuron among the alive ones."""
        return np.searchsorted(self.alive, self.unstable)

    def with_bounds(
        self, model: CompiledModel, bounds: Bounds, biases: Floats | None = None
    ) -> CompiledModel:
        """Return the model with other bounds of its neurons in the same arrays.

        A neuron that became stable has its binary fixed; the others get new U and L as bounds of y and s and
        as coefficients of z. The result states the same net as a fresh `embed` with ``bounds`` does, as long
        as every neuron that is not stable under them has its columns.

        Parameters
        ----------
        biases : of all hidden neurons, where the state that is folded into the net has changed.
        """
        low, high = bounds.of_hidden()
        lower, upper, row_lower, row_upper = (
            part.copy() for part in (model.lower, model.upper, model.row_lower, model.row_upper)
        )
        lower[self.y], upper[self.y] = np.maximum(low[self.alive], 0.0), np.maximum(high[self.alive], 0.0)
        low, high = low[self.unstable], high[self.unstable]
        upper[self.s] = np.maximum(-low, 0.0)
        data = model.matrix.data
        if len(self.z):
            data = data.copy()
            data[self.on_data], data[self.off_data] = -np.maximum(high, 0.0), np.maximum(-low, 0.0)
            row_upper[self.off] = np.maximum(-low, 0.0)
            lower[self.z], upper[self.z] = low >= 0, (low >= 0) | (high > 0)
        if biases is not None:
            row_lower[self.row] = row_upper[self.row] = biases[self.alive]
        pattern = (data, model.matrix.indices, model.matrix.indptr)
        return model.with_changes(
            matrix=sp.csc_array(pattern, shape=model.matrix.shape),
            lower=lower,
            upper=upper,
            row_lower=row_lower,
            row_upper=row_upper,
        )

    def with_loose_q_bounds(self, model: CompiledModel, bounds: Bounds) -> CompiledModel:
        """Return the model with bounds of Q that never bind, without which no dual could certify anything."""
        lower, upper = model.lower.copy(), model.upper.copy()
        # A bound that binds would take all duals to itself.
        margin = bounds.upper[-1] - bounds.lower[-1] + 1.0
        lower[self.outputs], upper[self.outputs] = bounds.lower[-1] - margin, bounds.upper[-1] + margin
        return model.with_changes(lower=lower, upper=upper)


def _places(matrix: sp.csc_array, rows: Rows, columns: Rows) -> Rows:
    """Return where the entries (row, column) are in the data of a csc matrix."""
    found = []
    for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
        begin, end = matrix.indptr[column : column + 2]
        found.append(int(begin) + int(np.flatnonzero(matrix.indices[begin:end] == row)[0]))
    return np.array(found, dtype=np.int64)
