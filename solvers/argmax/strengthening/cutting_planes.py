"""Cutting planes in rounds: a stronger linear relaxation of an embedded net for the solver to start from."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

from milproute.formulations.action_sets.path_encoding import PathLayout
from milproute.formulations.embedding import FEATURE_ROWS
from milproute.formulations.relu.ideal_cuts import BoxInputs, Simplices
from milproute.instances.tolerances import FEASIBILITY
from milproute.solvers.results import SolveOptions
from milproute.solvers.simplex import by_simplex

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from milproute.formulations import CompiledModel
    from milproute.formulations.relu.ideal_cuts import Cut
    from milproute.formulations.relu.neuron_layout import NeuronLayout
    from milproute.instances.arrays import Floats, Rows
    from milproute.solvers.interface import Backend, Watch

    Row = tuple[Rows, Floats, float]  # columns, coefficients, right-hand side of a cut

ROUNDS = 5
SECONDS = 5.0
WORTH = 1e-3  # part of the bound that a round must gain for another one
CUTS = "ideal_cuts"


def add_cuts(
    model: CompiledModel,
    layout: NeuronLayout,
    backend: Backend,
    *,
    rounds: int = ROUNDS,
    seconds: float = SECONDS,
    watch: Watch | None = None,
) -> tuple[CompiledModel, list[float]]:
    """Append cuts that the linear relaxation violates, round by round; drop those that do not bind.

    Neurons that read features of path columns get the inequalities over the product of simplices, all
    others those over the box of their inputs (see `ideal_cuts`); at most one a neuron and round. No action is
    cut off, so the optimum stays. Rounds end when none is violated, when one gains
    less than a thousandth of the bound, or when time is up.

    Parameters
    ----------
    model, layout : an `embed` of the net by ``tight`` or ``ideal``, compiled, with
        `NeuronLayout.with_loose_q_bounds`, and its neurons.
    backend : the solver of the linear relaxations.
    rounds, seconds : largest number of rounds, and wall clock in all.
    watch : callbacks; ``stop`` ends the rounds.

    Returns
    -------
    CompiledModel : with the cuts as its last rows, component ``ideal_cuts``.
    list[float] : bounds of the relaxation, before the first round and after each; empty if it was not
        solved in time.
    """
    end = perf_counter() + seconds
    paths = PathLayout.find(model)
    first, layers = _first_layer(model, layout, paths), list(_layers(model, layout, paths))
    cuts: list[Row] = []
    bounds: list[float] = []
    while True:
        left = end - perf_counter()
        if left <= 0 or (watch is not None and watch.stop.is_set()):
            break
        relaxed = with_rows(model, cuts).relaxed()
        limits = by_simplex(SolveOptions(time_limit=left), backend)
        result = backend.solve(relaxed, limits, None, watch)
        if result.status != "optimal" or result.values is None or result.bound is None:
            break
        bounds.append(result.bound)
        cuts = [cut for cut in cuts if _binds(cut, result.values)]
        small = len(bounds) > 1 and abs(bounds[-2] - bounds[-1]) < WORTH * max(1.0, abs(bounds[-1]))
        if len(bounds) > rounds or small:
            return with_rows(model, cuts), bounds
        fresh = [] if first is None else list(first.violated(result.values))
        for layer in layers:
            fresh.extend(layer.violated(result.values))
        if not fresh:
            return with_rows(model, cuts), bounds
        cuts = [*cuts, *fresh]
    return with_rows(model, cuts), bounds


def with_rows(model: CompiledModel, cuts: Sequence[Row]) -> CompiledModel:
    """Return a model with rows ``coefficients @ x[columns] <= right`` below its own."""
    rows, columns = model.matrix.shape
    lengths = [len(members) for members, _, _ in cuts]
    entries = np.concatenate([values for _, values, _ in cuts] or [np.zeros(0)])
    members = np.concatenate([members for members, _, _ in cuts] or [np.zeros(0, np.int64)])
    extra = sp.csr_array(
        (entries, members, np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)),
        shape=(len(cuts), columns),
    )
    return model.with_changes(
        matrix=sp.csc_array(sp.vstack([model.matrix, extra], format="csc")),
        row_lower=np.concatenate([model.row_lower, np.full(len(cuts), -np.inf)]),
        row_upper=np.concatenate([model.row_upper, [right for _, _, right in cuts]]),
        row_names=(*model.row_names, *(f"{CUTS}_{i}" for i in range(len(cuts)))) if model.row_names else (),
        rows={**model.rows, CUTS: np.arange(rows, rows + len(cuts))},
    )


def _binds(cut: Row, values: Floats) -> bool:
    members, coefficients, right = cut
    return float(coefficients @ values[members]) > right - FEASIBILITY * (1.0 + abs(right))


@dataclass(frozen=True, slots=True)
class _Neurons:
    """Unstable neurons with the same inputs.

    Parameters
    ----------
    y, s, z : their columns, shape (neurons,).
    inputs : columns that they read.
    weights, constants : of them, shapes (neurons, inputs) and (neurons,).
    lower, upper : bounds of the inputs.
    """

    y: Rows
    s: Rows
    z: Rows
    inputs: Rows
    weights: Floats
    constants: Floats
    lower: Floats
    upper: Floats

    def violated(self, values: Floats) -> Iterator[Row]:
        """Yield the most violated cut over the box of each neuron that has one."""
        box = BoxInputs(self.lower, self.upper)
        for j, (weights, constant) in enumerate(zip(self.weights, self.constants.tolist(), strict=True)):
            cut, side = box.cut(weights, constant, values[self.inputs], float(values[self.z[j]]))
            if values[self.y[j]] > side + FEASIBILITY * (1.0 + abs(side)):
                yield self.row(j, cut, self.inputs)

    def row(self, j: int, cut: Cut, inputs: Rows) -> Row:
        """Return a cut of one neuron as a row of the model."""
        some = np.flatnonzero(cut.others)
        own = self.s[j] if cut.spare else self.y[j]
        return (
            np.concatenate([[own, self.z[j]], inputs[some]]).astype(np.int64),
            np.concatenate([[1.0, cut.z], cut.others[some]]),
            cut.right,
        )


@dataclass(frozen=True, slots=True)
class _PathNeurons:
    """Unstable neurons of the first layer as functions of the path columns themselves."""

    neurons: _Neurons
    paths: Rows
    weights: Floats  # (paths, neurons)
    simplices: Simplices

    def violated(self, values: Floats) -> Iterator[Row]:
        """Yield the most violated cut over the simplices of each neuron that has one."""
        own, x = self.neurons, np.maximum(0.0, values[self.paths])
        z = np.clip(values[own.z], 0.0, 1.0)
        thresholds = self.simplices.thresholds(self.weights, x, z)
        sides = self.simplices.right_sides(self.weights, own.constants, thresholds, x, z)
        for j in np.flatnonzero(values[own.y] > sides + FEASIBILITY * (1.0 + np.abs(sides))).tolist():
            cut = self.simplices.cut(self.weights[:, j], float(own.constants[j]), thresholds[:, j])
            yield own.row(j, cut, self.paths)


def _first_layer(model: CompiledModel, layout: NeuronLayout, paths: PathLayout | None) -> _PathNeurons | None:
    """Read neurons that are functions of path columns: feature = sum of its value of each path taken."""
    neurons = None if paths is None else _read(model, layout, layout.inputs)
    if paths is None or neurons is None:
        return None
    matrix = sp.csr_array(model.matrix)
    read = np.flatnonzero(np.isin(layout.inputs, neurons.inputs))
    rows = matrix[model.rows[FEATURE_ROWS][read]]
    # Each row: unit * feature - sum of effects = 0.
    units = np.array([rows[i, column] for i, column in enumerate(layout.inputs[read].tolist())])
    effect = sp.csr_array(-rows[:, paths.choice] / units[:, None])
    owner = matrix[paths.one_path][:, paths.choice].tocsc()
    simplices = Simplices(owner.indices.astype(np.int64), model.row_upper[paths.one_path])
    weights = np.asarray(effect.T @ neurons.weights.T)
    return _PathNeurons(neurons, paths.choice, weights, simplices)


def _layers(model: CompiledModel, layout: NeuronLayout, paths: PathLayout | None) -> Iterator[_Neurons]:
    """Yield the neurons that read features which are not of path columns, then those that read neurons."""
    for inputs in (*([layout.inputs] if paths is None else []), layout.y):
        neurons = _read(model, layout, inputs)
        if neurons is not None:
            yield neurons


def _read(model: CompiledModel, layout: NeuronLayout, inputs: Rows) -> _Neurons | None:
    """Return the unstable neurons whose rows y - s - w x = c read ``inputs``, None if there is none."""
    rows, y = layout.row[layout.position], layout.y[layout.position]
    matrix = sp.csr_array(model.matrix)[rows]
    inputs = inputs[inputs >= 0]  # a net that no action moves has an input without a column
    weights = -matrix[:, inputs].toarray()
    weights[y[:, None] == inputs] = 0.0  # the neuron itself
    open_ = (weights != 0).any(axis=1)
    open_ &= model.lower[layout.z] < model.upper[layout.z]
    if not open_.any():
        return None
    read = np.flatnonzero((weights[open_] != 0).any(axis=0))
    return _Neurons(
        y[open_],
        layout.s[open_],
        layout.z[open_],
        inputs[read],
        weights[open_][:, read],
        model.row_upper[rows[open_]],
        model.lower[inputs[read]],
        model.upper[inputs[read]],
    )
