"""Best paths by one search: widest, cheapest, shortest."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Steps = Callable[[str], Iterable[tuple[str, float]]]


def best_path(
    steps: Steps, source: str, target: str, join: Callable[[float, float], float], start: float
) -> tuple[float, tuple[str, ...]] | None:
    """Return the (value, nodes) of the path of least value, None where there is no path.

    Best-first search; with addition ties go to fewer links, then to the smaller names of the nodes; with
    ``max`` the order among equal paths is only the same every time.

    Parameters
    ----------
    steps : for a node its neighbours and the value of the step to each.
    join : value of a path and one more step; must never fall below the value of the path (``max`` or
        addition of what is not negative), or best-first search is not exact.
    start : value of the path without steps.
    """
    heap: list[tuple[float, int, tuple[str, ...]]] = [(start, 1, (source,))]
    done: set[str] = set()
    while heap:
        value, length, nodes = heappop(heap)
        u = nodes[-1]
        if u == target:
            return value, nodes
        if u in done:
            continue
        done.add(u)
        for v, step in steps(u):
            if v not in done:
                heappush(heap, (join(value, step), length + 1, (*nodes, v)))
    return None
