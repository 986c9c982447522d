"""HiGHS through highspy: compiled arrays in, claims out."""

from __future__ import annotations

from math import isfinite
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, ClassVar

import highspy
import numpy as np
from highspy import HighsModelStatus, HighsStatus

from milproute.instances.errors import OptionError, unknown_name
from milproute.instances.files import check_writable
from milproute.instances.tolerances import OPTIMALITY, SOLVER_NOISE
from milproute.solvers.backends.solve_thread import Run
from milproute.solvers.interface import Capability, Watch
from milproute.solvers.results import BackendError, SolveOptions, SolveResult, status_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from milproute.formulations import CompiledModel
    from milproute.instances import Termination
    from milproute.instances.arrays import Floats

CallbackType = highspy.cb.HighsCallbackType
INTERRUPTS = (
    CallbackType.kCallbackMipInterrupt,
    CallbackType.kCallbackSimplexInterrupt,
    CallbackType.kCallbackIpmInterrupt,
)
# Linear programs with more nonzeros than this go to interior point and crossover, which are then two to
# ten times as fast as the simplex on the relaxations here (measured on the library).
LARGE = 10_000
# Presolve rules of 1.15.1 that are switched off for models with whole columns, as a bit mask: 512 is the rule
# "doubleton equation", which cuts off optima.
WRONG_PRESOLVE_RULES = 512
TYPES: Mapping[Any, tuple[type, str]] = {
    highspy.HighsOptionType.kBool: (bool, "true or false"),
    highspy.HighsOptionType.kInt: (int, "a whole number"),
    highspy.HighsOptionType.kDouble: (float, "a number"),
    highspy.HighsOptionType.kString: (str, "a word"),
}
TERMINATIONS: Mapping[HighsModelStatus, Termination] = {
    HighsModelStatus.kOptimal: "optimal",
    HighsModelStatus.kModelEmpty: "optimal",
    HighsModelStatus.kInfeasible: "infeasible",
    HighsModelStatus.kUnbounded: "unbounded",
    HighsModelStatus.kUnboundedOrInfeasible: "error",  # only if it stays undecided without presolve
    HighsModelStatus.kTimeLimit: "time_limit",
    HighsModelStatus.kIterationLimit: "other_limit",
    HighsModelStatus.kSolutionLimit: "other_limit",
    HighsModelStatus.kObjectiveBound: "other_limit",
    HighsModelStatus.kObjectiveTarget: "other_limit",
    HighsModelStatus.kInterrupt: "interrupted",
    HighsModelStatus.kHighsInterrupt: "interrupted",  # type: ignore[attr-defined]
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
        {
            Capability.INTEGER,
            Capability.MIP_START,
            Capability.BOUND_TRACE,
            Capability.INTERRUPT,
            Capability.SEED,
            Capability.THREADS,
        }
    )

    @property
    def version(self) -> str:
        """Version of the library."""
        return str(highspy.Highs().version())

    def solve(
        self,
        model: CompiledModel,
        options: SolveOptions,
        start: Floats | None = None,
        watch: Watch | None = None,
    ) -> SolveResult:
        """Solve ``model``, as `Backend` says. There is no memory limit in HiGHS."""
        run = Run(self.name, model, watch or Watch())
        highspy.Highs.resetGlobalScheduler(True)  # the number of threads belongs to the process
        solver = _loaded(model)
        for option, value in _native(model, options).items():
            _set(solver, option, value)
        if start is not None:
            known = np.flatnonzero(~np.isnan(start)).astype(np.int32)
            _must(solver.setSolution(len(known), known, start[known]), "the start")
        _Ear(solver, run)
        _go(solver, run)
        if solver.getModelStatus() == HighsModelStatus.kUnboundedOrInfeasible:
            _set(solver, "presolve", "off")
            _go(solver, run)
        return run.conclude(self._claim(solver, model, run.seconds))

    def _claim(self, solver: highspy.Highs, model: CompiledModel, seconds: float) -> SolveResult:
        info, word, solution = solver.getInfo(), solver.getModelStatus(), solver.getSolution()
        termination, linear = TERMINATIONS[word], model.is_linear
        status = status_of(termination)
        found = word == HighsModelStatus.kModelEmpty or (
            info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
            and status not in ("infeasible", "unbounded")
        )
        objective = float(solver.getObjectiveValue()) if found else None
        if word == HighsModelStatus.kModelEmpty:
            objective = model.offset
        proven = status == "optimal" or (not linear and status not in ("infeasible", "unbounded"))
        bound = objective if linear or word == HighsModelStatus.kModelEmpty else float(info.mip_dual_bound)
        return SolveResult(
            status=status,
            termination=termination,
            native_status=solver.modelStatusToString(word),
            objective=objective,
            bound=bound if proven else None,
            seconds=seconds,
            solver=self.name,
            version=self.version,
            values=np.asarray(solution.col_value, dtype=float) if found else None,
            duals=np.asarray(solution.row_dual, dtype=float) if solution.dual_valid and linear else None,
            nodes=max(0, int(info.mip_node_count)),
            iterations=max(0, int(info.simplex_iteration_count)) + max(0, int(info.ipm_iteration_count)),
        )

    def write(self, model: CompiledModel, path: Path) -> None:
        """Write ``model`` as MPS; the same model gives the same bytes."""
        _must(_loaded(model).writeModel(str(path)), f"writing {path}")


class _Ear:
    """What HiGHS's callbacks tell a run, and how they stop the solver."""

    def __init__(self, solver: highspy.Highs, run: Run) -> None:
        self.run = run
        _must(solver.setCallback(self._hear, None), "the callback")
        wanted = [CallbackType.kCallbackMipImprovingSolution, CallbackType.kCallbackMipLogging, *INTERRUPTS]
        for kind in wanted:
            _must(solver.startCallback(kind), "the callback")

    def _hear(self, kind: CallbackType, _message: str, out: Any, to_solver: Any, _data: Any) -> None:
        if kind in INTERRUPTS:
            if self.run.stopping:
                to_solver.user_interrupt = True
            return
        best, bound = (v + 0.0 if isfinite(v) else None for v in (out.mip_primal_bound, out.mip_dual_bound))
        self.run.tell(int(out.mip_node_count), best, bound)
        if kind == CallbackType.kCallbackMipImprovingSolution:
            self.run.tell_incumbent(np.array(out.mip_solution, dtype=float))


def _go(solver: highspy.Highs, run: Run) -> None:
    """Run to the end."""

    def work() -> Any:
        status = solver.run()
        highspy.Highs.resetGlobalScheduler(True)  # by the thread that used it
        return status

    status = run.go(work, lambda: None)  # the callbacks stop it
    if status == HighsStatus.kError and solver.getModelStatus() == HighsModelStatus.kNotset:
        raise BackendError("highs failed before it began; write the model with --write-model and report it")


def _native(model: CompiledModel, options: SolveOptions) -> dict[str, Any]:
    """Every setting that matters, set explicitly."""
    check_writable([options.log])
    logged = {"log_to_console": False, "log_file": str(options.log)} if options.log else {}
    common = {
        "output_flag": options.log is not None,
        "solver": "ipm" if not model.integer.any() and model.matrix.nnz > LARGE else "choose",
        "presolve_rule_off": 0 if model.is_linear else WRONG_PRESOLVE_RULES,
        "mip_min_logging_interval": 0.5,
        # In a sub-MIP it can loop for ever, deaf to time limit and interrupt (seen with 1.15.1); without it
        # the library's instances are solved just as fast.
        "mip_heuristic_run_feasibility_jump": False,
        "time_limit": float("inf") if options.time_limit is None else float(options.time_limit),
        "mip_rel_gap": float(options.gap),
        "mip_abs_gap": OPTIMALITY,
        "primal_feasibility_tolerance": SOLVER_NOISE,
        "dual_feasibility_tolerance": SOLVER_NOISE,
        "mip_feasibility_tolerance": float(options.integrality),
        "threads": int(options.threads),
        "parallel": "on" if options.threads > 1 else "off",
        "random_seed": int(options.seed),
    }
    return common | logged | dict(options.native)


def _set(solver: highspy.Highs, option: str, value: Any) -> None:
    """Set an option and believe only the returned status: HiGHS never raises."""
    known, kind = solver.getOptionType(option)
    if known != HighsStatus.kOk:
        raise unknown_name("option of highs", option, _options(solver))
    wanted, words = TYPES[kind]
    try:
        fitting = wanted(value) if wanted in (float, int) and not isinstance(value, bool) else value
        cut = isinstance(value, float) and fitting != value
        refused = cut or solver.setOptionValue(option, fitting) != HighsStatus.kOk
    except (TypeError, ValueError, OverflowError):
        refused = True
    if refused:
        raise OptionError(f"highs refuses {option}={value!r}; allowed: {words} in the range of its manual")


def _options(solver: highspy.Highs) -> list[str]:
    """List options that HiGHS knows: those it writes to a file, and fields of its options that are some."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "options"
        solver.writeOptions(str(file))
        lines = file.read_text(encoding="utf-8").splitlines()
    written = {line.partition("=")[0].strip() for line in lines if "=" in line and line[0] != "#"}
    fields = {*dir(solver.getOptions()), "presolve_rule_off"}
    return sorted(written | {name for name in fields if solver.getOptionType(name)[0] == HighsStatus.kOk})


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
