"""Fill: REPS's greedy third step (entanglement link selection): use the pairs that are left."""

from __future__ import annotations

from collections import Counter, defaultdict
from math import log
from operator import add
from typing import TYPE_CHECKING

import numpy as np

from milproute.formulations import Route, best_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from milproute.instances import Instance
    from milproute.instances.arrays import Integers

    Path = tuple[str, ...]


class _Selection:
    """Paths chosen so far, and the pairs that are left of each link.

    Parameters
    ----------
    instance, pairs : the network, and the pairs of each link at first.
    """

    def __init__(self, instance: Instance, pairs: Sequence[int] | Integers) -> None:
        self.instance = instance
        self.left = np.array(pairs, dtype=np.int64)
        self.served = [0] * len(instance.requests)
        self.chosen: Counter[tuple[int, Path]] = Counter()
        self.swap_cost = {v.id: -log(v.swap_probability) for v in instance.nodes if v.swap_probability > 0}
        self.neighbours: dict[str, list[tuple[str, int]]] = defaultdict(list)
        for row, link in enumerate(instance.links):
            self.neighbours[link.source].append((link.target, row))
            self.neighbours[link.target].append((link.source, row))

    def open_requests(self) -> list[int]:
        """Return the requests whose demand is not met yet."""
        return [i for i in range(len(self.served)) if self.wanted(i) != 0]

    def wanted(self, request: int) -> int | None:
        """Return how many more paths a request wants; None: any number."""
        demand = self.instance.requests[request].demand
        return None if demand is None else demand - self.served[request]

    def has_pairs(self, nodes: Path) -> bool:
        """Whether every link of a path has a pair left."""
        return bool((self.left[self.instance.links_along(nodes)] > 0).all())

    def cost(self, nodes: Path) -> tuple[float, int, Path]:
        """Order of paths: swaps most likely to succeed, then fewer links, then node names."""
        swaps = sum(self.swap_cost.get(v, float("inf")) for v in nodes[1:-1])
        return swaps, len(nodes), nodes

    def cheapest(self, request: int) -> Path | None:
        """Return the path over remaining pairs whose swaps are most likely to succeed."""
        ends = self.instance.requests[request]

        def steps(u: str) -> Iterable[tuple[str, float]]:
            swap = 0.0 if u == ends.source else self.swap_cost.get(u)
            return () if swap is None else [(v, swap) for v, row in self.neighbours[u] if self.left[row] > 0]

        found = best_path(steps, ends.source, ends.target, add, 0.0)
        return found and found[1]

    def take(self, request: int, nodes: Path, copies: int) -> None:
        """Give ``copies`` of a path to the request; each spends one pair of each of its links."""
        self.left[self.instance.links_along(nodes)] -= copies
        self.served[request] += copies
        self.chosen[request, nodes] += copies

    def turns(self, paths: dict[int, Path], limits: Iterable[int | None]) -> int:
        """Return how many times in a row all these requests can take their paths, at most the limits."""
        use: Counter[int] = Counter()
        for nodes in paths.values():
            use.update(self.instance.links_along(nodes))
        enough = min(int(self.left[row]) // copies for row, copies in use.items())
        return min([enough, *(limit for limit in limits if limit is not None)])


def fill(instance: Instance, pairs: Sequence[int] | Integers, candidates: Sequence[Route]) -> list[Route]:
    """Choose paths greedily over ``pairs``, first among ``candidates``, then any. A heuristic.

    Twice the request with the fewest paths (ties: its row) takes its best path until no request can: in
    the first round the best of its candidates over links with pairs left, in the second the path over
    such links with the least sum of -ln q over interior nodes; q = 0 is never interior. A request leaves
    when its demand is met. Afterwards no request still in need has a path.

    Turns in which nothing changes but numbers are taken together, so the cost grows with links and
    requests and not with pairs.
    """
    selection = _Selection(instance, pairs)
    own: list[Counter[Path]] = [Counter() for _ in instance.requests]
    for route in candidates:
        own[route.request][route.nodes] += round(route.count)

    def best_candidate(request: int) -> Path | None:
        fitting = [nodes for nodes, n in own[request].items() if n and selection.has_pairs(nodes)]
        return min(fitting, key=selection.cost, default=None)

    _take_turns(selection, best_candidate, own)
    _take_turns(selection, selection.cheapest)
    return [Route(i, nodes, float(n)) for (i, nodes), n in selection.chosen.items()]


def _take_turns(
    selection: _Selection, pick: Callable[[int], Path | None], copies: Sequence[Counter[Path]] | None = None
) -> None:
    """Let the request with the fewest paths take its pick, again and again, until none can.

    Parameters
    ----------
    pick : best path of a request over the pairs that are left, None if there is none. It stays the best one
        as long as all its links have pairs, and copies of it are left.
    copies : of each path that each request may take, reduced by what is taken; None: any number.
    """
    picks: dict[int, Path] = {}

    def is_valid(request: int) -> bool:
        nodes = picks.get(request)
        stock = copies is None or nodes is None or copies[request][nodes] > 0
        return nodes is not None and stock and selection.has_pairs(nodes)

    waiting = selection.open_requests()
    while waiting:
        level = min(selection.served[i] for i in waiting)
        turn: dict[int, Path] = {}
        for i in [i for i in waiting if selection.served[i] == level]:
            nodes = picks[i] if is_valid(i) else pick(i)
            if nodes is None:
                waiting.remove(i)
            else:
                picks[i] = turn[i] = nodes
        if not turn:
            continue
        limits = [selection.wanted(i) for i in turn]
        limits += [selection.served[i] - level for i in waiting if i not in turn]
        limits += [copies[i][nodes] for i, nodes in turn.items()] if copies is not None else []
        turns = selection.turns(turn, limits)
        # Too few pairs for one turn of all: the first takes one, then the others look again.
        for i, nodes in turn.items() if turns else list(turn.items())[:1]:
            selection.take(i, nodes, max(turns, 1))
            if copies is not None:
                copies[i][nodes] -= max(turns, 1)
        waiting = [i for i in waiting if selection.wanted(i) != 0]
