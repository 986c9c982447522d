"""REPS: one whole slot, from the link decision to the delivered connections."""

from __future__ import annotations

from collections import Counter
from math import floor
from typing import TYPE_CHECKING

import numpy as np

from milproute.formulations import LINK, ModelOptions
from milproute.instances.errors import unknown_name
from milproute.instances.slot_dynamics import SlotOutcomes
from milproute.instances.state import NetworkState
from milproute.instances.tolerances import OPTIMALITY
from milproute.solvers.clock import BuildLimitError, Clock
from milproute.solvers.compiled_formulation import CompiledFormulation
from milproute.solvers.exact import solve_exactly
from milproute.solvers.heuristics.greedy_fill import fill
from milproute.solvers.heuristics.rounding import provision_links
from milproute.solvers.interface import Watch
from milproute.solvers.pipeline import Job, Outcome, nothing_built
from milproute.solvers.plans import checked_plan
from milproute.solvers.relaxation_first import solve_relaxation_first
from milproute.solvers.selector import select

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from milproute.formulations import CompiledModel, Route
    from milproute.instances import Instance, Plan
    from milproute.instances.arrays import Integers
    from milproute.solvers.interface import Backend
    from milproute.solvers.results import SolveOptions


# How to decide on the links, by the name of the method.
LINK_DECISIONS: Mapping[str, Callable[[Job], Outcome]] = {
    "rounding": provision_links,
    "exact": solve_exactly,
}


class RepsSlot:
    """Slots of one network and its requests, their models compiled once.

    The link decision depends on the network and the requests alone, so it is made in the first slot and kept;
    every slot then updates the path ILP with the pairs that came up. `run` returns the plan that
    ``milproute.solvers.solve(instance, "reps", seed=seed)`` returns, but for the seconds.

    Parameters
    ----------
    instance : the network and the requests.
    method : ``rounding`` (REPS's own) or ``exact`` decides on the links.
    solver, limits : as in `milproute.solvers.solve`; the limits are those of each slot.

    Raises
    ------
    OptionError : an unknown method or solver.
    InstanceError : an instance that the link ILP cannot state.
    """

    def __init__(
        self,
        instance: Instance,
        *,
        method: str = "rounding",
        solver: str | Backend = "highs",
        limits: SolveOptions | None = None,
    ) -> None:
        if method not in LINK_DECISIONS:
            raise unknown_name("method", method, LINK_DECISIONS)
        self.instance, self.method = instance, method
        self.backend, self.limits = select(solver, limits)
        self._links: Outcome | None = None
        self._paths: CompiledFormulation | None = None

    def run(self, seed: int = 0, watch: Watch | None = None) -> Plan:
        """Play the slot of a seed; return its checked plan.

        Parameters
        ----------
        seed : of the link and swap outcomes.
        watch : callbacks of the solves.
        """
        clock = Clock(self.limits.time_limit)
        how = (LINK, ModelOptions("by-source"), self.backend, self.limits)
        job = Job(self.instance, *how, seed=seed, watch=watch or Watch(), clock=clock)
        try:
            outcome = self.play(job)
        except BuildLimitError as error:
            outcome = nothing_built(str(error))
        return checked_plan(
            self.instance, outcome, self.backend, clock.seconds, formulation="reps", variant="by-source"
        )

    def play(self, job: Job) -> Outcome:
        """Play the slot of a job on the same instance; return what was found before anyone checks it."""
        links = self._links
        if links is None:
            links = LINK_DECISIONS[self.method](job)
            if links.termination in ("optimal", "completed"):  # not one that a limit cut short
                self._links = links
        if links.objective is None:
            return links
        if self._paths is None:
            self._paths = path_ilp_of(job)
        return run_slot(job, links, self._paths)


def round_slot(job: Job) -> Outcome:
    """Play a slot with REPS's own link decision: progressive rounding."""
    return RepsSlot(job.instance, solver=job.backend).play(job)


def exact_slot(job: Job) -> Outcome:
    """Play a slot with the link ILP solved exactly, up to the job's limits."""
    return RepsSlot(job.instance, method="exact", solver=job.backend).play(job)


def run_slot(job: Job, links: Outcome, paths: CompiledFormulation) -> Outcome:
    """Play one slot after its link decision: link outcomes, path ILP, fill, swap outcomes.

    1. ``links`` has the attempts, and how many connections each request may get.
    2. Each attempt succeeds with its link's probability (seeded): the pairs.
    3. The path ILP chooses paths over the pairs, at most as many a request as step 1 provisioned.
    4. `fill` keeps them and adds paths over what is left, now up to the demand.
    5. Each copy of a path succeeds with the product of its swap probabilities (seeded).

    The objective is the number of chosen paths; the bound is that of the relaxed path ILP on the same
    pairs without the caps of step 1, so it holds for every choice of paths. Source: REPS (Zhao and Qiao,
    INFOCOM 2021).

    Parameters
    ----------
    links : what was decided for the links.
    paths : the path ILP ``by-source`` of the instance.
    """
    if links.objective is None:
        return links
    outcomes = SlotOutcomes.of(job.instance, job.seed)
    pairs = outcomes.pairs(links.attempts)
    with job.clock.phase("update"):
        state = NetworkState.of(job.instance).with_pairs(pairs)
        model, _ = paths.update(state).model.without_fixed_columns()
        capped = _capped(paths, model, links.routes)
    relaxed = job.solve_relaxation(model).bound
    bound = None if relaxed is None else float(floor(relaxed + OPTIMALITY))
    found = solve_relaxation_first(job, capped)
    candidates = job.decide(paths.formulated, capped, found).routes
    with job.clock.phase("fill"):
        routes = fill(job.instance, pairs, candidates)
    missing = (
        "" if found.values is not None else f"the path ILP found nothing ({found.status}): all paths are fill"
    )
    total = float(sum(route.count for route in routes))
    return Outcome(
        status="no_solution" if bound is None else "optimal" if total >= bound else "gap_limit",
        objective=None if bound is None else total,
        bound=bound,
        attempts=links.attempts,
        routes=routes if bound is not None else (),
        size=links.size,
        pairs=pairs.tolist(),
        delivered=_deliver(job, outcomes, routes) if bound is not None else None,
        message=links.message or found.message or missing,
        termination="completed" if bound is not None else found.termination,
    )


def path_ilp_of(job: Job) -> CompiledFormulation:
    """Compile the path ILP that the slots of an instance share."""
    return CompiledFormulation(job.instance, "path", "by-source", solver=job.backend, clock=job.clock)


def _capped(paths: CompiledFormulation, model: CompiledModel, routes: Sequence[Route]) -> CompiledModel:
    """Cap the connections of each request at what the link decision provisioned for it."""
    provisioned: Counter[int] = Counter()
    for route in routes:
        provisioned[route.request] += round(route.count)
    upper, columns = model.upper.copy(), model.columns["connections"]
    caps = np.array([provisioned[row] for _, row in paths.formulated.model.connections], dtype=float)
    there = columns >= 0
    upper[columns[there]] = np.minimum(upper[columns[there]], caps[there])
    return model.with_changes(upper=upper)


def _deliver(job: Job, outcomes: SlotOutcomes, routes: Sequence[Route]) -> dict[str, int]:
    """Draw the swaps of every copy; connections delivered to each request."""
    requests = job.instance.requests
    delivered = dict.fromkeys((request.id for request in requests), 0)
    connections: Integers = outcomes.deliveries(routes)
    for route, number in zip(routes, connections.tolist(), strict=True):
        delivered[requests[route.request].id] += number
    return delivered
