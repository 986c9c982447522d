"""Path listing: all candidate paths of an action set, at once in numpy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from milproute.formulations.action_sets.candidate_paths import MAX_COLUMNS, Candidates, TooManyPathsError
from milproute.formulations.action_sets.layered_graph import layered_graph
from milproute.formulations.action_sets.path_growth import concatenated, grow_paths

if TYPE_CHECKING:
    from milproute.instances.action_set import ActionSet

PARTIAL = 1_000_000  # most unfinished paths kept at once, or ten times the columns where these are more


def list_candidates(rules: ActionSet, max_columns: int = MAX_COLUMNS) -> Candidates:
    """List all simple paths of every request within hops, usable links, memory and fidelity.

    Raises
    ------
    TooManyPathsError : there are more than ``max_columns``.
    """
    graph = layered_graph(rules)
    values = np.zeros(len(graph))
    to_go = [step[:, 0] for step in graph.cost_to_go(values[:, None])]
    most, total, parts = max(PARTIAL, 10 * max_columns), 0, []
    for request in np.unique(graph.request).tolist():
        name = rules.instance.requests[request].id
        for found, given_up in grow_paths(graph, request, values, to_go, -np.inf, most):
            parts.append(found)
            total += len(found[0])
            if total > max_columns:
                raise TooManyPathsError(
                    f"{rules.instance.name} has more than {max_columns} candidate paths within "
                    f"{rules.max_hops} hops (up to request {name!r}); allowed: at most --max-columns. "
                    "Lower --max-hops, raise --max-columns, or use --engine price or --actions layers."
                )
            if given_up > -np.inf:
                raise TooManyPathsError(
                    f"{rules.instance.name} has more than {most:,} unfinished paths for request {name!r}: "
                    f"too many to list. Lower --max-hops (now {rules.max_hops}), or use --engine price or "
                    "--actions layers."
                )
    requests, nodes, links, _ = concatenated(parts, graph.hops)
    width = int((links >= 0).sum(axis=1).max(initial=1))
    return Candidates(rules, requests, nodes[:, : width + 1], links[:, :width])
