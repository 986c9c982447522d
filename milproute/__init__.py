"""Entanglement routing in quantum networks as mixed-integer programs: ``import milproute as mr``.

Everything public is here and loaded on first use: importing milproute loads neither Pyomo nor a solver.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from milproute.formulations.add_qnet import add_qnet
    from milproute.instances import (
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
    from milproute.solvers import SolveOptions, solve
    from milproute.solvers.argmax.argmax import argmax

_ROOMS = {
    "milproute.instances": (
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
    "milproute.formulations.add_qnet": ("add_qnet",),
    "milproute.solvers": ("SolveOptions", "solve"),
    "milproute.solvers.argmax.argmax": ("argmax",),
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
