"""Labels of nodes: beside the node, where they cover least."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.patheffects import withStroke

from milproute.plotting.drawing.fonts import width
from milproute.plotting.drawing.style import INK, LABEL_SIZE, shorten

if TYPE_CHECKING:
    from collections.abc import Sequence

    from milproute.instances.arrays import Floats
    from milproute.plotting.drawing.canvas import Canvas

NEAR = 6.5  # least distance of a label from its node, in points
CHARACTER, WIDE = 0.62, 1.15  # mean width of a character, and of one of East Asia, in font sizes
ANGLES = np.deg2rad([0, 180, 90, 270, 45, 135, 315, 225])


def draw_labels(
    canvas: Canvas,
    rows: Sequence[int],
    names: Sequence[str],
    clear: Floats,
    marks: Floats,
) -> None:
    """Write ``names`` beside the nodes at ``rows``.

    Parameters
    ----------
    canvas : where.
    rows, names : nodes to label and their labels.
    clear : radius in points that the marks around each of all nodes take, shape (nodes,).
    marks : points that labels had better not cover (of links, lanes, nodes), shape (marks, 2).
    """
    texts = [shorten(name) for name in names]
    for row, text, (dx, dy) in zip(rows, texts, _spots(canvas, rows, texts, clear, marks), strict=True):
        canvas.ax.annotate(
            text,
            canvas.places[row],
            xytext=(dx, dy),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=LABEL_SIZE,
            color=INK,
            zorder=6,
            gid=f"label-{row}",
            parse_math=False,
            path_effects=[withStroke(linewidth=2.2, foreground="white", alpha=0.9)],
        )


def _spots(
    canvas: Canvas,
    rows: Sequence[int],
    texts: Sequence[str],
    clear: Floats,
    marks: Floats,
) -> list[Floats]:
    """Choose for each label the centre, in points from its node, that covers least."""
    taken = np.empty((0, 4))
    found = []
    for row, text in zip(rows, texts, strict=True):
        half = np.array([LABEL_SIZE * width(text, CHARACTER, WIDE), 1.25 * LABEL_SIZE]) / 2
        best, best_cost = np.zeros(2), np.inf
        reach = sorted({NEAR, float(clear[row]) + 1.0, float(clear[row]) + 9.0})
        widest = reach[-1] + 2 * float(half.max()) + 1.0
        local = marks[np.all(np.abs(marks - canvas.points[row]) <= widest, axis=1)]
        for rank, (far, angle) in enumerate(product(reach, ANGLES)):
            towards = np.array([np.cos(angle), np.sin(angle)])
            spot = towards * (far + half * np.abs(np.sign(np.round(towards, 6))))
            cost = _cost(canvas.points[row] + spot, half, taken, local, canvas.size) + 0.4 * rank
            if cost < best_cost:
                best, best_cost = spot, cost
        centre = canvas.points[row] + best
        taken = np.vstack([taken, np.concatenate([centre - half, centre + half])])
        found.append(best)
    return found


def _cost(
    centre: Floats,
    half: Floats,
    taken: Floats,
    marks: Floats,
    size: tuple[float, float],
) -> float:
    """Return what a label at ``centre`` covers: marks, twenty times as bad other labels or the rim."""
    low, high = centre - half, centre + half
    covered = int(np.all(np.abs(marks - centre) <= half + 1.0, axis=1).sum())
    shared = np.minimum(high, taken[:, 2:]) - np.maximum(low, taken[:, :2])
    labels = float(np.prod(np.maximum(shared, 0.0), axis=1).sum()) / LABEL_SIZE
    outside = float(np.maximum(-low, 0).sum() + np.maximum(high - np.array(size), 0).sum())
    return covered + 20 * labels + 20 * outside
