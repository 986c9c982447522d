"""What every table of measurements says of the machine."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from milproute.bench.records.record import Machine

# Versions that set the pace or decide the answer.
PACKAGES = ("milproute", "highspy", "gurobipy", "pyscipopt", "pyomo", "numpy", "scipy", "networkx")
CPUS = Path("/sys/devices/system/cpu")
QUOTA = Path("/sys/fs/cgroup/cpu.max")


def machine() -> str:
    """Name cores, processor, Python and the packages that set the pace."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("highspy", "pyomo", "numpy"))
    return f"{os.cpu_count()} cores ({_processor()}), Python {platform.python_version()}, {packages}"


def table_head(*names: str) -> list[str]:
    """Return the two first lines of a Markdown table."""
    return [f"| {' | '.join(names)} |", "|---" * len(names) + "|"]


@cache
def describe_machine() -> Machine:
    """Describe the machine that this process runs on, its load apart."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return Machine(
        name=platform.node() or "unnamed",
        cpu=_processor(),
        cores=os.cpu_count() or 1,
        memory_mb=pages // 2**20,
        system=platform.platform(),
        python=platform.python_version(),
        packages=package_versions(*PACKAGES),
        governor=_first_line(CPUS / "cpu0/cpufreq/scaling_governor"),
        commit=_commit(),
    )


def package_versions(*names: str) -> dict[str, str]:
    """Return the versions of those packages that are installed."""
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def load() -> float:
    """Return the load average of the last minute."""
    return os.getloadavg()[0]


def usable_cpus() -> list[int]:
    """List the logical CPUs that this process may use, one of each core before the second of any.

    A container's share of CPU time (cgroup v2) may allow fewer than it shows.
    """
    mine = sorted(os.sched_getaffinity(0)) if sys.platform == "linux" else list(range(os.cpu_count() or 1))
    turns: dict[str, int] = {}
    order = []
    for cpu in mine:
        core = _first_line(CPUS / f"cpu{cpu}/topology/thread_siblings_list") or str(cpu)
        turns[core] = turns.get(core, -1) + 1
        order.append((turns[core], cpu))
    ranked = [cpu for _, cpu in sorted(order)]
    return ranked[: _quota() or len(ranked)]


def core_count(cpus: list[int]) -> int:
    """Count the cores that ``cpus`` belong to: two threads of one core slow each other down."""
    return len({_first_line(CPUS / f"cpu{cpu}/topology/thread_siblings_list") or str(cpu) for cpu in cpus})


def _quota() -> int | None:
    """Return how many CPUs the container's share amounts to, at least one; None for no limit."""
    share, _, period = (_first_line(QUOTA) or "max").partition(" ")
    return None if share == "max" else max(1, int(share) // int(period))


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return model or platform.machine()


def _first_line(path: Path) -> str | None:
    return path.read_text().strip() if path.exists() else None


def _commit() -> str | None:
    """Return the commit of the checkout that milproute runs from, with ``+`` if a file differs from it."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    git = ["git", "-C", str(root)]
    changes = [*git, "status", "--porcelain", "--untracked-files=no"]
    try:
        head, changed = (
            subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout.strip()
            for command in ([*git, "rev-parse", "HEAD"], changes)
        )
    except (OSError, subprocess.SubprocessError):  # no git here, or it does not trust the folder
        return None
    return f"{head}+" if changed else head
