"""One suite for all back ends: what is found, in either direction, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import highspy
import numpy as np
import pytest

from milproute.formulations import LINK, ModelOptions, compile_model
from milproute.instances import resolve
from milproute.solvers.backends.highs import Highs
from milproute.solvers.results import BackendError, SolveOptions
from tests.support.arrays import INFINITY, arrays
from tests.support.conformance import best_of_box, random_milp, solved

if TYPE_CHECKING:
    from pathlib import Path

    from milproute.solvers.interface import Backend


@pytest.mark.parametrize("integer", [False, True])
@pytest.mark.parametrize("maximize", [False, True])
def test_an_optimum_has_values_objective_and_bound_in_either_direction(
    backend: Backend, integer: bool, maximize: bool
) -> None:
    sides = ([-INFINITY] * 2, [5, 3]) if maximize else ([4, 1], [INFINITY] * 2)
    result = solved(
        backend, arrays([3, 2], [[1, 2], [1, 0]], *sides, integer=integer, maximize=maximize, offset=0.5)
    )
    expected = 11.5 if maximize else (7.5 if integer else 6.5)
    assert result.status == "optimal"
    assert result.objective == pytest.approx(expected)
    assert result.bound == pytest.approx(expected)
    assert (result.solver, result.version) == (backend.name, backend.version)


@pytest.mark.parametrize("seed", range(30))
def test_small_problems_are_solved_as_brute_force_solves_them(backend: Backend, seed: int) -> None:
    model = random_milp(seed)
    result = solved(backend, model)
    assert result.status == "optimal"
    assert result.objective == pytest.approx(best_of_box(model), abs=1e-6)
    assert result.bound == pytest.approx(result.objective, abs=1e-5)


@pytest.mark.parametrize("integer", [False, True])
def test_infeasible_and_unbounded_models_have_no_values_and_prove_nothing(
    backend: Backend, integer: bool
) -> None:
    infeasible = arrays([1, 1], [[1, 1]], [3], [INFINITY], upper=1, integer=integer)
    unbounded = arrays([-1, 0], [[1, -1]], [0], [0], integer=integer)
    both = arrays([-1, -1], [[1, -1], [1, -1]], [2, -INFINITY], [INFINITY, 1], integer=integer)
    for model, status in ((infeasible, "infeasible"), (unbounded, "unbounded"), (both, "infeasible")):
        result = solved(backend, model)
        assert (result.status, result.objective, result.bound, result.values) == (status, None, None, None)


def test_a_gap_in_the_integers_alone_is_infeasible(backend: Backend) -> None:
    assert solved(backend, arrays([1, 1], [[2, 2]], [3], [3], integer=True)).status == "infeasible"


def test_an_empty_model_is_worth_its_offset(backend: Backend) -> None:
    result = solved(backend, arrays([], offset=4.0))
    assert (result.status, result.objective, result.bound) == ("optimal", 4.0, 4.0)
    assert result.values is not None
    assert result.values.size == 0


@pytest.mark.parametrize("integer", [False, True])
@pytest.mark.parametrize(("maximize", "objective"), [(False, 5.0), (True, 15.0)])
def test_without_rows_the_bounds_decide(
    backend: Backend, maximize: bool, objective: float, integer: bool
) -> None:
    model = arrays([1, -1], lower=-2, upper=3, offset=10, maximize=maximize, integer=integer)
    result = solved(backend, model)
    assert (result.status, result.objective, result.bound) == ("optimal", objective, objective)


def test_ranged_rows_equalities_and_free_columns_mean_what_they_say(backend: Backend) -> None:
    rows = [[1, 1, 0], [0, 1, -1], [1, 0, 1]]
    for maximize, best in ((True, 5.5), (False, 2.5)):
        model = arrays(
            [1, 1, 0],
            rows,
            [2, 1, -INFINITY],
            [5, 1, INFINITY],
            lower=-INFINITY,
            maximize=maximize,
            offset=0.5,
        )
        result = solved(backend, model)
        assert (result.status, result.objective) == ("optimal", pytest.approx(best))


def test_whole_columns_are_whole_and_a_whole_objective_has_no_dust(backend: Backend) -> None:
    rng = np.random.default_rng(5)
    weights = rng.integers(3, 60, (2, 25))
    model = arrays(
        rng.integers(1, 30, 25), weights, [-INFINITY] * 2, [300, 310], upper=3, integer=True, maximize=True
    )
    result = solved(backend, model)
    assert result.values is not None
    assert result.objective is not None
    assert np.abs(result.values - np.round(result.values)).max() <= 1e-6
    assert result.objective == result.bound == round(result.objective)


def test_a_link_ilp_has_the_optimum_that_highs_finds(backend: Backend) -> None:
    formulated = LINK.build(resolve("nsfnet-10"), ModelOptions("by-source", "integer", False))
    model = compile_model(formulated.model)
    assert solved(backend, model).objective == Highs().solve(model, SolveOptions(gap=0.0)).objective


@pytest.mark.parametrize("place", ["cost", "lower", "row_upper", "matrix"])
def test_a_model_with_nan_is_refused(backend: Backend, place: str) -> None:
    model = arrays([1.0], [[1.0]], [0.0], [1.0])
    if place == "matrix":
        model.matrix.data[:] = np.nan
    else:
        getattr(model, place)[:] = np.nan
    with pytest.raises(BackendError, match=f"{backend.name} refuses the compiled model"):
        backend.solve(model, SolveOptions())


@pytest.mark.parametrize("maximize", [False, True])
def test_the_model_file_states_the_same_problem(backend: Backend, tmp_path: Path, maximize: bool) -> None:
    model = random_milp(4).with_changes(
        maximize=maximize, column_names=("a", "b", "c", "d"), row_names=("e", "f", "g", "h")
    )
    paths = [tmp_path / name for name in ("one.mps", "two.mps")]
    for path in paths:
        backend.write(model, path)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    reader = highspy.Highs()
    reader.setOptionValue("output_flag", False)
    assert reader.readModel(str(paths[0])) == highspy.HighsStatus.kOk
    reader.run()
    assert reader.getLp().col_names_ == ["a", "b", "c", "d"]
    assert reader.getObjectiveValue() == pytest.approx(best_of_box(model), abs=1e-6)
