"""Plots of benchmark results: how much is solved after how long, and how far from the quickest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from milproute.bench.report.metrics import performance_profiles, solved_over_time
from milproute.plotting.drawing.style import request_style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from milproute.bench.report.metrics import Curve

TASK = ["instance", "qnet", "relax", "seed", "permutation"]


def configurations(table: pd.DataFrame) -> pd.Series[str]:
    """Return the configuration of each cell in words: solver, variant and, unless exact, method.

    Parameters
    ----------
    table : as ``results.parquet`` of `milproute bench report` holds it.
    """
    method = table["method"].map(lambda name: "" if name == "exact" else f" · {name}")
    names: pd.Series[str] = table["selector"] + " · " + table["variant"] + method
    return names


def plot_solved(table: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw the share of cells solved (proven and checked) within a number of seconds, a curve each.

    Parameters
    ----------
    table : cells of one kind of problem, on one machine.
    ax : to draw on; a new figure without it.
    """
    ax = ax or Figure(figsize=(7.5, 3.6), layout="constrained").subplots()
    times = _times(table)
    most = float(table["time_limit"].max())
    curves = [solved_over_time(times[name].to_numpy()) for name in times]
    _draw(ax, list(times), curves, most)
    ax.set_xlim(0.01, most)
    ax.set_xlabel("seconds (all phases)")
    ax.set_ylabel("cells solved")
    return ax


def plot_profiles(table: pd.DataFrame, ax: Axes | None = None, most: float = 100.0) -> Axes:
    """Draw the performance profile (Dolan and Moré 2002): share solved within a factor of the quickest.

    Parameters
    ----------
    table, ax : as in `plot_solved`.
    most : largest factor shown.
    """
    ax = ax or Figure(figsize=(7.5, 3.6), layout="constrained").subplots()
    times = _times(table)
    _draw(ax, list(times), performance_profiles(times.to_numpy()), most)
    ax.set_xlim(1.0, most)
    ax.set_xlabel("time, as a multiple of the quickest on the same cell")
    ax.set_ylabel("cells solved")
    return ax


def _times(table: pd.DataFrame) -> pd.DataFrame:
    """Return seconds, a row a task and a column a configuration, best first; infinite where unsolved."""
    rows = table[TASK].astype("string").fillna("").agg(" ".join, axis=1)
    wide = table.assign(
        configuration=configurations(table), task=rows, seconds=table["time"].where(table["solved"], np.inf)
    ).pivot(index="task", columns="configuration", values="seconds")
    wide = wide.fillna(np.inf)
    order = sorted(wide, key=lambda name: (-np.isfinite(wide[name]).sum(), wide[name].median(), name))
    return wide[order]


def _draw(ax: Axes, names: list[str], curves: list[Curve], most: float) -> None:
    for i, (name, curve) in enumerate(zip(names, curves, strict=True)):
        style = request_style(i)
        x = np.append(curve.x, max(most, curve.x[-1]))
        y = np.append(curve.y, curve.y[-1])
        ax.step(x, y, where="post", label=name, color=style.color, linestyle=style.linestyle, linewidth=1.6)
    ax.set_xscale("log")
    ax.xaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_major_formatter(PercentFormatter(1.0))
    ax.set_ylim(0.0, 1.02)
    ax.grid(visible=True, linewidth=0.4, alpha=0.5)
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, fontsize=7.5, loc="center left", bbox_to_anchor=(1.0, 0.5))
