"""Arc fixing: drop the steps of walks that no better action takes, by a linear upper bound of Q."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from milproute.formulations.action_sets.layered_graph import LayeredGraph
    from milproute.formulations.relu.crown import LinearUpperBound


def fix_arcs(graph: LayeredGraph, upper: LinearUpperBound, known: float) -> LayeredGraph:
    """Keep the steps that a path of an action with Q above ``known`` may take.

    Parameters
    ----------
    graph, upper : the layered graph, and a bound whose elements are its arcs.
    """
    cutoffs = upper.cutoffs(known)[graph.request]
    return graph.restricted_to(graph.best_through(upper.values) >= cutoffs)
