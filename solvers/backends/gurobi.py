"""Gurobi through gurobipy: compiled arrays in, claims out, and what its licence allows."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, ClassVar

import gurobipy as gp
import numpy as np
import scipy.sparse as sp
from gurobipy import GRB, GurobiError

from milproute.instances.errors import OptionError, unknown_name
from milproute.instances.files import check_writable
from milproute.instances.tolerances import OPTIMALITY, SOLVER_NOISE
from milproute.solvers.backends.solve_thread import STOPPED, Run
from milproute.solvers.interface import Capability, Watch
from milproute.solvers.results import BackendError, SolveOptions, SolveResult, status_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from milproute.formulations import CompiledModel
    from milproute.instances import Status, Termination
    from milproute.instances.arrays import Flags, Floats

PARAMETERS = frozenset(name for name in dir(GRB.Param) if not name.startswith("_"))
LIMIT = 2000  # rows and columns that the licence of the wheel allows
REMEDY = (
    "install a full licence (free for academics, see gurobi.com), name its file in GRB_LICENSE_FILE, "
    "or take --solver highs"
)
TERMINATIONS: Mapping[int, Termination] = {
    GRB.OPTIMAL: "optimal",
    GRB.INFEASIBLE: "infeasible",
    GRB.UNBOUNDED: "unbounded",
    GRB.INF_OR_UNBD: "error",  # only if a limit comes before it is decided
    GRB.CUTOFF: "other_limit",
    GRB.ITERATION_LIMIT: "other_limit",
    GRB.NODE_LIMIT: "other_limit",
    GRB.TIME_LIMIT: "time_limit",
    GRB.SOLUTION_LIMIT: "other_limit",
    GRB.INTERRUPTED: "interrupted",
    GRB.USER_OBJ_LIMIT: "other_limit",
    GRB.WORK_LIMIT: "other_limit",
    GRB.MEM_LIMIT: "memory_limit",
    GRB.LOADED: "error",
    GRB.INPROGRESS: "error",
    GRB.NUMERIC: "error",
    GRB.SUBOPTIMAL: "error",
}
WORDS = {getattr(GRB.Status, name): name for name in dir(GRB.Status) if not name.startswith("_")}


class Gurobi:
    """Gurobi: an environment and a model a solve, both closed at its end; silent."""

    name: ClassVar[str] = "gurobi"
    capabilities: ClassVar[frozenset[Capability]] = frozenset(Capability)

    @property
    def version(self) -> str:
        """Version of the library."""
        return ".".join(map(str, gp.gurobi.version()))

    def solve(
        self,
        model: CompiledModel,
        options: SolveOptions,
        start: Floats | None = None,
        watch: Watch | None = None,
    ) -> SolveResult:
        """Solve ``model``, as `Backend` says; a licence that refuses is the status ``licence``."""
        run = Run(self.name, model, watch or Watch())
        with closing(gp.Env(empty=True)) as env:
            for option, value in _native(options).items():
                _set(env, option, value)
            try:
                env.start()
                with closing(_loaded(env, model)) as solver:
                    if start is not None:
                        known = np.where(np.isnan(start), GRB.UNDEFINED, start).tolist()
                        solver.setAttr("Start", solver.getVars(), known)
                    _go(solver, run)
                    word = _decided(solver, run, options)
                    return run.conclude(self._claim(solver, model, word, run.seconds))
            except GurobiError as error:
                return run.conclude(self._refusal(error, model, run.seconds))

    def _claim(self, solver: gp.Model, model: CompiledModel, word: int, seconds: float) -> SolveResult:
        termination = TERMINATIONS.get(word, "error")
        status = status_of(termination)
        open_ = status not in ("infeasible", "unbounded")
        found = open_ and solver.SolCount > 0 and (status == "optimal" or not model.is_linear)
        objective = float(solver.ObjVal) if found else None
        bound = objective if model.is_linear else float(solver.ObjBound) if open_ else None
        return SolveResult(
            status=status,
            termination=termination,
            native_status=WORDS[word],
            objective=objective,
            bound=bound,
            seconds=seconds,
            solver=self.name,
            version=self.version,
            values=np.array(solver.getAttr("X"), dtype=float) if found else None,
            duals=_duals(solver, model) if found and model.is_linear else None,
            nodes=0 if model.is_linear else int(solver.NodeCount),
            iterations=int(solver.IterCount) + int(solver.BarIterCount),
            message=STOPPED if word == GRB.INTERRUPTED else "",  # gurobipy takes Ctrl-C before we hear it
        )

    def _refusal(self, error: GurobiError, model: CompiledModel, seconds: float) -> SolveResult:
        """Turn an error that has a status into it; raise what has none."""
        size = f"{model.size.rows} rows and {model.size.columns} columns"
        refusals: dict[int, tuple[Status, str]] = {
            GRB.Error.NO_LICENSE: ("licence", f"gurobi finds no valid licence ({error}). Remedy: {REMEDY}."),
            GRB.Error.SIZE_LIMIT_EXCEEDED: (
                "licence",
                f"gurobi's licence is for at most {LIMIT} rows and {LIMIT} columns, the model has {size}. "
                f"Remedy: {REMEDY}.",
            ),
            GRB.Error.OUT_OF_MEMORY: ("memory_limit", "gurobi ran out of memory"),
        }
        if error.errno not in refusals:
            raise BackendError(
                f"gurobi refuses the compiled model: {error} (error {error.errno}); "
                "write it with --write-model and report it"
            ) from error
        status, message = refusals[error.errno]
        return SolveResult(
            status=status,
            native_status=f"error {error.errno}",
            objective=None,
            bound=None,
            seconds=seconds,
            solver=self.name,
            version=self.version,
            message=message,
        )

    def write(self, model: CompiledModel, path: Path) -> None:
        """Write ``model`` as MPS, SOS1 sets included; the same model gives the same bytes.

        Raises
        ------
        BackendError : no licence, or a model that Gurobi refuses.
        """
        with closing(gp.Env(empty=True)) as env:
            env.setParam("OutputFlag", 0)
            try:
                env.start()
                with closing(_loaded(env, model)) as solver:
                    solver.write(str(path))
            except GurobiError as error:
                raise BackendError(f"gurobi cannot write the model: {error}. Remedy: {REMEDY}.") from error


def licence_state() -> str:
    """Say what the licence allows and when it ends; print nothing and fail for no lack of one."""
    with TemporaryDirectory() as folder, closing(gp.Env(empty=True)) as env:
        log = Path(folder) / "gurobi.log"
        env.setParam("LogToConsole", 0)
        env.setParam("LogFile", str(log))
        try:
            env.start()
            with closing(gp.Model(env=env)) as probe:
                size = "" if _takes(probe, LIMIT + 1) else f"at most {LIMIT} rows and columns; "
                end = str(int(probe.LicenseExpiration))
        except GurobiError as error:
            return f"none valid: {error}. Remedy: {REMEDY}"
        kind = next(
            (line.split(" - ")[0] for line in log.read_text().splitlines() if "icense" in line), "valid"
        )
    until = f"until {end[:4]}-{end[4:6]}-{end[6:]}" if len(end) == 8 and end != "99999999" else "without end"
    return f"{kind.strip()}: {size}{until}"


def _takes(probe: gp.Model, columns: int) -> bool:
    """Whether the licence allows a model of so many columns."""
    probe.Params.OutputFlag = 0
    probe.addMVar(columns)
    try:
        probe.optimize()
    except GurobiError as error:
        if error.errno == GRB.Error.SIZE_LIMIT_EXCEEDED:
            return False
        raise
    return True


def _native(options: SolveOptions) -> dict[str, Any]:
    """Every setting that matters, set explicitly; silence first, or setting the rest would print."""
    check_writable([options.log])
    silent = {"OutputFlag": 0} if options.log is None else {"LogToConsole": 0, "LogFile": str(options.log)}
    common = {
        "TimeLimit": float("inf") if options.time_limit is None else float(options.time_limit),
        "MIPGap": float(options.gap),
        "MIPGapAbs": OPTIMALITY,
        "FeasibilityTol": SOLVER_NOISE,
        "OptimalityTol": SOLVER_NOISE,
        "IntFeasTol": float(options.integrality),
        "Threads": int(options.threads),
        "Seed": int(options.seed) % GRB.MAXINT,
    }
    memory = (
        {} if options.memory_limit_mb is None else {"SoftMemLimit": options.memory_limit_mb * 2**20 / 1e9}
    )
    return silent | common | memory | dict(options.native)


def _set(env: gp.Env, option: str, value: Any) -> None:
    """Set a parameter; gurobipy would take any case for its name, and cut a number to a whole one."""
    if option not in PARAMETERS:
        raise unknown_name("option of gurobi", option, PARAMETERS)
    why = "it takes a whole number"
    try:
        env.setParam(option, value)
        refused = isinstance(value, bool) or env.getParam(option) != value
    except (GurobiError, TypeError, AttributeError, OverflowError) as error:
        refused, why = True, str(error)
    if refused:
        raise OptionError(f"gurobi refuses {option}={value!r}: {why}")


def _loaded(env: gp.Env, model: CompiledModel) -> gp.Model:
    """Return a solver that holds ``model``. A row with two different sides becomes two, the second last."""
    solver = gp.Model(model.name, env=env)
    x = solver.addMVar(
        model.matrix.shape[1],
        lb=model.lower,
        ub=model.upper,
        obj=model.cost,
        vtype=np.where(model.integer, GRB.INTEGER, GRB.CONTINUOUS),
        name=list(model.column_names) or [f"x{j}" for j in range(model.matrix.shape[1])],
    )
    solver.ModelSense = GRB.MAXIMIZE if model.maximize else GRB.MINIMIZE
    solver.ObjCon = model.offset
    lower, upper, ranged = model.row_lower, model.row_upper, _ranged(model)
    sense = np.where(
        lower == upper, GRB.EQUAL, np.where(np.isfinite(lower) & ~ranged, GRB.GREATER_EQUAL, GRB.LESS_EQUAL)
    )
    side = np.where(sense == GRB.GREATER_EQUAL, lower, upper)
    matrix: Any = sp.csr_array(model.matrix)
    names: Any = list(model.row_names) or ""
    solver.addMConstr(matrix, x, sense, side, name=names)
    if ranged.any():
        low: Any = [f"{names[i]}_low" for i in np.flatnonzero(ranged)] if names else ""
        over = np.full(int(ranged.sum()), GRB.GREATER_EQUAL)
        solver.addMConstr(matrix[ranged], x, over, lower[ranged], name=low)
    members = x.tolist() if model.sos1 else []
    for places in model.sos1:
        solver.addSOS(GRB.SOS_TYPE1, [members[j] for j in places], list(range(1, len(places) + 1)))
    solver.update()
    return solver


def _ranged(model: CompiledModel) -> Flags:
    """Mark the rows with two different finite sides."""
    both = np.isfinite(model.row_lower) & np.isfinite(model.row_upper)
    ranged: Flags = both & (model.row_lower != model.row_upper)
    return ranged


def _duals(solver: gp.Model, model: CompiledModel) -> Floats:
    """Return one dual a row of ``model``: those of the two halves of a row add up."""
    rows = model.matrix.shape[0]
    pi = np.array(solver.getAttr("Pi"), dtype=float)
    duals = pi[:rows].copy()
    duals[_ranged(model)] += pi[rows:]
    return duals


def _go(solver: gp.Model, run: Run) -> None:
    """Run to the end, the run told of incumbents and bounds."""

    def number(value: float) -> float | None:
        return float(value) if abs(value) < GRB.INFINITY else None

    def hear(told: gp.Model, where: int) -> None:
        if where == GRB.Callback.MIPSOL:
            best, bound, nodes = (
                told.cbGet(what)
                for what in (GRB.Callback.MIPSOL_OBJ, GRB.Callback.MIPSOL_OBJBND, GRB.Callback.MIPSOL_NODCNT)
            )
            run.tell(int(nodes), number(best), number(bound))
            run.tell_incumbent(np.array(told.cbGetSolution(columns), dtype=float))
        elif where == GRB.Callback.MIP:
            best, bound, nodes = (
                told.cbGet(what)
                for what in (GRB.Callback.MIP_OBJBST, GRB.Callback.MIP_OBJBND, GRB.Callback.MIP_NODCNT)
            )
            run.tell(int(nodes), number(best), number(bound))

    columns = solver.getVars()
    run.go(lambda: solver.optimize(hear), solver.terminate)


def _decided(solver: gp.Model, run: Run, options: SolveOptions) -> int:
    """Return the status; a ray proves unboundedness only where there is a solution at all: look for one."""
    word = int(solver.Status)
    if word not in (GRB.INF_OR_UNBD, GRB.UNBOUNDED) or run.stopping:
        return word
    solver.setAttr("Obj", solver.getVars(), 0.0)
    solver.Params.TimeLimit = run.left(options.time_limit)
    solver.Params.SolutionLimit = 1
    run.go(solver.optimize, solver.terminate)
    if solver.Status == GRB.INFEASIBLE:
        return int(GRB.INFEASIBLE)
    return int(GRB.UNBOUNDED) if solver.SolCount else int(solver.Status)
