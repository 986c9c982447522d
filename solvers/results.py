"""What is asked of a solver and what it claims: options, trace, result."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import ceil, floor, isfinite
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from milproute.instances import MilprouteError, OptionError
from milproute.instances.plan import relative_gap
from milproute.instances.tolerances import INTEGRALITY, OPTIMALITY

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from milproute.formulations import CompiledModel
    from milproute.instances import Status, Termination

# Reasons to end that are no status of their own: a solution may be there all the same.
OTHER_LIMITS: Mapping[Termination, Status] = {"interrupted": "time_limit", "other_limit": "time_limit"}


class BackendError(MilprouteError, RuntimeError):
    """A solver that refuses a model or fails in a way that has no status."""


class MissingSolverError(MilprouteError, ImportError):
    """A solver that is not installed, with the command that installs it."""


@dataclass(frozen=True, slots=True)
class SolveOptions:
    """What every back end understands.

    Parameters
    ----------
    time_limit : seconds of wall clock, None for none.
    gap : relative gap at which to stop; the absolute one is 1e-6.
    threads, seed : of the solver.
    native : further options under the solver's own names.
    memory_limit_mb : MiB at which to stop, for solvers that count their memory; None for none.
    log : file that the solver's own log is appended to; it never goes to stdout.
    integrality : how far a whole column may be from a whole number. A binary that is off by this lets a
        neuron be off by as much of its bound, so an argmax asks for 1e-9.
    """

    time_limit: float | None = 60.0
    gap: float = 1e-4
    threads: int = 1
    seed: int = 0
    native: Mapping[str, Any] = field(default_factory=dict)
    memory_limit_mb: int | None = None
    log: Path | None = None
    integrality: float = INTEGRALITY

    def __post_init__(self) -> None:
        checks = {
            "time_limit": (self.time_limit is None or self.time_limit > 0, "a number of seconds above 0"),
            "gap": (0 <= self.gap < float("inf"), "a number >= 0"),
            "threads": (self.threads >= 1, "a whole number >= 1"),
            "seed": (0 <= self.seed < 2**31, "a whole number from 0 to 2147483647"),
            "memory_limit_mb": (
                self.memory_limit_mb is None or self.memory_limit_mb >= 1,
                "a whole number of MiB >= 1",
            ),
            "integrality": (1e-9 <= self.integrality <= 1e-4, "a number from 1e-9 to 1e-4"),
        }
        for name, (holds, allowed) in checks.items():
            if not holds:
                raise OptionError(f"{name} is {getattr(self, name)}; allowed: {allowed}")


@dataclass(frozen=True, slots=True)
class TracePoint:
    """What was known after ``seconds``: best objective and proven bound, None while there is none."""

    seconds: float
    nodes: int
    objective: float | None
    bound: float | None

    @property
    def gap(self) -> float | None:
        """Relative gap between objective and bound."""
        return relative_gap(self.objective, self.bound)


@dataclass(frozen=True, slots=True)
class SolveResult:
    """What a back end claims. Only a `Plan` that passed the checker is ever reported.

    Parameters
    ----------
    status, native_status : milproute's word and the solver's.
    objective, bound : of the model's own direction; ``bound`` is None when nothing is proven.
    values : one a column, None without a solution.
    duals : one a row of a linear program, None otherwise: what the objective, in the model's own direction,
        gains for each unit by which the side of the row that binds grows; cost - matrix.T @ duals are the
        reduced costs.
    seconds : wall clock of the solver.
    nodes, iterations : of branch and bound, and of all linear programs in it.
    trace : best objective and bound over time.
    solver, version : who claims it.
    message : what went wrong and the remedy, empty when nothing did.
    termination : why the solver ended; `settle` takes the claimed status where a back end says nothing.
    """

    status: Status
    native_status: str
    objective: float | None
    bound: float | None
    seconds: float
    solver: str
    version: str
    values: np.ndarray[Any, np.dtype[np.float64]] | None = field(default=None, repr=False, compare=False)
    duals: np.ndarray[Any, np.dtype[np.float64]] | None = field(default=None, repr=False, compare=False)
    nodes: int = 0
    iterations: int = 0
    trace: tuple[TracePoint, ...] = field(default=(), repr=False)
    message: str = ""
    termination: Termination | None = None

    def __post_init__(self) -> None:
        if self.status in ("optimal", "gap_limit") and None in (self.objective, self.bound):
            raise ValueError(f"{self.status!r} needs objective and bound: {self.objective}, {self.bound}")

    @property
    def gap(self) -> float | None:
        """Relative gap between objective and bound."""
        return relative_gap(self.objective, self.bound)


def settle(result: SolveResult, model: CompiledModel) -> SolveResult:
    """Give a back end's claim the meaning that milproute's statuses have.

    - A bound that is not finite proves nothing. Where every solution has a whole objective, the bound
      is rounded to the next whole number inwards: still proven, and often all that was missing; so is the
      objective, where it is within 1e-6 of a whole number.
    - ``optimal`` with a gap above 1e-6, relative and absolute, is ``gap_limit``.
    - A limit without a solution is ``no_solution``; ``termination`` keeps which limit it was.
    """
    bound = result.bound
    if bound is not None and (not isfinite(bound) or abs(bound) >= 1e20):
        bound = None
    if bound is not None and has_whole_objective(model):
        bound = float(floor(bound + OPTIMALITY) if model.maximize else ceil(bound - OPTIMALITY))
    objective = result.objective
    if (
        objective is not None
        and has_whole_objective(model)
        and abs(objective - round(objective)) < OPTIMALITY
    ):
        objective = float(round(objective))
    status = result.status
    gap, closed = relative_gap(objective, bound), is_closed(objective, bound)
    if status == "optimal" and not closed:
        status = "gap_limit" if gap is not None else "error"
    elif status in ("time_limit", "memory_limit", "gap_limit") and closed:
        status = "optimal"
    elif status in ("time_limit", "memory_limit") and result.values is None:
        status = "no_solution"
    termination = result.termination or cast("Termination", result.status)
    if termination == "optimal" and status == "gap_limit":
        termination = "gap_limit"
    return replace(result, status=status, objective=objective, bound=bound, termination=termination)


def is_closed(objective: float | None, bound: float | None) -> bool:
    """Whether objective and bound are so close, in relative or absolute terms, that they prove an optimum."""
    gap = relative_gap(objective, bound)
    if objective is None or bound is None or gap is None:
        return False
    return gap <= OPTIMALITY or abs(bound - objective) <= OPTIMALITY


def status_of(termination: Termination) -> Status:
    """Return the status that a back end claims when it ended for this reason."""
    return OTHER_LIMITS.get(termination) or cast("Status", termination)


def has_whole_objective(model: CompiledModel) -> bool:
    """Whether every feasible point has a whole objective: whole costs on integer columns alone."""
    priced = model.cost != 0
    whole = np.all(model.cost == np.round(model.cost)) and float(model.offset).is_integer()
    return bool(whole and model.integer[priced].all() and priced.any())
