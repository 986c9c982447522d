"""One limit for all phases: what builds is interrupted, and the reason of the end is kept."""

from __future__ import annotations

import signal
from threading import Thread
from time import perf_counter, sleep
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from milproute.formulations import LINK, ModelOptions, compile_model
from milproute.instances import generate
from milproute.instances.library import load_library
from milproute.solvers.argmax.argmax import argmax
from milproute.solvers.clock import BuildLimitError, Clock
from milproute.solvers.interface import Watch
from milproute.solvers.results import SolveOptions, SolveResult, settle
from milproute.solvers.solve import solve
from tests.support.backends import Stub
from tests.support.cases import make
from tests.support.qnet_cases import random_net

if TYPE_CHECKING:
    from milproute.instances import Instance


def crowd(pairs: int) -> Instance:
    """Return an instance whose copies make a large model, one by one."""
    return make([("a", "b", 1, 0.9), ("b", "c", 1, 0.9)], [("a", "c")], pairs=[pairs, pairs])


def test_phases_add_up_and_count_towards_the_limit() -> None:
    clock = Clock(1.0)
    for _ in range(2):
        with clock.phase("solve"):
            sleep(0.02)
    with clock.building("build"):
        sleep(0.02)
    assert set(clock.seconds) == {"solve", "build"}
    assert 0.04 <= clock.seconds["solve"] < clock.seconds["solve"] + clock.seconds["build"] < 1.0
    assert clock.left == pytest.approx(1.0 - sum(clock.seconds.values()))
    assert clock.limits(SolveOptions(gap=0.5)) == SolveOptions(gap=0.5, time_limit=clock.left)
    assert Clock().left is None
    assert Clock(1e-9).left == 1e-3


def test_a_phase_that_builds_too_long_is_interrupted() -> None:
    clock, begin = Clock(0.1), perf_counter()
    wanted = pytest.raises(BuildLimitError, match=r"phase 'build'.*Try a longer --time-limit")
    with wanted, clock.building("build"):
        while True:
            sum(range(1000))
    assert perf_counter() - begin < 5
    assert clock.seconds["build"] >= 0.1
    assert signal.getsignal(signal.SIGALRM) is signal.SIG_DFL
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_a_phase_that_swallows_the_interruption_is_interrupted_again() -> None:
    swallowed = 0
    with pytest.raises(BuildLimitError), Clock(0.05).building("build"):
        while swallowed < 2:
            try:
                while True:
                    sum(range(1000))
            except BuildLimitError:
                swallowed += 1
        while True:
            sum(range(1000))
    assert swallowed == 2


def test_elsewhere_than_in_the_main_thread_a_phase_ends_first_and_fails_then() -> None:
    failures: list[Exception] = []

    def build() -> None:
        try:
            with Clock(0.01).building("build"):
                sleep(0.05)
        except BuildLimitError as error:
            failures.append(error)

    thread = Thread(target=build)
    thread.start()
    thread.join()
    assert len(failures) == 1


def test_a_timer_of_somebody_else_is_left_alone() -> None:
    def theirs(*_: object) -> None:
        """Do nothing."""

    signal.signal(signal.SIGALRM, theirs)
    try:
        with pytest.raises(BuildLimitError), Clock(0.01).building("build"):
            sleep(0.05)
        assert signal.getsignal(signal.SIGALRM) is theirs
    finally:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)


def test_a_model_that_is_not_built_in_time_is_a_status_of_its_own() -> None:
    plan = solve(crowd(200_000), "path", "per-copy", limits=SolveOptions(time_limit=0.5))
    assert (plan.status, plan.termination, plan.objective, plan.size) == (
        "no_solution",
        "build_limit",
        None,
        None,
    )
    assert plan.message is not None and "before the model was ready" in plan.message
    assert plan.seconds["build"] < 10


def test_an_argmax_keeps_the_action_it_knew_before_there_was_a_model() -> None:
    instance = generate("waxman:nodes=30,requests=6,seed=2")
    net = random_net(instance, np.random.default_rng(0), [8])
    limits = SolveOptions(time_limit=1e-6)
    plan = argmax(net, instance, engine="milp", actions="arcs", max_hops=5, limits=limits)
    assert (plan.status, plan.termination, plan.verified) == ("time_limit", "build_limit", True)
    assert plan.objective is not None and plan.bound is not None and plan.bound >= plan.objective


@pytest.mark.parametrize(
    ("status", "shown"), [("time_limit", "no_solution"), ("memory_limit", "no_solution"), ("crash", "crash")]
)
def test_the_reason_of_the_end_stays_beside_the_status(status: Any, shown: str) -> None:
    model = compile_model(LINK.build(crowd(1), ModelOptions("by-source")).model)
    claim = SolveResult(status, "word", None, None, 1.0, "stub", "0")
    settled = settle(claim, model)
    assert (settled.status, settled.termination) == (shown, status)
    plan = solve(load_library("nsfnet-10"), solver=Stub(change=lambda *_: settled))
    assert (plan.status, plan.termination) == (shown, status)
    assert plan.document()["termination"] == status


def test_an_optimum_and_a_gap_that_was_met_are_told_apart() -> None:
    exact = solve(load_library("nsfnet-10"))
    loose = solve(load_library("surfnet-10"), limits=SolveOptions(gap=0.5))
    rounded = solve(load_library("nsfnet-10"), method="rounding")
    assert (exact.status, exact.termination) == ("optimal", "optimal")
    assert loose.termination in ("gap_limit", "optimal")
    assert (loose.status == "gap_limit") == (loose.termination == "gap_limit")
    assert rounded.termination == "completed"


def test_a_stopped_solve_says_that_it_was_interrupted() -> None:
    watch = Watch()
    watch.stop.set()
    plan = solve(load_library("waxman-20-5"), watch=watch)
    assert (plan.termination, plan.message) == ("interrupted", "stopped on request")
