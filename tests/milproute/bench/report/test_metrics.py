"""Metrics against values worked out by hand, definitions taken literally, and the edges of both."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from milproute.bench.report.metrics import (
    carried_forward,
    charged,
    gap_over_time,
    geometric_interval,
    mean_interval,
    penalised_mean,
    performance_profiles,
    primal_integral,
    relative_gap,
    shifted_geometric_mean,
    solved_over_time,
)

INF, NAN = float("inf"), float("nan")
TIMES = st.sampled_from([0.0, 1.0, 1.5, 2.0, 3.0, 8.0, 60.0, INF])


def array(*values: float) -> np.ndarray:
    return np.array(values, dtype=float)


def flags(*values: bool) -> np.ndarray:
    return np.array(values, dtype=bool)


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def share(curve: tuple[np.ndarray, np.ndarray], x: float) -> float:
    """Read a step function at ``x``."""
    return float(curve[1][np.searchsorted(curve[0], x, side="right") - 1])


def test_shifted_geometric_mean_of_0_and_90_is_the_root_of_10_times_100_less_10() -> None:
    assert shifted_geometric_mean(array(0, 90)) == pytest.approx(math.sqrt(1000) - 10)


@pytest.mark.parametrize(("times", "mean"), [((0, 0, 0), 0.0), ((60, 60), 60.0), ((3.5,), 3.5)])
def test_shifted_geometric_mean_of_equal_times_is_that_time(times: tuple[float, ...], mean: float) -> None:
    assert shifted_geometric_mean(array(*times)) == pytest.approx(mean)


def test_means_of_nothing_are_nan() -> None:
    assert math.isnan(shifted_geometric_mean(array()))
    assert math.isnan(penalised_mean(array(), flags(), array()))


def test_an_unsolved_cell_costs_its_limit_even_where_it_failed_at_once() -> None:
    assert charged(array(1, 0.1), flags(True, False), array(60, 30)).tolist() == [1, 30]


def test_par10_counts_an_unsolved_cell_as_ten_limits() -> None:
    assert penalised_mean(array(1, 0.1), flags(True, False), array(60, 30)) == pytest.approx((1 + 300) / 2)


def test_par10_of_cells_all_unsolved_is_ten_limits() -> None:
    assert penalised_mean(array(5, 60), flags(False, False), array(60, 60)) == 600


def test_profile_of_a_small_table_is_as_worked_out_by_hand() -> None:
    first, second = performance_profiles(np.array([[1, 2], [4, 2], [INF, 3], [INF, INF]]))
    assert [share(first, tau) for tau in (1, 1.9, 2, 100)] == [0.25, 0.25, 0.5, 0.5]
    assert [share(second, tau) for tau in (1, 1.9, 2, 100)] == [0.5, 0.5, 0.75, 0.75]


def test_ties_are_best_for_both() -> None:
    assert [share(curve, 1) for curve in performance_profiles(np.array([[2.0, 2.0]]))] == [1, 1]


def test_only_other_zeros_come_within_a_factor_of_a_zero_time() -> None:
    zero, slow = performance_profiles(np.array([[0.0, 0.0], [0.0, 5.0]]))
    assert (share(zero, 1), share(slow, 1), share(slow, 1e9)) == (1, 0.5, 0.5)


def test_a_single_solver_is_best_wherever_it_solves() -> None:
    (curve,) = performance_profiles(np.array([[5.0], [INF]]))
    assert (share(curve, 1), share(curve, 1e9)) == (0.5, 0.5)


@pytest.mark.parametrize("times", [np.empty((0, 2)), np.full((3, 2), INF)])
def test_profiles_without_tasks_or_solutions_stay_at_zero(times: np.ndarray) -> None:
    assert [(curve.x.tolist(), curve.y.tolist()) for curve in performance_profiles(times)] == [([1], [0])] * 2


@given(
    st.integers(1, 3).flatmap(
        lambda n: st.lists(st.lists(TIMES, min_size=n, max_size=n), min_size=1, max_size=6)
    ),
    st.sampled_from([1.0, 1.5, 2.0, 4.0, 60.0]),
)
def test_profiles_are_the_definition_of_dolan_and_more(table: list[list[float]], tau: float) -> None:
    for solver, curve in enumerate(performance_profiles(np.array(table))):
        within = [row[solver] < INF and row[solver] <= tau * min(row) for row in table]
        assert share(curve, tau) == pytest.approx(sum(within) / len(table))


def test_solved_over_time_jumps_where_cells_are_solved() -> None:
    curve = solved_over_time(array(3, 1, INF, 1))
    assert (curve.x.tolist(), curve.y.tolist()) == ([0, 1, 3], [0, 0.5, 0.75])


@pytest.mark.parametrize(
    ("times", "expected"),
    [((), ([0], [0])), ((INF, INF), ([0], [0])), ((0, 0), ([0], [1])), ((0, 2), ([0, 2], [0.5, 1]))],
)
def test_solved_over_time_at_its_edges(times: tuple[float, ...], expected: tuple[list[float], ...]) -> None:
    curve = solved_over_time(array(*times))
    assert (curve.x.tolist(), curve.y.tolist()) == expected


@pytest.mark.parametrize("instances", [[], [0], [0, 0, 0]])
def test_fewer_than_two_instances_allow_no_interval(instances: list[int]) -> None:
    values = np.ones(len(instances))
    assert all(math.isnan(end) for end in mean_interval(values, np.array(instances, dtype=int), rng()))


def test_two_instances_draw_either_twice_often_enough_to_be_the_ends() -> None:
    assert mean_interval(array(1, 5), np.array([0, 1]), rng()) == (1, 5)
    low, high = geometric_interval(array(0, 90), np.array([0, 1]), rng())
    assert (low, high) == pytest.approx((0, 90))


def test_instances_with_more_rows_weigh_more_when_drawn() -> None:
    assert mean_interval(array(0, 0, 0, 8), np.array([0, 0, 0, 1]), rng()) == (0, 8)
    draws = {0.0, 2.0, 8.0}  # the mean over rows of both instances is 2, not 4
    values, instances = array(0, 0, 0, 8), np.array([0, 0, 0, 1])
    middle = mean_interval(values, instances, rng(), level=1e-9)
    assert set(middle) <= draws
    assert 4.0 not in middle


def test_repeating_rows_of_an_instance_does_not_narrow_the_interval() -> None:
    values = np.random.default_rng(1).exponential(10.0, size=20)
    once = mean_interval(values, np.arange(20), rng())
    often = mean_interval(np.repeat(values, 50), np.repeat(np.arange(20), 50), rng())
    assert often == pytest.approx(once)


def test_the_interval_is_that_of_a_bootstrap_spelled_out() -> None:
    random = np.random.default_rng(3)
    instances = random.integers(0, 12, size=60)
    instances[:12] = np.arange(12)
    values = random.exponential(5.0, size=12)[instances] + random.normal(size=60)
    means = []
    for _ in range(4000):
        drawn = random.integers(0, 12, size=12)
        means.append(np.concatenate([values[instances == i] for i in drawn]).mean())
    spelled = np.quantile(means, [0.025, 0.975])
    interval = mean_interval(values, instances, rng(), samples=4000)
    assert interval == pytest.approx(spelled, abs=0.06 * (spelled[1] - spelled[0]))


def test_the_same_generator_gives_the_same_interval() -> None:
    values, instances = np.arange(30.0), np.arange(30) // 3
    assert mean_interval(values, instances, rng()) == mean_interval(values, instances, rng())


@pytest.mark.parametrize(
    ("a", "b", "gap"),
    [
        (5, 10, 0.5),
        (10, 5, 0.5),
        (-5, -10, 0.5),
        (7, 7, 0),
        (0, 0, 0),
        (0, 3, 1),
        (-1, 1, 1),
        (NAN, 1, 1),
        (1, NAN, 1),
        (NAN, NAN, 1),
    ],
)
def test_gap_is_relative_to_the_larger_and_at_most_one(a: float, b: float, gap: float) -> None:
    assert relative_gap(array(a), array(b)).tolist() == [gap]


def test_missing_values_are_filled_from_before() -> None:
    filled = carried_forward([None, 3.0, None, 4.0, None])
    assert np.array_equal(filled, array(NAN, 3, 3, 4, 4), equal_nan=True)
    assert carried_forward([]).tolist() == []


def test_primal_integral_adds_the_rectangles_by_hand() -> None:
    # 1 for 2 s, then |5 - 10| / 10 for 2 s, then nothing
    assert primal_integral(array(2, 4), array(5, 10), 10.0, 10.0) == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("seconds", "objectives", "reference", "integral"),
    [
        ((), (), 5.0, 10.0),  # no incumbent ever
        ((1.0, 9.0), (NAN, NAN), 5.0, 10.0),
        ((2.0,), (5.0,), None, 10.0),  # nobody has one
        ((0.0,), (5.0,), 5.0, 0.0),  # at once
        ((2.0,), (0.0,), 0.0, 2.0),  # objective 0 is the best
        ((2.0,), (0.0,), 5.0, 10.0),
        ((2.0,), (-5.0,), 5.0, 10.0),  # of the other sign: the gap is cut at 1
        ((2.0, 12.0), (4.0, 5.0), 5.0, 2.0 + 8.0 * 0.2),  # after the limit nothing counts
        ((2.0,), (20.0,), 10.0, 2.0 + 8.0 * 0.5),  # a minimum, come from above
    ],
)
def test_primal_integral_at_its_edges(
    seconds: tuple[float, ...], objectives: tuple[float, ...], reference: float | None, integral: float
) -> None:
    found = primal_integral(array(*seconds), array(*objectives), reference, 10.0)
    assert found == pytest.approx(integral)


def test_gap_over_time_is_one_until_both_are_there_and_stays_at_the_end() -> None:
    seconds, objectives, bounds = array(1, 2, 3), array(NAN, 5, 8), array(10, 10, 8)
    gaps = gap_over_time(seconds, objectives, bounds, array(0, 1, 2, 2.9, 3, 60))
    assert gaps.tolist() == [1, 1, 0.5, 0.5, 0, 0]
