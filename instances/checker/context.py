"""The context of a check: what the checker's rules read, what they yield, and how they are run."""

from __future__ import annotations

import math
import sys
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, TypeVar

from milproute.instances.plan import Violation

if TYPE_CHECKING:
    from collections.abc import Iterable

    from milproute.instances.instance import Instance
    from milproute.instances.plan import Plan


Key = TypeVar("Key", bound=Hashable)


class Breach(NamedTuple):
    """Where a rule is broken, by how much, and the sentence that says so."""

    place: str
    amount: float
    message: str


@dataclass
class CheckContext:
    """An instance, a plan, and the sums that several rules need.

    ``load`` counts the copies of paths over each link in either direction, ``attempts`` and ``pairs``
    what the plan says was tried and drawn on each link, ``routed`` the copies of paths of each request.
    Sums are rounded once (`math.fsum`), so that the order of entries means nothing.
    """

    instance: Instance
    plan: Plan
    tolerance: float
    load: list[float] = field(init=False)
    attempts: list[float] = field(init=False)
    pairs: list[float] = field(init=False)
    routed: dict[str, float] = field(init=False)

    def __post_init__(self) -> None:
        plan = self.plan
        self.load = self._by_link((step, path.count) for path in plan.paths for step in pairwise(path.nodes))
        self.attempts = self._by_link(((a.source, a.target), a.channels) for a in plan.attempts)
        self.pairs = self._by_link(((d.source, d.target), d.pairs) for d in plan.entangled_pairs or ())
        none = {request.id: 0.0 for request in self.instance.requests}
        self.routed = none | sums((path.request, path.count) for path in plan.paths)

    def _by_link(self, amounts: Iterable[tuple[tuple[str, str], float]]) -> list[float]:
        """Add up amounts by the link they are on; what is on no link is left out."""
        row = self.instance.link_row
        found = sums((row[ends], amount) for ends, amount in amounts if ends in row)
        return [found.get(e, 0.0) for e in range(len(self.instance.links))]

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


Rule: TypeAlias = Callable[[CheckContext], Iterator[Breach]]


def sums(amounts: Iterable[tuple[Key, float]]) -> dict[Key, float]:
    """Add up amounts by key, each sum rounded once; sums beyond the largest double are infinite."""
    terms: dict[Key, list[float]] = defaultdict(list)
    for key, amount in amounts:
        terms[key].append(amount)
    return {key: _sum(own) for key, own in terms.items()}


def _sum(terms: list[float]) -> float:
    try:
        return math.fsum(terms)
    except (OverflowError, ValueError):  # beyond the largest double, or infinities that cancel
        return sum(terms)


def violations(context: CheckContext, wanted: Mapping[str, Rule]) -> list[Violation]:
    """Return what the rules find, under their names."""
    return [
        Violation(rule=name, place=breach.place, amount=_finite(breach.amount), message=breach.message)
        for name, rule in wanted.items()
        for breach in rule(context)
    ]


def _finite(amount: float) -> float:
    """Return an amount that a document can hold; sums of huge numbers overflow."""
    return min(float(amount), sys.float_info.max) if not math.isnan(amount) else sys.float_info.max
