"""Launch: run the cell of a task in a fresh process and write the record that the process cannot write."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from errno import ENOSPC
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import TYPE_CHECKING, Any

from milproute.bench.cell.cell import LOG_TAIL, NO_SPACE, read_tail
from milproute.bench.records.machine import describe_machine, load
from milproute.bench.records.record import Record
from milproute.bench.records.task import Confinement, Outcome, Task
from milproute.bench.records.trace_file import read_stream
from milproute.bench.run.cgroups import killed_for_memory, memory_group
from milproute.bench.run.subprocesses import Ended, run_child
from milproute.instances import OutputError, PlanError, load_plan
from milproute.instances.files import write_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from milproute.instances import Status, Termination

GRACE = 10.0  # seconds to start, to check and to write
TRIES = 2  # of a cell that crashes
LOG_MOST = 1_000_000  # characters of the solver's log that are kept beside the record
OUT_OF_MEMORY = ("MemoryError", "bad_alloc")


def run_cell(text: str, cpus: Sequence[int] = (), grace: float = GRACE) -> str:
    """Run a task in a fresh process, wherever this is called; a crash is tried once more.

    The cell is killed 1.1 times its time limit and ``grace`` seconds after its first solve began, and as long
    after its start if none ever does.

    Parameters
    ----------
    text : `Task` as JSON.
    cpus : logical CPUs for the process, empty for any.
    grace : seconds beyond the limit.

    Returns
    -------
    str : `Outcome` as JSON. Every ending is one.

    Raises
    ------
    EndedError : `end_cells` has ended the run.
    OutputError : no space is left to work in.
    """
    task = Task.model_validate_json(text)
    for tries in range(1, TRIES + 1):
        try:
            outcome = _run_once(task, cpus, grace)
        except OutputError:
            raise
        except OSError as error:
            raise OutputError(f"no cell can run in {gettempdir()}: {error.strerror}.") from error
        if outcome.record.status != "crash":
            break
    return outcome.model_copy(update={"record": outcome.record.changed(tries=tries)}).model_dump_json()


def _run_once(task: Task, cpus: Sequence[int], grace: float) -> Outcome:
    machine = describe_machine().changed(load_before=load())
    started = datetime.now(UTC).isoformat(timespec="milliseconds")
    spec = task.spec
    with (
        TemporaryDirectory(prefix="milproute-") as name,
        memory_group(f"milproute-{os.getpid()}-{spec.key}", spec.memory_limit_mb) as group,
    ):
        folder = Path(name)
        write_text(folder / "task.json", task.changed(machine=machine).model_dump_json())
        confinement = Confinement(parent=os.getpid(), cpus=tuple(cpus), group=str(group) if group else None)
        ended = run_child(
            (folder / "task.json", folder / "cell.json"),
            confinement,
            folder / "output.txt",
            threads=spec.threads,
            run=task.run,
            is_late=_Deadline(folder / "cell.trace", 1.1 * spec.time_limit + grace).passed,
        )
        if ended.code == NO_SPACE:
            raise OutputError(read_tail(folder / "output.txt", LOG_TAIL).strip())
        record = _own_record(folder) or _post_mortem(task, folder, ended, killed_for_memory(group), started)
        after = machine.changed(load_after=load())
        record = record.changed(wall=ended.seconds, machine=after)
        return Outcome(record=record, plan=_plan(folder), log=_log(folder))


class _Deadline:
    """When a cell is late: reckoned from its first solve, which is when its trace appears."""

    def __init__(self, trace: Path, allowance: float) -> None:
        self.trace, self.allowance = trace, allowance
        self.begin: float | None = None

    def passed(self, seconds: float) -> bool:
        """Whether time is up, ``seconds`` after the start."""
        if self.begin is None and self.trace.exists():
            self.begin = seconds
        return seconds > (self.begin or 0.0) + self.allowance


def _own_record(folder: Path) -> Record | None:
    """Return what the cell wrote of itself; a file that is there is whole."""
    path = folder / "cell.json"
    return Record.model_validate_json(path.read_text(encoding="utf-8")) if path.exists() else None


def _plan(folder: Path) -> dict[str, Any] | None:
    path = folder / "cell.plan.json"
    try:
        return load_plan(path).document() if path.exists() else None
    except PlanError:  # such as a number that no document may hold: the record tells what happened
        return None


def _log(folder: Path) -> str:
    """Return the solver's log and what it printed besides."""
    parts = (read_tail(folder / name, LOG_MOST) for name in ("cell.log", "output.txt"))
    return "\n".join(filter(None, parts))


def _post_mortem(task: Task, folder: Path, ended: Ended, out_of_memory: bool, started: str) -> Record:
    """Write the record of a cell that did not live to write its own; bound and trace are kept."""
    printed = read_tail(folder / "output.txt", LOG_TAIL)
    if str(ENOSPC) in printed and os.strerror(ENOSPC) in printed:
        raise OutputError(printed.strip().rpartition("\n")[2])
    built = (folder / "cell.trace").exists()
    status, ending, word, message = _cause(task, ended, out_of_memory, built, printed)
    trace = read_stream(folder / "cell.trace")
    return Record(
        key=task.spec.key,
        status=status,
        spec=task.spec,
        native_status=word,
        termination=ending,
        message=message,
        bound=trace[-1][3] if trace else None,
        peak_mb=ended.peak_mb,
        nodes=trace[-1][1] if trace else 0,
        trace=trace,
        log=_log(folder)[-LOG_TAIL:],
        machine=describe_machine(),
        started=started,
    )


def _cause(
    task: Task, ended: Ended, out_of_memory: bool, built: bool, printed: str
) -> tuple[Status, Termination, str, str]:
    """Say what killed a cell: status, termination, native word, sentence. ``built``: a solve had begun."""
    spec, word = task.spec, ended.signal or f"exit status {ended.code}"
    limit = spec.memory_limit_mb
    if ended.late and not built:
        sentence = f"its model was not built within the time limit of {spec.time_limit:g} s"
        return "no_solution", "build_limit", "killed", sentence
    if ended.late:
        sentence = f"it ignored its time limit of {spec.time_limit:g} s and was killed"
        return "time_limit", "time_limit", "killed", sentence
    full = limit is not None and ended.signal == "SIGKILL" and (ended.peak_mb or 0) >= 0.9 * limit
    if out_of_memory or full or any(sign in printed for sign in OUT_OF_MEMORY):
        return (
            "memory_limit",
            "memory_limit",
            word,
            f"out of memory at the limit of {limit or 'this machine,'} MiB",
        )
    if ended.signal is not None:
        return "crash", "crash", word, f"{spec.solver} crashed ({word}); try another seed or solver"
    return "error", "error", word, printed.strip().rpartition("\n")[2] or f"the process ended with {word}"
