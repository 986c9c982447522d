"""``solve``, ``verify`` and ``solvers``: what is written, printed and returned when the input is good."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from milproute.instances import check, load_plan, resolve

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import Command

SVG, PNG = b"<?xml", b"\x89PNG\r\n"


def write(path: Path, **changes: Any) -> Path:
    """Write the toy instance with some keys replaced."""
    path.write_text(json.dumps(resolve("toy").document() | changes))
    return path


def without_times(document: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key != "seconds"}


@pytest.mark.parametrize("picture", ["plan.svg", "plan.png"])
def test_all_outputs_are_written_the_plan_is_verified_and_the_model_is_the_same_each_time(
    milproute: Command, tmp_path: Path, picture: str
) -> None:
    outputs = ("--out", "plan.json", "--plot", picture)
    ran = milproute("solve", "toy", "--json", *outputs, "--write-model", "first.mps")
    assert (ran.status, ran.err) == (0, "")
    plan = load_plan(tmp_path / "plan.json")
    assert ran.json == plan.document()
    assert (plan.status, plan.objective, plan.bound, plan.verified) == ("optimal", 3.0, 3.0, True)
    assert not check(resolve("toy"), plan)
    assert (tmp_path / picture).read_bytes().startswith(SVG if picture.endswith("svg") else PNG)
    again = milproute("solve", "toy", "--json", "--write-model", "second.mps")
    assert without_times(again.json) == without_times(ran.json)
    model = (tmp_path / "first.mps").read_bytes()
    assert b"flow_" in model  # names are kept
    assert model == (tmp_path / "second.mps").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        ["first.mps", "plan.json", picture, "second.mps"]
    )  # and no temporary file


def test_for_people_there_are_tables_and_no_progress_on_a_pipe(milproute: Command, tmp_path: Path) -> None:
    write(tmp_path / "toy.json", name="[bold]odd[/] name")
    ran = milproute("solve", "toy.json", env={"PATH": "", "FORCE_COLOR": "1", "TERM": "xterm"})
    assert (ran.status, ran.err) == (0, "")  # FORCE_COLOR makes no terminal of a pipe
    ran = milproute("solve", "toy.json")
    assert (ran.status, ran.err) == (0, "")
    assert "\x1b" not in ran.out
    assert "[bold]odd[/] name: link" in ran.out  # names are no markup
    assert "optimal: 3 connections, proven at most 3 (gap 0.00%)" in ran.out
    assert "verified independently" in ran.out


def test_a_terminal_that_cannot_write_the_signs_still_gets_the_result(milproute: Command) -> None:
    ran = milproute("solve", "toy", env={"PATH": "", "PYTHONIOENCODING": "ascii"})
    assert (ran.status, ran.err) == (0, "")
    assert "optimal: 3 connections" in ran.out


def test_nothing_native_reaches_stdout_beside_the_json(milproute: Command) -> None:
    ran = milproute("solve", "toy", "--json", "--solver", "highs[output_flag=true,log_to_console=true]")
    assert ran.status == 0
    assert ran.json["status"] == "optimal"
    assert "HiGHS" in ran.err


@pytest.mark.parametrize("formulation", ["link", "reps"])
def test_without_requests_nothing_is_routed_and_that_is_a_result(
    milproute: Command, tmp_path: Path, formulation: str
) -> None:
    write(tmp_path / "none.json", requests=[])
    ran = milproute("solve", "none.json", "--formulation", formulation, "--json", "--plot", "plan.svg")
    assert ran.status == 0
    assert (ran.json["objective"], ran.json["verified"], ran.json["connections"]) == (0.0, True, {})


def test_requests_without_a_way_get_nothing_and_that_is_a_result(milproute: Command, tmp_path: Path) -> None:
    document = resolve("toy").document()
    links = [link for link in document["links"] if link["target"] != "d"]  # d and e are cut off
    write(tmp_path / "cut.json", links=links)
    ran = milproute("solve", "cut.json", "--json")
    assert ran.status == 0
    assert (ran.json["status"], ran.json["objective"], ran.json["verified"]) == ("optimal", 0.0, True)
    assert ran.json["connections"] == {"r0": 0.0, "r1": 0.0}


def test_a_limit_without_a_solution_is_exit_status_1_and_says_what_to_try(
    milproute: Command, tmp_path: Path
) -> None:
    arguments = ("solve", "waxman-100-100", "--relax", "--time-limit", "1e-9", "--out", "plan.json")
    ran = milproute(*arguments)
    assert (ran.status, ran.err) == (1, "")
    assert "no_solution: - connections, no bound proven" in ran.out
    assert "Try a longer --time-limit" in ran.out
    plan = load_plan(tmp_path / "plan.json")
    assert (plan.status, plan.objective, plan.paths) == ("no_solution", None, ())
    assert milproute(*arguments, "--json").json["status"] == "no_solution"


@pytest.mark.parametrize(
    ("status", "objective", "verified", "expected"),
    [
        ("optimal", 3.0, True, 0),
        ("gap_limit", 3.0, True, 0),
        ("time_limit", 3.0, True, 0),
        ("memory_limit", 3.0, True, 0),
        ("no_solution", None, True, 1),
        ("infeasible", None, True, 1),
        ("unbounded", None, True, 1),
        ("wrong_solution", 3.0, False, 3),
        ("crash", None, True, 3),
        ("crash", 3.0, True, 3),
        ("licence", None, True, 3),
        ("error", None, True, 3),
    ],
)
def test_exit_statuses_and_their_remedies(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    status: Any,
    objective: float | None,
    verified: bool,
    expected: int,
) -> None:
    from milproute import solvers
    from milproute.cli import main
    from milproute.cli.plan_report import REMEDIES

    plan = solvers.solve(resolve("toy")).changed(status=status, objective=objective, verified=verified)
    monkeypatch.setattr(solvers, "solve", lambda *_, **__: plan)
    for flags in (["--out", str(tmp_path / "plan.json")], ["--json"]):
        monkeypatch.setattr("sys.argv", ["milproute", "solve", "toy", *flags])
        with pytest.raises(SystemExit) as caught:
            main()
        assert caught.value.code == expected
        out = capsys.readouterr().out
        assert (REMEDIES.get(status, "?") in " ".join(out.split())) == ("--out" in flags and expected > 0)
    assert json.loads(out)["status"] == status
    assert load_plan(tmp_path / "plan.json") == plan


def test_verify_accepts_a_good_plan_and_lists_what_a_planted_fault_breaks(
    milproute: Command, tmp_path: Path
) -> None:
    milproute("solve", "toy", "--out", "plan.json")
    ran = milproute("verify", "toy", "plan.json")
    assert (ran.status, ran.out.strip(), ran.err) == (0, "verified", "")
    assert milproute("verify", "toy", "plan.json", "--json").json == {"verified": True, "violations": []}
    plan = json.loads((tmp_path / "plan.json").read_text())
    plan["attempts"][0]["channels"] = 99.0
    (tmp_path / "bad.json").write_text(json.dumps(plan))
    ran = milproute("verify", "toy", "bad.json")
    assert (ran.status, ran.err) == (1, "")
    lines = ran.out.splitlines()
    assert any("99" in line for line in lines)
    bad = milproute("verify", "toy", "bad.json", "--json")
    assert bad.status == 1
    assert bad.json["verified"] is False
    assert [f"{v['rule']} at {v['place']}: {v['message']}" for v in bad.json["violations"]] == lines


def test_solvers_are_listed_with_version_licence_and_what_they_can(milproute: Command) -> None:
    ran = milproute("solvers", "--json")
    assert (ran.status, ran.err) == (0, "")
    highs = next(solver for solver in ran.json["solvers"] if solver["name"] == "highs")
    assert highs["installed"]
    assert highs["version"]
    assert "integer" in highs["capabilities"]
    assert "highs" in milproute("solvers").out
