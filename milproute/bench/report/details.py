"""Details of cells for the page: compressed by the hundred, unpacked by the browser on a click."""

from __future__ import annotations

import base64
import json
import zlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from milproute.bench.report.consistency import Judged

CHUNK = 100  # cells
POINTS = 200  # of a trace
BUDGET = 20_000_000  # characters of all logs together
LEAST, MOST = 500, 20_000  # characters of one log


def log_limit(cells: int) -> int:
    """Return how many last characters of each log the page holds."""
    return max(LEAST, min(MOST, BUDGET // max(cells, 1)))


def packed_details(cells: Sequence[Judged], machines: Sequence[int]) -> list[str]:
    """Return the details of each hundred cells as base64 of deflated JSON.

    Parameters
    ----------
    machines : for each cell the row of its machine in the page's table.
    """
    limit = log_limit(len(cells))
    chunks = []
    for start in range(0, len(cells), CHUNK):
        stop = start + CHUNK
        part = [_details(c, m, limit) for c, m in zip(cells[start:stop], machines[start:stop], strict=True)]
        text = json.dumps(part, separators=(",", ":"), allow_nan=False)
        chunks.append(base64.b64encode(zlib.compress(text.encode(), 6)).decode())
    return chunks


def _details(cell: Judged, machine: int, limit: int) -> dict[str, Any]:
    record = cell.record
    return {
        "options": record.spec.model_dump(mode="json"),
        "machine": machine,
        "load": [record.machine.load_before, record.machine.load_after],
        "claimed": record.status,
        "native": record.native_status,
        "termination": record.termination,
        "message": record.message,
        "contradiction": cell.contradiction,
        "breaches": record.breaches,
        "seconds": record.seconds,
        "wall": record.wall,
        "size": record.size and record.size.model_dump(),
        "iterations": record.iterations,
        "peak": record.peak_mb,
        "started": record.started,
        "tries": record.tries,
        "trace": _trace(cell),
        "log": record.log[-limit:],
        "cut": max(0, len(record.log) - limit),
    }


def _trace(cell: Judged) -> list[list[float | None]]:
    """Return times, incumbents and bounds, thinned evenly where there are many."""
    past = cell.history
    step = -(-len(past.seconds) // POINTS)
    return [
        [None if x != x else float(f"{x:.7g}") for x in values[::-step][::-1].tolist()] for values in past
    ]
