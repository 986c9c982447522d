"""What the checker's rules read and what they yield."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from milproute.instances.instance import Instance
    from milproute.instances.plan import Plan


class Breach(NamedTuple):
    """Where a rule is broken, by how much, and the sentence that says so."""

    place: str
    amount: float
    message: str


@dataclass
class Case:
    """An instance, a plan, and the sums that several rules need.

    ``load`` counts the copies of paths over each link in either direction, ``attempts`` and ``pairs``
    what the plan says was tried and drawn on each link, ``routed`` the copies of paths of each request.
    """

    instance: Instance
    plan: Plan
    tolerance: float
    load: list[float] = field(init=False)
    attempts: list[float] = field(init=False)
    pairs: list[float] = field(init=False)
    routed: dict[str, float] = field(init=False)

    def __post_init__(self) -> None:
        row = self.instance.link_row
        self.load, self.attempts, self.pairs = ([0.0] * len(self.instance.links) for _ in range(3))
        self.routed = {request.id: 0.0 for request in self.instance.requests}
        for path in self.plan.paths:
            self.routed[path.request] = self.routed.get(path.request, 0.0) + path.count
            for step in pairwise(path.nodes):
                if step in row:
                    self.load[row[step]] += path.count
        for attempt in self.plan.attempts:
            if (attempt.source, attempt.target) in row:
                self.attempts[row[attempt.source, attempt.target]] += attempt.channels
        for drawn in self.plan.entangled_pairs or ():
            if (drawn.source, drawn.target) in row:
                self.pairs[row[drawn.source, drawn.target]] += drawn.pairs

    @property
    def solved(self) -> bool:
        """Whether the plan claims to have a solution."""
        return self.plan.objective is not None

    def link(self, row: int) -> str:
        """Name a link as a place."""
        link = self.instance.links[row]
        return f"links[{row}] ({link.source}-{link.target})"

    def request(self, row: int) -> str:
        """Name a request as a place."""
        return f"requests[{row}] ({self.instance.requests[row].id})"

    def connections(self, request: str) -> float:
        """Return the connections the plan claims for a request."""
        return self.plan.connections.get(request, 0.0)

    def exceeds(self, value: float, limit: float) -> bool:
        """Say whether ``value`` is above ``limit`` by more than the tolerance; NaN always is."""
        return not value <= limit + self.tolerance

    def differs(self, value: float, expected: float) -> bool:
        """Say whether two sums are apart by more than the tolerance, relative above 1."""
        scale = max(1.0, min(abs(expected), sys.float_info.max))
        return value != expected and not abs(value - expected) <= self.tolerance * scale
