"""One suite for all back ends: limits, starts, interrupts and traces."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from milproute.solvers.interface import Capability, Watch
from tests.support.arrays import INFINITY, arrays, knapsack, market_split
from tests.support.conformance import needs, solved
from tests.support.repository import ROOT

if TYPE_CHECKING:
    from milproute.formulations import CompiledModel
    from milproute.solvers.interface import Backend
    from milproute.solvers.results import TracePoint


def test_a_time_limit_keeps_the_incumbent(backend: Backend) -> None:
    needs(backend, Capability.MIP_START)
    model, start = market_split()
    result = solved(backend, model, start, time_limit=0.4)
    assert result.status == "time_limit"
    assert result.objective is not None
    assert result.objective <= float(model.cost @ start) + 1e-6
    assert result.bound is None or result.bound <= result.objective


def test_a_time_limit_without_an_incumbent_is_no_solution(backend: Backend) -> None:
    result = solved(backend, market_split(slack=False)[0], time_limit=0.2)
    assert (result.status, result.objective, result.values) == ("no_solution", None, None)


def planted_split() -> tuple[CompiledModel, np.ndarray[Any, np.dtype[np.float64]]]:
    """Return a market split without slack around one solution, which only chance would find."""
    rng = np.random.default_rng(3)
    demand, solution = rng.integers(0, 100, (6, 50)), rng.integers(0, 2, 50).astype(float)
    shares = demand @ solution
    return arrays(np.ones(50), demand, shares, shares, upper=1, integer=True), solution


def test_a_start_is_taken(backend: Backend) -> None:
    needs(backend, Capability.MIP_START)
    model, solution = planted_split()
    assert solved(backend, model, time_limit=0.3).status == "no_solution"
    result = solved(backend, model, solution, time_limit=0.3)
    assert result.status == "time_limit"
    assert result.values == pytest.approx(solution)


def test_a_partial_start_is_completed_and_stop_ends_the_search(backend: Backend) -> None:
    needs(backend, Capability.MIP_START)
    needs(backend, Capability.INTERRUPT)
    model, start = market_split()
    split = np.arange(40) % 2.0
    start[:40], start[40:] = split, np.nan  # the slack follows from the split
    off = float(np.abs(model.row_upper - model.matrix[:, :40] @ split).sum())
    begun, seen = threading.Event(), list[float]()

    def hear(values: Any) -> None:
        seen.append(float(model.cost @ values))
        begun.set()

    def stop() -> None:
        begun.wait(60)
        watch.stop.set()

    watch = Watch(on_incumbent=hear)
    stopper = threading.Thread(target=stop)
    stopper.start()
    result = solved(backend, model, start, watch, time_limit=300)
    stopper.join()
    assert seen[0] == pytest.approx(off)
    assert (result.status, result.message) == ("time_limit", "stopped on request")
    assert result.objective is not None
    assert result.objective <= off + 1e-6


INTERRUPTED = """
import json, sys
from milproute.solvers.interface import Watch
from milproute.solvers.backends import load_backend
from milproute.solvers.results import SolveOptions
from tests.support.arrays import market_split

model, start = market_split()
told = Watch(on_incumbent=lambda _: print("incumbent", flush=True))
result = load_backend(sys.argv[1]).solve(model, SolveOptions(time_limit=300), start, told)
print(json.dumps([result.status, result.objective, result.message, float(model.cost @ result.values)]))
"""


def test_ctrl_c_returns_the_incumbent(backend: Backend) -> None:
    needs(backend, Capability.INTERRUPT)
    command = [sys.executable, "-c", INTERRUPTED, backend.name]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "incumbent\n"
        child.send_signal(signal.SIGINT)
        rest = child.stdout.read().splitlines()
    assert child.returncode == 0
    status, objective, message, value = json.loads(rest[-1])
    assert (status, message) == ("time_limit", "stopped on request")
    assert objective == pytest.approx(value)


def test_a_start_that_breaks_a_row_is_not_believed(backend: Backend) -> None:
    needs(backend, Capability.MIP_START)
    model = arrays([1, 1], [[1, 1]], [-INFINITY], [1], upper=1, integer=True, maximize=True)
    result = solved(backend, model, np.array([1.0, 1.0]))
    assert (result.status, result.objective) == ("optimal", 1.0)


def test_optimal_within_the_gap_is_called_gap_limit_unless_it_is_proven(backend: Backend) -> None:
    exact, loose = solved(backend, knapsack()).objective, solved(backend, knapsack(), gap=0.5)
    assert exact is not None
    assert loose.objective is not None
    assert loose.bound is not None
    assert loose.gap is not None
    assert loose.status == ("optimal" if loose.gap <= 1e-6 else "gap_limit")
    assert loose.gap <= 0.5
    assert loose.objective - 1e-6 <= exact <= loose.bound + 1e-6


def test_a_memory_limit_ends_the_search(backend: Backend) -> None:
    needs(backend, Capability.MEMORY_LIMIT)
    result = solved(backend, market_split()[0], time_limit=60, memory_limit_mb=1)
    assert result.status == ("no_solution" if result.objective is None else "memory_limit")
    assert "mem" in result.native_status.lower()


@pytest.mark.parametrize("maximize", [True, False])
def test_the_trace_only_gets_better_and_ends_at_the_result(backend: Backend, maximize: bool) -> None:
    needs(backend, Capability.BOUND_TRACE)
    heard: list[TracePoint] = []
    model = knapsack() if maximize else market_split()[0].with_changes(offset=100.0)
    result = solved(backend, model, watch=Watch(on_point=heard.append), time_limit=1.2)
    assert tuple(heard) == result.trace
    sign = 1 if maximize else -1
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
    assert result.trace[0].objective is None or abs(result.trace[0].objective) < 1e19
