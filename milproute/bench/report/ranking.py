"""Rankings: cells whose times may be compared, and how each configuration did on them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from milproute.bench.report.metrics import (
    Interval,
    charged,
    geometric_interval,
    mean_interval,
    penalised_mean,
    relative_gap,
    shifted_geometric_mean,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from milproute.bench.report.consistency import Judged
    from milproute.instances import Status
    from milproute.instances.arrays import Flags, Floats

Outcome = Literal["solved", "stopped", "no plan", "wrong", "failed"]
Task = tuple[Any, ...]

OUTCOMES: Mapping[Status, Outcome] = {  # an "optimal" that was never checked is "failed"
    "gap_limit": "stopped",
    "time_limit": "stopped",
    "no_solution": "stopped",
    "infeasible": "no plan",
    "unbounded": "no plan",
    "wrong_solution": "wrong",
    "memory_limit": "failed",
    "licence": "failed",
    "crash": "failed",
    "error": "failed",
}
OUTCOME_WORDS: tuple[Outcome, ...] = ("solved", "stopped", "no plan", "wrong", "failed")
SEED = 0  # of the bootstrap: the same cells make the same report


def outcome(cell: Judged) -> Outcome:
    """Return how a cell ended, in one of five words."""
    return "solved" if cell.solved else OUTCOMES.get(cell.status, "failed")


@dataclass(frozen=True)
class Configuration:
    """One way to solve: a solver with its options, a variant, a method, limits, versions.

    Parameters
    ----------
    label : its name among the other configurations of the ranking.
    cells : by task, in the order of the tasks.
    """

    label: str
    cells: Mapping[Task, Judged]

    @property
    def limits(self) -> Floats:
        """Time limit of each cell."""
        return np.array([cell.record.spec.time_limit for cell in self.cells.values()], dtype=float)

    @property
    def solved(self) -> Flags:
        """Whether each cell is solved."""
        return np.array([cell.solved for cell in self.cells.values()], dtype=bool)

    @property
    def times(self) -> Floats:
        """Seconds of each cell."""
        return np.array([cell.record.time for cell in self.cells.values()], dtype=float)

    @property
    def primal_integrals(self) -> Floats:
        """Primal integral of each cell."""
        return np.array([cell.primal_integral for cell in self.cells.values()], dtype=float)


@dataclass(frozen=True)
class Ranking:
    """Configurations on the same kind of machine and the same kind of problem, best first.

    Parameters
    ----------
    kind : of the machine, see `Machine.kind`.
    formulation, flows, relax : the kind of problem.
    tasks : instance, Q-net, seed and permutation; what each configuration should have run.
    """

    kind: tuple[str, int, int]
    formulation: str
    flows: str
    relax: bool
    configurations: tuple[Configuration, ...]
    tasks: tuple[Task, ...]

    @property
    def problem(self) -> str:
        """The kind of problem in words."""
        if self.relax:
            return f"{self.formulation}, relaxed"
        return self.formulation if self.flows == "integer" else f"{self.formulation}, {self.flows} flows"

    @property
    def machine(self) -> str:
        """The kind of machine in words."""
        cpu, cores, memory = self.kind
        return f"{cpu}, {cores} core{'s' if cores != 1 else ''}, {memory} GiB"

    @property
    def uneven(self) -> bool:
        """Whether some configuration did not run every task."""
        return any(len(c.cells) < len(self.tasks) for c in self.configurations)

    @property
    def partial(self) -> tuple[str, ...]:
        """The configurations that ran fewer than half of the tasks: last, as they leave little in common."""
        return tuple(c.label for c in self.configurations if _is_partial(c, len(self.tasks)))

    @property
    def common(self) -> tuple[Task, ...]:
        """The tasks that all configurations ran, without those that ran fewer than half."""
        whole = [c for c in self.configurations if c.label not in self.partial]
        return tuple(t for t in self.tasks if whole and all(t in c.cells for c in whole))

    @property
    def cells(self) -> list[Judged]:
        """All cells of the ranking."""
        return [cell for configuration in self.configurations for cell in configuration.cells.values()]


@dataclass(frozen=True, slots=True)
class Summary:
    """One row of the summary.

    Parameters
    ----------
    label : of the configuration.
    counts : cells by outcome.
    geometric, geometric_interval : shifted geometric mean of the time, unsolved at the limit.
    par10 : mean time, unsolved at ten times the limit.
    primal, primal_interval : mean primal integral.
    gap : mean gap at the end, from 0 to 1.
    """

    label: str
    counts: Mapping[Outcome, int]
    geometric: float
    geometric_interval: Interval
    par10: float
    primal: float
    primal_interval: Interval
    gap: float


def task(cell: Judged) -> Task:
    """Return what a cell had to solve, whichever way: five fields of the instance, seed, permutation."""
    spec = cell.record.spec
    drawn = -1 if spec.draw_pairs is None else spec.draw_pairs
    net = f"{spec.qnet or ''}" + (f" · {spec.max_hops} hops" if spec.max_hops else "")
    return (
        spec.instance,
        spec.instance_digest,
        drawn,
        net,
        spec.qnet_digest or "",
        spec.seed,
        spec.permutation,
    )


def task_label(task: Task) -> str:
    """Return a task in words."""
    instance, _, drawn, net, _, seed, permutation = task
    parts = [instance, f"pairs {drawn}" if drawn >= 0 else "", net, f"seed {seed}"]
    return " · ".join(filter(None, [*parts, f"permutation {permutation}" if permutation else ""]))


def rankings(cells: Iterable[Judged]) -> list[Ranking]:
    """Split cells into what may be ranked together, each ranking with its configurations best first."""
    groups: dict[tuple[Any, ...], list[Judged]] = defaultdict(list)
    for cell in cells:
        spec = cell.record.spec
        groups[cell.record.machine.kind, spec.formulation, spec.flows, spec.relax].append(cell)
    return [
        Ranking(kind, formulation, flows, relax, _configurations(own), tuple(sorted(set(map(task, own)))))
        for (kind, formulation, flows, relax), own in sorted(groups.items(), key=lambda item: item[0])
    ]


def summarise(configuration: Configuration) -> Summary:
    """Return the summary of a configuration over its own cells."""
    cells = list(configuration.cells.values())
    words = [outcome(cell) for cell in cells]
    instances = instance_numbers(configuration)
    times = charged(configuration.times, configuration.solved, configuration.limits)
    primal = configuration.primal_integrals
    return Summary(
        configuration.label,
        {word: words.count(word) for word in OUTCOME_WORDS},
        shifted_geometric_mean(times),
        geometric_interval(times, instances, np.random.default_rng(SEED)),
        penalised_mean(configuration.times, configuration.solved, configuration.limits),
        float(primal.mean()),
        mean_interval(primal, instances, np.random.default_rng(SEED)),
        float(_final_gaps(cells).mean()),
    )


def instance_numbers(configuration: Configuration) -> NDArray[np.intp]:
    """Return a number from 0 for the instance (and Q-net) of each cell: what the bootstrap draws."""
    numbers: dict[tuple[Any, ...], int] = defaultdict(count().__next__)
    return np.array([numbers[task[:5]] for task in configuration.cells], dtype=np.intp)


def _final_gaps(cells: Iterable[Judged]) -> Floats:
    ends = [(c.record.objective, c.record.bound) if c.valid else (None, None) for c in cells]
    return relative_gap(*np.array(ends, dtype=float).T)


def _configurations(cells: Sequence[Judged]) -> tuple[Configuration, ...]:
    """Tell configurations apart by all that is no task; name them by what they do not share."""
    settings = [_settings(cell) for cell in cells]
    shown = _telling(cells, settings)
    found: dict[tuple[tuple[str, str], ...], dict[Task, Judged]] = defaultdict(dict)
    for cell, setting in zip(cells, settings, strict=True):
        found[tuple(setting.items())][task(cell)] = cell
    named = [
        Configuration(
            " · ".join(text for name, text in setting if text and name in shown), dict(sorted(own.items()))
        )
        for setting, own in found.items()
    ]
    tasks = len({task for configuration in named for task in configuration.cells})
    return tuple(sorted(named, key=lambda each: (_is_partial(each, tasks), *_rank(each))))


def _settings(cell: Judged) -> dict[str, str]:
    """Return all that tells configurations apart, worded for a label."""
    spec = cell.record.spec
    return {
        "solver": spec.selector,
        "version": spec.solver_version,
        "variant": spec.variant,
        "method": spec.method,
        "threads": f"{spec.threads} thread{'s' if spec.threads != 1 else ''}",
        "time limit": f"limit {spec.time_limit:g} s",
        "memory limit": "" if spec.memory_limit_mb is None else f"{spec.memory_limit_mb} MiB",
        "gap": f"gap {spec.gap:g}",
        **{f"package {name}": f"{name} {version}" for name, version in sorted(spec.packages.items())},
    }


def _telling(cells: Sequence[Judged], settings: Sequence[dict[str, str]]) -> set[str]:
    """Return the settings worth naming; a version only where one solver ran in several."""
    values: dict[str, set[str]] = defaultdict(set)
    versions: dict[tuple[str, str], set[str]] = defaultdict(set)
    for cell, setting in zip(cells, settings, strict=True):
        for name, text in setting.items():
            if name == "version" or name.startswith("package "):
                versions[name, cell.record.spec.solver].add(text)
            else:
                values[name].add(text)
    several = {name for name, texts in values.items() if len(texts) > 1}
    return {"solver", "variant"} | several | {name for (name, _), texts in versions.items() if len(texts) > 1}


def _is_partial(configuration: Configuration, tasks: int) -> bool:
    return 2 * len(configuration.cells) < tasks


def _rank(configuration: Configuration) -> tuple[float, float, str]:
    times = charged(configuration.times, configuration.solved, configuration.limits)
    return -float(configuration.solved.mean()), shifted_geometric_mean(times), configuration.label
