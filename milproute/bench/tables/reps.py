"""Size and speed of the REPS models: ``python -m milproute.bench.tables.reps`` prints README tables."""

from __future__ import annotations

import json
import subprocess
import sys
from statistics import median
from typing import Any

from milproute.bench.records.machine import machine, table_head
from milproute.formulations import LINK, ModelOptions, compile_model
from milproute.formulations.flow.commodities import one_per_root
from milproute.instances import generate

RUNS = 5
REQUESTS = (10, 20, 50, 100, 200)
TASKS = {
    "`waxman-50-20`, link, `--relax`": ["waxman-50-20", "--relax"],
    "`waxman-50-20`, one REPS slot": ["waxman-50-20", "--formulation", "reps"],
    "`waxman-200-50`, link, `--relax`": ["waxman-200-50", "--relax"],
    "`surfnet-10`, link, exact": ["surfnet-10"],
    "`surfnet-30`, link, exact": ["surfnet-30"],
}
EXACT = ("surfnet-10", "surfnet-30", "nobel-germany-20", "nsfnet-10", "grid-7x7-10", "waxman-20-5")
# Asks for its own peak memory: the child of a child is counted as well.
MEASURED = """
import resource, subprocess, sys
done = subprocess.run([sys.executable, "-m", "milproute", *sys.argv[1:]], stdout=sys.stdout)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def main() -> None:
    """Print machine, sizes, speed and exact solves as Markdown."""
    sys.stdout.write(f"Measured on {machine()} by `python -m milproute.bench.tables.reps`.\n\n")
    for table in (_sizes(), _speed(), _exact()):
        sys.stdout.write("\n".join(table) + "\n\n")
        sys.stdout.flush()


def _sizes() -> list[str]:
    """Compare the variants' sizes on the 50-node Waxman network with more and more requests."""
    lines = table_head(
        "requests", "merged", "columns: per-request", "by-source, relaxed", "by-source", "ratio"
    )
    for requests in REQUESTS:
        instance = generate(f"waxman:nodes=50,requests={requests},seed=1")
        sizes = [
            compile_model(LINK.build(instance, ModelOptions(variant, relax=relax)).model).size.columns
            for variant, relax in (("per-request", True), ("by-source", True), ("by-source", False))
        ]
        textbook, relaxed, whole = sizes
        merged = len(one_per_root(instance))
        lines.append(
            f"| {requests} | {merged} | {textbook:,} | {relaxed:,} | {whole:,} | {whole / textbook:.2f} |"
        )
    return lines


def _speed() -> list[str]:
    """Take the median seconds of several runs of the command line, each in a fresh process."""
    task = f"task (median seconds of {RUNS} runs)"
    lines = table_head(task, "build + compile", "solve", "all phases", "peak MiB", "objective ≤ bound")
    for label, arguments in TASKS.items():
        runs = [_run(arguments) for _ in range(RUNS)]
        plan = runs[0][0]
        phases = [run["seconds"] for run, _ in runs]
        build = median(s["build"] + s["compile"] for s in phases)
        lines.append(
            f"| {label} | {build:.3f} | {median(s['solve'] for s in phases):.3f} "
            f"| {median(sum(s.values()) for s in phases):.3f} | {max(peak for _, peak in runs):.0f} "
            f"| {plan['objective']:z.6g} ≤ {plan['bound']:z.6g} |"
        )
    return lines


def _exact() -> list[str]:
    """Solve the integer link ILP in both variants in turn, limit 60 s."""
    instance = "link ILP (median solve seconds of 3 seeds, limit 60)"
    lines = table_head(instance, "per-request", "by-source", "ratio", "optimum")
    for name in EXACT:
        seconds: dict[str, list[float]] = {"per-request": [], "by-source": []}
        best, bound = 0.0, float("inf")
        for seed in range(3):
            for variant, times in seconds.items():
                plan, _ = _run([name, "--variant", variant, "--seed", str(seed), "--gap", "0"])
                times.append(plan["seconds"]["solve"])
                best, bound = max(best, plan["objective"]), min(bound, plan["bound"])
        textbook, ours = (median(times) for times in seconds.values())
        shown = f"{best:zg}" if best == bound else f"{best:zg} to {bound:zg}"
        lines.append(f"| `{name}` | {_time(textbook)} | {_time(ours)} | {textbook / ours:.1f} | {shown} |")
    return lines


def _time(seconds: float) -> str:
    return "> 60" if seconds > 59 else f"{seconds:.2f}"


def _run(arguments: list[str]) -> tuple[dict[str, Any], float]:
    """Run ``milproute solve`` in a fresh process; the plan and the peak memory of its processes in MiB."""
    command = [sys.executable, "-c", MEASURED, "solve", *arguments, "--json"]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    document, _, peak = output.strip().rpartition("\n")
    plan: dict[str, Any] = json.loads(document)
    return plan, float(peak) / 1024


if __name__ == "__main__":
    main()
