"""Rules on what the network bears: channels, memory, and loads within the pairs of a link."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from milproute.instances.checker.context import Breach, sums
from milproute.instances.expected_load import as_fraction, largest_load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from milproute.instances.checker.context import CheckContext


def channels(context: CheckContext) -> Iterator[Breach]:
    """Require x_e <= channels of e."""
    for row, (link, used) in enumerate(zip(context.instance.links, context.attempts, strict=True)):
        limit = link.channels
        if context.exceeds(used, limit):
            text = f"{used:.9g} attempts on {limit:.9g} channels"
            yield Breach(context.link(row), used - limit, text)


def memory(context: CheckContext) -> Iterator[Breach]:
    """Require sum of x_e over the links at u <= memory of u."""
    links = zip(context.instance.links, context.attempts, strict=True)
    held = sums((end, used) for link, used in links for end in link.ends)
    for row, node in enumerate(context.instance.nodes):
        qubits, limit = held.get(node.id, 0.0), node.memory
        if context.exceeds(qubits, limit):
            text = f"attempts on its links hold {qubits:.9g} qubits of {limit:.9g}"
            yield Breach(f"nodes[{row}] ({node.id})", qubits - limit, text)


def load_within_expected_pairs(context: CheckContext) -> Iterator[Breach]:
    """Require copies of paths over e <= p_e x_e, in whole numbers where the plan's paths are whole."""
    plan = context.plan
    whole = not plan.relaxed and plan.flows == "integer"
    for row, (load, used) in enumerate(zip(context.load, context.attempts, strict=True)):
        p = float(context.instance.probabilities[row])
        if whole and math.isfinite(used):
            carried = float(largest_load(p, max(round(used), 0)))
        else:
            carried = float(as_fraction(p)) * used
        if context.exceeds(load, carried):
            text = f"{load:.9g} copies of paths; {used:.9g} attempts carry {carried:.9g} (p = {p:.9g})"
            yield Breach(context.link(row), load - carried, text)


def load_within_given_pairs(context: CheckContext) -> Iterator[Breach]:
    """Require copies of paths over e <= pairs that exist on e in the instance."""
    for row, (link, load) in enumerate(zip(context.instance.links, context.load, strict=True)):
        pairs = link.entangled_pairs or 0
        if context.exceeds(load, pairs):
            known = (
                f"{pairs:.9g} pairs exist" if link.entangled_pairs is not None else "its pairs are unknown"
            )
            yield Breach(context.link(row), load - pairs, f"{load:.9g} copies of paths, but {known}")


def load_within_drawn_pairs(context: CheckContext) -> Iterator[Breach]:
    """Require copies of paths over e <= pairs that the plan drew on e."""
    for row, (load, pairs) in enumerate(zip(context.load, context.pairs, strict=True)):
        if context.exceeds(load, pairs):
            text = f"{load:.9g} copies of paths, but {pairs:.9g} pairs were drawn"
            yield Breach(context.link(row), load - pairs, text)


def drawn_within_attempts(context: CheckContext) -> Iterator[Breach]:
    """Require pairs drawn on e <= x_e."""
    for row, (pairs, used) in enumerate(zip(context.pairs, context.attempts, strict=True)):
        if context.exceeds(pairs, used):
            text = f"{pairs:.9g} pairs were drawn from {used:.9g} attempts"
            yield Breach(context.link(row), pairs - used, text)


def pairs_drawn(context: CheckContext) -> Iterator[Breach]:
    """Require a plan for a whole slot to say which pairs were drawn."""
    if context.solved and context.plan.entangled_pairs is None:
        yield Breach("entangled_pairs", 1, "a whole slot must say which pairs were drawn")
