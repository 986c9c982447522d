"""How a model is solved: back ends, solution methods, results."""

from __future__ import annotations

from milproute.solvers.backends import BACKENDS, load_backend
from milproute.solvers.interface import Backend, Capability, Watch
from milproute.solvers.results import BackendError, MissingSolverError, SolveOptions, SolveResult, TracePoint
from milproute.solvers.solve import METHODS, solve
from milproute.solvers.wrappers.process import Worker

__all__ = [
    "BACKENDS",
    "METHODS",
    "Backend",
    "BackendError",
    "Capability",
    "MissingSolverError",
    "SolveOptions",
    "SolveResult",
    "TracePoint",
    "Watch",
    "Worker",
    "load_backend",
    "solve",
]
