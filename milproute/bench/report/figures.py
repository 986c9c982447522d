"""Figures of a ranking for plotly; colours of text and grid are left to the page, light or dark."""

from __future__ import annotations

import json
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from milproute.bench.report.metrics import (
    Curve,
    charged,
    gap_over_time,
    mean_interval,
    performance_profiles,
    solved_over_time,
)
from milproute.bench.report.ranking import SEED, instance_numbers, task_label
from milproute.instances.optional import optional_package

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from milproute.bench.report.history import History
    from milproute.bench.report.ranking import Configuration, Ranking
    from milproute.instances.arrays import Flags, Floats

# Okabe and Ito (2008) without black and yellow, which vanish on a dark and on a white page.
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
DASHES = ("solid", "dash", "dot", "dashdot")
SHAPES = ("circle", "square", "diamond", "triangle-up")
SHOWN = 12  # configurations that are drawn at first; a click on the legend draws the others
SHORTEST = 1e-3  # seconds: where a logarithmic axis begins at the latest
GRID = 80
RATIO = "time ÷ best time on the task"
SOFT = "#7d8791"  # on white and on black
NAME = "<b>%{fullData.name}</b><br>"


def look(index: int) -> tuple[str, str, str]:
    """Return colour, dash and marker of a configuration; the first 24 differ."""
    round_ = index // len(PALETTE) % len(DASHES)
    return PALETTE[index % len(PALETTE)], DASHES[round_], SHAPES[round_]


def figures(ranking: Ranking, rows: Mapping[str, int]) -> Any:
    """Return all figures of a ranking as JSON values.

    Parameters
    ----------
    rows : row of each cell in the table of cells, by key: a point leads there.
    """
    return {
        "profile": profile(ranking),
        "solved": solved(ranking),
        "gap": gap(ranking),
        "primal": primal(ranking),
        "size": size(ranking, rows),
        "pairs": pairs(ranking, rows),
    }


def profile(ranking: Ranking) -> Any:
    """Draw the performance profiles over the common tasks, of the configurations that ran them."""
    tasks, partial = ranking.common, ranking.partial
    drawn = [(i, c) for i, c in enumerate(ranking.configurations) if c.label not in partial]
    if not tasks:
        return _figure([], _log(RATIO, ()), _share("share of tasks"), "no task that all of them ran")
    times = np.full((len(tasks), len(drawn)), np.inf)
    for column, (_, configuration) in enumerate(drawn):
        cells = [configuration.cells[task] for task in tasks]
        times[:, column] = [cell.record.time if cell.solved else np.inf for cell in cells]
    curves = performance_profiles(times)
    end = 1.2 * max((curve.x[-1] for curve in curves), default=1.0)
    hover = NAME + "%{y:.0%} within %{x:.3g} times the best<extra></extra>"
    lines = [_step_line(i, ranking, curve, end, hover) for (i, _), curve in zip(drawn, curves, strict=True)]
    return _figure(lines, _log(RATIO, (1.0, end)), _share("share of tasks"))


def solved(ranking: Ranking) -> Any:
    """Draw the share of its cells that each configuration solved within a time."""
    curves = [
        solved_over_time(np.where(configuration.solved, configuration.times, np.inf))
        for configuration in ranking.configurations
    ]
    begin = _begin(curve.x[curve.x > 0].min(initial=np.inf) for curve in curves)
    curves = [Curve(np.maximum(curve.x, begin), curve.y) for curve in curves]
    end = max(float(configuration.limits.max()) for configuration in ranking.configurations)
    end = max(end, *(curve.x[-1] for curve in curves))
    hover = NAME + "%{y:.0%} solved within %{x:.3g} s<extra></extra>"
    lines = [_step_line(i, ranking, curve, end, hover) for i, curve in enumerate(curves)]
    return _figure(lines, _log("time (s)", (begin, end)), _share("share of cells solved"))


def gap(ranking: Ranking) -> Any:
    """Draw the mean gap between incumbent and bound over time."""
    pasts = [[cell.history for cell in c.cells.values()] for c in ranking.configurations]
    begin = _begin(past.seconds[_closing(past)].min(initial=np.inf) for own in pasts for past in own)
    end = max(float(configuration.limits.max()) for configuration in ranking.configurations)
    grid = np.geomspace(min(begin, end), end, GRID)
    hover = NAME + "mean gap %{y:.1%} after %{x:.3g} s<extra></extra>"
    lines = []
    for i, own in enumerate(pasts):
        mean = np.mean([gap_over_time(*past, grid) for past in own], axis=0)
        lines.append(_line(i, ranking, grid, mean, hover))
    return _figure(lines, _log("time of the solver (s)", grid), _share("mean gap"))


def primal(ranking: Ranking) -> Any:
    """Draw the mean primal integral of each configuration with its bootstrap interval."""
    bars = []
    for i, configuration in enumerate(ranking.configurations):
        values = configuration.primal_integrals
        mean = float(values.mean())
        low, high = mean_interval(values, instance_numbers(configuration), np.random.default_rng(SEED))
        known = not np.isnan(low)
        error = {"type": "data", "array": [high - mean], "arrayminus": [mean - low], "color": SOFT}
        bars.append(
            {
                "type": "bar",
                "orientation": "h",
                "x": [mean],
                "y": [str(i + 1)],
                "marker": {"color": look(i)[0]},
                "hovertemplate": NAME + "mean primal integral %{x:.3g} s<extra></extra>",
                **({"error_x": error} if known else {}),
                **_name(i, configuration),
            }
        )
    numbers = {"title": "configuration", "type": "category", "autorange": "reversed"}
    return _figure(bars, {"title": "mean primal integral (s)", "rangemode": "tozero"}, numbers)


def size(ranking: Ranking, rows: Mapping[str, int]) -> Any:
    """Draw the time of each cell against the size of its model; an unsolved one at its limit, hollow."""
    traces = []
    for i, configuration in enumerate(ranking.configurations):
        sized = [(t, c, c.record.size) for t, c in configuration.cells.items() if c.record.size is not None]
        cells = [cell for _, cell, _ in sized]
        shape = look(i)[2]
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "x": [max(1, size.nonzeros) for _, _, size in sized],
                "y": _charged(cells).tolist(),
                "marker": {
                    "color": look(i)[0],
                    "size": 7,
                    "opacity": 0.75,
                    "symbol": [shape if cell.solved else f"{shape}-open" for cell in cells],
                },
                "customdata": [rows[cell.record.key] for cell in cells],
                "text": [
                    escape(task_label(task)) for task, c in configuration.cells.items() if c.record.size
                ],
                "hovertemplate": NAME + "%{text}<br>%{x:,} nonzeros, %{y:.3g} s<extra></extra>",
                **_name(i, configuration),
            }
        )
    nonzeros, seconds = (np.concatenate([trace[axis] for trace in traces]) for axis in "xy")
    return _figure(traces, _log("nonzeros of the model", nonzeros, tick="~s"), _log("time (s)", seconds))


def pairs(ranking: Ranking, rows: Mapping[str, int]) -> Any:
    """Return what the page needs to set any configuration against any other: times by task."""
    columns = []
    for configuration in ranking.configurations:
        cells = [configuration.cells.get(task) for task in ranking.tasks]
        there = [cell for cell in cells if cell is not None]
        seconds = iter(_charged(there).tolist())
        columns.append(
            {
                "times": [None if cell is None else float(f"{next(seconds):.4g}") for cell in cells],
                "solved": [int(cell is not None and cell.solved) for cell in cells],
                "rows": [None if cell is None else rows[cell.record.key] for cell in cells],
            }
        )
    return {"tasks": [escape(task_label(task)) for task in ranking.tasks], "columns": columns}


def _closing(past: History) -> Flags:
    """Return when incumbent and bound are both there, which is when the gap leaves 100 %."""
    return np.isfinite(past.objectives) & np.isfinite(past.bounds) & (past.seconds > 0)


def _charged(cells: Sequence[Any]) -> Floats:
    """Return the time of each cell, at the limit where unsolved, as a logarithmic axis can take it."""
    times = np.array([cell.record.time for cell in cells], dtype=float)
    limits = np.array([cell.record.spec.time_limit for cell in cells], dtype=float)
    return np.maximum(charged(times, np.array([cell.solved for cell in cells], dtype=bool), limits), SHORTEST)


def _name(index: int, configuration: Configuration) -> dict[str, Any]:
    name = f"{index + 1} {configuration.label}"
    return {"name": escape(name), "meta": index, "visible": True if index < SHOWN else "legendonly"}


def _line(index: int, ranking: Ranking, x: Floats, y: Floats, hover: str) -> dict[str, Any]:
    colour, dash, _ = look(index)
    return {
        "type": "scatter",
        "mode": "lines",
        "x": x,
        "y": y,
        "line": {"color": colour, "dash": dash, "width": 2},
        "hovertemplate": hover,
        **_name(index, ranking.configurations[index]),
    }


def _step_line(index: int, ranking: Ranking, curve: Curve, end: float, hover: str) -> dict[str, Any]:
    """Return a step function drawn on to the right end of the axis."""
    x = np.append(curve.x, end)
    line = _line(index, ranking, x, np.append(curve.y, curve.y[-1]), hover)
    return {**line, "line": line["line"] | {"shape": "hv"}}


def _begin(smallest: Iterable[float]) -> float:
    """Return where a logarithmic axis of seconds begins."""
    least = min(smallest, default=np.inf)
    return max(SHORTEST, float(least) / 1.5) if np.isfinite(least) else SHORTEST


def _log(title: str, values: Iterable[float], tick: str = "~g") -> dict[str, Any]:
    """Return a logarithmic axis with labels at 1, 2 and 5, or at few enough powers of ten not to meet."""
    known = [value for value in values if value > 0]
    decades = np.log10(max(known) / min(known)) if known else 0.0
    step = "D2" if decades < 2.3 else -(-decades // 5)
    return {"title": title, "type": "log", "tickformat": tick, "dtick": step}


def _share(title: str) -> dict[str, Any]:
    return {"title": title, "range": [-0.02, 1.02], "tickformat": ".0%"}


def _figure(
    traces: Sequence[Mapping[str, Any]], x: Mapping[str, Any], y: Mapping[str, Any], instead: str = ""
) -> Any:
    """Check a figure against plotly's schema and return it as JSON values.

    Parameters
    ----------
    instead : what an empty figure says.
    """
    graph_objects = optional_package("plotly.graph_objects", "bench", "the figures of the report")
    axes = {name: {**axis, "title": {"text": axis["title"]}} for name, axis in (("xaxis", x), ("yaxis", y))}
    layout: dict[str, Any] = {**axes, "showlegend": False, "hovermode": "closest", "template": None}
    if instead:
        place = {"x": 0.5, "y": 0.5, "xref": "paper", "yref": "paper", "showarrow": False}
        layout["annotations"] = [{"text": instead, **place}]
    return json.loads(graph_objects.Figure(data=list(traces), layout=layout).to_json())
