"""One suite for all back ends: duals of linear programs, and sets of which one is not 0."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pytest

from milproute.instances import OptionError
from milproute.solvers.argmax.argmax import argmax
from milproute.solvers.argmax.strengthening.obbt import certified_bound
from milproute.solvers.backends.highs import Highs
from milproute.solvers.interface import Capability
from milproute.solvers.results import SolveOptions, SolveResult
from tests.support.arrays import INFINITY, arrays
from tests.support.conformance import needs, solved
from tests.support.qnet_cases import network, random_net

if TYPE_CHECKING:
    from milproute.solvers.interface import Backend


@pytest.mark.parametrize("seed", range(8))
def test_the_duals_of_a_linear_program_prove_its_optimum_and_agree(backend: Backend, seed: int) -> None:
    rng = np.random.default_rng(seed)
    activity = rng.normal(size=(6, 8))
    middle = activity @ rng.uniform(-1, 1, 8)
    model = arrays(
        rng.normal(size=8),
        activity,
        [-INFINITY, -INFINITY, middle[2], *(middle[3:] - 0.5)],
        [*(middle[:3]), middle[3] + 0.5, INFINITY, INFINITY],
        lower=-3,
        upper=3,
        maximize=bool(seed % 2),
        offset=1.5,
    )
    result, reference = solved(backend, model), Highs().solve(model, SolveOptions())
    assert result.status == "optimal"
    assert result.objective == result.bound
    assert result.duals is not None
    assert reference.duals is not None
    assert certified_bound(model, result.duals) == pytest.approx(result.objective, abs=1e-6)
    assert result.duals == pytest.approx(reference.duals, abs=1e-6)


def test_a_dual_is_what_the_objective_gains_when_a_side_grows(backend: Backend) -> None:
    def worth(side: float) -> SolveResult:
        return solved(backend, arrays([3, 2], [[1, 2], [1, -1]], [-INFINITY, 1], [side, 1], maximize=True))

    duals = worth(4.0).duals
    assert duals is not None
    gain = (worth(4.5).objective or 0.0) - (worth(4.0).objective or 0.0)
    assert duals[0] == pytest.approx(gain / 0.5)


@pytest.mark.parametrize("seed", range(6))
def test_at_most_one_of_a_set_is_not_0(backend: Backend, seed: int) -> None:
    rng = np.random.default_rng(seed)
    sets = ((0, 1, 2), (2, 3), (4, 5))
    plain = arrays(
        rng.uniform(1, 3, 6),
        rng.uniform(0.2, 1, (2, 6)),
        [-INFINITY] * 2,
        [4, 5],
        upper=rng.uniform(1, 4, 6),
        maximize=True,
    )
    model = plain.with_changes(sos1=sets)
    if Capability.SOS1 not in backend.capabilities:
        with pytest.raises(OptionError, match="no SOS1 sets"):
            backend.solve(model, SolveOptions())
        return
    best = -INFINITY
    for kept in product(*sets):
        upper = plain.upper.copy()
        for members, one in zip(sets, kept, strict=True):
            upper[[j for j in members if j != one]] = 0.0
        best = max(best, Highs().solve(plain.with_changes(upper=upper), SolveOptions()).objective or 0.0)
    result = solved(backend, model)
    assert (result.status, result.objective) == ("optimal", pytest.approx(best, abs=1e-6))
    assert result.duals is None


def test_the_argmax_of_a_net_stated_by_sets_is_that_of_trying_all_actions(backend: Backend) -> None:
    needs(backend, Capability.SOS1)
    ring = network([("a", "b"), ("b", "c"), ("c", "d"), ("a", "d")], [("a", "c"), ("b", "d")])
    for seed in range(4):
        net = random_net(ring, np.random.default_rng(seed), [5, 4])
        best = argmax(net, ring, engine="enumerate", max_hops=3)
        plan = argmax(net, ring, engine="milp", relu="sos1", max_hops=3, solver=backend)
        assert (plan.status, plan.verified) == ("optimal", True)
        assert plan.objective == pytest.approx(best.objective, abs=1e-5)


@pytest.mark.parametrize("relu", ["tight", "ideal"])
def test_bound_tightening_and_cuts_work_with_its_linear_programs(backend: Backend, relu: str) -> None:
    ring = network([("a", "b"), ("b", "c"), ("c", "d"), ("a", "d")], [("a", "c"), ("b", "d")])
    net = random_net(ring, np.random.default_rng(7), [5, 4])
    best = argmax(net, ring, engine="enumerate", max_hops=3)
    plan = argmax(net, ring, engine="milp", relu=relu, bounds="obbt", max_hops=3, solver=backend)
    assert (plan.status, plan.verified) == ("optimal", True)
    assert plan.objective == pytest.approx(best.objective, abs=1e-5)
