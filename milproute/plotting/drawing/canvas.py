"""The drawing area: axes of the right shape, and points (1/72 inch) as the unit of offsets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.transforms import ScaledTranslation

from milproute.plotting.drawing.layout import node_positions
from milproute.plotting.drawing.style import INK, SOFT, TEXT_SIZE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.transforms import Transform

    from milproute.instances.arrays import Floats
    from milproute.instances.network import Network

PADDING = 30.0
MARGIN_INCHES = 0.15
LARGEST = (720.0, 620.0)
LEGIBLE_LINK = 40.0


@dataclass(frozen=True)
class Canvas:
    """Axes whose limits are set, with what offsets in points need.

    Parameters
    ----------
    ax : axes to draw on, equal aspect, no frame.
    owned : the figure was made here and may be resized.
    places : position of each node in data units, shape (nodes, 2).
    note : says that positions are computed; empty when they are kilometres.
    size : width and height of the axes in points.
    scale : points a data unit.
    points : position of each node in points from the lower left corner, shape (nodes, 2).
    """

    ax: Axes
    owned: bool
    places: Floats
    note: str
    size: tuple[float, float]
    scale: float
    points: Floats

    def shift(self, base: Transform, dx: float, dy: float) -> Transform:
        """Return ``base`` moved by ``dx``, ``dy`` points."""
        return base + ScaledTranslation(dx / 72, dy / 72, self.ax.figure.dpi_scale_trans)

    def typical_link(self, network: Network) -> float:
        """Return the median length of a drawn link in points (of the width when there is none)."""
        if not len(network.ends):
            return self.size[0]
        steps = self.points[network.ends[:, 0]] - self.points[network.ends[:, 1]]
        return float(np.median(np.linalg.norm(steps, axis=1)))

    def fit_figure(self) -> None:
        """Give an owned figure the size of what was drawn, plus a margin; axes keep their size."""
        if not self.owned or not isinstance(self.ax.figure, Figure):
            return
        figure = self.ax.figure
        drawn = figure.get_tightbbox()  # inches
        wide, high = drawn.width + 2 * MARGIN_INCHES, drawn.height + 2 * MARGIN_INCHES
        corner = self.ax.get_position().p0 * figure.get_size_inches()
        x, y = corner - drawn.p0 + MARGIN_INCHES
        figure.set_size_inches(wide, high)
        self.ax.set_position((x / wide, y / high, self.size[0] / 72 / wide, self.size[1] / 72 / high))


def make_canvas(network: Network, ax: Axes | None) -> Canvas:
    """Prepare ``ax``, or new axes shaped like the network, for drawing it."""
    places, note = node_positions(network)
    span = np.ptp(places, axis=0)
    owned = ax is None
    if ax is None:
        width, height = _shape(span, places, network)
        figure = Figure(figsize=(width / 72 + 2, height / 72 + 2), facecolor="white")
        FigureCanvasAgg(figure)
        wide, high = figure.get_size_inches()
        ax = figure.add_axes((1 / wide, 1 / high, width / 72 / wide, height / 72 / high))
    else:
        extent = ax.get_window_extent()
        width, height = (float(side) * 72 / ax.figure.dpi for side in (extent.width, extent.height))
    room = np.maximum(np.array([width, height]) - 2 * min(PADDING, 0.15 * min(width, height)), 1.0)
    scale = float(np.min(room[span > 0] / span[span > 0])) if (span > 0).any() else 1.0
    middle = (places.max(axis=0) + places.min(axis=0)) / 2
    corner = middle - np.array([width, height]) / 2 / scale
    ax.set_xlim(corner[0], corner[0] + width / scale)
    ax.set_ylim(corner[1], corner[1] + height / scale)
    ax.set_aspect("equal", adjustable="box")
    ax.set_axis_off()
    return Canvas(ax, owned, places, note, (width, height), scale, (places - corner) * scale)


def _shape(span: Floats, places: Floats, network: Network) -> tuple[float, float]:
    """Return width and height of new axes in points, shaped like ``span``.

    They grow with the number of nodes, and further where half the links would be under 40 points.
    """
    if not (span > 0).any():
        return 150.0, 110.0
    wide = 72 * float(np.clip(3.2 + 0.75 * np.sqrt(len(network.nodes)), 4.2, 9.0))
    scale = _scale(span, wide, 0.78 * wide)
    if len(network.ends):
        steps = places[network.ends[:, 0]] - places[network.ends[:, 1]]
        typical = float(np.median(np.linalg.norm(steps, axis=1)))
        legible = min(_scale(span, *LARGEST), LEGIBLE_LINK / typical if typical > 0 else 0.0)
        scale = max(scale, legible)
    width, height = span * scale + 2 * PADDING
    return max(float(width), 150.0), max(float(height), 90.0)


def _scale(span: Floats, width: float, height: float) -> float:
    """Return the points a data unit with which ``span`` fits into ``width`` and ``height`` points."""
    inner = np.array([width, height]) - 2 * PADDING
    return float(np.min(inner[span > 0] / span[span > 0]))


def draw_foot(canvas: Canvas) -> float:
    """Draw a scale bar, or the note on the layout, below the axes; return the depth in points."""
    ax = canvas.ax
    below = canvas.shift(ax.transAxes, 2, -4)
    style: dict[str, Any] = {"fontsize": TEXT_SIZE - 1, "color": SOFT, "parse_math": False}
    if canvas.note:
        ax.text(0, 0, canvas.note, transform=below, ha="left", va="top", style="italic", **style)
        return 18.0
    if not np.ptp(canvas.places):
        return 4.0
    target = min(0.2 * canvas.size[0], 110.0) / canvas.scale
    power = 10.0 ** np.floor(np.log10(target))
    length = power * max(step for step in (1, 2, 5) if step * power <= target)
    left = ax.get_xlim()[0]
    base = canvas.shift(ax.get_xaxis_transform(), 2, -8)
    ax.plot(
        [left, left, left + length, left + length],
        [0.0, 0.0, 0.0, 0.0],
        transform=base,
        color=INK,
        linewidth=1.2,
        clip_on=False,
        solid_capstyle="butt",
        scalex=False,
        scaley=False,
        gid="scale-bar",
    )
    words = canvas.shift(ax.get_xaxis_transform(), 7, -8)
    ax.text(left + length, 0, f"{length:g} km", transform=words, ha="left", va="center", **style)
    return 22.0
