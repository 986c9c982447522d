"""Run: one native solve in a thread of its own, what it told, and how it is asked to stop."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from threading import Event
from time import perf_counter
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from milproute.solvers.results import BackendError, TracePoint, settle

if TYPE_CHECKING:
    from collections.abc import Callable

    from milproute.formulations import CompiledModel
    from milproute.instances.arrays import Floats
    from milproute.solvers.interface import Watch
    from milproute.solvers.results import SolveResult

T = TypeVar("T")

STOPPED = "stopped on request"
POLL = 0.05
# Seconds between trace points that tell of no new incumbent: HiGHS speaks no oftener, and so traces compare.
INTERVAL = 0.5


class Run:
    """One solve: runs in a thread, so that Ctrl-C reaches us; keeps the trace.

    Parameters
    ----------
    solver : who solves.
    model : what is solved.
    watch : told of every new trace point and incumbent, in the solver's thread.

    Raises
    ------
    BackendError : a model with nan, or infinite costs or coefficients; some solvers take them silently.
    """

    def __init__(self, solver: str, model: CompiledModel, watch: Watch) -> None:
        if not _is_sound(model):
            raise BackendError(
                f"{solver} refuses the compiled model: it has nan, or an infinite cost or coefficient; "
                "write it with --write-model and report it"
            )
        self.model, self.watch = model, watch
        self.trace, self.seconds, self.begin = list[TracePoint](), 0.0, perf_counter()
        self._asked = Event()

    @property
    def stopping(self) -> bool:
        """Whether somebody asked the solver to stop."""
        if self.watch.stop.is_set():
            self._asked.set()
        return self._asked.is_set()

    def go(self, work: Callable[[], T], interrupt: Callable[[], object]) -> T:
        """Do ``work`` to the end; Ctrl-C and ``watch.stop`` call ``interrupt`` until it ends.

        What ``work`` returns is returned, and what it raises is raised.
        """
        start = perf_counter()
        self.begin = start - self.seconds
        with ThreadPoolExecutor(1) as pool:
            future = pool.submit(work)
            while not future.done():
                try:
                    wait([future], POLL)
                    if not future.done() and self.stopping:
                        interrupt()
                except KeyboardInterrupt:
                    self._asked.set()
        self.seconds += perf_counter() - start
        return future.result()

    def left(self, limit: float | None) -> float:
        """Seconds of a time limit that no run has used."""
        return float("inf") if limit is None else max(limit - self.seconds, 1e-3)

    def tell(self, nodes: int, objective: float | None, bound: float | None) -> None:
        """Keep a trace point; one that has no better objective is left out if it comes too soon.

        What was known stays known: a solver that restarts may speak of less.
        """
        now, last = perf_counter() - self.begin, self.trace[-1] if self.trace else None
        if last is not None:
            nodes = max(nodes, last.nodes)
            best, tightest = (max, min) if self.model.maximize else (min, max)
            objective = _of(best, objective, last.objective)
            bound = _of(tightest, bound, last.bound)
            if objective == last.objective and now < last.seconds + INTERVAL:
                return
        self._add(TracePoint(now, nodes, objective, bound))

    def tell_incumbent(self, values: Floats) -> None:
        """Pass a new incumbent on, one value a column."""
        self.watch.on_incumbent(values)

    def conclude(self, claim: SolveResult) -> SolveResult:
        """Settle the claim and end the trace with it."""
        message = claim.message
        if self._asked.is_set() and claim.status == "time_limit":
            message = message or STOPPED
        claim = replace(settle(claim, self.model), message=message)
        if not self.model.is_linear and claim.objective is not None:
            self._add(TracePoint(self.seconds, claim.nodes, claim.objective, claim.bound))
        return replace(claim, trace=tuple(self.trace))

    def _add(self, point: TracePoint) -> None:
        self.trace.append(point)
        self.watch.on_point(point)


def _is_sound(model: CompiledModel) -> bool:
    """Whether costs and coefficients are finite, and no bound is nan."""
    finite = (model.cost, model.matrix.data, np.array([model.offset]))
    sides = (model.lower, model.upper, model.row_lower, model.row_upper)
    return all(np.isfinite(part).all() for part in finite) and not any(np.isnan(s).any() for s in sides)


def _of(better: Callable[..., float], now: float | None, before: float | None) -> float | None:
    """Return the better of two values, either of which may be missing."""
    return better((value for value in (now, before) if value is not None), default=None)
