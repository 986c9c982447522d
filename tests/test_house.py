"""The house: a core without optional packages, one import name, files of readable size, private names."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from pathlib import Path
from statistics import median

import pytest

from tests.support.repository import ROOT

SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = SETTINGS["project"]
LINKED = ("solvers", "formulations", "instances")
ROOMS = ("milproute", *LINKED)
SOURCES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
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


@pytest.mark.parametrize("room", LINKED)
def test_a_room_lies_at_the_top_level_and_is_linked_into_the_package(room: str) -> None:
    assert not (ROOT / room).is_symlink()
    link = ROOT / "milproute" / room
    assert link.is_symlink(), "run: git config core.symlinks true; git checkout milproute"
    assert link.readlink() == Path("..", room)


@pytest.mark.parametrize("room", LINKED)
@pytest.mark.parametrize(
    "statement", ["import {}", "import {}.errors", "from {} import errors", "from {}.errors import Error"]
)
def test_the_lint_bans_a_room_as_a_top_level_name(room: str, statement: str) -> None:
    options = ("--select", "TID251", "--stdin-filename", "solvers/new.py")
    command = [sys.executable, "-m", "ruff", "check", *options, "-"]

    def lint(code: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, input=code, cwd=ROOT, capture_output=True, text=True, check=False)

    banned, allowed = (lint(statement.format(name) + "\n") for name in (room, f"milproute.{room}"))
    assert banned.returncode == 1
    assert f"`{room}` is banned: its name is milproute.{room}" in banned.stdout
    assert (allowed.returncode, allowed.stdout) == (0, "All checks passed!\n")


def test_files_are_of_a_readable_size() -> None:
    tests = (ROOT / "tests").rglob("*.py")
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in (*SOURCES, *tests)}
    assert {str(path): count for path, count in lines.items() if count > 350} == {}
    assert median(lines[path] for path in SOURCES) <= 150


def private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def defined(tree: ast.Module) -> set[str]:
    """Return the private names that a module defines or assigns, on any level, attributes included."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            names.add(node.attr)
    return {name for name in names if private(name)}


def foreign(tree: ast.Module, elsewhere: set[str]) -> set[str]:
    """Return the private names of other modules of ours that a module takes."""
    own, taken = defined(tree), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.level or (node.module or "").startswith("milproute")):
            taken |= {alias.name for alias in node.names if private(alias.name)}
        elif isinstance(node, ast.Attribute) and private(node.attr) and node.attr not in own:
            taken |= {node.attr} & elsewhere
    return taken


@pytest.mark.parametrize(
    "code",
    [
        "from milproute.instances.errors import _hint",
        "from milproute.instances import errors\nerrors._hint('x')",
        "def build(model):\n    return model._hint",
    ],
)
def test_a_private_name_of_another_module_is_found(code: str) -> None:
    assert foreign(ast.parse(code), {"_hint"}) == {"_hint"}


def test_no_module_takes_a_private_name_of_another() -> None:
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in SOURCES}
    everywhere = set().union(*map(defined, trees.values()))
    assert {str(p): taken for p, tree in trees.items() if (taken := foreign(tree, everywhere))} == {}
