"""One suite for all back ends: native options, threads, seeds and logs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from milproute.instances import OptionError, OutputError
from milproute.solvers.interface import Capability
from tests.support.arrays import INFINITY, arrays, knapsack
from tests.support.conformance import needs, solved

if TYPE_CHECKING:
    from pathlib import Path

    from milproute.formulations import CompiledModel
    from milproute.solvers.interface import Backend

OPTIONS = {  # name, a near miss of it, a value that does not fit, one that does
    "highs": ("mip_max_nodes", "mip_max_nodez", "many", 10_000),
    "gurobi": ("NodeLimit", "NodeLimits", "many", 10_000),
    "scip": ("limits/nodes", "limits/node", "many", 10_000),
}


def test_a_misspelt_option_names_the_nearest(backend: Backend) -> None:
    if backend.name not in OPTIONS:
        with pytest.raises(OptionError, match="no_such_option"):
            solved(backend, knapsack(), native={"no_such_option": 1})
        return
    right, wrong, _, _ = OPTIONS[backend.name]
    with pytest.raises(OptionError, match=f"option of {backend.name} '{wrong}': did you mean '{right}'"):
        solved(backend, knapsack(), native={wrong: 1})


@pytest.mark.parametrize("value", ["many", True, 2.7, -(2**70)])
def test_a_value_that_does_not_fit_its_option_is_refused(backend: Backend, value: Any) -> None:
    if backend.name not in OPTIONS:
        pytest.skip(f"no option of {backend.name} is known here")
    option = OPTIONS[backend.name][0]
    if backend.name == "gurobi" and value == 2.7:
        option = "Threads"  # its node limit is a real number
    with pytest.raises(OptionError, match=f"{backend.name} refuses {option}="):
        solved(backend, knapsack(), native={option: value})


def test_a_value_that_fits_is_taken(backend: Backend) -> None:
    if backend.name not in OPTIONS:
        pytest.skip(f"no option of {backend.name} is known here")
    option, _, _, value = OPTIONS[backend.name]
    for same in (value, float(value)):
        assert solved(backend, knapsack(), native={option: same}).status == "optimal"


def test_thread_counts_may_change_within_a_process(backend: Backend) -> None:
    found = [solved(backend, knapsack(), threads=threads) for threads in (1, 2, 1)]
    assert {result.status for result in found} == {"optimal"}
    assert [result.objective for result in found] == pytest.approx([found[0].objective] * 3)


def hard_knapsack() -> CompiledModel:
    rng = np.random.default_rng(2)
    weights = rng.integers(10, 100, (3, 25))
    worth = weights.mean(axis=0) + rng.uniform(-5, 5, 25)
    return arrays(worth, weights, [-INFINITY] * 3, [500] * 3, upper=1, integer=True, maximize=True)


def test_a_seed_decides_the_way_and_not_the_optimum(backend: Backend) -> None:
    needs(backend, Capability.SEED)
    model = hard_knapsack()
    runs = [solved(backend, model, seed=seed) for seed in (0, 1, 2, 3, 2**31 - 1)]
    again = solved(backend, model, seed=1)
    assert (again.nodes, again.iterations, again.bound) == (runs[1].nodes, runs[1].iterations, runs[1].bound)
    assert len({(run.nodes, run.iterations, run.bound) for run in runs}) > 1


def test_the_log_goes_to_its_file_and_nothing_to_stdout(
    backend: Backend, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "solver.log"
    solved(backend, knapsack(), log=log)
    once = log.read_text(errors="replace")
    solved(backend, knapsack(), log=log)
    solved(backend, knapsack())
    assert len(once) > 200
    assert len(log.read_text(errors="replace")) > len(once)
    assert capfd.readouterr().out == ""
    with pytest.raises(OutputError, match="there is no folder"):
        solved(backend, knapsack(), log=tmp_path / "no" / "solver.log")
