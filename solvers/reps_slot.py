"""REPS: one whole slot, from the link decision to the delivered connections."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from math import floor
from typing import TYPE_CHECKING

import numpy as np

from milproute.formulations import LINK, PATH, ModelOptions
from milproute.instances import RoutedPath
from milproute.instances.outcomes import draw_pairs, draw_swaps
from milproute.instances.tolerances import OPTIMALITY
from milproute.solvers.exact import solve_exactly
from milproute.solvers.heuristics.greedy_fill import fill
from milproute.solvers.heuristics.rounding import provision_links
from milproute.solvers.pipeline import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from milproute.formulations import CompiledModel, Formulated, Route
    from milproute.instances import Instance
    from milproute.solvers.pipeline import Job


def run_slot(job: Job, decide_links: Callable[[Job], Outcome]) -> Outcome:
    """Play one slot: attempts, link outcomes, path ILP, fill, swap outcomes.

    1. ``decide_links`` fixes the attempts and how many connections each request may get.
    2. Each attempt succeeds with its link's probability (seeded): the pairs.
    3. The path ILP chooses paths over the pairs, at most as many a request as step 1 provisioned.
    4. `fill` keeps them and adds paths over what is left, now up to the demand.
    5. Each copy of a path succeeds with the product of its swap probabilities (seeded).

    The objective is the number of chosen paths; the bound is that of the relaxed path ILP on the same
    pairs without the caps of step 1, so it holds for every choice of paths. Source: REPS (Zhao and Qiao,
    INFOCOM 2021).
    """
    links = decide_links(job)
    if links.objective is None:
        return links
    generation, swapping = np.random.default_rng(job.seed).spawn(2)
    pairs = draw_pairs(job.instance, np.round(links.attempts).astype(int).tolist(), generation)
    drawn = job.instance.with_pairs(pairs)
    formulated, model = job.compile(PATH, drawn, ModelOptions("by-source"))
    relaxed = job.solve(model.relaxed()).bound
    bound = None if relaxed is None else float(floor(relaxed + OPTIMALITY))
    paths = job.solve(_capped(formulated, model, links.routes))
    candidates = job.decide(formulated, model, paths).routes
    with job.clock.phase("fill"):
        routes = fill(drawn, pairs, candidates)
    missing = (
        "" if paths.values is not None else f"the path ILP found nothing ({paths.status}): all paths are fill"
    )
    total = float(sum(route.count for route in routes))
    return Outcome(
        status="no_solution" if bound is None else "optimal" if total >= bound else "gap_limit",
        objective=None if bound is None else total,
        bound=bound,
        attempts=links.attempts,
        routes=routes if bound is not None else (),
        size=links.size,
        pairs=pairs,
        delivered=_swap(job.instance, routes, swapping) if bound is not None else None,
        message=links.message or paths.message or missing,
        termination="completed" if bound is not None else paths.termination,
    )


def round_slot(job: Job) -> Outcome:
    """Play a slot with REPS's own link decision: progressive rounding."""
    return run_slot(job, provision_links)


def exact_slot(job: Job) -> Outcome:
    """Play a slot with the link ILP solved exactly, up to the job's limits."""
    return run_slot(job, lambda job: solve_exactly(replace(job, formulation=LINK)))


def _capped(formulated: Formulated, model: CompiledModel, routes: Sequence[Route]) -> CompiledModel:
    """Cap the connections of each request at what the link decision provisioned for it."""
    provisioned: Counter[int] = Counter()
    for route in routes:
        provisioned[route.request] += round(route.count)
    upper, columns = model.upper.copy(), model.columns["connections"]
    caps = [provisioned[row] for _, row in formulated.model.connections]
    upper[columns] = np.minimum(upper[columns], caps)
    return model.with_changes(upper=upper)


def _swap(instance: Instance, routes: Sequence[Route], rng: np.random.Generator) -> dict[str, int]:
    """Draw the swaps of every copy; connections delivered to each request."""
    requests = instance.requests
    paths = [RoutedPath(request=requests[r.request].id, nodes=r.nodes, count=r.count) for r in routes]
    delivered = dict.fromkeys((request.id for request in requests), 0)
    for path, connections in zip(paths, draw_swaps(instance, paths, rng), strict=True):
        delivered[path.request] += connections
    return delivered
