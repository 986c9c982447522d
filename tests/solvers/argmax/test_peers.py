"""Peers: gurobi-machinelearning and PySCIPOpt-ML, given the same paths and nets, find the same maximum."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from milproute.instances.qnets.features import path_features, state_vector
from milproute.solvers.argmax.argmax import argmax
from milproute.solvers.results import SolveOptions
from tests.support.qnet_cases import EVERY_BLOCK, ActionCase, grid_graph, network, random_net

if TYPE_CHECKING:
    from collections.abc import Iterator

    from milproute.instances import Instance, QNet
    from milproute.instances.arrays import Floats


RING = [("a", "b"), ("b", "c"), ("c", "d"), ("d", "a"), ("a", "c")]
NETWORKS = {
    "triangle": network([("a", "b"), ("b", "c"), ("a", "c")], [("a", "c"), ("a", "b")], channels=1),
    "ring": network(RING, [("a", "c"), ("b", "d"), ("a", "d")], channels=1, memory=4),
    "copies": network(RING, [("a", "c"), ("d", "b")], channels=2, memory=4, demand=2),
    "grid": network(grid_graph(2, 3).edges, [("n00", "n12"), ("n10", "n02"), ("n00", "n12")], channels=1),
    "nothing": network([("a", "b"), ("y", "z")], [("a", "b"), ("a", "z")]),
}
NETS = 10  # for each network
HOPS = 4


def cases() -> Iterator[tuple[Instance, QNet]]:
    for instance in NETWORKS.values():
        for seed in range(NETS):
            rng = np.random.default_rng(seed)
            yield instance, random_net(instance, rng, [5, 4] if seed % 2 else [6], EVERY_BLOCK, 0.7)


def ours(instance: Instance, net: QNet) -> float:
    plan = argmax(net, instance, engine="milp", max_hops=HOPS, limits=SolveOptions(gap=0.0))
    assert plan.verified
    assert plan.objective is not None
    return plan.objective


class Rows:
    """An action set by path columns, from networkx paths and the words of the design alone."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        listed = ActionCase(instance, HOPS).paths
        self.paths = [(k, path) for k, paths in enumerate(listed) for path in paths]
        self.copies = [1 if r.demand is None else r.demand for r in instance.requests]
        parts = [path_features(instance, EVERY_BLOCK, k, path) for k, path in self.paths]
        self.state = state_vector(instance, EVERY_BLOCK)
        self.features: Floats = np.array(parts).reshape(-1, len(self.state))

    def limits(self) -> Iterator[tuple[dict[int, float], float]]:
        """Give every limit as (factor of each path, right-hand side)."""
        for k, most in enumerate(self.copies):
            yield {i: 1.0 for i, (owner, _) in enumerate(self.paths) if owner == k}, most
        for link in self.instance.links:
            ends = set(link.ends)
            users = {
                i: 1.0 for i, (_, path) in enumerate(self.paths) if any({*s} == ends for s in pairwise(path))
            }
            yield users, link.channels
        for node in self.instance.nodes:
            held = {
                i: 2.0 if node.id in path[1:-1] else 1.0
                for i, (_, path) in enumerate(self.paths)
                if node.id in path
            }
            yield held, node.memory

    def box(self) -> tuple[Floats, Floats]:
        """Return bounds of each input."""
        most = np.array([self.copies[k] for k, _ in self.paths])[:, None]
        low = self.state + (most * np.minimum(self.features, 0)).sum(axis=0)
        return low, self.state + (most * np.maximum(self.features, 0)).sum(axis=0)


def torch_net(net: QNet) -> Any:
    torch = pytest.importorskip("torch")
    layers: list[Any] = []
    for weight, bias in zip(net.weights, net.biases, strict=True):
        layer = torch.nn.Linear(weight.shape[1], weight.shape[0]).double()
        with torch.no_grad():
            layer.weight.copy_(torch.tensor(weight))
            layer.bias.copy_(torch.tensor(bias))
        layers += [layer, torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


@pytest.mark.gurobi
def test_gurobi_machinelearning_finds_the_same_maximum() -> None:
    gp = pytest.importorskip("gurobipy", reason="gurobipy is not installed")
    peer = pytest.importorskip("gurobi_ml", reason="gurobi-machinelearning is not installed")
    try:
        env = gp.Env(params={"OutputFlag": 0, "Threads": 1})
    except gp.GurobiError as failure:
        pytest.skip(f"no Gurobi licence: {failure}")
    with env:
        for instance, net in cases():
            rows = Rows(instance)
            with gp.Model(env=env) as m:
                m.Params.MIPGap = 0.0
                x = [m.addVar(vtype="I", ub=rows.copies[k]) for k, _ in rows.paths]
                for factors, limit in rows.limits():
                    m.addConstr(gp.quicksum(w * x[i] for i, w in factors.items()) <= limit)
                low, high = rows.box()
                inputs = m.addMVar((1, len(low)), lb=low[None], ub=high[None])
                for j in range(len(low)):
                    total = gp.quicksum(float(rows.features[i, j]) * v for i, v in enumerate(x))
                    m.addConstr(inputs[0, j] - total == rows.state[j])
                q = m.addMVar((1, 1), lb=-gp.GRB.INFINITY)
                peer.add_predictor_constr(m, torch_net(net), inputs, q)
                m.setObjective(q.sum(), gp.GRB.MAXIMIZE)
                m.optimize()
                assert m.Status == gp.GRB.OPTIMAL
                assert ours(instance, net) == pytest.approx(m.ObjVal, abs=1e-5)


@pytest.mark.scip
def test_pyscipopt_ml_finds_the_same_maximum() -> None:
    scip = pytest.importorskip("pyscipopt", reason="PySCIPOpt is not installed")
    peer = pytest.importorskip("pyscipopt_ml.add_predictor", reason="PySCIPOpt-ML is not installed")
    for instance, net in cases():
        rows = Rows(instance)
        m = scip.Model()
        m.hideOutput()
        x = [m.addVar(vtype="I", lb=0, ub=rows.copies[k]) for k, _ in rows.paths]
        for factors, limit in rows.limits():
            if factors:
                m.addCons(scip.quicksum(w * x[i] for i, w in factors.items()) <= limit)
        low, high = rows.box()
        inputs = np.array([[m.addVar(lb=a, ub=b) for a, b in zip(low, high, strict=True)]], dtype=object)
        for j in range(len(low)):
            total = scip.quicksum(float(rows.features[i, j]) * v for i, v in enumerate(x))
            m.addCons(inputs[0, j] - total == float(rows.state[j]))
        q = m.addVar(lb=None, ub=None)
        outputs = np.array([[q]], dtype=object)
        peer.add_predictor_constr(m, torch_net(net), inputs, outputs, formulation="bigm")
        m.setObjective(q, "maximize")
        m.optimize()
        assert m.getStatus() == "optimal"
        assert ours(instance, net) == pytest.approx(m.getObjVal(), abs=1e-5)
        m.freeProb()
