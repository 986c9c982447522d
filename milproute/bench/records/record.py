"""Record: what one benchmark cell was asked, on which machine, and how it ended."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Literal

from pydantic import Field

from milproute.instances import ModelSize, Status, Termination
from milproute.instances.errors import DocumentError
from milproute.instances.plan import relative_gap
from milproute.instances.schema import Count, Flag, Frozen, Identifier, NonNegative, Number

CELL_FORMAT: Literal["milproute.cell/1"] = "milproute.cell/1"

Seconds = NonNegative
Point = tuple[Seconds, Count, Number | None, Number | None]  # seconds, nodes, objective, bound


class RecordError(DocumentError):
    """A file of a result folder that holds no record of a cell."""


class CellSpec(Frozen):
    """One solve: everything that decides its outcome, and nothing else.

    Parameters
    ----------
    instance, instance_digest : label (library name, generator call or path) and content of the instance.
    formulation, variant : ``link``, ``path``, ``reps`` or ``argmax``, and how it is stated.
    method, flows, relax : as in `milproute.solvers.solve`; of an argmax they keep their defaults.
    qnet, qnet_digest, max_hops : of an argmax.
    draw_pairs : seed of the entangled pairs that were drawn for the instance; the digest is of the drawn one.
    solver, native : name of the back end and its native options.
    solver_version, packages : versions that the outcome hangs on.
    seed, permutation : of the solver; of the rows and columns of its model (0: as built).
    time_limit, memory_limit_mb, threads, gap : limits of the solve.
    """

    instance: Identifier
    instance_digest: Identifier
    formulation: Identifier
    variant: Identifier
    method: Identifier = "exact"
    flows: Literal["integer", "continuous"] = "integer"
    relax: Flag = False
    qnet: Identifier | None = None
    qnet_digest: Identifier | None = None
    max_hops: Annotated[int, Field(strict=True, ge=1)] | None = None
    draw_pairs: Count | None = None
    solver: Identifier
    native: dict[str, bool | int | float | str] = Field(default_factory=dict)
    solver_version: str
    packages: dict[str, str] = Field(default_factory=dict)
    seed: Count = 0
    permutation: Count = 0
    time_limit: Annotated[float, Field(gt=0)]
    memory_limit_mb: Annotated[int, Field(strict=True, ge=1)] | None = None
    threads: Annotated[int, Field(strict=True, ge=1)] = 1
    gap: NonNegative = 1e-4

    @property
    def key(self) -> str:
        """Content hash: the name of the cell's files. Equal specs are one cell."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:24]

    @property
    def problem(self) -> tuple[Any, ...]:
        """What cells must share for their objectives and bounds to be comparable: one optimum."""
        relaxation = self.variant if self.relax else None  # variants differ in how tight they are
        net = (self.qnet_digest, self.max_hops)
        return (self.instance_digest, self.formulation, self.flows, self.relax, relaxation, *net)

    @property
    def selector(self) -> str:
        """The solver as a suite names it."""
        options = ",".join(f"{name}={value}" for name, value in sorted(self.native.items()))
        return f"{self.solver}[{options}]" if options else self.solver


class Machine(Frozen):
    """Where a cell ran.

    Parameters
    ----------
    name : host name.
    cpu, cores, memory_mb, system, python, packages, governor : hardware and software.
    commit : of milproute's source checkout, with ``+`` when it was changed; None outside of one.
    load_before, load_after : one-minute load averages.
    """

    name: str
    cpu: str
    cores: Count
    memory_mb: Count
    system: str
    python: str
    packages: dict[str, str]
    governor: str | None = None
    commit: str | None = None
    load_before: NonNegative | None = None
    load_after: NonNegative | None = None

    @property
    def kind(self) -> tuple[str, int, int]:
        """What times must share to be ranked together: processor, cores, memory in GiB."""
        return self.cpu, self.cores, round(self.memory_mb / 1024)


class Record(Frozen):
    """How a cell ended (format ``milproute.cell/1``): one file, written once.

    Parameters
    ----------
    key, spec : the cell.
    status, native_status, message : milproute's word, the solver's, and what went wrong.
    termination : why the search ended, as in `Plan`; None where nobody knows.
    maximize : direction of the objective; all of milproute's own models are maxima.
    objective, bound : checked objective and claimed bound.
    seconds : wall clock by phase (build, compile, solve, …); `time` is what is compared.
    wall : of the whole process, as its parent saw it.
    size, nodes, iterations, peak_mb : of the model, of the search, of the process.
    trace : (seconds, nodes, objective, bound) as the solver told them.
    breaches : what the two checks found wrong, a sentence each.
    log : last part of the solver's own log.
    tries : how often the cell was run until this ending (a crash is tried twice).
    """

    format: Literal["milproute.cell/1"] = CELL_FORMAT
    key: Identifier
    status: Status
    spec: CellSpec
    native_status: str = ""
    termination: Termination | None = None
    message: str | None = None
    maximize: Flag = True
    objective: Number | None = None
    bound: Number | None = None
    verified: Flag = False
    breaches: tuple[str, ...] = ()
    seconds: dict[str, Seconds] = Field(default_factory=dict)
    wall: Seconds = 0.0
    size: ModelSize | None = None
    nodes: Count = 0
    iterations: Count = 0
    peak_mb: NonNegative | None = None
    trace: tuple[Point, ...] = ()
    log: str = ""
    machine: Machine
    started: str
    tries: Count = 1

    @property
    def solved(self) -> bool:
        """Whether the cell ended checked, and proven to the gap that was asked for."""
        gap = relative_gap(self.objective, self.bound)
        within = self.status == "gap_limit" and gap is not None and gap <= self.spec.gap
        return self.verified and (self.status == "optimal" or within)

    @property
    def time(self) -> float:
        """Seconds from the instance to the answer: all phases but those that only check it."""
        return sum(t for phase, t in self.seconds.items() if phase not in ("verify", "forward"))
