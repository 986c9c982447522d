"""Every command and code block of the README runs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.repository import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = [(kind, text) for kind, text in re.findall(r"```(\w+)\n(.*?)```", README, flags=re.DOTALL)]
SHELL = [line for kind, text in BLOCKS if kind == "bash" for line in text.splitlines() if line.strip()]
MAKE = [line.partition("#")[0].strip() for line in SHELL if line.startswith("make ")]
COMMANDS = [line for line in SHELL if not line.startswith("make ")]
PYTHON = [text for kind, text in BLOCKS if kind == "python"]


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        command, shell=True, cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, text=True
    )


def test_the_readme_has_blocks_of_each_kind() -> None:
    assert MAKE == ["make demo", "make test"]
    assert len(COMMANDS) >= 5
    assert PYTHON


def test_commands_run_in_the_order_of_the_readme(tmp_path: Path) -> None:
    for command in COMMANDS:
        done = run(command, tmp_path)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("text", PYTHON)
def test_python_block_runs(text: str, tmp_path: Path) -> None:
    script = tmp_path / "block.py"
    script.write_text(text, encoding="utf-8")
    done = run(f'"{sys.executable}" block.py', tmp_path)
    assert done.returncode == 0, done.stderr


def test_make_demo_writes_the_plan_and_the_picture_of_the_readme() -> None:
    if not (Path(sys.prefix) / ".core").exists():
        pytest.skip("this environment was not made by the Makefile: run `make test`")
    shutil.rmtree(ROOT / "demo", ignore_errors=True)
    done = run(f"make demo VENV={sys.prefix}", ROOT)
    assert done.returncode == 0, done.stderr
    assert (ROOT / "demo" / "plan.json").exists()
    shown = (ROOT / "docs" / "surfnet-10.svg").read_bytes()
    assert (ROOT / "demo" / "plan.svg").read_bytes() == shown, "copy demo/plan.svg to docs/surfnet-10.svg"


def test_make_test_runs_every_check() -> None:
    steps = run("make --dry-run test", ROOT).stdout
    assert all(
        f"bin/{check}" in steps for check in ("ruff check", "ruff format", "mypy", "lint-imports", "pytest")
    )
    assert (ROOT / ".ci" / "run").read_text().strip().endswith("exec make test")


@pytest.mark.parametrize("target", re.findall(r"\]\((?!https?:)([^)#]+)\)", README))
def test_linked_files_exist(target: str) -> None:
    assert (ROOT / target).exists()
