"""Embeddings: over a tiny action set every encoding of a net has the maximum of brute force."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pyomo.environ as pyo
import pytest
from hypothesis import given
from hypothesis import strategies as st

from milproute.formulations import compile_model
from milproute.formulations.embedding import embed
from milproute.instances import generate
from milproute.instances.qnets.features import features
from milproute.solvers.argmax.options import ArgmaxOptions
from milproute.solvers.argmax.problem import ArgmaxProblem, argmax_problem
from milproute.solvers.backends.highs import Highs
from milproute.solvers.pipeline import rounded
from milproute.solvers.results import SolveOptions
from tests.support.cases import brief
from tests.support.qnet_cases import EVERY_BLOCK, action_cases, as_action, network, random_net, routed
from tests.support.repository import ROOT

if TYPE_CHECKING:
    from milproute.formulations import CompiledModel
    from milproute.formulations.embedding import Embedding
    from milproute.instances import Instance, QNet
    from tests.support.qnet_cases import ActionCase
ENCODINGS = ("columns", "arcs", "layers")
SOLVED = ("tight", "omlt-bigm", "omlt-partition")
METHODS = ("interval", "crown", "path")
EXACT = SolveOptions(gap=0.0, native={"presolve": "off"})


def embedded(
    net: QNet, instance: Instance, max_hops: int | None, **options: str
) -> tuple[ArgmaxProblem, Embedding, CompiledModel]:
    hops = len(instance.nodes) if max_hops is None else max_hops
    problem = argmax_problem(net, instance, ArgmaxOptions(max_hops=hops, **options))  # type: ignore[arg-type]
    action = problem.encode_actions()
    embedding = embed(action, problem.net, problem.options.relu, problem.bounds(), problem.box)
    return problem, embedding, compile_model(embedding.model)


@pytest.mark.parametrize("relu", SOLVED)
@pytest.mark.parametrize("encoding", ENCODINGS)
@given(
    action_cases(max_nodes=5, max_requests=2, most=100),
    st.integers(0, 2**32 - 1),
    st.sampled_from(METHODS),
    st.sampled_from(([3], [4, 3])),
)
@brief
def test_the_maximum_is_that_of_brute_force(
    encoding: str, relu: str, case: ActionCase, seed: int, bounds: str, hidden: list[int]
) -> None:
    net = random_net(case.instance, np.random.default_rng(seed), hidden)
    _, embedding, model = embedded(
        net, case.instance, case.max_hops, actions=encoding, relu=relu, bounds=bounds
    )
    result = Highs().solve(model, EXACT)
    best = case.best(net)
    assert (result.status, result.objective) == ("optimal", pytest.approx(best, abs=1e-6))
    assert result.values is not None
    found = as_action(embedding.action.read(model, rounded(model, result.values)))
    assert found in case.actions
    x = features(case.instance, net.inputs, routed(case.instance, found))
    assert net.forward(x) == pytest.approx(best, abs=1e-6)


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(action_cases(max_nodes=5, max_requests=2, most=60), st.integers(0, 2**32 - 1))
@brief
def test_the_worst_action_is_found_too(encoding: str, case: ActionCase, seed: int) -> None:
    # A row that holds in one direction only would let Q float away from the net.
    net = random_net(case.instance, np.random.default_rng(seed))
    _, _, model = embedded(net, case.instance, case.max_hops, actions=encoding)
    result = Highs().solve(model.with_changes(maximize=False), EXACT)
    assert result.objective == pytest.approx(net.forward(case.inputs_of(net.inputs)).min(), abs=1e-6)


@given(action_cases(max_nodes=5), st.integers(0, 2**32 - 1), st.sampled_from(METHODS))
@brief
def test_stable_neurons_get_no_binary_and_idle_features_no_column(
    case: ActionCase, seed: int, method: str
) -> None:
    net = random_net(case.instance, np.random.default_rng(seed), [6, 4])
    problem, embedding, model = embedded(net, case.instance, case.max_hops, bounds=method)
    bounds = problem.bounds()
    unstable = sum(int((~bounds.stable(k)).sum()) for k in range(2))
    choices = 0 if problem.columns is None else len(problem.columns)
    assert int(model.integer.sum()) <= choices + unstable
    assert len(embedding.model.qnet.z) == unstable
    assert len(embedding.model.qnet.inputs) == max(1, len(embedding.live))  # OMLT wants one at least
    moved = np.flatnonzero(abs(embedding.action.features).sum(axis=0))
    assert set(moved) <= set(embedding.live)


def test_path_bounds_spare_binaries_that_intervals_need() -> None:
    instance = generate("waxman:nodes=12,requests=3,seed=5")
    net = random_net(instance, np.random.default_rng(0), [16, 16], EVERY_BLOCK, 0.3)
    binaries = {method: len(embedded(net, instance, 4, bounds=method)[1].model.qnet.z) for method in METHODS}
    assert binaries["path"] < binaries["crown"] <= binaries["interval"]


@pytest.mark.parametrize("relu", SOLVED)
@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("inputs", [EVERY_BLOCK, ("node_memory",), ("node_memory", "request_served")])
@pytest.mark.parametrize("requests", [[], [("a", "z")]])
def test_without_any_path_q_of_the_empty_action_is_left(
    encoding: str, relu: str, inputs: tuple[str, ...], requests: list[tuple[str, str]]
) -> None:
    instance = network([("a", "b"), ("y", "z")], requests)
    net = random_net(instance, np.random.default_rng(7), [3, 2], inputs)
    _, _, model = embedded(net, instance, 3, actions=encoding, relu=relu)
    result = Highs().solve(model, EXACT)
    assert result.objective == pytest.approx(float(net.forward(features(instance, inputs, []))), abs=1e-6)


@pytest.mark.parametrize("relu", SOLVED)
@pytest.mark.parametrize("hidden", [[], [1], [3, 3, 3]])
def test_shallow_and_deep_nets_embed_alike(relu: str, hidden: list[int]) -> None:
    instance = network([("a", "b"), ("b", "c"), ("a", "c")], [("a", "c"), ("a", "b")], demand=2, channels=2)
    net = random_net(instance, np.random.default_rng(2), hidden)
    results = {}
    for encoding in ENCODINGS:
        _, _, model = embedded(net, instance, 3, actions=encoding, relu=relu)
        results[encoding] = Highs().solve(model, EXACT).objective
    assert results["columns"] == pytest.approx(results["arcs"], abs=1e-6)
    assert results["columns"] == pytest.approx(results["layers"], abs=1e-6)


WRITE = """
import hashlib
import numpy as np
from milproute.formulations import compile_model
from milproute.formulations.embedding import embed
from milproute.instances import generate
from milproute.solvers.argmax.options import ArgmaxOptions
from milproute.solvers.argmax.problem import ArgmaxProblem, argmax_problem
from tests.support.qnet_cases import random_net

instance = generate("waxman:nodes=9,requests=3,seed=3")
net = random_net(instance, np.random.default_rng(0), [6, 5])
for actions in ("columns", "arcs", "layers"):
    problem = argmax_problem(net, instance, ArgmaxOptions(actions=actions, max_hops=4))
    action = problem.encode_actions()
    model = compile_model(
        embed(action, problem.net, "tight", problem.bounds(), problem.box).model, named=True
    )
    total = hashlib.sha256(repr((model.column_names, model.row_names)).encode())
    for array in (model.cost, model.matrix.data, model.matrix.indices, model.row_upper, model.upper):
        total.update(np.ascontiguousarray(array).tobytes())
    assert len(set(model.column_names)) == len(model.column_names)
    print(actions, total.hexdigest())
"""


def test_names_and_arrays_are_the_same_in_every_process() -> None:
    runs = [
        subprocess.run(
            [sys.executable, "-c", WRITE],
            cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "4242")
    ]
    assert runs[0] == runs[1]
    assert len(runs[0].splitlines()) == 3


def test_names_in_the_model_hold_layer_and_neuron_numbers_and_no_addresses() -> None:
    instance = network([("a", "b"), ("b", "c"), ("a", "c")], [("a", "c")])
    net = random_net(instance, np.random.default_rng(0), [4])
    _, embedding, _ = embedded(net, instance, 3)
    names = [v.name for v in embedding.model.component_data_objects(pyo.Var)]
    tight = [name for name in names if name.startswith("qnet.") and name[5] in "ysz"]
    assert tight
    assert all(name.startswith(("qnet.y[0,", "qnet.s[0,", "qnet.z[0,")) for name in tight)
