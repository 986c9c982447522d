"""``milproute bench``: cells listed, run and counted; bad input refused before anything is touched."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from milproute.bench.run import executors
from milproute.bench.run.reference_job import run_reference
from milproute.instances import check, load_plan, resolve

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import Command

SUITE = """
name = "two"
instances = ["toy"]
solvers = ["highs"]
seeds = [1, 2]
time_limit = 5
[[models]]
formulation = "link"
"""


def test_a_suite_runs_from_the_command_line_and_its_folder_tells_how_far_it_is(
    milproute: Command, tmp_path: Path
) -> None:
    (tmp_path / "suite.toml").write_text(SUITE)
    ran = milproute("bench", "run", "suite.toml", "--out", "out", "--json")
    assert ran.status == 0, ran
    keys = {path.stem for path in (tmp_path / "out/cells").glob("*.json") if "." not in path.stem}
    assert len(keys) == 2
    told = {"suite": "two", "folder": "out", "cells": 2, "done": 2, "by_status": {"optimal": 2}}
    assert ran.json == told | {"missing": [], "other": 0, "corrupt": []}
    for key in keys:
        record = json.loads((tmp_path / f"out/cells/{key}.json").read_text())
        assert (record["status"], record["objective"], record["verified"]) == ("optimal", 3.0, True)
        assert not check(resolve("toy"), load_plan(tmp_path / f"out/cells/{key}.plan.json"))
        assert "HiGHS" in (tmp_path / f"out/cells/{key}.log").read_text()
    key = min(keys)
    (tmp_path / f"out/cells/{key}.json").unlink()
    status = milproute("bench", "status", "out")
    assert "two: 1 of 2 cells done (1 optimal)" in status.out
    assert f"missing: {key}" in status.out
    merged = milproute("bench", "merge", "both", "out", "--json")
    assert merged.json == {"taken": 1, "again": 0, "differing": [], "corrupt": []}


def test_a_dry_run_lists_every_cell_and_makes_nothing(milproute: Command, tmp_path: Path) -> None:
    (tmp_path / "suite.toml").write_text(SUITE + 'variants = ["by-source", "per-request"]\n')
    ran = milproute("bench", "run", "suite.toml", "--out", "out", "--dry-run", "--json")
    cells = ran.json["cells"]
    assert ran.status == 0
    assert list(ran.json) == ["cells"]
    assert len({cell["key"] for cell in cells}) == 4
    assert {(cell["variant"], cell["seed"]) for cell in cells} == {
        (variant, seed) for variant in ("by-source", "per-request") for seed in (1, 2)
    }
    assert [path.name for path in tmp_path.iterdir()] == ["suite.toml"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "smok", "--out", "out"], "unknown suite 'smok': did you mean 'smoke'?"),
        (["run", "none.toml", "--out", "out"], "none.toml is missing"),
        (["run", "suite.toml"], "--out is missing"),
        (["run", "suite.toml", "--out", "full"], "full is no folder of results"),
        (["run", "suite.toml", "--out", "bad.toml"], "bad.toml is no folder of results"),
        (["run", "bad.toml", "--out", "out"], "bad.toml: solvers[0]: unknown solver 'higs': did you mean"),
        (["run", "suite.toml", "--out", "out", "--retry", "crsh"], "unknown status in --retry 'crsh'"),
        (["run", "suite.toml", "--out", "out", "--executor", "dusk://a"], "allowed: local, dask://HOST:PORT"),
        (["run", "suite.toml", "--out", "out", "--workers", "0"], "--workers is 0; allowed: 1 to"),
        (["run", "suite.toml", "--out", "out", "--workers", "many"], "'many'"),
        (["status", "out"], "out/suite.json is missing"),
        (["merge", "both", "out"], "out/suite.json is missing"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
@pytest.mark.parametrize("flags", [[], ["--json"]], ids=["text", "json"])
def test_bad_input_is_refused_and_nothing_is_touched(
    refused: Command, tmp_path: Path, arguments: list[str], message: str, flags: list[str]
) -> None:
    (tmp_path / "suite.toml").write_text(SUITE)
    (tmp_path / "bad.toml").write_text(SUITE.replace('"highs"', '"higs"'))
    (tmp_path / "full").mkdir()
    (tmp_path / "full/notes.txt").write_text("mine")
    assert message in refused("bench", *arguments, *flags).said


def test_the_disk_is_full_says_how_to_continue(
    milproute: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import errno
    import os
    import sys

    from milproute.cli import main

    (tmp_path / "suite.toml").write_text(SUITE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["milproute", "bench", "run", "suite.toml", "--out", "out"])
    monkeypatch.setattr(
        executors, "run_reference", lambda *_: '{"when": "now", "machine": "m", "seconds": 1}'
    )
    real = os.replace

    def replace(source: str, target: object) -> None:
        if "reference" in str(target):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(source, str(target))

    monkeypatch.setattr("os.replace", replace)
    with pytest.raises(SystemExit) as caught:
        main()
    said = " ".join(capsys.readouterr().err.split())
    assert caught.value.code == 2
    assert "out/reference.jsonl cannot be written: No space left on device." in said
    assert said.endswith("continue with: milproute bench run suite.toml --out out")
    assert "Traceback" not in said


def test_the_reference_job_is_one_line_with_when_where_and_seconds() -> None:
    line = json.loads(run_reference())
    assert sorted(line) == ["machine", "seconds", "when"]
    assert line["seconds"] > 0
