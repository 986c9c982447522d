"""One suite for all back ends, ours and those that other packages bring; what is not there skips."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from itertools import pairwise, product
from typing import TYPE_CHECKING, Any

import highspy
import numpy as np
import pytest

from milproute.formulations import LINK, ModelOptions, compile_model
from milproute.instances import OptionError, OutputError, resolve
from milproute.solvers.argmax.argmax import argmax
from milproute.solvers.argmax.strengthening.obbt import certified_bound
from milproute.solvers.backends import backend_names, load_backend
from milproute.solvers.backends.highs import Highs
from milproute.solvers.interface import Capability, Watch
from milproute.solvers.results import BackendError, MissingSolverError, SolveOptions, SolveResult, TracePoint
from milproute.solvers.wrappers.checked import breaches
from tests.support.arrays import INFINITY, arrays, knapsack, market_split
from tests.support.qnet_cases import network, random_net
from tests.support.repository import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from milproute.formulations import CompiledModel
    from milproute.solvers.interface import Backend
MARKS = {"gurobi": pytest.mark.gurobi, "scip": pytest.mark.scip}


@pytest.fixture(scope="module", params=[pytest.param(n, marks=MARKS.get(n, ())) for n in backend_names()])
def backend(request: pytest.FixtureRequest) -> Backend:
    try:
        found = load_backend(request.param)
    except (MissingSolverError, BackendError) as error:
        pytest.skip(str(error))
    probe = found.solve(arrays([1.0], upper=1.0), SolveOptions())
    if probe.status == "licence":
        pytest.skip(probe.message)
    return found


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


# --- what is found ------------------------------------------------------------------------------------


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


# --- limits, start, interrupt ---------------------------------------------------------------------------


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


# --- options ------------------------------------------------------------------------------------------

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


@pytest.mark.parametrize("place", ["cost", "lower", "row_upper", "matrix"])
def test_a_model_with_nan_is_refused(backend: Backend, place: str) -> None:
    model = arrays([1.0], [[1.0]], [0.0], [1.0])
    if place == "matrix":
        model.matrix.data[:] = np.nan
    else:
        getattr(model, place)[:] = np.nan
    with pytest.raises(BackendError, match=f"{backend.name} refuses the compiled model"):
        backend.solve(model, SolveOptions())


# --- duals, sets, files ---------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(8))
def test_the_duals_of_a_linear_program_prove_its_optimum_and_agree(backend: Backend, seed: int) -> None:
    rng = np.random.default_rng(seed)
    activity = rng.normal(size=(6, 8))
    middle = activity @ rng.uniform(-1, 1, 8)
    model = arrays(
        rng.normal(size=8),
        activity,
        [-INFINITY, -INFINITY, middle[2], *(middle[3:] - 0.5)],
        [*(middle[:3]), middle[3] + 0.5, INFINITY, INFINITY],
        lower=-3,
        upper=3,
        maximize=bool(seed % 2),
        offset=1.5,
    )
    result, reference = solved(backend, model), Highs().solve(model, SolveOptions())
    assert result.status == "optimal"
    assert result.objective == result.bound
    assert result.duals is not None
    assert reference.duals is not None
    assert certified_bound(model, result.duals) == pytest.approx(result.objective, abs=1e-6)
    assert result.duals == pytest.approx(reference.duals, abs=1e-6)


def test_a_dual_is_what_the_objective_gains_when_a_side_grows(backend: Backend) -> None:
    def worth(side: float) -> SolveResult:
        return solved(backend, arrays([3, 2], [[1, 2], [1, -1]], [-INFINITY, 1], [side, 1], maximize=True))

    duals = worth(4.0).duals
    assert duals is not None
    gain = (worth(4.5).objective or 0.0) - (worth(4.0).objective or 0.0)
    assert duals[0] == pytest.approx(gain / 0.5)


@pytest.mark.parametrize("seed", range(6))
def test_at_most_one_of_a_set_is_not_0(backend: Backend, seed: int) -> None:
    rng = np.random.default_rng(seed)
    sets = ((0, 1, 2), (2, 3), (4, 5))
    plain = arrays(
        rng.uniform(1, 3, 6),
        rng.uniform(0.2, 1, (2, 6)),
        [-INFINITY] * 2,
        [4, 5],
        upper=rng.uniform(1, 4, 6),
        maximize=True,
    )
    model = plain.with_changes(sos1=sets)
    if Capability.SOS1 not in backend.capabilities:
        with pytest.raises(OptionError, match="no SOS1 sets"):
            backend.solve(model, SolveOptions())
        return
    best = -INFINITY
    for kept in product(*sets):
        upper = plain.upper.copy()
        for members, one in zip(sets, kept, strict=True):
            upper[[j for j in members if j != one]] = 0.0
        best = max(best, Highs().solve(plain.with_changes(upper=upper), SolveOptions()).objective or 0.0)
    result = solved(backend, model)
    assert (result.status, result.objective) == ("optimal", pytest.approx(best, abs=1e-6))
    assert result.duals is None


def test_the_argmax_of_a_net_stated_by_sets_is_that_of_trying_all_actions(backend: Backend) -> None:
    needs(backend, Capability.SOS1)
    ring = network([("a", "b"), ("b", "c"), ("c", "d"), ("a", "d")], [("a", "c"), ("b", "d")])
    for seed in range(4):
        net = random_net(ring, np.random.default_rng(seed), [5, 4])
        best = argmax(net, ring, engine="enumerate", max_hops=3)
        plan = argmax(net, ring, engine="milp", relu="sos1", max_hops=3, solver=backend)
        assert (plan.status, plan.verified) == ("optimal", True)
        assert plan.objective == pytest.approx(best.objective, abs=1e-5)


@pytest.mark.parametrize("relu", ["tight", "ideal"])
def test_bound_tightening_and_cuts_work_with_its_linear_programs(backend: Backend, relu: str) -> None:
    ring = network([("a", "b"), ("b", "c"), ("c", "d"), ("a", "d")], [("a", "c"), ("b", "d")])
    net = random_net(ring, np.random.default_rng(7), [5, 4])
    best = argmax(net, ring, engine="enumerate", max_hops=3)
    plan = argmax(net, ring, engine="milp", relu=relu, bounds="obbt", max_hops=3, solver=backend)
    assert (plan.status, plan.verified) == ("optimal", True)
    assert plan.objective == pytest.approx(best.objective, abs=1e-5)


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
