"""Worker: whatever the child does, the parent has an answer, and no child outlives its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from time import sleep
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pytest

import milproute.solvers.wrappers.process
from milproute.instances.errors import OptionError
from milproute.solvers.backends import BACKENDS, Entry
from milproute.solvers.backends.highs import Highs
from milproute.solvers.interface import Capability, Watch
from milproute.solvers.results import BackendError, SolveOptions, SolveResult, TracePoint
from milproute.solvers.wrappers.process import Worker
from tests.support.arrays import arrays
from tests.support.repository import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

# The best is 3 + 3; [1, 1] is worth 2, and no bound below 6 is true.
MODEL = arrays([1, 1], upper=3, integer=True, maximize=True)
INCUMBENT = np.ones(2)

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="stubs reach the child by fork")


def claim(status: Any, values: Any = None, message: str = "") -> SolveResult:
    objective = None if values is None else float(MODEL.cost @ values)
    return SolveResult(status, "scripted", objective, None, 0.0, "scripted", "0", values, message=message)


def tell(watch: Watch) -> None:
    """Find [1, 1], and then something better whose values are never sent."""
    watch.on_point(TracePoint(0.0, 1, 2.0, 9.0))
    watch.on_incumbent(INCUMBENT)
    watch.on_point(TracePoint(0.1, 5, 4.0, 8.0))


def die(_options: SolveOptions, watch: Watch) -> SolveResult:
    tell(watch)
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def die_at_once(_options: SolveOptions, _watch: Watch) -> SolveResult:
    os._exit(7)


def bug(_options: SolveOptions, _watch: Watch) -> SolveResult:
    raise ZeroDivisionError


def hang(_options: SolveOptions, watch: Watch) -> SolveResult:
    tell(watch)
    sleep(1000)
    raise AssertionError


def devour(_options: SolveOptions, watch: Watch) -> SolveResult:
    tell(watch)
    raise MemoryError


def refuse(options: SolveOptions, _watch: Watch) -> SolveResult:
    raise OptionError(f"no option {options.native['what']}; allowed: none")


def refuse_model(_options: SolveOptions, _watch: Watch) -> SolveResult:
    raise BackendError("scripted refuses the model")


def obey(_options: SolveOptions, watch: Watch) -> SolveResult:
    tell(watch)
    watch.stop.wait()
    return claim("time_limit", INCUMBENT, "stopped")


def chatter(_options: SolveOptions, _watch: Watch) -> SolveResult:
    os.write(1, b"native noise\n")
    return claim("time_limit", INCUMBENT)


def who(_options: SolveOptions, _watch: Watch) -> SolveResult:
    return claim("time_limit", INCUMBENT, str(os.getpid()))


DEEDS: dict[str, Callable[[SolveOptions, Watch], SolveResult]] = {
    deed.__name__: deed
    for deed in (die, die_at_once, bug, hang, devour, refuse, refuse_model, obey, chatter, who)
}


class Scripted:
    """A back end that does what the native option ``do`` says."""

    name: ClassVar[str] = "scripted"
    version: ClassVar[str] = "0"
    capabilities: ClassVar[frozenset[Capability]] = frozenset({Capability.INTEGER})

    def solve(self, _model: Any, options: SolveOptions, _start: Any, watch: Watch) -> SolveResult:
        return DEEDS[str(options.native["do"])](options, watch)

    def write(self, _model: Any, _path: Path) -> None:
        raise NotImplementedError


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> str:
    """Register `Scripted` and let workers fork, whatever threads the test runner has; return its name."""
    monkeypatch.setitem(BACKENDS, "scripted", Entry(__name__, "Scripted", "numpy", "none", "none"))
    monkeypatch.setattr(milproute.solvers.wrappers.process, "active_count", lambda: 1)
    return "scripted"


@pytest.fixture
def worker(scripted: str) -> Iterator[Worker]:
    """Return a worker for `Scripted`."""
    with Worker(scripted) as worker:
        yield worker


def ask(
    worker: Worker, deed: str, watch: Watch | None = None, time_limit: float | None = None, **native: object
) -> SolveResult:
    return worker.solve(MODEL, SolveOptions(time_limit, native={"do": deed, **native}), watch=watch)


def has_last_incumbent(result: SolveResult) -> bool:
    """Whether values, their own objective, the last bound and the whole trace are kept."""
    return (
        np.array_equal(result.values, INCUMBENT)
        and (result.objective, result.bound, result.nodes) == (2.0, 8.0, 5)
        and [point.objective for point in result.trace] == [2.0, 4.0]
    )


def test_a_killed_child_is_a_crash_that_names_the_signal_and_keeps_the_incumbent(worker: Worker) -> None:
    result = ask(worker, "die")
    assert (result.status, result.native_status) == ("crash", "SIGKILL")
    assert "scripted crashed (SIGKILL); try another seed or solver" in result.message
    assert has_last_incumbent(result)


@pytest.mark.parametrize(("deed", "code"), [("die_at_once", 7), ("bug", 1)])
def test_a_child_that_exits_is_a_crash_with_its_exit_status(
    capfd: pytest.CaptureFixture[str], scripted: str, deed: str, code: int
) -> None:
    with Worker(scripted) as worker:
        result = ask(worker, deed)
    assert (result.status, result.native_status) == ("crash", f"exit status {code}")
    assert (result.objective, result.bound, result.values) == (None, None, None)
    assert ("ZeroDivisionError" in capfd.readouterr().err) == (deed == "bug")  # never swallowed


def test_a_child_that_ignores_its_time_limit_is_killed(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(milproute.solvers.wrappers.process, "GRACE", 1.0)
    result = ask(worker, "hang", time_limit=0.1)
    assert (result.status, result.native_status) == ("time_limit", "killed")
    assert "it ignored its time limit and was killed" in result.message
    assert has_last_incumbent(result)


def test_running_out_of_memory_is_a_memory_limit_that_keeps_the_incumbent(worker: Worker) -> None:
    result = ask(worker, "devour")
    assert (result.status, result.native_status) == ("memory_limit", "MemoryError")
    assert has_last_incumbent(result)


@pytest.mark.parametrize(
    ("deed", "error", "message"),
    [
        ("refuse", OptionError, "no option x; allowed: none"),
        ("refuse_model", BackendError, "scripted refuses the model"),
    ],
)
def test_our_errors_travel_to_the_parent_and_the_child_lives_on(
    worker: Worker, deed: str, error: type[Exception], message: str
) -> None:
    child = ask(worker, "who").message
    with pytest.raises(error) as caught:
        ask(worker, deed, what="x")
    assert str(caught.value) == message
    assert ask(worker, "who").message == child


def test_one_child_serves_many_solves(worker: Worker) -> None:
    children = {ask(worker, "who").message for _ in range(3)}
    assert len(children) == 1
    assert str(os.getpid()) not in children


@pytest.mark.parametrize("deed", ["die", "die_at_once", "devour"])
def test_a_new_child_takes_the_place_of_a_dead_one(worker: Worker, deed: str) -> None:
    before = ask(worker, "who").message
    ask(worker, deed)
    after = ask(worker, "who")
    assert after.status == "time_limit"
    assert after.message not in (before, "")


def test_a_child_that_died_idle_is_replaced_before_the_next_solve(worker: Worker) -> None:
    child = int(ask(worker, "who").message)
    os.kill(child, signal.SIGKILL)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)  # dead, and not yet buried
    after = ask(worker, "who")
    assert after.status == "time_limit"
    assert int(after.message) != child


def test_the_child_is_gone_after_the_block(scripted: str) -> None:
    with Worker(scripted) as worker:
        child = int(ask(worker, "who").message)
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


def test_stop_from_the_watch_reaches_the_child(worker: Worker) -> None:
    watch = Watch()
    stopping = Watch(on_incumbent=lambda _: watch.stop.set(), stop=watch.stop)
    result = ask(worker, "obey", stopping)
    assert (result.status, result.message) == ("time_limit", "stopped")


def test_a_stop_does_not_linger_for_the_next_solve(worker: Worker) -> None:
    watch = Watch()
    watch.stop.set()
    ask(worker, "obey", watch)
    fresh = Watch()
    points: list[TracePoint] = []

    def stop_at_the_second(point: TracePoint) -> None:
        points.append(point)
        if len(points) == 2:
            fresh.stop.set()

    ask(worker, "obey", Watch(on_point=stop_at_the_second, stop=fresh.stop))
    assert len(points) == 2


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Let Ctrl-C raise in this test, whatever the test runner does with it."""
    if threading.current_thread() is not threading.main_thread():
        pytest.skip("only the main thread hears signals")
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler  # given back by the worker
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_asks_the_child_to_stop_with_what_it_has(worker: Worker) -> None:
    watch = Watch(on_incumbent=lambda _: signal.raise_signal(signal.SIGINT))
    result = ask(worker, "obey", watch)
    assert (result.status, result.message) == ("time_limit", "stopped")
    assert np.array_equal(result.values, INCUMBENT)


@pytest.mark.usefixtures("interruptible")
def test_the_second_ctrl_c_kills_a_child_that_does_not_stop(worker: Worker) -> None:
    result = ask(worker, "hang", Watch(on_point=lambda _: signal.raise_signal(signal.SIGINT)))
    assert (result.status, result.native_status) == ("time_limit", "killed")
    assert "it did not stop at Ctrl-C and was killed" in result.message
    assert has_last_incumbent(result)


def test_what_a_solver_prints_never_reaches_stdout(capfd: pytest.CaptureFixture[str], scripted: str) -> None:
    with Worker(scripted) as worker:
        ask(worker, "chatter")
    captured = capfd.readouterr()
    assert captured.out == ""
    assert "native noise" in captured.err


def test_beside_threads_the_child_is_spawned_and_answers_like_the_solver_itself() -> None:
    answers = []

    def solve() -> None:
        with Worker("highs") as worker:
            answers.append(worker.solve(MODEL, SolveOptions()))

    thread = threading.Thread(target=solve)
    thread.start()
    thread.join()
    alone = Highs().solve(MODEL, SolveOptions())
    assert (answers[0].status, answers[0].objective, answers[0].bound) == ("optimal", 6.0, 6.0)
    assert np.array_equal(answers[0].values, alone.values)
    with Worker("highs") as worker:
        assert (worker.name, worker.version, worker.capabilities) == (
            "highs",
            alone.version,
            Highs.capabilities,
        )


ORPHAN = """
import os, signal, sys
from milproute.solvers import SolveOptions, Worker
from milproute.solvers.interface import Watch
from tests.support.arrays import market_split

model, start = market_split()
killed = Watch(on_incumbent=lambda _: os.kill(os.getpid(), signal.SIGKILL))
with Worker("highs") as worker:
    worker.solve(model, SolveOptions(time_limit=10_000), start, killed)
"""


def test_the_child_dies_with_its_parent_in_the_middle_of_a_solve() -> None:
    # The child holds stderr too: the pipe ends only when both are dead.
    done = subprocess.run(
        [sys.executable, "-c", ORPHAN], cwd=ROOT, stderr=subprocess.PIPE, timeout=120, check=False
    )
    assert done.returncode == -signal.SIGKILL
    assert done.stderr == b""
