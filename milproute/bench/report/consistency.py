"""Claims held against each other: no proven bound may be beaten by a checked objective."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from milproute.bench.report.history import history
from milproute.bench.report.metrics import primal_integral
from milproute.instances.tolerances import OPTIMALITY

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from milproute.bench.records.record import Record
    from milproute.bench.report.history import History
    from milproute.instances import Status


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two cells of one problem of which at most one can be right.

    Parameters
    ----------
    claimer, witness : keys of the cell whose claim is refuted and of the one that refutes it; the same
        key when a cell contradicts itself.
    claim, evidence : what each says, in words.
    excess : by how much the claim is missed; None where it is no number.
    proven : whether a checked plan refutes the claim: the claimer is wrong. Otherwise it is one claim
        against another, and either may be.
    """

    claimer: str
    witness: str
    claim: str
    evidence: str
    excess: float | None
    proven: bool


@dataclass(frozen=True)
class Judged:
    """A record beside all others.

    Parameters
    ----------
    record : as its cell left it.
    status : after the verdict.
    contradiction : what it contradicts, in words; None for nothing.
    suspect : whether it may be the one that is wrong; a checked plan that refutes another cell is not.
    best : best checked objective of any cell of the same problem; None where there is none.
    """

    record: Record
    status: Status
    contradiction: str | None = None
    suspect: bool = False
    best: float | None = None

    @property
    def solved(self) -> bool:
        """Whether the cell is solved and nothing refutes it."""
        return self.record.solved and self.valid

    @property
    def valid(self) -> bool:
        """Whether the cell has a plan that was checked and holds."""
        return self.record.verified and self.status != "wrong_solution"

    @cached_property
    def history(self) -> History:
        """Incumbent and bound over time."""
        return history(self.record, self.valid)

    @cached_property
    def primal_integral(self) -> float:
        """Integral of the gap between the incumbent and the best checked value, from 0 to the time limit."""
        past = self.history
        return primal_integral(past.seconds, past.objectives, self.best, self.record.spec.time_limit)


def judge(records: Sequence[Record], found: Iterable[Contradiction]) -> list[Judged]:
    """Mark both cells of each contradiction; whoever is refuted by a checked plan is wrong."""
    told: dict[str, list[str]] = defaultdict(list)
    wrong: set[str] = set()
    suspects: set[str] = set()
    for one in found:
        excess = "" if one.excess is None else f" (better by {one.excess:z.3g})"
        if one.claimer == one.witness:
            told[one.claimer].append(f"{one.claim}, yet {one.evidence}{excess}")
        else:
            told[one.claimer].append(f"{one.claim}, but cell {one.witness} {one.evidence}{excess}")
            told[one.witness].append(f"{one.evidence}{excess}, but cell {one.claimer} {one.claim}")
        suspects |= {one.claimer} if one.proven else {one.claimer, one.witness}
        if one.proven:
            wrong.add(one.claimer)
    best = _best_values(records)
    return [
        Judged(
            record,
            "wrong_solution" if record.key in wrong else record.status,
            "; ".join(told[record.key]) if record.key in told else None,
            record.key in suspects,
            best.get(_problem(record)),
        )
        for record in records
    ]


def contradictions(records: Iterable[Record]) -> list[Contradiction]:
    """Find what cells of one problem claim against each other.

    For a maximum, every checked objective v and every claimed bound b must satisfy

        v <= b + 1e-6 max(1, |b|)

    and the mirror of it for a minimum. A cell that calls its plan optimal claims its objective as a bound
    too. A checked plan refutes ``infeasible``; one with a proven bound refutes ``unbounded``. Each refuted
    claim is held against the best plan, each further plan against the tightest claim it beats. REPS is left
    out: every cell draws its own pairs.
    """
    problems: dict[tuple[object, ...], list[Record]] = defaultdict(list)
    for record in records:
        if record.spec.formulation != "reps":
            problems[*record.spec.problem, record.maximize].append(record)
    found: list[Contradiction] = []
    for cells in problems.values():
        cells.sort(key=lambda record: record.key)
        found += _beaten_bounds(cells)
        found += _refuted_words(cells)
    return found


def _best_values(records: Iterable[Record]) -> dict[tuple[object, ...], float]:
    """Return the best checked objective of each problem that has one."""
    best: dict[tuple[object, ...], float] = {}
    for record in records:
        if _is_value(record) and record.objective is not None:
            problem, better = _problem(record), max if record.maximize else min
            best[problem] = better(best.get(problem, record.objective), record.objective)
    return best


def _problem(record: Record) -> tuple[object, ...]:
    """Return what cells share whose objectives compare; a cell of REPS stands alone with its own pairs."""
    return (record.key,) if record.spec.formulation == "reps" else record.spec.problem


def _is_value(record: Record) -> bool:
    return record.verified and record.objective is not None and record.status != "wrong_solution"


class _Said(NamedTuple):
    """A number that a cell stands for, turned so that larger is better."""

    number: float
    cell: Record
    words: str


def _beaten_bounds(cells: Sequence[Record]) -> list[Contradiction]:
    """Hold checked objectives against bounds; what no checked one refutes, against bare claims."""
    sign = 1.0 if cells[0].maximize else -1.0
    claims = [
        _Said(sign * c.bound, c, f"claims the bound {c.bound:z.10g}") for c in cells if c.bound is not None
    ]
    checked, bare = [], []
    for cell in cells:
        if cell.objective is None:
            continue
        value = sign * cell.objective
        if cell.status == "optimal":
            claims.append(_Said(value, cell, f"calls {cell.objective:z.10g} optimal"))
        if _is_value(cell):
            checked.append(_Said(value, cell, _evidence(cell)))
        elif cell.status == "optimal":
            bare.append(_Said(value, cell, _evidence(cell)))
    found = _against(checked, claims, proven=True)
    refuted = {one.claimer for one in found}
    return found + _against(bare, [c for c in claims if c.cell.key not in refuted], proven=False)


def _against(values: Sequence[_Said], claims: Sequence[_Said], proven: bool) -> list[Contradiction]:
    """Pair each beaten claim with the best value, then each other value with the tightest claim."""
    if not values or not claims:
        return []
    best = max(values, key=lambda said: said.number)
    ordered = sorted(claims, key=lambda said: said.number, reverse=True)
    pairs = {(claim.cell.key, best.cell.key): (claim, best) for claim in ordered}
    pairs |= {(ordered[-1].cell.key, value.cell.key): (ordered[-1], value) for value in values}
    return [
        Contradiction(
            claim.cell.key, value.cell.key, claim.words, value.words, value.number - claim.number, proven
        )
        for claim, value in pairs.values()
        if value.number > claim.number + OPTIMALITY * max(1.0, abs(claim.number))
    ]


def _evidence(cell: Record) -> str:
    if cell.objective is None:
        return f"claims to be {cell.status}" if cell.bound is None else f"claims the bound {cell.bound:z.10g}"
    return (
        f"{'has the checked objective' if _is_value(cell) else 'claims the optimum'} {cell.objective:z.10g}"
    )


def _refuted_words(cells: Sequence[Record]) -> list[Contradiction]:
    """Hold ``infeasible`` and ``unbounded`` against plans, and where there is none against other claims."""
    found = []
    for word, refutes, disagrees in (
        ("infeasible", _is_value, lambda c: c.status in ("optimal", "unbounded")),
        ("unbounded", lambda c: _is_value(c) and c.bound is not None, lambda c: c.bound is not None),
    ):
        claimers = [cell for cell in cells if cell.status == word]
        others = [cell for cell in cells if cell.status != word]
        plan = next(filter(refutes, others), None)
        witness = plan or next(filter(disagrees, others), None)
        if witness is not None:
            found += [
                Contradiction(
                    c.key, witness.key, f"claims to be {word}", _evidence(witness), None, witness is plan
                )
                for c in claimers
            ]
    return found
