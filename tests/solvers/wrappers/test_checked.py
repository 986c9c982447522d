"""Checked: what the matrices refute is named, and what they bear out passes."""

from __future__ import annotations

from dataclasses import replace
from time import process_time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from milproute.solvers import solve
from milproute.solvers.backends.highs import Highs
from milproute.solvers.results import SolveOptions, SolveResult
from milproute.solvers.wrappers.checked import Checked, breaches
from tests.support.arrays import INFINITY, arrays, knapsack, market_split
from tests.support.backends import Stub

if TYPE_CHECKING:
    from pathlib import Path

    from milproute.formulations import CompiledModel
    from milproute.instances import Plan


def claim(
    values: Any, objective: float | None, bound: float | None = None, status: Any = "time_limit"
) -> SolveResult:
    array = None if values is None else np.array(values, dtype=float)
    return SolveResult(status, "?", objective, bound, 0.0, "stub", "0", array)


# max x0 + 2 x1 over x0 + x1 <= 4, 1 <= 2 x0 - x1, 0 <= x <= 3, x0 whole
MODEL = arrays(
    [1, 2], [[1, 1], [2, -1]], [-INFINITY, 1], [4, INFINITY], upper=3, integer=[True, False], maximize=True
)


def test_a_claim_that_holds_has_no_breach() -> None:
    assert breaches(MODEL, claim([2, 2], 6.0, 6.5)) == []
    assert breaches(MODEL, claim(None, None, 7.0)) == []
    assert breaches(MODEL, claim([2 + 9e-7, 2], 6.0 + 9e-7)) == []


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (claim([2, -0.5], 1.0), ["column 1 = -0.5 breaks its bound 0 by 0.5"]),
        (
            claim([1, 3.25], 7.5),
            ["column 1 = 3.25 breaks its bound 3 by 0.25", "row 0 = 4.25", "row 1 = -1.25"],
        ),
        (claim([1.5, 1], 3.5), ["column 0 = 1.5 is not whole, by 0.5"]),
        (claim([2, 2.5], 7.0), ["row 0 = 4.5 breaks its side 4 by 0.5"]),
        (claim([1, 1.5], 4.0), ["row 1 = 0.5 breaks its side 1 by 0.5"]),
        (claim([2, 2], 6.1), ["the objective is 6, not 6.1 as claimed"]),
        (claim([2, 2], 6.0, 5.9), ["the bound 5.9 is on the wrong side of the objective 6, by 0.1"]),
        (claim([2, 2, 2], 6.0), ["3 values for 2 columns"]),
        (claim([2, np.nan], 6.0), ["column 1 is nan"]),
        (claim([2, 2], float("nan")), ["the objective is 6, not nan as claimed"]),
        (claim([2, 2], None), ["values come without an objective"]),
        (claim(None, 6.0), ["an objective comes without values"]),
        (claim([2, 2], 6.0, None, "infeasible"), ["infeasible comes with values"]),
    ],
)
def test_every_lie_is_named_with_place_and_amount(result: SolveResult, words: list[str]) -> None:
    found = breaches(MODEL, result)
    assert len(found) == len(words)
    for sentence, word in zip(found, words, strict=True):
        assert sentence.startswith(word)


def test_a_minimum_is_bounded_from_below() -> None:
    model = MODEL.with_changes(maximize=False)
    assert breaches(model, claim([2, 2], 6.0, 5.0)) == []
    assert "wrong side" in breaches(model, claim([2, 2], 6.0, 6.1))[0]


def test_two_members_of_a_set_are_one_too_many() -> None:
    model = arrays([1, 1, 1], upper=5, maximize=True).with_changes(sos1=((0, 1, 2),))
    assert breaches(model, claim([0, 3, 0], 3.0)) == []
    assert breaches(model, claim([1e-9, 3, -1e-9], 3.0)) == []
    found = breaches(model, claim([1, 3, 0], 4.0))
    assert found == ["2 members of SOS1 set 0 are not 0: column 0 = 1, column 1 = 3"]


def test_rows_and_columns_are_called_by_their_names() -> None:
    named = MODEL.with_changes(column_names=("a", "b"), row_names=("cap", "mix"))
    found = breaches(named, claim([1.5, 2.75], 7.0))
    assert [sentence.split(" = ")[0] for sentence in found] == ["column a", "row cap", "row mix"]
    placed = MODEL.with_changes(columns={"flow": np.array([1, 0])}, rows={"cap": np.array([-1, 0])})
    found = breaches(placed, claim([1.5, 2.75], 7.0))
    assert found[0].startswith("column 0 (flow, member 1) = 1.5")
    assert found[1].startswith("row 0 (cap, member 1) = 4.25")


@given(
    st.integers(0, 2**32 - 1), st.floats(1e-3, 1e6), st.sampled_from(["row", "bound", "whole", "objective"])
)
@settings(max_examples=120, deadline=None)
def test_a_breach_is_found_from_the_tolerance_of_its_scale_on_and_not_before(
    seed: int, scale: float, what: str
) -> None:
    rng = np.random.default_rng(seed)
    activity = rng.normal(size=(4, 6)) * scale
    point = rng.integers(-3, 4, 6).astype(float)
    reached = activity @ point
    cost = rng.normal(size=6)
    model = arrays(cost, activity, reached, reached, lower=point, upper=point, integer=True)
    true = float(cost @ point)
    assert breaches(model, claim(point, true, true)) == []
    for part, caught in ((0.5, False), (2.5, True)):
        moved, objective, other = point.copy(), true, model
        if what == "row":
            unit = max(1.0, float(np.abs(activity[0] * point).max()), abs(float(reached[0])))
            side = reached + np.array([part * 1e-6 * unit, 0, 0, 0])
            other = model.with_changes(row_lower=side)
        elif what == "objective":
            objective += part * 1e-6 * max(1.0, abs(true), float(np.abs(cost * point).max()))
        else:
            moved[2] += part * 1e-6
            loose = np.full(4, INFINITY)
            far = (
                {"lower": point - 1, "upper": point + 1}
                if what == "whole"
                else {"integer": model.integer & False}
            )
            other = model.with_changes(row_lower=-loose, row_upper=loose, **far)
            objective = float(cost @ moved)
        assert bool(breaches(other, claim(moved, objective))) == caught


def test_cancellation_in_a_long_row_is_summed_exactly() -> None:
    terms = np.array([1e16, 1.0, -1e16] * 1000)
    model = arrays(np.zeros(3000), [terms], [1000], [1000], upper=1)
    assert breaches(model, claim(np.ones(3000), 0.0)) == []
    off = model.with_changes(cost=np.tile([1e16, 1.0, -1e16], 1000))
    assert breaches(off, claim(np.ones(3000), 1000.0)) == []


def lie(**changes: Any) -> Any:
    return lambda result, _model: replace(result, **{k: v(result) for k, v in changes.items()})


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lie(objective=lambda r: r.objective + 1, bound=lambda r: r.bound + 1), "the objective is"),
        (lie(bound=lambda r: r.objective - 1), "wrong side"),
        (lie(values=lambda r: np.ones_like(r.values)), "row 0 = "),
    ],
)
def test_a_liar_is_called_one_and_the_truth_passes(change: Any, word: str) -> None:
    model = knapsack()
    honest = Checked(Highs()).solve(model, SolveOptions())
    assert (honest.status, honest.message) == ("optimal", "")
    caught = Checked(Stub(change)).solve(model, SolveOptions())
    assert caught.status == "wrong_solution"
    assert caught.message.startswith("stub gives a wrong answer: ")
    assert word in caught.message


def test_a_message_lists_the_first_breaches_and_counts_the_rest() -> None:
    model = arrays(np.ones(20), upper=1, maximize=True)
    caught = Checked(Stub(lie(values=lambda r: r.values * 3, objective=lambda _: 60.0))).solve(
        model, SolveOptions()
    )
    assert caught.message.count("breaks its bound") == 5
    assert caught.message.endswith("16 more")


def test_statuses_without_a_solution_pass_through() -> None:
    for model, status in (
        (arrays([1], [[1]], [3], [INFINITY], upper=1), "infeasible"),
        (arrays([-1]), "unbounded"),
    ):
        assert Checked(Highs()).solve(model, SolveOptions()).status == status
    assert Checked(Highs()).solve(market_split(slack=False)[0], SolveOptions(1e-6)).status == "no_solution"


def test_a_whole_instance_is_solved_through_it(tmp_path: Path) -> None:
    from milproute.instances import resolve

    plan: Plan = solve(resolve("toy"), solver=Checked(Highs()))
    assert (plan.status, plan.objective, plan.solver, plan.verified) == ("optimal", 3.0, "highs", True)
    wrapped = Checked(Highs())
    wrapped.write(knapsack(), tmp_path / "model.mps")
    assert (tmp_path / "model.mps").stat().st_size > 0
    assert (wrapped.version, wrapped.capabilities) == (Highs().version, Highs.capabilities)


def test_a_million_nonzeros_are_checked_in_a_second() -> None:
    rng = np.random.default_rng(0)
    matrix = sp.csc_array(sp.random_array((50_000, 100_000), density=2e-4, rng=rng, format="csc"))
    values = rng.integers(0, 2, 100_000).astype(float)
    model: CompiledModel = arrays(np.ones(100_000), upper=1, integer=True).with_changes(
        matrix=matrix, row_lower=np.full(50_000, -INFINITY), row_upper=np.asarray(matrix @ values) + 1e-9
    )
    begin = process_time()
    assert breaches(model, claim(values, float(values.sum()))) == []
    assert process_time() - begin < 2.0
