"""Executors: who runs cells. Threads that wait for processes of this machine, or a dask cluster."""

from __future__ import annotations

from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Protocol

from milproute.bench.records.machine import core_count, usable_cpus
from milproute.bench.run.launch import run_cell
from milproute.bench.run.reference_job import run_reference
from milproute.bench.run.subprocesses import end_cells
from milproute.instances import MilprouteError, OptionError
from milproute.instances.optional import optional_package

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

LOCAL, DASK = "local", "dask://"
ANSWER = 10.0  # seconds that a scheduler has to answer


class ClusterError(MilprouteError, OSError):
    """A cluster that does not answer (any more)."""

    def __str__(self) -> str:
        return str(self.args[0])


class Executor(Protocol):
    """What a run needs of whoever runs its cells."""

    @property
    def lost(self) -> tuple[type[BaseException], ...]:
        """What a future raises when its worker is gone and the cell should be tried again."""

    @property
    def size(self) -> int:
        """How many cells run at once."""

    def cell(self, text: str, started: Callable[[], None]) -> Future[str]:
        """Run a task; ``started`` is called when that is known to begin."""

    def reference(self) -> list[Future[str]]:
        """Run the reference job, once on each worker that may be a machine of its own."""


def check_executor(name: str, workers: int | None, threads: int) -> None:
    """Refuse an executor that cannot be, before anything else happens.

    Raises
    ------
    OptionError : another name than ``local`` and ``dask://HOST:PORT``, or more workers than CPUs.
    """
    if name == LOCAL:
        cpu_sets(workers, threads)
    elif not name.startswith(DASK) or name == DASK:
        raise OptionError(f"--executor is {name!r}; allowed: local, dask://HOST:PORT")
    elif workers is not None:
        raise OptionError("--workers is for the executor local: the cluster has its own, leave it out")


def open_executor(
    name: str, *, workers: int | None, threads: int, run: str
) -> AbstractContextManager[Executor]:
    """Return the executor ``local`` or ``dask://HOST:PORT``; whatever ends the block ends its cells.

    Parameters
    ----------
    name : of the executor.
    workers : cells at once, of ``local``; by default as many as cores allow.
    threads : of each cell.
    run : name of the run, by which its cells are ended.

    Raises
    ------
    OptionError : as `check_executor`.
    ClusterError : nobody answers.
    MissingPackageError : distributed is not installed.
    """
    check_executor(name, workers, threads)
    if name == LOCAL:
        return _local(workers, threads, run)
    return _dask(name.removeprefix(DASK), run)


def cpu_sets(workers: int | None, threads: int) -> list[tuple[int, ...]]:
    """Return a set of CPUs for each cell that may run at once, none in two sets.

    Raises
    ------
    OptionError : not enough CPUs.
    """
    cpus = usable_cpus()
    most = len(cpus) // threads
    if most == 0:
        raise OptionError(f"threads is {threads}; allowed here: at most {len(cpus)}, the number of CPUs")
    chosen = workers if workers is not None else max(1, core_count(cpus) // threads)
    if not 1 <= chosen <= most:
        raise OptionError(
            f"--workers is {workers}; allowed: 1 to {most} cells of {threads} threads on {len(cpus)} CPUs"
        )
    return [tuple(cpus[k * threads : (k + 1) * threads]) for k in range(chosen)]


@dataclass(frozen=True, slots=True)
class _Local:
    """Threads that only wait: a dead cell breaks nothing."""

    pool: ThreadPoolExecutor
    free: SimpleQueue[tuple[int, ...]]
    size: int
    lost: tuple[type[BaseException], ...] = ()

    def cell(self, text: str, started: Callable[[], None]) -> Future[str]:
        """Run a task on the next CPUs that are free."""

        def run(cpus: tuple[int, ...]) -> str:
            started()
            return run_cell(text, cpus)

        return self.pool.submit(self._with_cpus, run)

    def reference(self) -> list[Future[str]]:
        """Run the reference job."""
        return [self.pool.submit(self._with_cpus, run_reference)]

    def _with_cpus(self, work: Callable[[tuple[int, ...]], str]) -> str:
        cpus = self.free.get()
        try:
            return work(cpus)
        finally:
            self.free.put(cpus)


@contextmanager
def _local(workers: int | None, threads: int, run: str) -> Iterator[Executor]:
    free, sets = SimpleQueue[tuple[int, ...]](), cpu_sets(workers, threads)
    for cpus in sets:
        free.put(cpus)
    pool = ThreadPoolExecutor(len(sets))
    try:
        yield _Local(pool, free, len(sets))
    finally:
        end_cells(run)
        pool.shutdown(cancel_futures=True)


@dataclass(frozen=True, slots=True)
class _Cluster:
    """A dask cluster behind the same interface; one cell a thread of its workers."""

    client: Any
    pool: Any
    lost: tuple[type[BaseException], ...]

    @property
    def size(self) -> int:
        """Threads of all workers, which may come and go."""
        if self.client.status != "running":
            raise ClusterError(f"the scheduler {self.client.scheduler.address} is gone; start it again")
        threads: list[int] = list(self.client.nthreads().values())
        return max(1, sum(threads))

    def cell(self, text: str, started: Callable[[], None]) -> Future[str]:
        """Submit a task: its text is all that travels."""
        future: Future[str] = self.pool.submit(run_cell, text)
        return future

    def reference(self) -> list[Future[str]]:
        """Submit the reference job to each worker."""
        return [self.pool.submit(run_reference, workers=[worker]) for worker in self.client.nthreads()]


@contextmanager
def _dask(address: str, run: str) -> Iterator[Executor]:
    distributed = optional_package("distributed", "cluster", f"{DASK}{address}")
    try:
        client = distributed.Client(address, timeout=ANSWER, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ClusterError(
            f"--executor {DASK}{address}: nobody answers ({error}); start one with `dask scheduler`"
        ) from None
    try:
        # Equal calls are runs of their own here, and what is tried again is for us to say.
        pool = client.get_executor(pure=False, retries=0)
        yield _Cluster(client, pool, (CancelledError, distributed.KilledWorker))
    finally:
        if client.status == "running":
            pool.shutdown(wait=False)  # what waits is dropped, what runs is ended
            client.run(end_cells, run, on_error="ignore")
        client.close()
