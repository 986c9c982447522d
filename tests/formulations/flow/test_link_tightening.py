"""The tightened link ILP: stairs, hulls and node limits against enumeration."""

from __future__ import annotations

from itertools import product
from math import ceil, floor
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from milproute.formulations import LINK, CompiledModel, ModelOptions, compile_model
from milproute.solvers.backends.highs import Highs
from milproute.solvers.results import SolveOptions, SolveResult
from milproute.solvers.solve import solve
from tests.support.cases import crowded, make, thorough

if TYPE_CHECKING:
    from milproute.instances import Instance

PROBABILITIES = (0.05, 0.2, 1 / 3, 0.5, 0.6, 0.75, 0.9, 0.95, 0.999, 1.0)
EXACT = SolveOptions(gap=0.0)


def tight(instance: Instance) -> CompiledModel:
    return compile_model(LINK.build(instance, ModelOptions("by-source")).model)


def fewest_attempts(model: CompiledModel, load: float) -> SolveResult:
    """Solve for the fewest attempts in all while exactly ``load`` connections are made."""
    cost, lower, upper = np.zeros_like(model.cost), model.lower.copy(), model.upper.copy()
    cost[model.columns["attempts"]] = 1.0
    lower[model.columns["connections"]] = upper[model.columns["connections"]] = load
    return Highs().solve(model.with_changes(cost=cost, lower=lower, upper=upper, maximize=False), EXACT)


def stairs(probability: float, channels: int) -> list[int]:
    """List for each load that a link can carry the fewest attempts, counted one by one."""
    fewest = [
        next((x for x in range(channels + 1) if load <= probability * x + 1e-9), None)
        for load in range(channels + 1)
    ]
    return [x for x in fewest if x is not None]


@pytest.mark.parametrize("channels", [1, 2, 7, 12])
@pytest.mark.parametrize("probability", PROBABILITIES)
def test_a_load_takes_exactly_the_attempts_that_carry_it(probability: float, channels: int) -> None:
    model = tight(make([("a", "b", channels, probability)], [("a", "b")]))
    carried = stairs(probability, channels)
    for load in range(channels + 1):
        result = fewest_attempts(model, load)
        if load < len(carried):
            assert result.objective == pytest.approx(carried[load])
            assert carried[load] == ceil(load / probability - 1e-9)
        else:
            assert result.status == "infeasible"


@pytest.mark.parametrize("channels", [2, 7, 12])
@pytest.mark.parametrize("probability", PROBABILITIES[3:])
def test_the_relaxation_of_one_link_is_the_convex_hull_of_its_whole_points(
    probability: float, channels: int
) -> None:
    model = tight(make([("a", "b", channels, probability)], [("a", "b")])).relaxed()
    carried = stairs(probability, channels)
    most = len(carried) - 1
    for load in np.linspace(0, most, 2 * most + 3).tolist():
        between = (
            x0 + (x1 - x0) * (load - f0) / max(f1 - f0, 1)
            for (f0, x0), (f1, x1) in product(enumerate(carried), repeat=2)
            if f0 <= load <= f1
        )
        assert fewest_attempts(model, load).objective == pytest.approx(min(between), abs=1e-6)
    beyond = fewest_attempts(model, most + 0.01)
    assert beyond.status == "infeasible"


@pytest.mark.parametrize("memory", range(10))
@pytest.mark.parametrize(
    "links", [[(3, 0.9), (4, 0.5), (2, 1.0)], [(5, 0.35), (5, 0.6), (1, 0.9)], [(2, 0.75), (2, 0.75)]]
)
def test_a_node_carries_at_most_what_the_best_share_of_its_memory_carries(
    links: list[tuple[int, float]], memory: int
) -> None:
    spokes = [("hub", f"leaf{i}", channels, p) for i, (channels, p) in enumerate(links)]
    shares = product(*(range(channels + 1) for channels, _ in links))
    loads = [
        sum(floor(p * x + 1e-9) for (_, p), x in zip(links, share, strict=True))
        for share in shares
        if sum(share) <= memory
    ]
    # Requests that end at the hub: its relaxation reaches the best share.
    ending = make(spokes, [("hub", leaf) for _, leaf, *_ in spokes], memory={"hub": memory})
    assert floor((Highs().solve(tight(ending).relaxed(), EXACT).bound or 0.0) + 1e-6) <= max(loads)
    assert solve(ending, limits=EXACT).objective == max(loads)
    # Requests that only pass: every connection takes two of them.
    leaves = [leaf for _, leaf, *_ in spokes]
    passing = [(u, v) for i, u in enumerate(leaves) for v in leaves[i + 1 :]]
    through = make(spokes, passing, memory={"hub": memory})
    assert (Highs().solve(tight(through).relaxed(), EXACT).bound or 0.0) <= max(loads) // 2 + 1e-6


def test_the_relaxation_sees_the_first_attempt_that_only_pays_for_losses() -> None:
    # Memory 4, two lossy links: three whole loads on one link, or one on each and none to spare.
    twin = make([("a", "b", 9, 0.9), ("a", "c", 9, 0.9)], [("a", "b"), ("a", "c")], memory={"a": 4})
    assert solve(twin, relax=True).objective == pytest.approx(3.6)
    assert Highs().solve(tight(twin).relaxed(), EXACT).objective == pytest.approx(3.0)
    assert solve(twin).objective == 3


@thorough
@given(crowded(), st.randoms(use_true_random=False))
def test_every_decision_that_fits_satisfies_the_tightened_rows(instance: Instance, random: object) -> None:
    """Take a random feasible decision of the textbook model and look it up in the tightened one."""
    formulated = LINK.build(instance, ModelOptions("per-request"))
    textbook = compile_model(formulated.model)
    cost = np.array([random.uniform(-1, 2) for _ in textbook.cost])  # type: ignore[attr-defined]
    cost[textbook.columns["attempts"]] -= 1.0
    found = Highs().solve(textbook.with_changes(cost=cost), EXACT)
    assert found.values is not None
    values = np.round(found.values)
    decision = formulated.decide(textbook, values)

    model = tight(instance)
    tight_attempts = LINK.build(instance, ModelOptions("by-source")).model.attempts
    lower, upper = model.lower.copy(), model.upper.copy()
    load = np.zeros(len(instance.links))
    for route in decision.routes:
        load[instance.links_along(route.nodes)] += route.count
    needed = np.array(
        [ceil(f / p - 1e-9) if f else 0 for f, p in zip(load, instance.probabilities, strict=True)]
    )
    columns = model.columns["attempts"]
    upper[columns] = [needed[instance.link_row[ends]] for ends in tight_attempts]
    served = np.zeros(len(instance.requests))
    for route in decision.routes:
        served[route.request] += route.count
    by_source = LINK.build(instance, ModelOptions("by-source")).model.connections
    lower[model.columns["connections"]] = [served[row] for _, row in by_source]
    assert Highs().solve(model.with_changes(lower=lower, upper=upper), EXACT).status == "optimal"


@pytest.mark.parametrize("memory", [10**6, 2**53])
def test_a_memory_without_end_costs_nothing(memory: int) -> None:
    plenty = make([("a", "b", 3, 0.9), ("b", "c", 3, 0.9)], [("a", "c")], memory=memory)
    assert solve(plenty, limits=EXACT).objective == 2
