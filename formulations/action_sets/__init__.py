"""Action sets as Pyomo models: path columns, arcs, hop layers."""

from __future__ import annotations

from milproute.formulations.action_sets.arc_encoding import arcs_model, layers_model
from milproute.formulations.action_sets.candidate_paths import (
    MAX_COLUMNS,
    Candidates,
    TooManyPathsError,
    list_candidates,
)
from milproute.formulations.action_sets.encoding import ActionModel
from milproute.formulations.action_sets.path_encoding import columns_model

__all__ = [
    "MAX_COLUMNS",
    "ActionModel",
    "Candidates",
    "TooManyPathsError",
    "arcs_model",
    "columns_model",
    "layers_model",
    "list_candidates",
]
