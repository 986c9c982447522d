"""Run: the cells of a suite that have no result yet, each kept as soon as it ends."""

from __future__ import annotations

import json
from collections import Counter, deque
from concurrent.futures import FIRST_COMPLETED, wait
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING
from uuid import uuid4

from milproute.bench.records.record import Machine, Record, RecordError
from milproute.bench.records.task import Outcome, Task
from milproute.bench.run.executors import LOCAL, open_executor

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from concurrent.futures import Future

    from milproute.bench.results.folder import ResultFolder
    from milproute.bench.run.display import Board
    from milproute.bench.run.executors import Executor
    from milproute.bench.suite.expand import Cell

AHEAD = 2  # tasks submitted for each place, so that none waits for the next
LISTEN = 0.5  # seconds between looks at the clock
LOSSES = 3  # workers that a cell may lose before it is given up

NOWHERE = Machine(name="lost", cpu="unknown", cores=0, memory_mb=0, system="", python="", packages={})


def missing_cells(
    folder: ResultFolder, cells: Sequence[Cell], retry: Collection[str], board: Board
) -> list[Cell]:
    """Return the cells to run; records that are corrupt, or that `retry` names by status, are set aside."""
    done, wanted = set[str](), {cell.spec.key for cell in cells}
    for path, found in folder.records():
        if isinstance(found, RecordError):
            board.say(f"{found} It is moved to {folder.set_aside(path, 'corrupt')}; its cell runs again.")
        elif found.status in retry and found.key in wanted:
            folder.set_aside(path, "retried")
        else:
            done.add(found.key)
    board.done = len(done & wanted)
    return [cell for cell in cells if cell.spec.key not in done]


def run_cells(
    cells: Sequence[Cell],
    folder: ResultFolder,
    board: Board,
    *,
    executor: str = LOCAL,
    workers: int | None = None,
) -> None:
    """Run cells and keep what comes of each; the reference job runs before and after.

    Whatever ends this early (Ctrl-C, a full disk) ends the cells that run; those that are done stay.

    Raises
    ------
    OptionError, ClusterError : as `open_executor`.
    OutputError : a result cannot be written.
    """
    if not cells:
        return
    run, threads = uuid4().hex, cells[0].spec.threads
    with open_executor(executor, workers=workers, threads=threads, run=run) as pool, board.shown():
        _refer(pool, folder)
        _run_all(cells, folder, board, pool, run)
        _refer(pool, folder)


def _refer(pool: Executor, folder: ResultFolder) -> None:
    """Run the reference job; a worker that dies of it is missed when cells are."""
    for future in pool.reference():
        try:
            folder.add_reference(json.loads(future.result()))
        except pool.lost:
            continue


def _run_all(cells: Sequence[Cell], folder: ResultFolder, board: Board, pool: Executor, run: str) -> None:
    waiting, losses = deque(cells), Counter[str]()
    futures: dict[Future[str], Cell] = {}
    while waiting or futures:
        board.workers = pool.size
        while waiting and len(futures) < AHEAD * board.workers:
            cell = waiting.popleft()
            task = Task(spec=cell.spec, document=cell.document, qnet=cell.qnet, run=run)
            futures[pool.cell(task.model_dump_json(), partial(board.start, cell.spec))] = cell
        for future in wait(futures, timeout=LISTEN, return_when=FIRST_COMPLETED).done:
            cell = futures.pop(future)
            try:
                outcome = Outcome.model_validate_json(future.result())
            except pool.lost as loss:
                losses[cell.spec.key] += 1
                board.drop(cell.spec)
                if losses[cell.spec.key] <= LOSSES:
                    waiting.append(cell)
                    continue
                outcome = _lost(cell, losses[cell.spec.key], loss)
            folder.keep(outcome)
            board.finish(outcome.record)
        board.tick()


def _lost(cell: Cell, times: int, loss: BaseException) -> Outcome:
    """Write the record of a cell that no worker survives."""
    record = Record(
        key=cell.spec.key,
        status="crash",
        spec=cell.spec,
        native_status=type(loss).__name__,
        message=f"{times} workers died with it",
        machine=NOWHERE,
        started=datetime.now(UTC).isoformat(timespec="milliseconds"),
        tries=times,
    )
    return Outcome(record=record)
