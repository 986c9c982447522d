"""Certificates: bounds of linear programs that hold whatever duals a solver returns, and what they fix."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from milproute.instances.tolerances import ROUND_OFF, SOLVER_NOISE

if TYPE_CHECKING:
    from milproute.formulations import CompiledModel
    from milproute.instances.arrays import Floats, Rows


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
    largest = np.where(free, 0.0, np.maximum(np.abs(model.lower), np.abs(model.upper)))
    if not np.isfinite(largest).all():
        return sign * float("inf"), reduced
    error = unit * (terms @ largest + np.abs(by_row).sum() + abs(model.offset))
    return sign * float(by_row.sum() + reduced @ end + sign * model.offset + error), reduced


def fix_by_reduced_cost(
    model: CompiledModel, duals: Floats, columns: Rows, incumbent: float
) -> CompiledModel:
    """Fix at 0 the whole columns, among ``columns``, that are in no solution better than ``incumbent``.

    Taking one unit of a column with reduced cost r < 0 lowers the certified bound of the relaxation by -r;
    where that is below the incumbent, the column stays at 0. No solution as good as the incumbent is lost,
    hence not the incumbent itself.

    Parameters
    ----------
    model : a maximum; ``duals`` are any of its relaxation.
    columns : places of columns; those below 0 are left out.
    """
    bound, reduced = _certificate(model.relaxed(), duals)
    columns = columns[columns >= 0]
    open_ = columns[model.integer[columns] & (model.lower[columns] == 0) & (reduced[columns] < 0)]
    size = abs(model.cost) @ np.where(np.isfinite(model.upper), abs(model.upper), 0.0)
    slack = SOLVER_NOISE * max(1.0, abs(incumbent)) + ROUND_OFF * float(size)
    upper = model.upper.copy()
    upper[open_[bound + reduced[open_] < incumbent - slack]] = 0.0
    return model.with_changes(upper=upper)
