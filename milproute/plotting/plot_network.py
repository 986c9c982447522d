"""Picture of an instance: nodes, links with their channels, the ends of the requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D

from milproute.plotting.drawing.badges import badge_spots, draw_badges
from milproute.plotting.drawing.canvas import draw_foot, make_canvas
from milproute.plotting.drawing.fonts import readable_fonts
from milproute.plotting.drawing.labels import draw_labels
from milproute.plotting.drawing.legend import RequestSample, draw_legends, draw_title
from milproute.plotting.drawing.style import LINK, NODE_EDGE, NODE_FACE, shorten

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

    from milproute.instances.arrays import Floats, Integers
    from milproute.instances.instance import Instance, Request
    from milproute.plotting.drawing.badges import End
    from milproute.plotting.drawing.canvas import Canvas
    from milproute.plotting.drawing.legend import Key

ALL_LABELS = 25  # networks with more nodes get labels at request ends only


def plot_network(instance: Instance, ax: Axes | None = None) -> Axes:
    """Draw the network of ``instance`` and the ends of its requests.

    Nodes stand at their ``position_km`` (or in a computed layout that says so), a link is as wide as it
    has channels, and each request has its own colour: a disc at its source, a square at its target.

    Parameters
    ----------
    instance : what to draw.
    ax : axes to draw on (legends stand at their right and below them: leave room, or let a constrained
        layout do so); without them a figure is made that shares nothing with pyplot.

    Returns
    -------
    The axes; ``ax.figure`` is the figure. Nothing is shown or saved.
    """
    with readable_fonts(names_of(instance)):
        return _drawn(instance, ax)


def _drawn(instance: Instance, ax: Axes | None) -> Axes:
    canvas = make_canvas(instance, ax)
    draw_links(canvas, instance, [LINK] * len(instance.links))
    spots, room = badge_spots(instance, {})
    draw_nodes(canvas, instance)
    draw_badges(canvas, instance, spots, ())
    label_nodes(canvas, instance, spots, room, [])
    counts = (("node", instance.nodes), ("link", instance.links), ("request", instance.requests))
    facts = [f"{len(things)} {word}{'s' * (len(things) != 1)}" for word, things in counts]
    draw_title(canvas, shorten(instance.name, 60), facts)
    samples = [RequestSample(i, served=True) for i in range(len(instance.requests))]
    words = [f"{describe(r)} · {'any' if r.demand is None else r.demand}" for r in instance.requests]
    title = "Requests: ● source → ■ target · demand"
    keys = [channel_key(canvas, instance)] if instance.links else []
    draw_legends(canvas, title, samples, words, keys, draw_foot(canvas))
    canvas.fit_figure()
    return canvas.ax


def names_of(instance: Instance) -> list[str]:
    """Return the names that a picture of an instance may hold."""
    nodes, requests = instance.nodes, instance.requests
    return [instance.name, *(node.id for node in nodes), *(request.id for request in requests)]


def describe(request: Request) -> str:
    """Return ``id: source → target``."""
    return f"{shorten(request.id, 12)}: {shorten(request.source)} → {shorten(request.target)}"


def link_widths(canvas: Canvas, instance: Instance, channels: Integers) -> Floats:
    """Return the width of links with ``channels``: in proportion, the most is 3 to 7 points."""
    most = float(np.clip(0.12 * canvas.typical_link(instance), 3.0, 7.0))
    return np.maximum(most * channels / max(int(instance.channels.max(initial=1)), 1), 0.7)


def draw_links(canvas: Canvas, instance: Instance, colors: Sequence[str]) -> None:
    """Draw every link, as wide as it has channels; a link without any is dotted."""
    lines = LineCollection(
        list(canvas.places[instance.ends]),
        linewidths=list(link_widths(canvas, instance, instance.channels)),
        colors=list(colors),
        linestyles=["-" if link.channels else ":" for link in instance.links] or "-",
        capstyle="round",
        zorder=1,
        gid="links",
    )
    canvas.ax.add_collection(lines, autolim=False)


def draw_nodes(canvas: Canvas, instance: Instance) -> None:
    """Draw every node, smaller where nodes are many."""
    size = float(np.clip(0.13 * canvas.typical_link(instance), 2.6, 5.0)) if instance.links else 5.0
    x, y = canvas.places.T
    nodes = canvas.ax.scatter(
        x, y, s=size**2, facecolor=NODE_FACE, edgecolor=NODE_EDGE, linewidth=0.9, zorder=4
    )
    nodes.set_gid("nodes")


def label_nodes(
    canvas: Canvas,
    instance: Instance,
    spots: Mapping[End, Floats],
    room: Floats,
    lanes: Sequence[Floats],
) -> None:
    """Label all nodes of a small network, the ends of requests in a large one."""
    ends = {end for request in instance.requests for end in (request.source, request.target)}
    all_of_them = len(instance.nodes) <= ALL_LABELS
    chosen = [(i, node.id) for i, node in enumerate(instance.nodes) if all_of_them or node.id in ends]
    share = np.linspace(0.0, 1.0, 12)[:, None, None]
    tails, heads = canvas.points[instance.ends[:, 0]], canvas.points[instance.ends[:, 1]]
    along = ((1 - share) * tails + share * heads).reshape(-1, 2)
    row = instance.node_row
    badges = [
        canvas.points[row[node]] + spots[r.id, is_source]
        for r in instance.requests
        for node, is_source in ((r.source, True), (r.target, False))
    ]
    heavy = np.repeat(np.vstack([canvas.points, *badges]), 12, axis=0)  # worse to cover than a link
    rows, names = [i for i, _ in chosen], [name for _, name in chosen]
    draw_labels(canvas, rows, names, room, np.vstack([along, heavy, *lanes]))


def channel_key(canvas: Canvas, instance: Instance) -> Key:
    """Return the legend of link widths: the least, a middle and the most channels."""
    found = np.unique(instance.channels)
    if len(found) > 3:
        middle = found[1:-1][np.argmin(np.abs(found[1:-1] - found[-1] / 2))]
        found = np.array([found[0], middle, found[-1]])
    widths = link_widths(canvas, instance, found)
    samples = [
        Line2D(
            [0],
            [0],
            color=LINK,
            linewidth=float(width),
            linestyle="-" if count else ":",
            solid_capstyle="butt",
        )
        for width, count in zip(widths, found, strict=True)
    ]
    return "Channels", samples, [str(count) for count in found]
