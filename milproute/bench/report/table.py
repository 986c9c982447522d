"""Cells as a table, one row a cell, and the files that hold it."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from milproute.instances.files import write_bytes, write_text
from milproute.instances.optional import optional_package
from milproute.shown import telling_gap

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pandas as pd

    from milproute.bench.report.consistency import Judged

# Columns with gaps: without a type of its own, one that is empty throughout would have none in the file.
COUNTS = ("rows", "columns", "nonzeros", "integers", "max_hops", "draw_pairs", "memory_limit_mb")
NUMBERS = ("objective", "bound", "gap", "peak_mb")
TEXTS = ("qnet", "contradiction", "breaches", "message", "commit", "termination")


def cell_table(cells: Sequence[Judged]) -> pd.DataFrame:
    """Return one row a cell; times in seconds, memory in MiB, ``status`` after the verdict."""
    pandas = optional_package("pandas", "bench", "a table of cells")
    phases = dict.fromkeys(phase for cell in cells for phase in cell.record.seconds)
    table = pandas.DataFrame([_row(cell, phases) for cell in cells])
    return table.astype(
        dict.fromkeys(COUNTS, "Int64") | dict.fromkeys(NUMBERS, "float64") | dict.fromkeys(TEXTS, "string")
    )


def write_table(table: pd.DataFrame, folder: Path) -> None:
    """Write ``results.csv`` and ``results.parquet``, each whole or not at all."""
    optional_package("pyarrow", "bench", "writing results.parquet")
    content = io.BytesIO()
    table.to_parquet(content, index=False)
    write_bytes(folder / "results.parquet", content.getvalue())
    write_text(folder / "results.csv", table.to_csv(index=False, lineterminator="\n"))


def _row(cell: Judged, phases: Mapping[str, None]) -> dict[str, Any]:
    record, spec, size = cell.record, cell.record.spec, cell.record.size
    return {
        "key": record.key,
        "status": cell.status,
        "solved": cell.solved,
        "instance": spec.instance,
        "formulation": spec.formulation,
        "variant": spec.variant,
        "method": spec.method,
        "flows": spec.flows,
        "relax": spec.relax,
        "qnet": spec.qnet,
        "max_hops": spec.max_hops,
        "draw_pairs": spec.draw_pairs,
        "solver": spec.solver,
        "selector": spec.selector,
        "solver_version": spec.solver_version,
        "seed": spec.seed,
        "permutation": spec.permutation,
        "time_limit": spec.time_limit,
        "memory_limit_mb": spec.memory_limit_mb,
        "threads": spec.threads,
        "gap_limit": spec.gap,
        "maximize": record.maximize,
        "objective": record.objective,
        "bound": record.bound,
        "gap": telling_gap(record.objective, record.bound),
        "primal_integral": cell.primal_integral,
        "time": record.time,
        "wall": record.wall,
        **{f"seconds_{phase}": record.seconds.get(phase) for phase in phases},
        "nodes": record.nodes,
        "iterations": record.iterations,
        "rows": size and size.rows,
        "columns": size and size.columns,
        "nonzeros": size and size.nonzeros,
        "integers": size and size.integers,
        "peak_mb": record.peak_mb,
        "verified": record.verified,
        "contradiction": cell.contradiction,
        "breaches": "; ".join(record.breaches) or None,
        "reported_status": record.status,
        "native_status": record.native_status,
        "termination": record.termination,
        "message": record.message,
        "machine": record.machine.name,
        "cpu": record.machine.cpu,
        "commit": record.machine.commit,
        "tries": record.tries,
        "started": record.started,
    }
