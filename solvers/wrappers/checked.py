"""Checked: a back end whose claims are reckoned again from the matrices of the model."""

from __future__ import annotations

from dataclasses import replace
from math import fsum, isfinite
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

from milproute.instances.tolerances import FEASIBILITY
from milproute.solvers.interface import Around

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from milproute.formulations import CompiledModel
    from milproute.instances.arrays import Floats, Integers
    from milproute.solvers.interface import Watch
    from milproute.solvers.results import SolveOptions, SolveResult


SHOWN = 5  # breaches that a message lists


class Checked(Around):
    """A back end that is not believed: a claim that the matrices refute becomes ``wrong_solution``.

    Parameters
    ----------
    backend : who solves.
    """

    def solve(
        self,
        model: CompiledModel,
        options: SolveOptions,
        start: Floats | None = None,
        watch: Watch | None = None,
    ) -> SolveResult:
        """Solve ``model``, as `Backend` says, and check the answer."""
        result = self.backend.solve(model, options, start, watch)
        found = breaches(model, result)
        if not found:
            return result
        more = f"; {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        message = f"{self.name} gives a wrong answer: {'; '.join(found[:SHOWN])}{more}"
        return replace(result, status="wrong_solution", message=message)


def breaches(model: CompiledModel, result: SolveResult) -> list[str]:
    """Return what a claim breaks, a sentence each, with the row or column and by how much.

    Checked with exactly rounded sums (`math.fsum`), whatever the solver says:

        l_j - t <= x_j <= u_j + t;  |x_j - round(x_j)| <= t where whole                 t = 1e-6
        at most one |x_j| > t in an SOS1 set
        d_i - t s_i <= a_i x <= e_i + t s_i       s_i = max(1, largest |a_ij x_j|, |side|)
        |objective - (c x + offset)| <= t max(1, largest |c_j x_j|, |objective|)
        objective <= bound + t max(1, |objective|) of a maximum, and the reverse of a minimum

    Numpy screens all rows; only those near or beyond the tolerance are summed exactly.
    """
    if result.values is None:
        return ["an objective comes without values"] if result.objective is not None else []
    values, columns = np.asarray(result.values, dtype=float), model.matrix.shape[1]
    if values.shape != (columns,):
        return [f"{values.size} values for {columns} columns"]
    if not np.isfinite(values).all():
        j = int(np.flatnonzero(~np.isfinite(values))[0])
        return [f"{_column(model, j)} is {values[j]}"]
    claims = (f"{result.status} comes with values",) if result.status in ("infeasible", "unbounded") else ()
    return [
        *claims,
        *_bound_breaches(model, values),
        *_whole_breaches(model, values),
        *_set_breaches(model, values),
        *_row_breaches(model, values),
        *_objective_breaches(model, values, result),
    ]


def _bound_breaches(model: CompiledModel, values: Floats) -> Iterator[str]:
    below, above = model.lower - values, values - model.upper
    for j in np.flatnonzero(np.maximum(below, above) > FEASIBILITY).tolist():
        side, amount = (model.lower[j], below[j]) if below[j] > above[j] else (model.upper[j], above[j])
        yield f"{_column(model, j)} = {values[j]:z.9g} breaks its bound {side:z.9g} by {amount:.2g}"


def _whole_breaches(model: CompiledModel, values: Floats) -> Iterator[str]:
    off = np.where(model.integer, np.abs(values - np.round(values)), 0.0)
    for j in np.flatnonzero(off > FEASIBILITY).tolist():
        yield f"{_column(model, j)} = {values[j]:z.9g} is not whole, by {off[j]:.2g}"


def _set_breaches(model: CompiledModel, values: Floats) -> Iterator[str]:
    for number, members in enumerate(model.sos1):
        used = [j for j in members if abs(values[j]) > FEASIBILITY]
        if len(used) > 1:
            both = ", ".join(f"{_column(model, j)} = {values[j]:z.9g}" for j in used[:3])
            yield f"{len(used)} members of SOS1 set {number} are not 0: {both}"


def _row_breaches(model: CompiledModel, values: Floats) -> Iterator[str]:
    matrix = sp.csr_array(model.matrix)
    terms = matrix.multiply(values[None, :]).tocsr()
    largest = abs(terms).max(axis=1).toarray().ravel() if matrix.nnz else np.zeros(matrix.shape[0])
    activity = np.asarray(matrix @ values)
    lower, upper = model.row_lower, model.row_upper
    with np.errstate(invalid="ignore"):
        excess = np.maximum(lower - activity, activity - upper)
    # Rounding errors of numpy's sums are far below half the tolerance times the scale.
    for i in np.flatnonzero(excess > 0.5 * FEASIBILITY * np.maximum(1.0, largest)).tolist():
        own = slice(matrix.indptr[i], matrix.indptr[i + 1])
        entries, places = matrix.data[own].tolist(), matrix.indices[own].tolist()
        exact = [a * float(values[j]) for a, j in zip(entries, places, strict=True)]
        for side, sign in ((float(lower[i]), -1.0), (float(upper[i]), 1.0)):
            if not isfinite(side):
                continue
            amount = sign * fsum([*exact, -side])
            if amount > FEASIBILITY * max(1.0, abs(side), *map(abs, exact)):
                yield f"{_row(model, i)} = {fsum(exact):z.9g} breaks its side {side:z.9g} by {amount:.2g}"


def _objective_breaches(model: CompiledModel, values: Floats, result: SolveResult) -> Iterator[str]:
    terms = (model.cost * values).tolist()
    true = fsum([*terms, model.offset])
    claimed = result.objective
    if claimed is None:
        yield "values come without an objective"
        return
    scale = max(1.0, abs(claimed), *map(abs, terms))
    if not abs(claimed - true) <= FEASIBILITY * scale:
        yield f"the objective is {true:z.9g}, not {claimed:z.9g} as claimed"
    if result.bound is None:
        return
    short = (true - result.bound) if model.maximize else (result.bound - true)
    if not short <= FEASIBILITY * max(1.0, abs(true)):
        claims = f"the bound {result.bound:z.9g} is on the wrong side of the objective {true:z.9g}"
        yield f"{claims}, by {short:.2g}"


def _column(model: CompiledModel, j: int) -> str:
    return (
        f"column {model.column_names[j]}" if model.column_names else f"column {j}{_member(model.columns, j)}"
    )


def _row(model: CompiledModel, i: int) -> str:
    return f"row {model.row_names[i]}" if model.row_names else f"row {i}{_member(model.rows, i)}"


def _member(components: Mapping[str, Integers], position: int) -> str:
    """Say of which component a row or column is, and which of its members."""
    for name, positions in components.items():
        found = np.flatnonzero(positions == position)
        if len(found):
            return f" ({name}, member {found[0]})"
    return ""
