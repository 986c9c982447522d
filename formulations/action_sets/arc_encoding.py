"""Arcs: an action set by arc binaries, with order variables or hop layers to keep paths simple."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyomo.environ as pyo
import scipy.sparse as sp

from milproute.formulations.action_sets.encoding import ActionModel, add_shared_limits
from milproute.formulations.flow.arc_flow import Route
from milproute.instances.qnets.blocks import input_slices
from milproute.instances.qnets.features import feature_matrix

if TYPE_CHECKING:
    from collections.abc import Sequence

    from milproute.formulations.compiled import CompiledModel
    from milproute.instances.action_set import ActionSet
    from milproute.instances.arrays import Floats

Arc = tuple[int, int, int]  # tail row, head row, link row
Unit = tuple[int, int]  # request row, copy


@dataclass(frozen=True, slots=True)
class _Units:
    """Unit flows: one a copy of a request, each with the arcs it may use.

    An arc may not enter the source or leave the target, and inner nodes must be able to swap.
    """

    rules: ActionSet
    arcs: dict[Unit, list[Arc]]

    def ends(self, unit: Unit) -> tuple[int, int]:
        """Return the rows of source and target."""
        request = self.rules.instance.requests[unit[0]]
        row = self.rules.instance.node_row
        return row[request.source], row[request.target]


def _units(rules: ActionSet) -> _Units:
    rules.refuse_many_copies("an action set of arcs or layers")
    instance, arcs = rules.instance, dict[Unit, list[Arc]]()
    links = [(int(e), *instance.ends[e].tolist()) for e in np.flatnonzero(rules.usable)]
    both = sorted([(u, v, e) for e, u, v in links] + [(v, u, e) for e, u, v in links])
    for row, request in enumerate(instance.requests):
        source, target = instance.node_row[request.source], instance.node_row[request.target]
        if min(rules.memory[source], rules.memory[target]) < 1:
            continue
        weights, budget = rules.fidelity_weights, rules.fidelity_budget(row)
        own = [
            (u, v, e)
            for u, v, e in both
            if v != source
            and u != target
            and (u == source or rules.interior[u])
            and (v == target or rules.interior[v])
            and weights[e] <= budget
        ]
        for copy in range(int(rules.copies[row]) if own else 0):
            arcs[row, copy] = own
    return _Units(rules, arcs)


def arcs_model(rules: ActionSet, inputs: Sequence[str]) -> ActionModel:
    """State an action set by arc binaries with order variables.

        sum of arc[i,u,v] over v - sum of arc[i,v,u] over v = 0     for units i, inner nodes u
        sum of arc[i,s,v] over v <= 1;  sum of arc[i,u,v] over u <= 1              for sources s, nodes v
        order[i,v] >= order[i,u] + 1 - H (1 - arc[i,u,v])            for arcs between inner nodes
        sum of arc[i,u,v] <= H;  sum of w_uv arc[i,u,v] <= budget                 hops, fidelity
        capacity of links, memory of nodes (see `add_shared_limits`)

    A unit i is a copy of a request. The order rows (Miller, Tucker, Zemlin) forbid cycles beside the path.
    With U units, A arcs and V nodes: about U (A + V) columns and U (A + 2 V) rows.
    """
    units, m = _units(rules), pyo.ConcreteModel(name="arcs")
    keys = [(*unit, u, v) for unit, arcs in units.arcs.items() for u, v, _ in arcs]
    m.arc = pyo.Var(keys, domain=pyo.Binary)
    use = {(*unit, u, v): m.arc[(*unit, u, v)] for unit, arcs in units.arcs.items() for u, v, _ in arcs}
    _add_flow(m, units, use)
    inner = {
        unit: sorted({v for a in arcs for v in a[:2]} - set(units.ends(unit)))
        for unit, arcs in units.arcs.items()
    }
    hops = rules.max_hops
    m.order = pyo.Var([(*unit, v) for unit, nodes in inner.items() for v in nodes], bounds=(1, max(1, hops)))
    steps = [
        (*unit, u, v) for unit, arcs in units.arcs.items() for u, v, _ in arcs if {u, v} <= set(inner[unit])
    ]
    m.after = pyo.Constraint(
        steps,
        rule=lambda m, r, c, u, v: m.order[r, c, v] - m.order[r, c, u] - hops * m.arc[r, c, u, v] >= 1 - hops,
    )
    m.hops = pyo.Constraint(
        list(units.arcs),
        rule=lambda m, r, c: pyo.quicksum(m.arc[r, c, u, v] for u, v, _ in units.arcs[r, c]) <= hops,
    )
    return _finish(m, units, use, m.arc, keys, inputs)


def layers_model(rules: ActionSet, inputs: Sequence[str]) -> ActionModel:
    """State an action set by hop layers: arc (u, v) as the h-th step of a path.

        sum of step[i,h,u,v] over u = sum of step[i,h+1,v,w] over w    for units i, inner nodes v, h < H
        sum of step[i,1,s,v] over v <= 1;  sum of step[i,h,u,v] over h, u <= 1    for sources s, nodes v
        sum of w_uv step[i,h,u,v] <= budget                                       fidelity
        capacity of links, memory of nodes (see `add_shared_limits`)

    The hop limit H is built in, and steps that cannot lie on a path of H links are left out. With U
    units, A arcs and V nodes: at most U A H columns and U V (H + 1) rows.
    """
    units, m = _units(rules), pyo.ConcreteModel(name="layers")
    keys = [
        (*unit, h, u, v) for unit in units.arcs for h, arcs in _steps(units, unit).items() for u, v, _ in arcs
    ]
    m.step = pyo.Var(keys, domain=pyo.Binary)
    terms: dict[tuple[int, int, int, int], list[Any]] = defaultdict(list)
    into: dict[tuple[int, int, int, int], list[Any]] = defaultdict(list)
    out: dict[tuple[int, int, int, int], list[Any]] = defaultdict(list)
    for r, c, h, u, v in keys:
        terms[r, c, u, v].append(m.step[r, c, h, u, v])
        into[r, c, h, v].append(m.step[r, c, h, u, v])
        out[r, c, h, u].append(m.step[r, c, h, u, v])
    use = {key: pyo.quicksum(steps) for key, steps in terms.items()}
    _add_flow(m, units, use, conserve=False)
    follow = sorted(
        {(r, c, h, v) for r, c, h, v in into if v != units.ends((r, c))[1]}
        | {(r, c, h - 1, u) for r, c, h, u in out if u != units.ends((r, c))[0]}
    )

    def continued(_: Any, r: int, c: int, h: int, v: int) -> Any:
        return pyo.quicksum(into[r, c, h, v]) - pyo.quicksum(out[r, c, h + 1, v]) == 0

    m.follow = pyo.Constraint(follow, rule=continued)
    return _finish(m, units, use, m.step, [(r, c, u, v) for r, c, _, u, v in keys], inputs)


def _steps(units: _Units, unit: Unit) -> dict[int, list[Arc]]:
    """Return for each step the arcs that may be that step of a path within the hop limit."""
    source, target = units.ends(unit)
    hops, arcs = units.rules.max_hops, units.arcs[unit]
    reached = [{source}]
    for _ in range(hops):
        reached.append({v for u, v, _ in arcs if u in reached[-1]})
    to_go = [{target}]
    for _ in range(hops):
        to_go.append({u for u, v, _ in arcs if v in to_go[-1]})
    near = [set().union(*to_go[: n + 1]) for n in range(hops + 1)]
    return {
        h: [a for a in arcs if a[0] in reached[h - 1] and a[1] in near[hops - h]] for h in range(1, hops + 1)
    }


def _add_flow(
    m: pyo.ConcreteModel, units: _Units, use: dict[tuple[int, int, int, int], Any], *, conserve: bool = True
) -> None:
    """Add the rows of one unit path: leave the source once, visit a node once, go on, keep the fidelity."""
    into: dict[tuple[int, int, int], list[Any]] = defaultdict(list)
    out: dict[tuple[int, int, int], list[Any]] = defaultdict(list)
    for (r, c, u, v), value in use.items():
        out[r, c, u].append(value)
        into[r, c, v].append(value)
    sources = [(*unit, units.ends(unit)[0]) for unit in units.arcs if (*unit, units.ends(unit)[0]) in out]
    inner = sorted(key for key in {*into, *out} if key[2] not in units.ends(key[:2]))
    m.leave = pyo.Constraint(sources, rule=lambda _, *key: pyo.quicksum(out[key]) <= 1)
    m.visit = pyo.Constraint(sorted(into), rule=lambda _, *key: pyo.quicksum(into[key]) <= 1)
    if conserve:
        m.conserve = pyo.Constraint(
            inner, rule=lambda _, *key: pyo.quicksum(out[key]) - pyo.quicksum(into[key]) == 0
        )
        stranded = [
            (*unit, units.ends(unit)[1]) for unit in units.arcs if (*unit, units.ends(unit)[0]) not in out
        ]
        m.stranded = pyo.Constraint(
            [key for key in stranded if key in into], rule=lambda _, *key: pyo.quicksum(into[key]) == 0
        )
    weights = units.rules.fidelity_weights
    asked = [unit for unit in units.arcs if np.isfinite(units.rules.fidelity_budget(unit[0]))]

    def fidelity(_: Any, r: int, c: int) -> Any:
        lost = [
            float(weights[e]) * use[r, c, u, v]
            for u, v, e in units.arcs[r, c]
            if weights[e] and (r, c, u, v) in use
        ]
        return pyo.quicksum(lost) <= float(units.rules.fidelity_budget(r)) if lost else pyo.Constraint.Skip

    m.fidelity = pyo.Constraint(asked, rule=fidelity)


def _finish(
    m: pyo.ConcreteModel,
    units: _Units,
    use: dict[tuple[int, int, int, int], Any],
    steps: Any,
    arcs: Sequence[tuple[int, int, int, int]],
    inputs: Sequence[str],
) -> ActionModel:
    """Add the shared limits, and read features and paths off ``steps``, each of which takes an arc."""
    rules = units.rules
    on_link: dict[int, list[Any]] = defaultdict(list)
    at_node: dict[int, list[Any]] = defaultdict(list)
    most_load = np.zeros(len(rules.instance.links))
    most_held = np.zeros(len(rules.instance.nodes))
    for unit, listed in units.arcs.items():
        source, target = units.ends(unit)
        own = [(u, v, e) for u, v, e in listed if (*unit, u, v) in use]
        for u, v, e in own:
            on_link[e].append(use[(*unit, u, v)])
            at_node[v].append((1.0 if v == target else 2.0) * use[(*unit, u, v)])
            if u == source:
                at_node[u].append(use[(*unit, u, v)])
        most_load[list({e for *_, e in own})] += 1
        for v in {v for _, v, _ in own} | {u for u, _, _ in own if u == source}:
            most_held[v] += 1 if v in (source, target) else 2
    add_shared_limits(
        m,
        rules,
        lambda e: pyo.quicksum(on_link[e]),
        lambda v: pyo.quicksum(at_node[v]),
        most_load,
        most_held,
    )
    features = _arc_features(units, arcs, inputs)

    def read(compiled: CompiledModel, values: Floats) -> list[Route]:
        taken = np.flatnonzero(compiled.read(steps.name, values) > 0.5).tolist()
        following = {arcs[i][:3]: arcs[i][3] for i in taken}
        counts: dict[tuple[int, tuple[str, ...]], int] = defaultdict(int)
        for unit in units.arcs:
            at, target = units.ends(unit)
            nodes = [at]
            while (*unit, at) in following and at != target:
                at = following[(*unit, at)]
                nodes.append(at)
            if len(nodes) > 1:
                counts[unit[0], tuple(rules.instance.nodes[v].id for v in nodes)] += 1
        return [Route(request, nodes, float(n)) for (request, nodes), n in sorted(counts.items())]

    return ActionModel(m, list(steps.values()), features, read, arcs)


def _arc_features(
    units: _Units, arcs: Sequence[tuple[int, int, int, int]], inputs: Sequence[str]
) -> sp.csc_array:
    """Return what each arc adds to each input: the arc as a path of one link, with the swap at its head.

    These add up along a path, except that only the arc at the source counts the request as served.
    """
    instance = units.rules.instance
    link_of = {(u, v): e for own in units.arcs.values() for u, v, e in own}
    swaps = [[] if v == units.ends((r, c))[1] else [v] for r, c, _, v in arcs]
    links = [[link_of[u, v]] for *_, u, v in arcs]
    matrix = feature_matrix(instance, inputs, [r for r, *_ in arcs], links, swaps).tocoo()
    served = input_slices(instance, inputs).get("request_served", slice(0, 0))
    later = np.array([u != units.ends((r, c))[0] for r, c, u, _ in arcs], dtype=bool)
    drop = (matrix.col >= served.start) & (matrix.col < served.stop) & later[matrix.row]
    matrix.data[drop] = 0.0
    features = sp.csc_array(matrix)
    features.eliminate_zeros()
    return features
