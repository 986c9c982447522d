"""Argmax: the joint action with the largest Q, proven, by the engine that suits it."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from milproute.formulations import compile_model
from milproute.formulations.action_sets import MAX_COLUMNS, TooManyPathsError
from milproute.formulations.embedding import embed
from milproute.formulations.relu.scaling import Scaling
from milproute.instances import OptionError
from milproute.instances.plan import NeuronCounts
from milproute.instances.tolerances import COMPARISON, REFUTATION
from milproute.solvers.argmax.engines.engines import (
    branch_outcome,
    enumerate_outcome,
    is_branched,
    is_enumerable,
    reasons,
)
from milproute.solvers.argmax.engines.price_and_branch import price, walk_bounds
from milproute.solvers.argmax.path_fixing import Narrowed, narrow
from milproute.solvers.argmax.problem import MAX_HOPS, ArgmaxOptions, ArgmaxProblem
from milproute.solvers.argmax.strengthening.cutting_planes import strengthen
from milproute.solvers.argmax.strengthening.obbt import drop_columns, push_bounds, tighten
from milproute.solvers.clock import BuildLimitError, Clock
from milproute.solvers.confirm import Way, other_ways
from milproute.solvers.confirm import confirm as confirm_plan
from milproute.solvers.interface import Watch
from milproute.solvers.pipeline import Outcome, rounded
from milproute.solvers.plans import checked_plan
from milproute.solvers.selector import select

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from milproute.formulations import CompiledModel
    from milproute.formulations.action_sets import ActionModel
    from milproute.formulations.relu.bounds import Bounds
    from milproute.instances import Instance, Plan, QNet
    from milproute.instances.arrays import Floats
    from milproute.solvers.interface import Backend
    from milproute.solvers.results import SolveOptions, SolveResult

# What makes a solver more careful: presolve of HiGHS 1.15.1 has cut off optima of such models.
CAREFUL: Mapping[str, Mapping[str, Any]] = {"highs": {"presolve": "off"}}


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
        ways = _other_engines(plan, options, backend, limits, stack)
        return confirm_plan(
            plan,
            lambda way: _argmax(qnet, instance, way.options or options, way.backend, way.limits, None),
            ways,
            limits.gap,
        )


def _argmax(
    qnet: QNet,
    instance: Instance,
    options: ArgmaxOptions,
    backend: Backend,
    limits: SolveOptions,
    watch: Watch | None,
) -> Plan:
    problem = pose(qnet, instance, options, Clock(limits.time_limit))
    if problem.options.engine != "price":
        return write_plan(problem, *_answer(problem, backend, limits, watch))
    listing = price(problem, backend, limits, watch)
    outcome, _, _, found = _answer(listing.problem, backend, limits, watch)
    return write_plan(problem, listing.settle(outcome, limits.gap), backend, "price", found)


def _other_engines(
    plan: Plan, options: ArgmaxOptions, backend: Backend, limits: SolveOptions, stack: ExitStack
) -> Iterator[Way]:
    """Yield other ways to the same argmax: branch and bound, which needs no solver, then a MILP."""
    listed = replace(options, actions="columns", relu="tight", bounds="path", engine="branch")
    if plan.engine != "branch":
        yield Way(backend, limits, "branch and bound over paths, without a solver", listed)
    for actions in ("columns", "layers"):  # layers where paths are too many to list
        milp = replace(listed, actions=actions, engine="milp")
        for way in other_ways(backend, limits, stack):
            yield way._replace(words=f"{way.words} ({milp.variant})", options=milp)


def pose(qnet: QNet, instance: Instance, options: ArgmaxOptions, clock: Clock | None = None) -> ArgmaxProblem:
    """State the problem; ``auto`` prices paths where they are too many to list.

    Raises
    ------
    TooManyPathsError : they are, and another engine was asked for.
    """
    clock = clock or Clock()
    try:
        return ArgmaxProblem(qnet, instance, options, clock=clock).in_usual_units()
    except TooManyPathsError:
        if options.engine != "auto":
            raise
    priced = replace(options, engine="price")
    return ArgmaxProblem(qnet, instance, priced, clock=clock).in_usual_units()


def _answer(
    problem: ArgmaxProblem, backend: Backend, limits: SolveOptions, watch: Watch | None
) -> tuple[Outcome, Backend, str, Bounds | None]:
    """Return what the engine that suits the problem finds, its name, and the neuron bounds it used."""
    if is_enumerable(problem):
        return problem.in_true_units(enumerate_outcome(problem)), backend, "enumerate", None
    narrowed = narrow(problem).scaled()
    problem, watch = narrowed.problem, (watch or Watch()).in_units(narrowed.problem.unit)
    if is_branched(problem):
        outcome, open_ = branch_outcome(narrowed, limits, watch)
        if open_ is None:
            return problem.in_true_units(outcome), backend, "branch", narrowed.bounds
        narrowed = open_
    try:
        outcome, found = _solve(narrowed, backend, limits, watch)
    except BuildLimitError as error:
        outcome, found = _best_known(narrowed, str(error)), narrowed.bounds
    return problem.in_true_units(outcome), backend, "milp", found


def _best_known(narrowed: Narrowed, message: str) -> Outcome:
    """Return what was known before there was a model: an action and a bound."""
    bound = max(narrowed.bounds.ceiling, narrowed.known)
    return Outcome(
        "time_limit",
        narrowed.known,
        bound,
        np.zeros(0),
        narrowed.routes,
        None,
        message=message,
        termination="build_limit",
    )


def write_embedding(path: Path, qnet: QNet, instance: Instance, options: ArgmaxOptions, solver: str) -> None:
    """Write the MILP of an argmax as MPS, names included.

    Raises
    ------
    OptionError, OutputError : as `milproute.solvers.solve.write_model`.
    """
    from milproute.solvers.solve import write_compiled

    if options.engine == "price":
        raise OptionError("paths that are priced make no model before they are; allowed: --actions layers")
    problem = ArgmaxProblem(qnet, instance, options)
    action = problem.action_model()
    bounds = problem.bounds(action)
    scaling = Scaling.of(bounds)
    net, bounds = scaling.net(problem.net), scaling.bounds(bounds)
    embedding = embed(action, net, options.relu, bounds, problem.box)
    model = compile_model(embedding.model, named=True).with_changes(unit=scaling.output)
    write_compiled(path, model.in_true_units(), solver)


def describe(problem: ArgmaxProblem) -> dict[str, Any]:
    """Build the model, unless paths are priced, and say how large it is and what its bounds tell."""
    if problem.options.engine == "price":
        return _facts(problem, walk_bounds(problem)[1])
    action = problem.action_model()
    bounds = problem.bounds(action)
    model = compile_model(embed(action, problem.net, problem.options.relu, bounds, problem.box).model)
    return _facts(problem, bounds) | {"size": model.size.model_dump()}


def _facts(problem: ArgmaxProblem, bounds: Bounds) -> dict[str, Any]:
    listed = {} if problem.candidates is None else {"paths": len(problem.candidates)}
    counts = _count_neurons(problem, bounds, "milp")
    return {
        "variant": problem.options.variant,
        "max_hops": problem.rules.max_hops,
        **listed,
        "engine": "; ".join(reasons(problem)),
        "neurons": counts.model_dump(),
        "ceiling": bounds.ceiling * problem.unit,
    }


def _solve(
    narrowed: Narrowed, backend: Backend, limits: SolveOptions, watch: Watch | None
) -> tuple[Outcome, Bounds]:
    """Build, compile, solve: each phase timed."""
    problem, bounds, clock = narrowed.problem, narrowed.bounds, narrowed.problem.clock
    with clock.building("build"):
        action = problem.action_model()
        embedding = embed(action, problem.net, problem.options.relu, bounds, problem.box)
    with clock.building("compile"):
        model = compile_model(embedding.model).with_changes(unit=problem.unit)
    model, bounds = _strengthened(narrowed, action, model, backend, limits, watch)
    start = None
    if narrowed.start is not None:
        counts = np.zeros(len(problem.table().candidates))
        np.add.at(counts, narrowed.start, 1.0)
        start = model.place({"choice": counts})
    return solve_milp(model, action, narrowed, backend, limits, start, watch), bounds


def _strengthened(
    narrowed: Narrowed,
    action: ActionModel,
    model: CompiledModel,
    backend: Backend,
    limits: SolveOptions,
    watch: Watch | None,
) -> tuple[CompiledModel, Bounds]:
    """Tighten the compiled model by LPs, as asked: bounds (``obbt``), cuts and dropped paths (``ideal``)."""
    problem, bounds = narrowed.problem, narrowed.bounds
    options = problem.options
    if options.bounds != "obbt" and options.relu != "ideal":
        return model, bounds
    model = push_bounds(model, bounds, bounds)  # bounds Q, without which no LP bound could be certified
    if options.bounds == "obbt":
        with problem.clock.phase("obbt"):
            seconds = 0.2 * (limits.time_limit or 60.0)
            better = tighten(
                model, bounds, backend, seconds=seconds, watch=watch, refresh=problem.refresh(action)
            )
            model, bounds = push_bounds(model, bounds, better), better
    if options.relu == "ideal":
        with problem.clock.phase("cuts"):
            seconds = min(5.0, 0.2 * (limits.time_limit or 60.0))
            model, _ = strengthen(model, backend, seconds=seconds, watch=watch)
            if narrowed.start is not None:
                duals = backend.solve(model.relaxed(), problem.clock.limits(limits), None, watch).duals
                if duals is not None:
                    model = drop_columns(model, duals, "choice", narrowed.known)
    return model, bounds


def solve_milp(
    model: CompiledModel,
    action: ActionModel,
    narrowed: Narrowed,
    backend: Backend,
    limits: SolveOptions,
    start: Floats | None,
    watch: Watch | None,
) -> Outcome:
    """Solve a compiled embedding, timed; an answer that is refuted is asked for again without presolve."""
    limits = replace(limits, integrality=min(limits.integrality, COMPARISON))
    with narrowed.problem.clock.phase("solve"):
        result = backend.solve(model, narrowed.problem.clock.limits(limits), start, watch)
    outcome = milp_outcome(result, action, narrowed, model)
    careful = CAREFUL.get(backend.name, {})
    if outcome.status != "wrong_solution" or careful.keys() <= limits.native.keys():
        return outcome
    limits = replace(narrowed.problem.clock.limits(limits), native={**careful, **limits.native})
    with narrowed.problem.clock.phase("solve"):
        result = backend.solve(model, limits, start, watch)
    again = milp_outcome(result, action, narrowed, model)
    return replace(
        again, message=f"{outcome.message}; solved again without presolve. {again.message}".strip()
    )


def milp_outcome(
    result: SolveResult, action: ActionModel, narrowed: Narrowed, model: CompiledModel
) -> Outcome:
    """Return the solver's claim, unless an action that is known already refutes it.

    The bound can only be improved by the ceiling of the neuron bounds. A bound below the Q of the empty
    action or of the start is wrong, whatever the solver says: solvers do err (HiGHS 1.15.1 has returned a
    negative "optimum" where the empty action has 0).
    """
    routes = [] if result.values is None else action.read(model, rounded(model, result.values))
    bound, status, message = result.bound, result.status, result.message
    if status in ("infeasible", "unbounded"):
        status, message = "wrong_solution", f"the solver says {status}, but the empty action is always there"
    else:
        known = -np.inf if result.objective is None else result.objective
        ceiling = narrowed.bounds.ceiling
        bound = ceiling if bound is None else min(bound, max(ceiling, known))
        if narrowed.known > bound + REFUTATION * max(1.0, abs(bound)):
            status = "wrong_solution"
            known, claimed = narrowed.known * model.unit, bound * model.unit
            message = f"an action with Q = {known:z.6g} refutes the claimed bound {claimed:z.6g}"
    return Outcome(
        status=status,
        objective=result.objective,
        bound=bound,
        attempts=np.zeros(0),
        routes=routes,
        size=model.size,
        message=message,
        termination=result.termination,
    )


def _count_neurons(problem: ArgmaxProblem, bounds: Bounds, engine: str) -> NeuronCounts:
    """Count neurons; only a MILP has binaries for them."""
    hidden = range(len(problem.net.hidden))
    stable = sum(int(bounds.stable(k).sum()) for k in hidden)
    total = sum(problem.net.hidden)
    stated = {"omlt-bigm": total, "omlt-partition": total, "sos1": 0}.get(
        problem.options.relu, total - stable
    )
    return NeuronCounts(total=total, stable=stable, binaries=stated if engine == "milp" else 0)


def write_plan(
    problem: ArgmaxProblem, outcome: Outcome, backend: Backend, engine: str, bounds: Bounds | None
) -> Plan:
    """Write the outcome as a plan, its Q evaluated again by a plain forward pass, and have it checked."""
    with problem.clock.phase("forward"):
        forward = None if outcome.objective is None else problem.forward(outcome.routes)
    residual = None if forward is None or outcome.objective is None else abs(outcome.objective - forward)
    return checked_plan(
        problem.instance,
        outcome,
        backend,
        problem.clock.seconds,
        problem.qnet,
        formulation="argmax",
        variant=problem.options.variant if engine == "milp" else engine,
        engine=engine,
        forward=forward,
        residual=residual,
        neurons=None if bounds is None else _count_neurons(problem, bounds, engine),
        max_hops=problem.rules.max_hops,
    )
