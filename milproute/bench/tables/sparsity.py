"""Error of a fitted Q-net against the time to maximise it: ``python -m milproute.bench.tables.sparsity``."""

from __future__ import annotations

import argparse
import sys
from time import perf_counter
from typing import TYPE_CHECKING

from milproute.bench.records.machine import machine, table_head
from milproute.instances import generate
from milproute.learning import fit_sweep
from milproute.shown import gap_text
from milproute.solvers import SolveOptions
from milproute.solvers.argmax.argmax import argmax

if TYPE_CHECKING:
    from collections.abc import Sequence

    from milproute.instances import Plan

INSTANCE = "waxman:nodes=50,requests=5,seed=1"
L1S = (0.0, 1e-5, 1e-4, 1e-3)


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit one net for each L1 weight, maximise each by MILP and by branching, print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="limit of each solve")
    parser.add_argument("--samples", type=int, default=20_000)
    parser.add_argument("--epochs", type=int, default=100)
    chosen = parser.parse_args(arguments)
    instance = generate(INSTANCE)
    fits = fit_sweep(instance, L1S, hidden=(32, 32), samples=chosen.samples, epochs=chosen.epochs)
    sys.stdout.write(f"Measured on {machine()} by `python -m milproute.bench.tables.sparsity`.\n\n")
    lines = table_head(
        "l1", "validation R²", "RMSE", "weights not 0", "stable neurons of 64", "MILP", "branch", "best Q"
    )
    for l1, fit in fits.items():
        cells, plans = [], []
        for engine in ("milp", "branch"):
            limits, begin = SolveOptions(time_limit=chosen.seconds), perf_counter()
            plans.append(argmax(fit.qnet, instance, engine=engine, limits=limits))
            cells.append(_cell(plans[-1], perf_counter() - begin))
        stable = plans[0].neurons.stable if plans[0].neurons else 0
        error = f"{fit.validation.r2:.5f} | {fit.validation.rmse:.4f}"
        best = max(plan.objective or 0.0 for plan in plans)
        lines.append(f"| {l1:g} | {error} | {fit.nonzeros} | {stable} | {' | '.join(cells)} | {best:z.4f} |")
        sys.stderr.write(lines[-1] + "\n")
    sys.stdout.write("\n".join(lines) + "\n")


def _cell(plan: Plan, seconds: float) -> str:
    if plan.status in ("optimal", "gap_limit"):
        return f"{seconds:.2f} s"
    return f"{plan.status} after {seconds:.0f} s, gap {gap_text(plan.objective, plan.bound)}"


if __name__ == "__main__":
    main()
