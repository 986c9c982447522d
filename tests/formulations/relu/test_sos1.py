"""Sos1: pairs of which one is 0 state the net, and a solver that does not know them refuses."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from milproute.formulations import compile_model
from milproute.formulations.embedding import embed
from milproute.instances import OptionError
from milproute.solvers.argmax.options import ArgmaxOptions
from milproute.solvers.argmax.problem import argmax_problem
from milproute.solvers.backends.highs import Highs
from milproute.solvers.interface import Capability
from milproute.solvers.results import SolveOptions
from tests.support.cases import brief
from tests.support.qnet_cases import action_cases, network, random_net

if TYPE_CHECKING:
    from pathlib import Path

    from milproute.formulations import CompiledModel
    from milproute.formulations.relu.bounds import Bounds
    from milproute.instances import Instance, QNet
    from tests.support.qnet_cases import ActionCase


def embedded(
    net: QNet, instance: Instance, max_hops: int | None, relu: str = "sos1"
) -> tuple[CompiledModel, Bounds]:
    hops = len(instance.nodes) if max_hops is None else max_hops
    problem = argmax_problem(net, instance, ArgmaxOptions(max_hops=hops, relu=relu))
    action = problem.encode_actions()
    bounds = problem.bounds()
    return compile_model(embed(action, problem.net, relu, bounds, problem.box).model), bounds


def crossed() -> tuple[Instance, QNet]:
    """Return two requests on a ring, and a net over them."""
    ring = network([("a", "b"), ("b", "c"), ("c", "d"), ("a", "d")], [("a", "c"), ("b", "d")])
    return ring, random_net(ring, np.random.default_rng(3), [4, 3])


@given(action_cases(max_nodes=5, max_requests=2, most=40), st.integers(0, 2**32 - 1))
@brief
def test_with_one_of_each_pair_at_0_the_maximum_is_that_of_brute_force(case: ActionCase, seed: int) -> None:
    net = random_net(case.instance, np.random.default_rng(seed), [3, 2])
    model, _ = embedded(net, case.instance, case.max_hops)
    best = -np.inf
    for closed in product((0, 1), repeat=len(model.sos1)):
        upper = model.upper.copy()
        for members, i in zip(model.sos1, closed, strict=True):
            upper[members[i]] = 0.0
        branch = model.with_changes(upper=upper, sos1=())
        result = Highs().solve(branch, SolveOptions(gap=0.0))
        best = max(best, result.objective if result.objective is not None else -np.inf)
    assert best == pytest.approx(case.best(net), abs=1e-6)


def test_every_unstable_neuron_is_a_pair_and_none_has_a_binary_or_an_m() -> None:
    instance, net = crossed()
    model, bounds = embedded(net, instance, 3)
    unstable = sum(int((~bounds.stable(k)).sum()) for k in range(2))
    y, s = model.columns["qnet.y"].tolist(), model.columns["qnet.s"].tolist()
    assert unstable > 0
    assert len(model.sos1) == unstable
    assert [pair[1] for pair in model.sos1] == s
    assert all(value in y for value, _ in model.sos1)
    assert not model.integer[[*y, *s]].any()
    assert {"qnet.z", "qnet.value_if_on", "qnet.spare_if_off"}.isdisjoint({*model.columns, *model.rows})


def test_a_pair_reads_value_and_spare_part_of_the_same_neuron() -> None:
    instance, net = crossed()
    model, _ = embedded(net, instance, 3)
    rows = model.matrix.tocsr()[model.rows["qnet.neuron"]].toarray()
    for value, spare in model.sos1:
        assert ((rows[:, value] == 1.0) & (rows[:, spare] == -1.0)).sum() == 1


def test_highs_refuses_sets_and_names_the_remedy(tmp_path: Path) -> None:
    instance, net = crossed()
    model, _ = embedded(net, instance, 3)
    assert Capability.SOS1 not in Highs().capabilities
    with pytest.raises(OptionError, match=r"highs has no SOS1 sets.*--relu tight.*gurobi, scip"):
        Highs().solve(model, SolveOptions())
    with pytest.raises(OptionError, match="highs has no SOS1 sets"):
        Highs().write(model, tmp_path / "net.mps")
    assert not (tmp_path / "net.mps").exists()


def test_the_relaxation_has_no_sets_and_bounds_the_optimum() -> None:
    instance, net = crossed()
    model, _ = embedded(net, instance, 3)
    exact = Highs().solve(embedded(net, instance, 3, "tight")[0], SolveOptions(gap=0.0))
    relaxed = Highs().solve(model.relaxed(), SolveOptions())
    assert model.relaxed().sos1 == ()
    assert exact.objective is not None
    assert relaxed.objective is not None
    assert relaxed.objective >= exact.objective - 1e-6


def test_models_without_sets_have_none() -> None:
    instance, net = crossed()
    assert embedded(net, instance, 3, "tight")[0].sos1 == ()
