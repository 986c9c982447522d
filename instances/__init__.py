"""What a problem is: networks, requests, plans, physics, the checker, generators, files."""

from __future__ import annotations

from instances.errors import (
    DocumentError,
    InstanceError,
    MilprouteError,
    OptionError,
    OutputError,
    PlanError,
)
from instances.files import load_instance, load_plan, save
from instances.generators import generate
from instances.instance import Instance, Metadata, Request
from instances.library import library_names
from instances.network import Link, Network, Node
from instances.plan import Attempt, DrawnPairs, ModelSize, Plan, RoutedPath, Status, Violation
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
    "ModelSize",
    "Network",
    "Node",
    "OptionError",
    "OutputError",
    "Plan",
    "PlanError",
    "Request",
    "RoutedPath",
    "Status",
    "Violation",
    "check",
    "generate",
    "library_names",
    "load_instance",
    "load_plan",
    "resolve",
    "save",
]
