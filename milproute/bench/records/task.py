"""Task and Outcome: what travels to the process that runs a cell, and what comes back. Both as JSON text."""

from __future__ import annotations

from typing import Any

from milproute.bench.records.record import CellSpec, Machine, Record
from milproute.instances.schema import Count, Frozen


class Task(Frozen):
    """A cell to run, complete: no common disk is needed.

    Parameters
    ----------
    spec : the cell.
    document : its instance, where the label names a file of the machine that asks.
    qnet : its Q-net, likewise, as a .safetensors file in base64.
    run : name of the run that asks, by which its cells are ended.
    machine : where it runs, if that is known already.
    """

    spec: CellSpec
    document: dict[str, Any] | None = None
    qnet: str | None = None
    run: str = ""
    machine: Machine | None = None


class Outcome(Frozen):
    """How a cell ended, with the files that lie beside its record: the plan and the solver's log."""

    record: Record
    plan: dict[str, Any] | None = None
    log: str = ""


class Confinement(Frozen):
    """What the process of a cell does to itself first.

    Parameters
    ----------
    parent : process without which it is not to live on; None when it is nobody's child.
    cpus : the logical CPUs that it is to stay on; empty for any.
    group : folder of the control group with its memory limit, None where there is none.
    """

    parent: Count | None = None
    cpus: tuple[Count, ...] = ()
    group: str | None = None
