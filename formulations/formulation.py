"""What a formulation is: a builder with variants that turns an instance into a model and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import pyomo.environ as pyo

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from formulations.compiled import CompiledModel
    from formulations.flows import Route
    from instances import Instance

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
    def flow_domain(self) -> Any:
        """Pyomo domain of flows and connections."""
        return pyo.NonNegativeReals if self.continuous else pyo.NonNegativeIntegers


@dataclass(frozen=True, slots=True)
class Decision:
    """What a solution means: attempts on each link (by row), and paths."""

    attempts: NDArray[np.float64]
    routes: Sequence[Route]


@dataclass(frozen=True, slots=True)
class Formulated:
    """A Pyomo model and the way back: ``decide(compiled, values)`` reads a `Decision`."""

    model: pyo.ConcreteModel
    decide: Callable[[CompiledModel, NDArray[np.float64]], Decision]


@dataclass(frozen=True, slots=True)
class Formulation:
    """A named formulation; the first variant is the default."""

    name: str
    variants: tuple[str, ...]
    build: Callable[[Instance, ModelOptions], Formulated]
