"""Speed of embedded Q-nets side by side: ``python -m milproute.bench.tables.embed`` prints a README table."""

from __future__ import annotations

import argparse
import sys
from importlib.util import find_spec
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

from milproute.bench.records.machine import machine, table_head
from milproute.bench.tables.peers import PeerResult, gurobi_ml, scip_ml
from milproute.instances.qnets.library import load_library_qnet
from milproute.shown import telling_gap
from milproute.solvers import SolveOptions
from milproute.solvers.argmax.argmax import argmax
from milproute.solvers.argmax.options import ArgmaxOptions
from milproute.solvers.argmax.persistent import ArgmaxModel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from milproute.instances import Instance, QNet

NETS = (
    "q-surfnet-5-16x32",
    "q-waxman-20-3-16x16",
    "q-waxman-50-5-32x32-l0",
    "q-waxman-50-5-32x32",
    "q-waxman-100-10-32x32",
)
GAP = 1e-4
USUAL: dict[str, Any] = {"actions": "arcs", "relu": "omlt-bigm", "bounds": "interval", "engine": "milp"}
OURS: dict[str, Any] = {"actions": "columns", "relu": "tight", "bounds": "path", "engine": "milp"}


def main(arguments: Sequence[str] | None = None) -> None:
    """Solve each net in turn by the usual MILP, ours, branching and the peers; print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("nets", nargs="*", default=list(NETS))
    parser.add_argument("--seconds", type=float, default=120.0, help="limit of each solve")
    chosen = parser.parse_args(arguments)
    sys.stdout.write(f"Measured on {machine()} by `python -m milproute.bench.tables.embed`.\n\n")
    names = (
        "Q-net",
        "usual MILP",
        "our MILP",
        "branch",
        "PySCIPOpt-ML",
        "gurobi-ml",
        "bounds ms",
        "update ms",
    )
    lines = table_head(*names)
    for name in chosen.nets:
        qnet, instance, hops = load_library_qnet(name)
        ways = (USUAL, OURS, {**OURS, "engine": "branch"})
        ours = [_ours(qnet, instance, hops, chosen.seconds, way) for way in ways]
        cells = [*map(_cell, ours), *(_peer(k, qnet, instance, hops, chosen.seconds) for k in PEERS)]
        bounds, update = _update(qnet, instance, hops)
        lines.append(f"| `{name}` | {' | '.join(cells)} | {bounds:.1f} | {update:.1f} |")
        sys.stderr.write(lines[-1] + "\n")
    sys.stdout.write("\n".join(lines) + "\n")


PEERS = {"pyscipopt_ml": scip_ml, "gurobi_ml": gurobi_ml}


def _ours(qnet: QNet, instance: Instance, hops: int, seconds: float, how: dict[str, Any]) -> PeerResult:
    limits = SolveOptions(time_limit=seconds, gap=GAP)
    plan = argmax(qnet, instance, max_hops=hops, limits=limits, **how)
    phases = {phase: t for phase, t in plan.seconds.items() if phase not in ("forward", "verify")}
    note = "" if plan.verified else "NOT verified"
    return PeerResult(plan.objective, plan.bound, sum(phases.values()), note)


def _peer(package: str, qnet: QNet, instance: Instance, hops: int, seconds: float) -> str:
    if find_spec(package) is None or find_spec("torch") is None:
        return "not installed"
    return _cell(PEERS[package](qnet, instance, hops, seconds, GAP))


def _cell(result: PeerResult) -> str:
    if result.objective is None:
        return "licence" if result.note.startswith("licence") else f"nothing in {result.seconds:.0f} s"
    bound = result.bound if result.bound is not None else float("inf")
    gap = telling_gap(result.objective, bound)
    if gap is not None and gap <= GAP:
        return f"{result.seconds:.2f} s: {result.objective:z.4f}"
    apart = "-" if gap is None else f"{gap:.0%}"
    return f"{result.seconds:.0f} s: {result.objective:z.4f} ≤ {bound:z.4f} (gap {apart})"


def _update(qnet: QNet, instance: Instance, hops: int) -> tuple[float, float]:
    """Return median milliseconds to bound the whole net, and to write a state into the compiled model."""
    model = ArgmaxModel(qnet, instance, ArgmaxOptions(max_hops=hops))
    bounds, update = [], []
    for _ in range(15):
        begin = perf_counter()
        model.problem.bounds()
        bounds.append(perf_counter() - begin)
        begin = perf_counter()
        model.update(instance)
        update.append(perf_counter() - begin)
    return 1e3 * median(bounds), 1e3 * median(update)


if __name__ == "__main__":
    main()
