"""Plan: a routing decision and its certificate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from milproute.instances.schema import (
    LARGEST_COUNT,
    AnyWhole,
    Count,
    Flag,
    Frozen,
    Identifier,
    NonNegative,
    Number,
    inconsistent,
)

if TYPE_CHECKING:
    from typing import Self

PLAN_FORMAT: Literal["milproute.plan/1"] = "milproute.plan/1"

# Keys that only some formulations have.
OPTIONAL = (
    "message",
    "termination",
    "confirmed_by",
    "entangled_pairs",
    "delivered",
    "engine",
    "forward",
    "residual",
    "neurons",
    "max_hops",
)

Status = Literal[
    "optimal",
    "gap_limit",
    "time_limit",
    "infeasible",
    "unbounded",
    "no_solution",
    "memory_limit",
    "licence",
    "crash",
    "wrong_solution",
    "error",
]


Termination = Literal[
    "optimal",
    "gap_limit",
    "infeasible",
    "unbounded",
    "time_limit",
    "memory_limit",
    "build_limit",
    "interrupted",
    "other_limit",
    "completed",
    "licence",
    "crash",
    "error",
]


class Attempt(Frozen):
    """Attempts on the link between two nodes; a whole number unless the plan is relaxed."""

    source: Identifier
    target: Identifier
    channels: NonNegative


class RoutedPath(Frozen):
    """``count`` copies of a path, from the request's source to its target."""

    request: Identifier
    nodes: Annotated[tuple[Identifier, ...], Field(min_length=2)]
    count: NonNegative


class DrawnPairs(Frozen):
    """Pairs that came of the attempts on one link."""

    source: Identifier
    target: Identifier
    pairs: Count


class ModelSize(Frozen):
    """Size of the compiled model."""

    rows: Count
    columns: Count
    nonzeros: Count
    integers: Count


class NeuronCounts(Frozen):
    """Hidden neurons of the Q-net: all, those that the bounds fix, and the binaries in the model."""

    total: Count
    stable: Count
    binaries: Count

    @model_validator(mode="after")
    def _check_parts(self) -> Self:
        for part in ("stable", "binaries"):
            if getattr(self, part) > self.total:
                raise inconsistent(
                    f"neurons.{part}", getattr(self, part), f"at most neurons.total = {self.total}"
                )
        return self


class Violation(Frozen):
    """One broken rule: which, where, and by how much (in the unit of the rule)."""

    rule: str
    place: str
    amount: Number
    message: str

    def __str__(self) -> str:
        return f"{self.rule} at {self.place}: {self.message}"


class Plan(Frozen):
    """A decision with objective, proven bound and the checker's word (``milproute.plan/1``).

    ``bound`` is proven in the direction of the problem, None when nothing is proven; ``gap`` is
    |bound - objective| / max(|objective|, 1e-9). ``relaxed`` lets everything be fractional, ``flows``
    = ``continuous`` the path counts. ``entangled_pairs`` and ``delivered`` belong to whole slots.
    ``termination`` says why the search ended, whatever it had found by then (``build_limit``: before the
    model was built; ``other_limit``: a native limit of the solver; ``completed``: a heuristic that ran to its
    end), and ``confirmed_by`` how the claim was proven a second time, by whom and with which bound.

    The rest belongs to an argmax: ``engine`` found it, ``forward`` is Q of the action by a plain forward
    pass, ``residual`` = |objective - forward|, ``neurons`` counts those of the Q-net, and ``max_hops``
    is the hop limit of the action set (None: no limit).
    """

    format: Literal["milproute.plan/1"] = PLAN_FORMAT
    instance: str
    formulation: str
    variant: str
    solver: str
    solver_version: str
    status: Status
    termination: Termination | None = None
    confirmed_by: str | None = None
    message: str | None = None
    objective: Number | None
    bound: Number | None
    gap: NonNegative | None
    seconds: dict[str, NonNegative]
    relaxed: Flag = False
    flows: Literal["integer", "continuous"] = "integer"
    size: ModelSize | None = None
    attempts: tuple[Attempt, ...] = ()
    paths: tuple[RoutedPath, ...] = ()
    connections: dict[str, NonNegative] = Field(default_factory=dict)
    entangled_pairs: tuple[DrawnPairs, ...] | None = None
    delivered: dict[str, Count] | None = None
    engine: Identifier | None = None
    forward: Number | None = None
    residual: NonNegative | None = None
    neurons: NeuronCounts | None = None
    max_hops: Annotated[int, Field(strict=True, ge=1, le=LARGEST_COUNT), AnyWhole] | None = None
    verified: Flag = False
    violations: tuple[Violation, ...] = ()

    @field_validator("objective", "bound", "forward")
    @classmethod
    def _unsigned_zero(cls, value: float | None) -> float | None:
        """Take -0.0, as solvers return it, for 0."""
        return value + 0.0 if value == 0 else value

    def document(self) -> dict[str, Any]:
        """Return the JSON document; keys that only some formulations have are left out when unset."""
        unset = {key for key in OPTIONAL if getattr(self, key) is None}
        return self.model_dump(mode="json", exclude=unset)


def relative_gap(objective: float | None, bound: float | None) -> float | None:
    """Return |bound - objective| / max(|objective|, 1e-9), or None when either is missing."""
    if objective is None or bound is None:
        return None
    return abs(bound - objective) / max(abs(objective), 1e-9)
