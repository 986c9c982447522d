"""What a back end is: a named solver with capabilities that takes compiled arrays."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from threading import Event
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from milproute.formulations import CompiledModel
    from milproute.instances.arrays import Floats
    from milproute.solvers.results import SolveOptions, SolveResult, TracePoint


class Capability(StrEnum):
    """What a solver can do beyond linear programs."""

    INTEGER = "integer"
    SOS1 = "sos1"
    MIP_START = "mip-start"
    BOUND_TRACE = "bound-trace"
    INTERRUPT = "interrupt"
    SEED = "seed"
    THREADS = "threads"
    MEMORY_LIMIT = "memory-limit"


def _ignore(_: object) -> None:
    """Do nothing with what the solver tells."""


@dataclass(frozen=True, slots=True)
class Watch:
    """What a solver tells while it runs; ``stop.set()`` asks it to end with what it has."""

    on_point: Callable[[TracePoint], None] = _ignore
    on_incumbent: Callable[[Floats], None] = _ignore
    stop: Event = field(default_factory=Event)

    def in_units(self, unit: float) -> Watch:
        """Return a watch for a solve whose objective counts in units of ``unit``."""

        def on_point(point: TracePoint) -> None:
            q, bound = (None if x is None else x * unit for x in (point.objective, point.bound))
            self.on_point(replace(point, objective=q, bound=bound))

        return self if unit == 1.0 else Watch(on_point, self.on_incumbent, self.stop)


class Backend(Protocol):
    """A solver: one file in `milproute.solvers.backends`, one line in its registry."""

    @property
    def name(self) -> str:
        """Name in the registry."""

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What it can do beyond linear programs."""

    @property
    def version(self) -> str:
        """Version of the solver itself."""

    def solve(
        self,
        model: CompiledModel,
        options: SolveOptions,
        start: Floats | None = None,
        watch: Watch | None = None,
    ) -> SolveResult:
        """Solve ``model``: statuses, not exceptions, for whatever a solver may meet.

        Parameters
        ----------
        model, options : what and how.
        start : values of all columns to start from (NaN: unknown; the solver completes them).
        watch : told of every new trace point and incumbent, in the solver's thread.

        Raises
        ------
        OptionError : a native option that the solver does not have, a value that it refuses, or a model
            with sets that it does not know.
        OutputError : the log cannot be written.
        BackendError : the solver refuses the model or the start.
        """

    def write(self, model: CompiledModel, path: Path) -> None:
        """Write ``model`` to ``path`` in the MPS format."""


class Around:
    """A back end around another: by itself it only says who is inside.

    Parameters
    ----------
    backend : who solves.
    """

    def __init__(self, backend: Backend) -> None:
        self.backend = backend

    @property
    def name(self) -> str:
        """Name of the back end that solves."""
        return self.backend.name

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What the back end that solves can do."""
        return self.backend.capabilities

    @property
    def version(self) -> str:
        """Version of the solver."""
        return self.backend.version

    def write(self, model: CompiledModel, path: Path) -> None:
        """Write ``model`` as the solver gets it."""
        self.backend.write(model, path)
