"""Cuts in rounds: no action is cut off, the relaxation only gets better, the optimum stays."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from milproute.formulations import compile_model
from milproute.formulations.embedding import embed
from milproute.formulations.relu.neuron_layout import NeuronLayout
from milproute.instances import generate
from milproute.instances.qnets.blocks import action_positions
from milproute.solvers.argmax.options import ArgmaxOptions
from milproute.solvers.argmax.problem import ArgmaxProblem, argmax_problem
from milproute.solvers.argmax.strengthening.cutting_planes import CUTS, add_cuts, with_rows
from milproute.solvers.argmax.strengthening.obbt import tighten
from milproute.solvers.backends.highs import Highs
from milproute.solvers.interface import Watch
from milproute.solvers.results import SolveOptions
from tests.support.cases import brief
from tests.support.qnet_cases import action_cases, random_net

if TYPE_CHECKING:
    from milproute.formulations import CompiledModel
    from milproute.formulations.embedding import Embedding
    from milproute.formulations.relu.bounds import Bounds
    from milproute.instances import Instance, QNet
    from milproute.instances.arrays import Floats
    from tests.support.qnet_cases import ActionCase


ENCODINGS = ("columns", "arcs", "layers")
EXACT = SolveOptions(gap=0.0, native={"presolve": "off"})
seeds = st.integers(0, 2**32 - 1)


def prepared(
    net: QNet, instance: Instance, max_hops: int | None, actions: str = "columns"
) -> tuple[ArgmaxProblem, Embedding, Bounds, NeuronLayout, CompiledModel]:
    hops = len(instance.nodes) if max_hops is None else max_hops
    problem = argmax_problem(net, instance, ArgmaxOptions(actions=actions, max_hops=hops, relu="ideal"))
    action = problem.encode_actions()
    bounds = problem.bounds()
    embedding = embed(action, problem.net, "ideal", bounds, problem.box)
    model = compile_model(embedding.model)
    return problem, embedding, bounds, NeuronLayout.of(model, bounds), model


def points(
    case: ActionCase, problem: ArgmaxProblem, embedding: Embedding, bounds: Bounds, model: CompiledModel
) -> Floats:
    """Return every action as a point of the model, by a forward pass; arcs are left at 0."""
    inputs = case.inputs_of(problem.qnet.inputs)[:, action_positions(case.instance, problem.qnet.inputs)]
    values = problem.net.preactivations(inputs)
    found = np.zeros((len(inputs), model.matrix.shape[1]))
    if len(embedding.live):
        found[:, model.columns["qnet.inputs"]] = inputs[:, embedding.live]
    block = embedding.model.qnet
    parts = {
        "y": [np.maximum(0.0, f) for f in values],
        "s": [np.maximum(0.0, -f) for f in values],
        "z": [(f > 0).astype(float) for f in values],
    }
    for component, part in parts.items():
        for (k, j), column in zip(getattr(block, component), model.columns[f"qnet.{component}"], strict=True):
            found[:, column] = part[k][:, j]
    if problem.columns is not None:
        candidates = problem.columns.candidates
        row = {(int(request), candidates.path(p)): p for p, request in enumerate(candidates.request)}
        for i, action in enumerate(case.actions):
            for (request, nodes), copies in Counter({(k, v): n for k, v, n in action}).items():
                found[i, model.columns["choice"][row[request, nodes]]] = copies
    return found


@pytest.mark.parametrize("actions", ENCODINGS)
@given(action_cases(max_nodes=5, max_requests=2, most=80), seeds, st.booleans())
@brief
def test_no_action_is_cut_off_and_the_optimum_stays(
    actions: str, case: ActionCase, seed: int, tightened: bool
) -> None:
    net = random_net(case.instance, np.random.default_rng(seed), [4, 3, 2])
    problem, embedding, bounds, layout, model = prepared(net, case.instance, case.max_hops, actions)
    if tightened:
        model = layout.with_bounds(model, tighten(model, layout, bounds, Highs()))
    model = layout.with_loose_q_bounds(model, bounds)
    stronger, relaxed = add_cuts(model, layout, Highs())
    cuts = stronger.rows[CUTS]
    assert stronger.matrix.shape[0] == model.matrix.shape[0] + len(cuts)
    sums = points(case, problem, embedding, bounds, model) @ stronger.matrix[cuts].T.toarray()
    assert (sums <= stronger.row_upper[cuts] + 1e-9).all()
    best = case.best(net)
    assert Highs().solve(stronger, EXACT).objective == pytest.approx(best, abs=1e-6)
    assert (np.diff(relaxed) <= 1e-6).all()
    assert relaxed[-1] >= best - 1e-6


@given(action_cases(max_nodes=5, max_requests=2, most=80), seeds)
@brief
def test_the_last_bound_is_that_of_the_returned_model(case: ActionCase, seed: int) -> None:
    net = random_net(case.instance, np.random.default_rng(seed), [4, 3])
    *_, layout, model = prepared(net, case.instance, case.max_hops)
    stronger, relaxed = add_cuts(model, layout, Highs())
    assert relaxed[0] == pytest.approx(Highs().solve(model.relaxed(), EXACT).bound, abs=1e-6)
    assert relaxed[-1] == pytest.approx(Highs().solve(stronger.relaxed(), EXACT).bound, abs=1e-6)


def hard() -> tuple[QNet, Instance]:
    instance = generate("waxman:nodes=12,requests=3,seed=5")
    return random_net(instance, np.random.default_rng(0), [8, 8], scale=0.3), instance


@pytest.mark.parametrize(("actions", "gain"), [("columns", 0.3), ("layers", 0.05)])
def test_cuts_close_part_of_the_gap_of_the_relaxation(actions: str, gain: float) -> None:
    net, instance = hard()
    *_, layout, model = prepared(net, instance, 4, actions)
    _, relaxed = add_cuts(model, layout, Highs())
    best = Highs().solve(model, EXACT).objective
    assert best is not None
    assert (relaxed[0] - relaxed[-1]) / (relaxed[0] - best) > gain


def test_one_round_makes_one_cut_a_neuron_at_most_and_none_makes_none() -> None:
    net, instance = hard()
    *_, bounds, layout, model = prepared(net, instance, 4)
    unstable = sum(int((~bounds.stable(k)).sum()) for k in range(2))
    stronger, relaxed = add_cuts(model, layout, Highs(), rounds=1)
    assert len(relaxed) == 2
    assert 0 < len(stronger.rows[CUTS]) <= unstable
    untouched, relaxed = add_cuts(model, layout, Highs(), rounds=0)
    assert (len(untouched.rows[CUTS]), len(relaxed)) == (0, 1)


def test_without_time_or_on_request_the_model_stays_as_it_is() -> None:
    net, instance = hard()
    *_, layout, model = prepared(net, instance, 4)
    asked = Watch()
    asked.stop.set()
    for same, relaxed in (
        add_cuts(model, layout, Highs(), seconds=1e-9),
        add_cuts(model, layout, Highs(), watch=asked),
    ):
        assert (relaxed, len(same.rows[CUTS])) == ([], 0)
        assert (same.matrix.toarray() == model.matrix.toarray()).all()


def test_rows_are_appended_with_names_only_where_there_are_names() -> None:
    net, instance = hard()
    _, embedding, *_, model = prepared(net, instance, 4)
    row = (np.array([0, 2]), np.array([1.0, -2.0]), 3.0)
    plain, named = with_rows(model, [row]), with_rows(compile_model(embedding.model, named=True), [row])
    assert plain.row_names == ()
    assert named.row_names[-1] == "ideal_cuts_0"
    assert len(set(named.row_names)) == named.matrix.shape[0]
    last = named.matrix.toarray()[-1]
    assert (last[0], last[2], int(np.count_nonzero(last))) == (1.0, -2.0, 2)
    assert (named.row_lower[-1], named.row_upper[-1]) == (-np.inf, 3.0)


def test_a_net_without_hidden_layers_needs_no_cut() -> None:
    _, instance = hard()
    *_, layout, model = prepared(random_net(instance, np.random.default_rng(1), []), instance, 4)
    stronger, relaxed = add_cuts(model, layout, Highs())
    assert (len(relaxed), len(stronger.rows[CUTS])) == (1, 0)
