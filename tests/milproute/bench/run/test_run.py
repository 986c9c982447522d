"""A run: each cell once, its result kept at once, and what is found in the folder respected."""

from __future__ import annotations

import errno
import io
import json
import os
from collections import Counter
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from milproute.bench.records.machine import describe_machine, usable_cpus
from milproute.bench.records.record import Record, RecordError
from milproute.bench.records.task import Outcome, Task
from milproute.bench.results.folder import FolderError, ResultFolder, merge, progress
from milproute.bench.run import executors, run
from milproute.bench.run.display import Board
from milproute.bench.run.run import missing_cells, run_cells
from milproute.bench.suite.expand import Cell, expand
from milproute.bench.suite.suite import Suite
from milproute.instances import OptionError, OutputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SUITE = Suite.model_validate(
    {
        "name": "nightly",
        "instances": "toy",
        "solvers": "highs",
        "seeds": [1, 2, 3],
        "time_limit": 5.0,
        "models": [{"formulation": "link", "variants": ["by-source", "per-request"]}],
    }
)


def board(said: io.StringIO | None = None) -> Board:
    """Return a board that writes to ``said``."""
    return Board("nightly", 6, 0, Console(file=said or io.StringIO(), width=200))


@pytest.fixture
def cells(tmp_path: Path) -> list[Cell]:
    return expand(SUITE, "nightly", tmp_path)


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Answer every cell at once, without a process; return how often each was run."""
    counted = Counter[str]()

    def answer(text: str, *_: object) -> str:
        task = Task.model_validate_json(text)
        counted[task.spec.key] += 1
        return outcome(task).model_dump_json()

    monkeypatch.setattr(executors, "run_cell", answer)
    monkeypatch.setattr(
        executors, "run_reference", lambda *_: '{"when": "now", "machine": "m", "seconds": 1}'
    )
    return counted


def outcome(task: Task) -> Outcome:
    """Return the optimum with seed 1, a crash with seed 2, a time limit with seed 3."""
    status = ("optimal", "crash", "time_limit")[task.spec.seed - 1]
    record = Record(
        key=task.spec.key,
        status=status,
        spec=task.spec,
        objective=3.0 if status == "optimal" else None,
        machine=describe_machine(),
        started="today",
        log="a log",
    )
    return Outcome(record=record, plan={"a": "plan"}, log="a log")


@pytest.fixture
def finished(tmp_path: Path, cells: list[Cell], ran: Counter[str]) -> ResultFolder:
    """Return the folder of a finished run."""
    folder = ResultFolder(tmp_path / "out")
    folder.begin(SUITE, [cell.spec for cell in cells])
    run_cells(missing_cells(folder, cells, (), board()), folder, board())
    assert ran == {cell.spec.key: 1 for cell in cells}
    return folder


def again(
    folder: ResultFolder, cells: list[Cell], *retry: str, said: io.StringIO | None = None
) -> list[Cell]:
    """Run what is missing; return it."""
    missing = missing_cells(folder, cells, retry, board(said))
    run_cells(missing, folder, board())
    return missing


def files(folder: ResultFolder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.cells.iterdir()}


def test_every_cell_has_its_files_and_the_reference_job_runs_before_and_after(
    finished: ResultFolder, cells: list[Cell]
) -> None:
    suffixes = (".json", ".plan.json", ".log")
    assert set(files(finished)) == {cell.spec.key + suffix for cell in cells for suffix in suffixes}
    lines = (finished.path / "reference.jsonl").read_text().splitlines()
    assert [json.loads(line)["seconds"] for line in lines] == [1, 1]


def test_a_finished_cell_is_neither_run_nor_written_again(
    finished: ResultFolder, cells: list[Cell], ran: Counter[str]
) -> None:
    before = files(finished)
    assert again(finished, cells) == []
    assert files(finished) == before
    assert max(ran.values()) == 1


def test_a_longer_list_of_seeds_continues_the_same_folder(
    finished: ResultFolder, ran: Counter[str], tmp_path: Path
) -> None:
    shorter = SUITE.changed(seeds=(1,))
    finished.begin(shorter, [cell.spec for cell in expand(shorter, "nightly", tmp_path)])
    far = progress(finished)
    assert (far.cells, far.done, far.other) == (2, 2, 4)
    finished.begin(SUITE, [cell.spec for cell in expand(SUITE, "nightly", tmp_path)])
    assert progress(finished).done == 6


def test_retry_runs_what_ended_in_a_status_and_keeps_the_old_row_aside(
    finished: ResultFolder, cells: list[Cell], ran: Counter[str]
) -> None:
    for number in (1, 2):
        assert {cell.spec.seed for cell in again(finished, cells, "crash")} == {2}
        assert len(list((finished.path / "retried").glob("*.plan.json"))) == 2 * number
    assert {ran[cell.spec.key] for cell in cells if cell.spec.seed == 2} == {3}
    assert {ran[cell.spec.key] for cell in cells if cell.spec.seed != 2} == {1}
    assert progress(finished).done == 6


@pytest.mark.parametrize("damage", ["{", "", "[]", '{"format": "milproute.cell/1"}', "another"])
def test_a_corrupt_record_is_named_and_moved_aside_and_its_cell_runs_again(
    finished: ResultFolder, cells: list[Cell], ran: Counter[str], damage: str
) -> None:
    paths = finished.record_paths()
    paths[0].write_text(paths[1].read_text() if damage == "another" else damage)
    far = progress(finished)
    assert (far.done, len(far.missing), len(far.corrupt)) == (5, 1, 1)
    said = io.StringIO()
    assert [cell.spec.key for cell in again(finished, cells, said=said)] == [paths[0].stem]
    assert paths[0].name in said.getvalue()
    assert f"corrupt/{paths[0].stem}.0.json" in said.getvalue()
    assert (finished.path / "corrupt" / f"{paths[0].stem}.0.json").exists()
    assert progress(finished).done == 6


@pytest.mark.parametrize("change", [{"name": "weekly"}, {"time_limit": 7.0}, {"gap": 0.5}, {"threads": 2}])
def test_the_folder_of_another_suite_is_refused_with_how_to_merge(
    finished: ResultFolder, cells: list[Cell], change: dict[str, object]
) -> None:
    before = (finished.path / "suite.json").read_bytes()
    with pytest.raises(FolderError) as caught:
        finished.begin(SUITE.changed(**change), [cell.spec for cell in cells])
    for word in ("holds results of the suite 'nightly'", str(next(iter(change.values()))), "bench merge NEW"):
        assert word in str(caught.value)
    assert (finished.path / "suite.json").read_bytes() == before


def test_a_folder_with_other_files_is_refused(tmp_path: Path, cells: list[Cell]) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(FolderError, match="no folder of results; allowed: a new or empty folder"):
        ResultFolder(tmp_path).begin(SUITE, [cell.spec for cell in cells])
    with pytest.raises(RecordError, match=r"suite\.json is missing"):
        progress(ResultFolder(tmp_path))


def test_a_full_disk_ends_the_run_with_whole_cells_only(
    tmp_path: Path, cells: list[Cell], ran: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = ResultFolder(tmp_path / "out")
    folder.begin(SUITE, [cell.spec for cell in cells])
    room = 4  # files: one cell and a third
    real = os.replace

    def replace(source: str, target: object) -> None:
        nonlocal room
        if "cells" in str(target):
            room -= 1
            if room < 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(source, str(target))

    with monkeypatch.context() as patch:
        patch.setattr("os.replace", replace)
        with pytest.raises(OutputError, match="No space left on device"):
            again(folder, cells)
    assert len(folder.record_paths()) == 1
    assert len(files(folder)) == 3
    assert len(again(folder, cells)) == 5
    assert progress(folder).by_status == {"optimal": 2, "crash": 2, "time_limit": 2}


def test_a_cell_lost_with_its_worker_is_tried_again_and_in_the_end_a_crash(
    tmp_path: Path, cells: list[Cell], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two cells lose one worker, one cell every worker it gets."""
    folder, submitted = ResultFolder(tmp_path / "out"), Counter[str]()
    folder.begin(SUITE, [cell.spec for cell in cells])
    unlucky, hopeless = {cells[0].spec.key, cells[1].spec.key}, cells[2].spec.key

    class Cluster:
        lost = (CancelledError,)
        size = 2

        def cell(self, text: str, started: Callable[[], None]) -> Future[str]:
            task, future = Task.model_validate_json(text), Future[str]()
            submitted[task.spec.key] += 1
            if task.spec.key == hopeless or (task.spec.key in unlucky and submitted[task.spec.key] == 1):
                future.set_exception(CancelledError())
            else:
                future.set_result(outcome(task).model_dump_json())
            return future

        def reference(self) -> list[Future[str]]:
            return []

    @contextmanager
    def cluster(*_: object, **__: object) -> Iterator[Cluster]:
        yield Cluster()

    monkeypatch.setattr(run, "open_executor", cluster)
    run_cells(cells, folder, board())
    assert progress(folder).done == 6
    assert {submitted[key] for key in unlucky} == {2}
    (record,) = (
        record for _, record in folder.records() if isinstance(record, Record) and record.key == hopeless
    )
    assert (record.status, record.tries, record.message) == ("crash", 4, "4 workers died with it")


def test_merging_joins_two_machines_and_keeps_the_first_of_two_results(
    finished: ResultFolder, cells: list[Cell], tmp_path: Path
) -> None:
    other, both = ResultFolder(tmp_path / "other"), ResultFolder(tmp_path / "both")
    seeds = SUITE.changed(seeds=(3, 4))
    more = [cell.spec for cell in expand(seeds, "nightly", tmp_path)]
    other.begin(seeds, more)
    for spec in more:
        record = outcome(Task(spec=spec.changed(seed=1))).record
        other.keep(Outcome(record=record.changed(key=spec.key, spec=spec), log="b"))
    (finished.cells / f"{cells[0].spec.key}.json").write_text("{")
    merged = merge(both, [finished, other])
    assert (merged.taken, merged.again, len(merged.differing), len(merged.corrupt)) == (7, 2, 2, 1)
    assert cells[0].spec.key in merged.corrupt[0]
    far = progress(both)
    assert (far.suite, far.cells, far.done) == ("nightly", 8, 7)
    assert [cell.key for cell in far.missing] == [cells[0].spec.key]
    kept = {record.spec.seed: record.status for _, record in both.records() if isinstance(record, Record)}
    assert kept[3] == "time_limit"
    assert (both.path / "reference.jsonl").exists()
    assert merge(both, [other]).taken == 0


def test_merged_suites_keep_both_names(finished: ResultFolder, tmp_path: Path, cells: list[Cell]) -> None:
    other = ResultFolder(tmp_path / "other")
    other.begin(SUITE.changed(name="weekly", gap=0.0), [cell.spec for cell in cells])
    merge(ResultFolder(tmp_path / "both"), [finished, other])
    contents = ResultFolder(tmp_path / "both").contents()
    assert contents.name == "nightly + weekly"
    assert contents.limits == {"time_limit": 5.0, "memory_limit_mb": None, "threads": 1}


def test_no_two_cells_at_once_share_a_cpu_and_no_more_run_than_there_are() -> None:
    cpus = usable_cpus()
    sets = executors.cpu_sets(None, 1)
    assert len({cpu for own in sets for cpu in own}) == len(sets) <= len(cpus)
    assert len(executors.cpu_sets(1, len(cpus))[0]) == len(cpus)
    for workers, threads in ((len(cpus) + 1, 1), (0, 1), (None, len(cpus) + 1), (2, len(cpus))):
        with pytest.raises(OptionError, match="allowed"):
            executors.cpu_sets(workers, threads)


@pytest.mark.parametrize("name", ["lokal", "dask", "dask://", "tcp://localhost:1"])
def test_an_executor_that_does_not_exist_is_refused(name: str) -> None:
    with pytest.raises(OptionError, match="allowed: local, dask://HOST:PORT"):
        executors.open_executor(name, workers=None, threads=1, run="r")


def test_the_board_counts_and_guesses_what_is_left(cells: list[Cell]) -> None:
    shown = board()
    shown.start(cells[0].spec)
    shown.start(cells[2].spec)
    for cell in (cells[0], cells[2]):
        shown.finish(outcome(Task(spec=cell.spec)).record.changed(wall=90.0))
    shown.start(cells[4].spec)
    console = Console(width=150, record=True, file=io.StringIO())
    console.print(shown)
    text = console.export_text()
    assert "nightly: 2/6 cells" in text
    assert "1 running" in text
    assert "about 6 min 00 s left" in text
    assert "toy link by-source exact by highs, seed 3, permutation 0" in text
    assert "crash: toy link by-source" in text
