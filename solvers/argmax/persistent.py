"""ArgmaxModel: one compiled model for an action set, into which state after state is pushed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from milproute.formulations import compile_model
from milproute.formulations.embedding import embed
from milproute.formulations.relu.bounds import Bounds
from milproute.formulations.relu.scaling import Scaling
from milproute.instances import OptionError
from milproute.instances.action_set import ActionSet
from milproute.solvers.argmax.argmax import solve_milp, write_plan
from milproute.solvers.argmax.engines.engines import (
    branch_outcome,
    enumerate_outcome,
    is_branched,
    is_enumerable,
)
from milproute.solvers.argmax.path_fixing import narrow
from milproute.solvers.argmax.problem import ArgmaxOptions, ArgmaxProblem
from milproute.solvers.clock import Clock
from milproute.solvers.interface import Watch
from milproute.solvers.results import SolveOptions
from milproute.solvers.selector import select

if TYPE_CHECKING:
    from milproute.formulations import CompiledModel
    from milproute.instances import Instance, Plan, QNet
    from milproute.instances.arrays import Rows
    from milproute.solvers.interface import Backend


@dataclass(frozen=True, slots=True)
class _Places:
    """Where the neurons of all hidden layers sit in the compiled arrays, layer after layer."""

    y: Rows
    s: Rows
    z: Rows
    neuron: Rows
    value_if_on: Rows
    spare_if_off: Rows
    on_data: Rows
    off_data: Rows


class ArgmaxModel:
    """The argmax of a Q-net over one action set, for state after state.

    Listing paths, building and compiling happen once; a new state moves the right-hand sides of the first
    layer and the bounds and big-M coefficients of the neurons, all in the arrays. Stable neurons are fixed
    by their bounds, so the solver's presolve drops them.

    Parameters
    ----------
    qnet, instance : the net and the problem; the instance also holds the first state.
    options : how to state it; ``actions="columns"``, ``relu="tight"`` and ``bounds="path"`` only, which is
        what makes pushing exact and quick.
    solver : name of a back end, or one.
    """

    def __init__(
        self,
        qnet: QNet,
        instance: Instance,
        options: ArgmaxOptions | None = None,
        solver: str | Backend = "highs",
    ) -> None:
        options = options or ArgmaxOptions()
        if (options.actions, options.relu, options.bounds) != ("columns", "tight", "path"):
            raise OptionError(f"a persistent argmax is {options.variant}; allowed: columns+tight+path")
        if options.engine == "price":
            raise OptionError("engine is 'price', but a persistent argmax lists its paths; allowed: others")
        problem = ArgmaxProblem(qnet, instance, options)
        # Units of the first state: in others the neurons are larger or smaller, but of that order.
        self.problem = problem.scaled(Scaling.of(problem.bounds()))
        assert self.problem.listed is not None  # columns alone are allowed
        self.listed = self.problem.listed
        self.backend, _ = select(solver)
        self.builds = 0
        self._build()

    def _build(self) -> None:
        """Build and compile a template in which every neuron is unstable and every limit has its row."""
        hidden = self.problem.net.hidden
        ones = tuple(np.ones(n) for n in (*hidden, 1))
        template = Bounds(tuple(-one for one in ones), ones)
        self.action = self.problem.action_model(all_limits=True)
        embedding = embed(self.action, self.problem.net, "tight", template, self.problem.box)
        self.template = compile_model(embedding.model).with_changes(unit=self.problem.unit)
        self.places = _find(self.template)
        self.requests = list(self.action.model.one_path)
        self.limits = tuple(
            list(self.action.model.component(name)) for name in ("link_capacity", "node_memory")
        )
        self.builds += 1

    def push(self, instance: Instance) -> CompiledModel:
        """Return the compiled model in the state that ``instance`` holds.

        Raises
        ------
        OptionError : another network, other requests, or a link or swap that was impossible at first.
        """
        problem, rows = self._moved(instance)
        return self._arrays(problem, rows, problem.bounds())

    def _moved(self, instance: Instance) -> tuple[ArgmaxProblem, Rows]:
        """Return the problem in another state, over the rows of the paths that it allows."""
        base = self.problem
        _check_same(base, instance)
        rules = ActionSet(instance, base.options.max_hops)
        candidates, rows = self.listed.candidates.within(rules)
        listed = self.listed.among(candidates, rows)
        return ArgmaxProblem(base.qnet, instance, base.options, listed, scaling=base.scaling), rows

    def _arrays(self, problem: ArgmaxProblem, rows: Rows, bounds: Bounds) -> CompiledModel:
        """Write a state into copies of the template's arrays: ``problem`` is over the paths in ``rows``."""
        places, model = self.places, self.template
        low_f, high_f = np.concatenate(bounds.lower[:-1]), np.concatenate(bounds.upper[:-1])
        low, high = np.minimum(low_f, 0.0), np.maximum(high_f, 0.0)
        row_lower, row_upper = model.row_lower.copy(), model.row_upper.copy()
        lower, upper, data = model.lower.copy(), model.upper.copy(), model.matrix.data.copy()
        row_lower[places.neuron] = row_upper[places.neuron] = np.concatenate(problem.net.biases[:-1])
        row_upper[places.spare_if_off] = -low
        row_upper[model.rows["one_path"]] = problem.rules.copies[self.requests]
        data[places.on_data], data[places.off_data] = -high, -low
        lower[places.y], upper[places.y] = np.maximum(low_f, 0.0), high
        upper[places.s] = -low
        lower[places.z], upper[places.z] = low_f >= 0, (low_f >= 0) | (high_f > 0)
        choice = np.zeros(len(model.columns["choice"]))
        choice[rows] = problem.rules.copies[problem.table().candidates.request]
        upper[model.columns["choice"]] = choice
        links, nodes = self.limits
        row_upper[model.rows["link_capacity"]] = problem.rules.capacity[links]
        row_upper[model.rows["node_memory"]] = problem.rules.memory[nodes]
        pattern = (data, model.matrix.indices, model.matrix.indptr)
        matrix = type(model.matrix)(pattern, shape=model.matrix.shape)
        return model.with_changes(
            matrix=matrix, row_lower=row_lower, row_upper=row_upper, lower=lower, upper=upper
        )

    def solve(
        self,
        instance: Instance,
        limits: SolveOptions | None = None,
        watch: Watch | None = None,
    ) -> Plan:
        """Return the proven best action in the state that ``instance`` holds.

        Parameters
        ----------
        instance : the same network and requests as at first; pairs, memories, probabilities, fidelities
            may differ as long as no listed feature changes with them.
        limits, watch : as in `milproute.solvers.solve`.
        """
        limits = limits or SolveOptions()
        clock = Clock(limits.time_limit)
        with clock.phase("push"):
            problem, rows = self._moved(instance)
        problem.clock = clock
        watch = (watch or Watch()).in_units(problem.unit)
        if is_enumerable(problem):
            outcome = problem.in_true_units(enumerate_outcome(problem))
            return write_plan(problem, outcome, self.backend, "enumerate", None)
        narrowed = narrow(problem)
        if is_branched(problem):
            outcome, open_ = branch_outcome(narrowed, limits, watch)
            if open_ is None:
                found = problem.in_true_units(outcome)
                return write_plan(problem, found, self.backend, "branch", narrowed.bounds)
            narrowed = open_
        assert narrowed.rows is not None and narrowed.start is not None  # paths are listed
        with clock.phase("push"):
            rows = rows[narrowed.rows]
            model = self._arrays(narrowed.problem, rows, narrowed.bounds)
            counts = np.zeros(len(model.columns["choice"]))
            np.add.at(counts, rows[narrowed.start], 1.0)
            start = model.place({"choice": counts})
        outcome = solve_milp(model, self.action, narrowed, self.backend, limits, start, watch)
        found = problem.in_true_units(outcome)
        return write_plan(problem, found, self.backend, "milp", narrowed.bounds)


def _check_same(base: ArgmaxProblem, instance: Instance) -> None:
    """Refuse an instance whose action set is not within the one that was listed."""
    first, rules = base.rules, ActionSet(instance, base.options.max_hops)
    same_network = [link.ends for link in base.instance.links] == [link.ends for link in instance.links]
    if not same_network or base.instance.node_row != instance.node_row:
        raise OptionError("another network than at first; allowed: the same nodes and links in order")
    if base.instance.requests != instance.requests:
        raise OptionError("other requests than at first; allowed: the same ones")
    if (rules.usable & ~first.usable).any() or (rules.interior & ~first.interior).any():
        raise OptionError(
            "a link or swap that was impossible at first is possible now; build the model again"
        )
    asks = any(request.min_fidelity is not None for request in instance.requests)
    if asks and not np.array_equal(first.fidelity_weights, rules.fidelity_weights):
        raise OptionError("fidelities changed and a request has min_fidelity; build the model again")
    if "request_log_success" in base.qnet.inputs and _log_success(base.instance) != _log_success(instance):
        raise OptionError("probabilities changed, and with them request_log_success; build the model again")


def _log_success(instance: Instance) -> tuple[list[float], list[float]]:
    return instance.probabilities.tolist(), [node.swap_probability for node in instance.nodes]


def _find(model: CompiledModel) -> _Places:
    """Locate the neurons in a compiled template."""
    y, s, z = (model.columns[f"qnet.{name}"] for name in "ysz")
    neuron, on, off = (model.rows[f"qnet.{name}"] for name in ("neuron", "value_if_on", "spare_if_off"))
    start, indices = model.matrix.indptr, model.matrix.indices

    def position(row: int, column: int) -> int:
        begin, end = start[column : column + 2]
        return int(begin) + int(np.flatnonzero(indices[begin:end] == row)[0])

    on_data = np.array([position(row, column) for row, column in zip(on, z, strict=True)], dtype=np.int64)
    off_data = np.array([position(row, column) for row, column in zip(off, z, strict=True)], dtype=np.int64)
    return _Places(y, s, z, neuron, on, off, on_data, off_data)
