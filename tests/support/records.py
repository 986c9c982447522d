"""Records of made-up cells, and result folders of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from milproute.bench.records.record import CellSpec, Machine, Record
from milproute.bench.results.folder import Contents
from milproute.instances import ModelSize

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

MACHINE = Machine(
    name="bench-1",
    cpu="AMD EPYC 7B13",
    cores=8,
    memory_mb=32_000,
    system="Linux 6.1",
    python="3.11.9",
    packages={"highspy": "1.15.1", "pyomo": "6.10.1"},
    governor="performance",
    commit="0123abc",
    load_before=0.1,
    load_after=0.9,
)
SPEC = {
    "instance": "waxman-20-5",
    "instance_digest": "d0",
    "formulation": "link",
    "variant": "by-source",
    "solver": "highs",
    "solver_version": "1.15.1",
    "time_limit": 60.0,
    "memory_limit_mb": 4096,
}


def spec(**changes: Any) -> CellSpec:
    return CellSpec(**{**SPEC, **changes})


def record(of: CellSpec | None = None, **changes: Any) -> Record:
    """Return a solved cell of ``of`` unless ``changes`` says otherwise."""
    of = of or spec()
    fields = {
        "key": of.key,
        "status": "optimal",
        "spec": of,
        "native_status": "kOptimal",
        "objective": 7.0,
        "bound": 7.0,
        "verified": True,
        "seconds": {"build": 0.1, "compile": 0.1, "solve": 1.0, "verify": 0.2},
        "wall": 2.0,
        "size": ModelSize(rows=10, columns=20, nonzeros=40, integers=8),
        "nodes": 3,
        "iterations": 50,
        "peak_mb": 120.0,
        "trace": ((0.2, 0, None, 9.0), (0.5, 1, 6.0, 8.0), (1.0, 3, 7.0, 7.0)),
        "log": "a log\nof two lines",
        "machine": MACHINE,
        "started": "2026-01-02T03:04:05+00:00",
    }
    return Record(**{**fields, **changes})


def write_folder(folder: Path, records: Iterable[Record], name: str = "suite-a") -> Path:
    """Write a result folder as a run leaves it."""
    (folder / "cells").mkdir(parents=True)
    records = list(records)
    for one in records:
        (folder / "cells" / f"{one.key}.json").write_text(one.model_dump_json(indent=1))
        (folder / "cells" / f"{one.key}.plan.json").write_text("{}")
    contents = Contents.of(name, {"time_limit": 60}, [one.spec for one in records])
    (folder / "suite.json").write_text(contents.model_dump_json())
    lines = [{"when": "2026-01-02T03:04:05+00:00", "machine": "bench-1", "seconds": s} for s in (1.0, 1.1)]
    (folder / "reference.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def many(instances: int, seeds: int = 5, points: int = 50, log: int = 2000, seed: int = 0) -> list[Record]:
    """Return plausible cells: 5 solvers in 2 variants of 2 formulations, so 20 a (instance, seed)."""
    rng = np.random.default_rng(seed)
    solvers = {"highs": 1.0, "scip": 2.5, "gurobi": 0.4, "highs[presolve=off]": 1.7, "cbc": 6.0}
    text = "  {:>7}  {:>9.3f}  {:>9.3f}  {:>6.2f}%  {:>6.1f}s\n"
    made = []
    for number in range(instances):
        hardness, optimum = rng.lognormal(1.0, 1.6), float(rng.integers(5, 60))
        for formulation in ("link", "path"):
            for variant, factor in (("by-source", 1.0), ("per-request", 2.2)):
                for selector, pace in solvers.items():
                    solver, _, option = selector.partition("[")
                    native = {"presolve": "off"} if option else {}
                    for s in range(seeds):
                        asked = spec(
                            instance=f"waxman:nodes={20 + number},requests=5,seed={number}",
                            instance_digest=f"d{number}",
                            formulation=formulation,
                            variant=variant,
                            solver=solver,
                            native=native,
                            seed=s,
                        )
                        time = float(hardness * pace * factor * rng.lognormal(0.0, 0.35))
                        made.append(_plausible(asked, time, optimum, number, points, log, text, rng))
    return made


def _plausible(
    asked: CellSpec,
    time: float,
    optimum: float,
    number: int,
    points: int,
    log: int,
    text: str,
    rng: np.random.Generator,
) -> Record:
    done = time < asked.time_limit
    end = min(time, asked.time_limit)
    left = 0.0 if done else float(rng.uniform(0.01, 0.3))
    at = np.sort(rng.uniform(0.0, end, points))
    shrink = np.linspace(1.0, left, points)
    bounds = optimum * (1 + 0.5 * shrink)
    values = optimum * (1 - 0.6 * np.maximum(shrink - left, 0.0))
    trace = tuple(
        (float(t), 10 * i, float(v) if i >= points // 6 else None, float(b))
        for i, (t, v, b) in enumerate(zip(at, values, bounds, strict=True))
    )
    lines = [
        text.format(i, t, b, 50.0 * s, t) for i, (t, b, s) in enumerate(zip(at, bounds, shrink, strict=True))
    ]
    return record(
        asked,
        status="optimal" if done else "time_limit",
        objective=optimum,
        bound=float(bounds[-1]) if not done else optimum,
        seconds={"build": 0.1, "compile": 0.05, "solve": end, "verify": 0.01},
        wall=end + 0.6,
        size=ModelSize(
            rows=100 + 9 * number, columns=200 + 20 * number, nonzeros=600 + 60 * number, integers=80
        ),
        nodes=10 * points,
        trace=trace,
        log="".join(lines)[-log:],
    )
