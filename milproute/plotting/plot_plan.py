"""Picture of a plan: the paths of each request over the use of the links."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from milproute.instances.errors import OptionError
from milproute.instances.tolerances import INTEGRALITY
from milproute.plotting.drawing.badges import badge_spots, draw_badges
from milproute.plotting.drawing.canvas import draw_foot, make_canvas
from milproute.plotting.drawing.fonts import readable_fonts
from milproute.plotting.drawing.lanes import lane_offsets
from milproute.plotting.drawing.legend import RequestSample, draw_legends, draw_title
from milproute.plotting.drawing.route import Route
from milproute.plotting.drawing.style import (
    ALARM,
    OVERUSE,
    SOFT,
    USE_BINS,
    number,
    request_style,
    shorten,
    use_bin,
)
from milproute.plotting.plot_network import (
    channel_key,
    describe,
    draw_links,
    draw_nodes,
    label_nodes,
    names_of,
)
from milproute.shown import LARGE, telling_gap

if TYPE_CHECKING:
    from collections.abc import Iterable

    from matplotlib.axes import Axes

    from milproute.instances.arrays import Floats
    from milproute.instances.instance import Instance, Request
    from milproute.instances.plan import Plan
    from milproute.plotting.drawing.canvas import Canvas
    from milproute.plotting.drawing.legend import Key


class Drawn(NamedTuple):
    """A path to draw: rows of its request and nodes, number of copies."""

    request: int
    nodes: list[int]
    copies: float


def plot_plan(instance: Instance, plan: Plan, ax: Axes | None = None) -> Axes:
    """Draw ``plan`` on the network of ``instance``.

    Each request has its own colour (after ten also its own dashes); paths that share a link run side by
    side, as wide as the square root of their count. A link is as wide as it has channels, and as dark as
    the share of them in use. A disc is a source, a square a target, hollow when the request got nothing.

    Parameters
    ----------
    instance : the instance that the plan is of.
    plan : a plan of any formulation and status; fractional counts are fine. A step of a path where no
        link is (in a plan that breaks the rules) is drawn all the same.
    ax : axes to draw on (legends stand at their right and below them: leave room, or let a constrained
        layout do so); without them a figure is made that shares nothing with pyplot.

    Returns
    -------
    The axes; ``ax.figure`` is the figure. Nothing is shown or saved.

    Raises
    ------
    OptionError : the plan names a node or request that the instance lacks.
    """
    paths = _drawn_paths(instance, plan)
    with readable_fonts([*names_of(instance), plan.formulation, plan.variant, plan.solver]):
        return _drawn(instance, plan, paths, ax)


def _drawn(instance: Instance, plan: Plan, paths: list[Drawn], ax: Axes | None) -> Axes:
    wording, share = link_use(instance, plan)
    canvas = make_canvas(instance, ax)
    draw_links(canvas, instance, [use_bin(part)[1] for part in share])
    towards = _directions(instance, canvas, paths)
    spots, room = badge_spots(instance, towards)
    lanes = _draw_routes(canvas, instance, paths, spots)
    draw_nodes(canvas, instance)
    without = [r.id for r in instance.requests if connections(plan, r) <= INTEGRALITY]
    draw_badges(canvas, instance, spots, without)
    label_nodes(canvas, instance, spots, room, lanes)
    name = f"{shorten(instance.name, 48)} · {plan.formulation} / {plan.variant}"
    draw_title(canvas, name, _facts(plan), ALARM if plan.violations else SOFT)

    samples = [RequestSample(i, r.id not in without) for i, r in enumerate(instance.requests)]
    words = [f"{describe(request)} · {_got(plan, request)}" for request in instance.requests]
    keys = [channel_key(canvas, instance)] if instance.links else []
    if plan.attempts or paths:
        keys.insert(0, _use_key(wording, share))
    title = "Requests: ● source → ■ target · connections"
    draw_legends(canvas, title, samples, words, keys, draw_foot(canvas))
    canvas.fit_figure()
    return canvas.ax


def link_use(instance: Instance, plan: Plan) -> tuple[str, Floats]:
    """Return what the use of a link means in this plan, and the share in use, shape (links,).

    Attempts by channels where the plan has attempts; else paths by entangled pairs where they are known,
    else paths by channels. A link that is used without having any is used infinitely.
    """
    used = np.zeros(len(instance.links))
    if plan.attempts:
        wording, most = "Attempts / channels", instance.channels.astype(float)
        for attempt in plan.attempts:
            row = instance.link_row.get((attempt.source, attempt.target))
            if row is not None:
                used[row] += attempt.channels
    else:
        pairs = [link.entangled_pairs for link in instance.links]
        known = bool(pairs) and all(count is not None for count in pairs)
        wording = "Paths / entangled pairs" if known else "Paths / channels"
        most = np.array(pairs, dtype=float) if known else instance.channels.astype(float)
        for path in plan.paths:
            for step in pairwise(path.nodes):
                if step in instance.link_row:
                    used[instance.link_row[step]] += path.count
    used[used <= INTEGRALITY] = 0.0
    share = np.divide(used, most, out=np.where(used > 0, np.inf, 0.0), where=most > 0)
    return wording, share


def connections(plan: Plan, request: Request) -> float:
    """Return the connections that ``plan`` gives ``request``; 0 when it does not mention it."""
    return plan.connections.get(request.id, 0.0)


def _drawn_paths(instance: Instance, plan: Plan) -> list[Drawn]:
    """Return the paths with a count, by request; refuse those of another instance."""
    rows = {request.id: i for i, request in enumerate(instance.requests)}

    def known(kind: str, name: str, names: Iterable[str]) -> None:
        if name not in names:
            raise OptionError(
                f"the plan names {kind} {name!r}, which instance {instance.name!r} lacks; the plan is of "
                f"{plan.instance!r}. Give the instance that was solved."
            )

    for attempt in plan.attempts:
        known("node", attempt.source, instance.node_row)
        known("node", attempt.target, instance.node_row)
    for path in plan.paths:
        known("request", path.request, rows)
        for node in path.nodes:
            known("node", node, instance.node_row)
    found = [
        Drawn(rows[path.request], [instance.node_row[node] for node in path.nodes], path.count)
        for path in plan.paths
        if path.count > INTEGRALITY
    ]
    return sorted(found, key=lambda path: path.request)


def _directions(instance: Instance, canvas: Canvas, paths: list[Drawn]) -> dict[tuple[str, bool], Floats]:
    """Return the unit direction in which the paths of a request leave each of its ends."""
    found: dict[tuple[str, bool], Floats] = {}
    for path in paths:
        name = instance.requests[path.request].id
        for is_source, (end, beside) in ((True, path.nodes[:2]), (False, path.nodes[:-3:-1])):
            step = canvas.points[beside] - canvas.points[end]
            unit = step / max(float(np.linalg.norm(step)), 1e-9)
            found[name, is_source] = found.get((name, is_source), np.zeros(2)) + unit
    return found


def _draw_routes(
    canvas: Canvas,
    instance: Instance,
    paths: list[Drawn],
    spots: dict[tuple[str, bool], Floats],
) -> list[Floats]:
    """Draw the paths side by side; return points on them that labels should leave free."""
    widths = [float(np.clip(1.2 + 0.8 * np.sqrt(path.copies), 1.5, 4.5)) for path in paths]
    most = float(np.clip(0.5 * canvas.typical_link(instance), 9.0, 32.0))
    offsets, widths = lane_offsets([path.nodes for path in paths], canvas.points, widths, most)
    marks = []
    for k, (path, offset, width) in enumerate(zip(paths, offsets, widths, strict=True)):
        name = instance.requests[path.request].id
        style = request_style(path.request)
        route = Route(
            canvas.places[path.nodes],
            offset,
            spots[name, True],
            spots[name, False],
            edgecolor=style.color,
            linestyle=style.linestyle,
            linewidth=width,
            capstyle="butt",
            joinstyle="round",
            zorder=2 + k / (2 * len(paths)),
            gid=f"route-{k}-request-{path.request}",
            path_effects=[withStroke(linewidth=width + 0.7, foreground="white")],
        )
        canvas.ax.add_artist(route)
        steps = np.diff(canvas.points[path.nodes], axis=0)
        aside = np.stack([-steps[:, 1], steps[:, 0]], axis=1)
        aside *= (offset / np.maximum(np.linalg.norm(steps, axis=1), 1e-9))[:, None]
        starts = canvas.points[path.nodes[:-1]] + aside
        marks.append(np.vstack([starts + share * steps for share in np.linspace(0.05, 0.95, 20)]))
    return marks


def _facts(plan: Plan) -> list[str]:
    """Return status, objective, bound, gap and the checker's word."""
    facts = [plan.status.replace("_", " ")]
    if plan.relaxed:
        facts.append("relaxed")
    facts.append("no objective" if plan.objective is None else f"objective {number(plan.objective)}")
    facts.append("no bound" if plan.bound is None else f"bound {number(plan.bound)}")
    if plan.gap is not None:
        gap = telling_gap(plan.objective, plan.bound)
        facts.append("gap -" if gap is None else "gap > 1000 %" if gap > LARGE else f"gap {100 * gap:.2g} %")
    broken = len(plan.violations)
    if plan.verified:
        facts.append("verified")
    elif broken:
        facts.append(f"not verified: {broken} violation{'s' * (broken != 1)}")
    else:
        facts.append("not verified" if plan.paths or plan.attempts else "nothing to verify")
    return [*facts, f"{plan.solver} {plan.solver_version}".strip()]


def _got(plan: Plan, request: Request) -> str:
    """Return what ``request`` got: connections, of how many wanted, how many were delivered."""
    if request.id not in plan.connections:
        return "no plan"
    count = connections(plan, request)
    words = number(count) if count > INTEGRALITY else "0"
    if request.demand is not None:
        words += f" of {request.demand}"
    if plan.delivered is not None:
        words += f" ({plan.delivered.get(request.id, 0)} delivered)"
    return words


def _use_key(wording: str, share: Floats) -> Key:
    """Return the legend of link colours; overuse is in it only where it occurs."""
    bins = [*USE_BINS, *([OVERUSE] if any(use_bin(part) == OVERUSE for part in share) else [])]
    samples = [Line2D([0], [0], color=color, linewidth=6.0, solid_capstyle="butt") for _, color, _ in bins]
    return wording, samples, [words for _, _, words in bins]
