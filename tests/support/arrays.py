"""Compiled models made by hand, easy and hard."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

from milproute.formulations import CompiledModel

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from milproute.instances.arrays import Floats

INFINITY = float("inf")


def arrays(
    cost: ArrayLike,
    rows: ArrayLike = (),
    row_lower: ArrayLike = (),
    row_upper: ArrayLike = (),
    *,
    lower: ArrayLike = 0.0,
    upper: ArrayLike = INFINITY,
    integer: ArrayLike = False,
    maximize: bool = False,
    offset: float = 0.0,
) -> CompiledModel:
    """Make a compiled model; bounds and integrality may be one value for all columns."""
    costs, row_lower = np.array(cost, dtype=float), np.array(row_lower, dtype=float)
    return CompiledModel(
        name="hand",
        maximize=maximize,
        cost=costs,
        offset=offset,
        matrix=sp.csc_array(np.array(rows, dtype=float).reshape(len(row_lower), len(costs))),
        row_lower=row_lower,
        row_upper=np.array(row_upper, dtype=float),
        lower=np.broadcast_to(np.array(lower, dtype=float), costs.shape).copy(),
        upper=np.broadcast_to(np.array(upper, dtype=float), costs.shape).copy(),
        integer=np.broadcast_to(np.array(integer, dtype=bool), costs.shape).copy(),
        column_names=(),
        row_names=(),
        columns={},
        rows={},
        rest={},
    )


def market_split(slack: bool = True) -> tuple[CompiledModel, Floats]:
    """Return a market-split model that no solver finishes, and a bad solution of it.

    Split 40 customers between two divisions so that 5 products are shared evenly; minimise what is off.
    Without slack there is (almost surely) no solution, and no quick proof either.
    """
    products, customers = 5, 40
    demand = np.random.default_rng(1).integers(0, 100, (products, customers))
    half = demand.sum(axis=1) // 2
    rows = np.hstack([demand, np.eye(products), -np.eye(products)])
    off = 2 * products
    model = arrays(
        [0] * customers + [1] * off,
        rows,
        half,
        half,
        upper=[1] * customers + [INFINITY if slack else 0] * off,
        integer=[True] * customers + [False] * off,
    )
    return model, np.concatenate([np.zeros(customers), half, np.zeros(products)])


def knapsack() -> CompiledModel:
    """Return 30 items of fractional worth in three knapsacks: a gap is left for a while."""
    rng = np.random.default_rng(0)
    weights = rng.integers(1, 100, (3, 30))
    worth = rng.uniform(1, 2, 30)
    return arrays(worth, weights, [-INFINITY] * 3, [500] * 3, upper=1, integer=True, maximize=True)
