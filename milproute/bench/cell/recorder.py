"""Recorder: a back end that notes what each solve of a cell tells, also if the cell does not survive it."""

from __future__ import annotations

from math import isfinite
from time import perf_counter
from typing import TYPE_CHECKING

from milproute.bench.records.trace_file import write_point
from milproute.instances.tolerances import REFUTATION
from milproute.solvers import TracePoint, Watch
from milproute.solvers.interface import Around

if TYPE_CHECKING:
    from pathlib import Path

    from milproute.bench.records.record import Point
    from milproute.formulations import CompiledModel
    from milproute.instances.arrays import Floats
    from milproute.solvers import Backend, SolveOptions, SolveResult

MOST_POINTS = 2_000  # of a trace; a solver that tells more is heard, not noted


class Recorder(Around):
    """A back end like the one it wraps, which notes nodes, iterations, trace, bounds and wrong answers.

    Seconds of the trace count from the first solve. The points also go, one JSON list a line, to the file
    ``stream`` as they come: it appears when the first solve begins, and outlives a killed process.

    Parameters
    ----------
    backend : who solves.
    stream : the file.
    whole : whether the integer models of the cell have the cell's objective. Those of a whole slot do not.
    """

    def __init__(self, backend: Backend, stream: Path, *, whole: bool = True) -> None:
        super().__init__(backend)
        self.nodes, self.iterations, self.native_status = 0, 0, ""
        self.trace: list[Point] = []
        self.breaches: list[str] = []
        self.bounds: list[float] = []
        self._stream, self._whole = stream, whole
        self._begin: float | None = None
        self._failure: OSError | None = None

    def solve(
        self,
        model: CompiledModel,
        options: SolveOptions,
        start: Floats | None = None,
        watch: Watch | None = None,
    ) -> SolveResult:
        """Solve ``model``; see the class.

        Raises
        ------
        OSError : the trace could not be written.
        """
        now = perf_counter()
        if self._begin is None:
            self._begin = now
            self._stream.touch()
        offset, before, watch = now - self._begin, len(self.trace), watch or Watch()
        noted = self._whole and bool(model.integer.any())

        def hear(point: TracePoint) -> None:
            if noted:
                self._note(offset, point, model.unit)
            watch.on_point(point)

        result = self.backend.solve(model, options, start, Watch(hear, watch.on_incumbent, watch.stop))
        if noted and len(self.trace) == before:  # a back end that tells only in the end
            for point in result.trace:
                self._note(offset, point, model.unit)
        if self._failure is not None:
            raise self._failure
        self.nodes += result.nodes
        self.iterations += result.iterations
        self.native_status = result.native_status
        if noted and result.bound is not None:
            self.bounds.append(result.bound * model.unit)
        if result.status == "wrong_solution":
            self.breaches.append(result.message)
        return result

    def beaten(self, objective: float) -> list[str]:
        """Return the bounds of its solves that a checked objective (of a maximum) beats, a sentence each.

        A method may find a claim refuted and ask again: the answer is right then, and the solver was wrong.
        """
        return [
            f"a bound of {bound:z.9g} was claimed, and {objective:z.9g} is attained"
            for bound in self.bounds
            if objective > bound + REFUTATION * max(1.0, abs(bound))
        ]

    def _note(self, offset: float, point: TracePoint, unit: float) -> None:
        best, bound = (
            v * unit if v is not None and isfinite(v) else None for v in (point.objective, point.bound)
        )
        noted = (offset + point.seconds, point.nodes, best, bound)
        if len(self.trace) >= MOST_POINTS:
            self.trace[-1] = noted
            return
        self.trace.append(noted)
        try:
            write_point(self._stream, noted)
        except OSError as failure:  # a solver calls this, and none takes an exception well
            self._failure = failure
