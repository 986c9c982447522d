"""CompiledFormulation: a model compiled once for a network, updated from state to state."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from milproute.formulations import FORMULATIONS, ModelOptions, compile_model
from milproute.instances import OptionError
from milproute.instances.errors import unknown_name
from milproute.instances.state import NetworkState, check_state
from milproute.solvers.clock import Clock
from milproute.solvers.exact import solve_compiled
from milproute.solvers.interface import Watch
from milproute.solvers.pipeline import Job
from milproute.solvers.selector import select

if TYPE_CHECKING:
    from typing import Self

    from milproute.formulations import CompiledModel, Flows
    from milproute.instances import Instance
    from milproute.solvers.interface import Backend
    from milproute.solvers.pipeline import Outcome
    from milproute.solvers.results import SolveOptions


class CompiledFormulation:
    """A formulation of one network and its requests, for state after state.

    Building and compiling happen once. `update` writes a state into copies of the arrays: bounds of flows,
    connections and attempts, right-hand sides of links and nodes; it costs microseconds to a millisecond.
    What is stated then is what a fresh model of that state states: the same optimum.

    Parameters
    ----------
    instance : the network and its requests; the free channels, qubits and wanted connections of a state are
        at most those of the instance, its pairs are any.
    formulation, variant : as in `milproute.solvers.solve`; not ``per-copy``, whose columns are the copies.
    flows, relax : as in `milproute.solvers.solve`.
    solver : name of a back end, or one.
    clock : measures building and compiling, and ends them at its limit.

    Attributes
    ----------
    formulated, template : the Pyomo model and the ways between its columns and decisions; the arrays that a
        state is written into.
    state : the last state.

    Raises
    ------
    OptionError : an unknown name, or a variant whose columns depend on the state.
    """

    def __init__(
        self,
        instance: Instance,
        formulation: str = "link",
        variant: str | None = None,
        *,
        flows: Flows = "integer",
        relax: bool = False,
        solver: str | Backend = "highs",
        clock: Clock | None = None,
    ) -> None:
        if formulation not in FORMULATIONS:
            raise unknown_name("formulation with one model", formulation, FORMULATIONS)
        stated = FORMULATIONS[formulation]
        if variant is not None and variant not in stated.variants:
            raise unknown_name(f"variant of {formulation}", variant, stated.variants)
        self.instance, self.solver = instance, solver
        self.stated, self.options = stated, ModelOptions(variant or stated.variants[0], flows, relax)
        clock = clock or Clock()
        with clock.building("build"):
            self.formulated = stated.build(_with_every_link(instance), self.options)
        if self.formulated.in_state is None:
            raise OptionError(
                f"variant {self.options.variant} has a column for each copy of a request, and their number "
                f"follows the state; allowed: {', '.join(v for v in stated.variants if v != variant)}"
            )
        self._in_state = self.formulated.in_state
        with clock.building("compile"):
            self.template = compile_model(self.formulated.model)
        self.state = NetworkState.of(instance)

    def update(self, state: NetworkState) -> Self:
        """State the problem in another state of the same network.

        Raises
        ------
        OptionError : the state does not fit the instance; the message names the number and its place.
        """
        check_state(state, self.instance)
        self.state = state
        self.__dict__.pop("model", None)
        return self

    @cached_property
    def model(self) -> CompiledModel:
        """The compiled model in the last state.

        Raises
        ------
        OptionError : the formulation needs pairs, and those of a link are not known in this state.
        """
        return self._in_state(self.template, self.state)

    def solve(self, limits: SolveOptions | None = None, watch: Watch | None = None) -> Outcome:
        """Solve the problem in the last state: status, objective, proven bound, attempts and routes.

        Parameters
        ----------
        limits, watch : as in `milproute.solvers.solve`.
        """
        backend, limits = select(self.solver, limits)
        clock = Clock(limits.time_limit)
        job = Job(
            self.instance, self.stated, self.options, backend, limits, watch=watch or Watch(), clock=clock
        )
        return solve_compiled(job, self.formulated, self.model)


def _with_every_link(instance: Instance) -> Instance:
    """Return the instance with as many pairs on every link as a model needs to have columns for it."""
    return instance.with_pairs(np.maximum(instance.channels, 1).tolist())
