"""The command line, called in this process or in one of its own."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.command_line import Ran

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import Command


@pytest.fixture
def milproute(tmp_path: Path) -> Command:
    """Run the command line in a process of its own, in an empty folder."""

    def run(*arguments: object, **options: Any) -> Ran:
        command = [sys.executable, "-m", "milproute", *map(str, arguments)]
        options = {"cwd": tmp_path, "timeout": 300} | options
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, encoding="utf-8", **options
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command line that must be refused; return how.

    In this process, so that any attempt to solve is seen. Refused means: exit status 2, nothing on
    stdout, a message and no traceback on stderr, nothing written, nothing solved.
    """
    from milproute import solvers
    from milproute.cli import main

    def solve(*_: object, **__: object) -> None:
        raise AssertionError("something was solved")

    monkeypatch.setattr(solvers.Worker, "solve", solve)
    monkeypatch.chdir(tmp_path)

    def snapshot() -> dict[Path, bytes | None]:
        return {path: path.read_bytes() if path.is_file() else None for path in tmp_path.rglob("*")}

    def run(*arguments: object, **_: Any) -> Ran:
        before = snapshot()
        monkeypatch.setattr(sys, "argv", ["milproute", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            main()
        captured = capsys.readouterr()
        ran = Ran(int(str(caught.value.code)), captured.out, captured.err)
        assert ran.status == 2, ran
        assert "Traceback" not in ran.err
        assert ran.err.lower().count("error:") == 1
        if "--json" in arguments:
            assert list(ran.json) == ["error"]
            assert set(ran.json["error"]) == {"type", "message"}
            assert " ".join(ran.json["error"]["message"].split()) in ran.said
        else:
            assert ran.out == ""
        assert snapshot() == before
        return ran

    return run
