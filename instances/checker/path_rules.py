"""Rules on paths: nodes, links, ends, simplicity, fidelity."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

from milproute.instances.checker.context import Breach
from milproute.instances.path_physics import fidelity_shortfall

if TYPE_CHECKING:
    from collections.abc import Iterator

    from milproute.instances.checker.context import CheckContext


def known_nodes(context: CheckContext) -> Iterator[Breach]:
    """Require paths to visit nodes of the network."""
    for i, path in enumerate(context.plan.paths):
        unknown = sorted({v for v in path.nodes if v not in context.instance.node_row})
        if unknown:
            yield Breach(f"paths[{i}]", len(unknown), f"there is no node {', '.join(map(repr, unknown))}")


def simple_paths(context: CheckContext) -> Iterator[Breach]:
    """Require paths to visit no node twice."""
    for i, path in enumerate(context.plan.paths):
        visits = Counter(path.nodes)
        repeats = len(path.nodes) - len(visits)
        if repeats:
            twice = ", ".join(repr(v) for v, n in visits.items() if n > 1)
            yield Breach(f"paths[{i}]", repeats, f"it visits {twice} more than once")


def steps_are_links(context: CheckContext) -> Iterator[Breach]:
    """Require a link between consecutive nodes of a path."""
    known, links = context.instance.node_row, context.instance.link_row
    for i, path in enumerate(context.plan.paths):
        # Unknown nodes and standing still break rules of their own.
        steps = [(u, v) for u, v in pairwise(path.nodes) if u in known and v in known and u != v]
        gaps = [f"{u}-{v}" for u, v in steps if (u, v) not in links]
        if gaps:
            yield Breach(f"paths[{i}]", len(gaps), f"there is no link {', '.join(gaps)}")


def path_ends(context: CheckContext) -> Iterator[Breach]:
    """Require a path to run from its request's source to its target, in this order."""
    requests = {request.id: request for request in context.instance.requests}
    for i, path in enumerate(context.plan.paths):
        request = requests.get(path.request)
        if request is None:
            continue
        ends, wanted = (path.nodes[0], path.nodes[-1]), (request.source, request.target)
        wrong = sum(a != b for a, b in zip(ends, wanted, strict=True))
        if wrong:
            text = f"it runs {ends[0]} to {ends[1]}, request {request.id!r} {wanted[0]} to {wanted[1]}"
            yield Breach(f"paths[{i}]", wrong, text)


def min_fidelity(context: CheckContext) -> Iterator[Breach]:
    """Require every path to meet the ``min_fidelity`` of its request, with ideal swaps."""
    least = {request.id: request.min_fidelity for request in context.instance.requests}
    for i, path in enumerate(context.plan.paths):
        if any(step not in context.instance.link_row for step in pairwise(path.nodes)):
            continue
        limit = least.get(path.request)
        short = fidelity_shortfall(context.instance, path.nodes, limit)
        if context.exceeds(short, 0.0):
            text = f"its fidelity stays {short:.9g} below the {limit} that {path.request!r} asks for"
            yield Breach(f"paths[{i}]", short, text)
