"""Badges: the marks of request ends, around their node where there are several."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.lines import Line2D

from milproute.plotting.drawing.style import BADGE_SIZE, NODE_EDGE, SOURCE_MARK, TARGET_MARK, request_style

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from milproute.instances.arrays import Floats
    from milproute.instances.instance import Instance
    from milproute.plotting.drawing.canvas import Canvas

    End = tuple[str, bool]  # id of a request, is it the source?

NODE_ROOM = 5.5  # radius that a node without badges takes, in points
STEP = BADGE_SIZE + 1.2


def badge_spots(instance: Instance, towards: Mapping[End, Floats]) -> tuple[dict[End, Floats], Floats]:
    """Return for each end of a request its place in points from the node, and each node's radius.

    A badge that is alone sits on its node; several sit on hexagonal rings around it, each as near as it
    can to the direction ``towards`` which its request leaves, so none covers another.
    """
    at: dict[int, list[End]] = defaultdict(list)
    for request in instance.requests:
        at[instance.node_row[request.source]].append((request.id, True))
        at[instance.node_row[request.target]].append((request.id, False))
    spots: dict[End, Floats] = {}
    room = np.full(len(instance.nodes), NODE_ROOM)
    for row, ends in at.items():
        if len(ends) == 1:
            spots[ends[0]] = np.zeros(2)
            continue
        free = _rings(len(ends))
        room[row] = np.linalg.norm(free[-1]) + BADGE_SIZE / 2 + 1.5
        for end in sorted(ends, key=lambda end: end not in towards):  # the drawn ones choose first
            wish = towards.get(end, np.zeros(2))
            ring = np.round(np.linalg.norm(free, axis=1) / STEP, 3)
            best = int(np.argmax(free @ wish / np.linalg.norm(free, axis=1) - 2.5 * ring))
            spots[end] = free[best]
            free = np.delete(free, best, axis=0)
    return spots, room


def _rings(count: int) -> Floats:
    """Return at least ``count`` places on rings of 6, 12, 18 … places around the origin."""
    places: list[tuple[float, float]] = []
    ring = 0
    while len(places) < count:
        ring += 1
        angles = np.arange(6 * ring) * (2 * np.pi / (6 * ring)) + np.pi / 6
        radius = ring * STEP * (1.12 if ring == 1 else 1.06)
        places += [(radius * float(np.cos(a)), radius * float(np.sin(a))) for a in angles]
    return np.array(places)


def draw_badges(
    canvas: Canvas, instance: Instance, spots: Mapping[End, Floats], hollow: Collection[str]
) -> None:
    """Draw a disc at each source and a square at each target, hollow for the requests in ``hollow``."""
    for i, request in enumerate(instance.requests):
        for is_source, node in ((True, request.source), (False, request.target)):
            x, y = canvas.places[instance.node_row[node]]
            dx, dy = spots[request.id, is_source]
            mark = badge(i, is_source, request.id in hollow)
            mark.set_data([x], [y])
            mark.set_transform(canvas.shift(canvas.ax.transData, dx, dy))
            if dx or dy:
                canvas.ax.annotate(
                    "",
                    (x, y),
                    xytext=(dx, dy),
                    textcoords="offset points",
                    arrowprops={
                        "arrowstyle": "-",
                        "color": NODE_EDGE,
                        "linewidth": 0.7,
                        "shrinkA": 0,
                        "shrinkB": 0,
                    },
                    zorder=3.5,
                )
            mark.set(zorder=5, gid=f"{'source' if is_source else 'target'}-{i}")
            canvas.ax.add_artist(mark)


def badge(index: int, is_source: bool, hollow: bool) -> Line2D:
    """Return the mark of one end of the request at ``index``."""
    color = request_style(index).color
    return Line2D(
        [0],
        [0],
        linestyle="none",
        marker=SOURCE_MARK if is_source else TARGET_MARK,
        markersize=BADGE_SIZE if is_source else 0.88 * BADGE_SIZE,
        markerfacecolor="white" if hollow else color,
        markeredgecolor=color if hollow else "white",
        markeredgewidth=1.3 if hollow else 0.7,
    )
