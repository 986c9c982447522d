"""Engines: ways to find an argmax, one file each, and the table that ``auto`` walks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from milproute.solvers.argmax.engines import branch_and_bound, enumeration, milp, price_and_branch
from milproute.solvers.argmax.engines.interface import EngineInput, EngineResult, Handover

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from milproute.solvers.argmax.engines.interface import Engine
    from milproute.solvers.argmax.problem import ArgmaxProblem

# In the order in which ``auto`` asks them; an engine hands over to those below it.
ENGINES: Mapping[str, Engine] = {
    "price": price_and_branch,
    "enumerate": enumeration,
    "branch": branch_and_bound,
    "milp": milp,
}


def run_engines(given: EngineInput) -> EngineResult:
    """Solve a problem by the engine that was asked for, or by the first of the table that suits it.

    An engine that hands over what is left of the problem is followed by the first one below it that suits
    that; its own word on the result comes last.
    """
    asked = given.problem.options.engine
    given = replace(given, hand_over=asked not in ENGINES)
    conclusions: list[Callable[[EngineResult], EngineResult]] = []
    for name, engine in ENGINES.items():
        if not (engine.suits(given.problem) if given.hand_over else name == asked):
            continue
        found = engine.solve(given)
        if isinstance(found, Handover):
            given = found.rest
            conclusions.append(found.conclude)
            continue
        for conclude in reversed(conclusions):
            found = conclude(found)
        return found
    raise AssertionError(f"no engine suits {given.problem.options}")  # the MILP suits every problem


def reason(problem: ArgmaxProblem) -> str:
    """Say which engine is taken, and why."""
    asked = problem.options.engine
    if asked in ENGINES:
        return f"{asked}: asked for"
    name = next(name for name, engine in ENGINES.items() if engine.suits(problem))
    return f"{name}: {ENGINES[name].reason(problem)}"
