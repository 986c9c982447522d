"""Action sets as Pyomo models: path columns, arcs, hop layers."""

from __future__ import annotations

from formulations.actions.action_model import ActionModel
from formulations.actions.arcs import arcs_model, layers_model
from formulations.actions.candidates import MAX_COLUMNS, Candidates, TooManyPathsError, list_candidates
from formulations.actions.columns import columns_model

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
