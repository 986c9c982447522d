"""SCIP through PySCIPOpt: compiled arrays in, claims out."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import scipy.sparse as sp
from pyscipopt import SCIP_EVENTTYPE, SCIP_PARAMSETTING, Eventhdlr, Model
from pyscipopt.scip import Expr, ExprCons, Term

from milproute.instances.errors import OptionError, unknown_name
from milproute.instances.files import check_writable
from milproute.instances.tolerances import OPTIMALITY, SOLVER_NOISE
from milproute.solvers.backends.solve_thread import Run
from milproute.solvers.interface import Capability, Watch
from milproute.solvers.results import BackendError, SolveOptions, SolveResult, status_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from milproute.formulations import CompiledModel
    from milproute.instances import Termination
    from milproute.instances.arrays import Floats

INFINITE = 1e20  # from here on SCIP takes a number for infinite
TERMINATIONS: Mapping[str, Termination] = {
    "optimal": "optimal",
    "gaplimit": "gap_limit",
    "infeasible": "infeasible",
    "unbounded": "unbounded",
    "inforunbd": "error",  # only if a limit comes before it is decided
    "timelimit": "time_limit",
    "nodelimit": "other_limit",
    "totalnodelimit": "other_limit",
    "stallnodelimit": "other_limit",
    "sollimit": "other_limit",
    "bestsollimit": "other_limit",
    "restartlimit": "other_limit",
    "primallimit": "other_limit",
    "duallimit": "other_limit",
    "userinterrupt": "interrupted",
    "memlimit": "memory_limit",
    "unknown": "error",
}


class Scip:
    """SCIP: a fresh object a solve, on one thread, whatever number is asked for."""

    name: ClassVar[str] = "scip"
    capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {
            Capability.INTEGER,
            Capability.SOS1,
            Capability.MIP_START,
            Capability.BOUND_TRACE,
            Capability.INTERRUPT,
            Capability.SEED,
            Capability.MEMORY_LIMIT,
        }
    )

    @property
    def version(self) -> str:
        """Version of SCIP, not of PySCIPOpt."""
        solver = Model()
        return f"{solver.getMajorVersion()}.{solver.getMinorVersion()}.{solver.getTechVersion()}"

    def solve(
        self,
        model: CompiledModel,
        options: SolveOptions,
        start: Floats | None = None,
        watch: Watch | None = None,
    ) -> SolveResult:
        """Solve ``model``, as `Backend` says.

        A linear program is solved without presolve: SCIP has no duals of what presolve took away.
        """
        run = Run(self.name, model, watch or Watch())
        with closing(_Loaded(model)) as loaded:
            loaded.configure(options, start)
            ear = _Ear(run, loaded.columns)
            loaded.solver.includeEventhdlr(ear, "trace", "tells of incumbents and bounds")
            _go(loaded.solver, run)
            word = _decided(loaded.solver, run, options)
            return run.conclude(self._claim(loaded, model, word, run.seconds))

    def _claim(self, loaded: _Loaded, model: CompiledModel, word: str, seconds: float) -> SolveResult:
        solver, termination = loaded.solver, TERMINATIONS.get(word, "error")
        status = status_of(termination)
        open_ = status not in ("infeasible", "unbounded")
        found = open_ and solver.getNSols() > 0 and (status == "optimal" or not model.is_linear)
        best = solver.getBestSol() if found else None
        objective = float(solver.getSolObjVal(best)) if found else None
        bound = objective if model.is_linear else float(solver.getDualbound()) if open_ else None
        dual = found and model.is_linear
        return SolveResult(
            status=status,
            termination=termination,
            native_status=word,
            objective=objective,
            bound=bound,
            seconds=seconds,
            solver=self.name,
            version=self.version,
            values=_values(solver, best, loaded.columns) if found else None,
            duals=np.array([solver.getDualSolVal(row) for row in loaded.rows]) if dual else None,
            nodes=0 if model.is_linear else int(solver.getNTotalNodes()),
            iterations=int(solver.getNLPIterations()),
        )

    def write(self, model: CompiledModel, path: Path) -> None:
        """Write ``model`` as MPS, SOS1 sets included; the same model gives the same bytes."""
        with closing(_Loaded(model)) as loaded:
            loaded.solver.writeProblem(str(path), verbose=False)


class _Loaded:
    """A silent solver that holds a model, with its columns and rows in the model's order."""

    def __init__(self, model: CompiledModel) -> None:
        self.model, self.solver = model, Model(model.name)
        self.solver.hideOutput()
        kinds = np.where(model.integer, "I", "C").tolist()
        names = model.column_names or [f"x{j}" for j in range(len(kinds))]
        self.columns = [
            self.solver.addVar(
                name, kind, low if low > -np.inf else None, high if high < np.inf else None, cost
            )
            for name, kind, low, high, cost in zip(
                names, kinds, model.lower.tolist(), model.upper.tolist(), model.cost.tolist(), strict=True
            )
        ]
        (self.solver.setMaximize if model.maximize else self.solver.setMinimize)()
        self.solver.addObjoffset(model.offset)
        self.rows = self._add_rows()
        for members in model.sos1:
            self.solver.addConsSOS1([self.columns[j] for j in members])

    def close(self) -> None:
        """Free the solver at once: what it told of keeps a cycle alive otherwise."""
        self.solver.free()

    def _add_rows(self) -> list[Any]:
        """Add the rows; terms made once and joined in dictionaries are what PySCIPOpt takes fastest."""
        model, matrix = self.model, sp.csr_array(self.model.matrix)
        terms = [Term(column) for column in self.columns]
        names = model.row_names or [f"r{i}" for i in range(matrix.shape[0])]
        starts, places, entries = matrix.indptr.tolist(), matrix.indices.tolist(), matrix.data.tolist()
        rows = []
        for i, (low, high) in enumerate(zip(model.row_lower.tolist(), model.row_upper.tolist(), strict=True)):
            own = slice(starts[i], starts[i + 1])
            terms_of_row = dict(zip((terms[j] for j in places[own]), entries[own], strict=True))
            sides = ExprCons(Expr(terms_of_row), max(low, -INFINITE), min(high, INFINITE))
            rows.append(self.solver.addCons(sides, names[i]))
        return rows

    def configure(self, options: SolveOptions, start: Floats | None) -> None:
        """Set every option that matters, the log and the start."""
        check_writable([options.log])
        if options.log is not None:
            self.solver.setLogfile(str(options.log))
        if self.model.is_linear:
            self.solver.setPresolve(SCIP_PARAMSETTING.OFF)
            self.solver.setSeparating(SCIP_PARAMSETTING.OFF)
            self.solver.setHeuristics(SCIP_PARAMSETTING.OFF)
        for option, value in _native(self.model, options).items():
            _set(self.solver, option, value)
        if start is not None:
            known = np.flatnonzero(~np.isnan(start)).tolist()
            whole = len(known) == len(start)
            solution = self.solver.createSol() if whole else self.solver.createPartialSol()
            for j in known:
                self.solver.setSolVal(solution, self.columns[j], float(start[j]))
            self.solver.addSol(solution)


class _Ear(Eventhdlr):  # type: ignore[misc]
    """What SCIP tells a run while it searches."""

    def __init__(self, run: Run, columns: list[Any]) -> None:
        self.run, self.columns = run, columns

    def eventinit(self) -> None:
        """Ask for what is worth a trace point."""
        self.model.catchEvent(SCIP_EVENTTYPE.BESTSOLFOUND, self)
        self.model.catchEvent(SCIP_EVENTTYPE.NODESOLVED, self)

    def eventexec(self, event: Any) -> None:
        """Pass on what is known now."""
        best = self.model.getBestSol() if self.model.getNSols() else None
        objective = None if best is None else float(self.model.getSolObjVal(best))
        bound = float(self.model.getDualbound())
        nodes = int(self.model.getNTotalNodes())
        self.run.tell(nodes, objective, bound if abs(bound) < INFINITE else None)
        if event.getType() == SCIP_EVENTTYPE.BESTSOLFOUND:
            self.run.tell_incumbent(_values(self.model, best, self.columns))


def _native(model: CompiledModel, options: SolveOptions) -> dict[str, Any]:
    """Every setting that matters, set explicitly."""
    common: dict[str, Any] = {
        "misc/catchctrlc": False,  # Ctrl-C is ours to hear
        "limits/time": INFINITE if options.time_limit is None else min(float(options.time_limit), INFINITE),
        "limits/gap": float(options.gap),
        "limits/absgap": OPTIMALITY,
        "numerics/feastol": float(options.integrality),
        "numerics/dualfeastol": SOLVER_NOISE,
        "randomization/randomseedshift": int(options.seed),
        "heuristics/completesol/maxunknownrate": 1.0,  # a start may name the few columns that matter
    }
    if model.is_linear:
        common |= {"propagating/maxrounds": 0, "propagating/maxroundsroot": 0}
    if options.memory_limit_mb is not None:
        common["limits/memory"] = float(options.memory_limit_mb)
    return common | dict(options.native)


def _set(solver: Model, option: str, value: Any) -> None:
    """Set a parameter; PySCIPOpt would cut a number to a whole one and take 3 for true."""
    try:
        kind = type(solver.getParam(option))
    except KeyError:
        raise unknown_name("option of scip", option, solver.getParams()) from None
    try:
        fitting = kind(value) if kind in (int, float) and not isinstance(value, bool) else value
        refused = type(fitting) is not kind or (kind in (int, float) and fitting != value)
        if not refused:
            solver.setParam(option, fitting)
    except (TypeError, ValueError, OverflowError):
        refused = True
    if refused:
        kinds = {bool: "true or false", int: "a whole number", float: "a number"}
        allowed = kinds.get(kind, "a word")
        raise OptionError(
            f"scip refuses {option}={value!r}; allowed: {allowed} in the range that SCIP gives it"
        )


def _go(solver: Model, run: Run) -> None:
    """Run to the end."""
    try:
        run.go(solver.optimizeNogil, solver.interruptSolve)
    except MemoryError:
        raise
    except Exception as error:  # PySCIPOpt turns most of SCIP's return codes into plain exceptions
        raise BackendError(
            f"scip failed: {error}; write the model with --write-model and report it"
        ) from error


def _decided(solver: Model, run: Run, options: SolveOptions) -> str:
    """Return the status; a ray proves unboundedness only where there is a solution at all: look for one."""
    word = str(solver.getStatus())
    if word not in ("inforunbd", "unbounded") or run.stopping:
        return word
    solver.freeTransform()
    solver.setObjective(Expr(), "minimize")
    _set(solver, "limits/time", min(run.left(options.time_limit), INFINITE))
    _go(solver, run)
    if solver.getNSols() > 0:
        return "unbounded"
    return str(solver.getStatus())


def _values(solver: Model, solution: Any, columns: list[Any]) -> Floats:
    return np.array([solver.getSolVal(solution, column) for column in columns], dtype=float)
