"""Link ILP: which link attempts to make in a slot (REPS model 1, provisioning for failure tolerance)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyomo.environ as pyo

from milproute.formulations.flow.arc_flow import (
    FlowLayout,
    add_flows,
    arcs_of,
    flows_of,
    load_of,
    refuse_min_fidelity,
    routes_of,
    usable_links,
)
from milproute.formulations.flow.commodities import one_per_request, one_per_root
from milproute.formulations.flow.link_tightening import add_spare_attempts
from milproute.formulations.formulation import Decision, Formulated, Formulation, ModelOptions
from milproute.instances.expected_load import (
    as_fraction,
    fewest_attempts,
    largest_loads,
    most_attempts,
    row_coefficient,
)
from milproute.instances.tolerances import FEASIBILITY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from milproute.formulations.compiled import CompiledModel
    from milproute.formulations.flow.arc_flow import Route
    from milproute.instances import Instance
    from milproute.instances.arrays import Floats, Integers
    from milproute.instances.state import NetworkState


def link_ilp(instance: Instance, options: ModelOptions) -> Formulated:
    """Build the link ILP.

        max  sum_r connections[r]                                                            (1)
        s.t. flow conservation of each commodity (see `add_flows`)                           (1a) (1b) (1c)
             load[e] <= p_e attempts[e]                           for all links e            (1d)
             0 <= attempts[e] <= c_e                                                         (1e)
             sum of attempts[e] over links e at u <= m_u          for all nodes u            (1f)
             flow, connections, attempts whole

    load[e] is the flow of all commodities over e in both directions; p_e and m_u are probability and
    memory, c_e the channels, at most the memory at either end. What a whole load is, and that of p_e only
    the fraction it stands for counts, is said in `milproute.instances.expected_load`. The objective is
    expected link flow: an upper bound on what a slot delivers (without caching), not the expected number of
    connections.

    Variants: ``per-request`` (textbook: one commodity a request) and ``by-source`` (requests with a
    common end merged, exact; see `one_per_root`). ``flows="continuous"`` keeps only the attempts whole;
    ``relax`` makes everything continuous. Links that carry no load are left out: those with c_e = 0 or
    p_e = 0, and where flows are whole those with p_e c_e < 1.

    Size with K commodities, R requests, E links, V nodes (none isolated): 2 E K + R + E columns,
    V K + E + V rows, 6 E K + 2 R + 3 E nonzeros. Source: REPS (Zhao and Qiao, INFOCOM 2021), model (1),
    as reconstructed from public implementations; the merging is ours.

    Raises
    ------
    InstanceError : a request asks for a ``min_fidelity``.
    """
    refuse_min_fidelity(instance)
    commodities = (one_per_root if options.variant == "by-source" else one_per_request)(instance)
    limits, probability = most_attempts(instance), instance.probabilities
    largest = _largest_loads(instance, limits, whole=not options.continuous)
    links = usable_links(instance, largest > 0)
    arcs = arcs_of(instance, links)
    ends = [instance.links[row].ends for row in links]
    row_of = dict(zip(ends, links, strict=True))

    m = pyo.ConcreteModel(name=f"link_{options.variant}")
    add_flows(m, instance, commodities, arcs, options.flow_domain, largest)
    attempts_domain = pyo.NonNegativeReals if options.relax else pyo.NonNegativeIntegers
    m.attempts = pyo.Var(ends, domain=attempts_domain, bounds=lambda _, u, v: (0, int(limits[row_of[u, v]])))

    def expected_load(m: pyo.ConcreteModel, u: str, v: str) -> Any:
        e = row_of[u, v]
        p = float(probability[e])
        pairs = as_fraction(p) if options.continuous else row_coefficient(p, int(limits[e]))
        return load_of(m, commodities, u, v) - float(pairs) * m.attempts[u, v] <= 0

    def memory(m: pyo.ConcreteModel, u: str) -> Any:
        return pyo.quicksum(m.attempts[e] for e in ends if u in e) <= int(
            instance.memories[instance.node_row[u]]
        )

    tightening = add_spare_attempts(m, instance, commodities, links) if options.tightened else None
    if tightening is None:
        m.link_load = pyo.Constraint(ends, rule=expected_load)
    at = sorted({u for e in ends for u in e})
    m.memory = pyo.Constraint(at, rule=memory)
    layout, node_rows = FlowLayout(instance, commodities, arcs), [instance.node_row[u] for u in at]

    def in_state(compiled: CompiledModel, state: NetworkState) -> CompiledModel:
        upper, row_upper = compiled.upper.copy(), compiled.row_upper.copy()
        memories = state.free_memory(instance)
        most = most_attempts(instance, state.free_channels(instance), memories)
        capacity = _largest_loads(instance, most, whole=not options.continuous)
        layout.bounded(compiled, upper, capacity, state.waiting)
        upper[compiled.columns["attempts"]] = most[links]
        row_upper[compiled.rows["memory"]] = memories[node_rows]
        if tightening is not None:
            row_upper[compiled.rows["carry"]] = tightening.node_limits(memories)
        return compiled.with_changes(upper=upper, row_upper=row_upper)

    def decide(compiled: CompiledModel, values: Floats) -> Decision:
        attempts = np.zeros(len(instance.links))
        attempts[links] = compiled.read("attempts", values)
        routes = routes_of(instance, commodities, arcs, compiled, values)
        return Decision(np.minimum(attempts, attempts_for(instance, routes, options)), routes)

    def encode(compiled: CompiledModel, decision: Decision) -> Floats:
        flow, connections = flows_of(instance, commodities, arcs, decision.routes)
        load = flow.reshape(-1, len(links), 2).sum(axis=(0, 2))
        attempts = decision.attempts[links]
        parts = {"flow": flow, "connections": connections, "attempts": attempts}
        if options.tightened:
            charged = [ends.index(e) for e in m.spare]
            parts["spare"] = (attempts - load)[charged]
        return compiled.place(parts)

    return Formulated(m, decide, encode, in_state)


def _largest_loads(instance: Instance, limits: Integers, *, whole: bool) -> Floats:
    """Return the largest load of each link, the largest whole one if ``whole``; shape (links,)."""
    p = instance.probabilities
    if whole:
        return largest_loads(p, limits).astype(float)
    return np.array([float(as_fraction(x)) for x in p.tolist()]) * limits


def attempts_for(instance: Instance, routes: Sequence[Route], options: ModelOptions) -> Floats:
    """Return for each link the fewest attempts that carry its load: load / p_e, whole unless relaxed."""
    load = np.zeros(len(instance.links))
    for route in routes:
        load[instance.links_along(route.nodes)] += route.count
    attempts = np.zeros(len(load))
    for e in np.flatnonzero(load).tolist():
        p, amount = float(instance.probabilities[e]), float(load[e])
        if options.continuous:
            share = amount / float(as_fraction(p))
            attempts[e] = share if options.relax else np.ceil(share - FEASIBILITY)
        else:
            attempts[e] = fewest_attempts(p, round(amount))
    return attempts


LINK = Formulation("link", ("by-source", "per-request"), link_ilp)
