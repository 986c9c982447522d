"""Flows: what the link ILP and the path ILP have in common, and the way back from flows to paths."""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pyomo.environ as pyo

from milproute.formulations.flow.shortest_path import best_path
from milproute.instances import InstanceError
from milproute.instances.tolerances import SOLVER_NOISE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from milproute.formulations.compiled import CompiledModel
    from milproute.formulations.flow.commodities import Commodity
    from milproute.instances import Instance
    from milproute.instances.arrays import Flags, Floats, Rows

Arc = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Route:
    """``count`` copies of a path of the request in row ``request``, from its source to its target."""

    request: int
    nodes: tuple[str, ...]
    count: float


def usable_links(instance: Instance, usable: Flags) -> list[int]:
    """Return the rows of the links marked in ``usable``, sorted by the names of their ends."""
    return sorted(np.flatnonzero(usable).tolist(), key=lambda row: instance.links[row].ends)


def arcs_of(instance: Instance, links: Iterable[int]) -> list[Arc]:
    """Return both directions of each link, in the order of ``links``."""
    ends = [instance.links[row].ends for row in links]
    return [arc for u, v in ends for arc in ((u, v), (v, u))]


def refuse_min_fidelity(instance: Instance) -> None:
    """Refuse what arc flows cannot promise: a least fidelity holds per path, not per arc.

    Raises
    ------
    InstanceError : for the first request with a ``min_fidelity``.
    """
    for row, request in enumerate(instance.requests):
        if request.min_fidelity is not None:
            raise InstanceError(
                instance.name,
                f"requests[{row}].min_fidelity",
                request.min_fidelity,
                "null in the link and path ILPs, whose arc flows cannot bound the fidelity of a path",
                "Remove it, or route over an action set, which obeys it.",
            )


def add_flows(
    m: pyo.ConcreteModel,
    instance: Instance,
    commodities: Sequence[Commodity],
    arcs: Sequence[Arc],
    domain: Any,
    capacity: Floats,
) -> None:
    """Send ``m.connections`` from the root of each commodity to its sinks over ``m.flow``.

        sum_v flow[k,u,v] - sum_v flow[k,v,u] = sum of connections[k,r] over its requests    u = root    (1a)
                                              = -sum of connections[k,r] over those ending at u          (1b)
                                              = 0                                            elsewhere   (1c)

    ``connections[k,r] <= demand of r`` where there is one, and ``<= copies`` of the commodity. ``capacity``
    is the largest load of each link, shape (links,): it bounds the flow over its arcs, and by the sum over
    the links at each end the connections. Without such bounds solvers can search for ever where capacities
    are large. Size with K commodities, R pairs (commodity, request), V nodes (none isolated), A arcs: K A + R
    columns, K V rows, 2 K A + 2 R nonzeros. Source: REPS (Zhao and Qiao, INFOCOM 2021), models (1) and (2).
    """
    pairs = [(k.name, row) for k in commodities for row, _ in k.sinks]
    at_node = np.zeros(len(instance.nodes))
    used = sorted({instance.link_row[arc] for arc in arcs})
    np.add.at(at_node, instance.ends[used], capacity[used, None])
    limits = {(k.name, row): _limit(instance, k, row, at_node) for k in commodities for row, _ in k.sinks}
    most = {arc: float(capacity[instance.link_row[arc]]) for arc in arcs}
    m.flow = pyo.Var(
        [(k.name, u, v) for k in commodities for u, v in arcs],
        domain=domain,
        bounds=lambda _, _k, u, v: (0, most[u, v]),
    )
    m.connections = pyo.Var(pairs, domain=domain, bounds=lambda _, k, row: (0, limits[k, row]))
    neighbours: dict[str, list[str]] = defaultdict(list)
    for u, v in arcs:
        neighbours[u].append(v)
    supply: dict[tuple[str, str], Any] = {}
    for k in commodities:
        supply[k.name, k.root] = pyo.quicksum(m.connections[k.name, row] for row, _ in k.sinks)
        for row, sink in k.sinks:
            supply[k.name, sink] = supply.get((k.name, sink), 0) - m.connections[k.name, row]

    def conserve(m: pyo.ConcreteModel, k: str, u: str) -> Any:
        out = pyo.quicksum(m.flow[k, u, v] for v in neighbours[u])
        back = pyo.quicksum(m.flow[k, v, u] for v in neighbours[u])
        return out - back - supply.get((k, u), 0) == 0

    rows = [
        (k.name, u)
        for k in commodities
        for u in sorted({*neighbours, k.root, *(sink for _, sink in k.sinks)})
    ]
    m.conserve = pyo.Constraint(rows, rule=conserve)
    m.most_connections = pyo.Objective(expr=pyo.quicksum(m.connections.values()), sense=pyo.maximize)


@dataclass(frozen=True)
class FlowLayout:
    """Where the flows of `add_flows` are in a compiled model, and what bounds them.

    Parameters
    ----------
    instance, commodities, arcs : as in `add_flows`.
    """

    instance: Instance
    commodities: Sequence[Commodity]
    arcs: Sequence[Arc]

    @cached_property
    def link_of_arc(self) -> Rows:
        """Row of the link of each arc, shape (arcs,)."""
        return np.array([self.instance.link_row[arc] for arc in self.arcs], dtype=np.int64)

    @cached_property
    def requests(self) -> Rows:
        """Row of the request of each of ``connections``."""
        return np.array([row for k in self.commodities for row, _ in k.sinks], dtype=np.int64)

    @cached_property
    def request_ends(self) -> Rows:
        """Rows of the nodes at both ends of each of ``connections``, shape (connections, 2)."""
        row, requests = self.instance.node_row, self.instance.requests
        ends = [(row[requests[r].source], row[requests[r].target]) for r in self.requests.tolist()]
        return np.array(ends, dtype=np.int64).reshape(-1, 2)

    def bounded(self, compiled: CompiledModel, upper: Floats, capacity: Floats, waiting: Floats) -> None:
        """Write the bounds of flows and connections into ``upper``, those of the columns of ``compiled``.

        Parameters
        ----------
        capacity : largest load of each link, shape (links,).
        waiting : connections that each request still wants, shape (requests,).
        """
        used = np.unique(self.link_of_arc)
        at_node = np.zeros(len(self.instance.nodes))
        np.add.at(at_node, self.instance.ends[used], capacity[used, None])
        most = np.minimum(at_node[self.request_ends].min(axis=1), waiting[self.requests])
        upper[compiled.columns["flow"]] = np.tile(capacity[self.link_of_arc], len(self.commodities))
        upper[compiled.columns["connections"]] = most


def _limit(instance: Instance, commodity: Commodity, row: int, at_node: Floats) -> float:
    """Return the most connections of a request: its demand, its copies, what the links at its ends bear."""
    request = instance.requests[row]
    ends = [float(at_node[instance.node_row[end]]) for end in (request.source, request.target)]
    return min([*ends, *(n for n in (commodity.copies, request.demand) if n is not None)])


def load_of(m: pyo.ConcreteModel, commodities: Sequence[Commodity], u: str, v: str) -> Any:
    """Return the load of link {u, v}: all flow over it, in both directions."""
    return pyo.quicksum(m.flow[k.name, a, b] for k in commodities for a, b in ((u, v), (v, u)))


def routes_of(
    instance: Instance,
    commodities: Sequence[Commodity],
    arcs: Sequence[Arc],
    compiled: CompiledModel,
    values: Floats,
) -> list[Route]:
    """Read ``flow`` and ``connections`` back as paths; cycles in the flow are dropped."""
    flows = compiled.read("flow", values).reshape(len(commodities), len(arcs))
    connections = iter(compiled.read("connections", values).tolist())
    routes = []
    for k, flow in zip(commodities, flows, strict=True):
        amounts = [next(connections) for _ in k.sinks]
        for row, nodes, width in decompose(k.root, k.sinks, amounts, arcs, flow):
            forward = k.root == instance.requests[row].source
            routes.append(Route(row, nodes if forward else nodes[::-1], width))
    return routes


def flows_of(
    instance: Instance, commodities: Sequence[Commodity], arcs: Sequence[Arc], routes: Sequence[Route]
) -> tuple[Floats, Floats]:
    """Return ``flow`` and ``connections`` of whole routes, in index order: `routes_of` backwards."""
    column = {arc: i for i, arc in enumerate(arcs)}
    flow = np.zeros((len(commodities), len(arcs)))
    pairs = [(i, row) for i, k in enumerate(commodities) for row, _ in k.sinks]
    place = {row: (i, position) for position, (i, row) in enumerate(pairs)}
    connections = np.zeros(len(pairs))
    for route in routes:
        i, position = place[route.request]
        forward = commodities[i].root == instance.requests[route.request].source
        nodes = route.nodes if forward else route.nodes[::-1]
        for arc in pairwise(nodes):
            flow[i, column[arc]] += route.count
        connections[position] += route.count
    return flow.ravel(), connections


def decompose(
    root: str,
    sinks: Sequence[tuple[int, str]],
    amounts: Sequence[float],
    arcs: Sequence[Arc],
    flow: Floats,
) -> list[tuple[int, tuple[str, ...], float]]:
    """Split a single-source flow into simple paths: widest first, sinks in the given order.

    Opposite flows on a link cancel first. Each step saturates an arc or serves a sink, so there are at
    most (arcs + sinks) paths; what remains is cycles and noise below ``SOLVER_NOISE``, and is dropped.

    Returns
    -------
    list of (request row, nodes from ``root`` to its sink, width).
    """
    net = dict(zip(arcs, flow.tolist(), strict=True))
    left: dict[str, dict[str, float]] = defaultdict(dict)
    for (u, v), width in net.items():
        if width - net[v, u] > SOLVER_NOISE:
            left[u][v] = width - net[v, u]
    paths = []
    for (row, sink), amount in zip(sinks, amounts, strict=True):
        rest = amount
        while rest > SOLVER_NOISE:
            widest = best_path(lambda u: [(v, -w) for v, w in left[u].items()], root, sink, max, -np.inf)
            if widest is None:
                break
            nodes, width = widest[1], min(-widest[0], rest)
            paths.append((row, nodes, width))
            rest -= width
            for u, v in itertools.pairwise(nodes):
                left[u][v] -= width
                if left[u][v] <= SOLVER_NOISE:
                    del left[u][v]
    return paths
