"""What an engine gets and returns: the problem, what it found, and what is left for another engine."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from milproute.solvers.argmax.engines.reduction import reduce_problem
from milproute.solvers.interface import Watch

if TYPE_CHECKING:
    from collections.abc import Callable

    from milproute.formulations.relu.bounds import Bounds
    from milproute.solvers.argmax.embedded_model import EmbeddedModel
    from milproute.solvers.argmax.path_fixing import ReducedProblem
    from milproute.solvers.argmax.problem import ArgmaxProblem
    from milproute.solvers.interface import Backend
    from milproute.solvers.pipeline import Outcome
    from milproute.solvers.results import SolveOptions


@dataclass(frozen=True, slots=True)
class EngineInput:
    """A problem, and what an engine may use to solve it.

    Parameters
    ----------
    problem : the argmax problem.
    backend, limits : the solver of linear programs and MILPs, and its limits.
    watch : callbacks of the solve, in the units of the Q-net.
    hand_over : whether the engine may leave the rest of its work to the engines after it.
    reduced : the problem after path fixing, where an engine before this one has done it.
    model_of : returns the MILP of a reduced problem, in the units of that problem, where it is compiled
        already; None to build one, in units that suit it.
    """

    problem: ArgmaxProblem
    backend: Backend
    limits: SolveOptions
    watch: Watch = field(default_factory=Watch)
    hand_over: bool = True
    reduced: ReducedProblem | None = None
    model_of: Callable[[ReducedProblem], EmbeddedModel] | None = None

    def reduce(self) -> ReducedProblem:
        """Return the problem after path fixing, with the best action that is known."""
        if self.reduced is not None:
            return self.reduced
        found = reduce_problem(self.problem)
        return found.scaled() if self.model_of is None else found


@dataclass(frozen=True, slots=True)
class EngineResult:
    """What an engine found.

    Parameters
    ----------
    outcome : the claim, in the units of the Q-net.
    engine : name of the engine that made it.
    bounds : bounds of the neurons that it used; None where it used none.
    encoding : how a MILP states actions, neurons and bounds; None where no MILP was given to a solver.
    """

    outcome: Outcome
    engine: str
    bounds: Bounds | None = None
    encoding: str | None = None


@dataclass(frozen=True, slots=True)
class Handover:
    """A problem that the engines after this one go on with.

    Parameters
    ----------
    rest : the problem, and what may be used to solve it.
    conclude : turns what they find into a claim about the problem as it was.
    """

    rest: EngineInput
    conclude: Callable[[EngineResult], EngineResult]


class Engine(Protocol):
    """A module of this package that finds an argmax."""

    LISTS_PATHS: bool

    def suits(self, problem: ArgmaxProblem) -> bool:
        """Say whether ``auto`` takes this engine when it comes to it."""

    def reason(self, problem: ArgmaxProblem) -> str:
        """Say why this engine is taken, in words for a person."""

    def solve(self, given: EngineInput) -> EngineResult | Handover:
        """Solve the problem, or hand what is left of it over.

        Raises
        ------
        OptionError : the engine was asked for, and the problem is too large for it.
        """
