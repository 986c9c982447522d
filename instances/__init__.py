"""What a problem is: networks, requests, plans, Q-nets, physics, the checker, generators, files."""

from __future__ import annotations

from instances.errors import (
    DocumentError,
    InstanceError,
    MilprouteError,
    MissingPackageError,
    OptionError,
    OutputError,
    PlanError,
    QNetError,
)
from instances.files import load_instance, load_plan, save
from instances.generators import generate
from instances.instance import Instance, Metadata, Request
from instances.library import library_names
from instances.network import Link, Network, Node
from instances.plan import (
    Attempt,
    DrawnPairs,
    ModelSize,
    NeuronCounts,
    Plan,
    RoutedPath,
    Status,
    Termination,
    Violation,
)
from instances.qnet import QNet, load_qnet, save_qnet
from instances.source import resolve
from instances.verify import check

__all__ = [
    "Attempt",
    "DocumentError",
    "DrawnPairs",
    "Instance",
    "InstanceError",
    "Link",
    "Metadata",
    "MilprouteError",
    "MissingPackageError",
    "ModelSize",
    "Network",
    "NeuronCounts",
    "Node",
    "OptionError",
    "OutputError",
    "Plan",
    "PlanError",
    "QNet",
    "QNetError",
    "Request",
    "RoutedPath",
    "Status",
    "Termination",
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
]
