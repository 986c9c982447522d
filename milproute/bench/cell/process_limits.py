"""Confine: what the process of a cell does to itself before it loads anything heavy."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

PR_SET_PDEATHSIG = 1


def confine(wanted: Mapping[str, Any]) -> None:
    """Die with the parent, join the control group, stay on the CPUs: a `Confinement` as plain JSON.

    Raises
    ------
    OSError : the system refuses the group or the CPUs.
    """
    if wanted.get("parent") is not None and sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != wanted["parent"]:  # it died before the line above
            os._exit(1)
    if wanted.get("group") is not None:
        Path(wanted["group"], "cgroup.procs").write_text(str(os.getpid()))
    if wanted.get("cpus") and sys.platform == "linux":
        os.sched_setaffinity(0, wanted["cpus"])


def limit_memory(megabytes: int | None) -> None:
    """Limit the address space of this process; None lifts what limits it."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (hard if megabytes is None else megabytes * 2**20, hard))


def peak_memory() -> float:
    """Return the largest resident memory of this process in MiB."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    # Unlike getrusage it does not count what the parent had when it forked.
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024
