"""Reference job: ``python -m milproute.bench.run.reference_job`` solves a small MILP and prints its seconds.

It says how fast a machine is, and, run again and again, how steady.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from time import perf_counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

ITEMS, ROWS, SEED = 30, 5, 1


def main() -> None:
    """Solve once and print the seconds."""
    import highspy
    import numpy as np

    rng = np.random.default_rng(SEED)
    weights = rng.integers(10, 100, size=(ROWS, ITEMS)).astype(float)
    values = weights.mean(axis=0) + rng.integers(0, 20, size=ITEMS)
    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("threads", 1)
    chosen = solver.addBinaries(ITEMS)
    for row in weights:
        solver.addConstr(solver.qsum(w * x for w, x in zip(row, chosen, strict=True)) <= row.sum() / 2)
    begin = perf_counter()
    solver.maximize(solver.qsum(v * x for v, x in zip(values, chosen, strict=True)))
    sys.stdout.write(f"{perf_counter() - begin}\n")


def run_reference(cpus: Sequence[int] = ()) -> str:
    """Run the job in a fresh process on the given CPUs, wherever this is called; return a JSON line."""
    from milproute.bench.records.machine import describe_machine

    command = [sys.executable, "-m", "milproute.bench.run.reference_job", *map(str, cpus)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
    line: dict[str, Any] = {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": describe_machine().name,
        "seconds": float(done.stdout),
    }
    return json.dumps(line)


if __name__ == "__main__":
    if sys.argv[1:] and sys.platform == "linux":
        os.sched_setaffinity(0, map(int, sys.argv[1:]))
    main()
