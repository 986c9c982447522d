"""Columns: one whole variable a candidate path. Hop limits, fidelity and simplicity cost no row."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np
import pyomo.environ as pyo

from milproute.formulations.action_sets.encoding import ActionModel, add_shared_limits
from milproute.formulations.flow.arc_flow import Route

if TYPE_CHECKING:
    from collections.abc import Sequence

    import scipy.sparse as sp

    from milproute.formulations.action_sets.candidate_paths import Candidates
    from milproute.formulations.compiled import CompiledModel
    from milproute.instances.arrays import Floats


def columns_model(candidates: Candidates, inputs: Sequence[str], *, all_limits: bool = False) -> ActionModel:
    """State an action set by path columns.

        sum of choice[p] over the paths p of request r <= copies[r]                      for all requests r
        sum of choice[p] over the paths p on link e    <= capacity[e]                    where it can bind
        sum of qubits(p, v) choice[p]                  <= memory[v]                      where it can bind
        choice[p] binary (whole, up to copies[r], where a request may have several)

    With P paths and R requests: P columns, at most R + E + V rows. Source: path formulations of
    multi-commodity flow; ours for action sets. With ``all_limits`` also the capacity and memory rows that
    cannot bind now are there, and demands alone limit the copies, so that other capacities and memories can
    be pushed.
    """
    rules, paths = candidates.rules, range(len(candidates))
    most = rules.demands if all_limits else rules.copies
    copies = most[candidates.request] if len(candidates) else np.zeros(0, dtype=np.int64)
    m = pyo.ConcreteModel(name="columns")
    domain = pyo.Binary if (copies <= 1).all() else pyo.NonNegativeIntegers
    m.choice = pyo.Var(paths, domain=domain, bounds=lambda _, p: (0, int(copies[p])))
    own: dict[int, list[int]] = defaultdict(list)
    for p, request in enumerate(candidates.request.tolist()):
        own[request].append(p)
    m.one_path = pyo.Constraint(
        sorted(own), rule=lambda m, r: pyo.quicksum(m.choice[p] for p in own[r]) <= int(most[r])
    )
    link_use, memory_use = candidates.link_use, candidates.memory_use
    add_shared_limits(
        m,
        rules,
        _expressions(m, link_use),
        _expressions(m, memory_use),
        _most(link_use, candidates, all_limits=all_limits),
        _most(memory_use, candidates, all_limits=all_limits),
    )

    def read(compiled: CompiledModel, values: Floats) -> list[Route]:
        counts = compiled.read("choice", values)
        chosen = np.flatnonzero(counts > 0.5).tolist()
        return [Route(int(candidates.request[p]), candidates.path(p), float(counts[p])) for p in chosen]

    features = candidates.features(inputs)
    return ActionModel(m, list(m.choice.values()), features.tocsc(), read)


def _expressions(m: pyo.ConcreteModel, use: sp.csr_array) -> Any:
    columns = use.tocsc()

    def expression(row: int) -> Any:
        start, end = columns.indptr[row : row + 2]
        terms = zip(columns.data[start:end].tolist(), columns.indices[start:end].tolist(), strict=True)
        return pyo.quicksum(w * m.choice[p] for w, p in terms)

    return expression


def _most(use: sp.csr_array, candidates: Candidates, *, all_limits: bool) -> Floats:
    """Add up what each request could ask for at most of each link or node; infinite to keep all rows."""
    if all_limits:
        asked: Floats = np.where(np.asarray(use.sum(axis=0)) > 0, np.inf, 0.0)
        return asked
    total, copies = np.zeros(use.shape[1]), candidates.rules.copies
    for request in np.unique(candidates.request):
        total += copies[request] * use[candidates.request == request].max(axis=0).toarray().ravel()
    return total
