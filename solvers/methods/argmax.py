"""Argmax: the joint action with the largest Q, proven: by enumeration where that is quicker, else a MILP."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

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
from formulations.relu.oracles import action_box, column_box, column_oracle, column_peak, hop_oracle
from instances import OptionError, RoutedPath
from instances.actions import ActionRules
from instances.errors import unknown_name
from instances.features import action_positions, check_fits, features, state_vector
from instances.plan import NeuronCounts
from solvers.backends import load_backend
from solvers.clock import timed
from solvers.job import Outcome, rounded
from solvers.methods.search import Table, count_actions, enumerate_actions, local_search
from solvers.plans import checked_plan
from solvers.results import SolveOptions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    import scipy.sparse as sp
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


@dataclass(frozen=True, slots=True)
class Listed:
    """Candidate paths with what does not depend on the state.

    Parameters
    ----------
    candidates : the paths.
    first : first-layer weights times the action features of each path, shape (paths, neurons).
    peak, box : absolute terms behind ``first`` (see `ColumnOracle`) and bounds of the action features; those
        of a larger set of paths do as well.
    """

    candidates: Candidates
    first: Floats
    peak: Floats
    box: Box


def list_paths(candidates: Candidates, features: sp.csr_array, net: AffineNet) -> Listed:
    """Send the action features of all candidates, shape (paths, features), through the first layer."""
    weight = net.weights[0]
    peak = column_peak(candidates, abs(features) @ np.abs(weight).T)
    return Listed(candidates, features @ weight.T, peak, column_box(candidates, features))


@dataclass
class ArgmaxProblem:
    """A Q-net over an action set: paths or arcs, their features, the net with the state folded in.

    Parameters
    ----------
    qnet, instance, options : what to maximise, where, how.
    listed : candidate paths of this action set and their features, when known already.
    """

    qnet: QNet
    instance: Instance
    options: ArgmaxOptions
    listed: Listed | None = None
    seconds: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_fits(self.qnet, self.instance)
        with timed(self.seconds, "paths"):
            inputs, options = self.qnet.inputs, self.options
            self.rules = ActionRules(self.instance, options.max_hops)
            self.positions = action_positions(self.instance, inputs)
            self.state = state_vector(self.instance, inputs)
            self.net = fold_state(self.qnet, self.state, self.positions)
            if options.actions == "columns" and self.listed is None:
                candidates = list_candidates(self.rules, options.max_columns)
                self.listed = list_paths(candidates, candidates.features(inputs)[:, self.positions], self.net)
            self.candidates = None if self.listed is None else self.listed.candidates
            self.box = self._box()

    def _box(self) -> Box:
        if self.listed is not None:
            return self.listed.box
        box = action_box(self.rules, self.qnet.inputs)
        return Box(box.lower[self.positions], box.upper[self.positions])

    def action_model(self, *, all_limits: bool = False) -> ActionModel:
        """Build the rows of the action set; ``all_limits`` as in `columns_model`."""
        if self.candidates is not None:
            model = columns_model(self.candidates, self.qnet.inputs, all_limits=all_limits)
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
        if self.listed is not None:
            # Through the first layer once and for all: what is left are small dense products.
            oracle = column_oracle(self.listed.candidates, self.listed.first, self.listed.peak)
            return crown_bounds(self.net.of_first_sums(), oracle, found)
        return crown_bounds(self.net, hop_oracle(self.rules, action), found)

    def table(self) -> Table:
        """Return the listed paths with their first-layer sums."""
        if self.listed is None:
            raise OptionError(f"actions {self.options.actions!r} lists no paths; allowed: columns")
        return Table(self.listed.candidates, self.listed.first, self.net)

    def clock(self, phase: str) -> AbstractContextManager[None]:
        """Add the wall clock of a block to ``seconds[phase]``."""
        return timed(self.seconds, phase)

    def describe(self) -> dict[str, Any]:
        """Build the model and say how large it is and what its bounds tell."""
        action = self.action_model()
        bounds = self.bounds(action)
        model = compile_model(embed(action, self.net, self.options.relu, bounds, self.box).model)
        listed = {} if self.candidates is None else {"paths": len(self.candidates)}
        counts = _count_neurons(self, bounds)
        return {
            "variant": self.options.variant,
            "max_hops": self.rules.max_hops,
            **listed,
            "engine": "; ".join(reasons(self)),
            "neurons": counts.model_dump(),
            "ceiling": bounds.ceiling,
            "size": model.size.model_dump(),
        }

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
    if is_enumerable(problem):
        return write_plan(problem, enumerate_outcome(problem), backend, "enumerate", None)
    outcome, found = _solve(problem, backend, limits or SolveOptions(), watch)
    return write_plan(problem, outcome, backend, "milp", found)


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


def is_enumerable(problem: ArgmaxProblem) -> bool:
    """Whether to try all joint actions: asked for, or they are few."""
    engine = problem.options.engine
    if engine == "auto" and problem.candidates is not None:
        return count_actions(problem.candidates) <= FEW_ACTIONS
    return engine == "enumerate"


def enumerate_outcome(problem: ArgmaxProblem) -> Outcome:
    """Try all joint actions in batched forward passes: proven by exhaustion."""
    table = problem.table()
    with problem.clock("solve"):
        chosen, q = enumerate_actions(table)
    return Outcome("optimal", q, q, np.zeros(0), _routes(table.candidates, chosen), None)


def _solve(
    problem: ArgmaxProblem, backend: Backend, limits: SolveOptions, watch: Watch | None
) -> tuple[Outcome, Bounds]:
    """Build, bound, compile, start, solve: each phase timed."""
    clock = problem.clock
    with clock("build"):
        action = problem.action_model()
    with clock("bounds"):
        bounds = problem.bounds(action)
    with clock("build"):
        embedding = embed(action, problem.net, problem.options.relu, bounds, problem.box)
    with clock("compile"):
        model = compile_model(embedding.model)
    start = None
    if problem.candidates is not None:
        with clock("start"):
            counts = np.zeros(len(problem.candidates))
            np.add.at(counts, local_search(problem.table())[0], 1.0)
            start = model.place({"choice": counts})
    with clock("solve"):
        result = backend.solve(model, limits, start, watch)
    return milp_outcome(result, action, bounds, model), bounds


def milp_outcome(result: SolveResult, action: ActionModel, bounds: Bounds, model: CompiledModel) -> Outcome:
    """Return the solver's claim; its bound can only be improved by the ceiling of the neuron bounds."""
    routes = [] if result.values is None else action.read(model, rounded(model, result.values))
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


def _count_neurons(problem: ArgmaxProblem, bounds: Bounds) -> NeuronCounts:
    hidden = range(len(problem.net.hidden))
    stable = sum(int(bounds.stable(k).sum()) for k in hidden)
    total = sum(problem.net.hidden)
    binaries = total if problem.options.relu.startswith("omlt") else total - stable
    return NeuronCounts(total=total, stable=stable, binaries=binaries)


def write_plan(
    problem: ArgmaxProblem, outcome: Outcome, backend: Backend, engine: str, bounds: Bounds | None
) -> Plan:
    """Write the outcome as a plan, its Q evaluated again by a plain forward pass, and have it checked."""
    with problem.clock("forward"):
        forward = None if outcome.objective is None else problem.forward(outcome.routes)
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
        neurons=None if bounds is None else _count_neurons(problem, bounds),
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
