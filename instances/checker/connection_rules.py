"""Rules on connections: sums over paths, flow conservation, demands, deliveries."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

from milproute.instances.checker.context import Breach, sums

if TYPE_CHECKING:
    from collections.abc import Iterator

    from milproute.instances.checker.context import CheckContext


def connections_sum(context: CheckContext) -> Iterator[Breach]:
    """Require connections of a request = copies of its paths."""
    for row, request in enumerate(context.instance.requests):
        claimed, routed = context.connections(request.id), context.routed[request.id]
        if context.differs(claimed, routed):
            text = f"{claimed:.9g} connections, but {routed:.9g} copies of its paths"
            yield Breach(context.request(row), abs(claimed - routed), text)


def flow_conservation(context: CheckContext) -> Iterator[Breach]:
    """Require net flow out of a node = connections at the source, minus them at the target, else 0."""
    net: dict[str, dict[str, float]] = {request.id: {} for request in context.instance.requests}
    steps = [(path, step) for path in context.plan.paths for step in pairwise(path.nodes)]
    ends = [((p.request, v), sign * p.count) for p, (u, w) in steps for v, sign in ((u, 1), (w, -1))]
    for (name, node), amount in sums(ends).items():
        net.get(name, {})[node] = amount
    for row, request in enumerate(context.instance.requests):
        claimed, flow = context.connections(request.id), net[request.id]
        wanted = {request.source: claimed, request.target: -claimed}
        off = [
            (abs(flow.get(v, 0.0) - wanted.get(v, 0.0)), v)
            for v in {**flow, **wanted}
            if context.differs(flow.get(v, 0.0), wanted.get(v, 0.0))
        ]
        if off:
            amount, worst = max(off)
            text = f"{flow.get(worst, 0.0):.9g} net flow out of {worst!r}, not {wanted.get(worst, 0.0):.9g}"
            yield Breach(context.request(row), amount, text)


def demands(context: CheckContext) -> Iterator[Breach]:
    """Require connections of a request <= its demand."""
    for row, request in enumerate(context.instance.requests):
        demand = math.inf if request.demand is None else request.demand
        served = max(context.connections(request.id), context.routed[request.id])
        if context.exceeds(served, demand):
            text = f"{served:.9g} connections for a demand of {demand:.9g}"
            yield Breach(context.request(row), served - demand, text)


def delivered(context: CheckContext) -> Iterator[Breach]:
    """Require connections left after the swaps <= connections before."""
    for row, request in enumerate(context.instance.requests):
        delivered = (context.plan.delivered or {}).get(request.id, 0)
        if context.exceeds(delivered, context.connections(request.id)):
            text = f"{delivered:.9g} delivered of {context.connections(request.id):.9g} connections"
            yield Breach(context.request(row), delivered - context.connections(request.id), text)
