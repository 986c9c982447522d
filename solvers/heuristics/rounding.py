"""Rounding: REPS's ways from relaxations to whole attempts and paths. Heuristics with a bound."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from math import floor
from typing import TYPE_CHECKING

import numpy as np

from milproute.formulations import LINK, PATH, Decision, ModelOptions, Route, copies_of, known_pairs
from milproute.instances.expected_load import fewest_attempts, most_attempts
from milproute.instances.tolerances import FEASIBILITY, OPTIMALITY, SOLVER_NOISE
from milproute.solvers.heuristics.greedy_fill import fill
from milproute.solvers.pipeline import Job, Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from milproute.formulations import CompiledModel, Formulated
    from milproute.instances import Instance, ModelSize, Status, Termination
    from milproute.instances.arrays import Integers


@dataclass
class Provision:
    """Attempts reserved so far, always within channels and memory.

    ``load[e]`` copies cross link e, so it makes ``attempts[e]`` = ceil(load[e] / p_e) attempts, which hold
    ``used[u]`` qubits at each node; ``copies[r]`` connections of request r are provisioned.
    """

    instance: Instance
    load: Integers = field(init=False)
    attempts: Integers = field(init=False)
    used: Integers = field(init=False)
    copies: Integers = field(init=False)
    limits: Integers = field(init=False)
    routes: Counter[tuple[int, tuple[str, ...]]] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        links, nodes = len(self.instance.links), len(self.instance.nodes)
        self.load, self.attempts = np.zeros((2, links), dtype=np.int64)
        self.used = np.zeros(nodes, dtype=np.int64)
        self.copies = np.zeros(len(self.instance.requests), dtype=np.int64)
        self.limits = most_attempts(self.instance)

    def wanted(self, request: int) -> int | None:
        """Return how many more copies the request wants; None: any number."""
        demand = self.instance.requests[request].demand
        return None if demand is None else demand - int(self.copies[request])

    def add(self, request: int, nodes: tuple[str, ...], most: int = 1) -> int:
        """Provision as many copies of a path as fit and are wanted, at most ``most``; return how many.

        The attempts of n copies grow with n, so the largest n that fits is found by bisection.
        """
        wanted = self.wanted(request)
        most = most if wanted is None else min(most, wanted)
        links = self.instance.links_along(nodes)
        low, high = 0, most + 1  # low copies fit, high do not or are not asked for
        while high - low > 1:
            copies = most if low == 0 and high > most else (low + high) // 2
            low, high = (copies, high) if self._fits(links, copies) else (low, copies)
        if low:
            need = self._needed(links, low)
            np.add.at(self.used, self.instance.ends[links], (need - self.attempts[links])[:, None])
            self.attempts[links] = need
            self.load[links] += low
            self.copies[request] += low
            self.routes[request, nodes] += low
        return low

    def _needed(self, links: Sequence[int], copies: int) -> Integers:
        """Return the attempts of each link once ``copies`` more copies cross it."""
        p, load = self.instance.probabilities, self.load
        return np.array([fewest_attempts(float(p[e]), int(load[e]) + copies) for e in links], dtype=np.int64)

    def _fits(self, links: Sequence[int], copies: int) -> bool:
        """Whether ``copies`` more copies over these links keep channels and memory."""
        need = self._needed(links, copies)
        if (need > self.limits[links]).any():
            return False
        used = self.used.copy()
        np.add.at(used, self.instance.ends[links], (need - self.attempts[links])[:, None])
        return bool((used <= self.instance.memories).all())


def round_links(job: Job) -> Outcome:
    """Round the relaxed link ILP; the bound is that of the tightened integer model's relaxation."""
    outcome = provision_links(job)
    _, model = job.compile(LINK, job.instance, ModelOptions("by-source"))
    tight = job.solve(model.relaxed()).bound
    bounds = [
        b for b in (outcome.bound, None if tight is None else floor(tight + OPTIMALITY)) if b is not None
    ]
    bound = float(min(bounds)) if bounds else None
    closed = outcome.objective is not None and bound is not None and outcome.objective >= bound
    return replace(outcome, bound=bound, status="optimal" if closed else outcome.status)


def provision_links(job: Job, compiled: tuple[Formulated, CompiledModel] | None = None) -> Outcome:
    """Round the relaxed link ILP progressively (REPS, Algorithm 1). A heuristic with a proven bound.

    Repeat: solve the linear relaxation for flow beyond what is provisioned; split it into paths of width
    w; provision floor(w) copies of each, widest first, then one copy each by decreasing fraction of w,
    each only if its attempts fit channels and memory; stop when nothing was added. The first relaxation
    bounds the link ILP, rounded down because connections are whole.

    Parameters
    ----------
    compiled : the relaxed link ILP by-source of the instance, where it is compiled already.
    """
    provision, bound = Provision(job.instance), None
    relaxed = ModelOptions("by-source", relax=True)
    formulated, model = compiled or job.compile(LINK, job.instance, relaxed)
    links = [job.instance.link_row[ends] for ends in formulated.model.attempts]
    requests = [row for _, row in formulated.model.connections]
    load_rows, attempts = model.rows["link_load"], model.columns["attempts"]
    connections = model.columns["connections"]
    status: Status = "gap_limit"
    message = ""
    ended: Termination | None = None
    while True:
        row_upper, lower, upper = model.row_upper.copy(), model.lower.copy(), model.upper.copy()
        row_upper[load_rows] = -provision.load[links]
        lower[attempts] = provision.attempts[links]
        upper[connections] = model.upper[connections] - provision.copies[requests]
        result = job.solve(model.with_changes(row_upper=row_upper, lower=lower, upper=upper))
        if result.values is None or result.bound is None:
            if bound is None:  # later, what is provisioned stays valid
                status, message, ended = result.status, result.message, result.termination
            break
        bound = floor(result.bound + OPTIMALITY) if bound is None else bound
        routes = job.decide(formulated, model, result).routes
        with job.clock.phase("round"):
            if not _add_copies(provision, routes):
                break
    routes = [Route(row, nodes, float(n)) for (row, nodes), n in provision.routes.items()]
    decision = Decision(provision.attempts.astype(float), routes)
    return _heuristic(status, bound, decision, model.size, message, ended)


def _add_copies(provision: Provision, routes: Sequence[Route]) -> int:
    """Provision whole widths, then fractions, in the order of REPS; how many copies were added."""
    before = int(provision.copies.sum())
    by_width = sorted(routes, key=lambda route: (-route.count, route.request, route.nodes))
    for route in by_width:
        provision.add(route.request, route.nodes, floor(route.count + SOLVER_NOISE))
    fraction = {route: route.count - floor(route.count + SOLVER_NOISE) for route in by_width}
    for route in sorted(by_width, key=lambda route: (-fraction[route], route.request, route.nodes)):
        if fraction[route] > SOLVER_NOISE:
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
        return _heuristic(result.status, None, nothing, model.size, result.message, result.termination)
    routes = job.decide(formulated, model, result).routes
    with job.clock.phase("round"):
        drawn = draw_paths(routes, copies_of(job.instance, pairs), np.random.default_rng(job.seed))
        chosen = fill(job.instance, pairs, drawn)
    bound = floor(result.bound + OPTIMALITY)
    return _heuristic("gap_limit", bound, Decision(np.zeros(len(job.instance.links)), chosen), model.size)


def draw_paths(routes: Sequence[Route], copies: Sequence[int], rng: np.random.Generator) -> list[Route]:
    """Draw at most one path for each copy of a request, path p with probability width / copies.

    The copies that take each path are multinomial, so the cost does not grow with their number.
    """
    drawn = []
    for request, number in enumerate(copies):
        own = [route for route in routes if route.request == request]
        share = np.array([route.count for route in own]) / max(number, 1)
        if share.sum() > 1 + FEASIBILITY:
            raise ValueError(
                f"request {request} has {share.sum() * number} connections, more than {number} copies"
            )
        if own and number:
            taken = rng.multinomial(number, np.append(share / max(1.0, share.sum()), 0.0))
            drawn += [
                Route(request, route.nodes, float(n))
                for route, n in zip(own, taken.tolist(), strict=False)
                if n
            ]
    return drawn


def _heuristic(
    status: Status,
    bound: int | None,
    decision: Decision,
    size: ModelSize,
    message: str = "",
    ended: Termination | None = None,
) -> Outcome:
    """Return the outcome of a heuristic: its objective is counted, ``optimal`` if it meets the bound.

    ``ended`` is why the solver of its relaxation ended, where that found no solution.
    """
    total = float(sum(route.count for route in decision.routes))
    if status == "gap_limit" and bound is not None and total >= bound:
        status = "optimal"
    found = status in ("optimal", "gap_limit")
    termination: Termination = "completed" if found else ended or "error"
    return Outcome(
        status=status,
        objective=total if found else None,
        bound=None if bound is None else float(bound),
        attempts=decision.attempts,
        routes=decision.routes if found else (),
        size=size,
        message=message,
        termination=termination,
    )
