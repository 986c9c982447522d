"""Legends and titles: outside the axes, stacked so that none covers another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.legend import Legend
from matplotlib.legend_handler import HandlerBase
from matplotlib.lines import Line2D

from milproute.plotting.drawing.badges import badge
from milproute.plotting.drawing.style import BADGE_SIZE, INK, SOFT, TEXT_SIZE, TITLE_SIZE, request_style

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.artist import Artist
    from matplotlib.transforms import Transform

    from milproute.plotting.drawing.canvas import Canvas

    Key = tuple[str, list[Line2D], list[str]]  # title, samples, words

ROWS = 20
WIDE = 2.3  # beyond this ratio of width to height the requests stand below the drawing
BESIDE = 16.0  # distance of the requests from the drawing, in points


class RequestSample(Line2D):
    """Stands for the request at ``index`` in a legend; ``served`` unless it got no connection."""

    def __init__(self, index: int, served: bool) -> None:
        style = request_style(index)
        super().__init__([0], [0], color=style.color, linestyle=style.linestyle, linewidth=2.0)
        self.index, self.served = index, served


class _RequestHandler(HandlerBase):
    """Draws a sample as source mark, line, target mark; without line when nothing was routed."""

    def create_artists(
        self,
        legend: Legend,
        orig_handle: Artist,
        xdescent: float,
        ydescent: float,
        width: float,
        height: float,
        fontsize: float,
        trans: Transform,
    ) -> Sequence[Artist]:
        """Return the artists of one sample."""
        if not isinstance(orig_handle, RequestSample):
            return []
        y = height / 2 - ydescent
        line = Line2D([2 - xdescent, width - 2 - xdescent], [y, y])
        self.update_prop(line, orig_handle, legend)
        line.set_visible(orig_handle.served)
        marks = [badge(orig_handle.index, is_source, not orig_handle.served) for is_source in (True, False)]
        rim = BADGE_SIZE / 2 + 0.4
        for mark, x in zip(marks, (rim - xdescent, width - rim - xdescent), strict=True):
            mark.set_data([x], [y])
        for artist in (line, *marks):
            artist.set_transform(trans)
        return [line, *marks]


def draw_legends(
    canvas: Canvas,
    title: str,
    samples: list[RequestSample],
    words: list[str],
    keys: Sequence[Key],
    depth: float,
) -> None:
    """Put ``keys`` in rows below the axes, and the requests at their right (below them when wide).

    Parameters
    ----------
    canvas : where.
    title, samples, words : the legend of requests, ``ax.get_legend()``; none without requests.
    keys : small legends of colours and widths.
    depth : points below the axes that are taken already.
    """
    width, height = canvas.size
    below = canvas.owned and width > WIDE * height
    requests = None
    if samples and not below:
        columns = -(-len(samples) // ROWS)
        requests = _requests(canvas, title, samples, words, columns, (1, 1), (BESIDE, 0.0))
    row_end = width
    if canvas.owned and requests is not None and _size(canvas, requests)[1] <= height + depth:
        row_end = width + BESIDE + _size(canvas, requests)[0]
    elif requests is not None and any(_key_width(canvas, key) > width for key in keys):
        depth = max(depth, _size(canvas, requests)[1] - height + 8.0)
    depth = _draw_keys(canvas, keys, depth, max(row_end, 250.0))
    if samples and below:
        columns = max(1, min(len(samples), int(width // 165)))
        columns = max(columns, -(-len(samples) // ROWS))
        _requests(canvas, title, samples, words, columns, (0, 0), (0.0, -depth - 4.0))


def _draw_keys(canvas: Canvas, keys: Sequence[Key], depth: float, row_end: float) -> float:
    """Draw the small legends from left to right in rows; return the depth that is then taken."""
    x, deepest = 0.0, depth
    for key in keys:
        legend = _key(canvas, key, (x, -depth))
        wide, high = _size(canvas, legend)
        if x > 0 and x + wide > row_end:
            legend.remove()
            x, depth = 0.0, deepest
            legend = _key(canvas, key, (x, -depth))
        x += wide + 22.0
        deepest = max(deepest, depth + high + 6.0)
    return deepest


def _key(canvas: Canvas, key: Key, corner: tuple[float, float]) -> Legend:
    title, samples, words = key
    columns = len(samples)
    legend = Legend(canvas.ax, samples, words, title=title, ncols=columns, **_common(canvas, (0, 0), corner))
    legend.set_clip_on(False)
    canvas.ax.add_artist(legend)
    legend.set_gid(f"key-{title}")
    return _dress(legend)


def _key_width(canvas: Canvas, key: Key) -> float:
    legend = _key(canvas, key, (0.0, 0.0))
    wide = _size(canvas, legend)[0]
    legend.remove()
    return wide


def _requests(
    canvas: Canvas,
    title: str,
    samples: list[RequestSample],
    words: list[str],
    columns: int,
    anchor: tuple[int, int],
    corner: tuple[float, float],
) -> Legend:
    handlers = {RequestSample: _RequestHandler()}
    legend = canvas.ax.legend(
        samples, words, title=title, ncols=columns, handler_map=handlers, **_common(canvas, anchor, corner)
    )
    for sample, text in zip(samples, legend.get_texts(), strict=True):
        text.set_color(INK if sample.served else SOFT)
    return _dress(legend)


def _common(canvas: Canvas, anchor: tuple[int, int], corner: tuple[float, float]) -> dict[str, Any]:
    """Return the looks of every legend; its upper left is ``corner`` points from the axes' ``anchor``."""
    return {
        "loc": "upper left",
        "bbox_to_anchor": anchor,
        "bbox_transform": canvas.shift(canvas.ax.transAxes, *corner),
        "borderaxespad": 0.0,
        "borderpad": 0.0,
        "frameon": False,
        "fontsize": TEXT_SIZE,
        "title_fontsize": TEXT_SIZE,
        "alignment": "left",
        "handlelength": 2.8,
        "handletextpad": 0.7,
        "columnspacing": 1.6,
        "labelspacing": 0.45,
        "labelcolor": INK,
    }


def _dress(legend: Legend) -> Legend:
    legend.get_title().set(color=INK, fontweight="bold")
    for text in (*legend.get_texts(), legend.get_title()):
        text.set_parse_math(False)
    return legend


def _size(canvas: Canvas, legend: Legend) -> tuple[float, float]:
    extent = legend.get_window_extent()
    unit = canvas.ax.figure.dpi / 72
    return extent.width / unit, extent.height / unit


def draw_title(canvas: Canvas, title: str, facts: Sequence[str], color: str = SOFT) -> None:
    """Write ``title`` and, in smaller type below it, ``facts`` on as many lines as they need."""
    room = max(canvas.size[0] + (150.0 if canvas.owned else 0.0), 240.0)
    most = int(room / (0.53 * (TEXT_SIZE + 0.5)))
    lines: list[str] = []
    for fact in facts:
        if lines and len(lines[-1]) + 3 + len(fact) <= most:
            lines[-1] += f" · {fact}"
        else:
            lines.append(fact)
    ax = canvas.ax
    text = ax.annotate(
        "\n".join(lines),
        (0, 1),
        xycoords="axes fraction",
        xytext=(0, 7),
        textcoords="offset points",
        ha="left",
        va="bottom",
        fontsize=TEXT_SIZE + 0.5,
        color=color,
        linespacing=1.35,
        gid="facts",
    )
    text.set_parse_math(False)
    pad = 12.0 + 1.38 * (TEXT_SIZE + 0.5) * len(lines)
    family = mpl.rcParams["font.family"]  # the axes made their title before
    ax.set_title(
        title, loc="left", pad=pad, fontsize=TITLE_SIZE, fontweight="bold", fontfamily=family, color=INK
    )
    ax.title.set_parse_math(False)
    ax._left_title.set_parse_math(False)  # type: ignore[attr-defined]
