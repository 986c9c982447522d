"""Lanes: paths that share a link run side by side on it, in an order with few crossings."""

from __future__ import annotations

from collections import defaultdict
from functools import cmp_to_key
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from milproute.instances.arrays import Floats

    Track = Sequence[int]  # node rows in order of travel

GAP = 0.9
THINNEST = 0.6


def lane_offsets(
    tracks: Sequence[Track], points: Floats, widths: Sequence[float], most: float
) -> tuple[list[Floats], list[float]]:
    """Return for each track its offset on each step (points, left of travel is positive) and its width.

    Lanes of a link do not overlap: the distance of two neighbours is half the sum of their widths plus a
    gap. Where the bundle of a link would be wider than ``most`` or wider than 0.6 of the link's length, the
    lanes in it become thinner, down to 0.6 points.

    Parameters
    ----------
    tracks : node rows of each path.
    points : places of the nodes in points, shape (nodes, 2).
    widths : width wanted for each track, in points.
    most : width that no bundle should exceed, in points.
    """
    users: dict[tuple[int, int], list[int]] = defaultdict(list)
    for t, track in enumerate(tracks):
        for u, v in pairwise(track):
            if t not in users[min(u, v), max(u, v)]:
                users[min(u, v), max(u, v)].append(t)
    shrink = {}
    for (u, v), lanes in users.items():
        room = min(most, max(0.6 * float(np.linalg.norm(points[u] - points[v])), 6.0))
        shrink[u, v] = min(1.0, room / (sum(widths[t] for t in lanes) + GAP * (len(lanes) - 1)))
    factor = [1.0] * len(tracks)
    for link, lanes in users.items():
        for t in lanes:
            factor[t] = min(factor[t], shrink[link])
    thin = [max(width * f, THINNEST) for width, f in zip(widths, factor, strict=True)]

    order = _Order(tracks, points)
    offset: dict[tuple[int, int, int], float] = {}
    for (u, v), lanes in users.items():
        gap = max(GAP * shrink[u, v], 0.35)
        ranked = order.left_to_right(lanes, u, v)
        place = (sum(thin[t] for t in ranked) + gap * (len(ranked) - 1)) / 2
        for t in ranked:
            offset[u, v, t] = place - thin[t] / 2
            offset[v, u, t] = -offset[u, v, t]
            place -= thin[t] + gap
    found = [np.array([offset[u, v, t] for u, v in pairwise(track)]) for t, track in enumerate(tracks)]
    return found, thin


class _Order:
    """Compares tracks on a link by the side to which they part, before it or after it."""

    def __init__(self, tracks: Sequence[Track], points: Floats) -> None:
        self.points = points
        self.onward: list[dict[tuple[int, int], int]] = []
        self.steps: list[set[tuple[int, int]]] = []
        for track in tracks:
            triples = list(zip(track[:-2], track[1:-1], track[2:], strict=True))
            back = {(w, v): u for u, v, w in triples}
            self.onward.append({(u, v): w for u, v, w in triples} | back)
            self.steps.append(set(pairwise(track)))

    def left_to_right(self, lanes: Sequence[int], u: int, v: int) -> list[int]:
        """Sort ``lanes`` from the left to the right of the direction ``u`` to ``v``."""

        def compare(a: int, b: int) -> int:
            tie = (-1 if (u, v) in self.steps[min(a, b)] else 1) * (-1 if a > b else 1)
            return self._ahead(a, b, u, v) or -self._ahead(a, b, v, u) or tie

        return sorted(lanes, key=cmp_to_key(compare))

    def _ahead(self, a: int, b: int, u: int, v: int) -> int:
        """Return -1 if ``a`` leaves to the left of ``b`` beyond ``v``, 1 to the right, 0 if neither."""
        for _ in range(len(self.onward[a]) + 1):
            next_a, next_b = self.onward[a].get((u, v)), self.onward[b].get((u, v))
            if next_a != next_b:
                turn = self._turn(u, v, next_b) - self._turn(u, v, next_a)
                return 0 if abs(turn) < 1e-9 else int(np.sign(turn))
            if next_a is None:
                return 0
            u, v = v, next_a
        return 0

    def _turn(self, u: int, v: int, w: int | None) -> float:
        """Return the turn from step ``u``, ``v`` to ``v``, ``w`` in radians, left positive; 0 at an end."""
        if w is None:
            return 0.0
        (ax, ay), (bx, by) = self.points[v] - self.points[u], self.points[w] - self.points[v]
        return float(np.arctan2(ax * by - ay * bx, ax * bx + ay * by))
