"""Peers: the same Q-net over the same listed paths, stated by other libraries; for comparison only."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pyomo.environ as pyo

from milproute.formulations import compile_model
from milproute.instances.qnets.features import state_vector
from milproute.instances.qnets.torch import qnet_to_torch
from milproute.solvers.argmax.options import ArgmaxOptions
from milproute.solvers.argmax.problem import argmax_problem

if TYPE_CHECKING:
    import scipy.sparse as sp

    from milproute.instances import Instance, QNet
    from milproute.instances.arrays import Floats


@dataclass(frozen=True, slots=True)
class PeerResult:
    """Best Q and bound of a peer, and the seconds to build and solve; None where there is none."""

    objective: float | None
    bound: float | None
    seconds: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class _ActionRows:
    """An action set of listed paths as ``rows @ x <= limits``, with features ``x @ features + state``."""

    rows: sp.csr_array
    limits: Floats
    features: sp.csr_array
    state: Floats
    largest: Floats


def _action_rows(qnet: QNet, instance: Instance, max_hops: int) -> _ActionRows:
    problem = argmax_problem(qnet, instance, ArgmaxOptions(max_hops=max_hops))
    action = problem.encode_actions()
    action.model.count = pyo.Objective(expr=pyo.quicksum(action.variables), sense=pyo.maximize)
    compiled = compile_model(action.model)
    features = problem.listed().candidates.features(qnet.inputs)
    order = compiled.columns["choice"]
    rows = compiled.matrix.tocsr()[:, order]
    return _ActionRows(
        rows, compiled.row_upper, features, state_vector(instance, qnet.inputs), compiled.upper[order]
    )


def scip_ml(qnet: QNet, instance: Instance, max_hops: int, seconds: float, gap: float) -> PeerResult:
    """Maximise by PySCIPOpt-ML (big-M with its own interval bounds) and SCIP."""
    from pyscipopt import Model, quicksum
    from pyscipopt_ml.add_predictor import add_predictor_constr

    begin = perf_counter()
    problem = _action_rows(qnet, instance, max_hops)
    model = Model()
    model.hideOutput()
    model.setParam("limits/gap", gap)
    x = [model.addVar(vtype="I", lb=0, ub=float(u)) for u in problem.largest]
    for row in range(problem.rows.shape[0]):
        start, end = problem.rows.indptr[row : row + 2]
        terms = zip(problem.rows.data[start:end], problem.rows.indices[start:end], strict=True)
        model.addCons(quicksum(float(w) * x[i] for w, i in terms) <= float(problem.limits[row]))
    inputs = _inputs(problem, lambda low, high: model.addVar(lb=low, ub=high))
    for i, column in enumerate(_columns(problem)):
        expression = quicksum(float(w) * x[p] for p, w in column) + float(problem.state[i])
        model.addCons(inputs[i] == expression)
    output = np.array([[model.addVar(lb=None, ub=None)]])
    add_predictor_constr(model, qnet_to_torch(qnet), np.array([inputs]), output, formulation="bigm")
    model.setObjective(output[0, 0], sense="maximize")
    model.setParam("limits/time", max(1.0, seconds - (perf_counter() - begin)))
    model.optimize()
    found = model.getNSols() > 0
    bound = model.getDualbound()
    return PeerResult(
        model.getObjVal() if found else None,
        bound if abs(bound) < 1e20 else None,
        perf_counter() - begin,
        model.getStatus(),
    )


def gurobi_ml(qnet: QNet, instance: Instance, max_hops: int, seconds: float, gap: float) -> PeerResult:
    """Maximise by gurobi-machinelearning and Gurobi; a licence that refuses the size is a note."""
    gp: Any = import_module("gurobipy")
    add_predictor_constr: Any = import_module("gurobi_ml").add_predictor_constr
    begin = perf_counter()
    problem = _action_rows(qnet, instance, max_hops)
    with gp.Env(empty=True) as environment:
        environment.setParam("OutputFlag", 0)
        environment.start()
        with gp.Model(env=environment) as model:
            model.Params.MIPGap, model.Params.Threads = gap, 1
            x = model.addMVar(len(problem.largest), ub=problem.largest, vtype="I")
            model.addConstr(problem.rows @ x <= problem.limits)
            low, high = _box(problem)
            inputs = model.addMVar(len(low), lb=low, ub=high)
            model.addConstr(inputs == problem.features.T @ x + problem.state)
            output = model.addMVar(1, lb=-gp.GRB.INFINITY)
            add_predictor_constr(model, qnet_to_torch(qnet), inputs.reshape(1, -1), output.reshape(1, 1))
            model.setObjective(output.sum(), gp.GRB.MAXIMIZE)
            model.Params.TimeLimit = max(1.0, seconds - (perf_counter() - begin))
            try:
                model.optimize()
            except gp.GurobiError as error:
                return PeerResult(None, None, perf_counter() - begin, f"licence: {error}")
            found = model.SolCount > 0
            return PeerResult(
                model.ObjVal if found else None, model.ObjBound, perf_counter() - begin, str(model.Status)
            )


def _columns(problem: _ActionRows) -> list[list[tuple[int, float]]]:
    columns = problem.features.tocsc()
    return [
        list(zip(columns.indices[a:b].tolist(), columns.data[a:b].tolist(), strict=True))
        for a, b in zip(columns.indptr[:-1], columns.indptr[1:], strict=True)
    ]


def _box(problem: _ActionRows) -> tuple[Floats, Floats]:
    """Bounds of each input: no joint action takes more than all paths' largest share a request."""
    heavy = problem.features.multiply(problem.largest[:, None]).tocsc()
    requests = problem.rows.shape[0]
    high = problem.state + np.maximum(heavy.max(axis=0).toarray().ravel(), 0.0) * requests
    low = problem.state + np.minimum(heavy.min(axis=0).toarray().ravel(), 0.0) * requests
    return low, high


def _inputs(problem: _ActionRows, variable: Any) -> list[Any]:
    low, high = _box(problem)
    return [variable(float(a), float(b)) for a, b in zip(low, high, strict=True)]
