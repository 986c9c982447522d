"""The unit of the reward decides nothing: nets in other units have the same best action and the same gap."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from milproute.formulations.relu.bounds import Bounds
from milproute.formulations.relu.folded_net import FoldedNet
from milproute.formulations.relu.scaling import Scaling
from milproute.instances import QNet, generate
from milproute.solvers.argmax.argmax import argmax
from milproute.solvers.argmax.options import ArgmaxOptions
from milproute.solvers.argmax.persistent import ArgmaxModel
from milproute.solvers.backends import is_installed
from milproute.solvers.results import SolveOptions
from tests.support.cases import brief
from tests.support.qnet_cases import EVERY_BLOCK, random_net

if TYPE_CHECKING:
    from milproute.instances import Instance

WAYS = [
    {"engine": "enumerate"},
    {"engine": "branch"},
    {"engine": "price"},
    *({"engine": "milp", "actions": a, "relu": "tight"} for a in ("columns", "arcs", "layers")),
    *({"engine": "milp", "relu": r} for r in ("ideal", "omlt-bigm", "omlt-partition")),
    {"engine": "milp", "bounds": "obbt"},
    {"engine": "milp", "bounds": "interval"},
]
SOLVERS = [name for name in ("highs", "scip", "gurobi") if is_installed(name)]


def in_other_units(net: QNet, layer: int, factor: float) -> QNet:
    """Multiply the weights and the bias of a layer, and the biases after it: Q is multiplied, too."""
    weights = [w * factor if k == layer else w for k, w in enumerate(net.weights)]
    biases = [b * factor if k >= layer else b for k, b in enumerate(net.biases)]
    return replace(net, weights=tuple(weights), biases=tuple(biases))


@pytest.fixture(scope="module")
def case() -> tuple[Instance, QNet]:
    instance = generate("waxman:nodes=9,requests=3,degree=3,seed=5")
    return instance, random_net(instance, np.random.default_rng(2), [5, 4], EVERY_BLOCK, 0.5)


@pytest.mark.parametrize("power", [-6, -3, 3, 6, 10])
@pytest.mark.parametrize("layer", [0, 1, 2])
@pytest.mark.parametrize("way", WAYS, ids=lambda way: "-".join(way.values()))
def test_every_way_finds_the_same_action_with_the_same_gap_in_any_unit(
    case: tuple[Instance, QNet], way: dict[str, str], layer: int, power: int
) -> None:
    instance, net = case
    limits = SolveOptions(gap=0.0)
    usual = argmax(net, instance, max_hops=4, limits=limits, **way)
    moved = argmax(in_other_units(net, layer, 10.0**power), instance, max_hops=4, limits=limits, **way)
    assert usual.objective is not None and moved.objective is not None and moved.bound is not None
    assert (moved.verified, moved.violations) == (True, ())
    assert moved.paths == usual.paths
    assert moved.objective == pytest.approx(usual.objective * 10.0**power, rel=1e-6)
    assert moved.gap is not None and moved.gap <= 2e-6


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("relu", ["tight", "sos1", "omlt-bigm", "omlt-partition"])
def test_every_solver_finds_the_same_action_in_any_unit(
    case: tuple[Instance, QNet], solver: str, relu: str
) -> None:
    if relu == "sos1" and solver == "highs":
        pytest.skip("highs has no SOS1 sets")
    instance, net = case
    best = argmax(net, instance, max_hops=4, engine="enumerate")
    for power in (-6, 0, 6):
        moved = argmax(
            in_other_units(net, 1, 10.0**power),
            instance,
            max_hops=4,
            engine="milp",
            relu=relu,
            solver=solver,
            limits=SolveOptions(gap=0.0),
        )
        assert (moved.status, moved.verified, moved.paths) == ("optimal", True, best.paths)


@pytest.mark.parametrize("power", [-6, 6])
def test_a_persistent_model_is_as_right_in_any_unit(case: tuple[Instance, QNet], power: int) -> None:
    instance, net = case
    moved = in_other_units(net, 0, 10.0**power)
    options = ArgmaxOptions(engine="milp", max_hops=4)
    model = ArgmaxModel(moved, instance, options)
    for seed in range(3):
        pairs = np.random.default_rng(seed).integers(0, 4, len(instance.links)).tolist()
        state = instance.with_pairs(pairs)
        best = argmax(moved, state, max_hops=4, engine="enumerate")
        assert best.objective is not None
        plan = model.solve(state, SolveOptions(gap=0.0))
        assert (plan.engine, plan.verified) == ("milp", True)
        assert plan.objective == pytest.approx(best.objective, rel=1e-6)


@brief
@given(st.integers(0, 999), st.integers(-20, 20))
def test_scaling_rounds_nothing_and_keeps_the_function(seed: int, power: int) -> None:
    rng = np.random.default_rng(seed)
    net = FoldedNet(
        tuple(rng.normal(size=shape) * 10.0**power for shape in ((4, 3), (2, 4), (1, 2))),
        tuple(rng.normal(size=n) for n in (4, 2, 1)),
    )
    size = tuple(10.0 ** rng.uniform(-9, 9, n) for n in (4, 2, 1))
    scaling = Scaling.of(Bounds(tuple(-x for x in size), size))
    bounds = scaling.bounds(Bounds(tuple(-x for x in size), size))
    for high in bounds.upper:
        assert ((high > 0.5) & (high <= 1.0)).all()
    points = rng.normal(size=(5, 3))
    assert (scaling.net(net)(points) * scaling.output == net(points)).all()


@pytest.mark.parametrize(
    ("known", "unit"), [(3.0, 4.0), (-0.3, 0.5), (0.0, 0.0625), (1e-9, 0.0625), (None, 64.0)]
)
def test_the_unit_of_q_is_that_of_a_known_value_or_of_loose_bounds(known: float | None, unit: float) -> None:
    bounds = Bounds((np.array([-1.0]), np.array([-2.0])), (np.array([1.0]), np.array([60.0])))
    assert Scaling.of(bounds, known=known).output == unit
