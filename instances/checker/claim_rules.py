"""Rules on what a plan claims: its instance, its requests and links, signs, whole numbers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from milproute.instances.checker.context import Breach

if TYPE_CHECKING:
    from collections.abc import Iterator

    from milproute.instances.checker.context import CheckContext
    from milproute.instances.plan import Plan


def instance_name(context: CheckContext) -> Iterator[Breach]:
    """Require the plan to name this instance."""
    if context.plan.instance != context.instance.name:
        text = f"the plan is for {context.plan.instance!r}, the instance is {context.instance.name!r}"
        yield Breach("instance", 1, text)


def known_requests(context: CheckContext) -> Iterator[Breach]:
    """Require paths, connections and deliveries to belong to requests of the instance."""
    known = {request.id for request in context.instance.requests}
    for i, path in enumerate(context.plan.paths):
        if path.request not in known:
            yield Breach(f"paths[{i}]", 1, f"there is no request {path.request!r}")
    for name, ids in (("connections", context.plan.connections), ("delivered", context.plan.delivered or {})):
        for request in ids:
            if request not in known:
                yield Breach(f"{name}.{request}", 1, f"there is no request {request!r}")


def signs(context: CheckContext) -> Iterator[Breach]:
    """Require amounts >= 0: no file can break it, a plan made in memory without validation can."""
    plan = context.plan
    amounts = [(f"attempts[{i}]", attempt.channels) for i, attempt in enumerate(plan.attempts)]
    amounts += [(f"paths[{i}]", path.count) for i, path in enumerate(plan.paths)]
    amounts += [(f"connections.{request}", value) for request, value in plan.connections.items()]
    for place, value in amounts:
        if not value >= 0:
            yield Breach(place, -value, f"{value:.9g} is negative")


def whole_attempts(context: CheckContext) -> Iterator[Breach]:
    """Require whole attempts, unless the plan is relaxed."""
    if not context.plan.relaxed:
        for i, attempt in enumerate(context.plan.attempts):
            off = _fraction(attempt.channels)
            if context.exceeds(off, 0.0):
                place = f"attempts[{i}] ({attempt.source}-{attempt.target})"
                yield Breach(place, off, f"{attempt.channels:.9g} attempts are not a whole number")


def whole_paths(context: CheckContext) -> Iterator[Breach]:
    """Require whole copies of paths, unless the plan is relaxed or its flows are continuous."""
    if not context.plan.relaxed and context.plan.flows == "integer":
        for i, path in enumerate(context.plan.paths):
            off = _fraction(path.count)
            if context.exceeds(off, 0.0):
                yield Breach(f"paths[{i}]", off, f"{path.count:.9g} copies are not a whole number")


def known_links(context: CheckContext) -> Iterator[Breach]:
    """Require attempts and drawn pairs to be on links of the network."""
    for name, entries in _link_lists(context.plan):
        for i, (u, v) in enumerate(entries):
            if (u, v) not in context.instance.link_row:
                yield Breach(f"{name}[{i}] ({u}-{v})", 1, f"there is no link {u}-{v}")


def links_once(context: CheckContext) -> Iterator[Breach]:
    """Require attempts and drawn pairs to name a link at most once, in whichever order of its ends."""
    for name, entries in _link_lists(context.plan):
        first: dict[tuple[str, str], int] = {}
        for i, (u, v) in enumerate(entries):
            earlier = first.setdefault((min(u, v), max(u, v)), i)
            if earlier != i:
                yield Breach(f"{name}[{i}] ({u}-{v})", 1, f"{name}[{earlier}] names the same link")


def connections_listed(context: CheckContext) -> Iterator[Breach]:
    """Require ``connections`` of a solved plan to list every request."""
    for row, request in enumerate(context.instance.requests):
        if context.solved and request.id not in context.plan.connections:
            yield Breach(context.request(row), 1, f"connections does not list {request.id!r}")


def _fraction(value: float) -> float:
    """Return the distance to the nearest whole number; NaN and infinity have none."""
    return abs(value - round(value)) if math.isfinite(value) else math.inf


def _link_lists(plan: Plan) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Yield the name of each list of links in the plan with the ends it names."""
    yield "attempts", [(attempt.source, attempt.target) for attempt in plan.attempts]
    yield "entangled_pairs", [(drawn.source, drawn.target) for drawn in plan.entangled_pairs or ()]
