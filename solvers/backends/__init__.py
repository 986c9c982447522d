"""The registry of back ends: a name, where it lives, and how to get it.

Ours are `BACKENDS`. Others come with their packages, through the entry-point group `GROUP`:

    [project.entry-points."milproute.solvers"]
    mysolver = "mypackage.backend:MySolver"

where the class is a `Backend` that needs no arguments. A name of ours stays ours.

There is no fourth solver of ours, for none that pip installs serves these models honestly: OR-tools'
CP-SAT has whole columns only, where the value of a neuron is continuous, and its wheel needs an older
protobuf than onnx; CBC through CylP 0.94 takes neither start nor seed nor SOS1 sets, cannot be stopped and
tells no bound while it runs; CBC through python-mip 2.0 does, with 600 MB of libraries.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from milproute.instances.errors import unknown_name
from milproute.solvers.results import BackendError, MissingSolverError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from importlib.metadata import EntryPoint

    from milproute.solvers.interface import Backend

GROUP = "milproute.solvers"


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a back end lives and which package brings its solver.

    Parameters
    ----------
    module, attribute : of the class.
    package : that must be importable.
    licence : of the solver, in words.
    remedy : how to install it.
    licence_state : name of a function in the module that says what the licence allows here and now;
        None where there is nothing to find out.
    """

    module: str
    attribute: str
    package: str
    licence: str
    remedy: str
    licence_state: str | None = None


BACKENDS: dict[str, Entry] = {
    "highs": Entry(
        "milproute.solvers.backends.highs", "Highs", "highspy", "MIT, free", "pip install 'highspy>=1.15.1'"
    ),
    "gurobi": Entry(
        "milproute.solvers.backends.gurobi",
        "Gurobi",
        "gurobipy",
        "commercial, free for academics",
        "pip install 'milproute[gurobi]'",
        "licence_state",
    ),
    "scip": Entry(
        "milproute.solvers.backends.scip",
        "Scip",
        "pyscipopt",
        "Apache 2.0, free",
        "pip install 'milproute[scip]'",
    ),
}


def third_parties() -> Mapping[str, tuple[EntryPoint, ...]]:
    """Return the entry points of other packages by name; nothing is loaded."""
    found: dict[str, tuple[EntryPoint, ...]] = {}
    for point in entry_points(group=GROUP):
        found[point.name] = (*found.get(point.name, ()), point)
    return found


def backend_names() -> list[str]:
    """Return all names that `load_backend` knows, installed or not, ours first."""
    return [*BACKENDS, *sorted(set(third_parties()) - set(BACKENDS))]


def is_installed(name: str) -> bool:
    """Whether the solver's package can be imported; nothing is loaded."""
    return name not in BACKENDS or find_spec(BACKENDS[name].package) is not None


def load_backend(name: str) -> Backend:
    """Return the back end ``name``; only now its solver is imported.

    Raises
    ------
    OptionError : unknown name; the message has the nearest one.
    MissingSolverError : the solver is not installed, or its library does not load; with the remedy.
    BackendError : a back end of another package that cannot be loaded or is none; the message names it.
    """
    if name not in BACKENDS:
        return _load_third_party(name)
    entry = BACKENDS[name]
    if not is_installed(name):
        raise MissingSolverError(f"solver {name!r} is not installed. Remedy: {entry.remedy}")
    try:
        backend: Backend = getattr(import_module(entry.module), entry.attribute)()
    except ImportError as error:
        raise MissingSolverError(
            f"solver {name!r} is installed but does not load: {error}. Remedy: {entry.remedy}"
        ) from error
    return backend


def _load_third_party(name: str) -> Backend:
    points = third_parties().get(name, ())
    if not points:
        raise unknown_name("solver", name, backend_names())
    if len(points) > 1:
        raise BackendError(f"solver {name!r} comes from {_sources(points)}. Remedy: uninstall all but one")
    try:
        backend: Backend = points[0].load()()
        missing = [
            word
            for word in ("name", "version", "capabilities", "solve", "write")
            if not hasattr(backend, word)
        ]
    except Exception as error:  # whatever foreign code raises at import: name whose it is
        raise BackendError(
            f"solver {name!r} from {_sources(points)} cannot be loaded: {type(error).__name__}: {error}. "
            "Remedy: mend or uninstall that package"
        ) from error
    if missing:
        raise BackendError(
            f"solver {name!r} from {_sources(points)} is no back end: it lacks {', '.join(missing)}"
        )
    return backend


def _sources(points: tuple[EntryPoint, ...]) -> str:
    """Name packages and places of entry points."""
    return " and ".join(f"{p.dist.name if p.dist else 'an unknown package'} ({p.value})" for p in points)


def availability() -> list[dict[str, Any]]:
    """Describe every known solver: installed or not, version, licence and its state, capabilities, remedy.

    ``problem`` says why one that is installed cannot be used, or whose name is not taken.
    """
    return [_describe(name) for name in backend_names()]


def _describe(name: str) -> dict[str, Any]:
    entry, problem, backend = BACKENDS.get(name), None, None
    points = third_parties().get(name, ())
    if is_installed(name):
        try:
            backend = load_backend(name)
        except (MissingSolverError, BackendError) as error:
            problem = str(error)
    if entry is not None and points:
        problem = f"{_sources(points)} has the same name and is not used. Remedy: rename it"
    return {
        "name": name,
        "installed": is_installed(name),
        "version": backend.version if backend else None,
        "licence": entry.licence if entry else None,
        "licence_state": _licence_state(entry) if entry and backend else None,
        "capabilities": sorted(backend.capabilities) if backend else [],
        "source": _sources(points) if entry is None else "milproute",
        "remedy": entry.remedy if entry and not is_installed(name) else None,
        "problem": problem,
    }


def _licence_state(entry: Entry) -> str:
    if entry.licence_state is None:
        return "none needed"
    return str(getattr(import_module(entry.module), entry.licence_state)())
