"""Ctrl-C, a kill, a terminal: what a person sees and what is left in the folder."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from milproute.instances import check, load_plan, resolve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pty = pytest.importorskip("pty", reason="needs a Unix terminal")

LONG = "waxman-100-100"  # not solved in half an hour; a first solution comes at once
BEGIN = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    "from milproute.cli import main; main()"
)


class Terminal:
    """``milproute`` as a terminal runs it: stderr shows there, Ctrl-C goes to the whole group."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.screen, theirs = pty.openpty()
        self.raw, self.shown = b"", ""
        self.process = subprocess.Popen(
            [sys.executable, "-c", BEGIN, *arguments],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=theirs,
            text=True,
            start_new_session=True,
            env=os.environ | {"TERM": "xterm", "COLUMNS": "200"},
        )
        os.close(theirs)

    def read(self) -> bool:
        """Read what is new on the screen; False when nobody is left to write."""
        try:
            new = os.read(self.screen, 4096)
        except OSError:  # Linux says so when the other side is closed
            return False
        self.raw += new
        self.shown = re.sub(r"\x1b\[[?\d;]*[a-zA-Z]", "", self.raw.decode(errors="replace"))
        return bool(new)

    def wait_for(self, pattern: str) -> None:
        """Read until ``pattern`` is on the screen."""
        while not re.search(pattern, self.shown):
            assert self.read(), self.shown

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the whole group."""
        os.killpg(self.process.pid, number)

    def finish(self) -> tuple[int, str]:
        """Read to the end; return the exit status and stdout."""
        while self.read():
            pass
        out, _ = self.process.communicate(timeout=120)
        return self.process.returncode, out


@contextmanager
def terminal(folder: Path, *arguments: str) -> Iterator[Terminal]:
    """Give a terminal, and leave nothing running."""
    running = Terminal(folder, *arguments)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.signal(signal.SIGKILL)
        running.process.communicate()
        os.close(running.screen)


INCUMBENT = r"nodes \d+ \| best \d+"


def test_ctrl_c_in_a_long_solve_returns_the_verified_incumbent(tmp_path: Path) -> None:
    with terminal(tmp_path, "solve", LONG, "--time-limit", "900", "--out", "plan.json") as running:
        running.wait_for(INCUMBENT)
        assert "Ctrl-C stops with the best so far" in running.shown
        running.signal(signal.SIGINT)
        status, out = running.finish()
    assert status == 0
    assert "verified independently" in out
    assert "Traceback" not in running.shown
    plan = load_plan(tmp_path / "plan.json")
    assert (plan.status, plan.verified) == ("time_limit", True)
    assert plan.objective is not None
    assert plan.bound is not None
    assert plan.bound >= plan.objective
    assert not check(resolve(LONG), plan)


def test_ctrl_c_before_a_solve_ends_without_a_result(tmp_path: Path) -> None:
    code = (
        "import sys, signal, milproute.instances; from milproute.cli import main\n"
        "def stop(*_): signal.raise_signal(signal.SIGINT)\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler); milproute.instances.resolve = stop\n"
        "sys.argv = ['milproute', 'solve', 'toy', '--json', '--out', 'plan.json']; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (1, "stopped by Ctrl-C: there is no result\n")
    assert "stopped by Ctrl-C" in done.stdout
    assert not list(tmp_path.iterdir())


def test_progress_shows_on_a_terminal_while_stdout_stays_one_document(tmp_path: Path) -> None:
    import json

    with terminal(tmp_path, "solve", "waxman-50-50", "--time-limit", "3", "--json") as running:
        status, out = running.finish()
    assert status == 0
    assert json.loads(out)["verified"] is True
    line = r"waxman-50-50  time +\d+\.\d s \| nodes \d+ \| best [\d.]+[* ] \| bound [\d.e+-]+ \| gap [\d.]+%"
    assert re.search(line, running.shown), running.shown
    assert "*" in running.shown  # a new incumbent has its star


@pytest.mark.parametrize("before", [None, "the old plan"])
def test_a_killed_run_leaves_no_half_written_plan_and_no_touched_one(
    tmp_path: Path, before: str | None
) -> None:
    plan = tmp_path / "plan.json"
    if before is not None:
        plan.write_text(before)
    with terminal(tmp_path, "solve", LONG, "--time-limit", "900", "--out", "plan.json") as running:
        running.wait_for(INCUMBENT)
        os.kill(running.process.pid, signal.SIGKILL)  # the parent alone: the child must notice
        assert not running.finish()[1]  # the screen closes only when the child is gone too
    assert running.process.returncode == -signal.SIGKILL
    assert [path.name for path in tmp_path.iterdir()] == ([] if before is None else ["plan.json"])
    assert before is None or plan.read_text() == before
