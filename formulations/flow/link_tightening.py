"""Tighter integer link ILP: spare attempts, their convex hull, and what a memory can carry at most."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pyomo.environ as pyo

from milproute.formulations.flow.arc_flow import load_of
from milproute.instances.expected_load import (
    fewest_attempts,
    largest_load,
    load_hull,
    most_attempts,
    row_coefficient,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from milproute.formulations.flow.commodities import Commodity
    from milproute.instances import Instance
    from milproute.instances.arrays import Integers

    Ends = tuple[str, str]
    Corner = tuple[int, int]  # a whole load and the fewest attempts that carry it

# Edges of a hull with a larger coefficient than this are left out, so that rows stay well scaled.
LARGEST_COEFFICIENT = 10_000
# Memories up to this get an exact knapsack, whose cost grows with their square; larger ones its relaxation.
LARGEST_KNAPSACK = 256


@dataclass(frozen=True)
class LinkTightening:
    """What the memories can carry at most, where that has a row in the model.

    The rows hold for fewer attempts as well, so only their right-hand sides follow the free memory.

    Parameters
    ----------
    nodes, rows : the nodes that have a row ``carry``, in order, and their rows in the instance.
    node_limit : `node_limit_of` the links.
    """

    nodes: Sequence[str]
    rows: Sequence[int]
    node_limit: Callable[[str, int], int]

    def node_limits(self, memories: Integers) -> list[int]:
        """Return L_u of each of ``nodes`` for free memories, shape (nodes of the instance,)."""
        return [self.node_limit(u, int(memories[row])) for u, row in zip(self.nodes, self.rows, strict=True)]


def node_limit_of(instance: Instance, hulls: Mapping[Ends, Sequence[Corner]]) -> Callable[[str, int], int]:
    """Return the function (node, memory) -> L_u: the largest whole load that ``memory`` attempts carry.

    Parameters
    ----------
    hulls : corners of the hull of each link that carries any load.
    """
    at_node: dict[str, list[Ends]] = {node.id: [] for node in instance.nodes}
    for ends in hulls:
        for u in ends:
            at_node[u].append(ends)
    ending = {end for r in instance.requests for end in (r.source, r.target)}

    @cache
    def carried(u: str) -> list[int]:  # by every memory that gets an exact knapsack
        p = instance.probabilities[[instance.link_row[ends] for ends in at_node[u]]].tolist()
        loads = [hulls[ends][-1][0] for ends in at_node[u]]
        needed = sum(hulls[ends][-1][1] for ends in at_node[u])
        found: list[int] = _knapsack(list(zip(p, loads, strict=True)), min(needed, LARGEST_KNAPSACK)).tolist()
        return found

    def limit(u: str, memory: int) -> int:
        corners = [hulls[ends] for ends in at_node[u]]
        memory = min(memory, sum(own[-1][1] for own in corners))
        most = carried(u)[memory] if memory <= LARGEST_KNAPSACK else _relaxed_knapsack(corners, memory)
        return most if u in ending else most - most % 2

    return limit


def add_spare_attempts(
    m: pyo.ConcreteModel, instance: Instance, commodities: Sequence[Commodity], links: Sequence[int]
) -> LinkTightening:
    """State (1d) by the spare attempts of each link, whole for whole loads, instead of by p_e.

        attempts[e] = load[e] + spare[e]
        (load[e], attempts[e]) in the hull of the points (F, x), x the fewest attempts with F <= p_e x
        sum of load[e] over links e at u <= L_u                     for all nodes u with a memory that binds

    A load F needs ceil(F / p_e) attempts. With p_e > 1/2 the first unit of load costs a whole spare
    attempt, which p_e attempts[e] hides from the linear relaxation: a used link is a fixed charge. L_u is
    the largest whole load that m_u attempts on the links at u can carry (a knapsack, solved exactly up to 256
    qubits, beyond that its linear relaxation), made even at nodes where no request ends, because what enters
    must leave. Same whole solutions as (1d), smaller relaxation. Hulls are found in O(log c_e) steps; where
    one has an edge with a coefficient above 10,000, (1d) stands in for such edges.

    Size: E columns more than the textbook model (p_e = 1 has none); at least E rows for the hulls in place
    of E rows (1d), E rows that define spare, at most V rows for the nodes. Source: ours.
    """
    limits = most_attempts(instance)
    row_of = {instance.links[e].ends: e for e in links}
    hulls = {ends: load_hull(float(instance.probabilities[e]), int(limits[e])) for ends, e in row_of.items()}
    spare = {ends: corners[-1][1] - corners[-1][0] for ends, corners in hulls.items()}
    charged = [ends for ends, most in spare.items() if most > 0]
    m.spare = pyo.Var(charged, domain=pyo.NonNegativeIntegers, bounds=lambda _, u, v: (0, spare[u, v]))

    def load(u: str, v: str) -> Any:
        return m.attempts[u, v] - m.spare[u, v] if (u, v) in m.spare else m.attempts[u, v]

    def define(m: pyo.ConcreteModel, u: str, v: str) -> Any:
        return load_of(m, commodities, u, v) - load(u, v) == 0

    edges = {ends: [edge for edge in pairwise(hulls[ends]) if _is_small(edge)] for ends in charged}
    rows = {(*ends, i): edge for ends in charged for i, edge in enumerate(edges[ends])}

    def charge(m: pyo.ConcreteModel, u: str, v: str, i: int) -> Any:
        (load_0, used_0), (load_1, used_1) = rows[u, v, i]
        run = load_1 - load_0
        rise = used_1 - used_0 - run
        return rise * (load(u, v) - load_0) <= run * (m.spare[u, v] - (used_0 - load_0))

    def expected(m: pyo.ConcreteModel, u: str, v: str) -> Any:
        e = row_of[u, v]
        pairs = row_coefficient(float(instance.probabilities[e]), int(limits[e]))
        return load(u, v) <= float(pairs) * m.attempts[u, v]

    node_limit = node_limit_of(instance, hulls)
    carried: Counter[str] = Counter()
    for ends, corners in hulls.items():
        carried.update(dict.fromkeys(ends, corners[-1][0]))
    every = {node.id: node_limit(node.id, node.memory) for node in sorted(instance.nodes, key=lambda v: v.id)}
    most = {u: limit for u, limit in every.items() if limit < carried[u]}

    def carry(m: pyo.ConcreteModel, u: str) -> Any:
        return pyo.quicksum(load(*ends) for ends in hulls if u in ends) <= most[u]

    m.link_load = pyo.Constraint(list(hulls), rule=define)
    m.charge = pyo.Constraint(list(rows), rule=charge)
    m.expected = pyo.Constraint(
        [ends for ends in charged if len(edges[ends]) < len(hulls[ends]) - 1], rule=expected
    )
    m.carry = pyo.Constraint(list(most), rule=carry)
    return LinkTightening(list(most), [instance.node_row[u] for u in most], node_limit)


def _is_small(edge: tuple[Corner, Corner]) -> bool:
    (_, used_0), (_, used_1) = edge
    return used_1 - used_0 <= LARGEST_COEFFICIENT


def _knapsack(links: Sequence[tuple[float, int]], memory: int) -> Integers:
    """Return the most that 0, 1, …, ``memory`` attempts carry, shared among links (p, largest load)."""
    best = np.zeros(memory + 1, dtype=np.int64)
    for p, most in links:
        needs = [fewest_attempts(p, load) for load in range(min(most, largest_load(p, memory)) + 1)]
        options = [np.pad(best[: memory + 1 - x] + load, (x, 0)) for load, x in enumerate(needs)]
        best = np.max(options, axis=0)
    return best


def _relaxed_knapsack(hulls: Sequence[Sequence[Corner]], memory: int) -> int:
    """Bound the knapsack by its linear relaxation over the hulls: edges that cost least a load come first."""
    edges = [(x1 - x0, f1 - f0) for corners in hulls for (f0, x0), (f1, x1) in pairwise(corners)]
    carried, left = 0, memory
    for used, load in sorted(edges, key=lambda edge: edge[0] / edge[1]):
        if used >= left:
            return carried + left * load // used
        carried, left = carried + load, left - used
    return carried
