"""Nets as rows: with fixed inputs the output is that of a forward pass, and stable neurons cost no binary."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyomo.environ as pyo
import pytest
from hypothesis import given
from hypothesis import strategies as st
from omlt import OmltBlock

from milproute.formulations import compile_model
from milproute.formulations.relu.bounds import Bounds, interval_bounds
from milproute.formulations.relu.crown import crown_bounds
from milproute.formulations.relu.folded_net import FoldedNet
from milproute.formulations.relu.net_block import RELU_NAMES
from milproute.formulations.relu.omlt_adapter import RELU, network_definition
from milproute.formulations.relu.support_functions import Box
from milproute.solvers.backends.highs import Highs
from milproute.solvers.results import SolveOptions
from tests.support.cases import brief, thorough

if TYPE_CHECKING:
    from milproute.formulations import CompiledModel

SOLVED = ("tight", "omlt-bigm", "omlt-partition")
EXACT = SolveOptions(gap=0.0, native={"presolve": "off"})


def random_affine(rng: np.random.Generator, sizes: list[int]) -> FoldedNet:
    weights = [rng.normal(size=(n, m)) for m, n in zip(sizes, [*sizes[1:], 1], strict=True)]
    return FoldedNet(tuple(weights), tuple(rng.normal(size=len(w)) for w in weights))


def random_box(rng: np.random.Generator, size: int) -> Box:
    low = rng.integers(-3, 2, size).astype(float)
    return Box(low, low + rng.integers(0, 4, size))


def tight_bounds(net: FoldedNet, box: Box) -> Bounds:
    return crown_bounds(net, box, interval_bounds(net, box))


def stated(relu: str, net: FoldedNet, box: Box, bounds: Bounds) -> pyo.ConcreteModel:
    m = pyo.ConcreteModel(name="net")
    m.qnet = OmltBlock()
    m.qnet.build_formulation(RELU[relu](network_definition(net, box), bounds))
    for i, (low, high) in enumerate(zip(box.lower, box.upper, strict=True)):
        m.qnet.inputs[i].setlb(float(low))
        m.qnet.inputs[i].setub(float(high))
    m.q = pyo.Objective(expr=m.qnet.outputs[0], sense=pyo.maximize)
    return m


def extreme(model: CompiledModel, *, maximize: bool = True) -> float:
    result = Highs().solve(model.with_changes(maximize=maximize), EXACT)
    assert result.status == "optimal"
    assert result.objective is not None
    return result.objective


@pytest.mark.parametrize("relu", SOLVED)
@given(st.integers(0, 2**32 - 1), st.sampled_from(([2], [2, 3], [3, 4, 2])))
@brief
def test_at_fixed_inputs_the_output_is_that_of_the_forward_pass(
    relu: str, seed: int, sizes: list[int]
) -> None:
    rng = np.random.default_rng(seed)
    net, box = random_affine(rng, sizes), random_box(rng, sizes[0])
    model = compile_model(stated(relu, net, box, tight_bounds(net, box)))
    columns = model.columns["qnet.inputs"]
    point = rng.uniform(box.lower, box.upper)
    lower, upper = model.lower.copy(), model.upper.copy()
    used = columns >= 0  # an input of dead neurons alone has no column
    lower[columns[used]] = upper[columns[used]] = point[used]
    fixed = model.with_changes(lower=lower, upper=upper)
    q = net(point[None])[0]
    assert extreme(fixed) == pytest.approx(q, abs=1e-5)
    assert extreme(fixed, maximize=False) == pytest.approx(q, abs=1e-5)


@given(st.integers(0, 2**32 - 1))
@brief
def test_all_formulations_have_the_same_maximum_over_a_box(seed: int) -> None:
    rng = np.random.default_rng(seed)
    net, box = random_affine(rng, [2, 4, 3]), random_box(rng, 2)
    bounds = tight_bounds(net, box)
    values = {relu: extreme(compile_model(stated(relu, net, box, bounds))) for relu in SOLVED}
    sampled = net(rng.uniform(box.lower, box.upper, size=(200, 2))).max()
    for relu, value in values.items():
        assert value == pytest.approx(values["tight"], abs=1e-6), relu
        assert sampled - 1e-6 <= value <= bounds.largest_q + 1e-6


@given(st.integers(0, 2**32 - 1), st.sampled_from(([3, 4], [3, 5, 4], [2, 3, 4, 3])))
@thorough
def test_the_size_of_tight_is_as_its_docstring_says(seed: int, sizes: list[int]) -> None:
    rng = np.random.default_rng(seed)
    net, box = random_affine(rng, sizes), random_box(rng, sizes[0])
    bounds = tight_bounds(net, box)
    m = stated("tight", net, box, bounds)
    low, high = (np.concatenate(side[:-1]) for side in (bounds.lower, bounds.upper))
    unstable = int(((low < 0) & (high > 0)).sum())
    active = int(((low >= 0) & (high > 0)).sum())
    block = m.qnet
    assert len(block.y) + len(block.s) + len(block.z) == active + 3 * unstable
    rows = sum(len(c) for c in m.component_objects(pyo.Constraint, active=True))
    assert rows == active + 3 * unstable + 1
    binaries = [v for v in m.component_data_objects(pyo.Var) if v.is_binary()]
    assert len(binaries) == len(block.z) == unstable
    assert {index for index in block.z} == {
        (k, j)
        for k in range(len(sizes) - 1)
        for j in range(sizes[k + 1])
        if bounds.lower[k][j] < 0 < bounds.upper[k][j]
    }


def test_a_dead_neuron_has_no_column_and_an_active_one_no_binary() -> None:
    net = FoldedNet(
        (np.array([[1.0], [1.0], [1.0]]), np.array([[1.0, 10.0, 100.0]])),
        (np.array([-5.0, 5.0, 0.0]), np.array([0.25])),
    )
    box = Box(np.array([-1.0]), np.array([1.0]))
    m = stated("tight", net, box, interval_bounds(net, box))
    assert list(m.qnet.y) == [(0, 1), (0, 2)]
    assert list(m.qnet.z) == list(m.qnet.s) == [(0, 2)]
    assert extreme(compile_model(m)) == pytest.approx(160.25)


def test_a_net_that_is_stable_throughout_is_a_linear_program() -> None:
    rng = np.random.default_rng(1)
    net, box = random_affine(rng, [3, 4]), Box(np.zeros(3), np.ones(3))
    shifted = FoldedNet(net.weights, (net.biases[0] + 50, net.biases[1]))
    model = compile_model(stated("tight", shifted, box, tight_bounds(shifted, box)))
    assert not model.integer.any()
    corners = np.array(np.meshgrid(*[[0.0, 1.0]] * 3)).reshape(3, -1).T
    assert extreme(model) == pytest.approx(shifted(corners).max(), abs=1e-6)


def test_a_net_without_hidden_layers_is_one_row() -> None:
    net = FoldedNet((np.array([[2.0, -3.0]]),), (np.array([1.0]),))
    box = Box(np.zeros(2), np.ones(2))
    m = stated("tight", net, box, interval_bounds(net, box))
    assert sum(len(c) for c in m.component_objects(pyo.Constraint, active=True)) == 1
    assert extreme(compile_model(m)) == pytest.approx(3.0)


@pytest.mark.parametrize("relu", SOLVED)
def test_weights_and_biases_of_a_layer_stay_together(relu: str) -> None:
    # Layers of different widths, the middle one without bias: swapped parts would change the maximum.
    net = FoldedNet(
        (np.array([[1.0], [-1.0]]), np.array([[1.0, 2.0]]), np.array([[3.0]])),
        (np.array([0.5, 0.0]), np.zeros(1), np.array([-4.0])),
    )
    box = Box(np.array([-2.0]), np.array([2.0]))
    q = max(3 * (max(0.0, x + 0.5) + 2 * max(0.0, -x)) - 4 for x in np.linspace(-2, 2, 401))
    model = compile_model(stated(relu, net, box, interval_bounds(net, box)))
    assert extreme(model) == pytest.approx(q, abs=1e-6)


def test_every_name_of_a_statement_states_something() -> None:
    assert tuple(RELU) == RELU_NAMES
