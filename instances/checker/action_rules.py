"""Rules on joint actions: membership in an action set, from instance and paths alone."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from milproute.instances.action_set import ActionSet
from milproute.instances.checker import claim_rules, path_rules
from milproute.instances.checker.context import Breach, CheckContext, sums, violations
from milproute.instances.plan import Plan, Violation
from milproute.instances.tolerances import FEASIBILITY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from milproute.instances.checker.context import Rule
    from milproute.instances.instance import Instance
    from milproute.instances.plan import RoutedPath


def _limits(context: CheckContext) -> ActionSet:
    return ActionSet(context.instance, max_hops=context.plan.max_hops)


def hops(context: CheckContext) -> Iterator[Breach]:
    """Require paths of at most ``max_hops`` links."""
    limit = context.plan.max_hops
    for i, path in enumerate(context.plan.paths):
        links = len(path.nodes) - 1
        if limit is not None and links > limit:
            yield Breach(f"paths[{i}]", links - limit, f"it has {links} links, the hop limit is {limit}")


def usable_links(context: CheckContext) -> Iterator[Breach]:
    """Require links that can succeed: probability > 0."""
    for i, path in enumerate(context.plan.paths):
        rows = [context.instance.link_row.get(step) for step in zip(path.nodes, path.nodes[1:], strict=False)]
        dead = [context.link(e) for e in rows if e is not None and context.instance.probabilities[e] == 0]
        if dead:
            yield Breach(f"paths[{i}]", len(dead), f"it uses {', '.join(dead)} of probability 0")


def usable_swaps(context: CheckContext) -> Iterator[Breach]:
    """Require swaps that can succeed: swap_probability > 0 at interior nodes."""
    dead = {node.id for node in context.instance.nodes if node.swap_probability == 0}
    for i, path in enumerate(context.plan.paths):
        found = [repr(v) for v in path.nodes[1:-1] if v in dead]
        if found:
            yield Breach(f"paths[{i}]", len(found), f"it swaps at {', '.join(found)}, where no swap succeeds")


def load(context: CheckContext) -> Iterator[Breach]:
    """Require copies of paths over e <= entangled pairs of e, its channels where these are unknown."""
    for row, (used, limit) in enumerate(zip(context.load, _limits(context).capacity.tolist(), strict=True)):
        if context.exceeds(used, limit):
            known = context.instance.links[row].entangled_pairs is not None
            text = f"{used:.9g} copies of paths on {limit} {'entangled pairs' if known else 'channels'}"
            yield Breach(context.link(row), used - limit, text)


def memory(context: CheckContext) -> Iterator[Breach]:
    """Require qubits held at v, 1 for a copy that ends there and 2 for one that swaps, <= memory of v."""
    held = sums(
        (v, path.count * (1 if place in (0, len(path.nodes) - 1) else 2))
        for path in context.plan.paths
        for place, v in enumerate(path.nodes)
    )
    for i, node in enumerate(context.instance.nodes):
        qubits = held.get(node.id, 0.0)
        if context.exceeds(qubits, node.memory):
            text = f"the copies of paths hold {qubits:.9g} qubits of {node.memory}"
            yield Breach(f"nodes[{i}] ({node.id})", qubits - node.memory, text)


def copies(context: CheckContext) -> Iterator[Breach]:
    """Require copies of paths of a request <= its demand, 1 where it has none."""
    for row, (request, most) in enumerate(
        zip(context.instance.requests, _limits(context).demands.tolist(), strict=True)
    ):
        served = max(context.connections(request.id), context.routed[request.id])
        if context.exceeds(served, most):
            why = "without a demand" if request.demand is None else f"for a demand of {most}"
            yield Breach(context.request(row), served - most, f"{served:.9g} copies of its paths {why}")


def whole_copies(context: CheckContext) -> Iterator[Breach]:
    """Require whole copies of paths, also of a plan that calls itself relaxed or continuous."""
    for i, path in enumerate(context.plan.paths):
        off = abs(path.count - round(path.count)) if math.isfinite(path.count) else math.inf
        if context.exceeds(off, 0.0):
            yield Breach(f"paths[{i}]", off, f"{path.count:.9g} copies are not a whole number")


# Membership in the action set; the keys are the names that violations carry.
MEMBERSHIP: Mapping[str, Rule] = {
    "known-requests": claim_rules.known_requests,
    "known-nodes": path_rules.known_nodes,
    "simple-path": path_rules.simple_paths,
    "path-links": path_rules.steps_are_links,
    "path-ends": path_rules.path_ends,
    "min-fidelity": path_rules.min_fidelity,
    "sign": claim_rules.signs,
    "whole-paths": whole_copies,
    "hops": hops,
    "usable-links": usable_links,
    "usable-swaps": usable_swaps,
    "load": load,
    "memory": memory,
    "demand": copies,
}


def action_violations(
    instance: Instance,
    paths: Iterable[RoutedPath],
    max_hops: int | None = None,
    tolerance: float = FEASIBILITY,
) -> list[Violation]:
    """Return why ``paths`` is no action of the action set; [] when it is one.

    Parameters
    ----------
    instance, paths : any valid ones, also if they have nothing to do with each other; no path at all
        is an action.
    max_hops : most links of a path; None means no limit.
    tolerance : largest breach that is forgiven (copies, qubits, fidelity).

    Raises
    ------
    OptionError : a hop limit below 1.
    """
    ActionSet(instance, max_hops=max_hops)
    action = Plan(
        instance=instance.name,
        formulation="argmax",
        variant="membership",
        solver="none",
        solver_version="",
        status="no_solution",
        objective=None,
        bound=None,
        gap=None,
        seconds={},
        paths=tuple(paths),
        max_hops=None if max_hops is None else int(max_hops),
    )
    return violations(CheckContext(instance, action, tolerance), MEMBERSHIP)
