"""The registry of back ends: a name, where it lives, and how to get it."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from instances.errors import unknown_name
from solvers.results import MissingSolverError

if TYPE_CHECKING:
    from solvers.backend import Backend


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a back end lives and which package brings its solver."""

    module: str
    attribute: str
    package: str
    licence: str
    remedy: str


BACKENDS: dict[str, Entry] = {
    "highs": Entry(
        "solvers.backends.highs", "Highs", "highspy", "MIT, free", "pip install 'highspy>=1.15.1'"
    ),
}


def is_installed(name: str) -> bool:
    """Whether the solver's package can be imported; nothing is loaded."""
    return find_spec(BACKENDS[name].package) is not None


def load_backend(name: str) -> Backend:
    """Return the back end ``name``; only now its solver is imported.

    Raises
    ------
    OptionError : unknown name; the message has the nearest one.
    MissingSolverError : the solver is not installed; the message says how to install it.
    """
    if name not in BACKENDS:
        raise unknown_name("solver", name, BACKENDS)
    entry = BACKENDS[name]
    if not is_installed(name):
        raise MissingSolverError(f"solver {name!r} is not installed. Remedy: {entry.remedy}")
    backend: Backend = getattr(import_module(entry.module), entry.attribute)()
    return backend


def availability() -> list[dict[str, Any]]:
    """Describe every known solver: installed or not, version, licence, capabilities, remedy."""
    rows = []
    for name, entry in sorted(BACKENDS.items()):
        backend = load_backend(name) if is_installed(name) else None
        rows.append(
            {
                "name": name,
                "installed": backend is not None,
                "version": backend.version if backend else None,
                "licence": entry.licence,
                "capabilities": sorted(backend.capabilities) if backend else [],
                "remedy": None if backend else entry.remedy,
            }
        )
    return rows
