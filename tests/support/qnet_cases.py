"""Tiny action sets, their members by brute force, and random Q-nets over them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, combinations_with_replacement, pairwise, product
from math import ceil, floor, inf
from typing import TYPE_CHECKING, Any

import networkx as nx
import numpy as np
import scipy.sparse as sp
from hypothesis import assume
from hypothesis import strategies as st

from milproute.instances import Instance, QNet, RoutedPath
from milproute.instances.checker.action_rules import action_violations
from milproute.instances.qnets.blocks import input_size
from milproute.instances.qnets.features import features

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from milproute.formulations import CompiledModel, Route
    from milproute.instances.arrays import Floats


Action = tuple[tuple[int, tuple[str, ...], int], ...]  # (request row, nodes, copies), sorted
ACTION_BLOCKS = ("link_load", "request_served", "request_hops", "request_log_success")
EVERY_BLOCK = (
    *("link_probability", "link_load", "node_memory", "request_served", "request_hops"),
    *("link_fidelity", "request_log_success"),
)
MOST_CHOICES = 400


def routed(instance: Instance, action: Action) -> list[RoutedPath]:
    return [
        RoutedPath(request=instance.requests[k].id, nodes=nodes, count=float(n)) for k, nodes, n in action
    ]


def as_action(routes: Iterable[Route]) -> Action:
    return tuple(sorted((r.request, tuple(r.nodes), round(r.count)) for r in routes))


def plan_action(instance: Instance, paths: Iterable[RoutedPath]) -> Action:
    row = {request.id: k for k, request in enumerate(instance.requests)}
    return tuple(sorted((row[p.request], p.nodes, round(p.count)) for p in paths))


def simple_node_paths(instance: Instance, request: int) -> list[tuple[str, ...]]:
    """Every simple path of a request over any links there are, whatever the rules say."""
    graph = nx.Graph([link.ends for link in instance.links])
    graph.add_nodes_from(node.id for node in instance.nodes)
    ends = instance.requests[request]
    return [tuple(path) for path in nx.all_simple_paths(graph, ends.source, ends.target)]


@dataclass(frozen=True)
class ActionCase:
    """An instance, a hop limit, and every joint action as the membership test alone tells them."""

    instance: Instance
    max_hops: int | None

    @cached_property
    def paths(self) -> list[list[tuple[str, ...]]]:
        """Paths of each request of which one copy alone is a member."""
        return [
            [
                path
                for path in simple_node_paths(self.instance, k)
                if not action_violations(self.instance, routed(self.instance, ((k, path, 1),)), self.max_hops)
            ]
            if r.demand != 0
            else []
            for k, r in enumerate(self.instance.requests)
        ]

    @cached_property
    def choices(self) -> list[list[Action]]:
        """What each request may take, the other requests aside; a part of a member is a member."""
        found = []
        for k, (request, paths) in enumerate(zip(self.instance.requests, self.paths, strict=True)):
            most = 1 if request.demand is None else request.demand
            multisets = (c for n in range(most + 1) for c in combinations_with_replacement(paths, n))
            found.append([tuple(sorted((k, p, n) for p, n in Counter(c).items())) for c in multisets])
        return found

    @property
    def size(self) -> int:
        return int(np.prod([len(options) for options in self.choices])) if self.choices else 1

    @cached_property
    def actions(self) -> list[Action]:
        """Every joint action; the empty one is the first."""
        joint = [
            tuple(sorted(part for parts in choice for part in parts)) for choice in product(*self.choices)
        ]
        return [
            a for a in joint if not action_violations(self.instance, routed(self.instance, a), self.max_hops)
        ]

    def inputs_of(self, inputs: Sequence[str]) -> Floats:
        """Return the input of a Q-net for every action, shape (actions, inputs)."""
        return np.array([features(self.instance, inputs, routed(self.instance, a)) for a in self.actions])

    def best(self, net: QNet) -> float:
        return float(net.forward(self.inputs_of(net.inputs)).max())


def build(
    links: Sequence[dict[str, Any]],
    requests: Sequence[dict[str, Any]],
    nodes: Sequence[dict[str, Any]],
    name: str = "drawn",
) -> Instance:
    """Return an instance from parts that may leave out what does not matter."""
    link = {"length_km": 1.0, "channels": 1, "probability": 0.5, "fidelity": 1.0, "entangled_pairs": None}
    return Instance.model_validate(
        {
            "name": name,
            "attenuation_per_km": 0.0,
            "nodes": [{"memory": 9, "swap_probability": 0.9} | node for node in nodes],
            "links": [link | x for x in links],
            "requests": [{"id": f"r{k}", "demand": None} | x for k, x in enumerate(requests)],
        }
    )


def network(
    ends: Iterable[tuple[str, str]],
    requests: Iterable[tuple[str, str]],
    *,
    channels: int = 1,
    memory: int = 9,
    demand: int | None = None,
) -> Instance:
    """Return an instance in which all links, nodes and requests are alike."""
    edges, wanted = list(ends), list(requests)
    ids = sorted({v for pair in [*edges, *wanted] for v in pair})
    return build(
        [{"source": u, "target": v, "channels": channels} for u, v in edges],
        [{"source": u, "target": v, "demand": demand} for u, v in wanted],
        [{"id": v, "memory": memory} for v in ids],
    )


@st.composite
def action_cases(
    draw: st.DrawFn, max_nodes: int = 6, max_requests: int = 3, most: int = MOST_CHOICES
) -> ActionCase:
    """Draw a tiny action set with every corner: cycles, bridges, dead links and swaps, no room, no path.

    Most networks are generous, since one in which everything is short allows nothing at all.
    """
    ids = [f"n{i}" for i in range(draw(st.integers(3, max_nodes)))]
    every = list(combinations(ids, 2))
    rich = draw(st.sampled_from((True, True, False)))
    ring = [(ids[i - 1], ids[i]) for i in range(len(ids))] if draw(st.booleans()) else []
    drawn = draw(st.lists(st.sampled_from(every), unique=True, min_size=0 if ring else 3, max_size=7))
    links = list({frozenset(e): e for e in [*ring, *drawn]}.values())
    pairs = draw(st.booleans())
    chances = (1.0, 0.9, 0.5) if rich else (1.0, 0.9, 0.5, 0.0)
    listed = [
        {
            "source": u,
            "target": v,
            "channels": draw(st.integers(1 if rich else 0, 2)),
            "probability": draw(st.sampled_from(chances)),
            "fidelity": draw(st.sampled_from((1.0, 0.95, 0.9) if rich else (1.0, 0.95, 0.9, 0.5, 0.25))),
            "entangled_pairs": draw(st.integers(1 if rich else 0, 2)) if pairs else None,
        }
        for u, v in links
    ]
    nodes = [
        {
            "id": v,
            "memory": draw(st.sampled_from((2, 3, 4, 9) if rich else (0, 1, 2, 2, 4))),
            "swap_probability": draw(st.sampled_from((1.0, 0.9, 0.5) if rich else (1.0, 0.9, 0.5, 0.0))),
        }
        for v in ids
    ]
    few = ids[: draw(st.integers(2, len(ids)))]
    least = min(max_requests, draw(st.sampled_from((0, 1, 2, 2))))
    ends = draw(st.lists(st.permutations(few).map(lambda o: o[:2]), min_size=least, max_size=max_requests))
    requests = [
        {
            "source": u,
            "target": v,
            "demand": draw(st.sampled_from((None, 1, 2, 2) if rich else (None, 1, 2, 0))),
            "min_fidelity": draw(st.sampled_from((None, None, 0.2, 0.85) if rich else (None, 0.5, 0.9))),
        }
        for u, v in ends
    ]
    case = ActionCase(build(listed, requests, nodes), draw(st.sampled_from((None, 3, 2, 4, 5, 1))))
    assume(case.size <= most)
    return case


def random_net(
    instance: Instance,
    rng: np.random.Generator,
    hidden: Sequence[int] = (4, 3),
    inputs: Sequence[str] = EVERY_BLOCK,
    scale: float = 1.0,
) -> QNet:
    """Return a net with normal weights; a tenth of them is 0, as after pruning."""
    sizes = [input_size(instance, inputs), *hidden, 1]
    weights = [rng.normal(size=(n, m)) * scale * (rng.random((n, m)) > 0.1) for m, n in pairwise(sizes)]
    biases = [rng.normal(size=n) * scale for n in sizes[1:]]
    return QNet(tuple(inputs), tuple(weights), tuple(biases))


def path_graph(nodes: int) -> nx.Graph:
    return nx.relabel_nodes(nx.path_graph(nodes), lambda i: f"n{i}")


def grid_graph(rows: int, columns: int) -> nx.Graph:
    return nx.relabel_nodes(nx.grid_2d_graph(rows, columns), lambda v: f"n{v[0]}{v[1]}")


def whole_points(model: CompiledModel) -> Iterator[Floats]:
    """Every point of a compiled model, integer columns enumerated by search with bound propagation.

    Continuous columns may only be tied by rows of the kind x - y >= number (with integers fixed): then their
    smallest values after propagation are a solution, and an assertion makes sure of it.
    """
    matrix = sp.csr_array(model.matrix)
    rows = [
        list(zip(matrix.indices[a:b].tolist(), matrix.data[a:b].tolist(), strict=True))
        for a, b in pairwise(matrix.indptr.tolist())
    ]
    limits = list(zip(model.row_lower.tolist(), model.row_upper.tolist(), strict=True))
    whole = model.integer.tolist()
    touching: list[list[int]] = [[] for _ in whole]
    for i, row in enumerate(rows):
        for j, _ in row:
            touching[j].append(i)

    def propagated(low: list[float], high: list[float], todo: list[int]) -> bool:
        while todo:
            i = todo.pop()
            for sign, limit in ((1.0, limits[i][1]), (-1.0, -limits[i][0])):
                if limit == inf:
                    continue
                least = sum(sign * a * (low[j] if sign * a > 0 else high[j]) for j, a in rows[i])
                if least > limit + 1e-9:
                    return False
                for j, a in rows[i]:
                    room = limit - least
                    if sign * a > 0:
                        most = low[j] + room / (sign * a)
                        most = floor(most + 1e-9) if whole[j] else most
                        if most < high[j] - 1e-9:
                            high[j] = most
                            todo.extend(touching[j])
                    else:
                        most = high[j] + room / (sign * a)
                        most = ceil(most - 1e-9) if whole[j] else most
                        if most > low[j] + 1e-9:
                            low[j] = most
                            todo.extend(touching[j])
                    least = sum(sign * b * (low[k] if sign * b > 0 else high[k]) for k, b in rows[i])
        return True

    def search(low: list[float], high: list[float]) -> Iterator[Floats]:
        free = next((j for j, w in enumerate(whole) if w and low[j] < high[j]), None)
        if free is None:
            point = np.array(low)
            sums = matrix @ point
            assert (sums >= model.row_lower - 1e-9).all() and (sums <= model.row_upper + 1e-9).all()
            yield point
            return
        for value in range(int(low[free]), int(high[free]) + 1):
            some, other = [*low], [*high]
            some[free] = other[free] = value
            if propagated(some, other, [*touching[free]]):
                yield from search(some, other)

    low, high = model.lower.tolist(), model.upper.tolist()
    if propagated(low, high, list(range(len(rows)))):
        yield from search(low, high)
