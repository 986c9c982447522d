"""What is solved: Pyomo models of routing decisions, and their compiled form."""

from __future__ import annotations

from formulations.compiled import CompiledModel, compile_model
from formulations.flows import Route
from formulations.formulation import Decision, Flows, Formulated, Formulation, ModelOptions
from formulations.link_ilp import LINK
from formulations.path_ilp import PATH, copies_of, known_pairs
from formulations.paths import best_path

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
