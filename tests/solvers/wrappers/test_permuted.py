"""Permuted: another order for the solver, the same answer for everybody else."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from milproute.formulations import LINK, Decision, ModelOptions, compile_model
from milproute.instances import resolve
from milproute.solvers.argmax.strengthening.obbt import certified_bound
from milproute.solvers.backends.highs import Highs
from milproute.solvers.interface import Watch
from milproute.solvers.results import SolveOptions
from milproute.solvers.wrappers.checked import breaches
from milproute.solvers.wrappers.permuted import Permuted, permuted
from tests.support.arrays import INFINITY, arrays, knapsack, market_split
from tests.support.backends import Stub

if TYPE_CHECKING:
    from pathlib import Path

    from milproute.formulations import CompiledModel
    from milproute.solvers.results import SolveResult

EXACT = SolveOptions(gap=0.0)


def lopsided(seed: int, integer: bool = True) -> CompiledModel:
    """Return a model in which no two rows, columns or bounds are alike."""
    rng = np.random.default_rng(seed)
    activity = rng.normal(size=(5, 7)).round(2)
    middle = activity @ rng.integers(0, 2, 7)
    lower, upper = -np.arange(7) / 2, np.arange(7) / 2 + 1
    return arrays(
        rng.normal(size=7),
        activity,
        middle - rng.uniform(0.1, 1, 5),
        middle + rng.uniform(0.1, 1, 5),
        lower=lower,
        upper=upper,
        integer=rng.random(7) < 0.6 if integer else False,
        maximize=bool(seed % 2),
        offset=0.25,
    )


@pytest.mark.parametrize("seed", range(12))
def test_the_answer_is_that_of_the_model_as_built(seed: int) -> None:
    model = lopsided(seed)
    plain, shuffled = Highs().solve(model, EXACT), Permuted(Highs(), seed + 1).solve(model, EXACT)
    assert shuffled.status == plain.status == "optimal"
    assert shuffled.objective == pytest.approx(plain.objective, abs=1e-6)
    assert breaches(model, shuffled) == []


@pytest.mark.parametrize("seed", range(6))
def test_duals_come_back_to_their_rows(seed: int) -> None:
    model = lopsided(seed, integer=False)
    result = Permuted(Highs(), 3).solve(model, EXACT)
    assert result.duals is not None
    assert certified_bound(model, result.duals) == pytest.approx(result.objective, abs=1e-6)


def test_a_seed_is_an_order_and_0_is_the_order_as_built() -> None:
    model, orders = lopsided(0), []
    for seed in (0, 1, 2, 1):
        stub = Stub()
        Permuted(stub, seed).solve(model, EXACT)
        orders.append(stub.models[0].cost.tolist())
    assert orders[0] == model.cost.tolist()
    assert orders[1] == orders[3]
    assert len({tuple(order) for order in orders}) == 3
    assert sorted(orders[1]) == sorted(orders[0])


def test_a_start_goes_there_and_incumbents_come_back() -> None:
    model, start = market_split()
    seen: list[Any] = []
    bare = SolveOptions(native={"mip_max_nodes": 0, "mip_heuristic_effort": 0.0, "presolve": "off"})
    Permuted(Highs(), 5).solve(model, bare, start, Watch(on_incumbent=seen.append))
    assert seen[0] == pytest.approx(start)
    for values in seen:
        assert model.matrix @ values == pytest.approx(model.row_upper)


@dataclass
class Remembering(Stub):
    """Keeps what it was asked, and answers nothing."""

    starts: list[Any] = field(default_factory=list)

    def solve(self, model: CompiledModel, options: Any, start: Any = None, watch: Any = None) -> SolveResult:
        self.starts.append(start)
        return super().solve(model.with_changes(sos1=()), options, None, watch)


def test_an_unknown_part_of_a_start_stays_unknown_in_its_place() -> None:
    model, backend = lopsided(1), Remembering()
    start = np.array([0.0, np.nan, 2.0, np.nan, 4.0, 5.0, np.nan])
    Permuted(backend, 9).solve(model, EXACT, start)
    given, sent = dict(zip(model.cost.tolist(), start.tolist(), strict=True)), backend.models[0]
    for price, value in zip(sent.cost.tolist(), backend.starts[0].tolist(), strict=True):
        assert value == given[price] or (np.isnan(value) and np.isnan(given[price]))


def test_sets_names_and_components_name_the_same_columns_and_rows() -> None:
    model = lopsided(2).with_changes(
        sos1=((0, 3), (4, 5, 6)),
        column_names=tuple("abcdefg"),
        row_names=tuple("pqrst"),
        columns={"x": np.array([6, -1, 0]), "none": np.zeros(0, np.int64)},
        rows={"y": np.array([4, 2])},
    )
    rng = np.random.default_rng(1)
    other = permuted(model, rng.permutation(5), rng.permutation(7))
    named = [[other.column_names[j] for j in members] for members in other.sos1]
    assert named == [["a", "d"], ["e", "f", "g"]]
    assert [other.column_names[j] for j in other.columns["x"] if j >= 0] == ["g", "a"]
    assert other.columns["x"][1] == -1
    assert [other.row_names[i] for i in other.rows["y"]] == ["t", "r"]
    entries = {
        (row, column): other.matrix.toarray()[i, j]
        for i, row in enumerate(other.row_names)
        for j, column in enumerate(other.column_names)
    }
    for i, row in enumerate(model.row_names):
        for j, column in enumerate(model.column_names):
            assert entries[row, column] == model.matrix.toarray()[i, j]


def test_a_plan_is_read_from_the_values_as_ever() -> None:
    formulated = LINK.build(resolve("toy"), ModelOptions("by-source", "integer", False))
    model = compile_model(formulated.model)
    decisions: list[Decision] = []
    for seed in (0, 4):
        values = Permuted(Highs(), seed).solve(model, EXACT).values
        assert values is not None
        decisions.append(formulated.decide(model, np.round(values)))
    assert {sum(route.count for route in d.routes) for d in decisions} == {3.0}


@pytest.mark.parametrize("rows", [0, 1])
def test_nothing_is_shuffled_into_nothing(rows: int) -> None:
    model = arrays([], np.zeros((rows, 0)), [-INFINITY] * rows, [1] * rows, offset=2.0)
    assert Permuted(Highs(), 1).solve(model, EXACT).objective == 2.0


def test_it_answers_in_the_name_of_its_solver_and_writes_what_it_sees(tmp_path: Path) -> None:
    wrapped = Permuted(Highs(), 2)
    assert (wrapped.name, wrapped.version) == ("highs", Highs().version)
    assert wrapped.capabilities == Highs.capabilities
    model = knapsack().with_changes(column_names=tuple(f"x{j}" for j in range(30)), row_names=("a", "b", "c"))
    texts = []
    for seed in (0, 2):
        Permuted(Highs(), seed).write(model, tmp_path / "model.mps")
        texts.append((tmp_path / "model.mps").read_text())
    assert texts[0] != texts[1]
    assert sorted(texts[0].split()) == sorted(texts[1].split())
