"""Claims held against each other: who is refuted, who is only doubted, and who is left alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milproute.bench.report.consistency import Judged, contradictions, judge
from milproute.instances.tolerances import OPTIMALITY
from tests.support.records import record, spec

if TYPE_CHECKING:
    from milproute.bench.records.record import Record


def cell(seed: int = 0, asked: dict[str, Any] | None = None, **changes: Any) -> Record:
    return record(spec(seed=seed, **(asked or {})), **changes)


def bare(status: str, seed: int, bound: float | None = None, **changes: Any) -> Record:
    """Return a cell without a plan."""
    return cell(seed, status=status, objective=None, bound=bound, verified=False, **changes)


def verdict(*records: Record) -> list[Judged]:
    return judge(records, contradictions(records))


def statuses(*records: Record) -> list[str]:
    return [judged.status for judged in verdict(*records)]


def test_agreeing_cells_contradict_nothing() -> None:
    late = cell(1, status="time_limit", objective=6.0, bound=8.0)
    assert contradictions([cell(0), late, bare("time_limit", 2, bound=7.0), bare("crash", 3)]) == []


def test_a_beaten_bound_marks_both_and_convicts_the_claimer() -> None:
    liar = cell(0, status="time_limit", objective=4.0, bound=5.0)
    honest = cell(1, status="time_limit", objective=7.0, bound=9.0)
    first, second = verdict(liar, honest)
    assert first.status == "wrong_solution"
    assert first.suspect and not first.solved
    assert (second.status, second.suspect) == ("time_limit", False)
    for judged, other in ((first, honest), (second, liar)):
        assert judged.contradiction is not None
        assert other.key in judged.contradiction
        assert judged.contradiction.count("by 2") == 1


def test_a_minimum_is_judged_the_other_way_round() -> None:
    liar = cell(0, status="time_limit", objective=9.0, bound=8.0, maximize=False)
    honest = cell(1, status="time_limit", objective=7.0, bound=6.0, maximize=False)
    (found,) = contradictions([liar, honest])
    assert (found.claimer, found.witness, found.excess, found.proven) == (liar.key, honest.key, 1.0, True)
    assert contradictions([honest, liar.changed(bound=7.0)]) == []


@pytest.mark.parametrize("bound", [0.0, 0.5, 1e6, -1e6])
def test_the_tolerance_is_relative_to_bounds_larger_than_one(bound: float) -> None:
    slack = OPTIMALITY * max(1.0, abs(bound))
    claim = bare("time_limit", 0, bound=bound)

    def beaten_by(excess: float) -> bool:
        plan = cell(1, status="time_limit", objective=bound + excess, bound=bound + 10 * slack)
        return bool(contradictions([claim, plan]))

    assert not beaten_by(0.9 * slack)
    assert beaten_by(1.1 * slack)


def test_of_two_optima_that_differ_the_worse_is_refuted() -> None:
    worse, better = cell(0, objective=6.0, bound=6.0), cell(1, objective=7.0, bound=7.0)
    assert statuses(worse, better) == ["wrong_solution", "optimal"]


def test_an_optimum_is_refuted_even_where_its_bound_holds() -> None:
    open_gap, better = cell(0, objective=6.0, bound=9.0), cell(1, objective=7.0, bound=7.0)
    assert statuses(open_gap, better) == ["wrong_solution", "optimal"]


def test_two_bare_optima_that_differ_are_both_doubted_and_neither_convicted() -> None:
    first, second = (cell(i, objective=6.0 + i, bound=6.0 + i, verified=False) for i in (0, 1))
    judged = verdict(first, second)
    assert [each.status for each in judged] == ["optimal", "optimal"]
    assert all(each.contradiction and each.suspect for each in judged)


def test_a_cell_can_contradict_itself() -> None:
    (judged,) = verdict(cell(0, status="gap_limit", objective=7.0, bound=6.0))
    assert judged.status == "wrong_solution"
    assert judged.contradiction == ("claims the bound 6, yet has the checked objective 7 (better by 1)")


def test_a_plan_refutes_infeasible() -> None:
    assert statuses(bare("infeasible", 0), cell(1)) == ["wrong_solution", "optimal"]


def test_a_plan_with_a_bound_refutes_unbounded_and_one_without_does_not() -> None:
    claim = bare("unbounded", 0)
    assert statuses(claim, cell(1)) == ["wrong_solution", "optimal"]
    assert statuses(claim, cell(1, status="time_limit", bound=None)) == ["unbounded", "time_limit"]


def test_infeasible_against_unbounded_is_open() -> None:
    judged = verdict(bare("infeasible", 0), bare("unbounded", 1))
    assert [each.status for each in judged] == ["infeasible", "unbounded"]
    assert all(each.suspect for each in judged)


def test_two_infeasibles_agree() -> None:
    assert contradictions([bare("infeasible", 0), bare("infeasible", 1)]) == []


@pytest.mark.parametrize("changes", [{"verified": False}, {"status": "wrong_solution"}])
def test_an_unchecked_or_refuted_objective_convicts_nobody(changes: dict[str, Any]) -> None:
    boaster = cell(1, **{"status": "time_limit", "objective": 99.0, "bound": 99.0, **changes})
    assert statuses(cell(0), boaster) == ["optimal", boaster.status]


@pytest.mark.parametrize(
    "other",
    [
        {"instance_digest": "another"},
        {"formulation": "path"},
        {"flows": "continuous"},
        {"relax": True},
        {"qnet": "q", "qnet_digest": "q0"},
    ],
)
def test_other_problems_are_not_compared(other: dict[str, Any]) -> None:
    assert contradictions([cell(0, objective=6.0, bound=6.0), cell(1, other)]) == []


@pytest.mark.parametrize(
    "other", [{"variant": "per-request"}, {"solver": "scip"}, {"permutation": 3}, {"method": "rounding"}]
)
def test_other_ways_to_the_same_problem_are_compared(other: dict[str, Any]) -> None:
    assert contradictions([cell(0, objective=6.0, bound=6.0), cell(1, other)])


def test_relaxed_variants_differ_in_tightness_and_are_not_compared() -> None:
    loose = cell(0, {"relax": True, "variant": "per-request"}, objective=9.0, bound=9.0)
    tight = cell(1, {"relax": True}, objective=8.0, bound=8.0)
    assert contradictions([loose, tight]) == []


def test_reps_draws_its_own_pairs_and_is_left_out() -> None:
    reps = {"formulation": "reps"}
    judged = verdict(cell(0, reps, objective=6.0, bound=6.0), cell(1, reps))
    assert [each.contradiction for each in judged] == [None, None]
    assert [each.best for each in judged] == [6.0, 7.0]


def test_a_refuted_plan_is_still_a_plan_for_the_best_value() -> None:
    judged = verdict(cell(0, objective=6.0, bound=6.0), cell(1))
    assert [each.best for each in judged] == [7.0, 7.0]


CELLS = st.tuples(
    st.sampled_from(["optimal", "time_limit", "infeasible"]),
    st.integers(0, 4),
    st.integers(0, 4),
    st.booleans(),
)


def made(drawn: list[tuple[str, int, int, bool]]) -> list[Record]:
    return [
        bare(status, seed)
        if status == "infeasible"
        else cell(seed, status=status, objective=float(value), bound=float(bound), verified=verified)
        for seed, (status, value, bound, verified) in enumerate(drawn)
    ]


@given(st.lists(CELLS, max_size=6))
def test_convicted_is_exactly_who_some_checked_plan_refutes(drawn: list[tuple[str, int, int, bool]]) -> None:
    plans = [value for status, value, _, verified in drawn if status != "infeasible" and verified]
    for judged, (status, value, bound, _) in zip(verdict(*made(drawn)), drawn, strict=True):
        claim = min(value, bound) if status == "optimal" else -1 if status == "infeasible" else bound
        assert (judged.status == "wrong_solution") == any(plan > claim for plan in plans)


@given(st.lists(CELLS, max_size=6), st.randoms())
def test_the_order_of_cells_does_not_matter(drawn: list[tuple[str, int, int, bool]], random: Any) -> None:
    records = made(drawn)
    shuffled = random.sample(records, len(records))
    told = {judged.record.key: (judged.status, judged.contradiction) for judged in verdict(*records)}
    again = {judged.record.key: (judged.status, judged.contradiction) for judged in verdict(*shuffled)}
    assert told == again


@given(st.lists(CELLS, max_size=6))
def test_whoever_beats_a_claim_is_marked_too(drawn: list[tuple[str, int, int, bool]]) -> None:
    records = made(drawn)
    claims = [min(v, b) if s == "optimal" else b for s, v, b, _ in drawn if s != "infeasible"]
    tightest = min(claims, default=9)
    for judged, (status, value, _, verified) in zip(verdict(*records), drawn, strict=True):
        if status != "infeasible" and verified and value > tightest:
            assert judged.contradiction
