"""Local search over listed paths by batched forward passes: a heuristic for the first incumbent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from milproute.instances.tolerances import ROUND_OFF

if TYPE_CHECKING:
    from collections.abc import Sequence

    from milproute.solvers.argmax.path_columns import PathColumns

    Action = tuple[list[int], float]  # rows of paths, with repeats, and Q


def search_from_many(columns: PathColumns) -> Action:
    """Search locally from greedy actions, the requests in order and in reverse; the best action and its Q.

    A greedy start gives every request in turn its best fitting path, also where Q falls at first: a net
    may value the parts of a good action only together. The empty action is the least that is returned.
    """
    requests = np.unique(columns.candidates.request).tolist()
    starts = {
        tuple(sorted(start)): start
        for start in (_greedy(columns, requests), _greedy(columns, requests[::-1]))
    }
    empty = list[int](), columns.q([])
    found = (local_search(columns, start) for start in starts.values())
    return max([empty, *found], key=lambda action: action[1])


def local_search(columns: PathColumns, start: list[int] | None = None, rounds: int = 20) -> Action:
    """Improve an action until no exchange of one path of a request (or adding or dropping it) is better.

    Every step tries all paths of all requests in one batched forward pass and takes the best that fits.

    Parameters
    ----------
    start : rows of the paths of the first action, with repeats; None for the empty one.
    rounds : largest number of steps, in multiples of the number of requests.
    """
    chosen = list(start or [])
    best = columns.q(chosen)
    for _ in range(rounds * max(1, len(columns.rules.instance.requests))):
        step = _best_exchange(columns, chosen)
        if step is None or step[1] <= best + ROUND_OFF * max(1.0, abs(best)):
            break
        chosen, best = step
    return chosen, best


def _best_exchange(columns: PathColumns, chosen: list[int]) -> Action | None:
    """Return the best action that differs in one path: dropped, exchanged or added."""
    request, copies = columns.candidates.request, columns.rules.copies
    best: Action | None = None
    for out in [None, *range(len(chosen))]:
        kept = [p for i, p in enumerate(chosen) if i != out]
        base = columns.sums(kept)
        taken = np.bincount(request[kept], minlength=len(copies))
        fitting = columns.capacities.paths_that_fit(columns.capacities.used(kept))
        rows = np.flatnonzero(fitting & (taken < copies)[request])
        if out is not None:
            rows = rows[request[rows] == request[chosen[out]]]
        q = columns.net.q_of_sums(np.vstack([base[None], base + columns.contributions[rows]]))
        i = int(np.argmax(q))
        if best is None or q[i] > best[1]:
            best = (kept if i == 0 else [*kept, int(rows[i - 1])]), float(q[i])
    return best


def _greedy(columns: PathColumns, order: Sequence[int]) -> list[int]:
    """Give each request in turn the fitting path with the largest Q."""
    chosen: list[int] = []
    for request in order:
        fitting = columns.capacities.paths_that_fit(columns.capacities.used(chosen))
        rows = np.flatnonzero(fitting & (columns.candidates.request == request))
        if len(rows):
            q = columns.net.q_of_sums(columns.sums(chosen) + columns.contributions[rows])
            chosen.append(int(rows[np.argmax(q)]))
    return chosen
