"""ActionEncoding: an action set as Pyomo rows, whatever the encoding, and its features as inputs of a net."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyomo.environ as pyo

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import scipy.sparse as sp

    from milproute.formulations.compiled import CompiledModel
    from milproute.formulations.flow.arc_flow import Route
    from milproute.instances.action_set import ActionSet
    from milproute.instances.arrays import Floats


@dataclass(frozen=True, slots=True)
class ActionEncoding:
    """A Pyomo model whose whole points are exactly the joint actions.

    Parameters
    ----------
    model : the rows of the action set; no objective yet.
    variables : the variables that make up the action features.
    features : what one unit of each variable adds to each action feature, shape (variables, features).
    read : paths of a solution from the compiled model and one value a column.
    """

    model: pyo.ConcreteModel
    variables: Sequence[Any]
    features: sp.csc_array
    read: Callable[[CompiledModel, Floats], list[Route]]

    def feature(self, position: int) -> Any:
        """Return one action feature as a linear expression."""
        start, end = self.features.indptr[position : position + 2]
        terms = zip(self.features.data[start:end], self.features.indices[start:end], strict=True)
        return pyo.quicksum(float(w) * self.variables[i] for w, i in terms)


def add_shared_limits(
    m: pyo.ConcreteModel,
    rules: ActionSet,
    load: Callable[[int], Any],
    held: Callable[[int], Any],
    most_load: Floats,
    most_held: Floats,
) -> None:
    """Add the rows that couple requests: capacity of links and memory of nodes.

        load[e] <= capacity[e]        for links e that all requests together could overload
        held[v] <= memory[v]          for nodes v whose memory they could exceed

    ``load`` and ``held`` give expressions by row; ``most_load`` and ``most_held`` what the requests could
    ask for at most: rows that cannot bind are left out. Infinite, they keep a row for later limits.
    """
    links = [e for e, most in enumerate(most_load.tolist()) if most > rules.capacity[e]]
    nodes = [v for v, most in enumerate(most_held.tolist()) if most > rules.memory[v]]
    m.link_capacity = pyo.Constraint(links, rule=lambda _, e: load(e) <= int(rules.capacity[e]))
    m.node_memory = pyo.Constraint(nodes, rule=lambda _, v: held(v) <= int(rules.memory[v]))
