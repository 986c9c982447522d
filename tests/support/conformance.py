"""Solve with any back end and audit the result; small models and their optimum by brute force."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from milproute.solvers.results import SolveOptions, SolveResult
from milproute.solvers.wrappers.checked import breaches
from tests.support.arrays import INFINITY, arrays

if TYPE_CHECKING:
    from milproute.formulations import CompiledModel
    from milproute.solvers.interface import Backend, Capability, Watch


def needs(backend: Backend, capability: Capability) -> None:
    if capability not in backend.capabilities:
        pytest.skip(f"{backend.name} does not declare {capability}")


def solved(
    backend: Backend, model: CompiledModel, start: Any = None, watch: Watch | None = None, **options: Any
) -> SolveResult:
    result = backend.solve(model, SolveOptions(**{"gap": 0.0} | options), start, watch)
    assert breaches(model, result) == []
    return result


def random_milp(seed: int) -> CompiledModel:
    """Return four whole columns in a small box under rows of every kind."""
    rng = np.random.default_rng(seed)
    activity = rng.integers(-3, 4, (4, 4)).astype(float)
    middle = activity @ rng.integers(-1, 2, 4)
    lower = np.array([-INFINITY, middle[1] - 2, middle[2] - 1.5, middle[3]])
    upper = np.array([middle[0] + 1, INFINITY, middle[2] + 1.5, middle[3]])
    return arrays(
        rng.normal(size=4).round(3),
        activity,
        lower,
        upper,
        lower=-2,
        upper=2,
        integer=True,
        maximize=bool(seed % 2),
        offset=float(rng.normal()),
    )


def best_of_box(model: CompiledModel) -> float:
    points = np.array(list(product(range(-2, 3), repeat=model.matrix.shape[1])), dtype=float)
    activity = points @ model.matrix.toarray().T
    holds = np.all((activity >= model.row_lower - 1e-9) & (activity <= model.row_upper + 1e-9), axis=1)
    worth = points[holds] @ model.cost + model.offset
    return float(worth.max() if model.maximize else worth.min())
