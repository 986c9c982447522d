"""OBBT: optimality-based bound tightening, bounds of unstable neurons that duals of linear programs prove."""

from __future__ import annotations

from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

from milproute.formulations.relu.bounds import BoundsError
from milproute.instances.tolerances import ROUND_OFF
from milproute.solvers.argmax.strengthening.certificate import certified_bound
from milproute.solvers.results import SolveOptions
from milproute.solvers.simplex import by_simplex

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from milproute.formulations import CompiledModel
    from milproute.formulations.relu.bounds import Bounds
    from milproute.formulations.relu.neuron_layout import NeuronLayout
    from milproute.instances.arrays import Floats, Rows
    from milproute.solvers.interface import Backend, Watch

SECONDS = 5.0
# A layer is left after this many linear programs in a row of which none gained a part WORTH of a width.
PATIENCE = 8
WORTH = 0.01


def tighten(
    model: CompiledModel,
    layout: NeuronLayout,
    bounds: Bounds,
    backend: Backend,
    *,
    seconds: float = SECONDS,
    refresh: Callable[[Bounds], Bounds] | None = None,
    watch: Watch | None = None,
) -> Bounds:
    """Tighten the bounds of unstable neurons, first layer to last, and the upper bound of Q at the end.

    A pre-activation f is linear in what lies below it, so its largest and smallest value over

        rows of the action set;  y - s = f of earlier layers;  U s - L y <= -L U where L < 0 < U

    (the triangle relaxation of max(0, f)) bound it; `certified_bound` makes the solver's answer a proof.
    Each layer takes the bounds just found for those before it. Two linear programs a neuron at most: the
    side nearer to 0 comes first, and where it shows the neuron stable, the other is left as it is.

    Parameters
    ----------
    model, layout : an `embed` of the net by ``tight``, ``ideal`` or ``sos1``, compiled, and its neurons.
    bounds : bounds of all pre-activations.
    backend : the solver of the linear programs, which must return their duals.
    seconds : wall clock in all; what is proven by then is returned.
    refresh : carries better bounds of a layer to the next ones, such as `crown_bounds`.
    watch : callbacks; ``stop`` ends the tightening.

    Raises
    ------
    BoundsError : the action set is empty.
    """
    end = perf_counter() + seconds
    for layer in range(len(bounds.lower)):
        relaxation = _Relaxation.below(model, layout, bounds, layer)
        bounds = bounds.intersect(_tighten_layer(relaxation, bounds, backend, end, watch))
        if refresh is not None:
            bounds = refresh(bounds)
        if perf_counter() >= end:
            break
    return bounds


def _tighten_layer(
    relaxation: _Relaxation, bounds: Bounds, backend: Backend, end: float, watch: Watch | None
) -> Bounds:
    """Return what linear programs prove of one layer; they stop when they no longer pay or time is up."""
    layer, idle = relaxation.layer, 0
    hidden = layer < len(bounds.lower) - 1
    lower, upper = bounds.lower[layer].copy(), bounds.upper[layer].copy()
    for j, upwards in _order(bounds, layer):
        left = end - perf_counter()
        if left <= 0 or idle >= PATIENCE or (watch is not None and watch.stop.is_set()):
            break
        if hidden and (lower[j] >= 0 or upper[j] <= 0):
            continue
        proven, ended = relaxation.bound(j, upwards, backend, left, watch)
        gain = upper[j] - proven if upwards else proven - lower[j]
        idle = 0 if gain > WORTH * (upper[j] - lower[j]) else idle + 1
        if gain > 0:
            (upper if upwards else lower)[j] = proven
        if not ended:
            break
    return bounds.with_layer(layer, lower, upper)


def _order(bounds: Bounds, layer: int) -> Iterator[tuple[int, bool]]:
    """Yield unstable neurons, the nearest to stable first, with what to compute, True its maximum.

    The side nearer to 0 comes first. Of Q, which has no sign to know, only the maximum is asked.
    """
    if layer == len(bounds.lower) - 1:
        yield 0, True
        return
    low, high = bounds.lower[layer], bounds.upper[layer]
    unstable = np.flatnonzero(~bounds.stable(layer))
    share = np.minimum(-low, high)[unstable] / (high - low)[unstable]
    for j in unstable[np.argsort(share, kind="stable")].tolist():
        upwards = bool(high[j] <= -low[j])
        yield j, upwards
        yield j, not upwards


@dataclass(frozen=True, slots=True)
class _Relaxation:
    """The linear program of all that lies below a layer.

    Parameters
    ----------
    layer : the layer whose pre-activations it bounds.
    model : its rows and columns, without an objective.
    rows : rows of the whole model (csr) by neuron of the layer, -1 where it has none.
    matrix, right : rows of the whole model (csr) and their right-hand sides.
    columns : columns of the whole model, in the order of this one.
    """

    layer: int
    model: CompiledModel
    rows: Rows
    matrix: sp.csr_array
    right: Floats
    columns: Rows

    @classmethod
    def below(cls, model: CompiledModel, layout: NeuronLayout, bounds: Bounds, layer: int) -> _Relaxation:
        """Take the rows of the action set, of its features and of earlier layers; add the triangles."""
        model = layout.with_bounds(model, bounds)
        first = sum(len(low) for low in bounds.lower[:layer])  # neurons below the layer
        matrix = sp.csr_array(model.matrix)
        above = layout.alive >= first
        kept = np.setdiff1d(
            np.arange(matrix.shape[0]),
            np.concatenate([layout.row[above], [layout.output_row], layout.on, layout.off]),
        )
        extra, right = _triangles(layout, bounds, first, matrix.shape[1])
        whole = sp.csc_array(sp.vstack([matrix[kept], extra], format="csc"))
        # Columns without a row stay where a pre-activation may need them: features and values below.
        idle = (layout.y[above], layout.s[layout.unstable >= first], layout.z, layout.outputs)
        columns = np.setdiff1d(np.arange(matrix.shape[1]), np.concatenate(idle))
        part = model.with_changes(
            name=f"below layer {layer}",
            maximize=True,
            cost=np.zeros(len(columns)),
            offset=0.0,
            matrix=sp.csc_array(whole[:, columns]),
            row_lower=np.concatenate([model.row_lower[kept], np.full(len(right), -np.inf)]),
            row_upper=np.concatenate([model.row_upper[kept], right]),
            lower=model.lower[columns],
            upper=model.upper[columns],
            integer=np.zeros(len(columns), dtype=bool),
            column_names=(),
            row_names=(),
            sos1=(),
        )
        rows = np.full(len(bounds.lower[layer]), -1)
        own = above & (layout.alive < first + len(rows))
        rows[layout.alive[own] - first] = layout.row[own]
        if layer == len(bounds.lower) - 1:
            rows[0] = layout.output_row
        return cls(layer, part, rows, matrix, model.row_upper, columns)

    def bound(
        self, neuron: int, upwards: bool, backend: Backend, seconds: float, watch: Watch | None
    ) -> tuple[float, bool]:
        """Bound the pre-activation of a neuron; also say whether the solver came to its end."""
        sign, row = 1.0 if upwards else -1.0, int(self.rows[neuron])
        terms = np.zeros(self.matrix.shape[1])
        own = slice(self.matrix.indptr[row], self.matrix.indptr[row + 1])
        terms[self.matrix.indices[own]] = -self.matrix.data[own]
        part = replace(self.model, cost=sign * terms[self.columns], offset=sign * float(self.right[row]))
        limits = by_simplex(SolveOptions(time_limit=seconds), backend)
        result = backend.solve(part, limits, None, watch)
        if result.status == "infeasible":
            raise BoundsError(f"{part.name}: no action is left; the action set is empty or a bound is wrong")
        if result.duals is None:
            return sign * float("inf"), False
        return sign * certified_bound(part, result.duals), result.status == "optimal"


def _triangles(layout: NeuronLayout, bounds: Bounds, first: int, width: int) -> tuple[sp.coo_array, Floats]:
    """Return the rows (U s - L y) / (U - L) <= -L U / (U - L) of unstable neurons before ``first``."""
    lower, upper = bounds.of_hidden()
    low, high = lower[layout.unstable], upper[layout.unstable]
    open_ = np.flatnonzero((layout.unstable < first) & (low < 0) & (high > 0))
    slope, share = -low[open_] / (high - low)[open_], high[open_] / (high - low)[open_]
    columns = np.concatenate([layout.y[layout.position[open_]], layout.s[open_]])
    numbers = np.tile(np.arange(len(open_)), 2)
    rows = sp.coo_array((np.concatenate([slope, share]), (numbers, columns)), shape=(len(open_), width))
    return rows, slope * high[open_] * (1 + ROUND_OFF)
