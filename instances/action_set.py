"""Action sets: which joint choices of paths are allowed, said without any model.

In a joint action every request gets up to ``demand`` copies of simple paths (null counts as 1; the same
path may be taken more than once). A copy holds one channel on each of its links, one qubit at both ends
and two at every node between; where ``entangled_pairs`` are known they are the channels. Its links and
swaps can succeed, it has at most ``max_hops`` links, and it meets the ``min_fidelity`` of its request.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from milproute.instances.checker import rules
from milproute.instances.checker.context import Breach, Case
from milproute.instances.errors import OptionError
from milproute.instances.physics import additive_weight, werner_parameter
from milproute.instances.plan import Plan, Violation
from milproute.instances.tolerances import COMPARISON, FEASIBILITY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import TypeAlias

    from numpy.typing import NDArray

    from milproute.instances.instance import Instance
    from milproute.instances.plan import RoutedPath

    Rule: TypeAlias = Callable[[Case], Iterator[Breach]]
    Integers: TypeAlias = NDArray[np.int64]
    Floats: TypeAlias = NDArray[np.float64]
    Flags: TypeAlias = NDArray[np.bool_]


# Copies of all requests together up to which what is told apart by copy may be listed.
MOST_COPIES = 1_000
# Copies of one request up to which a net over them can be solved in doubles with the precision of a copy.
LARGEST_COPIES = 1_000_000


@dataclass(frozen=True, init=False)
class ActionRules:
    """The limits of an action set as arrays, in the order of the instance's links, nodes, requests.

    Parameters
    ----------
    instance : the network and its requests.
    max_hops : most links of a path; None means no limit but simplicity, which is nodes - 1.

    Raises
    ------
    OptionError : a hop limit that is no whole number of at least 1.
    """

    instance: Instance
    max_hops: int

    def __init__(self, instance: Instance, max_hops: int | None = None) -> None:
        simple = max(1, len(instance.nodes) - 1)
        if max_hops is not None and (not float(max_hops).is_integer() or max_hops < 1):
            raise OptionError(
                f"the hop limit is {max_hops}; allowed: a whole number of at least 1, since a path has at "
                f"least one link, or none at all (paths of {instance.name!r} have at most {simple} links)"
            )
        object.__setattr__(self, "instance", instance)
        object.__setattr__(self, "max_hops", simple if max_hops is None else min(int(max_hops), simple))

    @cached_property
    def capacity(self) -> Integers:
        """Copies that a link bears: its ``entangled_pairs`` where known, else its channels; (links,)."""
        pairs = [x.channels if x.entangled_pairs is None else x.entangled_pairs for x in self.instance.links]
        return np.array(pairs, dtype=np.int64)

    @cached_property
    def memory(self) -> Integers:
        """Qubits of each node, shape (nodes,)."""
        return self.instance.memories

    @cached_property
    def demands(self) -> Integers:
        """Copies that each request asks for: its demand, 1 where it has none; shape (requests,)."""
        demands = [1 if r.demand is None else r.demand for r in self.instance.requests]
        return np.array(demands, dtype=np.int64)

    @cached_property
    def copies(self) -> Integers:
        """Most copies of each request: `demands`, at most what its ends can hold; shape (requests,).

        Each copy takes a qubit and a channel (or pair) of a link at both ends.
        """
        at_node = np.zeros(len(self.instance.nodes), dtype=np.int64)
        np.add.at(at_node, self.instance.ends, np.where(self.usable, self.capacity, 0)[:, None])
        held = np.minimum(at_node, self.memory)
        row = self.instance.node_row
        ends = [min(held[row[r.source]], held[row[r.target]]) for r in self.instance.requests]
        least: Integers = np.minimum(self.demands, np.array(ends, dtype=np.int64))
        return least

    def refuse_huge_copies(self) -> None:
        """Refuse more copies of a request than a net over them can tell apart in doubles.

        Raises
        ------
        OptionError : a request may have more than `LARGEST_COPIES`.
        """
        row = int(np.argmax(self.copies)) if len(self.copies) else 0
        if self.copies.max(initial=0) > LARGEST_COPIES:
            raise OptionError(
                f"requests[{row}] ({self.instance.requests[row].id!r}) may have {self.copies[row]:,} copies "
                f"of its paths; allowed: at most {LARGEST_COPIES:,} under a Q-net. Lower its demand, or the "
                "memory or channels at its ends."
            )

    def refuse_many_copies(self, what: str) -> None:
        """Refuse to treat every copy of a request apart where there are more than `MOST_COPIES`.

        Raises
        ------
        OptionError : there are; the message names the request with the most.
        """
        total = int(self.copies.sum())
        if total > MOST_COPIES:
            row = int(np.argmax(self.copies))
            raise OptionError(
                f"{what} treats every copy of a request apart, and there are up to {total:,} copies, "
                f"{self.copies[row]:,} of them of requests[{row}] ({self.instance.requests[row].id!r}); "
                f"allowed: at most {MOST_COPIES:,} in all. Lower the demands, or take path columns in a "
                "MILP: --actions columns --engine milp."
            )

    @cached_property
    def usable(self) -> Flags:
        """Whether a path may use each link: probability > 0 and capacity > 0; shape (links,)."""
        flags: Flags = (self.instance.probabilities > 0) & (self.capacity > 0)
        return flags

    @cached_property
    def interior(self) -> Flags:
        """Whether a path may swap at each node: swap_probability > 0 and memory >= 2; shape (nodes,)."""
        swaps = np.array([node.swap_probability for node in self.instance.nodes])
        flags: Flags = (swaps > 0) & (self.memory >= 2)
        return flags

    @cached_property
    def fidelity_weights(self) -> Floats:
        """-ln W of each link, which adds up along a path; infinite for F <= 1/4; shape (links,)."""
        return additive_weight(werner_parameter([link.fidelity for link in self.instance.links]))

    def fidelity_budget(self, request: int) -> float:
        """Return the largest sum of `fidelity_weights` that meets the ``min_fidelity`` of a request.

        Infinite where it asks for none or for at most 1/4; a path over a link of infinite weight is
        then allowed too (inf <= inf). A limit that is met exactly stays met after rounding.
        """
        least = self.instance.requests[request].min_fidelity
        if least is None or least <= 0.25:
            return math.inf
        return float(additive_weight(werner_parameter(least))) + COMPARISON


# --- rules for the checker ----------------------------------------------------------------------------


def _limits(case: Case) -> ActionRules:
    return ActionRules(case.instance, case.plan.max_hops)


def hops(case: Case) -> Iterator[Breach]:
    """Require paths of at most ``max_hops`` links."""
    limit = case.plan.max_hops
    for i, path in enumerate(case.plan.paths):
        links = len(path.nodes) - 1
        if limit is not None and links > limit:
            yield Breach(f"paths[{i}]", links - limit, f"it has {links} links, the hop limit is {limit}")


def usable_links(case: Case) -> Iterator[Breach]:
    """Require links that can succeed: probability > 0."""
    for i, path in enumerate(case.plan.paths):
        rows = [case.instance.link_row.get(step) for step in zip(path.nodes, path.nodes[1:], strict=False)]
        dead = [case.link(e) for e in rows if e is not None and case.instance.probabilities[e] == 0]
        if dead:
            yield Breach(f"paths[{i}]", len(dead), f"it uses {', '.join(dead)} of probability 0")


def usable_swaps(case: Case) -> Iterator[Breach]:
    """Require swaps that can succeed: swap_probability > 0 at interior nodes."""
    dead = {node.id for node in case.instance.nodes if node.swap_probability == 0}
    for i, path in enumerate(case.plan.paths):
        found = [repr(v) for v in path.nodes[1:-1] if v in dead]
        if found:
            yield Breach(f"paths[{i}]", len(found), f"it swaps at {', '.join(found)}, where no swap succeeds")


def load(case: Case) -> Iterator[Breach]:
    """Require copies of paths over e <= entangled pairs of e, its channels where these are unknown."""
    for row, (used, limit) in enumerate(zip(case.load, _limits(case).capacity.tolist(), strict=True)):
        if case.exceeds(used, limit):
            known = case.instance.links[row].entangled_pairs is not None
            text = f"{used:.9g} copies of paths on {limit} {'entangled pairs' if known else 'channels'}"
            yield Breach(case.link(row), used - limit, text)


def memory(case: Case) -> Iterator[Breach]:
    """Require qubits held at v, 1 for a copy that ends there and 2 for one that swaps, <= memory of v."""
    row = case.instance.node_row
    held = [0.0] * len(row)
    for path in case.plan.paths:
        for place, v in enumerate(path.nodes):
            if v in row:
                held[row[v]] += path.count * (1 if place in (0, len(path.nodes) - 1) else 2)
    for i, (node, qubits) in enumerate(zip(case.instance.nodes, held, strict=True)):
        if case.exceeds(qubits, node.memory):
            text = f"the copies of paths hold {qubits:.9g} qubits of {node.memory}"
            yield Breach(f"nodes[{i}] ({node.id})", qubits - node.memory, text)


def copies(case: Case) -> Iterator[Breach]:
    """Require copies of paths of a request <= its demand, 1 where it has none."""
    for row, (request, most) in enumerate(
        zip(case.instance.requests, _limits(case).demands.tolist(), strict=True)
    ):
        served = max(case.connections(request.id), case.routed[request.id])
        if case.exceeds(served, most):
            why = "without a demand" if request.demand is None else f"for a demand of {most}"
            yield Breach(case.request(row), served - most, f"{served:.9g} copies of its paths {why}")


def whole_copies(case: Case) -> Iterator[Breach]:
    """Require whole copies of paths, also of a plan that calls itself relaxed or continuous."""
    for i, path in enumerate(case.plan.paths):
        off = abs(path.count - round(path.count)) if math.isfinite(path.count) else math.inf
        if case.exceeds(off, 0.0):
            yield Breach(f"paths[{i}]", off, f"{path.count:.9g} copies are not a whole number")


# Membership in the action set; the keys are the names that violations carry.
MEMBERSHIP: Mapping[str, Rule] = {
    "known-requests": rules.known_requests,
    "known-nodes": rules.known_nodes,
    "simple-path": rules.simple_paths,
    "path-links": rules.steps_are_links,
    "path-ends": rules.path_ends,
    "min-fidelity": rules.min_fidelity,
    "sign": rules.signs,
    "whole-paths": whole_copies,
    "hops": hops,
    "usable-links": usable_links,
    "usable-swaps": usable_swaps,
    "load": load,
    "memory": memory,
    "demand": copies,
}


def action_violations(
    instance: Instance,
    paths: Iterable[RoutedPath],
    max_hops: int | None = None,
    tolerance: float = FEASIBILITY,
) -> list[Violation]:
    """Return why ``paths`` is no action of the action set; [] when it is one.

    Parameters
    ----------
    instance, paths : any valid ones, also if they have nothing to do with each other; no path at all
        is an action.
    max_hops : most links of a path; None means no limit.
    tolerance : largest breach that is forgiven (copies, qubits, fidelity).

    Raises
    ------
    OptionError : a hop limit below 1.
    """
    ActionRules(instance, max_hops)
    action = Plan(
        instance=instance.name,
        formulation="argmax",
        variant="membership",
        solver="none",
        solver_version="",
        status="no_solution",
        objective=None,
        bound=None,
        gap=None,
        seconds={},
        paths=tuple(paths),
        max_hops=None if max_hops is None else int(max_hops),
    )
    return violations(Case(instance, action, tolerance), MEMBERSHIP)


def violations(case: Case, wanted: Mapping[str, Rule]) -> list[Violation]:
    """Return what the rules find, under their names."""
    return [
        Violation(rule=name, place=breach.place, amount=_finite(breach.amount), message=breach.message)
        for name, rule in wanted.items()
        for breach in rule(case)
    ]


def _finite(amount: float) -> float:
    """Return an amount that a document can hold; sums of huge numbers overflow."""
    return min(float(amount), sys.float_info.max) if not math.isnan(amount) else sys.float_info.max
