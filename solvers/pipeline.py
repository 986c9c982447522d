"""Job and Outcome: what a solution method is asked, and what it found before anyone checks it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from milproute.formulations import (
    CompiledModel,
    Decision,
    Formulated,
    Formulation,
    ModelOptions,
    Route,
    compile_model,
)
from milproute.solvers.clock import Clock
from milproute.solvers.interface import Watch
from milproute.solvers.simplex import by_simplex

if TYPE_CHECKING:
    from collections.abc import Sequence

    from milproute.instances import Instance, ModelSize, Status, Termination
    from milproute.instances.arrays import Floats
    from milproute.solvers.interface import Backend
    from milproute.solvers.results import SolveOptions, SolveResult


@dataclass(frozen=True, slots=True)
class Job:
    """An instance, how to state it, and who solves it.

    Parameters
    ----------
    instance : the problem.
    formulation, options : the model.
    backend, limits : the solver.
    seed : of everything random that is not the solver's.
    watch : told how each solve goes.
    clock : time by phase; its limit is that of all phases together.
    """

    instance: Instance
    formulation: Formulation
    options: ModelOptions
    backend: Backend
    limits: SolveOptions
    seed: int = 0
    watch: Watch = field(default_factory=Watch)
    clock: Clock = field(default_factory=Clock)

    def compile(
        self, formulation: Formulation, instance: Instance, options: ModelOptions
    ) -> tuple[Formulated, CompiledModel]:
        """Build a model and compile it, timed.

        Raises
        ------
        BuildLimitError : the time limit is up before it is compiled.
        """
        with self.clock.building("build"):
            formulated = formulation.build(instance, options)
        with self.clock.building("compile"):
            return formulated, compile_model(formulated.model)

    def solve(self, model: CompiledModel, start: Floats | None = None) -> SolveResult:
        """Solve a compiled model with this job's solver, timed; all phases of a job share its time limit."""
        limits = self.clock.limits(self.limits)
        with self.clock.phase("solve"):
            return self.backend.solve(model, limits, start, self.watch)

    def solve_relaxation(self, model: CompiledModel) -> SolveResult:
        """Solve the linear relaxation of a compiled model by the simplex method, timed as `solve`."""
        limits = by_simplex(self.clock.limits(self.limits), self.backend)
        with self.clock.phase("solve"):
            return self.backend.solve(model.relaxed(), limits, None, self.watch)

    def decide(self, formulated: Formulated, model: CompiledModel, result: SolveResult) -> Decision:
        """Read the decision of a result, integers rounded, timed; nothing without a solution."""
        if result.values is None:
            return Decision(np.zeros(len(self.instance.links)), ())
        with self.clock.phase("extract"):
            return formulated.decide(model, rounded(model, result.values))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a method found: a claim, until the checker has seen it.

    Parameters
    ----------
    status, objective, bound, message, termination : as in `SolveResult`.
    attempts : of each link, shape (links,).
    routes : paths with their counts.
    size : of the model that was solved.
    pairs, delivered : of a whole slot: pairs drawn for each link, connections of each request.
    """

    status: Status
    objective: float | None
    bound: float | None
    attempts: Floats
    routes: Sequence[Route]
    size: ModelSize | None
    pairs: Sequence[int] | None = None
    delivered: dict[str, int] | None = None
    message: str = ""
    termination: Termination | None = None


def nothing_built(message: str) -> Outcome:
    """Return the outcome of a solve whose time was up before there was a model."""
    return Outcome(
        "no_solution", None, None, np.zeros(0), (), None, message=message, termination="build_limit"
    )


def rounded(model: CompiledModel, values: Floats) -> Floats:
    """Return ``values`` with integer columns rounded: solvers leave them up to 1e-6 off."""
    return np.where(model.integer, np.round(values), values)
