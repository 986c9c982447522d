"""The recorder: a solver that was wrong is told on, also where the method asked again and got it right."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from milproute.bench.cell.cell import filled
from milproute.bench.cell.recorder import Recorder
from milproute.bench.records.machine import describe_machine
from milproute.bench.records.record import CellSpec, Record
from milproute.instances.qnets.library import load_library_qnet
from milproute.solvers.argmax.argmax import argmax
from milproute.solvers.backends.highs import Highs

if TYPE_CHECKING:
    from pathlib import Path

    from milproute.formulations import CompiledModel
    from milproute.solvers.results import SolveOptions, SolveResult

pytest.importorskip("omlt", reason="needs omlt")


class WrongUntilCareful(Highs):
    """HiGHS that claims the best action is far worse than it is, unless presolve is off."""

    def solve(self, model: CompiledModel, options: SolveOptions, *rest: Any) -> SolveResult:
        result = super().solve(model, options, *rest)
        if options.native.get("presolve") == "off" or not model.integer.any():
            return result
        return replace(result, objective=0.5, bound=0.5, values=0 * result.values)  # type: ignore[operator]


def test_a_bound_that_the_answer_beats_makes_the_cell_wrong(tmp_path: Path) -> None:
    qnet, instance, hops = load_library_qnet("q-waxman-20-3-16x16")
    recorder = Recorder(WrongUntilCareful(), tmp_path / "cell.trace")
    plan = argmax(qnet, instance, engine="milp", max_hops=hops, solver=recorder)
    assert (plan.status, plan.verified) == ("optimal", True)  # the second answer is right
    assert plan.objective == pytest.approx(1.8231804420304714, abs=1e-5)
    assert plan.message is not None and "refutes the claimed bound 1" in plan.message
    assert recorder.bounds[0] == 1.0  # 0.5 of the model, which counts in units of 2
    (told,) = recorder.beaten(plan.objective)
    assert told == f"a bound of 1 was claimed, and {plan.objective:.9g} is attained"
    spec = CellSpec(
        instance="i",
        instance_digest="d",
        formulation="argmax",
        variant=plan.variant,
        solver="highs",
        solver_version="0",
        time_limit=60.0,
    )
    empty = Record(key=spec.key, status="error", spec=spec, machine=describe_machine(), started="now")
    record = filled(empty, plan, recorder, tmp_path / "no.log")
    assert (record.status, record.verified, record.breaches) == ("wrong_solution", False, (told,))


def test_an_honest_solver_has_no_bound_beaten(tmp_path: Path) -> None:
    qnet, instance, hops = load_library_qnet("q-waxman-20-3-16x16")
    recorder = Recorder(Highs(), tmp_path / "cell.trace")
    plan = argmax(qnet, instance, engine="milp", max_hops=hops, solver=recorder)
    assert plan.objective is not None
    assert recorder.bounds and recorder.beaten(plan.objective) == []
