"""Path ILP: which paths to swap over the pairs that exist (REPS model 2, entanglement path selection)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyomo.environ as pyo

from milproute.formulations.flow.arc_flow import (
    FlowLayout,
    add_flows,
    arcs_of,
    load_of,
    refuse_min_fidelity,
    routes_of,
    usable_links,
)
from milproute.formulations.flow.commodities import one_per_copy, one_per_request, one_per_root
from milproute.formulations.formulation import Decision, Formulated, Formulation, ModelOptions
from milproute.instances import InstanceError, OptionError

if TYPE_CHECKING:
    from milproute.formulations.compiled import CompiledModel
    from milproute.formulations.flow.commodities import Commodity
    from milproute.instances import Instance
    from milproute.instances.arrays import Floats, Integers
    from milproute.instances.state import NetworkState

# Columns of the variant per-copy: Pyomo takes about a kilobyte for each.
LARGEST_PER_COPY = 5_000_000


def path_ilp(instance: Instance, options: ModelOptions) -> Formulated:
    """Build the path ILP.

        max  sum_r connections[r]                                                            (2)
        s.t. flow conservation of each commodity (see `add_flows`)                           (2a) (2b) (2c)
             load[e] <= E_e                                       for all links e            (2d)
             flow, connections whole

    E_e is ``entangled_pairs``; channels and memory were spent when the pairs were made, so only pairs
    and demands bind.

    Variants: ``per-copy`` (textbook: a binary commodity for each copy of a request, as many as its
    demand or, without one, the smaller number of pairs at its two ends), ``aggregated`` (the copies of
    a request merged into one integer flow) and ``by-source`` (requests with a common end merged too).
    All are exact. ``relax`` or ``flows="continuous"`` make everything continuous.

    Size with K commodities, R pairs (commodity, request), E links with pairs, V nodes (none isolated):
    2 E K + R columns, V K + E rows, 6 E K + 2 R nonzeros. K is the number of copies, of requests, or
    of merged ends. Source: REPS (Zhao and Qiao, INFOCOM 2021), model (2), as reconstructed from public
    implementations; the aggregation is ours.

    Raises
    ------
    InstanceError : a request asks for a ``min_fidelity``, or a link has no ``entangled_pairs``.
    OptionError : ``per-copy`` with more columns than a model can hold.
    """
    refuse_min_fidelity(instance)
    pairs = known_pairs(instance)
    commodities = _commodities(instance, options.variant, pairs)
    links = usable_links(instance, pairs > 0)
    arcs = arcs_of(instance, links)
    ends = [instance.links[row].ends for row in links]
    row_of = dict(zip(ends, links, strict=True))

    m = pyo.ConcreteModel(name=f"path_{options.variant}")
    domain = pyo.Binary if options.variant == "per-copy" and not options.continuous else options.flow_domain
    add_flows(m, instance, commodities, arcs, domain, pairs.astype(float))

    def capacity(m: pyo.ConcreteModel, u: str, v: str) -> Any:
        return load_of(m, commodities, u, v) <= int(pairs[row_of[u, v]])

    m.link_load = pyo.Constraint(ends if commodities else [], rule=capacity)

    def decide(compiled: CompiledModel, values: Floats) -> Decision:
        routes = routes_of(instance, commodities, arcs, compiled, values)
        return Decision(np.zeros(len(instance.links)), routes)

    layout = FlowLayout(instance, commodities, arcs)

    def in_state(compiled: CompiledModel, state: NetworkState) -> CompiledModel:
        upper, row_upper = compiled.upper.copy(), compiled.row_upper.copy()
        here = _pairs_in(state, instance)
        layout.bounded(compiled, upper, here, state.waiting)
        if commodities:
            row_upper[compiled.rows["link_load"]] = here[links]
        return compiled.with_changes(upper=upper, row_upper=row_upper)

    return Formulated(m, decide, in_state=None if options.variant == "per-copy" else in_state)


def known_pairs(instance: Instance) -> Integers:
    """Return the entangled pairs of each link, shape (links,).

    Raises
    ------
    InstanceError : a link has none stated; the message says how to draw them.
    """
    for row, link in enumerate(instance.links):
        if link.entangled_pairs is None:
            raise InstanceError(
                instance.name,
                f"links[{row}].entangled_pairs",
                None,
                "a whole number >= 0 on every link for the path ILP",
                "Draw them with `milproute instances make INSTANCE --draw-pairs SEED --out FILE`, "
                "or solve the whole slot with `--formulation reps`.",
            )
    return np.array([link.entangled_pairs for link in instance.links], dtype=np.int64)


def _pairs_in(state: NetworkState, instance: Instance) -> Floats:
    """Return the pairs of each link in a state, shape (links,).

    Raises
    ------
    OptionError : those of a link are not known.
    """
    unknown = np.flatnonzero(~state.known)
    if len(unknown):
        u, v = instance.links[int(unknown[0])].ends
        raise OptionError(
            f"the pairs of link {u}-{v} are not known in this state; allowed for the path ILP: a number on "
            "every link. Draw them, and pass `state.with_pairs(pairs)`."
        )
    return state.total_pairs.astype(float)


def copies_of(instance: Instance, pairs: Integers) -> list[int]:
    """Return for each request the smaller number of pairs at its two ends, at most its demand."""
    at_node = np.zeros(len(instance.nodes), dtype=np.int64)
    np.add.at(at_node, instance.ends, pairs[:, None])
    row = instance.node_row
    ends = [int(min(at_node[row[r.source]], at_node[row[r.target]])) for r in instance.requests]
    return [n if r.demand is None else min(n, r.demand) for n, r in zip(ends, instance.requests, strict=True)]


def _commodities(instance: Instance, variant: str, pairs: Integers) -> list[Commodity]:
    if variant == "per-copy":
        copies = copies_of(instance, pairs)
        columns = 2 * int((pairs > 0).sum()) * sum(copies)
        if columns > LARGEST_PER_COPY:
            raise OptionError(
                f"variant per-copy would have {columns:,} columns for {sum(copies):,} copies; allowed: "
                f"at most {LARGEST_PER_COPY:,}. Lower the demands, or take "
                "--variant aggregated, which has the same optimum and no column a copy."
            )
        return one_per_copy(instance, copies)
    return (one_per_root if variant == "by-source" else one_per_request)(instance)


PATH = Formulation("path", ("by-source", "aggregated", "per-copy"), path_ilp)
