"""Gurobi alone: what its licence allows, and options that only it takes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from typer.testing import CliRunner

from milproute.instances import OptionError
from milproute.solvers.backends import availability
from milproute.solvers.results import BackendError, SolveOptions
from tests.support.arrays import INFINITY, arrays, knapsack, market_split

if TYPE_CHECKING:
    from pathlib import Path

    from milproute.solvers.backends.gurobi import Gurobi
    from milproute.solvers.results import SolveResult

pytest.importorskip("gurobipy", reason="gurobipy is not installed")
pytestmark = pytest.mark.gurobi


@pytest.fixture
def gurobi() -> Gurobi:
    from milproute.solvers.backends.gurobi import Gurobi

    found = Gurobi()
    probe = found.solve(arrays([1.0], upper=1.0), SolveOptions())
    if probe.status == "licence":
        pytest.skip(probe.message)
    return found


def state() -> dict[str, Any]:
    return next(row for row in availability() if row["name"] == "gurobi")


@pytest.fixture
def limited(gurobi: Gurobi) -> Gurobi:
    if "at most 2000" not in state()["licence_state"]:
        pytest.skip("Gurobi's licence has no size limit here")
    return gurobi


def exact(gurobi: Gurobi, model: Any, **options: Any) -> SolveResult:
    return gurobi.solve(model, SolveOptions(**{"gap": 0.0} | options))


@pytest.mark.parametrize(("rows", "columns"), [(1, 2001), (2001, 1)])
def test_a_model_beyond_the_size_limit_is_a_matter_of_the_licence(
    limited: Gurobi, rows: int, columns: int
) -> None:
    model = arrays(np.ones(columns), np.ones((rows, columns)), np.ones(rows), np.full(rows, INFINITY))
    result = exact(limited, model)
    assert (result.status, result.objective, result.bound, result.values) == ("licence", None, None, None)
    assert f"the model has {rows} rows and {columns} columns" in result.message
    assert "Remedy: install a full licence" in result.message
    assert "GRB_LICENSE_FILE" in result.message


def test_a_model_at_the_size_limit_is_solved(limited: Gurobi) -> None:
    columns = 2000
    model = arrays(np.ones(columns), np.ones((1, columns)), [1], [INFINITY], upper=1, integer=True)
    assert exact(limited, model).objective == 1.0


def test_the_size_limit_hides_no_other_fault(limited: Gurobi) -> None:
    large = arrays(np.ones(2001), lower=0.0)
    with pytest.raises(OptionError, match="did you mean 'Threads'"):
        exact(limited, large, native={"Threadz": 1})
    large.cost[5] = np.nan
    with pytest.raises(BackendError, match="it has nan"):
        exact(limited, large)


def test_without_a_licence_the_status_says_so_and_how_to_get_one(
    gurobi: Gurobi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert "until" in state()["licence_state"]
    monkeypatch.setenv("GRB_LICENSE_FILE", str(tmp_path / "none.lic"))
    result = exact(gurobi, knapsack())
    assert (result.status, result.native_status, result.objective) == ("licence", "error 10009", None)
    assert "finds no valid licence" in result.message
    assert "free for academics" in result.message
    row = state()
    assert (row["installed"], row["version"]) == (True, gurobi.version)
    assert row["licence_state"].startswith("none valid: Unable to open")
    with pytest.raises(BackendError, match="cannot write the model"):
        gurobi.write(knapsack(), tmp_path / "model.mps")
    assert capfd.readouterr().out == ""


def test_a_licence_that_refuses_ends_with_status_3_and_the_remedy(limited: Gurobi) -> None:
    from milproute.cli import app

    done = CliRunner().invoke(app, ["solve", "waxman-50-10", "--solver", "gurobi", "--json"])
    plan = json.loads(done.stdout)
    assert (done.exit_code, plan["status"], plan["objective"]) == (3, "licence", None)
    assert "Remedy:" in plan["message"]


@pytest.mark.parametrize(
    ("native", "word"),
    [
        ({"NodeLimit": 0.0}, "NODE_LIMIT"),
        ({"SolutionLimit": 1}, "SOLUTION_LIMIT"),
        ({"WorkLimit": 1e-3}, "WORK_LIMIT"),
        ({"BestObjStop": 1e6}, "USER_OBJ_LIMIT"),
        ({"IterationLimit": 0.0}, "ITERATION_LIMIT"),
        ({"Cutoff": -1.0}, "CUTOFF"),
    ],
)
def test_every_limit_is_a_limit(gurobi: Gurobi, native: dict[str, Any], word: str) -> None:
    result = exact(gurobi, market_split()[0], native=native)
    if word == "CUTOFF":  # nothing is below 0
        assert (result.status, result.native_status) in (("no_solution", word), ("infeasible", "INFEASIBLE"))
        return
    assert result.native_status == word
    assert result.status == ("no_solution" if result.objective is None else "time_limit")


def test_a_row_with_two_sides_has_one_dual(gurobi: Gurobi) -> None:
    for cost, dual in ((1.0, 0.5), (-1.0, -0.5)):
        model = arrays([cost], [[2.0]], [1.0], [3.0], lower=-5, upper=5)
        duals = exact(gurobi, model).duals
        assert duals is not None
        assert duals == pytest.approx([dual])


def test_a_parameter_is_taken_only_by_its_own_name(gurobi: Gurobi) -> None:
    with pytest.raises(OptionError, match="unknown option of gurobi 'threads': did you mean 'Threads'"):
        exact(gurobi, knapsack(), native={"threads": 1})
