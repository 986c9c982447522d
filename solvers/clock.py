"""Clock: wall clock by phase against one time limit, which also ends phases that build."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from threading import current_thread, main_thread
from time import perf_counter
from typing import TYPE_CHECKING, NoReturn

from pyomo.common.gc_manager import PauseGC

from milproute.instances import MilprouteError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from milproute.solvers.results import SolveOptions

LEAST = 1e-3  # seconds that a solver is given at least
AGAIN = 0.5  # seconds until a phase that swallowed the interruption is interrupted once more


class BuildLimitError(MilprouteError, TimeoutError):
    """A model that was not built within the time limit."""


@dataclass(frozen=True, slots=True)
class Clock:
    """Seconds by phase of one solve.

    Parameters
    ----------
    limit : seconds of wall clock for all phases together; None for no limit.
    seconds : what each phase has taken so far.
    """

    limit: float | None = None
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def left(self) -> float | None:
        """Seconds of the limit that no phase has taken, at least a millisecond; None without a limit."""
        return None if self.limit is None else max(self.limit - sum(self.seconds.values()), LEAST)

    def limits(self, options: SolveOptions) -> SolveOptions:
        """Return solver options with the time limit that is left."""
        return replace(options, time_limit=self.left)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Add the wall clock of a block to ``seconds[name]``."""
        start = perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + perf_counter() - start

    @contextmanager
    def building(self, name: str) -> Iterator[None]:
        """Add the wall clock of a block as `phase` does; end the block when the time limit is up.

        In the main thread of a Unix process the block is interrupted; elsewhere it ends first and fails then.

        Raises
        ------
        BuildLimitError : the limit is up.
        """
        # Pyomo makes a million small objects and no cycles worth looking for meanwhile.
        with PauseGC(), self.phase(name), _interrupted_after(self.left, name):
            yield


@contextmanager
def _interrupted_after(seconds: float | None, phase: str) -> Iterator[None]:
    if seconds is None:
        yield
        return
    end = perf_counter() + seconds

    def refuse(_signal: int = 0, _frame: FrameType | None = None) -> NoReturn:
        raise BuildLimitError(
            f"the time limit was up before the model was ready (in the phase {phase!r}). "
            "Try a longer --time-limit, or a variant that makes a smaller model."
        )

    in_use = current_thread() is not main_thread() or not hasattr(signal, "setitimer")
    if in_use or signal.getsignal(signal.SIGALRM) is not signal.SIG_DFL:
        yield
        if perf_counter() > end:
            refuse()
        return
    signal.signal(signal.SIGALRM, refuse)
    signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
