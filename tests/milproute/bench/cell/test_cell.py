"""A cell: whatever its solver does, there is a row that names it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from milproute.bench.cell.cell import find_instance, find_qnet
from milproute.bench.cell.recorder import Recorder
from milproute.bench.records.record import CellSpec, Record
from milproute.bench.records.task import Task
from milproute.bench.records.trace_file import read_stream
from milproute.bench.report.consistency import contradictions, judge
from milproute.bench.run import cgroups as groups
from milproute.bench.run.launch import GRACE, _cause, run_cell
from milproute.bench.run.subprocesses import Ended, EndedError, end_cells
from milproute.instances import OptionError, OutputError, check, load_plan, resolve
from milproute.instances.library import fingerprint
from milproute.instances.qnets.library import FOLDER, load_library_qnet, qnet_library
from milproute.solvers import load_backend, solve
from tests.support.bench_cases import in_mood, install_stub, read, running_cells, toy_spec
from tests.support.cases import make

if TYPE_CHECKING:
    from collections.abc import Iterator

MOODS = {
    "honest": {},
    "objective": {},
    "bound": {},
    "lazy": {},
    "feasibility": {},
    "infeasible": {},
    "licence": {},
    "crash": {},
    "abort": {},
    "memory": {"memory_limit_mb": 1500},
    "raise": {},
    "exit": {},
    "version": {"solver_version": "0.1"},
}


@pytest.fixture(scope="module")
def stub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Install the stub; return where."""
    folder = tmp_path_factory.mktemp("stub")
    with pytest.MonkeyPatch.context() as patch:
        install_stub(folder, patch)
        yield folder
    assert not running_cells(folder)


@pytest.fixture(scope="module")
def records(stub: Path) -> dict[str, Record]:
    """Return the row of the stub in every mood."""
    tasks = [in_mood(mood, **fields) for mood, fields in MOODS.items()]
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(MOODS, (read(text).record for text in pool.map(run_cell, tasks)), strict=True))


def test_an_honest_solver_is_believed_after_two_checks(records: dict[str, Record]) -> None:
    record = records["honest"]
    assert (record.status, record.objective, record.bound, record.verified) == ("optimal", 3.0, 3.0, True)
    assert record.breaches == ()
    assert record.tries == 1
    assert record.wall > record.time > 0
    assert record.peak_mb is not None
    assert 50 < record.peak_mb < 1500
    assert record.machine.load_before is not None
    assert record.machine.load_after is not None


@pytest.mark.parametrize(
    ("mood", "word"),
    [
        ("objective", "the objective is 3, not 4"),
        ("bound", "wrong side"),
        ("feasibility", "breaks its bound"),
        ("infeasible", "infeasible comes with values"),
    ],
)
def test_a_lie_is_a_wrong_solution_that_says_which(records: dict[str, Record], mood: str, word: str) -> None:
    record = records[mood]
    assert record.status == "wrong_solution"
    assert not record.verified
    assert not record.solved
    assert word in " ".join(record.breaches)


def test_a_crash_is_tried_twice_and_names_its_signal(records: dict[str, Record]) -> None:
    record = records["crash"]
    assert (record.status, record.native_status, record.tries) == ("crash", "SIGSEGV", 2)
    assert "SIGSEGV" in (record.message or "")


@pytest.mark.parametrize("mood", ["memory", "abort"])
def test_running_out_of_memory_is_its_own_status(records: dict[str, Record], mood: str) -> None:
    assert records[mood].status == "memory_limit"
    assert "out of memory" in (records[mood].message or "")


def test_a_claim_that_only_another_solver_can_refute_is_convicted_beside_it(
    records: dict[str, Record],
) -> None:
    lazy, honest = records["lazy"], records["honest"]
    assert (lazy.status, lazy.objective, lazy.verified) == ("optimal", 0.0, True)  # nothing is wrong with it
    judged = judge([lazy, honest], contradictions([lazy, honest]))
    assert [cell.status for cell in judged] == ["wrong_solution", "optimal"]
    assert all(cell.contradiction for cell in judged)
    assert [cell.suspect for cell in judged] == [True, False]


def test_a_licence_that_refuses_is_a_row(records: dict[str, Record]) -> None:
    assert (records["licence"].status, records["licence"].message) == ("licence", "too large")


def test_a_bug_in_a_solver_is_an_error_with_its_message(records: dict[str, Record]) -> None:
    assert records["raise"].status == records["exit"].status == "error"
    assert records["raise"].message == "RuntimeError: a bug in the stub"
    assert records["exit"].native_status == "exit status 3"


def test_another_version_than_asked_is_an_error(records: dict[str, Record]) -> None:
    assert records["version"].status == "error"
    assert (records["version"].message or "").startswith("solver_version is '1' here; allowed: '0.1'")


def test_a_solver_that_ignores_its_limit_is_killed_with_all_it_started_and_keeps_its_bound(
    stub: Path,
) -> None:
    outcome = read(run_cell(in_mood("hang"), (), grace=4.0))
    record = outcome.record
    assert (record.status, record.termination, record.native_status) == ("time_limit", "time_limit", "killed")
    assert record.bound == 5.0
    assert record.objective is None  # the incumbent died unchecked
    ((seconds, *rest),) = record.trace
    assert rest == [7, 2.0, 5.0]
    assert seconds < record.wall < GRACE + 1.1
    assert not running_cells(stub)


def test_a_model_that_is_not_built_in_time_is_no_fault_of_the_solver() -> None:
    links = [("a", "b", 1, 0.9), ("b", "c", 1, 0.9)]
    instance = make(links, [("a", "c")], pairs=[300_000, 300_000])
    spec = toy_spec(
        instance="large.json",
        instance_digest=fingerprint(instance),
        formulation="path",
        variant="per-copy",
        solver="highs",
        solver_version=load_backend("highs").version,
    )
    record = read(run_cell(Task(spec=spec, document=instance.document()).model_dump_json())).record
    assert (record.status, record.termination, record.native_status) == ("no_solution", "build_limit", "")
    assert record.message is not None and "before the model was ready" in record.message
    assert record.wall < GRACE


@pytest.mark.parametrize(
    ("built", "status", "ending", "words"),
    [
        (False, "no_solution", "build_limit", "its model was not built within the time limit of 1 s"),
        (True, "time_limit", "time_limit", "it ignored its time limit of 1 s and was killed"),
    ],
)
def test_a_killed_cell_is_blamed_on_the_solver_only_once_it_was_asked(
    built: bool, status: str, ending: str, words: str
) -> None:
    killed = Ended(code=-9, late=True, seconds=12.0, peak_mb=100.0)
    assert _cause(Task(spec=toy_spec()), killed, False, built, "") == (status, ending, "killed", words)


def test_no_space_to_work_in_is_no_row(stub: Path) -> None:
    with pytest.raises(OutputError, match="No space left on device"):
        run_cell(in_mood("full"))


def test_the_cells_of_a_run_end_at_once_and_none_starts_after(stub: Path) -> None:
    task = Task(spec=toy_spec(native={"mood": "sleep", "seconds": 600}, time_limit=600.0), run="evening")
    caught: list[BaseException] = []

    def work() -> None:
        try:
            run_cell(task.model_dump_json())
        except EndedError as error:
            caught.append(error)

    thread = Thread(target=work)
    thread.start()
    while not running_cells(stub):
        time.sleep(0.05)
    end_cells("evening")
    thread.join()
    with pytest.raises(EndedError):
        run_cell(task.model_dump_json())
    assert len(caught) == 1
    assert not running_cells(stub)


def test_the_spec_of_a_record_runs_by_hand_and_leaves_plan_log_and_trace(tmp_path: Path) -> None:
    spec = toy_spec(solver="highs", solver_version=load_backend("highs").version, permutation=3, seed=2)
    (tmp_path / "spec.json").write_text(spec.model_dump_json())
    command = [sys.executable, "-m", "milproute.bench.cell", "spec.json", "result.json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == ""
    record = Record.model_validate_json((tmp_path / "result.json").read_text())
    assert (record.key, record.status, record.objective) == (spec.key, "optimal", 3.0)
    assert not check(resolve("toy"), load_plan(tmp_path / "result.plan.json"))
    assert "HiGHS" in (tmp_path / "result.log").read_text()
    assert record.log
    points = [json.loads(line) for line in (tmp_path / "result.trace").read_text().splitlines()]
    assert [tuple(point) for point in points] == list(record.trace)
    assert record.trace[-1][2:] == (3.0, 3.0)


def test_files_of_the_asking_machine_travel_with_the_task() -> None:
    name = "q-waxman-20-3-16x16"
    qnet, instance, _ = load_library_qnet(name)
    fields = {"instance": "here/mine.json", "instance_digest": fingerprint(instance)}
    spec = toy_spec(**fields, qnet="here/net.safetensors", qnet_digest=qnet.digest)
    content = b64encode((FOLDER / qnet_library()[name].file).read_bytes()).decode()
    task = Task(spec=spec, document=instance.document(), qnet=content)
    assert find_instance(task) == instance
    assert find_qnet(task) == qnet


@pytest.mark.parametrize("draw", [None, 1])
def test_another_instance_than_asked_is_refused(draw: int | None) -> None:
    task = Task(spec=toy_spec(instance_digest="0" * 64, draw_pairs=draw))
    with pytest.raises(OptionError, match=r"instance_digest is .* here; allowed: '0000"):
        find_instance(task)


def test_another_net_than_asked_is_refused() -> None:
    task = Task(spec=toy_spec(qnet="q-waxman-20-3-16x16", qnet_digest="0" * 64))
    with pytest.raises(OptionError, match=r"qnet_digest is .* here; allowed: '0000"):
        find_qnet(task)


def test_a_slot_leaves_no_trace_of_another_objective(tmp_path: Path) -> None:
    for whole in (False, True):
        recorder = Recorder(load_backend("highs"), tmp_path / "a.trace", whole=whole)
        plan = solve(resolve("surfnet-10"), "reps", method="exact", solver=recorder)
        assert plan.verified
        assert bool(recorder.trace) == whole


def test_the_trace_survives_a_torn_line(tmp_path: Path) -> None:
    path = tmp_path / "a.trace"
    assert read_stream(path) == ()
    path.write_text("[0.5, 1, null, 7.0]\n[0.75, 2, 3.0, 6.0]\n[1.0, 3, 3.")
    assert read_stream(path) == ((0.5, 1, None, 7.0), (0.75, 2, 3.0, 6.0))


def test_equal_specs_have_one_key_and_every_field_counts() -> None:
    spec = toy_spec()
    assert spec.key == CellSpec.model_validate_json(spec.model_dump_json()).key
    others = [
        toy_spec(**{field: value})
        for field, value in {
            "instance_digest": "x",
            "variant": "per-request",
            "relax": True,
            "draw_pairs": 1,
            "solver_version": "2",
            "native": {"mood": "bound"},
            "seed": 1,
            "permutation": 1,
            "time_limit": 2.0,
            "threads": 2,
            "gap": 0.0,
            "packages": {"pyomo": "7"},
        }.items()
    ]
    assert len({spec.key, *(other.key for other in others)}) == len(others) + 1


def test_a_control_group_limits_memory_where_one_may_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "slice" / "ours"
    own.mkdir(parents=True)
    (own / "cgroup.subtree_control").write_text("")  # as where processes live
    (own.parent / "cgroup.subtree_control").write_text("cpu memory\n")
    (tmp_path / "mounts").write_text(f"tmpfs /tmp tmpfs rw 0 0\ncgroup2 {tmp_path} cgroup2 rw 0 0\n")
    (tmp_path / "membership").write_text("1:cpu:/\n0::/slice/ours\n")
    monkeypatch.setattr(groups, "MOUNTS", tmp_path / "mounts")
    monkeypatch.setattr(groups, "MEMBERSHIP", tmp_path / "membership")
    monkeypatch.setattr(Path, "rmdir", lambda self: None)  # unlike the system's, these files stay
    with groups.memory_group("cell", 64) as group:
        assert group == own.parent / "cell"
        assert (group / "memory.max").read_text() == str(64 * 2**20)
        (group / "memory.events").write_text("oom 1\noom_kill 0\n")
        assert not groups.killed_for_memory(group)
        (group / "memory.events").write_text("oom 1\noom_kill 2\n")
        assert groups.killed_for_memory(group)
    (own.parent / "cgroup.subtree_control").write_text("cpu\n")
    with groups.memory_group("other", 64) as group:
        assert group is None
    with groups.memory_group("none", None) as group:
        assert group is None


def test_a_cell_stays_on_its_cpus_and_its_libraries_on_its_threads(stub: Path) -> None:
    cpu = min(os.sched_getaffinity(0))
    spec = toy_spec(native={"mood": "where"})
    record = read(run_cell(Task(spec=spec).model_dump_json(), (cpu,))).record
    assert f"cpus {{{cpu}}} threads 1" in record.log
