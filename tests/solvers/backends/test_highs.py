"""HiGHS alone, on arrays made by hand: every status, and nothing believed."""

from __future__ import annotations

import threading
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import highspy
import numpy as np
import pytest

from milproute.instances import OptionError
from milproute.solvers.backends.highs import Highs
from milproute.solvers.interface import Watch
from milproute.solvers.results import (
    BackendError,
    SolveOptions,
    SolveResult,
    TracePoint,
    has_whole_objective,
    settle,
)
from tests.support.arrays import INFINITY, arrays, knapsack, market_split

if TYPE_CHECKING:
    from milproute.formulations import CompiledModel


def solved(
    model: CompiledModel, start: Any = None, watch: Watch | None = None, **options: Any
) -> SolveResult:
    return Highs().solve(model, SolveOptions(**{"gap": 0.0} | options), start, watch)


# --- statuses -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("integer", [False, True])
def test_an_optimum_has_values_objective_and_bound(integer: bool) -> None:
    result = solved(arrays([3, 2], [[1, 2], [1, 0]], [4, 1], [INFINITY, INFINITY], integer=integer))
    assert result.status == "optimal"
    assert result.values == pytest.approx(np.array([1.0, 2.0 if integer else 1.5]))
    assert result.objective == pytest.approx(7.0 if integer else 6.0)
    assert result.bound == pytest.approx(result.objective)
    assert (result.solver, result.version) == ("highs", highspy.Highs().version())


@pytest.mark.parametrize("integer", [False, True])
@pytest.mark.parametrize("presolve", ["on", "off"])
def test_infeasible_and_unbounded_models_have_no_values_and_prove_nothing(
    integer: bool, presolve: str
) -> None:
    infeasible = arrays([1, 1], [[1, 1]], [3], [INFINITY], upper=1, integer=integer)
    unbounded = arrays([-1, 0], [[1, -1]], [0], [0], integer=integer)
    for model, status in ((infeasible, "infeasible"), (unbounded, "unbounded")):
        result = solved(model, native={"presolve": presolve})
        assert (result.status, result.objective, result.bound, result.values) == (status, None, None, None)


def test_a_gap_in_the_integers_alone_is_infeasible() -> None:
    assert solved(arrays([1, 1], [[2, 2]], [3], [3], integer=True)).status == "infeasible"


@pytest.mark.parametrize("integer", [False, True])
def test_unbounded_or_infeasible_is_decided(integer: bool) -> None:
    undecided = {"allow_unbounded_or_infeasible": True}
    infeasible = arrays([-1, -1], [[1, -1], [1, -1]], [2, -INFINITY], [INFINITY, 1], integer=integer)
    unbounded = arrays([-1, 0], [[1, -1]], [0], [0], integer=integer)
    assert solved(infeasible, native=undecided).status == "infeasible"
    assert solved(unbounded, native=undecided).status == "unbounded"


def test_a_time_limit_keeps_the_incumbent() -> None:
    model, start = market_split()
    result = solved(model, start, time_limit=1e-6)
    assert (result.status, result.native_status) == ("time_limit", "Time limit reached")
    assert result.objective == pytest.approx(float(model.cost @ start))
    assert result.values == pytest.approx(start)


def test_a_time_limit_without_an_incumbent_is_no_solution() -> None:
    result = solved(market_split(slack=False)[0], time_limit=1e-6)
    assert (result.status, result.objective, result.values) == ("no_solution", None, None)


def test_a_node_limit_is_a_limit() -> None:
    result = solved(market_split()[0], native={"mip_max_nodes": 3})
    assert result.status == "time_limit"
    assert result.objective is not None
    assert result.bound is not None
    assert result.bound < result.objective
    nothing = solved(market_split(slack=False)[0], native={"mip_max_nodes": 3})
    assert (nothing.status, nothing.objective) == ("no_solution", None)


def test_optimal_within_the_gap_is_called_gap_limit() -> None:
    model = knapsack()
    loose, exact = solved(model, gap=0.5), solved(model)
    assert (loose.status, loose.native_status) == ("gap_limit", "Optimal")
    assert loose.gap is not None
    assert 1e-6 < loose.gap <= 0.5
    assert exact.status == "optimal"
    assert loose.objective is not None
    assert loose.bound is not None
    assert exact.objective is not None
    assert loose.objective - 1e-6 <= exact.objective <= loose.bound + 1e-6


# --- odd models ---------------------------------------------------------------------------------------


def test_an_empty_model_is_worth_its_offset() -> None:
    result = solved(arrays([], offset=4.0))
    assert (result.status, result.objective, result.bound) == ("optimal", 4.0, 4.0)
    assert result.values is not None
    assert result.values.size == 0


@pytest.mark.parametrize("integer", [False, True])
@pytest.mark.parametrize(("maximize", "objective"), [(False, 5.0), (True, 15.0)])
def test_without_rows_the_bounds_decide_in_either_direction(
    maximize: bool, objective: float, integer: bool
) -> None:
    model = arrays([1, -1], lower=-2, upper=3, offset=10, maximize=maximize, integer=integer)
    result = solved(model)
    assert (result.status, result.objective, result.bound) == ("optimal", objective, objective)


def test_a_model_without_a_price_is_a_question_of_feasibility() -> None:
    result = solved(arrays([0, 0], [[1, 1]], [1], [1], integer=True, offset=-2.0))
    assert (result.status, result.objective) == ("optimal", -2.0)


def test_a_model_with_nan_is_refused() -> None:
    with pytest.raises(BackendError, match="highs refuses the compiled model"):
        solved(arrays([1.0], lower=np.nan))


# --- options ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "right"), [("mip_max_nodez", "mip_max_nodes"), ("presolv", "presolve"), ("Threads", "threads")]
)
def test_a_misspelt_option_names_the_nearest(wrong: str, right: str) -> None:
    with pytest.raises(OptionError, match=f"unknown option of highs '{wrong}': did you mean '{right}'"):
        solved(knapsack(), native={wrong: 1})


@pytest.mark.parametrize(
    "native",
    [
        {"mip_max_nodes": "many"},
        {"presolve": 3},
        {"mip_detect_symmetry": "yes"},
        {"mip_detect_symmetry": 1},
        {"mip_rel_gap": -1},
        {"threads": True},
        {"mip_max_nodes": 2.7},
    ],
)
def test_a_value_that_does_not_fit_its_option_is_refused(native: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match=f"highs refuses {next(iter(native))}="):
        solved(knapsack(), native=native)


@pytest.mark.parametrize("native", [{"mip_max_nodes": 1.0}, {"mip_rel_gap": 0}, {"presolve": "off"}])
def test_a_value_that_means_the_same_is_taken(native: dict[str, Any]) -> None:
    assert solved(knapsack(), native=native).objective is not None


def test_native_options_win_over_common_ones() -> None:
    assert solved(knapsack(), gap=0.0, native={"mip_rel_gap": 0.5}).status == "gap_limit"


@pytest.mark.parametrize(
    ("option", "value"), [("time_limit", 0.0), ("gap", -1.0), ("gap", INFINITY), ("threads", 0), ("seed", -1)]
)
def test_common_options_out_of_range_are_refused(option: str, value: float) -> None:
    with pytest.raises(OptionError, match=f"{option} is {value}; allowed:"):
        SolveOptions(**{option: value})


def test_thread_counts_may_change_within_a_process() -> None:
    found = [solved(knapsack(), threads=threads) for threads in (1, 2, 1, 3)]
    assert {result.status for result in found} == {"optimal"}
    assert [result.objective for result in found] == pytest.approx([found[0].objective] * 4)


def test_the_same_seed_takes_the_same_way() -> None:
    model, _ = market_split()
    one, other = (solved(model, seed=4, native={"mip_max_nodes": 60}) for _ in range(2))
    assert one.values is not None
    assert other.values is not None
    assert np.array_equal(one.values, other.values)
    assert (one.nodes, one.iterations, one.bound) == (other.nodes, other.iterations, other.bound)


# --- start, trace, interrupt ---------------------------------------------------------------------------

BARE = {"mip_max_nodes": 0, "mip_heuristic_effort": 0.0, "presolve": "off"}


def test_a_start_is_the_first_incumbent() -> None:
    model, start = market_split()
    seen: list[float] = []
    result = solved(
        model, start, Watch(on_incumbent=lambda x: seen.append(float(model.cost @ x))), native=BARE
    )
    assert result.objective is not None
    assert seen[:1] == pytest.approx([float(model.cost @ start)])
    assert result.objective <= seen[0] + 1e-6
    assert result.trace[0].objective == pytest.approx(seen[0])


def test_a_partial_start_is_completed() -> None:
    model, start = market_split()
    split = np.arange(40) % 2.0
    start[:40], start[40:] = split, np.nan  # the slack follows from the split
    off = np.abs(model.matrix[:, :40] @ split - model.row_upper).sum()
    result = solved(model, start, native=BARE)
    assert result.objective is not None
    assert result.objective <= off + 1e-6


def test_a_start_that_breaks_a_row_is_not_believed() -> None:
    model = arrays([1, 1], [[1, 1]], [-INFINITY], [1], upper=1, integer=True, maximize=True)
    result = solved(model, np.array([1.0, 1.0]))
    assert (result.status, result.objective) == ("optimal", 1.0)


def test_incumbents_are_feasible_and_whole() -> None:
    model, seen = knapsack(), list[np.ndarray[Any, np.dtype[np.float64]]]()
    solved(model, watch=Watch(on_incumbent=seen.append))
    assert seen
    for x in seen:
        assert np.abs(x - np.round(x)).max() <= 1e-6
        assert np.all(model.matrix @ x <= model.row_upper + 1e-6)


@pytest.mark.parametrize("model", [knapsack(), market_split()[0]], ids=["maximise", "minimise"])
def test_the_trace_only_gets_better_and_ends_at_the_result(model: CompiledModel) -> None:
    heard: list[TracePoint] = []
    result = solved(model, watch=Watch(on_point=heard.append), native={"mip_max_nodes": 100})
    assert tuple(heard) == result.trace
    sign = 1 if model.maximize else -1
    for earlier, later in pairwise(result.trace):
        assert earlier.seconds <= later.seconds
        assert earlier.nodes <= later.nodes
        if earlier.objective is not None:
            assert later.objective is not None
            assert sign * (later.objective - earlier.objective) >= -1e-9
        if earlier.bound is not None:
            assert later.bound is not None
            assert sign * (earlier.bound - later.bound) >= -1e-9
    assert result.trace[-1].objective == pytest.approx(result.objective)
    assert result.trace[-1].bound == pytest.approx(result.bound)


def test_stop_from_another_thread_ends_with_the_incumbent() -> None:
    model, start = market_split()
    watch, begun = Watch(on_incumbent=lambda _: begun.set()), threading.Event()

    def stop() -> None:
        begun.wait()
        watch.stop.set()

    thread = threading.Thread(target=stop)
    thread.start()
    result = solved(model, start, watch, time_limit=300)
    thread.join()
    assert (result.status, result.native_status) == ("time_limit", "Interrupted by user")
    assert result.objective is not None
    assert result.objective <= float(model.cost @ start) + 1e-6
    assert result.values is not None


# --- settle -------------------------------------------------------------------------------------------


def claim(status: str, objective: float | None, bound: float | None) -> SolveResult:
    values = None if objective is None else np.zeros(1)
    return SolveResult(status, "?", objective, bound, 0.0, "stub", "0", values)  # type: ignore[arg-type]


WHOLE_MAX = arrays([2, 0], upper=9, integer=[True, False], maximize=True)
WHOLE_MIN = arrays([2, 0], upper=9, integer=[True, False])
FRACTIONAL = arrays([2, 1], upper=9, integer=[True, False], maximize=True)


@pytest.mark.parametrize(
    ("model", "before", "after"),
    [
        (WHOLE_MAX, ("time_limit", 7.0, 7.9), ("optimal", 7.0)),
        (WHOLE_MAX, ("time_limit", 7.0, 8.2), ("time_limit", 8.0)),
        (WHOLE_MAX, ("optimal", 7.0, 7.9999999), ("gap_limit", 8.0)),
        (WHOLE_MIN, ("time_limit", 7.0, 6.1), ("optimal", 7.0)),
        (WHOLE_MIN, ("gap_limit", 7.0, 5.9), ("gap_limit", 6.0)),
        (FRACTIONAL, ("optimal", 7.0, 7.9), ("gap_limit", 7.9)),
        (FRACTIONAL, ("time_limit", 7.0, 7.0), ("optimal", 7.0)),
        (FRACTIONAL, ("optimal", 7.0, 7.0 + 5e-7), ("optimal", 7.0 + 5e-7)),
        (WHOLE_MAX, ("time_limit", None, 7.9), ("no_solution", 7.0)),
        (WHOLE_MAX, ("memory_limit", None, INFINITY), ("no_solution", None)),
        (WHOLE_MAX, ("time_limit", 7.0, INFINITY), ("time_limit", None)),
        (WHOLE_MIN, ("time_limit", 7.0, -1e20), ("time_limit", None)),
        (WHOLE_MAX, ("infeasible", None, None), ("infeasible", None)),
    ],
)
def test_a_claim_is_settled(
    model: CompiledModel,
    before: tuple[str, float | None, float | None],
    after: tuple[str, float | None],
) -> None:
    result = settle(claim(*before), model)
    assert (result.status, result.objective) == (after[0], before[1])
    assert result.bound == (after[1] if after[1] is None else pytest.approx(after[1], abs=1e-12))


@pytest.mark.parametrize(
    ("model", "whole"),
    [
        (WHOLE_MAX, True),
        (WHOLE_MIN, True),
        (FRACTIONAL, False),
        (arrays([0.5], integer=True), False),
        (arrays([1], integer=True, offset=0.5), False),
        (arrays([1], integer=True, offset=3.0), True),
        (arrays([-3, 0], integer=[True, False]), True),
    ],
)
def test_only_whole_prices_on_whole_columns_make_a_whole_objective(model: CompiledModel, whole: bool) -> None:
    assert has_whole_objective(model) == whole


def test_an_optimum_needs_objective_and_bound() -> None:
    for objective, bound in ((None, None), (1.0, None), (None, 1.0)):
        with pytest.raises(ValueError, match="'optimal' needs objective and bound"):
            claim("optimal", objective, bound)
