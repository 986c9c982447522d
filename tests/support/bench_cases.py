"""A solver that lies, crashes, hangs and eats memory, as a package of its own; cells that use it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from milproute.bench.records.record import CellSpec
from milproute.bench.records.task import Outcome, Task
from milproute.instances import resolve
from milproute.instances.library import fingerprint

if TYPE_CHECKING:
    import pytest

STUB = '''
"""A back end that answers as HiGHS does, and then as its native option ``mood`` says."""

import os
import signal
import sys
import time
from dataclasses import replace

from milproute.solvers.backends.highs import Highs
from milproute.solvers.results import TracePoint


class Stub(Highs):
    name = "stub"
    version = "1"

    def solve(self, model, options, start=None, watch=None):
        mood = options.native["mood"]
        honest = super().solve(model, replace(options, native={}), start)
        if mood == "objective":
            return replace(honest, objective=honest.objective + 1, bound=honest.bound + 1)
        if mood == "bound":
            return replace(honest, bound=honest.bound - 1, status="gap_limit")
        if mood == "feasibility":
            return replace(honest, values=honest.values + 100)
        if mood == "lazy":  # nothing at all, called optimal: only another solver can tell
            return replace(honest, values=0 * honest.values, objective=0.0, bound=0.0)
        if mood == "infeasible":
            return replace(honest, status="infeasible")
        if mood == "licence":
            nothing = {"objective": None, "bound": None, "values": None}
            return replace(honest, status="licence", message="too large", **nothing)
        if mood == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        if mood == "hang":
            watch.on_point(TracePoint(0.25, 7, 2.0, 5.0))
            os.fork() or time.sleep(600)  # with a child that outlives it
            time.sleep(600)
        if mood == "memory":
            kept = [bytearray(2**24)]
            while True:
                kept.append(kept[-1] + kept[-1])
        if mood == "abort":
            sys.stderr.write("terminate called after throwing an instance of 'std::bad_alloc'\\\\n")
            sys.stderr.flush()
            os.abort()
        if mood == "raise":
            raise RuntimeError("a bug in the stub")
        if mood == "exit":
            os._exit(3)
        if mood == "where":
            options.log.write_text(f"cpus {os.sched_getaffinity(0)} threads {os.environ['OMP_NUM_THREADS']}")
        if mood == "full":
            raise OSError(28, os.strerror(28))
        if mood == "sleep":
            time.sleep(options.native["seconds"])
        return honest
'''


def install_stub(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Install the stub as a package would be, for the processes that start from here on."""
    (folder / "stub_solver.py").write_text(STUB)
    metadata = folder / "stub_solver-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: stub-solver\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text("[milproute.solvers]\nstub = stub_solver:Stub\n")
    patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH")))))


def toy_spec(**fields: Any) -> CellSpec:
    """Return the cell of the toy's link ILP, optimum 3."""
    usual: dict[str, Any] = {
        "instance": "toy",
        "instance_digest": fingerprint(resolve("toy")),
        "formulation": "link",
        "variant": "by-source",
        "solver": "stub",
        "solver_version": "1",
        "time_limit": 1.0,
    }
    return CellSpec.model_validate(usual | fields)


def in_mood(mood: str, **fields: Any) -> str:
    """Return the task of the toy's link ILP for a stub in a mood."""
    return Task(spec=toy_spec(native={"mood": mood}, **fields)).model_dump_json()


def read(text: str) -> Outcome:
    """Read an outcome."""
    return Outcome.model_validate_json(text)


def running_cells(folder: Path) -> set[str]:
    """Return the processes of cells that run with the stub of this folder installed."""
    running = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command, environment = ((process / name).read_bytes() for name in ("cmdline", "environ"))
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        if b"milproute.bench.cell" in command and str(folder).encode() in environment:
            running.add(process.name)
    return running
