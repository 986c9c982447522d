"""Path encoding: one whole variable a candidate path. Hop limits, fidelity and simplicity cost no row."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyomo.environ as pyo

from milproute.formulations.action_sets.encoding import ActionEncoding, add_shared_limits
from milproute.formulations.flow.arc_flow import Route

if TYPE_CHECKING:
    from collections.abc import Sequence

    import scipy.sparse as sp

    from milproute.formulations.action_sets.candidate_paths import Candidates
    from milproute.formulations.compiled import CompiledModel
    from milproute.instances.arrays import Floats, Rows


def encode_paths(
    candidates: Candidates, inputs: Sequence[str], *, all_limits: bool = False
) -> ActionEncoding:
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
    return ActionEncoding(m, list(m.choice.values()), features.tocsc(), read)


@dataclass(frozen=True, slots=True)
class Limited:
    """Rows of the requests, links and nodes of an instance that have a row in an `encode_paths`, in order."""

    requests: Rows
    links: Rows
    nodes: Rows

    @classmethod
    def of(cls, encoding: ActionEncoding) -> Limited:
        """Read them off the Pyomo model."""
        names = ("one_path", "link_capacity", "node_memory")
        return cls(*(np.array(list(encoding.model.component(name)), dtype=np.int64) for name in names))


@dataclass(frozen=True, slots=True)
class PathLayout:
    """Where the path columns and their rows are in a compiled `encode_paths`.

    Parameters
    ----------
    choice : column of each path.
    one_path : row of each request that has a path.
    link_capacity, node_memory : rows of the links and nodes that have one.
    """

    choice: Rows
    one_path: Rows
    link_capacity: Rows
    node_memory: Rows

    @classmethod
    def of(cls, model: CompiledModel) -> PathLayout:
        """Locate the paths of a compiled model that has some."""
        rows = (model.rows[name] for name in ("one_path", "link_capacity", "node_memory"))
        return cls(model.columns["choice"], *rows)

    @classmethod
    def find(cls, model: CompiledModel) -> PathLayout | None:
        """Locate the paths of a compiled model; None where its actions are encoded another way."""
        return cls.of(model) if "choice" in model.columns else None

    def with_limits(
        self, model: CompiledModel, limited: Limited, candidates: Candidates, rows: Rows
    ) -> CompiledModel:
        """Return the model with the limits of another action set in the same arrays.

        Parameters
        ----------
        limited : what the rows of the model limit.
        candidates, rows : the paths that the other action set allows, and their columns in the model; the
            others are fixed at 0.
        """
        rules, upper, row_upper = candidates.rules, model.upper.copy(), model.row_upper.copy()
        most = np.zeros(len(self.choice))
        most[rows] = rules.copies[candidates.request]
        upper[self.choice] = most
        row_upper[self.one_path] = rules.copies[limited.requests]
        row_upper[self.link_capacity] = rules.capacity[limited.links]
        row_upper[self.node_memory] = rules.memory[limited.nodes]
        return model.with_changes(upper=upper, row_upper=row_upper)

    def start(self, model: CompiledModel, chosen: Rows | list[int]) -> Floats:
        """Return values of all columns to start from: an action, as rows of paths with repeats."""
        counts = np.bincount(np.asarray(chosen, dtype=np.int64), minlength=len(self.choice))
        return model.place({"choice": counts.astype(float)})


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
