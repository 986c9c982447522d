"""Argmax: the joint action with the largest Q, proven, by the engine that suits it."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from milproute.formulations.action_sets import MAX_COLUMNS, TooManyPathsError
from milproute.solvers.argmax.engines import ENGINES, run_engines
from milproute.solvers.argmax.engines.interface import EngineInput
from milproute.solvers.argmax.options import MAX_HOPS, ArgmaxOptions
from milproute.solvers.argmax.plan import write_plan
from milproute.solvers.argmax.problem import argmax_problem
from milproute.solvers.clock import Clock
from milproute.solvers.confirm import OtherSolver, SecondWay, other_solvers
from milproute.solvers.confirm import confirm as confirm_plan
from milproute.solvers.interface import Watch
from milproute.solvers.selector import select

if TYPE_CHECKING:
    from collections.abc import Iterator

    from milproute.instances import Instance, Plan, QNet
    from milproute.solvers.argmax.problem import ArgmaxProblem
    from milproute.solvers.interface import Backend
    from milproute.solvers.results import SolveOptions


def argmax(
    qnet: QNet,
    instance: Instance,
    *,
    actions: str = "columns",
    relu: str = "tight",
    bounds: str = "path",
    engine: str = "auto",
    max_hops: int = MAX_HOPS,
    max_columns: int = MAX_COLUMNS,
    solver: str | Backend = "highs",
    limits: SolveOptions | None = None,
    watch: Watch | None = None,
    confirm: bool = False,
) -> Plan:
    """Return the joint action of the action set with the largest Q, with a proof.

    Parameters
    ----------
    qnet, instance : the net and the problem its blocks describe.
    actions, relu, bounds, engine, max_hops, max_columns : see `ArgmaxOptions`.
    solver, limits, watch : as in `milproute.solvers.solve`.
    confirm : prove the claim a second time: by the engine ``branch``, or where that made it by a MILP of
        another solver; see `milproute.solvers.solve`.

    Returns
    -------
    Plan : formulation ``argmax``; ``objective`` is Q by the solver, ``forward`` Q by a plain forward pass.

    Raises
    ------
    OptionError, QNetError : names or sizes that do not fit.
    TooManyPathsError : more than ``max_columns`` paths and an engine that lists them all was asked for;
        the message names the alternatives.
    """
    options = ArgmaxOptions(actions, relu, bounds, engine, max_hops, max_columns)
    backend, limits = select(solver, limits)
    plan = _argmax(qnet, instance, options, backend, limits, watch)
    if not confirm:
        return plan
    with ExitStack() as stack:
        ways = (
            SecondWay(other.words, partial(_argmax, qnet, instance, how, other.backend, other.limits, None))
            for other, how in _other_engines(plan, options, backend, limits, stack)
        )
        return confirm_plan(plan, ways, limits.gap)


def _argmax(
    qnet: QNet,
    instance: Instance,
    options: ArgmaxOptions,
    backend: Backend,
    limits: SolveOptions,
    watch: Watch | None,
) -> Plan:
    problem = pose(qnet, instance, options, Clock(limits.time_limit))
    found = run_engines(EngineInput(problem, backend, limits, watch or Watch()))
    return write_plan(problem, found, backend)


def pose(qnet: QNet, instance: Instance, options: ArgmaxOptions, clock: Clock | None = None) -> ArgmaxProblem:
    """State the problem, in usual units; ``auto`` lists no paths where they are too many.

    Raises
    ------
    TooManyPathsError : they are, and an engine that lists them was asked for.
    """
    clock, engine = clock or Clock(), ENGINES.get(options.engine)
    lists = options.actions == "columns" and (engine is None or engine.LISTS_PATHS)
    try:
        problem = argmax_problem(qnet, instance, options, clock, list_paths=lists)
    except TooManyPathsError:
        if engine is not None:
            raise
        problem = argmax_problem(qnet, instance, options, clock, list_paths=False)
    return problem.in_usual_units()


def _other_engines(
    plan: Plan, options: ArgmaxOptions, backend: Backend, limits: SolveOptions, stack: ExitStack
) -> Iterator[tuple[OtherSolver, ArgmaxOptions]]:
    """Yield other ways to the same argmax: branch and bound, which needs no solver, then a MILP."""
    listed = replace(options, actions="columns", relu="tight", bounds="path", engine="branch")
    if plan.engine != listed.engine:
        yield OtherSolver(backend, limits, "branch and bound over paths, without a solver"), listed
    for actions in ("columns", "layers"):  # layers where paths are too many to list
        milp = replace(listed, actions=actions, engine="milp")
        for other in other_solvers(backend, limits, stack):
            yield other._replace(words=f"{other.words} ({milp.variant})"), milp
