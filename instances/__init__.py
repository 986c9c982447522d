"""What a problem is: networks, requests, plans, Q-nets, physics, the checker, generators, files."""

from __future__ import annotations

from milproute.instances.checker.check import check
from milproute.instances.errors import (
    DocumentError,
    InstanceError,
    MilprouteError,
    MissingPackageError,
    OptionError,
    OutputError,
    PlanError,
    QNetError,
)
from milproute.instances.files import load_instance, load_plan, save
from milproute.instances.generators.generate import generate
from milproute.instances.instance import Instance, Metadata, Request
from milproute.instances.library import library_names
from milproute.instances.network import Link, Network, Node
from milproute.instances.plan import (
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
from milproute.instances.qnets.net import QNet
from milproute.instances.qnets.safetensors import load_qnet, save_qnet
from milproute.instances.resolve import resolve

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
