"""SCIP alone: what PySCIPOpt would swallow, and what SCIP calls infinite."""

from __future__ import annotations

import gc
import resource
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from milproute.instances import OptionError
from milproute.solvers.results import SolveOptions
from tests.support.arrays import INFINITY, arrays, knapsack, market_split

if TYPE_CHECKING:
    from milproute.formulations import CompiledModel
    from milproute.solvers.results import SolveResult

pytest.importorskip("pyscipopt", reason="PySCIPOpt is not installed")
pytestmark = pytest.mark.scip


def solved(model: CompiledModel, **options: Any) -> SolveResult:
    from milproute.solvers.backends.scip import Scip

    return Scip().solve(model, SolveOptions(**{"gap": 0.0} | options))


def test_the_version_is_that_of_scip() -> None:
    from pyscipopt import Model

    from milproute.solvers.backends.scip import Scip

    major, *rest = Scip().version.split(".")
    assert int(major) == Model().getMajorVersion()
    assert len(rest) == 2


def test_what_scip_calls_infinite_proves_nothing() -> None:
    infeasible = arrays([1], [[1]], [3], [INFINITY], upper=1, integer=True, maximize=True)
    assert solved(infeasible).bound is None
    nothing = solved(market_split(slack=False)[0], time_limit=1e-3)
    assert (nothing.status, nothing.bound) in (("no_solution", None), ("no_solution", 0.0))


@pytest.mark.parametrize(
    ("native", "word"),
    [
        ({"limits/nodes": 3}, "nodelimit"),
        ({"limits/totalnodes": 3}, "totalnodelimit"),
        ({"limits/solutions": 1}, "sollimit"),
        ({"limits/bestsol": 1}, "bestsollimit"),
        ({"limits/primal": 1e6}, "primallimit"),
    ],
)
def test_every_limit_is_a_limit(native: dict[str, Any], word: str) -> None:
    result = solved(market_split()[0], native=native)
    assert result.native_status == word
    assert result.status == ("no_solution" if result.objective is None else "time_limit")
    assert result.objective is None or result.bound is None or result.bound <= result.objective


@pytest.mark.parametrize(
    "native",
    [
        {"limits/gap": -1.0},
        {"limits/gap": True},
        {"misc/catchctrlc": 3},
        {"misc/catchctrlc": 1},
        {"branching/scorefunc": "x"},
        {"branching/scorefunc": 1},
        {"limits/nodes": 2.5},
    ],
)
def test_a_value_that_pyscipopt_would_bend_is_refused(native: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match=f"scip refuses {next(iter(native))}="):
        solved(knapsack(), native=native)


@pytest.mark.parametrize(
    "native",
    [{"limits/nodes": 1e5}, {"limits/gap": 0}, {"misc/catchctrlc": False}, {"branching/scorefunc": "s"}],
)
def test_a_value_that_means_the_same_is_taken(native: dict[str, Any]) -> None:
    assert solved(knapsack(), native=native).objective is not None


def test_native_options_win_over_common_ones() -> None:
    loose = solved(knapsack(), gap=0.0, native={"limits/gap": 0.5})
    assert loose.native_status == "gaplimit"


def test_a_row_of_one_column_has_a_dual_although_scip_makes_it_a_bound() -> None:
    result = solved(arrays([3, 2], [[1, 2], [1, 0]], [4, 1], [INFINITY, INFINITY]))
    assert result.duals == pytest.approx(np.array([1.0, 2.0]))


def test_many_solves_leave_no_memory_behind() -> None:
    model = knapsack().relaxed()
    gc.disable()  # a building thread may have paused it
    try:
        for _ in range(5):
            solved(model)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for _ in range(40):
            solved(model)
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 30_000  # KiB; a leak is 70,000
    finally:
        gc.enable()
