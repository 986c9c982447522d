"""A run that is killed, stopped, and started again loses what was in flight and nothing else."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from milproute.bench.records.record import Record
from milproute.bench.results.folder import ResultFolder, progress
from tests.support.bench_cases import install_stub, running_cells

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SUITE = """
name = "nightly"
instances = ["toy"]
solvers = ["stub[mood=sleep,seconds=0.5]"]
seeds = [1, 2, 3, 4]
time_limit = 60
[[models]]
formulation = "link"
"""
BEGIN = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    "from milproute.cli import main; main()"
)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a folder with the suite; the stub is installed for processes that start in it."""
    install_stub(tmp_path, monkeypatch)
    (tmp_path / "suite.toml").write_text(SUITE)
    yield tmp_path
    assert not running_cells(tmp_path)


def start(here: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", BEGIN, "bench", "run", "suite.toml", "--out", "out", *arguments]
    return subprocess.Popen(command, cwd=here, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def rows(here: Path) -> dict[str, bytes]:
    """Return the records that are there."""
    return {path.name: path.read_bytes() for path in ResultFolder(here / "out").record_paths()}


def wait_for_rows(here: Path, running: subprocess.Popen[str], more_than: int) -> None:
    """Wait until there is a new row and another cell in flight."""
    while len(rows(here)) <= more_than or not running_cells(here):
        assert running.poll() is None, running.communicate()
        time.sleep(0.02)


def test_a_killed_and_then_stopped_run_loses_at_most_the_cells_in_flight(here: Path) -> None:
    with start(here, "--workers", "1") as running:
        wait_for_rows(here, running, 0)
        running.kill()
        running.communicate()
    deadline = time.monotonic() + 60
    while running_cells(here) and time.monotonic() < deadline:  # the kernel ends them, a moment later
        time.sleep(0.02)
    assert not running_cells(here)
    killed = rows(here)
    assert 1 <= len(killed) < 4
    assert not list((here / "out" / "cells").glob("*.part"))

    with start(here, "--workers", "1", "--json") as running:
        wait_for_rows(here, running, len(killed))
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=60)
    stopped = rows(here)
    assert running.returncode == 1
    assert "Traceback" not in err
    assert killed.items() < stopped.items()
    assert len(stopped) < 4
    command = "milproute bench run suite.toml --out out --workers 1"
    message = json.loads(out)["error"]["message"]
    assert message.endswith(f"{len(stopped)} of 4 cells are done and stay; continue with: {command}")
    assert command in " ".join(err.split())

    done = subprocess.run(
        [sys.executable, "-m", *shlex.split(command), "--json"],
        cwd=here,
        capture_output=True,
        text=True,
        check=True,
        env=os.environ,
    )
    assert json.loads(done.stdout)["by_status"] == {"optimal": 4}
    assert stopped.items() < rows(here).items()
    assert progress(ResultFolder(here / "out")).missing == ()
    records = [Record.model_validate_json(text) for text in rows(here).values()]
    assert {record.spec.seed for record in records} == {1, 2, 3, 4}
    assert len((here / "out" / "reference.jsonl").read_text().splitlines()) >= 3
