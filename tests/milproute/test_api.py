"""``import milproute as mr``: all there, nothing heavy loaded, and no stranger taken for a room."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import milproute as mr

ROOT = Path(mr.__file__).resolve().parents[1]
HEAVY = (
    "pyomo",
    "highspy",
    "numpy",
    "scipy",
    "networkx",
    "matplotlib",
    "pydantic",
    "torch",
    "gurobipy",
    "pyscipopt",
)


def python(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run code with ``folder`` first on the path, as a script that lies there would."""
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize("name", mr.__all__)
def test_every_public_name_resolves_and_is_listed(name: str) -> None:
    assert getattr(mr, name) is getattr(mr, name)
    assert name in dir(mr)


def test_what_is_lazy_is_what_is_public() -> None:
    assert sorted(mr._HOME) == sorted(mr.__all__)
    assert mr.__all__ == sorted(mr.__all__)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'milproute' has no attribute 'slove'"):
        _ = mr.slove


def test_importing_loads_nothing_heavy(tmp_path: Path) -> None:
    done = python(f"import milproute, sys; print([n for n in {HEAVY} if n in sys.modules])", tmp_path)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


@pytest.mark.parametrize("name", ["Instance", "load_plan", "check", "generate", "library_names"])
def test_the_checker_and_the_files_load_neither_pyomo_nor_a_solver(tmp_path: Path, name: str) -> None:
    loaded = "[n for n in ('pyomo', 'highspy') if n in sys.modules]"
    code = f"import milproute as mr, sys; mr.{name}; print({loaded})"
    assert python(code, tmp_path).stdout.strip() == "[]"


def test_a_plan_by_the_api_is_verified_and_goes_through_a_file(tmp_path: Path) -> None:
    instance = mr.resolve("toy")
    plan = mr.solve(instance)
    assert (plan.status, plan.objective, plan.verified) == ("optimal", 3.0, True)
    mr.save(plan, tmp_path / "plan.json")
    assert mr.load_plan(tmp_path / "plan.json") == plan
    assert not mr.check(instance, plan)


@pytest.mark.parametrize("room", ["solvers", "instances", "formulations"])
def test_a_file_that_shadows_a_room_is_named_and_not_run(tmp_path: Path, room: str) -> None:
    stranger = tmp_path / f"{room}.py"
    stranger.write_text("print('the stranger ran')\n")
    done = python("import milproute", tmp_path)
    assert done.returncode != 0
    assert done.stdout == ""
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"ImportError: milproute needs its own package {room!r} in {ROOT}, but {stranger}")
    assert last.endswith("is in the way. Rename it, or start Python from another folder.")


@pytest.mark.parametrize("room", ["solvers", "instances", "formulations"])
@pytest.mark.parametrize("content", ["__init__.py", "notes.txt"])
def test_a_folder_that_shadows_a_room_is_named(tmp_path: Path, room: str, content: str) -> None:
    (tmp_path / room).mkdir()
    (tmp_path / room / content).write_text("")
    done = python("import milproute", tmp_path)
    if content == "notes.txt" and done.returncode == 0:
        return  # a folder that is no package stands back behind an installed one
    assert f"but {tmp_path / room}" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("room", ["solvers", "formulations"])
def test_a_stranger_imported_before_is_named(tmp_path: Path, room: str) -> None:
    (tmp_path / f"{room}.py").write_text("")
    done = python(f"import {room}, sys; sys.path.pop(0); import milproute", tmp_path)
    assert f"but {tmp_path / room}.py is in the way" in done.stderr.splitlines()[-1]


def test_our_own_rooms_imported_before_are_fine(tmp_path: Path) -> None:
    assert python("import instances, formulations, solvers, milproute", tmp_path).stderr == ""
