"""Plots of benchmark results: the curves are what the cells say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from milproute.bench.report.static_figures import configurations, plot_profiles, plot_solved

if TYPE_CHECKING:
    from matplotlib.axes import Axes

pd = pytest.importorskip("pandas", reason="needs pandas")

CELLS = [  # selector, method, instance, solved, time
    ("highs", "exact", "a", True, 1.0),
    ("highs", "exact", "b", True, 4.0),
    ("scip", "exact", "a", True, 2.0),
    ("scip", "exact", "b", False, 10.0),
    ("liar", "rounding", "a", False, 0.1),
    ("liar", "rounding", "b", False, 0.1),
]


@pytest.fixture
def table() -> Any:
    names = ("selector", "method", "instance", "solved", "time")
    frame = pd.DataFrame(CELLS, columns=names)
    frame["qnet"] = pd.array([None] * len(frame), dtype="string")
    return frame.assign(variant="by-source", relax=False, seed=1, permutation=0, time_limit=10.0)


def curves(ax: Axes) -> dict[str, tuple[list[float], list[float]]]:
    return {
        str(line.get_label()): (list(line.get_xdata()), list(line.get_ydata())) for line in ax.get_lines()
    }


def test_a_configuration_is_named_by_solver_variant_and_method(table: Any) -> None:
    assert list(configurations(table).unique()) == [
        "highs · by-source",
        "scip · by-source",
        "liar · by-source · rounding",
    ]


def test_what_is_solved_and_checked_counts_from_its_time_on(table: Any) -> None:
    assert curves(plot_solved(table)) == {
        "highs · by-source": ([0, 1, 4, 10], [0, 0.5, 1, 1]),
        "scip · by-source": ([0, 2, 10], [0, 0.5, 0.5]),
        "liar · by-source · rounding": ([0, 10], [0, 0]),
    }


def test_profiles_are_factors_of_the_quickest_that_is_right(table: Any) -> None:
    found = curves(plot_profiles(table, most=20.0))
    assert found["highs · by-source"] == ([1, 20], [1, 1])
    assert found["scip · by-source"] == ([1, 2, 20], [0, 0.5, 0.5])
    assert found["liar · by-source · rounding"][1][-1] == 0


def test_the_best_comes_first_and_given_axes_are_drawn_on(table: Any) -> None:
    ax = plot_solved(table)
    legend = ax.get_legend()
    assert legend is not None
    assert legend.get_texts()[0].get_text() == "highs · by-source"
    assert plot_profiles(table, ax) is ax
