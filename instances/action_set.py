"""Action sets: which joint choices of paths are allowed, said without any model.

In a joint action every request gets up to ``demand`` copies of simple paths (null counts as 1; the same
path may be taken more than once). A copy holds one channel on each of its links, one qubit at both ends
and two at every node between; where ``entangled_pairs`` are known they are the channels. Its links and
swaps can succeed, it has at most ``max_hops`` links, and it meets the ``min_fidelity`` of its request.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from milproute.instances.errors import OptionError
from milproute.instances.physics import additive_weight, werner_parameter
from milproute.instances.state import NetworkState
from milproute.instances.tolerances import COMPARISON

if TYPE_CHECKING:
    from milproute.instances.arrays import Flags, Floats, Integers
    from milproute.instances.instance import Instance


# Copies of all requests together up to which what is told apart by copy may be listed.
MOST_COPIES = 1_000


# Copies of one request up to which a net over them can be solved in doubles with the precision of a copy.
LARGEST_COPIES = 1_000_000


@dataclass(frozen=True, init=False)
class ActionSet:
    """The limits of an action set as arrays, in the order of the instance's links, nodes, requests.

    Parameters
    ----------
    instance : the network and its requests.
    state : pairs, free channels and qubits, and connections wanted; None for those of the instance.
    max_hops : most links of a path; None means no limit but simplicity, which is nodes - 1.

    Raises
    ------
    OptionError : a hop limit that is no whole number of at least 1.
    """

    instance: Instance
    state: NetworkState
    max_hops: int

    def __init__(
        self, instance: Instance, state: NetworkState | None = None, *, max_hops: int | None = None
    ) -> None:
        simple = max(1, len(instance.nodes) - 1)
        if max_hops is not None and (not float(max_hops).is_integer() or max_hops < 1):
            raise OptionError(
                f"the hop limit is {max_hops}; allowed: a whole number of at least 1, since a path has at "
                f"least one link, or none at all (paths of {instance.name!r} have at most {simple} links)"
            )
        object.__setattr__(self, "instance", instance)
        object.__setattr__(self, "state", NetworkState.of(instance) if state is None else state)
        object.__setattr__(self, "max_hops", simple if max_hops is None else min(int(max_hops), simple))

    @cached_property
    def capacity(self) -> Integers:
        """Copies that a link bears: its pairs where they are known, else its free channels; (links,)."""
        state = self.state
        return np.where(state.known, state.total_pairs, state.free_channels(self.instance))

    @cached_property
    def memory(self) -> Integers:
        """Free qubits of each node, shape (nodes,)."""
        return self.state.free_memory(self.instance)

    @cached_property
    def demands(self) -> Integers:
        """Copies that each request asks for: those it waits for, 1 where that is any; shape (requests,)."""
        waiting = self.state.waiting
        return np.where(np.isinf(waiting), 1, waiting).astype(np.int64)

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
