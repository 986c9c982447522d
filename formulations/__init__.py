"""What is solved: Pyomo models of routing decisions, and their compiled form."""

from __future__ import annotations

from milproute.formulations.compiled import CompiledModel, compile_model
from milproute.formulations.flow.arc_flow import Route
from milproute.formulations.flow.shortest_path import best_path
from milproute.formulations.formulation import Decision, Flows, Formulated, Formulation, ModelOptions
from milproute.formulations.link_ilp import LINK
from milproute.formulations.path_ilp import PATH, copies_of, known_pairs

FORMULATIONS = {formulation.name: formulation for formulation in (LINK, PATH)}

__all__ = [
    "FORMULATIONS",
    "LINK",
    "PATH",
    "CompiledModel",
    "Decision",
    "Flows",
    "Formulated",
    "Formulation",
    "ModelOptions",
    "Route",
    "best_path",
    "compile_model",
    "copies_of",
    "known_pairs",
]
