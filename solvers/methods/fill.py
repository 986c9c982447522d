"""Fill: REPS's greedy third step (entanglement link selection): use the pairs that are left."""

from __future__ import annotations

from collections import Counter, defaultdict
from math import log
from operator import add
from typing import TYPE_CHECKING

import numpy as np

from formulations import Route, best_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from instances import Instance


class _Selection:
    """Paths chosen so far, and the pairs that are left of each link."""

    def __init__(self, instance: Instance, pairs: Sequence[int] | np.ndarray) -> None:
        self.instance = instance
        self.left = np.array(pairs, dtype=np.int64)
        self.chosen: list[list[tuple[str, ...]]] = [[] for _ in instance.requests]
        self.swap_cost = {v.id: -log(v.swap_probability) for v in instance.nodes if v.swap_probability > 0}
        self.neighbours: dict[str, list[tuple[str, int]]] = defaultdict(list)
        for row, link in enumerate(instance.links):
            self.neighbours[link.source].append((link.target, row))
            self.neighbours[link.target].append((link.source, row))

    def open_requests(self) -> set[int]:
        """Return the requests whose demand is not met yet."""
        demands = [request.demand for request in self.instance.requests]
        return {i for i, d in enumerate(demands) if d is None or len(self.chosen[i]) < d}

    def has_pairs(self, nodes: tuple[str, ...]) -> bool:
        """Whether every link of a path has a pair left."""
        return bool((self.left[self.instance.links_along(nodes)] > 0).all())

    def cost(self, nodes: tuple[str, ...]) -> tuple[float, int, tuple[str, ...]]:
        """Order of paths: swaps most likely to succeed, then fewer links, then node names."""
        swaps = sum(self.swap_cost.get(v, float("inf")) for v in nodes[1:-1])
        return swaps, len(nodes), nodes

    def cheapest(self, request: int) -> tuple[str, ...] | None:
        """Return the path over remaining pairs whose swaps are most likely to succeed."""
        ends = self.instance.requests[request]

        def steps(u: str) -> Iterable[tuple[str, float]]:
            swap = 0.0 if u == ends.source else self.swap_cost.get(u)
            return () if swap is None else [(v, swap) for v, row in self.neighbours[u] if self.left[row] > 0]

        found = best_path(steps, ends.source, ends.target, add, 0.0)
        return found and found[1]

    def take(self, request: int, nodes: tuple[str, ...]) -> None:
        """Give the path to the request; one pair of each of its links is spent."""
        self.left[self.instance.links_along(nodes)] -= 1
        self.chosen[request].append(nodes)


def fill(instance: Instance, pairs: Sequence[int] | np.ndarray, candidates: Sequence[Route]) -> list[Route]:
    """Choose paths greedily over ``pairs``, first among ``candidates``, then any. A heuristic.

    Twice the request with the fewest paths (ties: its row) takes its best path until no request can: in
    the first round the best of its candidates over links with pairs left, in the second the path over
    such links with the least sum of -ln q over interior nodes; q = 0 is never interior. A request leaves
    when its demand is met. Afterwards no request still in need has a path.
    """
    selection = _Selection(instance, pairs)
    own: list[list[tuple[str, ...]]] = [[] for _ in instance.requests]
    for route in candidates:
        own[route.request] += [route.nodes] * round(route.count)

    def best_candidate(request: int) -> tuple[str, ...] | None:
        fitting = [nodes for nodes in own[request] if selection.has_pairs(nodes)]
        if not fitting:
            return None
        best = min(fitting, key=selection.cost)
        own[request].remove(best)
        return best

    for pick in (best_candidate, selection.cheapest):
        waiting = selection.open_requests()
        while waiting:
            request = min(waiting, key=lambda i: (len(selection.chosen[i]), i))
            nodes = pick(request)
            if nodes is not None:
                selection.take(request, nodes)
            if nodes is None or request not in selection.open_requests():
                waiting.remove(request)
    counts = Counter((i, nodes) for i, paths in enumerate(selection.chosen) for nodes in paths)
    return [Route(i, nodes, float(n)) for (i, nodes), n in counts.items()]
