"""Rounding: REPS's ways from relaxations to whole attempts and paths. Heuristics with a bound."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from math import ceil, floor
from typing import TYPE_CHECKING

import numpy as np

from formulations import LINK, PATH, Decision, ModelOptions, Route, copies_of, known_pairs
from solvers.job import Job, Outcome
from solvers.methods.fill import fill
from solvers.results import ABSOLUTE_GAP

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from instances import Instance, ModelSize, Status

ROUND_OFF = 1e-9
TINY = 1e-7


@dataclass
class Provision:
    """Attempts reserved so far, always within channels and memory.

    ``load[e]`` copies cross link e, so it makes ``attempts[e]`` = ceil(load[e] / p_e) attempts, which hold
    ``used[u]`` qubits at each node; ``copies[r]`` connections of request r are provisioned.
    """

    instance: Instance
    load: NDArray[np.int64] = field(init=False)
    attempts: NDArray[np.int64] = field(init=False)
    used: NDArray[np.int64] = field(init=False)
    copies: NDArray[np.int64] = field(init=False)
    routes: Counter[tuple[int, tuple[str, ...]]] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        links, nodes = len(self.instance.links), len(self.instance.nodes)
        self.load, self.attempts = np.zeros((2, links), dtype=np.int64)
        self.used = np.zeros(nodes, dtype=np.int64)
        self.copies = np.zeros(len(self.instance.requests), dtype=np.int64)

    def wanted(self, request: int) -> bool:
        """Whether the request wants one more copy."""
        demand = self.instance.requests[request].demand
        return demand is None or int(self.copies[request]) < demand

    def add(self, request: int, nodes: tuple[str, ...]) -> bool:
        """Provision one more copy of a path if it fits; whether it did."""
        links = self.instance.links_along(nodes)
        need = [ceil((self.load[e] + 1) / self.instance.probabilities[e] - ROUND_OFF) for e in links]
        if any(n > self.instance.channels[e] for n, e in zip(need, links, strict=True)):
            return False
        used = self.used.copy()
        np.add.at(used, self.instance.ends[links], (np.array(need) - self.attempts[links])[:, None])
        if (used > self.instance.memories).any():
            return False
        self.used = used
        self.attempts[links] = need
        self.load[links] += 1
        self.copies[request] += 1
        self.routes[request, nodes] += 1
        return True


def round_links(job: Job) -> Outcome:
    """Round the relaxed link ILP; the bound is that of the tightened integer model's relaxation."""
    outcome = provision_links(job)
    _, model = job.compile(LINK, job.instance, ModelOptions("by-source"))
    tight = job.solve(model.relaxed()).bound
    bounds = [
        b for b in (outcome.bound, None if tight is None else floor(tight + ABSOLUTE_GAP)) if b is not None
    ]
    bound = float(min(bounds)) if bounds else None
    closed = outcome.objective is not None and bound is not None and outcome.objective >= bound
    return replace(outcome, bound=bound, status="optimal" if closed else outcome.status)


def provision_links(job: Job) -> Outcome:
    """Round the relaxed link ILP progressively (REPS, Algorithm 1). A heuristic with a proven bound.

    Repeat: solve the linear relaxation for flow beyond what is provisioned; split it into paths of width
    w; provision floor(w) copies of each, widest first, then one copy each by decreasing fraction of w,
    each only if its attempts fit channels and memory; stop when nothing was added. The first relaxation
    bounds the link ILP, rounded down because connections are whole.
    """
    provision, bound = Provision(job.instance), None
    options = ModelOptions("by-source", relax=True)
    formulated, model = job.compile(LINK, job.instance, options)
    links = [job.instance.link_row[ends] for ends in formulated.model.attempts]
    requests = [row for _, row in formulated.model.connections]
    load_rows, attempts = model.rows["link_load"], model.columns["attempts"]
    connections = model.columns["connections"]
    status: Status = "gap_limit"
    message = ""
    while True:
        row_upper, lower, upper = model.row_upper.copy(), model.lower.copy(), model.upper.copy()
        row_upper[load_rows] = -provision.load[links]
        lower[attempts] = provision.attempts[links]
        upper[connections] = model.upper[connections] - provision.copies[requests]
        result = job.solve(model.with_changes(row_upper=row_upper, lower=lower, upper=upper))
        if result.values is None or result.bound is None:
            if bound is None:  # later, what is provisioned stays valid
                status, message = result.status, result.message
            break
        bound = floor(result.bound + ABSOLUTE_GAP) if bound is None else bound
        routes = job.decide(formulated, model, result).routes
        with job.clock("round"):
            if not _add_copies(provision, routes):
                break
    routes = [Route(row, nodes, float(n)) for (row, nodes), n in provision.routes.items()]
    decision = Decision(provision.attempts.astype(float), routes)
    return _heuristic(status, bound, decision, model.size, message)


def _add_copies(provision: Provision, routes: Sequence[Route]) -> int:
    """Provision whole widths, then fractions, in the order of REPS; how many copies were added."""
    before = int(provision.copies.sum())
    by_width = sorted(routes, key=lambda route: (-route.count, route.request, route.nodes))
    for route in by_width:
        for _ in range(floor(route.count + TINY)):
            if not (provision.wanted(route.request) and provision.add(route.request, route.nodes)):
                break
    fraction = {route: route.count - floor(route.count + TINY) for route in by_width}
    for route in sorted(by_width, key=lambda route: (-fraction[route], route.request, route.nodes)):
        if fraction[route] > TINY and provision.wanted(route.request):
            provision.add(route.request, route.nodes)
    return int(provision.copies.sum()) - before


def round_paths(job: Job) -> Outcome:
    """Round the relaxed path ILP at random, then fill (REPS). A heuristic with a proven bound.

    Split the relaxed flow of request r into paths of width w; each of its copies (its demand, or the
    smaller number of pairs at its ends) takes a path with probability w / copies and none with the
    rest, so a path is taken w times on average. What overloads a link is left to `fill`.
    """
    pairs = known_pairs(job.instance)
    formulated, model = job.compile(PATH, job.instance, ModelOptions("aggregated", relax=True))
    result = job.solve(model)
    if result.values is None or result.bound is None:
        nothing = job.decide(formulated, model, result)
        return _heuristic(result.status, None, nothing, model.size, result.message)
    routes = job.decide(formulated, model, result).routes
    with job.clock("round"):
        drawn = draw_paths(routes, copies_of(job.instance, pairs), np.random.default_rng(job.seed))
        chosen = fill(job.instance, pairs, drawn)
    bound = floor(result.bound + ABSOLUTE_GAP)
    return _heuristic("gap_limit", bound, Decision(np.zeros(len(job.instance.links)), chosen), model.size)


def draw_paths(routes: Sequence[Route], copies: Sequence[int], rng: np.random.Generator) -> list[Route]:
    """Draw at most one path for each copy of a request, path p with probability width / copies."""
    drawn = []
    for request, number in enumerate(copies):
        own = [route for route in routes if route.request == request]
        share = np.array([route.count for route in own]) / max(number, 1)
        if share.sum() > 1 + 1e-6:
            raise ValueError(
                f"request {request} has {share.sum() * number} connections, more than {number} copies"
            )
        edges = np.cumsum(share)
        picks = np.searchsorted(edges, rng.random(number), side="right")
        drawn += [Route(request, own[i].nodes, 1.0) for i in picks.tolist() if i < len(own)]
    return drawn


def _heuristic(
    status: Status, bound: int | None, decision: Decision, size: ModelSize, message: str = ""
) -> Outcome:
    """Return the outcome of a heuristic: its objective is counted, ``optimal`` if it meets the bound."""
    total = float(sum(route.count for route in decision.routes))
    if status == "gap_limit" and bound is not None and total >= bound:
        status = "optimal"
    found = status in ("optimal", "gap_limit")
    return Outcome(
        status=status,
        objective=total if found else None,
        bound=None if bound is None else float(bound),
        attempts=decision.attempts,
        routes=decision.routes if found else (),
        size=size,
        message=message,
    )
