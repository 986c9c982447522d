"""Argmax: the joint action with the largest Q, proven: by enumeration where that is quicker, else a MILP."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from formulations import Route, compile_model
from formulations.actions import (
    MAX_COLUMNS,
    ActionModel,
    arcs_model,
    columns_model,
    layers_model,
    list_candidates,
)
from formulations.embedding import embed
from formulations.relu.affine import fold_state
from formulations.relu.bounds import Bounds, Box, crown_bounds, interval_bounds
from formulations.relu.omlt_nets import RELU
from formulations.relu.oracles import action_box, column_box, column_oracle, hop_oracle
from instances import OptionError, RoutedPath
from instances.actions import ActionRules
from instances.errors import unknown_name
from instances.features import action_positions, check_fits, features, state_vector
from instances.plan import NeuronCounts
from solvers.backends import load_backend
from solvers.job import Outcome, rounded
from solvers.methods.search import Table, count_actions, enumerate_actions, local_search
from solvers.plans import checked_plan
from solvers.results import SolveOptions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from formulations import CompiledModel
    from formulations.actions import Candidates
    from formulations.relu.affine import AffineNet
    from instances import Instance, Plan, QNet
    from solvers.backend import Backend, Watch
    from solvers.results import SolveResult

    Floats = NDArray[np.float64]

ACTIONS = ("columns", "arcs", "layers")
BOUNDS = ("path", "crown", "interval", "obbt")
ENGINES = ("auto", "milp", "enumerate")
# Joint choices up to which trying them all beats any MILP (a second of batched forward passes).
FEW_ACTIONS = 200_000
MAX_HOPS = 6


@dataclass(frozen=True, slots=True)
class ArgmaxOptions:
    """How to state and solve an argmax.

    Parameters
    ----------
    actions : ``columns`` (listed paths), ``layers`` or ``arcs``.
    relu : how neurons are stated, see `RELU`.
    bounds : of neurons: ``interval``, ``crown`` (box), ``path`` (action set), ``obbt`` (LPs on top of path).
    engine : ``enumerate`` tries all joint actions, ``milp`` solves, ``auto`` chooses.
    max_hops : most links of a path.
    max_columns : most paths that ``columns`` may list.
    """

    actions: str = "columns"
    relu: str = "tight"
    bounds: str = "path"
    engine: str = "auto"
    max_hops: int = MAX_HOPS
    max_columns: int = MAX_COLUMNS

    def __post_init__(self) -> None:
        tables = {"actions": ACTIONS, "relu": tuple(RELU), "bounds": BOUNDS, "engine": ENGINES}
        for name, allowed in tables.items():
            if getattr(self, name) not in allowed:
                raise unknown_name(name, getattr(self, name), allowed)
        if self.max_columns < 1:
            raise OptionError(f"max_columns is {self.max_columns}; allowed: a whole number >= 1")
        if self.engine == "enumerate" and self.actions != "columns":
            raise OptionError(f"enumerate lists paths, but actions is {self.actions!r}; allowed: columns")

    @property
    def variant(self) -> str:
        """Name in plans: actions, relu and bounds."""
        return f"{self.actions}+{self.relu}+{self.bounds}"


@dataclass
class ArgmaxProblem:
    """A Q-net over an action set, prepared once: paths or arcs, features, box, state folded in.

    Parameters
    ----------
    qnet, instance, options : what to maximise, where, how.
    """

    qnet: QNet
    instance: Instance
    options: ArgmaxOptions
    seconds: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_fits(self.qnet, self.instance)
        start = perf_counter()
        inputs = self.qnet.inputs
        self.rules = ActionRules(self.instance, self.options.max_hops)
        self.positions = action_positions(self.instance, inputs)
        self.net: AffineNet = fold_state(self.qnet, state_vector(self.instance, inputs), self.positions)
        self.candidates: Candidates | None = None
        if self.options.actions == "columns":
            self.candidates = list_candidates(self.rules, self.options.max_columns)
            self.features = self.candidates.features(inputs)[:, self.positions]
            self.box = column_box(self.candidates, self.features)
        else:
            box = action_box(self.rules, inputs)
            self.box = Box(box.lower[self.positions], box.upper[self.positions])
        self.seconds["paths"] = perf_counter() - start

    def action_model(self) -> ActionModel:
        """Build the rows of the action set."""
        if self.candidates is not None:
            model = columns_model(self.candidates, self.qnet.inputs)
        else:
            build = {"arcs": arcs_model, "layers": layers_model}[self.options.actions]
            model = build(self.rules, self.qnet.inputs)
        return ActionModel(
            model.model, model.variables, model.features[:, self.positions], model.read, model.arcs
        )

    def bounds(self, action: ActionModel) -> Bounds:
        """Bound all pre-activations as the options say."""
        found = interval_bounds(self.net, self.box)
        if self.options.bounds == "interval":
            return found
        found = crown_bounds(self.net, self.box, found)
        if self.options.bounds == "crown":
            return found
        if self.candidates is not None:
            return crown_bounds(self.net, column_oracle(self.candidates, self.features), found)
        return crown_bounds(self.net, hop_oracle(self.rules, action), found)

    def table(self) -> Table | None:
        """Return listed paths with their first-layer sums; None when paths are not listed."""
        if self.candidates is None:
            return None
        return Table(self.candidates, self.features @ self.net.weights[0].T, self.net)

    def forward(self, routes: Sequence[Route]) -> float:
        """Return Q of an action by a plain forward pass of the whole net."""
        requests = self.instance.requests
        paths = [RoutedPath(request=requests[r.request].id, nodes=r.nodes, count=r.count) for r in routes]
        return float(self.qnet.forward(features(self.instance, self.qnet.inputs, paths)[None])[0])


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
) -> Plan:
    """Return the joint action of the action set with the largest Q, with a proof.

    Parameters
    ----------
    qnet, instance : the net and the problem its blocks describe.
    actions, relu, bounds, engine, max_hops, max_columns : see `ArgmaxOptions`.
    solver, limits, watch : as in `solvers.solve`.

    Returns
    -------
    Plan : formulation ``argmax``; ``objective`` is Q by the solver, ``forward`` Q by a plain forward pass.

    Raises
    ------
    OptionError, QNetError : names or sizes that do not fit.
    TooManyPathsError : more than ``max_columns`` paths; the message names the alternatives.
    """
    options = ArgmaxOptions(actions, relu, bounds, engine, max_hops, max_columns)
    backend = load_backend(solver) if isinstance(solver, str) else solver
    problem = ArgmaxProblem(qnet, instance, options)
    if _enumerable(problem):
        return _plan(problem, _enumerate(problem), backend, "enumerate", None)
    outcome, counts = _solve(problem, backend, limits or SolveOptions(), watch)
    return _plan(problem, outcome, backend, "milp", counts)


def write_embedding(path: Path, qnet: QNet, instance: Instance, options: ArgmaxOptions, solver: str) -> None:
    """Write the MILP of an argmax as MPS, names included.

    Raises
    ------
    OptionError, OutputError : as `solvers.solve.write_model`.
    """
    from solvers.solve import write_compiled

    problem = ArgmaxProblem(qnet, instance, options)
    action = problem.action_model()
    embedding = embed(action, problem.net, options.relu, problem.bounds(action), problem.box)
    write_compiled(path, compile_model(embedding.model, named=True), solver)


def _enumerable(problem: ArgmaxProblem) -> bool:
    engine = problem.options.engine
    if engine == "auto" and problem.candidates is not None:
        return count_actions(problem.candidates) <= FEW_ACTIONS
    return engine == "enumerate"


def _enumerate(problem: ArgmaxProblem) -> Outcome:
    table = problem.table()
    assert table is not None  # the options allow enumerate with columns alone
    start = perf_counter()
    chosen, q = enumerate_actions(table)
    problem.seconds["solve"] = perf_counter() - start
    return Outcome("optimal", q, q, np.zeros(0), _routes(table.candidates, chosen), None)


def _solve(
    problem: ArgmaxProblem, backend: Backend, limits: SolveOptions, watch: Watch | None
) -> tuple[Outcome, NeuronCounts]:
    clock, seconds = perf_counter, problem.seconds
    start = clock()
    action = problem.action_model()
    seconds["build"] = clock() - start
    start = clock()
    bounds = problem.bounds(action)
    seconds["bounds"] = clock() - start
    start = clock()
    embedding = embed(action, problem.net, problem.options.relu, bounds, problem.box)
    seconds["build"] += clock() - start
    start = clock()
    model = compile_model(embedding.model)
    seconds["compile"] = clock() - start
    counts = _count_neurons(problem, bounds, model)
    start = clock()
    first = _start(problem, model)
    seconds["start"] = clock() - start
    start = clock()
    result = backend.solve(model, limits, first, watch)
    seconds["solve"] = clock() - start
    routes = [] if result.values is None else action.read(model, rounded(model, result.values))
    return _milp_outcome(result, routes, bounds, model), counts


def _start(problem: ArgmaxProblem, model: CompiledModel) -> Floats | None:
    """Return a start for the solver: the paths of a local search; it completes the neurons itself."""
    table = problem.table()
    if table is None:
        return None
    chosen, _ = local_search(table)
    counts = np.zeros(len(table.candidates))
    np.add.at(counts, chosen, 1.0)
    return model.place({"choice": counts})


def _milp_outcome(result: SolveResult, routes: list[Route], bounds: Bounds, model: CompiledModel) -> Outcome:
    """Return the solver's claim; its bound can only be improved by the ceiling of the neuron bounds."""
    bound = result.bound
    if result.status not in ("infeasible", "unbounded"):
        ceiling = bounds.ceiling
        bound = ceiling if bound is None else min(bound, max(ceiling, result.objective or -np.inf))
    return Outcome(
        status=result.status,
        objective=result.objective,
        bound=bound,
        attempts=np.zeros(0),
        routes=routes,
        size=model.size,
        message=result.message,
    )


def _routes(candidates: Candidates, chosen: Sequence[int]) -> list[Route]:
    counts = Counter(chosen)
    return [
        Route(int(candidates.request[p]), candidates.path(p), float(n)) for p, n in sorted(counts.items())
    ]


def _count_neurons(problem: ArgmaxProblem, bounds: Bounds, model: CompiledModel) -> NeuronCounts:
    hidden = range(len(problem.net.hidden))
    stable = sum(int(bounds.stable(k).sum()) for k in hidden)
    total = sum(problem.net.hidden)
    binaries = total if problem.options.relu.startswith("omlt") else total - stable
    return NeuronCounts(total=total, stable=stable, binaries=binaries)


def _plan(
    problem: ArgmaxProblem, outcome: Outcome, backend: Backend, engine: str, counts: NeuronCounts | None
) -> Plan:
    found = outcome.objective is not None
    start = perf_counter()
    forward = problem.forward(outcome.routes) if found else None
    problem.seconds["forward"] = perf_counter() - start
    residual = None if forward is None or outcome.objective is None else abs(outcome.objective - forward)
    return checked_plan(
        problem.instance,
        outcome,
        backend,
        problem.seconds,
        problem.qnet,
        formulation="argmax",
        variant="enumerate" if engine == "enumerate" else problem.options.variant,
        engine=engine,
        forward=forward,
        residual=residual,
        neurons=counts,
        max_hops=problem.rules.max_hops,
    )


def reasons(problem: ArgmaxProblem) -> Iterator[str]:
    """Say why the engine was chosen."""
    if problem.candidates is None:
        yield f"paths are not listed ({problem.options.actions}): only a MILP can tell"
        return
    actions = count_actions(problem.candidates)
    word = "at most" if actions <= FEW_ACTIONS else "more than"
    yield f"{len(problem.candidates)} paths, {actions:.3g} joint choices: {word} {FEW_ACTIONS}"
