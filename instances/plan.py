"""Plan: a routing decision and its certificate."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from instances.frozen import Count, Flag, Frozen, Identifier, NonNegative, Number

PLAN_FORMAT: Literal["milproute.plan/1"] = "milproute.plan/1"

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
    """

    format: Literal["milproute.plan/1"] = PLAN_FORMAT
    instance: str
    formulation: str
    variant: str
    solver: str
    solver_version: str
    status: Status
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
    verified: Flag = False
    violations: tuple[Violation, ...] = ()

    def document(self) -> dict[str, Any]:
        """Return the JSON document; keys that only some formulations have are left out when unset."""
        optional = {"entangled_pairs", "delivered"}
        unset = {key for key in optional if getattr(self, key) is None}
        return self.model_dump(mode="json", exclude=unset)


def relative_gap(objective: float | None, bound: float | None) -> float | None:
    """Return |bound - objective| / max(|objective|, 1e-9), or None when either is missing."""
    if objective is None or bound is None:
        return None
    return abs(bound - objective) / max(abs(objective), 1e-9)
