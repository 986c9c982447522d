"""A cell is one solve in one fresh process: ``python -m milproute.bench.cell spec.json result.json``.

Beside ``result.json``, a `Record`, lie ``result.plan.json`` (the plan), ``result.log`` (the solver's own log)
and ``result.trace`` (the bound trace, written while the solver runs). What this process cannot tell any more,
its parent does: see `milproute.bench.run.launch`.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
from base64 import b64decode
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from milproute.bench.cell.process_limits import confine, limit_memory, peak_memory
from milproute.startup import load_scipy_lightly

if TYPE_CHECKING:
    from collections.abc import Callable

    from milproute.bench.cell.recorder import Recorder
    from milproute.bench.records.record import CellSpec, Record
    from milproute.bench.records.task import Task
    from milproute.instances import Instance, Plan, QNet
    from milproute.solvers import SolveOptions

NO_SPACE = 74  # exit status when the result could not be written: the system's EX_IOERR
LOG_TAIL = 4_000  # characters of the solver's log in the record


def main() -> None:
    """Run the cell that the command line names, and write its record."""
    parser = argparse.ArgumentParser(prog="python -m milproute.bench.cell", description="Run one cell.")
    parser.add_argument("spec", type=Path, help="JSON: the spec of a record, or a task of `bench run`")
    parser.add_argument("result", type=Path, help="file to write the record to")
    parser.add_argument("--confine", type=json.loads, default={}, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    confine(chosen.confine)
    gc.disable()  # a thousand modules and no garbage: looking for it costs a tenth of the start
    load_scipy_lightly()
    from milproute.instances import OutputError

    data = json.loads(chosen.spec.read_text(encoding="utf-8"))
    try:
        run_task(data if "spec" in data else {"spec": data}, chosen.result)
    except OutputError as error:
        sys.stderr.write(f"{error}\n")
        leave(NO_SPACE)
    leave(0)


def leave(status: int) -> None:
    """End at once: taking a thousand modules apart helps nobody, and some solvers crash in it."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def run_task(data: dict[str, Any], result: Path) -> None:
    """Run a task and write what came of it.

    Raises
    ------
    OutputError : the record, the plan or the trace cannot be written.
    """
    from datetime import UTC, datetime

    from milproute.bench.records.machine import describe_machine
    from milproute.bench.records.record import Record
    from milproute.bench.records.task import Task
    from milproute.instances import MilprouteError, OutputError
    from milproute.instances.files import write_text

    task = Task.model_validate(data)
    started = datetime.now(UTC).isoformat(timespec="milliseconds")
    machine = task.machine or describe_machine()
    record = Record(key=task.spec.key, status="error", spec=task.spec, machine=machine, started=started)
    try:
        record = solve_cell(task, record, result)
    except MemoryError:
        limit_memory(None)  # to write that down takes memory
        message = f"out of memory at the limit of {task.spec.memory_limit_mb} MiB"
        record = record.changed(
            status="memory_limit", termination="memory_limit", native_status="MemoryError", message=message
        )
    except OutputError:
        raise
    except MilprouteError as error:
        record = record.changed(termination="error", native_status=type(error).__name__, message=str(error))
    except OSError as error:
        raise OutputError(f"{result} cannot be written: {error.strerror}.") from error
    write_text(result, record.model_dump_json(indent=1) + "\n")


def solve_cell(task: Task, record: Record, result: Path) -> Record:
    """Build, solve and check; return the record.

    Raises
    ------
    MilprouteError : what is asked for is not what is found here, or does not go together.
    MemoryError : at the limit.
    """
    from milproute.bench.cell.recorder import Recorder
    from milproute.instances.files import save
    from milproute.solvers.backends import load_backend
    from milproute.solvers.wrappers.checked import Checked
    from milproute.solvers.wrappers.permuted import Permuted

    spec, log = task.spec, result.with_suffix(".log")
    backend = load_backend(spec.solver)
    _check_version("solver_version", spec.solver_version, backend.version)
    recorder = Recorder(
        Checked(Permuted(backend, spec.permutation)),
        result.with_suffix(".trace"),
        whole=spec.formulation != "reps",
    )
    instance, method = find_instance(task), _method(task)
    gc.enable()
    gc.freeze()
    limit_memory(spec.memory_limit_mb)
    plan = method(instance, recorder, _limits(spec, log))
    limit_memory(None)
    save(plan, result.with_suffix(".plan.json"))
    return filled(record, plan, recorder, log)


def find_instance(task: Task) -> Instance:
    """Return the instance of a task, the one that was asked for and no other.

    Raises
    ------
    MilprouteError : it is not found here, or differs.
    """
    from milproute.instances import Instance, InstanceError, resolve
    from milproute.instances.library import fingerprint
    from milproute.instances.outcomes import draw_entangled

    spec = task.spec
    if task.document is None:
        instance = resolve(spec.instance)
    else:
        instance = Instance.parse(task.document, spec.instance, InstanceError)
    if spec.draw_pairs is not None:
        instance = draw_entangled(instance, spec.draw_pairs)
    _check_version("instance_digest", spec.instance_digest, fingerprint(instance))
    return instance


def find_qnet(task: Task) -> QNet:
    """Return the Q-net of a task, the one that was asked for and no other.

    Raises
    ------
    MilprouteError : it is not found here, or differs.
    """
    from milproute.instances.qnets.library import resolve_qnet
    from milproute.instances.qnets.safetensors import load_qnet

    spec = task.spec
    if task.qnet is None:
        net = resolve_qnet(spec.qnet or "")
    else:
        with TemporaryDirectory() as folder:
            path = Path(folder) / "net.safetensors"
            path.write_bytes(b64decode(task.qnet))
            net = load_qnet(path)
    _check_version("qnet_digest", spec.qnet_digest, net.digest)
    return net


def _check_version(what: str, asked: str | None, here: str) -> None:
    from milproute.instances import OptionError

    if asked != here:
        raise OptionError(
            f"{what} is {here!r} here; allowed: {asked!r}, as the cell asks. "
            "Use the same versions of milproute, its solvers and its packages on all machines."
        )


def _method(task: Task) -> Callable[[Instance, Recorder, SolveOptions], Plan]:
    """Return the function that solves the cell, everything it needs imported."""
    spec = task.spec
    if spec.formulation == "argmax":
        from milproute.bench.suite.variants import argmax_options
        from milproute.solvers.argmax.argmax import argmax

        options = argmax_options(spec.variant, spec.max_hops)
        net = find_qnet(task)
        return lambda instance, backend, limits: argmax(
            net,
            instance,
            actions=options.actions,
            relu=options.relu,
            bounds=options.bounds,
            engine=options.engine,
            max_hops=options.max_hops,
            solver=backend,
            limits=limits,
        )
    from milproute.solvers import solve

    return lambda instance, backend, limits: solve(
        instance,
        spec.formulation,
        spec.variant,
        method=spec.method,
        flows=spec.flows,
        relax=spec.relax,
        solver=backend,
        limits=limits,
        seed=spec.seed,
    )


def _limits(spec: CellSpec, log: Path) -> SolveOptions:
    from milproute.solvers import SolveOptions

    return SolveOptions(
        time_limit=spec.time_limit,
        gap=spec.gap,
        threads=spec.threads,
        seed=spec.seed,
        native=spec.native,
        memory_limit_mb=spec.memory_limit_mb,
        log=log,
    )


def filled(record: Record, plan: Plan, recorder: Recorder, log: Path) -> Record:
    """Put what was found into the record."""
    # A method may go on with what a wrong answer leaves over; the cell is wrong all the same.
    beaten = recorder.beaten(plan.objective) if plan.objective is not None and plan.verified else []
    breaches = (*recorder.breaches, *beaten, *map(str, plan.violations))
    wrong = bool(breaches) and plan.objective is not None
    return record.changed(
        status="wrong_solution" if wrong else plan.status,
        native_status=recorder.native_status,
        termination=plan.termination,
        message=plan.message or (breaches[0] if wrong else None),
        objective=plan.objective,
        bound=plan.bound,
        verified=plan.verified and plan.objective is not None and not wrong,
        breaches=breaches,
        seconds=plan.seconds,
        size=plan.size,
        nodes=recorder.nodes,
        iterations=recorder.iterations,
        peak_mb=peak_memory(),
        trace=tuple(recorder.trace),
        log=read_tail(log, LOG_TAIL),
    )


def read_tail(path: Path, length: int) -> str:
    """Return the last characters of a file, nothing of one that is not there."""
    return path.read_text(encoding="utf-8", errors="replace")[-length:] if path.exists() else ""


if __name__ == "__main__":
    main()
