"""Best known values of the library: ``python -m milproute.maintenance.best_known --seconds 600 [NAME …]``.

Solves the link ILP and its relaxation for each instance, the argmax for each Q-net, and rewrites
``best_known.json`` where a value got better or a bound tighter. Only verified plans count.
"""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from rich.console import Console

from milproute.instances.files import write_text
from milproute.instances.library import best_known, catalogue_path, library, library_names, load_library
from milproute.instances.qnets.library import load_library_qnet, qnet_names
from milproute.progress import live_progress
from milproute.solvers import SolveOptions, Worker, solve
from milproute.solvers.argmax.argmax import argmax

if TYPE_CHECKING:
    from collections.abc import Sequence

    from milproute.instances import Plan

Entry = dict[str, Any]
PACKAGES = ("milproute", "highspy", "pyomo")


def main(arguments: Sequence[str] | None = None) -> None:
    """Solve, compare, write after each instance."""
    parser = argparse.ArgumentParser(description=__doc__)
    everything = [*library_names(), *qnet_names()]
    parser.add_argument("names", nargs="*", default=everything, metavar="NAME")
    parser.add_argument("--seconds", type=float, default=600.0, help="limit of the integer model")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args(arguments)
    console = Console(stderr=True, highlight=False)
    for name in chosen.names:
        if name in qnet_names():
            _solve_argmax(name, SolveOptions(time_limit=chosen.seconds, gap=0.0, seed=chosen.seed), console)
            continue
        for relax in (True, False):
            limits = SolveOptions(time_limit=600.0 if relax else chosen.seconds, gap=0.0, seed=chosen.seed)
            with Worker("highs") as worker, live_progress(console, name) as watch:
                plan = solve(load_library(name), relax=relax, solver=worker, limits=limits, watch=watch)
            console.print(
                f"{name}: {plan.status} {plan.objective} <= {plan.bound} in {plan.seconds['solve']:.1f} s"
            )
            if plan.objective is not None and plan.bound is not None and plan.verified:
                _merge(_entry(name, plan, limits))


def _solve_argmax(name: str, limits: SolveOptions, console: Console) -> None:
    """Solve the argmax of a Q-net and keep what is better than before."""
    qnet, instance, hops = load_library_qnet(name)
    with Worker("highs") as worker, live_progress(console, name) as watch:
        plan = argmax(qnet, instance, max_hops=hops, solver=worker, limits=limits, watch=watch)
    console.print(f"{name}: {plan.status} {plan.objective} <= {plan.bound}")
    if plan.objective is None or plan.bound is None or not plan.verified:
        return
    data = best_known()
    new: Entry = {
        "qnet": name,
        "digest": qnet.digest,
        "instance": instance.name,
        "max_hops": hops,
        "variant": plan.variant,
        "paths": [path.model_dump(mode="json") for path in plan.paths],
        "value": plan.forward,
        "bound": plan.bound,
        "status": plan.status,
        "versions": {package: version(package) for package in PACKAGES},
        "date": datetime.now(UTC).date().isoformat(),
    }
    entries = {entry["qnet"]: entry for entry in data.get("argmax", [])}
    old = entries.get(name)
    if (
        old is not None
        and old["digest"] == qnet.digest
        and old["bound"] - old["value"] <= new["bound"] - new["value"]
    ):
        return
    data["argmax"] = [value for _, value in sorted((entries | {name: new}).items())]
    _write(data)


def _open(entry: Entry) -> float:
    """Return what is still open between bound and value."""
    return float(entry["bound"] - entry["value"])


def _write(data: dict[str, Any]) -> None:
    write_text(catalogue_path().with_name("best_known.json"), json.dumps(data, indent=1) + "\n")


def _entry(name: str, plan: Plan, limits: SolveOptions) -> Entry:
    return {
        "instance": name,
        "formulation": plan.formulation,
        "variant": plan.variant,
        "fingerprint": library()[name].fingerprint,
        "options": {
            "relax": plan.relaxed,
            "gap": limits.gap,
            "time_limit": limits.time_limit,
            "threads": limits.threads,
            "seed": limits.seed,
        },
        "value": plan.objective,
        "bound": plan.bound,
        "status": plan.status,
        "versions": {package: version(package) for package in PACKAGES},
        "date": datetime.now(UTC).date().isoformat(),
    }


def _key(entry: Entry) -> tuple[int, str, bool]:
    order = library_names()
    return order.index(entry["instance"]), entry["formulation"], not entry["options"]["relax"]


def _merge(new: Entry) -> None:
    """Put an entry in place of one that it beats or that is of another instance of that name."""
    entries = {_key(entry): entry for entry in best_known()["entries"]}
    old = entries.get(_key(new))
    if old is not None and old["fingerprint"] == new["fingerprint"]:
        new = {**new, "value": max(old["value"], new["value"]), "bound": min(old["bound"], new["bound"])}
        if (new["value"], new["bound"]) == (old["value"], old["bound"]):
            return
        if not new["options"]["relax"] and new["value"] == new["bound"]:
            new["status"] = "optimal"
    entries[_key(new)] = new
    _write({**best_known(), "entries": [entries[key] for key in sorted(entries)]})


if __name__ == "__main__":
    main()
