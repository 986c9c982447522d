"""Tighter integer link ILP: spare attempts, their convex hull, and what a memory can carry at most."""

from __future__ import annotations

import itertools
from math import floor
from typing import TYPE_CHECKING, Any

import numpy as np
import pyomo.environ as pyo

from formulations.flows import load_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from formulations.commodities import Commodity
    from instances import Instance

ROUND_OFF = 1e-9


def largest_load(probability: float, attempts: int) -> int:
    """Return floor(p x): the whole load that x attempts carry in expectation."""
    return floor(probability * attempts + ROUND_OFF)


def add_spare_attempts(
    m: pyo.ConcreteModel, instance: Instance, commodities: Sequence[Commodity], links: Sequence[int]
) -> None:
    """State (1d) by the spare attempts of each link, whole for whole loads, instead of by p_e.

        attempts[e] = load[e] + spare[e]
        (load[e], spare[e]) in the hull of the points (F, x - F), x the fewest attempts with F <= p_e x
        sum of load[e] over links e at u <= L_u                     for all nodes u with a memory that binds

    A load F needs ceil(F / p_e) attempts. With p_e > 1/2 the first unit of load costs a whole spare
    attempt, which p_e attempts[e] hides from the linear relaxation: a used link is a fixed charge. L_u is
    the largest whole load that m_u attempts on the links at u can carry (a knapsack, solved exactly), made
    even at nodes where no request ends, because what enters must leave. Same whole solutions as (1d),
    smaller relaxation. Size: E columns more than the textbook model (p_e = 1 has none); at least E rows
    for the hulls in place of E rows (1d), E rows that define spare, at most V rows for the nodes.
    Source: ours.
    """
    channels, probability = instance.channels, instance.probabilities
    stairs = {instance.links[e].ends: _stairs(float(probability[e]), int(channels[e])) for e in links}
    ends = list(stairs)
    charged = [e for e in ends if stairs[e][-1][1] > 0]
    m.spare = pyo.Var(
        charged, domain=pyo.NonNegativeIntegers, bounds=lambda _, u, v: (0, stairs[u, v][-1][1])
    )

    def load(u: str, v: str) -> Any:
        return m.attempts[u, v] - m.spare[u, v] if (u, v) in m.spare else m.attempts[u, v]

    def define(m: pyo.ConcreteModel, u: str, v: str) -> Any:
        return load_of(m, commodities, u, v) - load(u, v) == 0

    hulls = {(*e, i): segment for e in charged for i, segment in enumerate(_lower_hull(stairs[e]))}

    def charge(m: pyo.ConcreteModel, u: str, v: str, i: int) -> Any:
        (load_0, spare_0), (load_1, spare_1) = hulls[u, v, i]
        rise, run = spare_1 - spare_0, load_1 - load_0
        return rise * (load(u, v) - load_0) <= run * (m.spare[u, v] - spare_0)

    limits = _node_limits(instance, links)
    at_node = {u: [e for e in ends if u in e] for u in limits}

    def carry(m: pyo.ConcreteModel, u: str) -> Any:
        return pyo.quicksum(load(*e) for e in at_node[u]) <= limits[u]

    m.link_load = pyo.Constraint(ends, rule=define)
    m.charge = pyo.Constraint(list(hulls), rule=charge)
    m.carry = pyo.Constraint(list(limits), rule=carry)


def _stairs(probability: float, channels: int) -> list[tuple[int, int]]:
    """List (load, fewest spare attempts) for every load the link can carry."""
    loads = [largest_load(probability, x) for x in range(channels + 1)]
    return [(load, loads.index(load) - load) for load in range(loads[-1] + 1)]


def _lower_hull(points: Sequence[tuple[int, int]]) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Return the segments of the lower convex hull of points sorted by their first coordinate."""
    hull: list[tuple[int, int]] = []
    for x, y in points:
        while len(hull) > 1:
            (x0, y0), (x1, y1) = hull[-2:]
            if (y1 - y0) * (x - x1) < (y - y1) * (x1 - x0):
                break
            hull.pop()
        hull.append((x, y))
    return list(itertools.pairwise(hull))


def _node_limits(instance: Instance, links: Sequence[int]) -> dict[str, int]:
    """Return L_u for each node where it is less than what its links carry together."""
    ending = {end for r in instance.requests for end in (r.source, r.target)}
    limits = {}
    for node in sorted(instance.nodes, key=lambda node: node.id):
        here = [e for e in links if node.id in instance.links[e].ends]
        carried = [
            [largest_load(float(instance.probabilities[e]), x) for x in range(int(instance.channels[e]) + 1)]
            for e in here
        ]
        most = sum(len(loads) - 1 for loads in carried)
        limit = _largest_node_load(carried, min(node.memory, most))
        if node.id not in ending:
            limit -= limit % 2
        if limit < sum(loads[-1] for loads in carried):
            limits[node.id] = limit
    return limits


def _largest_node_load(carried: Sequence[Sequence[int]], memory: int) -> int:
    """Solve the knapsack: share ``memory`` attempts among links so that they carry the most."""
    best = np.zeros(memory + 1, dtype=np.int64)
    for loads in carried:
        options = [best[: memory + 1 - x] + load for x, load in enumerate(loads[: memory + 1])]
        best = np.max([np.pad(option, (memory + 1 - len(option), 0)) for option in options], axis=0)
    return int(best[-1])
