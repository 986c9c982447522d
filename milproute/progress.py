"""Progress: one live line on stderr while a solver runs."""

from __future__ import annotations

from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING

from rich.live import Live
from rich.text import Text

from milproute.shown import gap_text, number_text
from milproute.solvers import Watch

FRESH = 2.0  # seconds for which a new incumbent keeps its star

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from milproute.solvers import TracePoint


class _Line:
    """The line: redrawn by rich a few times a second, so that the clock runs between events."""

    def __init__(self, title: str) -> None:
        self.title, self.begin = title, perf_counter()
        self.point: TracePoint | None = None
        self.found = float("-inf")

    def hear(self, point: TracePoint) -> None:
        """Take a trace point; a better objective is a new incumbent."""
        before = self.point.objective if self.point else None
        if point.objective is not None and point.objective != before:
            self.found = perf_counter()
        self.point = point

    def __rich__(self) -> Text:
        line = Text(f"{self.title}  time {perf_counter() - self.begin:6.1f} s", style="cyan")
        if self.point is None:
            return line.append(" | preparing", style="dim")
        best, bound = self.point.objective, self.point.bound
        line.append(f" | nodes {self.point.nodes} | best {number_text(best)}")
        line.append("*" if perf_counter() - self.found < FRESH else " ", style="bold green")
        line.append(f" | bound {number_text(bound)} | gap {gap_text(best, bound)}")
        return line.append(" (Ctrl-C stops with the best so far)", style="dim")


@contextmanager
def live_progress(console: Console, title: str) -> Iterator[Watch]:
    """Show a live line while the block runs; nothing at all where stderr is no terminal."""
    if not console.file.isatty():  # rich calls a pipe a terminal when FORCE_COLOR is set
        yield Watch()
        return
    line = _Line(title)
    with Live(line, console=console, refresh_per_second=4, transient=True):
        yield Watch(on_point=line.hear)
