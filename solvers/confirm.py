"""Confirm: a claim is proven a second time in another way, and the two are held against each other."""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

from milproute.instances import MilprouteError, Violation
from milproute.instances.tolerances import OPTIMALITY, REFUTATION
from milproute.solvers.backends import is_installed, load_backend
from milproute.solvers.interface import Around
from milproute.solvers.results import is_closed
from milproute.solvers.wrappers.permuted import Permuted
from milproute.solvers.wrappers.process import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import ExitStack

    from milproute.instances import Plan
    from milproute.solvers.interface import Backend
    from milproute.solvers.results import SolveOptions

# Back ends in the order in which they are asked to confirm another one.
WITNESSES = ("scip", "gurobi", "highs")
# What makes a solver take another way when there is no other solver.
ANOTHER_WAY: Mapping[str, Mapping[str, Any]] = {"highs": {"presolve": "off"}}
# Endings that say nothing about the problem.
NO_WITNESS = ("licence", "error", "crash", "memory_limit", "no_solution")


class OtherSolver(NamedTuple):
    """A solver that can confirm another one, its limits, and its name in words."""

    backend: Backend
    limits: SolveOptions
    words: str


class SecondWay(NamedTuple):
    """A second way to solve a problem: its name in words, and what solves it and has the answer checked."""

    words: str
    solve: Callable[[], Plan]


def confirm(plan: Plan, ways: Iterator[SecondWay], gap: float) -> Plan:
    """Return ``plan`` with ``confirmed_by``, or as a wrong solution that names both claims.

    The claim is confirmed when the second way proves a bound as good as the first, or one within ``gap`` of
    the objective. It is refuted when either objective, checked, beats the bound of the other. A second way
    that says nothing about the problem (a licence, a crash, no solution in time) gives way to the next.

    Parameters
    ----------
    plan : checked.
    ways : other ways to solve the same problem, in the order in which they are tried.
    gap : relative gap that was asked for.
    """
    if plan.objective is None and plan.status != "infeasible":
        return plan
    start, failures = perf_counter(), []
    for way in ways:
        try:
            second = way.solve()
        except MilprouteError as error:
            failures.append(f"{way.words}: {error}")
            continue
        if second.status in NO_WITNESS:
            failures.append(f"{way.words}: {second.message or second.status}")
            continue
        held = _hold_against(plan, second, way.words, gap)
        return held.changed(seconds=held.seconds | {"confirm": perf_counter() - start})
    why = "; ".join(failures) or "there is no second way"
    return _with_message(plan, f"not confirmed: {why}").changed(
        seconds=plan.seconds | {"confirm": perf_counter() - start}
    )


def other_solvers(backend: Backend, limits: SolveOptions, stack: ExitStack) -> Iterator[OtherSolver]:
    """Yield other back ends that are installed, then the same one on a permuted model.

    Workers are confirmed by workers, so that a crash is a status here, too; ``stack`` ends them.
    """
    for name in WITNESSES:
        if name != backend.name and is_installed(name):
            other: Backend = stack.enter_context(Worker(name)) if _is_apart(backend) else load_backend(name)
            plain = replace(limits, native={}, log=None)
            yield OtherSolver(other, plain, f"{other.name} {other.version}")
    native = {**ANOTHER_WAY.get(backend.name, {}), **limits.native}
    changed = replace(limits, native=native, seed=limits.seed + 1)
    options = "".join(f", {key}={value}" for key, value in ANOTHER_WAY.get(backend.name, {}).items())
    words = f"{backend.name} {backend.version} with rows and columns permuted, another seed{options}"
    yield OtherSolver(Permuted(backend, limits.seed + 1), changed, words)


def _is_apart(backend: Backend) -> bool:
    return _is_apart(backend.backend) if isinstance(backend, Around) else isinstance(backend, Worker)


def _hold_against(plan: Plan, second: Plan, words: str, gap: float) -> Plan:
    """Compare two claims about one maximum."""
    for one, other, first in ((plan, second, False), (second, plan, True)):
        q, bound = one.objective, other.bound
        beaten = q is not None and bound is not None and q > bound + REFUTATION * max(1.0, abs(bound))
        if one.verified and (beaten or (q is not None and other.status == "infeasible")):
            refuted, refuter = (_by(plan), words) if first else (words, _by(plan))
            claim = "that there is no solution" if bound is None else f"at most {bound:z.9g}"
            text = f"{refuted} claims {claim}, but {refuter} attains {q:z.9g}"
            breach = Violation(
                rule="confirmation", place="bound", amount=(q or 0.0) - (bound or 0.0), message=text
            )
            return plan.changed(
                status="wrong_solution",
                message=f"two claims contradict each other: {text}",
                verified=False,
                violations=(*plan.violations, breach),
            )
    if second.status == plan.status == "infeasible":
        return plan.changed(confirmed_by=f"{words}: infeasible")
    if second.status == "wrong_solution" or second.bound is None:
        return _with_message(plan, f"not confirmed: {words} ended with {second.termination or second.status}")
    if _is_as_good(plan, second.bound, gap):
        return plan.changed(confirmed_by=f"{words}: at most {second.bound:z.9g}")
    return _with_message(plan, f"not confirmed: {words} proves only at most {second.bound:z.9g}")


def _is_as_good(plan: Plan, bound: float, gap: float) -> bool:
    if plan.bound is not None and bound <= plan.bound + OPTIMALITY * max(1.0, abs(plan.bound)):
        return True
    q = plan.objective
    return q is not None and (is_closed(q, bound) or bound - q <= gap * abs(q))


def _by(plan: Plan) -> str:
    engine = f" ({plan.engine})" if plan.engine else ""
    return f"{plan.solver} {plan.solver_version}{engine}"


def _with_message(plan: Plan, text: str) -> Plan:
    return plan.changed(message="; ".join(filter(None, (plan.message, text))))
