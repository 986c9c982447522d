"""Bound tightening by linear programs: bounds of unstable neurons that its duals prove, not its claims."""

from __future__ import annotations

from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

from milproute.formulations.relu.bounds import Bounds, BoundsError
from milproute.instances.tolerances import ROUND_OFF, SOLVER_NOISE
from milproute.solvers.results import SolveOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from milproute.formulations import CompiledModel
    from milproute.instances.arrays import Floats, Rows
    from milproute.solvers.interface import Backend, Watch

    Neuron = tuple[int, int]  # layer, neuron

# Two to ten times as fast on relaxations of embedded nets as presolve, interior point or warm starts from
# the linear program before (measured: neighbours have little in common but their rows).
NATIVE: Mapping[str, Mapping[str, Any]] = {"highs": {"presolve": "off", "solver": "simplex"}}
SECONDS = 5.0
# A layer is left after this many linear programs in a row of which none gained a part WORTH of a width.
PATIENCE = 8
WORTH = 0.01


def certified_bound(model: CompiledModel, duals: Floats) -> float:
    """Return a bound on the objective of a linear program that holds for any ``duals`` whatsoever.

        max c x  <=  sum_i max(v_i d_i, v_i e_i) + sum_j max(r_j l_j, r_j u_j),   r = c - A^T v

    for rows d <= A x <= e and columns l <= x <= u. A multiplier of an infinite side is set to 0; rounding
    errors are bounded and absorbed outwards. How good the bound is depends on the solver; that it is one
    does not. A minimum is bounded from below in the same way.

    Returns
    -------
    float : infinite where a column that is not idle has an infinite bound.
    """
    return _certificate(model, duals)[0]


def _certificate(model: CompiledModel, duals: Floats) -> tuple[float, Floats]:
    """Return the bound, and the reduced costs it rests on in the direction of a maximum."""
    sign = 1.0 if model.maximize else -1.0
    cost, given = sign * model.cost, np.where(np.isfinite(duals), sign * duals, 0.0)
    side = np.where(given > 0, model.row_upper, model.row_lower)
    used = (given != 0) & np.isfinite(side)
    multiplier = np.where(used, given, 0.0)
    by_row = multiplier * np.where(used, side, 0.0)
    reduced = cost - model.matrix.T @ multiplier
    terms = np.abs(cost) + abs(model.matrix).T @ np.abs(multiplier)
    unit = (sum(model.matrix.shape) + 10) * np.finfo(float).eps
    free = terms == 0
    end = np.where(free, 0.0, np.where(reduced > 0, model.upper, model.lower))
    reach = np.where(free, 0.0, np.maximum(np.abs(model.lower), np.abs(model.upper)))
    if not np.isfinite(reach).all():
        return sign * float("inf"), reduced
    error = unit * (terms @ reach + np.abs(by_row).sum() + abs(model.offset))
    return sign * float(by_row.sum() + reduced @ end + sign * model.offset + error), reduced


def drop_columns(model: CompiledModel, duals: Floats, component: str, incumbent: float) -> CompiledModel:
    """Fix at 0 the whole columns of a component that are in no solution better than ``incumbent``.

    Taking one unit of a column with reduced cost r < 0 lowers the certified bound of the relaxation by -r;
    where that is below the incumbent, the column stays at 0. No solution as good as the incumbent is lost,
    hence not the incumbent itself.

    Parameters
    ----------
    model : a maximum; ``duals`` are any of its relaxation.
    """
    bound, reduced = _certificate(model.relaxed(), duals)
    columns = model.columns[component]
    columns = columns[columns >= 0]
    open_ = columns[model.integer[columns] & (model.lower[columns] == 0) & (reduced[columns] < 0)]
    size = abs(model.cost) @ np.where(np.isfinite(model.upper), abs(model.upper), 0.0)
    slack = SOLVER_NOISE * max(1.0, abs(incumbent)) + ROUND_OFF * float(size)
    upper = model.upper.copy()
    upper[open_[bound + reduced[open_] < incumbent - slack]] = 0.0
    return model.with_changes(upper=upper)


def tighten(
    model: CompiledModel,
    bounds: Bounds,
    backend: Backend,
    *,
    seconds: float = SECONDS,
    refresh: Callable[[Bounds], Bounds] | None = None,
    watch: Watch | None = None,
) -> Bounds:
    """Tighten the bounds of unstable neurons, first layer to last, and the ceiling of Q at the end.

    A pre-activation f is linear in what lies below it, so its largest and smallest value over

        rows of the action set;  y - s = f of earlier layers;  U s - L y <= -L U where L < 0 < U

    (the triangle relaxation of max(0, f)) bound it; `certified_bound` makes the solver's answer a proof.
    Each layer takes the bounds just found for those before it. Two linear programs a neuron at most: the
    side nearer to 0 comes first, and where it shows the neuron stable, the other is left as it is.

    Parameters
    ----------
    model : an `embed` of the net by ``tight``, ``ideal`` or ``sos1``, compiled with ``bounds``.
    bounds : of all pre-activations.
    backend : of the linear programs, which must return their duals.
    seconds : of wall clock in all; what is proven by then is returned.
    refresh : carries better bounds of a layer to the next ones, such as `crown_bounds`.
    watch : its ``stop`` ends the tightening.

    Raises
    ------
    BoundsError : the action set is empty.
    """
    end = perf_counter() + seconds
    places = _Places.of(model, bounds)
    for layer in range(len(bounds.lower)):
        relaxation = _Relaxation.below(model, places, bounds, layer)
        better = _tighten_layer(relaxation, places, bounds, backend, end, watch)
        bounds = bounds.intersect(better)
        if refresh is not None:
            bounds = refresh(bounds)
        if perf_counter() >= end:
            break
    return bounds


def _tighten_layer(
    relaxation: _Relaxation,
    places: _Places,
    bounds: Bounds,
    backend: Backend,
    end: float,
    watch: Watch | None,
) -> Bounds:
    """Return what linear programs prove of one layer; they stop when they no longer pay or time is up."""
    layer, idle = relaxation.layer, 0
    lower, upper = bounds.lower[layer].copy(), bounds.upper[layer].copy()
    for j, upwards in _order(bounds, layer):
        left = end - perf_counter()
        if left <= 0 or idle >= PATIENCE or (watch is not None and watch.stop.is_set()):
            break
        if (layer, j) in places.y and (lower[j] >= 0 or upper[j] <= 0):
            continue
        proven, ended = relaxation.bound(places.row[layer, j], upwards, backend, left, watch)
        gain = upper[j] - proven if upwards else proven - lower[j]
        idle = 0 if gain > WORTH * (upper[j] - lower[j]) else idle + 1
        if gain > 0:
            (upper if upwards else lower)[j] = proven
        if not ended:
            break
    return Bounds(
        (*bounds.lower[:layer], lower, *bounds.lower[layer + 1 :]),
        (*bounds.upper[:layer], upper, *bounds.upper[layer + 1 :]),
    )


def push_bounds(model: CompiledModel, built: Bounds, bounds: Bounds) -> CompiledModel:
    """Return a compiled ``tight``, ``ideal`` or ``sos1`` embedding with better bounds in the same arrays.

    A neuron that became stable has its binary fixed; the others get new U and L as bounds of y and s and
    as coefficients of z; Q gets bounds that never bind, without which nothing can be certified. The result
    states the same net as a fresh `embed` with ``bounds`` does.

    Parameters
    ----------
    built : the bounds that ``model`` was compiled with.
    """
    places = _Places.of(model, built)
    lower, upper, row_upper = model.lower.copy(), model.upper.copy(), model.row_upper.copy()
    matrix = sp.csc_array(model.matrix, copy=True)
    for (k, j), y in places.y.items():
        lower[y] = max(0.0, bounds.lower[k][j])
        upper[y] = max(0.0, bounds.upper[k][j])
    q = model.columns["qnet.outputs"]
    room = bounds.upper[-1] - bounds.lower[-1] + 1.0  # a bound that binds would take all duals to itself
    lower[q], upper[q] = bounds.lower[-1] - room, bounds.upper[-1] + room
    for i, (k, j) in enumerate(places.s):
        low, high = float(bounds.lower[k][j]), float(bounds.upper[k][j])
        upper[places.s[k, j]] = max(0.0, -low)
        if "qnet.z" not in model.columns:
            continue
        z = model.columns["qnet.z"][i]
        if high <= 0:
            upper[z] = 0.0
        elif low >= 0:
            lower[z] = 1.0
        else:
            on, off = model.rows["qnet.value_if_on"][i], model.rows["qnet.spare_if_off"][i]
            own = slice(matrix.indptr[z], matrix.indptr[z + 1])
            data, rows = matrix.data[own], matrix.indices[own]
            data[rows == on], data[rows == off] = -high, -low
            row_upper[off] = -low
    return model.with_changes(matrix=matrix, lower=lower, upper=upper, row_upper=row_upper)


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
class _Places:
    """Where the neurons of a net are in a compiled model: its rows, columns of value and spare part."""

    row: Mapping[Neuron, int]
    y: Mapping[Neuron, int]
    s: Mapping[Neuron, int]

    @classmethod
    def of(cls, model: CompiledModel, built: Bounds) -> _Places:
        """Read the order in which `TightReluFormulation` lists neurons."""
        *hidden, last = range(len(built.lower))
        alive = [(k, j) for k in hidden for j in np.flatnonzero(built.upper[k] > 0).tolist()]
        unstable = [(k, j) for k, j in alive if built.lower[k][j] < 0]
        rows = dict(zip(alive, model.rows["qnet.neuron"].tolist(), strict=True))
        return cls(
            rows | {(last, 0): int(model.rows["qnet.output"][0])},
            dict(zip(alive, model.columns["qnet.y"].tolist(), strict=True)),
            dict(zip(unstable, model.columns["qnet.s"].tolist(), strict=True)),
        )


@dataclass(frozen=True, slots=True)
class _Relaxation:
    """The linear program of all that lies below a layer.

    Parameters
    ----------
    layer : whose pre-activations it bounds.
    model : its rows and columns, without an objective.
    neurons : rows of the whole model (csr), of which a pre-activation is read.
    right : right-hand sides of those rows.
    columns : of the whole model, in the order of this one.
    """

    layer: int
    model: CompiledModel
    neurons: sp.csr_array
    right: Floats
    columns: Rows

    @classmethod
    def below(cls, model: CompiledModel, places: _Places, bounds: Bounds, layer: int) -> _Relaxation:
        """Take the rows of the action set, of its features and of earlier layers; add the triangles."""
        matrix = sp.csr_array(model.matrix)
        dropped = [row for (k, _), row in places.row.items() if k >= layer]
        for component in ("qnet.value_if_on", "qnet.spare_if_off"):
            dropped.extend(model.rows.get(component, np.zeros(0, np.int64)).tolist())
        kept = np.setdiff1d(np.arange(matrix.shape[0]), dropped)
        lower, upper = model.lower.copy(), model.upper.copy()
        triangles = list(_triangles(places, bounds, layer))
        for (k, j), y in places.y.items():
            lower[y], upper[y] = max(0.0, bounds.lower[k][j]), max(0.0, bounds.upper[k][j])
            if (k, j) in places.s:
                upper[places.s[k, j]] = max(0.0, -bounds.lower[k][j])
        members = np.array([places.y[n] for n, *_ in triangles] + [places.s[n] for n, *_ in triangles], int)
        entries = np.array([a for _, a, _, _ in triangles] + [b for _, _, b, _ in triangles])
        numbers = np.tile(np.arange(len(triangles)), 2)
        extra = sp.coo_array((entries, (numbers, members)), shape=(len(triangles), matrix.shape[1]))
        whole = sp.csc_array(sp.vstack([matrix[kept], extra], format="csc"))
        # Columns without a row stay where a pre-activation may need them: features and values below.
        above = [c for part in (places.y, places.s) for (k, _), c in part.items() if k >= layer]
        columns = np.setdiff1d(np.arange(matrix.shape[1]), [*above, *_idle(model)])
        part = model.with_changes(
            name=f"below layer {layer}",
            maximize=True,
            cost=np.zeros(len(columns)),
            offset=0.0,
            matrix=sp.csc_array(whole[:, columns]),
            row_lower=np.concatenate([model.row_lower[kept], np.full(len(triangles), -np.inf)]),
            row_upper=np.concatenate([model.row_upper[kept], [right for *_, right in triangles]]),
            lower=lower[columns],
            upper=upper[columns],
            integer=np.zeros(len(columns), dtype=bool),
            column_names=(),
            row_names=(),
            sos1=(),
        )
        return cls(layer, part, matrix, model.row_upper, columns)

    def bound(
        self, row: int, upwards: bool, backend: Backend, seconds: float, watch: Watch | None
    ) -> tuple[float, bool]:
        """Bound the pre-activation that a row defines; also say whether the solver came to its end."""
        sign = 1.0 if upwards else -1.0
        terms = np.zeros(self.neurons.shape[1])
        own = slice(self.neurons.indptr[row], self.neurons.indptr[row + 1])
        terms[self.neurons.indices[own]] = -self.neurons.data[own]
        part = replace(self.model, cost=sign * terms[self.columns], offset=sign * float(self.right[row]))
        limits = SolveOptions(time_limit=seconds, native=NATIVE.get(backend.name, {}))
        result = backend.solve(part, limits, None, watch)
        if result.status == "infeasible":
            raise BoundsError(f"{part.name}: no action is left; the action set is empty or a bound is wrong")
        if result.duals is None:
            return sign * float("inf"), False
        return sign * certified_bound(part, result.duals), result.status == "optimal"


def _triangles(places: _Places, bounds: Bounds, layer: int) -> Iterator[tuple[Neuron, float, float, float]]:
    """Yield unstable neurons below a layer with the row a y + b s <= right above max(0, f)."""
    for k, j in places.s:
        low, high = float(bounds.lower[k][j]), float(bounds.upper[k][j])
        if k < layer and low < 0 < high:
            width = high - low
            yield (k, j), -low / width, high / width, -low / width * high * (1 + ROUND_OFF)


def _idle(model: CompiledModel) -> Iterator[int]:
    """Yield the columns that the relaxation has no use for: binaries of neurons and the output."""
    for component in ("qnet.z", "qnet.outputs"):
        yield from model.columns.get(component, np.zeros(0, np.int64)).tolist()
