"""Action sets as Pyomo models: path columns, arcs, hop layers."""

from __future__ import annotations

from milproute.formulations.action_sets.arc_encoding import encode_arcs, encode_layers
from milproute.formulations.action_sets.candidate_paths import MAX_COLUMNS, Candidates, TooManyPathsError
from milproute.formulations.action_sets.encoding import ActionEncoding
from milproute.formulations.action_sets.path_encoding import encode_paths
from milproute.formulations.action_sets.path_listing import list_candidates

__all__ = [
    "MAX_COLUMNS",
    "ActionEncoding",
    "Candidates",
    "TooManyPathsError",
    "encode_arcs",
    "encode_layers",
    "encode_paths",
    "list_candidates",
]
