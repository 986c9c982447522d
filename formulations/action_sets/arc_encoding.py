"""Arc encodings: an action set by arc binaries, with order variables or hop layers to keep paths simple."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyomo.environ as pyo

from milproute.formulations.action_sets.encoding import ActionEncoding, add_shared_limits
from milproute.formulations.action_sets.layered_graph import layered_graph
from milproute.formulations.flow.arc_flow import Route

if TYPE_CHECKING:
    from collections.abc import Sequence

    from milproute.formulations.action_sets.layered_graph import LayeredGraph
    from milproute.formulations.compiled import CompiledModel
    from milproute.instances.action_set import ActionSet
    from milproute.instances.arrays import Floats

    Copy = tuple[int, int]  # request row, number of the copy
    Key = tuple[int, int, int, int]  # request row, number of the copy, tail row, head row


@dataclass(frozen=True)
class _CopyFlows:
    """A unit flow for each copy of a request, over the arcs of the layered graph that its request may use."""

    graph: LayeredGraph

    @property
    def rules(self) -> ActionSet:
        """The action set."""
        return self.graph.rules

    @cached_property
    def arcs(self) -> dict[Copy, list[int]]:
        """Arcs of the layered graph of each copy, by tail and head."""
        graph, found = self.graph, dict[tuple[int, int], list[int]]()
        for request in np.unique(graph.request).tolist():
            own = np.flatnonzero(graph.request == request)
            own = own[np.lexsort((graph.head[own], graph.tail[own]))].tolist()
            found |= {(request, copy): own for copy in range(int(self.rules.copies[request]))}
        return found

    def key(self, copy: Copy, arc: int) -> Key:
        """Return the index of the variable of a copy on an arc."""
        return (*copy, int(self.graph.tail[arc]), int(self.graph.head[arc]))

    def ends(self, copy: Copy) -> tuple[int, int]:
        """Return the rows of source and target."""
        request, row = self.rules.instance.requests[copy[0]], self.rules.instance.node_row
        return row[request.source], row[request.target]


def encode_arcs(rules: ActionSet, inputs: Sequence[str]) -> ActionEncoding:
    """State an action set by arc binaries with order variables.

        sum of arc[i,u,v] over v - sum of arc[i,v,u] over v = 0     for copies i, inner nodes u
        sum of arc[i,s,v] over v <= 1;  sum of arc[i,u,v] over u <= 1              for sources s, nodes v
        order[i,v] >= order[i,u] + 1 - H (1 - arc[i,u,v])            for arcs between inner nodes
        sum of arc[i,u,v] <= H;  sum of w_uv arc[i,u,v] <= budget                 hops, fidelity
        capacity of links, memory of nodes (see `add_shared_limits`)

    A copy i is one of those a request may get. The order rows (Miller, Tucker, Zemlin) forbid cycles beside
    the path. Arcs that lie on no walk of at most H links are left out. With U copies, A arcs and V nodes:
    about U (A + V) columns and U (A + 2 V) rows.
    """
    rules.refuse_many_copies("an action set of arcs or layers")
    flows, m = _CopyFlows(layered_graph(rules)), pyo.ConcreteModel(name="arcs")
    places = [(copy, arc) for copy, arcs in flows.arcs.items() for arc in arcs]
    keys = [flows.key(copy, arc) for copy, arc in places]
    m.arc = pyo.Var(keys, domain=pyo.Binary)
    use = {key: m.arc[key] for key in keys}
    _add_flow(m, flows, use)
    inner = {
        copy: {v for arc in arcs for v in flows.key(copy, arc)[2:]} - set(flows.ends(copy))
        for copy, arcs in flows.arcs.items()
    }
    hops = rules.max_hops
    m.order = pyo.Var(
        [(*copy, v) for copy, nodes in inner.items() for v in sorted(nodes)], bounds=(1, max(1, hops))
    )
    m.after = pyo.Constraint(
        [key for key in keys if set(key[2:]) <= inner[key[:2]]],
        rule=lambda m, r, c, u, v: m.order[r, c, v] - m.order[r, c, u] - hops * m.arc[r, c, u, v] >= 1 - hops,
    )
    own: dict[Copy, list[Any]] = defaultdict(list)
    for key in keys:
        own[key[:2]].append(m.arc[key])
    m.hops = pyo.Constraint(list(own), rule=lambda _, r, c: pyo.quicksum(own[r, c]) <= hops)
    return _finish(m, flows, use, m.arc, places, inputs)


def encode_layers(rules: ActionSet, inputs: Sequence[str]) -> ActionEncoding:
    """State an action set by hop layers: arc (u, v) as the h-th step of a path.

        sum of step[i,h,u,v] over u = sum of step[i,h+1,v,w] over w    for copies i, inner nodes v, h < H
        sum of step[i,1,s,v] over v <= 1;  sum of step[i,h,u,v] over h, u <= 1    for sources s, nodes v
        sum of w_uv step[i,h,u,v] <= budget                                       fidelity
        capacity of links, memory of nodes (see `add_shared_limits`)

    The hop limit H is built in, and steps that cannot lie on a path of H links are left out. With U
    copies, A arcs and V nodes: at most U A H columns and U V (H + 1) rows.
    """
    rules.refuse_many_copies("an action set of arcs or layers")
    graph = layered_graph(rules)
    flows, m = _CopyFlows(graph), pyo.ConcreteModel(name="layers")
    places = [
        (copy, arc, h)
        for copy, arcs in flows.arcs.items()
        for h in range(1, graph.hops + 1)
        for arc in arcs
        if graph.admissible[h - 1, arc]
    ]
    keys = [(*copy, h, *flows.key(copy, arc)[2:]) for copy, arc, h in places]
    m.step = pyo.Var(keys, domain=pyo.Binary)
    terms, into, out = (defaultdict[Any, list[Any]](list) for _ in range(3))
    for r, c, h, u, v in keys:
        terms[r, c, u, v].append(m.step[r, c, h, u, v])
        into[r, c, h, v].append(m.step[r, c, h, u, v])
        out[r, c, h, u].append(m.step[r, c, h, u, v])
    use = {key: pyo.quicksum(steps) for key, steps in terms.items()}
    _add_flow(m, flows, use, conserve=False)
    follow = sorted(
        {(r, c, h, v) for r, c, h, v in into if v != flows.ends((r, c))[1]}
        | {(r, c, h - 1, u) for r, c, h, u in out if u != flows.ends((r, c))[0]}
    )

    def continued(_: Any, r: int, c: int, h: int, v: int) -> Any:
        return pyo.quicksum(into[r, c, h, v]) - pyo.quicksum(out[r, c, h + 1, v]) == 0

    m.follow = pyo.Constraint(follow, rule=continued)
    return _finish(m, flows, use, m.step, [(copy, arc) for copy, arc, _ in places], inputs)


def _add_flow(m: pyo.ConcreteModel, flows: _CopyFlows, use: dict[Key, Any], *, conserve: bool = True) -> None:
    """Add the rows of one path a copy: leave the source once, visit a node once, go on, keep the fidelity."""
    into: dict[tuple[int, int, int], list[Any]] = defaultdict(list)
    out: dict[tuple[int, int, int], list[Any]] = defaultdict(list)
    for (r, c, u, v), value in use.items():
        out[r, c, u].append(value)
        into[r, c, v].append(value)
    inner = sorted(key for key in {*into, *out} if key[2] not in flows.ends(key[:2]))
    sources = [(*copy, flows.ends(copy)[0]) for copy in flows.arcs]
    m.leave = pyo.Constraint(sources, rule=lambda _, *key: pyo.quicksum(out[key]) <= 1)
    m.visit = pyo.Constraint(sorted(into), rule=lambda _, *key: pyo.quicksum(into[key]) <= 1)
    if conserve:
        m.conserve = pyo.Constraint(
            inner, rule=lambda _, *key: pyo.quicksum(out[key]) - pyo.quicksum(into[key]) == 0
        )
    weights = flows.rules.fidelity_weights
    asked = [copy for copy in flows.arcs if np.isfinite(flows.rules.fidelity_budget(copy[0]))]

    def fidelity(_: Any, r: int, c: int) -> Any:
        lost = [
            float(weights[flows.graph.link[arc]]) * use[flows.key((r, c), arc)]
            for arc in flows.arcs[r, c]
            if weights[flows.graph.link[arc]]
        ]
        return pyo.quicksum(lost) <= float(flows.rules.fidelity_budget(r)) if lost else pyo.Constraint.Skip

    m.fidelity = pyo.Constraint(asked, rule=fidelity)


def _finish(
    m: pyo.ConcreteModel,
    flows: _CopyFlows,
    use: dict[Key, Any],
    steps: Any,
    places: Sequence[tuple[Copy, int]],
    inputs: Sequence[str],
) -> ActionEncoding:
    """Add the shared limits; read features and paths off ``steps``, each of which takes an arc for a copy."""
    rules, graph = flows.rules, flows.graph
    on_link: dict[int, list[Any]] = defaultdict(list)
    at_node: dict[int, list[Any]] = defaultdict(list)
    most_load = np.zeros(len(rules.instance.links))
    most_held = np.zeros(len(rules.instance.nodes))
    for copy, arcs in flows.arcs.items():
        source, target = flows.ends(copy)
        for arc in arcs:
            key = flows.key(copy, arc)
            u, v = key[2:]
            on_link[int(graph.link[arc])].append(use[key])
            at_node[v].append((1.0 if v == target else 2.0) * use[key])
            if u == source:
                at_node[u].append(use[key])
        most_load[np.unique(graph.link[arcs])] += 1
        for v in {*graph.head[arcs].tolist(), source}:
            most_held[v] += 1 if v in (source, target) else 2
    add_shared_limits(
        m,
        rules,
        lambda e: pyo.quicksum(on_link[e]),
        lambda v: pyo.quicksum(at_node[v]),
        most_load,
        most_held,
    )
    features = graph.features(inputs)[[arc for _, arc in places]].tocsc()
    features.eliminate_zeros()

    def read(compiled: CompiledModel, values: Floats) -> list[Route]:
        taken = np.flatnonzero(compiled.read(steps.name, values) > 0.5).tolist()
        following = {flows.key(*places[i])[:3]: flows.key(*places[i])[3] for i in taken}
        counts: dict[tuple[int, tuple[str, ...]], int] = defaultdict(int)
        for copy in flows.arcs:
            at, target = flows.ends(copy)
            nodes = [at]
            while (*copy, at) in following and at != target:
                at = following[(*copy, at)]
                nodes.append(at)
            if len(nodes) > 1:
                counts[copy[0], tuple(rules.instance.nodes[v].id for v in nodes)] += 1
        return [Route(request, nodes, float(n)) for (request, nodes), n in sorted(counts.items())]

    return ActionEncoding(m, list(steps.values()), features, read)
