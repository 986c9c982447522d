"""The rules a plan is checked by: each yields a `Breach` for everything it finds.

A rule reads a `Case`, an instance with a plan, and never raises, however little the two have to do with
each other. Which rules hold for which formulation is said in `milproute.instances.checker.check`.
"""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

from milproute.instances.checker.context import Breach
from milproute.instances.expected_load import as_fraction, largest_load
from milproute.instances.physics import fidelity_shortfall
from milproute.instances.plan import relative_gap
from milproute.instances.tolerances import OPTIMALITY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from milproute.instances.checker.context import Case
    from milproute.instances.plan import Plan


# --- what the plan is about ---------------------------------------------------------------------------


def instance_name(case: Case) -> Iterator[Breach]:
    """Require the plan to name this instance."""
    if case.plan.instance != case.instance.name:
        text = f"the plan is for {case.plan.instance!r}, the instance is {case.instance.name!r}"
        yield Breach("instance", 1, text)


def known_requests(case: Case) -> Iterator[Breach]:
    """Require paths, connections and deliveries to belong to requests of the instance."""
    known = {request.id for request in case.instance.requests}
    for i, path in enumerate(case.plan.paths):
        if path.request not in known:
            yield Breach(f"paths[{i}]", 1, f"there is no request {path.request!r}")
    for name, ids in (("connections", case.plan.connections), ("delivered", case.plan.delivered or {})):
        for request in ids:
            if request not in known:
                yield Breach(f"{name}.{request}", 1, f"there is no request {request!r}")


# --- paths --------------------------------------------------------------------------------------------


def known_nodes(case: Case) -> Iterator[Breach]:
    """Require paths to visit nodes of the network."""
    for i, path in enumerate(case.plan.paths):
        unknown = sorted({v for v in path.nodes if v not in case.instance.node_row})
        if unknown:
            yield Breach(f"paths[{i}]", len(unknown), f"there is no node {', '.join(map(repr, unknown))}")


def simple_paths(case: Case) -> Iterator[Breach]:
    """Require paths to visit no node twice."""
    for i, path in enumerate(case.plan.paths):
        visits = Counter(path.nodes)
        repeats = len(path.nodes) - len(visits)
        if repeats:
            twice = ", ".join(repr(v) for v, n in visits.items() if n > 1)
            yield Breach(f"paths[{i}]", repeats, f"it visits {twice} more than once")


def steps_are_links(case: Case) -> Iterator[Breach]:
    """Require a link between consecutive nodes of a path."""
    known, links = case.instance.node_row, case.instance.link_row
    for i, path in enumerate(case.plan.paths):
        # Unknown nodes and standing still break rules of their own.
        steps = [(u, v) for u, v in pairwise(path.nodes) if u in known and v in known and u != v]
        gaps = [f"{u}-{v}" for u, v in steps if (u, v) not in links]
        if gaps:
            yield Breach(f"paths[{i}]", len(gaps), f"there is no link {', '.join(gaps)}")


def path_ends(case: Case) -> Iterator[Breach]:
    """Require a path to run from its request's source to its target, in this order."""
    requests = {request.id: request for request in case.instance.requests}
    for i, path in enumerate(case.plan.paths):
        request = requests.get(path.request)
        if request is None:
            continue
        ends, wanted = (path.nodes[0], path.nodes[-1]), (request.source, request.target)
        wrong = sum(a != b for a, b in zip(ends, wanted, strict=True))
        if wrong:
            text = f"it runs {ends[0]} to {ends[1]}, request {request.id!r} {wanted[0]} to {wanted[1]}"
            yield Breach(f"paths[{i}]", wrong, text)


def min_fidelity(case: Case) -> Iterator[Breach]:
    """Require every path to meet the ``min_fidelity`` of its request, with ideal swaps."""
    least = {request.id: request.min_fidelity for request in case.instance.requests}
    for i, path in enumerate(case.plan.paths):
        if any(step not in case.instance.link_row for step in pairwise(path.nodes)):
            continue
        limit = least.get(path.request)
        short = fidelity_shortfall(case.instance, path.nodes, limit)
        if case.exceeds(short, 0.0):
            text = f"its fidelity stays {short:.9g} below the {limit} that {path.request!r} asks for"
            yield Breach(f"paths[{i}]", short, text)


# --- amounts ------------------------------------------------------------------------------------------


def signs(case: Case) -> Iterator[Breach]:
    """Require amounts >= 0: no file can break it, a plan made in memory without validation can."""
    plan = case.plan
    amounts = [(f"attempts[{i}]", attempt.channels) for i, attempt in enumerate(plan.attempts)]
    amounts += [(f"paths[{i}]", path.count) for i, path in enumerate(plan.paths)]
    amounts += [(f"connections.{request}", value) for request, value in plan.connections.items()]
    for place, value in amounts:
        if not value >= 0:
            yield Breach(place, -value, f"{value:.9g} is negative")


def whole_attempts(case: Case) -> Iterator[Breach]:
    """Require whole attempts, unless the plan is relaxed."""
    if not case.plan.relaxed:
        for i, attempt in enumerate(case.plan.attempts):
            off = _fraction(attempt.channels)
            if case.exceeds(off, 0.0):
                place = f"attempts[{i}] ({attempt.source}-{attempt.target})"
                yield Breach(place, off, f"{attempt.channels:.9g} attempts are not a whole number")


def whole_paths(case: Case) -> Iterator[Breach]:
    """Require whole copies of paths, unless the plan is relaxed or its flows are continuous."""
    if not case.plan.relaxed and case.plan.flows == "integer":
        for i, path in enumerate(case.plan.paths):
            off = _fraction(path.count)
            if case.exceeds(off, 0.0):
                yield Breach(f"paths[{i}]", off, f"{path.count:.9g} copies are not a whole number")


def known_links(case: Case) -> Iterator[Breach]:
    """Require attempts and drawn pairs to be on links of the network."""
    for name, entries in _link_lists(case.plan):
        for i, (u, v) in enumerate(entries):
            if (u, v) not in case.instance.link_row:
                yield Breach(f"{name}[{i}] ({u}-{v})", 1, f"there is no link {u}-{v}")


def links_once(case: Case) -> Iterator[Breach]:
    """Require attempts and drawn pairs to name a link at most once, in whichever order of its ends."""
    for name, entries in _link_lists(case.plan):
        first: dict[tuple[str, str], int] = {}
        for i, (u, v) in enumerate(entries):
            earlier = first.setdefault((min(u, v), max(u, v)), i)
            if earlier != i:
                yield Breach(f"{name}[{i}] ({u}-{v})", 1, f"{name}[{earlier}] names the same link")


# --- what the network bears ---------------------------------------------------------------------------


def channels(case: Case) -> Iterator[Breach]:
    """Require x_e <= channels of e."""
    for row, (link, used) in enumerate(zip(case.instance.links, case.attempts, strict=True)):
        limit = link.channels
        if case.exceeds(used, limit):
            text = f"{used:.9g} attempts on {limit:.9g} channels"
            yield Breach(case.link(row), used - limit, text)


def memory(case: Case) -> Iterator[Breach]:
    """Require sum of x_e over the links at u <= memory of u."""
    held = [0.0] * len(case.instance.nodes)
    for link, used in zip(case.instance.links, case.attempts, strict=True):
        held[case.instance.node_row[link.source]] += used
        held[case.instance.node_row[link.target]] += used
    for row, (node, qubits) in enumerate(zip(case.instance.nodes, held, strict=True)):
        limit = node.memory
        if case.exceeds(qubits, limit):
            text = f"attempts on its links hold {qubits:.9g} qubits of {limit:.9g}"
            yield Breach(f"nodes[{row}] ({node.id})", qubits - limit, text)


def load_within_expected_pairs(case: Case) -> Iterator[Breach]:
    """Require copies of paths over e <= p_e x_e, in whole numbers where the plan's paths are whole."""
    plan = case.plan
    whole = not plan.relaxed and plan.flows == "integer"
    for row, (load, used) in enumerate(zip(case.load, case.attempts, strict=True)):
        p = float(case.instance.probabilities[row])
        if whole and math.isfinite(used):
            carried = float(largest_load(p, max(round(used), 0)))
        else:
            carried = float(as_fraction(p)) * used
        if case.exceeds(load, carried):
            text = f"{load:.9g} copies of paths; {used:.9g} attempts carry {carried:.9g} (p = {p:.9g})"
            yield Breach(case.link(row), load - carried, text)


def load_within_given_pairs(case: Case) -> Iterator[Breach]:
    """Require copies of paths over e <= pairs that exist on e in the instance."""
    for row, (link, load) in enumerate(zip(case.instance.links, case.load, strict=True)):
        pairs = link.entangled_pairs or 0
        if case.exceeds(load, pairs):
            known = (
                f"{pairs:.9g} pairs exist" if link.entangled_pairs is not None else "its pairs are unknown"
            )
            yield Breach(case.link(row), load - pairs, f"{load:.9g} copies of paths, but {known}")


def load_within_drawn_pairs(case: Case) -> Iterator[Breach]:
    """Require copies of paths over e <= pairs that the plan drew on e."""
    for row, (load, pairs) in enumerate(zip(case.load, case.pairs, strict=True)):
        if case.exceeds(load, pairs):
            text = f"{load:.9g} copies of paths, but {pairs:.9g} pairs were drawn"
            yield Breach(case.link(row), load - pairs, text)


def drawn_within_attempts(case: Case) -> Iterator[Breach]:
    """Require pairs drawn on e <= x_e."""
    for row, (pairs, used) in enumerate(zip(case.pairs, case.attempts, strict=True)):
        if case.exceeds(pairs, used):
            text = f"{pairs:.9g} pairs were drawn from {used:.9g} attempts"
            yield Breach(case.link(row), pairs - used, text)


def pairs_drawn(case: Case) -> Iterator[Breach]:
    """Require a plan for a whole slot to say which pairs were drawn."""
    if case.solved and case.plan.entangled_pairs is None:
        yield Breach("entangled_pairs", 1, "a whole slot must say which pairs were drawn")


# --- connections --------------------------------------------------------------------------------------


def connections_listed(case: Case) -> Iterator[Breach]:
    """Require ``connections`` of a solved plan to list every request."""
    for row, request in enumerate(case.instance.requests):
        if case.solved and request.id not in case.plan.connections:
            yield Breach(case.request(row), 1, f"connections does not list {request.id!r}")


def connections_sum(case: Case) -> Iterator[Breach]:
    """Require connections of a request = copies of its paths."""
    for row, request in enumerate(case.instance.requests):
        claimed, routed = case.connections(request.id), case.routed[request.id]
        if case.differs(claimed, routed):
            text = f"{claimed:.9g} connections, but {routed:.9g} copies of its paths"
            yield Breach(case.request(row), abs(claimed - routed), text)


def flow_conservation(case: Case) -> Iterator[Breach]:
    """Require net flow out of a node = connections at the source, minus them at the target, else 0."""
    net: dict[str, dict[str, float]] = {request.id: {} for request in case.instance.requests}
    for path in case.plan.paths:
        flow = net.get(path.request, {})
        for u, v in pairwise(path.nodes):
            flow[u] = flow.get(u, 0.0) + path.count
            flow[v] = flow.get(v, 0.0) - path.count
    for row, request in enumerate(case.instance.requests):
        claimed, flow = case.connections(request.id), net[request.id]
        wanted = {request.source: claimed, request.target: -claimed}
        off = [
            (abs(flow.get(v, 0.0) - wanted.get(v, 0.0)), v)
            for v in {**flow, **wanted}
            if case.differs(flow.get(v, 0.0), wanted.get(v, 0.0))
        ]
        if off:
            amount, worst = max(off)
            text = f"{flow.get(worst, 0.0):.9g} net flow out of {worst!r}, not {wanted.get(worst, 0.0):.9g}"
            yield Breach(case.request(row), amount, text)


def demands(case: Case) -> Iterator[Breach]:
    """Require connections of a request <= its demand."""
    for row, request in enumerate(case.instance.requests):
        demand = math.inf if request.demand is None else request.demand
        served = max(case.connections(request.id), case.routed[request.id])
        if case.exceeds(served, demand):
            text = f"{served:.9g} connections for a demand of {demand:.9g}"
            yield Breach(case.request(row), served - demand, text)


def delivered(case: Case) -> Iterator[Breach]:
    """Require connections left after the swaps <= connections before."""
    for row, request in enumerate(case.instance.requests):
        delivered = (case.plan.delivered or {}).get(request.id, 0)
        if case.exceeds(delivered, case.connections(request.id)):
            text = f"{delivered:.9g} delivered of {case.connections(request.id):.9g} connections"
            yield Breach(case.request(row), delivered - case.connections(request.id), text)


# --- the certificate ----------------------------------------------------------------------------------


def objective(case: Case) -> Iterator[Breach]:
    """Require objective = sum of the connections."""
    claimed, total = case.plan.objective, sum(case.plan.connections.values())
    if claimed is not None and case.differs(claimed, total):
        text = f"the objective is {claimed:.9g}, the connections add up to {total:.9g}"
        yield Breach("objective", abs(claimed - total), text)


def bound(case: Case) -> Iterator[Breach]:
    """Require objective <= proven bound, as all formulations maximise."""
    claimed, proven = case.plan.objective, case.plan.bound
    if claimed is not None and proven is not None and claimed > proven and case.differs(claimed, proven):
        text = f"the objective {claimed:.9g} is above the bound {proven:.9g} on it"
        yield Breach("bound", claimed - proven, text)


def gap(case: Case) -> Iterator[Breach]:
    """Require gap = |bound - objective| / max(|objective|, 1e-9), None when either is missing."""
    stated, expected = case.plan.gap, relative_gap(case.plan.objective, case.plan.bound)
    if stated is None or expected is None:
        if stated is not expected:
            yield Breach("gap", 1, f"the gap is {stated}, objective and bound give {expected}")
    elif case.differs(stated, expected):
        text = f"the gap is {stated:.9g}, objective and bound give {expected:.9g}"
        yield Breach("gap", abs(stated - expected), text)


def status(case: Case) -> Iterator[Breach]:
    """Require what the status says: a proof for `optimal`, no objective for `infeasible` and its like."""
    word, claimed, proven = case.plan.status, case.plan.objective, case.plan.bound
    if word in ("infeasible", "unbounded", "no_solution") and claimed is not None:
        yield Breach("status", 1, f"{word!r}, but the objective is {claimed:.9g}")
    if word in ("optimal", "gap_limit") and (claimed is None or proven is None):
        yield Breach("status", 1, f"{word!r}, but the objective is {claimed} and the bound {proven}")
    elif word == "optimal" and claimed is not None and proven is not None:
        apart = abs(proven - claimed)
        if not apart <= OPTIMALITY * max(1.0, abs(claimed)):
            yield Breach("status", apart, f"'optimal', but objective and bound are {apart:.9g} apart")


def no_solution(case: Case) -> Iterator[Breach]:
    """Require neither paths nor connections of a plan without an objective."""
    if not case.solved:
        named = [*case.plan.connections.values(), *(case.plan.delivered or {}).values()]
        served = sum(1 for value in named if value)
        if case.plan.paths or served:
            text = f"no objective, but {len(case.plan.paths)} paths and {served} served requests"
            yield Breach("objective", len(case.plan.paths) + served, text)


# --- numbers ------------------------------------------------------------------------------------------


def _fraction(value: float) -> float:
    """Return the distance to the nearest whole number; NaN and infinity have none."""
    return abs(value - round(value)) if math.isfinite(value) else math.inf


def _link_lists(plan: Plan) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Yield the name of each list of links in the plan with the ends it names."""
    yield "attempts", [(attempt.source, attempt.target) for attempt in plan.attempts]
    yield "entangled_pairs", [(drawn.source, drawn.target) for drawn in plan.entangled_pairs or ()]
