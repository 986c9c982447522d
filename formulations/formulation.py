"""What a formulation is: a builder with variants that turns an instance into a model and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import pyomo.environ as pyo

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from milproute.formulations.compiled import CompiledModel
    from milproute.formulations.flow.arc_flow import Route
    from milproute.instances import Instance
    from milproute.instances.arrays import Floats
    from milproute.instances.state import NetworkState

Flows = Literal["integer", "continuous"]


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """How to build a model.

    Parameters
    ----------
    variant : one of the formulation's variants.
    flows : whether flows and connections must be whole.
    relax : make everything continuous.
    """

    variant: str
    flows: Flows = "integer"
    relax: bool = False

    @property
    def continuous(self) -> bool:
        """Whether flows and connections may be fractional."""
        return self.relax or self.flows == "continuous"

    @property
    def tightened(self) -> bool:
        """Whether the link ILP may use that loads are whole."""
        return self.variant == "by-source" and not self.continuous

    @property
    def flow_domain(self) -> Any:
        """Pyomo domain of flows and connections."""
        return pyo.NonNegativeReals if self.continuous else pyo.NonNegativeIntegers


@dataclass(frozen=True, slots=True)
class Decision:
    """What a solution means: attempts on each link (by row), and paths."""

    attempts: Floats
    routes: Sequence[Route]


@dataclass(frozen=True, slots=True)
class Formulated:
    """A Pyomo model and the ways between its columns and a `Decision`.

    Parameters
    ----------
    model : the model.
    decide : ``decide(compiled, values)`` reads the decision of a solution.
    encode : ``encode(compiled, decision)`` gives the values of a decision, to start a solver from; None
        where no heuristic makes such decisions.
    in_state : ``in_state(compiled, state)`` writes the state of a network into copies of the arrays: pairs,
        free channels and qubits, connections that are still wanted; None where the columns themselves depend
        on them.
    """

    model: pyo.ConcreteModel
    decide: Callable[[CompiledModel, Floats], Decision]
    encode: Callable[[CompiledModel, Decision], Floats] | None = None
    in_state: Callable[[CompiledModel, NetworkState], CompiledModel] | None = None


@dataclass(frozen=True, slots=True)
class Formulation:
    """A named formulation; the first variant is the default."""

    name: str
    variants: tuple[str, ...]
    build: Callable[[Instance, ModelOptions], Formulated]
