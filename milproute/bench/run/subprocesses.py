"""Children: the processes of cells, started confined and ended for certain."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock
from time import perf_counter, sleep
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from milproute.bench.records.task import Confinement

POLL = 0.02


class EndedError(Exception):
    """The run that a cell belongs to is over: there is no result, and no row."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended.

    Parameters
    ----------
    code : exit status, or minus the signal.
    late : whether it was killed because its time was up.
    seconds : wall clock.
    peak_mb : largest resident memory; None where it drowns in that of this process, from which it forked.
    """

    code: int
    late: bool
    seconds: float
    peak_mb: float | None

    @property
    def signal(self) -> str | None:
        """Name of the signal that ended it."""
        return signal.Signals(-self.code).name if self.code < 0 else None


class _Children:
    """The process groups that run here, by the run they belong to. Threads share it."""

    def __init__(self) -> None:
        self._lock, self._running, self._over = Lock(), dict[int, str](), set[str]()

    def start(self, command: Sequence[str], output: Path, threads: int, run: str) -> subprocess.Popen[bytes]:
        """Start a process in a group of its own, unless its run is over."""
        # Libraries that count cores would take those of the cells beside.
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        environment = os.environ | dict.fromkeys(names, str(threads)) | {"PYTHONHASHSEED": "0"}
        with self._lock, output.open("wb") as told:
            if run in self._over:
                raise EndedError(run)
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=told,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )
            self._running[process.pid] = run
            return process

    def forget(self, process: subprocess.Popen[bytes]) -> None:
        """Drop a process that has ended; raise when its run has."""
        with self._lock:
            if self._running.pop(process.pid) in self._over:
                raise EndedError(process.pid)

    def end(self, run: str) -> None:
        """Kill what runs for ``run``, and let nothing more start for it."""
        with self._lock:
            self._over.add(run)
            for pid, own in self._running.items():
                if own == run:
                    kill_group(pid)


_children = _Children()


def end_cells(run: str) -> None:
    """Kill the cells of a run that this process started; none starts any more."""
    _children.end(run)


def kill_group(leader: int) -> None:
    """Kill a process and all that it started."""
    with suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


def run_child(
    arguments: Sequence[str | Path],
    confinement: Confinement,
    output: Path,
    *,
    threads: int,
    run: str,
    is_late: Callable[[float], bool],
) -> Ended:
    """Run the module ``milproute.bench.cell`` to its end.

    Parameters
    ----------
    arguments, confinement : of the module.
    output : file for what it prints.
    threads : that its libraries may start.
    run : by whose `end_cells` it is killed.
    is_late : whether to kill it, given the seconds since its start; asked all the time.

    Raises
    ------
    EndedError : the run is over.
    """
    chosen = ["--confine", json.dumps(confinement.model_dump(mode="json"))]
    command = [sys.executable, "-m", "milproute.bench.cell", *map(str, arguments), *chosen]
    begin, late = perf_counter(), False
    process = _children.start(command, output, threads, run)
    try:
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            if not late and is_late(perf_counter() - begin):
                late = True
                kill_group(process.pid)
            sleep(POLL)
        process.returncode = os.waitstatus_to_exitcode(status)  # it is ended: Popen need not wait for it
        seconds = perf_counter() - begin
        kill_group(process.pid)  # what it may have left behind
    finally:
        _children.forget(process)
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peak = usage.ru_maxrss / 1024 if usage.ru_maxrss > own else None
    return Ended(process.returncode, late, seconds, peak)
