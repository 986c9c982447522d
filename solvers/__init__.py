"""How a model is solved: back ends, solution methods, results."""

from __future__ import annotations

from solvers.backend import Backend, Capability, Watch
from solvers.backends import BACKENDS, load_backend
from solvers.results import BackendError, MissingSolverError, SolveOptions, SolveResult, TracePoint
from solvers.solve import METHODS, solve
from solvers.worker import Worker

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
