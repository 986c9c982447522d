"""CompiledFormulation: an updated model states what a fresh model of the state states."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from milproute.formulations import FORMULATIONS, ModelOptions, compile_model
from milproute.instances import Instance, OptionError, generate
from milproute.instances.state import NetworkState
from milproute.solvers.backends.highs import Highs
from milproute.solvers.compiled_formulation import CompiledFormulation
from milproute.solvers.results import SolveOptions
from milproute.solvers.solve import solve
from tests.support.cases import any_case, brief, make, thorough
from tests.support.oracles import most_link_connections, most_path_connections

if TYPE_CHECKING:
    from milproute.formulations import CompiledModel

EXACT = SolveOptions(gap=0.0)
KINDS = (("integer", False), ("continuous", False), ("integer", True))
LINKS = [("link", variant, *kind) for variant in ("by-source", "per-request") for kind in KINDS]
PATHS = [("path", variant, *kind) for variant in ("by-source", "aggregated") for kind in KINDS[::2]]


def random_state(instance: Instance, rng: np.random.Generator, *, pairs: bool) -> NetworkState:
    """Return a state with some channels and qubits held, fewer connections wanted, and pairs of any age."""
    state = NetworkState.of(instance)
    waiting = [rng.integers(0, 4) if np.isinf(n) else rng.integers(0, n + 1) for n in state.waiting]
    unlimited = np.isinf(state.waiting) & (rng.random(len(state.waiting)) < 0.5)
    return NetworkState(
        pairs=rng.integers(0, 4, size=(len(instance.links), 2)) if pairs else state.pairs,
        known=np.ones_like(state.known) if pairs else state.known,
        channels_held=rng.integers(0, instance.channels + 1),
        memory_held=rng.integers(0, instance.memories + 1),
        waiting=np.where(unlimited, np.inf, np.array(waiting, dtype=float)),
    )


@pytest.mark.parametrize(("formulation", "variant", "flows", "relax"), LINKS + PATHS)
@given(any_case(), st.integers(0, 2**32 - 1))
@thorough
def test_an_updated_model_has_the_optimum_of_a_fresh_one(
    formulation: str, variant: str, flows: str, relax: bool, instance: Instance, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    kept = CompiledFormulation(instance, formulation, variant, flows=flows, relax=relax)  # type: ignore[arg-type]
    for _ in range(2):
        state = random_state(instance, rng, pairs=formulation == "path")
        found = kept.update(state).solve(EXACT)
        fresh = solve(state.instance(instance), formulation, variant, flows=flows, relax=relax, limits=EXACT)
        assert found.status == fresh.status == "optimal"
        assert found.objective == pytest.approx(fresh.objective, abs=1e-6)


@given(any_case(), st.integers(0, 2**32 - 1))
@thorough
def test_the_optimum_of_a_state_is_that_of_brute_force(instance: Instance, seed: int) -> None:
    rng = np.random.default_rng(seed)
    state = random_state(instance, rng, pairs=True)
    links = CompiledFormulation(instance, "link").update(state).solve(EXACT)
    paths = CompiledFormulation(instance, "path").update(state).solve(EXACT)
    assert links.objective == most_link_connections(state.instance(instance))
    assert paths.objective == most_path_connections(state.instance(instance))


@given(any_case(), st.integers(0, 2**32 - 1))
@brief
def test_dropping_fixed_columns_changes_no_optimum_and_no_decision(instance: Instance, seed: int) -> None:
    kept = CompiledFormulation(instance, "path")
    kept.update(random_state(instance, np.random.default_rng(seed), pairs=True))
    small, columns = kept.model.without_fixed_columns()
    whole = Highs().solve(kept.model, EXACT)
    part = Highs().solve(small, EXACT)
    assert part.objective == whole.objective
    assert part.values is not None and len(part.values) == len(columns)
    everywhere = kept.model.lower.copy()
    everywhere[columns] = part.values
    for name in ("flow", "connections"):
        np.testing.assert_allclose(small.read(name, part.values), kept.model.read(name, everywhere))
    assert_feasible(kept.model, everywhere)


def assert_feasible(model: CompiledModel, values: np.ndarray) -> None:
    sums = model.matrix @ values
    assert (sums >= model.row_lower - 1e-6).all() and (sums <= model.row_upper + 1e-6).all()
    assert (values >= model.lower - 1e-6).all() and (values <= model.upper + 1e-6).all()


def test_fixed_columns_away_from_zero_move_to_the_right_hand_sides() -> None:
    instance = make([("a", "b", 3, 1.0), ("b", "c", 3, 1.0)], [("a", "c", 2)])
    stated = FORMULATIONS["link"].build(instance, ModelOptions("per-request"))
    model = compile_model(stated.model)
    lower, upper = model.lower.copy(), model.upper.copy()
    column = model.columns["connections"][0]
    lower[column] = upper[column] = 1.0
    small, _ = model.with_changes(lower=lower, upper=upper).without_fixed_columns()
    assert len(small.cost) == len(model.cost) - 1
    found = Highs().solve(small, EXACT)
    assert found.objective == 1.0
    assert small.read("connections", found.values).tolist() == [1.0]


def test_a_model_is_built_once_whatever_the_number_of_states(monkeypatch: pytest.MonkeyPatch) -> None:
    instance = generate("waxman:nodes=10,requests=4,seed=1")
    kept = CompiledFormulation(instance, "path", "aggregated", relax=True)
    monkeypatch.setattr("milproute.solvers.compiled_formulation.compile_model", None)
    rng = np.random.default_rng(0)
    for _ in range(3):
        pairs = rng.binomial(instance.channels, instance.probabilities)
        found = kept.update(NetworkState.of(instance).with_pairs(pairs)).solve()
        fresh = solve(instance.with_pairs(pairs.tolist()), "path", "aggregated", relax=True)
        assert found.objective == pytest.approx(fresh.objective)


def test_a_state_without_known_pairs_is_no_state_of_the_path_ilp() -> None:
    instance = make([("a", "b", 3, 1.0)], [("a", "b")])
    with pytest.raises(OptionError, match=r"the pairs of link a-b are not known in this state.*with_pairs"):
        CompiledFormulation(instance, "path").solve()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"formulation": "path", "variant": "per-copy"},
            "a column for each copy .* allowed: by-source, agg",
        ),
        ({"formulation": "link", "variant": "by-sorce"}, "did you mean 'by-source'"),
        ({"formulation": "reps"}, "unknown formulation with one model 'reps'"),
    ],
)
def test_what_cannot_be_compiled_once_is_refused(options: dict[str, str], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        CompiledFormulation(make([("a", "b", 3, 1.0)], [("a", "b")]), **options)
