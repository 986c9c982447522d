"""Board: how a run goes, live on a terminal and a line now and then elsewhere."""

from __future__ import annotations

from collections import Counter, deque
from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING

from rich.console import Group
from rich.live import Live
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from milproute.bench.records.record import CellSpec, Record

EVERY = 30.0  # seconds between lines where stderr is no terminal
SHOWN = 5  # of the last failures
FAILURES = ("crash", "error", "wrong_solution", "memory_limit", "licence")


class Board:
    """Counts of a run: done, running with elapsed time, failures, time left.

    Parameters
    ----------
    title, total, done : name of the suite, its cells, and how many were finished before.
    console : where lines go; None while they are drawn live.
    """

    def __init__(self, title: str, total: int, done: int, console: Console) -> None:
        self.title, self.total, self.done = title, total, done
        self.statuses = Counter[str]()
        self.failures = deque[str](maxlen=SHOWN)
        self.workers = 1
        self._console, self._live = console, False
        self._running: dict[str, tuple[CellSpec, float]] = {}
        self._walls: list[float] = []
        self._spoken = perf_counter()

    def start(self, spec: CellSpec) -> None:
        """Note that a cell has begun; any thread may."""
        self._running[spec.key] = (spec, perf_counter())

    def finish(self, record: Record) -> None:
        """Note that a cell has ended."""
        self._running.pop(record.key, None)
        self.done += 1
        self.statuses[record.status] += 1
        self._walls.append(record.wall)
        if record.status in FAILURES:
            self.failures.append(f"{record.status}: {describe(record.spec)}: {record.message or ''}")
        self.tick()

    def drop(self, spec: CellSpec) -> None:
        """Note that a cell is lost with its worker and waits again."""
        self._running.pop(spec.key, None)

    def say(self, line: str) -> None:
        """Print a line, above the display where there is one."""
        self._console.print(line, markup=False, soft_wrap=True)

    def tick(self) -> None:
        """Print a line if the last one is long ago and nothing is drawn."""
        if not self._live and perf_counter() - self._spoken > EVERY:
            self._spoken = perf_counter()
            self.say(str(self._headline()))

    def __rich__(self) -> Group:
        now = perf_counter()
        running = [
            Text(f"  {now - begin:7.1f} s  {describe(spec)}", overflow="ellipsis", no_wrap=True)
            for spec, begin in list(self._running.values())
        ]
        failures = [
            Text(f"  {line}", style="red", overflow="ellipsis", no_wrap=True) for line in self.failures
        ]
        return Group(self._headline(), *running, *failures)

    def _headline(self) -> Text:
        line = Text(f"{self.title}: {self.done}/{self.total} cells", style="bold cyan")
        for status, number in self.statuses.most_common():
            line.append(f" | {number} {status}", style="red" if status in FAILURES else "")
        if self._running:
            line.append(f" | {len(self._running)} running")
        return line.append(f" | about {_words(self._left())} left" if self._walls else "", style="dim")

    def _left(self) -> float:
        """Guess the seconds that are left from the cells so far."""
        mean = sum(self._walls) / len(self._walls)
        return mean * (self.total - self.done) / self.workers

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Draw while the block runs, on a terminal."""
        if not self._console.file.isatty():  # rich calls a pipe a terminal when FORCE_COLOR is set
            yield
            return
        self._live = True
        with Live(self, console=self._console, refresh_per_second=4, transient=True):
            yield
        self._live = False


def describe(spec: CellSpec) -> str:
    """Name a cell for a person."""
    what = f"{spec.instance} {spec.formulation} {spec.variant}"
    net = f" {spec.qnet}" if spec.qnet else ""
    how = "".join(f" {word}" for word, given in (("relaxed", spec.relax), (spec.method, True)) if given)
    return f"{what}{net}{how} by {spec.selector}, seed {spec.seed}, permutation {spec.permutation}"


def _words(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return (
        f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
    )
