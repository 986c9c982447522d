"""Worker: a back end in a process of its own, which may crash, hang or eat memory without harm."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from contextlib import contextmanager, suppress
from queue import Queue
from threading import Event, Thread, active_count, current_thread, main_thread
from time import perf_counter
from typing import TYPE_CHECKING, Any, Self

from milproute.instances import MilprouteError
from milproute.solvers.backends import load_backend
from milproute.solvers.interface import Watch
from milproute.solvers.results import SolveOptions, SolveResult, TracePoint, settle

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess
    from types import FrameType

    from milproute.formulations import CompiledModel
    from milproute.instances import Status, Termination
    from milproute.instances.arrays import Floats
    from milproute.solvers.interface import Capability

GRACE = 10.0


class Worker:
    """A back end like any other, except that each solve runs in a child process.

    The child is started at once, so that it imports the solver while the caller builds the model, and
    serves any number of solves. What it found is streamed: when it crashes (``crash``), runs out of
    memory (``memory_limit``) or ignores its time limit by ``GRACE`` seconds and is killed
    (``time_limit``), the last incumbent and bound are still returned. Ctrl-C asks the solver to stop
    with what it has; a second one kills it.

    Raises
    ------
    OptionError, MissingSolverError : as `load_backend`.
    """

    def __init__(self, solver: str) -> None:
        backend = load_backend(solver)
        self.name: str = backend.name
        self.version: str = backend.version
        self.capabilities: frozenset[Capability] = backend.capabilities
        self.write = backend.write
        self._process: BaseProcess | None = None
        self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def solve(
        self,
        model: CompiledModel,
        options: SolveOptions,
        start: Floats | None = None,
        watch: Watch | None = None,
    ) -> SolveResult:
        """Solve ``model`` in the child; see the class for what becomes of its failures."""
        heard, limit = _Heard(watch or Watch(), perf_counter()), options.time_limit
        try:
            with _hearing_ctrl_c(heard):
                self._ask((model, options, start))
                deadline = None if limit is None else perf_counter() + 1.1 * limit + GRACE
                return self._listen(heard, deadline)
        except EOFError:
            return settle(self._post_mortem(heard, model), model)

    def _ask(self, task: tuple[Any, ...]) -> None:
        """Send a task; raise EOFError when the child is gone, unless it died unasked: then take another."""
        if self._process is not None and self._process.exitcode is not None:
            self._end()
        if self._process is None:
            self._start()
        try:
            self._pipe.send(task)
        except (BrokenPipeError, ConnectionResetError):
            raise EOFError from None

    def _listen(self, heard: _Heard, deadline: float | None) -> SolveResult:
        """Take messages until the result comes; raise EOFError when the child is gone."""
        told = False
        while True:
            if heard.interrupts > 1:
                heard.killed = "it did not stop at Ctrl-C and was killed"
                raise EOFError
            if deadline is not None and perf_counter() > deadline:
                heard.killed = "it ignored its time limit and was killed"
                raise EOFError
            try:
                if not told and (heard.interrupts or heard.watch.stop.is_set()):
                    self._pipe.send("stop")
                    told = True
                if not self._pipe.poll(0.1):
                    continue
                kind, content = self._pipe.recv()
            except (BrokenPipeError, ConnectionResetError):
                raise EOFError from None
            if kind == "result":
                result: SolveResult = content
                return result
            if kind == "error":
                raise content
            heard.take(kind, content)

    def _post_mortem(self, heard: _Heard, model: CompiledModel) -> SolveResult:
        """Write the result that the child did not live to send."""
        process = self._process
        self._end()
        code = process.exitcode if process else None
        termination: Termination | None = None
        if heard.killed:
            status: Status = "time_limit"
            termination = "interrupted" if heard.interrupts else "time_limit"
            word, message = "killed", f"{self.name} was given up: {heard.killed}"
        elif heard.out_of_memory:
            status, word, message = "memory_limit", "MemoryError", f"{self.name} ran out of memory"
        else:
            died = signal.Signals(-code).name if code is not None and code < 0 else f"exit status {code}"
            status, word, message = "crash", died, f"{self.name} crashed ({died}); try another seed or solver"
        last, values = heard.last, heard.values
        return SolveResult(
            status=status,
            native_status=word,
            termination=termination,
            # of these values: the last point may tell of a solution that died with the child
            objective=None if values is None else float(model.cost @ values + model.offset),
            bound=last.bound if last else None,
            seconds=perf_counter() - heard.begin,
            solver=self.name,
            version=self.version,
            values=values,
            nodes=last.nodes if last else 0,
            trace=tuple(heard.trace),
            message=message,
        )

    def _start(self) -> None:
        # A fork has everything imported already, but is safe only while there is one thread.
        fork = sys.platform == "linux" and active_count() == 1
        context = multiprocessing.get_context("fork" if fork else "spawn")
        self._pipe, theirs = multiprocessing.Pipe()
        arguments = (self.name, theirs, self._pipe if fork else None)
        process: BaseProcess = context.Process(target=_serve, args=arguments, daemon=True)  # type: ignore[attr-defined]
        with _deaf_to_ctrl_c():  # the child inherits it: Ctrl-C is for us to hear and to pass on
            process.start()
        theirs.close()
        self._process = process

    def _end(self) -> None:
        process, self._process = self._process, None
        self._pipe.close()
        if process is not None:
            if process.exitcode is None:
                process.join(0.05)
            process.kill()
            process.join()


class _Heard:
    """What a child has told so far."""

    def __init__(self, watch: Watch, begin: float) -> None:
        self.watch, self.begin = watch, begin
        self.trace: list[TracePoint] = []
        self.values: Floats | None = None
        self.interrupts, self.out_of_memory = 0, False
        self.killed = ""

    @property
    def last(self) -> TracePoint | None:
        """The last trace point."""
        return self.trace[-1] if self.trace else None

    def take(self, kind: str, content: Any) -> None:
        """Keep a message and pass it on."""
        if kind == "point":
            self.trace.append(content)
            self.watch.on_point(content)
        elif kind == "incumbent":
            self.values = content
            self.watch.on_incumbent(content)
        elif kind == "memory":
            self.out_of_memory = True


class _Inbox:
    """Child: reads the pipe all the time, so that "stop" is heard while the solver runs."""

    def __init__(self, pipe: Connection) -> None:
        self.pipe, self.tasks, self.stop = pipe, Queue[Any](), Event()
        Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        while True:
            try:
                message = self.pipe.recv()
            except (EOFError, OSError):
                os._exit(0)  # nobody is left to answer to
            if message == "stop":
                self.stop.set()
            else:
                self.stop.clear()
                self.tasks.put(message)


def _serve(solver: str, pipe: Connection, parents_end: Connection | None) -> None:
    """Child: solve what comes through the pipe until it closes."""
    if parents_end is not None:  # a forked child holds a copy, which would keep the pipe open for ever
        parents_end.close()
    with suppress(OSError):  # what a solver prints by itself is no result: stdout belongs to the parent
        os.dup2(2, 1)
    backend, inbox = load_backend(solver), _Inbox(pipe)
    watch = Watch(lambda p: pipe.send(("point", p)), lambda v: pipe.send(("incumbent", v)), inbox.stop)
    while True:
        model, options, start = inbox.tasks.get()
        try:
            pipe.send(("result", backend.solve(model, options, start, watch)))
        except MemoryError:
            pipe.send(("memory", None))
            os._exit(1)
        except MilprouteError as error:
            pipe.send(("error", error))


@contextmanager
def _hearing_ctrl_c(heard: _Heard) -> Iterator[None]:
    """Count Ctrl-C instead of raising it: an exception could tear a message in two.

    Only the main thread may, and only where Ctrl-C would raise.
    """
    usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if current_thread() is not main_thread() or not usual:
        yield
        return

    def count(_signal: int, _frame: FrameType | None) -> None:
        heard.interrupts += 1

    signal.signal(signal.SIGINT, count)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Ignore SIGINT for a moment; only the main thread may."""
    if current_thread() is not main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
