"""Networks with given places, and plans with given paths, to draw."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import networkx as nx

from milproute.instances.instance import Instance, Request
from milproute.instances.plan import Plan, RoutedPath

if TYPE_CHECKING:
    from collections.abc import Iterable


def make_instance(
    places: dict[str, Any], links: Iterable[tuple[str, str]], requests: Iterable[tuple[str, str]], **more: Any
) -> Instance:
    graph = nx.Graph()
    for name, place in places.items():
        graph.add_node(name, position_km=place)
    graph.add_edges_from(links)
    given = [Request(id=f"r{i}", source=u, target=v) for i, (u, v) in enumerate(requests)]
    defaults = {"memory": 9, "swap_probability": 0.9, "length_km": 9.0, "channels": 4, "fidelity": 0.9}
    return Instance.from_networkx(
        graph, requests=given, name="toy", attenuation_per_km=2e-4, **{**defaults, **more}
    )


def make_plan(instance: Instance, paths: Iterable[tuple[str, str, float]], **more: Any) -> Plan:
    routed = [RoutedPath(request=r, nodes=tuple(nodes.split()), count=n) for r, nodes, n in paths]
    got = {r.id: sum(p.count for p in routed if p.request == r.id) for r in instance.requests}
    fields: dict[str, Any] = {
        "instance": "toy",
        "formulation": "link",
        "variant": "by-source",
        "solver": "highs",
        "solver_version": "1.15.1",
        "status": "optimal",
        "objective": sum(got.values()),
        "bound": sum(got.values()),
        "gap": 0.0,
        "seconds": {},
        "paths": routed,
        "connections": got,
        "verified": True,
    }
    return Plan(**{**fields, **more})
