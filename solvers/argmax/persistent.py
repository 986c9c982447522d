"""ArgmaxModel: one compiled model for an action set, updated from state to state."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from milproute.formulations import compile_model
from milproute.formulations.action_sets.path_encoding import Limited, PathLayout
from milproute.formulations.embedding import embed
from milproute.formulations.relu.bounds import Bounds
from milproute.formulations.relu.neuron_layout import NeuronLayout
from milproute.formulations.relu.scaling import Scaling
from milproute.instances import OptionError
from milproute.instances.action_set import ActionSet
from milproute.solvers.argmax.embedded_model import EmbeddedModel
from milproute.solvers.argmax.engines import ENGINES, run_engines
from milproute.solvers.argmax.engines.interface import EngineInput
from milproute.solvers.argmax.options import ArgmaxOptions
from milproute.solvers.argmax.plan import write_plan
from milproute.solvers.argmax.problem import argmax_problem, folded
from milproute.solvers.clock import Clock
from milproute.solvers.interface import Watch
from milproute.solvers.results import SolveOptions
from milproute.solvers.selector import select

if TYPE_CHECKING:
    from milproute.formulations import CompiledModel
    from milproute.instances import Instance, Plan, QNet
    from milproute.instances.arrays import Rows
    from milproute.solvers.argmax.path_fixing import ReducedProblem
    from milproute.solvers.argmax.problem import ArgmaxProblem
    from milproute.solvers.interface import Backend


class ArgmaxModel:
    """The argmax of a Q-net over one action set, for state after state.

    Listing paths, building and compiling happen once; a new state moves the right-hand sides of the first
    layer and the bounds and big-M coefficients of the neurons, all in the arrays. Stable neurons are fixed
    by their bounds, so the solver's presolve drops them.

    Parameters
    ----------
    qnet, instance : the net and the problem; the instance also holds the first state.
    options : how to state it; ``actions="columns"``, ``relu="tight"`` and ``bounds="path"`` only, which is
        what makes an update exact and quick.
    solver : name of a back end, or one.

    Raises
    ------
    OptionError : other options, or an engine that lists no paths.
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
        engine = ENGINES.get(options.engine)
        if engine is not None and not engine.LISTS_PATHS:
            raise OptionError(
                f"engine is {options.engine!r}, but a persistent argmax lists its paths; allowed: others"
            )
        problem = argmax_problem(qnet, instance, options)
        # Units of the first state: in others the neurons are larger or smaller, but of that order.
        self.problem = problem.scaled(Scaling.of(problem.bounds()))
        self.columns = self.problem.listed()
        self.backend, _ = select(solver)
        self.builds = 0
        self._build()

    def _build(self) -> None:
        """Build and compile a template in which every neuron is unstable and every limit has its row."""
        ones = tuple(np.ones(n) for n in (*self.problem.net.hidden, 1))
        unstable = Bounds(tuple(-one for one in ones), ones)
        self.action = self.problem.encode_actions(all_limits=True)
        embedding = embed(self.action, self.problem.net, "tight", unstable, self.problem.box)
        self.template = compile_model(embedding.model).with_changes(unit=self.problem.unit)
        self.neurons = NeuronLayout.of(self.template, unstable)
        self.paths, self.limited = PathLayout.of(self.template), Limited.of(self.action)
        self.builds += 1

    def update(self, instance: Instance) -> CompiledModel:
        """Return the compiled model in the state that ``instance`` holds.

        Raises
        ------
        OptionError : another network, other requests, or a link or swap that was impossible at first.
        """
        problem, rows = self._in_state(instance, Clock())
        return self._model(problem, rows, problem.bounds())

    def _in_state(self, instance: Instance, clock: Clock) -> tuple[ArgmaxProblem, Rows]:
        """Return the problem in another state, over the rows of the paths that it allows."""
        base = self.problem
        _check_same(base, instance)
        rules, net = ActionSet(instance, max_hops=base.options.max_hops), folded(base.qnet, instance)
        if base.scaling is not None:
            net = base.scaling.net(net)
        candidates, rows = self.columns.candidates.within(rules)
        columns = self.columns.among(candidates, rows, net)
        problem = replace(base, instance=instance, rules=rules, net=net, columns=columns, clock=clock)
        return problem, rows

    def _model(self, problem: ArgmaxProblem, rows: Rows, bounds: Bounds) -> CompiledModel:
        """Write a state into copies of the template's arrays: ``problem`` is over the paths in ``rows``."""
        biases = np.concatenate([np.zeros(0), *problem.net.biases[:-1]])
        model = self.neurons.with_bounds(self.template, bounds, biases)
        return self.paths.with_limits(model, self.limited, problem.listed().candidates, rows)

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

        Raises
        ------
        OptionError : as `update`.
        """
        limits = limits or SolveOptions()
        clock = Clock(limits.time_limit)
        with clock.phase("push"):
            problem, rows = self._in_state(instance, clock)

        def model_of(reduced: ReducedProblem) -> EmbeddedModel:
            with clock.phase("push"):
                kept = rows if reduced.rows is None else rows[reduced.rows]
                model = self._model(reduced.problem, kept, reduced.bounds)
                start = self.paths.start(model, kept[reduced.start or []])
            return EmbeddedModel(model, self.action, start, reduced.bounds)

        given = EngineInput(problem, self.backend, limits, watch or Watch(), model_of=model_of)
        return write_plan(problem, run_engines(given), self.backend)


def _check_same(base: ArgmaxProblem, instance: Instance) -> None:
    """Refuse an instance whose action set is not within the one that was listed."""
    first, rules = base.rules, ActionSet(instance, max_hops=base.options.max_hops)
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
