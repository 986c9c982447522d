"""The house: the core needs no optional package, and types, schemas and data ship with it."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.support.repository import ROOT

SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = SETTINGS["project"]
ROOMS = ("milproute", "solvers", "formulations", "instances")
OPTIONAL = ("torch", "gurobipy", "pyscipopt", "onnx", "omlt", "dask", "pandas")


def test_the_core_depends_on_no_optional_package() -> None:
    core = " ".join(PROJECT["dependencies"]).lower()
    assert not [name for name in OPTIONAL if name in core]


def test_solving_and_drawing_loads_no_optional_package() -> None:
    code = (
        "import sys, milproute as mr; i = mr.resolve('toy'); p = mr.solve(i); mr.plot_plan(i, p)\n"
        f"print([name for name in {OPTIONAL!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_is_typed(room: str) -> None:
    assert (ROOT / room / "py.typed").exists()


def test_every_extra_of_the_readme_is_declared() -> None:
    extras = PROJECT["optional-dependencies"]
    named = {"gurobi", "scip", "nets", "learn", "bench", "cluster", "sequence", "notebooks", "all", "dev"}
    assert named <= set(extras)


def test_no_file_of_a_room_is_left_out_of_the_wheel() -> None:
    kinds = {path.suffix for room in ROOMS for path in (ROOT / room).rglob("*") if path.is_file()}
    data = SETTINGS["tool"]["setuptools"]["package-data"]["*"]
    shipped = {".py", ".pyc", ""} | {Path(pattern).suffix for pattern in data}
    assert kinds <= shipped, "add the suffix to package-data in pyproject.toml"
