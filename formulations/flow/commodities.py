"""Commodities: which requests share one flow, and from which end it starts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from milproute.instances import Instance, Request


@dataclass(frozen=True, slots=True)
class Commodity:
    """A single-source flow.

    Parameters
    ----------
    name : index of the commodity in the model.
    root : node where the flow starts.
    sinks : for each request (by row in the instance) the node where its part of the flow ends.
    copies : largest number of connections of a request in this commodity, None for no limit.
    """

    name: str
    root: str
    sinks: tuple[tuple[int, str], ...]
    copies: int | None = None


def one_per_request(instance: Instance) -> list[Commodity]:
    """Return the textbook commodities: request r flows from its source to its target."""
    return [Commodity(r.id, r.source, ((row, r.target),)) for row, r in enumerate(instance.requests)]


def one_per_copy(instance: Instance, copies: Sequence[int]) -> list[Commodity]:
    """Return ``copies[r]`` unit commodities for each request r."""
    return [
        Commodity(f"{r.id}#{k + 1}", r.source, ((row, r.target),), copies=1)
        for row, r in enumerate(instance.requests)
        for k in range(copies[row])
    ]


def one_per_root(instance: Instance) -> list[Commodity]:
    """Merge the requests that share an end into one commodity that starts there.

    The roots are a vertex cover of the graph whose edges are the requests, so there are never more
    commodities than nodes. Merging is exact for integer and continuous flows because links are
    undirected (a request may be turned round) and a single-source flow splits into paths to its sinks;
    it is not valid for limits per path (hops, fidelity).
    """
    roots = vertex_cover(instance.requests)
    rank = {root: i for i, root in enumerate(roots)}
    sinks: dict[str, list[tuple[int, str]]] = {root: [] for root in roots}
    for row, r in enumerate(instance.requests):
        root = min((r.source, r.target), key=lambda end: rank.get(end, len(rank)))
        sinks[root].append((row, r.target if root == r.source else r.source))
    return [Commodity(root, root, tuple(sinks[root])) for root in sorted(roots)]


def vertex_cover(requests: Sequence[Request]) -> list[str]:
    """Cover all requests by few of their ends: greedy, most open requests first, ties by name.

    A heuristic: the cover is small, not always smallest.
    """
    open_requests = {frozenset((r.source, r.target)) for r in requests}
    cover = []
    while open_requests:
        degree = Counter(end for pair in open_requests for end in pair)
        best = min(degree, key=lambda end: (-degree[end], end))
        cover.append(best)
        open_requests = {pair for pair in open_requests if best not in pair}
    return cover
