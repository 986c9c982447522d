"""Relaxation first: solve an integer program by its linear relaxation where that is nearly whole."""

from __future__ import annotations

from dataclasses import replace
from math import floor
from typing import TYPE_CHECKING

import numpy as np

from milproute.instances.tolerances import INTEGRALITY, OPTIMALITY
from milproute.solvers.results import has_whole_objective

if TYPE_CHECKING:
    from milproute.formulations import CompiledModel
    from milproute.instances.arrays import Floats
    from milproute.solvers.pipeline import Job
    from milproute.solvers.results import SolveResult


def solve_relaxation_first(job: Job, model: CompiledModel) -> SolveResult:
    """Solve a maximum of whole numbers; a relaxation that is whole, or whole nearby, is the proof.

    The relaxation bounds the objective by floor(bound). Where its solution is whole, it is optimal. Otherwise
    the program restricted to the whole numbers next to that solution (relaxation enforced neighbourhood
    search, Berthold 2014) is small; if its optimum meets the bound, it is optimal, else the solver gets the
    whole program. Meant for flows, whose relaxations are nearly always whole nearby.

    Parameters
    ----------
    model : a maximum with whole costs on integer columns; another one is given to the solver as it is.
    """
    if not (model.maximize and has_whole_objective(model)):
        return job.solve(model)
    relaxed = job.solve_relaxation(model)
    if relaxed.status != "optimal" or relaxed.values is None or relaxed.bound is None:
        return job.solve(model)
    values, bound = relaxed.values, float(floor(relaxed.bound + OPTIMALITY))
    whole = np.where(model.integer, np.round(values), values)
    found = replace(relaxed, values=whole, objective=_objective(model, whole), bound=bound)
    if np.abs(whole - values).max(initial=0.0) > INTEGRALITY:
        lower, upper = np.floor(values + INTEGRALITY), np.ceil(values - INTEGRALITY)
        lower, upper = (
            np.where(model.integer, lower, model.lower),
            np.where(model.integer, upper, model.upper),
        )
        near = model.with_changes(lower=np.maximum(lower, model.lower), upper=np.minimum(upper, model.upper))
        small, kept = near.without_fixed_columns()
        found = job.solve(small)
        if found.values is None:
            return job.solve(model)
        whole = near.lower.copy()
        whole[kept] = found.values
        found = replace(found, values=whole, bound=bound)
    if found.objective is not None and found.objective >= bound - OPTIMALITY:
        return replace(found, status="optimal", termination="optimal")
    return job.solve(model)


def _objective(model: CompiledModel, values: Floats) -> float:
    return float(model.cost @ values + model.offset)
