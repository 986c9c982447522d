"""A cluster of two worker processes, one killed in the middle: every cell has its row."""

from __future__ import annotations

import os
import signal
import time
import warnings
from io import StringIO
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from milproute.bench.records.record import Record
from milproute.bench.results.folder import ResultFolder
from milproute.bench.run import executors
from milproute.bench.run.display import Board
from milproute.bench.run.executors import ClusterError, open_executor
from milproute.bench.run.run import run_cells
from milproute.bench.suite.expand import expand
from milproute.bench.suite.suite import Suite
from milproute.instances import OptionError
from tests.support.bench_cases import install_stub, running_cells

if TYPE_CHECKING:
    from collections.abc import Iterator

distributed = pytest.importorskip("distributed", reason="needs dask.distributed")


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Give two worker processes of one thread each."""
    import dask

    install_stub(tmp_path, monkeypatch)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(executors._Cluster, "reference", lambda _: [])  # which takes longer than the cells
    quiet = {"distributed.scheduler.allowed-failures": 0, "distributed.admin.event-loop": "tornado"}
    with (
        warnings.catch_warnings(),
        dask.config.set(quiet),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
        ) as running,
    ):
        warnings.simplefilter("ignore")  # of its own sockets, when a worker is killed
        yield running


def test_all_rows_come_though_a_worker_is_killed_with_a_cell(cluster: Any, tmp_path: Path) -> None:
    suite = Suite.model_validate(
        {
            "name": "cluster",
            "instances": "toy",
            "solvers": "stub[mood=sleep,seconds=0.5]",
            "seeds": [1, 2, 3],
            "time_limit": 30.0,
            "models": [{"formulation": "link"}],
        }
    )
    cells, folder = expand(suite, "cluster", tmp_path), ResultFolder(tmp_path / "out")
    folder.begin(suite, [cell.spec for cell in cells])

    def kill_a_worker() -> None:
        while not (new := running_cells(tmp_path)):
            time.sleep(0.02)
        status = Path(f"/proc/{min(new)}/status").read_text().splitlines()
        parent = next(line.split()[1] for line in status if line.startswith("PPid:"))
        os.kill(int(parent), signal.SIGKILL)

    killer = Thread(target=kill_a_worker)
    killer.start()
    executor = cluster.scheduler_address.replace("tcp://", "dask://")
    board = Board("cluster", 3, 0, Console(file=StringIO()))
    run_cells(cells, folder, board, executor=executor)
    killer.join()
    records = [record for _, record in folder.records() if isinstance(record, Record)]
    assert {record.spec.seed for record in records} == {1, 2, 3}
    assert {record.status for record in records} == {"optimal"}
    assert not running_cells(tmp_path)


def test_a_scheduler_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("milproute.bench.run.executors.ANSWER", 0.2)
    with (
        pytest.raises(ClusterError, match=r"dask://127\.0\.0\.1:9: nobody answers"),
        open_executor("dask://127.0.0.1:9", workers=None, threads=1, run="r"),
    ):
        pass


def test_workers_are_the_clusters_own() -> None:
    with pytest.raises(OptionError, match="--workers is for the executor local"):
        open_executor("dask://127.0.0.1:9", workers=2, threads=1, run="r")
