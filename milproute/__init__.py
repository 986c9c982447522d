"""Entanglement routing in quantum networks as mixed-integer programs: ``import milproute as mr``.

Everything public is here and loaded on first use: importing milproute loads neither Pyomo nor a solver.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from instances import (
        Instance,
        InstanceError,
        Link,
        MilprouteError,
        Network,
        Node,
        OptionError,
        Plan,
        PlanError,
        Request,
        Violation,
        check,
        generate,
        library_names,
        load_instance,
        load_plan,
        resolve,
        save,
    )
    from milproute.plotting import plot_network, plot_plan, save_figure
    from solvers import SolveOptions, solve

_ROOMS = {
    "instances": (
        "Instance",
        "InstanceError",
        "Link",
        "MilprouteError",
        "Network",
        "Node",
        "OptionError",
        "Plan",
        "PlanError",
        "Request",
        "Violation",
        "check",
        "generate",
        "library_names",
        "load_instance",
        "load_plan",
        "resolve",
        "save",
    ),
    "solvers": ("SolveOptions", "solve"),
    "milproute.plotting": ("plot_network", "plot_plan", "save_figure"),
}
_HOME = {name: room for room, names in _ROOMS.items() for name in names}

__all__ = [
    "Instance",
    "InstanceError",
    "Link",
    "MilprouteError",
    "Network",
    "Node",
    "OptionError",
    "Plan",
    "PlanError",
    "Request",
    "SolveOptions",
    "Violation",
    "check",
    "generate",
    "library_names",
    "load_instance",
    "load_plan",
    "plot_network",
    "plot_plan",
    "resolve",
    "save",
    "save_figure",
    "solve",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'milproute' has no attribute {name!r}")
    value = getattr(_room(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})


def _room(name: str) -> Any:
    """Import a room, and make sure that it is ours: its name is not unusual."""
    home = Path(__file__).resolve().parent.parent
    top = import_module(name.partition(".")[0])
    files = [top.__file__] if top.__file__ else list(top.__path__)
    if Path(files[0] or "").resolve().parent.parent != home and Path(files[0] or "").resolve().parent != home:
        raise ImportError(
            f"milproute needs its own package {name!r} in {home}, but {files[0]} is in the way. "
            "Rename that file, or start Python from another folder."
        )
    return import_module(name)
