"""The page of the report: what it shows, as values, put into its template."""

from __future__ import annotations

import base64
import hashlib
from collections import defaultdict
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from milproute.bench.report.details import CHUNK, log_limit, packed_details
from milproute.bench.report.figures import figures, look
from milproute.bench.report.metrics import LEVEL, SHIFT
from milproute.bench.report.ranking import OUTCOME_WORDS, rankings, summarise, task, task_label
from milproute.instances.optional import optional_package

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from milproute.bench.records.record import Machine
    from milproute.bench.report.consistency import Contradiction, Judged
    from milproute.bench.report.metrics import Interval
    from milproute.bench.report.noise import Noise
    from milproute.bench.report.ranking import Ranking

SCRIPTS = ("base.js", "dialog.js", "figures.js", "cells.js")  # in the order they run
TEMPLATES = Path(__file__).with_name("templates")
LISTED = 30  # contradictions on top of the page; the table of cells marks all


def page(
    suite: str,
    cells: Sequence[Judged],
    found: Sequence[Contradiction],
    jobs: Sequence[Noise],
) -> str:
    """Return the whole page.

    Parameters
    ----------
    suite : name of the suite.
    cells, found : judged cells and the contradictions behind the verdicts.
    jobs : reference jobs of each machine.
    """
    ranked = rankings(cells)
    rows = {cell.record.key: row for row, cell in enumerate(cells)}
    names = [_host(cell.record.machine) for cell in cells]
    hosts = {name: cell.record.machine for name, cell in zip(names, cells, strict=True)}
    host_rows = {name: row for row, name in enumerate(hosts)}
    drawn = [figures(ranking, rows) for ranking in ranked]
    context = {
        "suite": suite,
        "facts": _facts(cells),
        "alarms": _alarms(cells, found, rows),
        "more_alarms": max(0, len({one.claimer for one in found}) - LISTED),
        "rankings": [(r, [summarise(c) for c in r.configurations], _settings(r)) for r in ranked],
        "kinds": sorted({ranking.machine for ranking in ranked}),
        "outcomes": OUTCOME_WORDS,
        "jobs": jobs,
        "hosts": list(hosts.values()),
        "log_limit": log_limit(len(cells)),
        "shift": SHIFT,
        "level": LEVEL,
        "report": {
            "chunk": CHUNK,
            "rankings": [_for_script(r, f) for r, f in zip(ranked, drawn, strict=True)],
            "looks": [look(i) for i in range(max(len(r.configurations) for r in ranked))],
            "cells": _columns(cells),
            "hosts": [host.name for host in hosts.values()],
        },
        "details": packed_details(cells, [host_rows[name] for name in names]),
    }
    return _render(context)


def _render(context: Mapping[str, Any]) -> str:
    """Fill the template; what comes from data is escaped, and only the page's own scripts may run."""
    jinja2 = optional_package("jinja2", "bench", "the page of the report")
    offline = optional_package("plotly.offline", "bench", "the figures of the report")
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"figures": _figures, "percent": _percent, "interval": _interval}
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "allow_nan": False}
    scripts = [offline.get_plotlyjs(), *((TEMPLATES / name).read_text("utf-8") for name in SCRIPTS)]
    text: str = environment.get_template("report.html").render(
        context,
        scripts=scripts,
        hashes=[base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in scripts],
        style=(TEMPLATES / "report.css").read_text("utf-8"),
    )
    return text


def _figures(value: float, digits: int = 3) -> str:
    """Write a number with so many significant figures; a dash for none."""
    if isnan(value):
        return "–"
    return f"{value:z,.0f}" if abs(value) >= 10**digits else f"{value:z.{digits}g}"


def _interval(ends: Interval) -> str:
    """Write an interval in brackets; nothing where there is none."""
    return "" if isnan(ends.low) else f"({_figures(ends.low)} to {_figures(ends.high)})"


def _percent(value: float) -> str:
    return "–" if isnan(value) else f"{100 * value:z.3g}\N{NO-BREAK SPACE}%"


def _host(machine: Machine) -> str:
    """Return what tells machines apart: all but the load, which changes from cell to cell."""
    return machine.model_dump_json(exclude={"load_before", "load_after"})


def _facts(cells: Sequence[Judged]) -> list[str]:
    records = [cell.record for cell in cells]
    started = sorted(record.started for record in records)
    instances = len({record.spec.instance_digest for record in records})
    return [
        _counted(len(cells), "cell"),
        _counted(instances, "instance"),
        _together({f"{record.spec.solver} {record.spec.solver_version}" for record in records}, ", "),
        f"started {_when(started[0], started[-1])}",
    ]


def _when(first: str, last: str) -> str:
    first, last = (moment[:16].replace("T", " ") for moment in (first, last))
    return f"at {first}" if first == last else f"between {first} and {last}"


def _settings(ranking: Ranking) -> str:
    """Return machine, versions and limits of a ranking in one line."""
    specs = [cell.record.spec for cell in ranking.cells]
    memory = {spec.memory_limit_mb for spec in specs if spec.memory_limit_mb is not None}
    return " · ".join(
        [
            ranking.machine,
            _together({f"{spec.solver} {spec.solver_version}" for spec in specs}, ", "),
            f"time limit {_together({spec.time_limit for spec in specs})} s",
            f"memory limit {_together(memory)} MiB" if memory else "no memory limit",
            f"threads {_together({spec.threads for spec in specs})}",
            f"relative gap {_together({spec.gap for spec in specs})}",
            f"{_counted(len(specs), 'cell')} on {_counted(len(ranking.tasks), 'task')}",
        ]
    )


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _together(values: Iterable[str | float], separator: str = " or ") -> str:
    return separator.join(v if isinstance(v, str) else f"{v:g}" for v in sorted(values))


def _alarms(
    cells: Sequence[Judged], found: Sequence[Contradiction], rows: Mapping[str, int]
) -> list[dict[str, Any]]:
    """Return each refuted claim with what refutes it most; those refuted by a checked plan first."""

    def named(key: str) -> dict[str, Any]:
        cell = cells[rows[key]]
        spec = cell.record.spec
        where = f"{spec.formulation} {spec.variant}, {task_label(task(cell))}"
        return {"row": rows[key], "name": f"{spec.selector} on {where}"}

    claims: dict[str, list[Contradiction]] = defaultdict(list)
    for one in sorted(found, key=lambda one: (not one.proven, -(one.excess or 0.0), one.claimer)):
        claims[one.claimer].append(one)
    return [
        {
            "one": own[0],
            "claimer": named(claimer),
            "witness": named(own[0].witness),
            "others": len({one.witness for one in own}) - 1,
        }
        for claimer, own in list(claims.items())[:LISTED]
    ]


def _for_script(ranking: Ranking, drawn: Any) -> dict[str, Any]:
    labels = [configuration.label for configuration in ranking.configurations]
    title = f"{ranking.problem} — {ranking.machine}"
    return {"title": title, "settings": _settings(ranking), "labels": labels, **drawn}


def _columns(cells: Sequence[Judged]) -> dict[str, list[Any]]:
    """Return the table of cells, column by column."""
    records = [cell.record for cell in cells]
    return {
        "key": [record.key for record in records],
        "status": [cell.status for cell in cells],
        "solved": [cell.solved for cell in cells],
        "verdict": ["" if not cell.contradiction else _verdict(cell) for cell in cells],
        "instance": [_instance(cell) for cell in cells],
        "model": [_model(cell) for cell in cells],
        "solver": [record.spec.selector for record in records],
        "seed": [record.spec.seed for record in records],
        "permutation": [record.spec.permutation for record in records],
        "objective": [record.objective for record in records],
        "bound": [record.bound for record in records],
        "time": [round(record.time, 4) for record in records],
        "nodes": [record.nodes for record in records],
        "machine": [record.machine.name for record in records],
    }


def _verdict(cell: Judged) -> str:
    return "suspect" if cell.suspect else "witness"


def _instance(cell: Judged) -> str:
    spec = cell.record.spec
    drawn = "" if spec.draw_pairs is None else f"pairs {spec.draw_pairs}"
    return " · ".join(filter(None, (spec.instance, drawn, spec.qnet)))


def _model(cell: Judged) -> str:
    spec = cell.record.spec
    parts = [spec.formulation, spec.variant, "" if spec.method == "exact" else spec.method]
    parts += ["relaxed" if spec.relax else "", "" if spec.flows == "integer" else f"{spec.flows} flows"]
    return " · ".join(filter(None, parts))
