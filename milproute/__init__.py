"""Entanglement routing in quantum networks as mixed-integer programs: ``import milproute as mr``.

Everything public is here and loaded on first use: importing milproute loads neither Pyomo nor a solver.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from formulations.predictor import add_qnet
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
        QNet,
        Request,
        Violation,
        check,
        generate,
        library_names,
        load_instance,
        load_plan,
        load_qnet,
        resolve,
        save,
        save_qnet,
    )
    from milproute.plotting import plot_network, plot_plan, save_figure
    from solvers import SolveOptions, solve
    from solvers.methods.argmax import argmax

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
        "QNet",
        "Request",
        "Violation",
        "check",
        "generate",
        "library_names",
        "load_instance",
        "load_plan",
        "load_qnet",
        "resolve",
        "save",
        "save_qnet",
    ),
    "formulations.predictor": ("add_qnet",),
    "solvers": ("SolveOptions", "solve"),
    "solvers.methods.argmax": ("argmax",),
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
    "QNet",
    "Request",
    "SolveOptions",
    "Violation",
    "add_qnet",
    "argmax",
    "check",
    "generate",
    "library_names",
    "load_instance",
    "load_plan",
    "load_qnet",
    "plot_network",
    "plot_plan",
    "resolve",
    "save",
    "save_figure",
    "save_qnet",
    "solve",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'milproute' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})


def _refuse_shadows() -> None:
    """Make sure that the other rooms are ours, before any is imported: their names are not unusual."""
    home = Path(__file__).resolve().parent.parent
    for room in ("instances", "formulations", "solvers"):
        module = sys.modules.get(room)
        found = module.__spec__ if module is not None else find_spec(room)
        file = found.origin if found is not None and found.has_location else None
        file = file or getattr(module, "__file__", None)
        folders = found.submodule_search_locations if found is not None else None
        place = Path(file) if file else Path(*list(folders)[:1]) if folders else None
        if place is None:
            raise ImportError(f"milproute needs its own package {room!r} in {home}: install milproute again.")
        if place.resolve() not in (home / room, home / room / "__init__.py"):
            raise ImportError(
                f"milproute needs its own package {room!r} in {home}, but {place} is in the way. "
                "Rename it, or start Python from another folder."
            )


_refuse_shadows()
