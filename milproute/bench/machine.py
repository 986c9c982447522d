"""What every table of measurements says of the machine."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path


def machine() -> str:
    """Name cores, processor, Python and the packages that set the pace."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    packages = ", ".join(f"{name} {version(name)}" for name in ("highspy", "pyomo", "numpy"))
    cores = f"{os.cpu_count()} cores ({model or platform.machine()})"
    return f"{cores}, Python {platform.python_version()}, {packages}"


def table_head(*names: str) -> list[str]:
    """Return the two first lines of a Markdown table."""
    return [f"| {' | '.join(names)} |", "|---" * len(names) + "|"]
