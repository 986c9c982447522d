"""Permuted: a back end that gets the rows and columns of a model in another order."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

from milproute.solvers.interface import Around, Watch

if TYPE_CHECKING:
    from pathlib import Path

    from milproute.formulations import CompiledModel
    from milproute.instances.arrays import Floats, Integers
    from milproute.solvers.interface import Backend
    from milproute.solvers.results import SolveOptions, SolveResult

    Order = Integers


class Permuted(Around):
    """A back end behind a shuffle: the same problem in another order, the answer in the model's own.

    How long a solver takes hangs on the order of rows and columns as much as on its seed; what it finds
    must not.

    Parameters
    ----------
    backend : who solves.
    permutation : seed of the shuffle; 0 leaves everything as built.
    """

    def __init__(self, backend: Backend, permutation: int) -> None:
        super().__init__(backend)
        self.permutation = permutation

    def solve(
        self,
        model: CompiledModel,
        options: SolveOptions,
        start: Floats | None = None,
        watch: Watch | None = None,
    ) -> SolveResult:
        """Solve ``model`` in another order, as `Backend` says."""
        if not self.permutation:
            return self.backend.solve(model, options, start, watch)
        rows, columns = self._orders(model)
        watch = watch or Watch()
        heard = replace(watch, on_incumbent=lambda values: watch.on_incumbent(_back(values, columns)))
        started = None if start is None else start[columns]
        result = self.backend.solve(permuted(model, rows, columns), options, started, heard)
        return replace(
            result,
            values=None if result.values is None else _back(result.values, columns),
            duals=None if result.duals is None else _back(result.duals, rows),
        )

    def write(self, model: CompiledModel, path: Path) -> None:
        """Write ``model`` as the solver gets it."""
        super().write(permuted(model, *self._orders(model)) if self.permutation else model, path)

    def _orders(self, model: CompiledModel) -> tuple[Order, Order]:
        rng = np.random.default_rng(self.permutation)
        rows, columns = model.matrix.shape
        return rng.permutation(rows), rng.permutation(columns)


def permuted(model: CompiledModel, rows: Order, columns: Order) -> CompiledModel:
    """Return ``model`` with row ``rows[i]`` as its i-th and column ``columns[j]`` as its j-th."""
    row_at, column_at = np.argsort(rows), np.argsort(columns)

    def moved(positions: Order, at: Order) -> Order:
        return np.where(positions < 0, positions, at[positions]) if len(at) else positions

    return model.with_changes(
        cost=model.cost[columns],
        matrix=sp.csc_array(sp.csr_array(model.matrix)[rows][:, columns]),
        row_lower=model.row_lower[rows],
        row_upper=model.row_upper[rows],
        lower=model.lower[columns],
        upper=model.upper[columns],
        integer=model.integer[columns],
        column_names=tuple(model.column_names[j] for j in columns) if model.column_names else (),
        row_names=tuple(model.row_names[i] for i in rows) if model.row_names else (),
        columns={name: moved(positions, column_at) for name, positions in model.columns.items()},
        rows={name: moved(positions, row_at) for name, positions in model.rows.items()},
        sos1=tuple(tuple(int(column_at[j]) for j in members) for members in model.sos1),
    )


def _back(values: Floats, order: Order) -> Floats:
    """Return values in another order in that of the model."""
    own = np.empty_like(values)
    own[order] = values
    return own
