"""Argmax: whichever engine and encoding, the plan is the brute-force optimum, proven and checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from milproute.formulations.action_sets import TooManyPathsError
from milproute.instances import Instance, InstanceError, OptionError, QNet, QNetError, check, generate
from milproute.solvers.argmax.argmax import argmax
from milproute.solvers.argmax.engines import ENGINES, reason
from milproute.solvers.argmax.engines.enumeration import suits as is_enumerable
from milproute.solvers.argmax.options import ENGINE_NAMES, PATH_ENGINES, ArgmaxOptions
from milproute.solvers.argmax.problem import argmax_problem
from milproute.solvers.results import SolveOptions
from tests.support.backends import Stub, without_solution
from tests.support.cases import brief, thorough
from tests.support.qnet_cases import (
    EVERY_BLOCK,
    ActionCase,
    action_cases,
    network,
    plan_action,
    random_net,
)

if TYPE_CHECKING:
    from milproute.instances import Plan

ENCODINGS = ("columns", "arcs", "layers")
RELUS = ("tight", "omlt-bigm", "omlt-partition")
METHODS = ("interval", "crown", "path")
EXACT = SolveOptions(gap=0.0)
seeds = st.integers(0, 2**32 - 1)
small = action_cases(max_nodes=5, max_requests=2, most=100)


def hops_of(case: ActionCase) -> int:
    return len(case.instance.nodes) if case.max_hops is None else case.max_hops


def assert_optimal(plan: Plan, case: ActionCase, net: QNet, tolerance: float = 1e-5) -> None:
    best = case.best(net)
    assert (plan.status, plan.verified, plan.violations) == ("optimal", True, ())
    assert plan.objective == pytest.approx(best, abs=tolerance)
    assert plan.forward == pytest.approx(best, abs=tolerance)
    assert plan.bound is not None and plan.bound >= best - tolerance
    assert plan.residual is not None and plan.residual <= tolerance
    assert plan_action(case.instance, plan.paths) in case.actions
    assert check(case.instance, plan, qnet=net) == []


@pytest.mark.parametrize("relu", RELUS)
@pytest.mark.parametrize("encoding", ENCODINGS)
@given(small, seeds, st.sampled_from(METHODS), st.sampled_from(([3], [4, 3])))
@brief
def test_the_milp_returns_what_brute_force_finds(
    encoding: str, relu: str, case: ActionCase, seed: int, method: str, hidden: list[int]
) -> None:
    net = random_net(case.instance, np.random.default_rng(seed), hidden)
    options: dict[str, Any] = {"actions": encoding, "relu": relu, "bounds": method}
    plan = argmax(net, case.instance, engine="milp", max_hops=hops_of(case), limits=EXACT, **options)
    assert_optimal(plan, case, net)
    assert (plan.formulation, plan.engine, plan.variant) == ("argmax", "milp", f"{encoding}+{relu}+{method}")
    assert plan.neurons is not None
    assert plan.neurons.total == sum(hidden)


@given(action_cases(), seeds)
@thorough
def test_enumeration_and_auto_return_what_brute_force_finds(case: ActionCase, seed: int) -> None:
    net = random_net(case.instance, np.random.default_rng(seed))
    for engine in ("enumerate", "auto"):
        plan = argmax(net, case.instance, engine=engine, max_hops=hops_of(case))
        assert_optimal(plan, case, net, 1e-9)
        assert (plan.engine, plan.variant) == ("enumerate", "enumerate")
        assert plan.bound == plan.objective
        assert plan.neurons is None


@given(action_cases(max_requests=3, most=400), seeds)
@brief
def test_bounds_of_a_problem_hold_for_every_action(case: ActionCase, seed: int) -> None:
    net = random_net(case.instance, np.random.default_rng(seed))
    for encoding in ENCODINGS:
        for method in METHODS:
            options = ArgmaxOptions(actions=encoding, bounds=method, max_hops=hops_of(case))
            problem = argmax_problem(net, case.instance, options)
            bounds = problem.bounds()
            values = problem.net.preactivations(case.inputs_of(net.inputs)[:, problem.positions])
            for layer, value in enumerate(values):
                assert (value >= bounds.lower[layer] - 1e-9).all()
                assert (value <= bounds.upper[layer] + 1e-9).all()
            assert bounds.largest_q >= case.best(net) - 1e-9


def test_both_engines_agree_on_a_network_of_the_library() -> None:
    instance = generate("waxman:nodes=10,requests=3,seed=4")
    net = random_net(instance, np.random.default_rng(1), [8, 8], EVERY_BLOCK, 0.3)
    plans = [
        argmax(net, instance, engine=engine, max_hops=4, limits=EXACT) for engine in ("milp", "enumerate")
    ]
    assert plans[0].objective == pytest.approx(plans[1].objective, abs=1e-6)
    assert [plan.verified for plan in plans] == [True, True]


# --- corners -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["milp", "enumerate", "auto"])
@pytest.mark.parametrize("inputs", [EVERY_BLOCK, ("node_memory",)])
@pytest.mark.parametrize("requests", [[], [("a", "z")], [("a", "z"), ("a", "z")]])
def test_without_a_path_the_answer_is_the_empty_action_and_its_q(
    engine: str, inputs: tuple[str, ...], requests: list[tuple[str, str]]
) -> None:
    instance = network([("a", "b"), ("y", "z")], requests)
    net = random_net(instance, np.random.default_rng(5), [3, 3], inputs)
    for encoding in ENCODINGS if engine != "enumerate" else ("columns",):
        plan = argmax(net, instance, engine=engine, actions=encoding, max_hops=4, limits=EXACT)
        assert_optimal(plan, ActionCase(instance, 4), net)
        assert plan.paths == ()
        assert plan.connections == {request.id: 0.0 for request in instance.requests}


@pytest.mark.parametrize("engine", ["milp", "enumerate"])
def test_where_all_actions_tie_any_of_them_will_do(engine: str) -> None:
    instance = network([("a", "b"), ("b", "c"), ("a", "c")], [("a", "c"), ("a", "b")])
    flat = QNet(("link_load",), (np.zeros((2, 3)), np.ones((1, 2))), (np.array([1.0, -1.0]), np.array([0.5])))
    assert_optimal(argmax(flat, instance, engine=engine, limits=EXACT), ActionCase(instance, 3), flat)


@pytest.mark.parametrize("engine", ["milp", "enumerate"])
def test_q_of_exactly_0_is_an_answer_too(engine: str) -> None:
    instance = network([("a", "b"), ("b", "c"), ("a", "c")], [("a", "c")])
    net = QNet(
        ("request_served",), (np.array([[-1.0], [1.0]]), np.array([[1.0, -2.0]])), (np.zeros(2), np.zeros(1))
    )
    plan = argmax(net, instance, engine=engine, limits=EXACT)
    assert_optimal(plan, ActionCase(instance, 3), net)
    assert plan.objective == pytest.approx(0.0, abs=1e-9)
    assert plan.gap == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("hidden", [[], [1], [2, 2, 2, 2]])
def test_nets_without_hidden_layers_and_deep_ones_are_solved(hidden: list[int]) -> None:
    instance = network([("a", "b"), ("b", "c"), ("a", "c")], [("a", "c"), ("a", "b")], demand=2, channels=2)
    net = random_net(instance, np.random.default_rng(8), hidden)
    for encoding in ENCODINGS:
        plan = argmax(net, instance, actions=encoding, engine="milp", limits=EXACT)
        assert_optimal(plan, ActionCase(instance, 6), net)


def test_large_weights_leave_a_plan_that_passes_the_checker() -> None:
    instance = network([("a", "b"), ("b", "c"), ("a", "c")], [("a", "c"), ("a", "b")])
    net = random_net(instance, np.random.default_rng(3), [4, 3], EVERY_BLOCK, 50.0)
    plan = argmax(net, instance, engine="milp", limits=EXACT)
    best = ActionCase(instance, 6).best(net)
    assert plan.verified
    assert plan.objective == pytest.approx(best, rel=1e-6)


def test_link_pairs_that_are_not_drawn_are_named() -> None:
    instance = network([("a", "b")], [("a", "b")])
    net = random_net(instance.with_pairs([1]), np.random.default_rng(0), [2], ("link_pairs", "link_load"))
    with pytest.raises(InstanceError, match=r"links\[0\]\.entangled_pairs"):
        argmax(net, instance)
    assert argmax(net, instance.with_pairs([1])).verified


def test_the_names_of_engines_are_those_of_the_table() -> None:
    assert set(ENGINE_NAMES) == {"auto", *ENGINES}
    for name, engine in ENGINES.items():
        assert name in ENGINE_NAMES
        assert (name in PATH_ENGINES) == (name != "milp"), engine


# --- the engine ------------------------------------------------------------------------------------------


def test_the_engine_is_chosen_by_the_number_of_joint_choices_and_says_so() -> None:
    few = network([("a", "b"), ("b", "c"), ("a", "c")], [("a", "c")])
    net = random_net(few, np.random.default_rng(0))
    problem = argmax_problem(net, few, ArgmaxOptions())
    assert is_enumerable(problem)
    assert reason(problem) == "enumerate: 2 paths, 3 joint choices, at most 200000"
    ends = [(f"a{i}", f"b{i}") for i in range(18)]
    many = network(ends, ends)
    crowd = argmax_problem(random_net(many, np.random.default_rng(0), [2]), many, ArgmaxOptions())
    assert not is_enumerable(crowd)
    assert reason(crowd) == ("branch: 18 paths are listed; milp where it does not end in half of the time")
    unlisted = argmax_problem(net, few, ArgmaxOptions(actions="arcs"))
    assert not is_enumerable(unlisted)
    assert reason(unlisted) == "milp: paths are not listed (arcs)"


def test_auto_branches_where_actions_are_many() -> None:
    ends = [(f"a{i}", f"b{i}") for i in range(18)]
    instance = network(ends, ends)
    linear = random_net(instance, np.random.default_rng(1), [], ("request_served",))
    plan = argmax(linear, instance, limits=EXACT)
    assert (plan.engine, plan.variant, plan.status, plan.verified) == ("branch", "branch", "optimal", True)
    assert plan.objective == pytest.approx(
        float(linear.biases[0][0] + np.maximum(linear.weights[0], 0).sum()), abs=1e-6
    )


# --- limits and lies -------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("relu", RELUS)
def test_a_tiny_time_limit_gives_a_status_and_no_invented_action(encoding: str, relu: str) -> None:
    instance = generate("waxman:nodes=12,requests=4,seed=2")
    net = random_net(instance, np.random.default_rng(0), [16, 16], EVERY_BLOCK, 0.3)
    limits = SolveOptions(time_limit=1e-6)
    plan = argmax(net, instance, engine="milp", actions=encoding, relu=relu, max_hops=4, limits=limits)
    assert plan.status in ("time_limit", "no_solution", "gap_limit", "optimal")
    if plan.objective is None:
        assert plan.paths == () and plan.forward is None
    else:
        assert plan.verified
        assert plan.forward == pytest.approx(plan.objective, abs=1e-6)
        assert plan.bound is not None and plan.bound >= plan.objective - 1e-6


@pytest.mark.parametrize("status", ["crash", "licence", "memory_limit", "time_limit", "no_solution", "error"])
def test_a_back_end_without_an_answer_leaves_its_status_and_no_action(status: str) -> None:
    instance = network([("a", "b"), ("b", "c"), ("a", "c")], [("a", "c")])
    net = random_net(instance, np.random.default_rng(0))
    plan = argmax(net, instance, engine="milp", solver=Stub(change=without_solution(status)))
    assert (plan.status, plan.objective, plan.forward, plan.paths) == (status, None, None, ())


# --- what is refused ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"actions": "colums"}, "unknown actions 'colums': did you mean 'columns'"),
        ({"actions": "layer"}, "unknown actions 'layer': did you mean 'layers'"),
        ({"relu": "tigth"}, "unknown relu 'tigth': did you mean 'tight'"),
        ({"relu": "omlt-big-m"}, "unknown relu 'omlt-big-m': did you mean 'omlt-bigm'"),
        ({"bounds": "paths"}, "unknown bounds 'paths': did you mean 'path'"),
        ({"engine": "enumeration"}, "unknown engine 'enumeration': did you mean 'enumerate'"),
        ({"engine": "enumerate", "actions": "arcs"}, "enumerate lists paths, but actions is 'arcs'"),
        ({"bounds": "obbt", "relu": "omlt-bigm"}, "allowed: with relu tight, ideal or sos1"),
        ({"max_hops": 0}, "the hop limit is 0; allowed: a whole number of at least 1"),
        ({"max_hops": -2}, "the hop limit is -2; allowed: a whole number of at least 1"),
        ({"max_columns": 0}, "max_columns is 0; allowed: a whole number >= 1"),
    ],
)
def test_names_and_numbers_that_do_not_exist_are_refused_with_the_nearest(
    options: dict[str, Any], message: str
) -> None:
    instance = network([("a", "b")], [("a", "b")])
    with pytest.raises(OptionError) as raised:
        argmax(random_net(instance, np.random.default_rng(0)), instance, **options)
    assert message in str(raised.value)


def test_a_net_of_another_network_is_refused_with_the_block_that_does_not_fit() -> None:
    instance = network([("a", "b"), ("b", "c")], [("a", "c")])
    other = network([("a", "b"), ("b", "c"), ("a", "c")], [("a", "c")])
    for engine in ("auto", "milp"):
        with pytest.raises(QNetError, match="inputs wide"):
            argmax(random_net(other, np.random.default_rng(0)), instance, engine=engine)


def test_too_many_paths_are_refused_and_layers_still_answer() -> None:
    instance = network([("a", "b"), ("b", "c"), ("a", "c"), ("c", "d"), ("b", "d")], [("a", "d")])
    net = random_net(instance, np.random.default_rng(0))
    with pytest.raises(TooManyPathsError, match="--actions layers"):
        argmax(net, instance, engine="milp", max_columns=2)
    plan = argmax(net, instance, actions="layers", max_columns=2, limits=EXACT)
    assert_optimal(plan, ActionCase(instance, 6), net)


def test_the_same_call_gives_the_same_plan() -> None:
    instance = generate("waxman:nodes=8,requests=2,seed=3")
    net = random_net(instance, np.random.default_rng(0), [6, 6])
    for options in ({"engine": "milp"}, {"engine": "enumerate"}, {"actions": "layers"}):
        one, other = (argmax(net, instance, max_hops=3, **options) for _ in range(2))  # type: ignore[arg-type]
        assert one.changed(seconds={}) == other.changed(seconds={})


def test_the_hop_limit_is_that_of_the_plan_and_holds() -> None:
    instance: Instance = network([("a", "b"), ("b", "c"), ("c", "d"), ("a", "d")], [("a", "d")])
    greedy = QNet(("request_hops",), (np.ones((1, 1)),), (np.zeros(1),))
    lengths = [argmax(greedy, instance, max_hops=hops).objective for hops in (1, 2, 3, 9)]
    assert lengths == [1.0, 1.0, 3.0, 3.0]
