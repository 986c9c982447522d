"""HiGHS through highspy: compiled arrays in, claims out."""

from __future__ import annotations

from dataclasses import replace
from math import isfinite
from threading import Event, Thread
from time import perf_counter
from typing import TYPE_CHECKING, Any, ClassVar

import highspy
import numpy as np
from highspy import HighsModelStatus, HighsStatus

from instances.errors import OptionError, unknown_name
from solvers.backend import Capability, Watch
from solvers.results import ABSOLUTE_GAP, BackendError, SolveOptions, SolveResult, TracePoint, settle

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from formulations import CompiledModel
    from instances import Status

CallbackType = highspy.cb.HighsCallbackType
INTERRUPTS = (
    CallbackType.kCallbackMipInterrupt,
    CallbackType.kCallbackSimplexInterrupt,
    CallbackType.kCallbackIpmInterrupt,
)
# Linear programs with more nonzeros than this go to interior point and crossover, which are then two to
# ten times as fast as the simplex on the relaxations here (measured on the library).
LARGE = 10_000
STATUSES: Mapping[HighsModelStatus, Status] = {
    HighsModelStatus.kOptimal: "optimal",
    HighsModelStatus.kModelEmpty: "optimal",
    HighsModelStatus.kInfeasible: "infeasible",
    HighsModelStatus.kUnbounded: "unbounded",
    HighsModelStatus.kUnboundedOrInfeasible: "error",  # only if it stays undecided without presolve
    HighsModelStatus.kTimeLimit: "time_limit",
    HighsModelStatus.kIterationLimit: "time_limit",
    HighsModelStatus.kSolutionLimit: "time_limit",
    HighsModelStatus.kObjectiveBound: "time_limit",
    HighsModelStatus.kObjectiveTarget: "time_limit",
    HighsModelStatus.kInterrupt: "time_limit",
    HighsModelStatus.kHighsInterrupt: "time_limit",  # type: ignore[attr-defined]
    HighsModelStatus.kMemoryLimit: "memory_limit",
    HighsModelStatus.kNotset: "error",
    HighsModelStatus.kLoadError: "error",
    HighsModelStatus.kModelError: "error",
    HighsModelStatus.kPresolveError: "error",
    HighsModelStatus.kSolveError: "error",
    HighsModelStatus.kPostsolveError: "error",
    HighsModelStatus.kUnknown: "error",
}


class Highs:
    """HiGHS: a fresh object a solve, so that nothing adds up or lingers."""

    name: ClassVar[str] = "highs"
    capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {Capability.INTEGER, Capability.MIP_START, Capability.SEED, Capability.BOUND_TRACE}
    )

    @property
    def version(self) -> str:
        """Version of the library."""
        return str(highspy.Highs().version())

    def solve(
        self,
        model: CompiledModel,
        options: SolveOptions,
        start: NDArray[np.float64] | None = None,
        watch: Watch | None = None,
    ) -> SolveResult:
        """Solve ``model``.

        Parameters
        ----------
        model, options : what and how.
        start : values of all columns to start from (NaN: unknown; HiGHS completes them).
        watch : told of every new trace point and incumbent, in the solver's thread.

        Raises
        ------
        OptionError : a native option that HiGHS does not have or a value it refuses; SOS1 sets.
        BackendError : HiGHS refuses the model or the start.
        """
        highspy.Highs.resetGlobalScheduler(True)  # the number of threads belongs to the process
        solver = _loaded(model)
        for option, value in _native(model, options).items():
            _set(solver, option, value)
        if start is not None:
            known = np.flatnonzero(~np.isnan(start)).astype(np.int32)
            _must(solver.setSolution(len(known), known, start[known]), "the start")
        run = _Run(solver, watch or Watch())
        run.go()
        if solver.getModelStatus() == HighsModelStatus.kUnboundedOrInfeasible:
            _set(solver, "presolve", "off")
            run.go()
        claim = settle(self._claim(solver, model, run), model)
        if model.integer.any() and claim.objective is not None:
            run.add(TracePoint(run.seconds, claim.nodes, claim.objective, claim.bound))
        return replace(claim, trace=tuple(run.trace))

    def _claim(self, solver: highspy.Highs, model: CompiledModel, run: _Run) -> SolveResult:
        info, word, solution = solver.getInfo(), solver.getModelStatus(), solver.getSolution()
        status, linear = STATUSES[word], not model.integer.any()
        found = word == HighsModelStatus.kModelEmpty or (
            info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
            and status not in ("infeasible", "unbounded")
        )
        objective = float(solver.getObjectiveValue()) if found else None
        if word == HighsModelStatus.kModelEmpty:
            objective = model.offset
        proven = status == "optimal" or (model.integer.any() and status not in ("infeasible", "unbounded"))
        bound = (
            float(info.mip_dual_bound)
            if model.integer.any() and word != HighsModelStatus.kModelEmpty
            else objective
        )
        return SolveResult(
            status=status,
            native_status=solver.modelStatusToString(word),
            objective=objective,
            bound=bound if proven else None,
            seconds=run.seconds,
            solver=self.name,
            version=self.version,
            values=np.asarray(solution.col_value, dtype=float) if found else None,
            duals=np.asarray(solution.row_dual, dtype=float) if solution.dual_valid and linear else None,
            nodes=max(0, int(info.mip_node_count)),
            iterations=max(0, int(info.simplex_iteration_count)) + max(0, int(info.ipm_iteration_count)),
            message="stopped on request" if run.stop.is_set() else "",
        )

    def write(self, model: CompiledModel, path: Path) -> None:
        """Write ``model`` as MPS; the same model gives the same bytes."""
        _must(_loaded(model).writeModel(str(path)), f"writing {path}")


class _Run:
    """One run of the solver in a thread, so that Ctrl-C reaches us; keeps the trace."""

    def __init__(self, solver: highspy.Highs, watch: Watch) -> None:
        self.solver, self.watch = solver, watch
        self.stop, self.trace, self.seconds = Event(), list[TracePoint](), 0.0
        self.status = HighsStatus.kOk
        self.begin = perf_counter()
        _must(solver.setCallback(self._heard, None), "the callback")
        wanted = [CallbackType.kCallbackMipImprovingSolution, CallbackType.kCallbackMipLogging, *INTERRUPTS]
        for kind in wanted:
            _must(solver.startCallback(kind), "the callback")

    def go(self) -> None:
        """Run to the end; Ctrl-C asks the solver to stop and is then forgotten."""
        done = Event()

        def work() -> None:
            try:
                self.status = self.solver.run()
                highspy.Highs.resetGlobalScheduler(True)  # by the thread that used it
            finally:
                done.set()

        start = perf_counter()
        Thread(target=work, daemon=True).start()
        while not done.is_set():  # not join(): Ctrl-C in it makes the thread look ended
            try:
                done.wait(0.2)
            except KeyboardInterrupt:
                self.stop.set()
        self.seconds += perf_counter() - start
        if self.status == HighsStatus.kError and self.solver.getModelStatus() == HighsModelStatus.kNotset:
            raise BackendError(
                "highs failed before it began; write the model with --write-model and report it"
            )

    def add(self, point: TracePoint) -> None:
        """Keep a trace point and pass it on."""
        self.trace.append(point)
        self.watch.on_point(point)

    def _heard(self, kind: CallbackType, _message: str, out: Any, to_solver: Any, _data: Any) -> None:
        if kind in INTERRUPTS:
            if self.stop.is_set() or self.watch.stop.is_set():
                self.stop.set()
                to_solver.user_interrupt = True
            return
        best, bound = (v + 0.0 if isfinite(v) else None for v in (out.mip_primal_bound, out.mip_dual_bound))
        point = TracePoint(perf_counter() - self.begin, int(out.mip_node_count), best, bound)
        self.add(point)
        if kind == CallbackType.kCallbackMipImprovingSolution:
            self.watch.on_incumbent(np.array(out.mip_solution, dtype=float))


def _native(model: CompiledModel, options: SolveOptions) -> dict[str, Any]:
    """Every setting that matters, set explicitly."""
    common = {
        "output_flag": False,
        "solver": "ipm" if not model.integer.any() and model.matrix.nnz > LARGE else "choose",
        "mip_min_logging_interval": 0.5,
        # In a sub-MIP it can loop for ever, deaf to time limit and interrupt (seen with 1.15.1); without it
        # the library's instances are solved just as fast.
        "mip_heuristic_run_feasibility_jump": False,
        "time_limit": float("inf") if options.time_limit is None else float(options.time_limit),
        "mip_rel_gap": float(options.gap),
        "mip_abs_gap": ABSOLUTE_GAP,
        "primal_feasibility_tolerance": 1e-7,
        "dual_feasibility_tolerance": 1e-7,
        "mip_feasibility_tolerance": 1e-6,
        "threads": int(options.threads),
        "parallel": "on" if options.threads > 1 else "off",
        "random_seed": int(options.seed),
    }
    return common | dict(options.native)


def _set(solver: highspy.Highs, option: str, value: Any) -> None:
    """Set an option and believe only the returned status: HiGHS never raises."""
    known = [name for name in dir(solver.getOptions()) if not name.startswith("_")]
    if option not in known:
        raise unknown_name("option of highs", option, known)
    kind = type(getattr(solver.getOptions(), option))
    try:
        fitting = kind(value) if kind in (float, int) and not isinstance(value, bool) else value
        cut = isinstance(value, float) and fitting != value
        refused = cut or solver.setOptionValue(option, fitting) != HighsStatus.kOk
    except (TypeError, ValueError):
        refused = True
    if refused:
        raise OptionError(
            f"highs refuses {option}={value!r}; it takes a {kind.__name__} in the range of its manual"
        )


def _must(status: HighsStatus, what: str) -> None:
    if status == HighsStatus.kError:
        raise BackendError(f"highs refuses {what}; write the model with --write-model and report it")


def _loaded(model: CompiledModel) -> highspy.Highs:
    """Return a silent solver that holds ``model``."""
    if model.sos1:
        raise OptionError(
            f"highs has no SOS1 sets, but the model has {len(model.sos1)} of them; allowed: a model without. "
            "State the net by --relu tight, or take a solver with SOS1 sets: gurobi, scip."
        )
    lp = highspy.HighsLp()
    lp.num_row_, lp.num_col_ = model.matrix.shape
    lp.model_name_ = model.name
    lp.sense_ = highspy.ObjSense.kMaximize if model.maximize else highspy.ObjSense.kMinimize
    lp.offset_, lp.col_cost_ = model.offset, model.cost
    lp.col_lower_, lp.col_upper_ = model.lower, model.upper
    lp.row_lower_, lp.row_upper_ = model.row_lower, model.row_upper
    lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    lp.a_matrix_.num_row_, lp.a_matrix_.num_col_ = model.matrix.shape
    lp.a_matrix_.start_ = model.matrix.indptr
    lp.a_matrix_.index_ = model.matrix.indices
    lp.a_matrix_.value_ = model.matrix.data
    if model.integer.any():
        kinds = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
        lp.integrality_ = [kinds[flag] for flag in model.integer.tolist()]
    lp.col_names_, lp.row_names_ = list(model.column_names), list(model.row_names)
    solver = highspy.Highs()
    _must(solver.setOptionValue("output_flag", False), "silence")
    _must(solver.passModel(lp), "the compiled model")
    return solver
