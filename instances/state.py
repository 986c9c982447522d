"""NetworkState: what a slotted network holds at the beginning of a slot, as arrays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from milproute.instances.errors import OptionError

if TYPE_CHECKING:
    from milproute.instances.arrays import Flags, Floats, Integers
    from milproute.instances.instance import Instance


@dataclass(frozen=True, slots=True)
class NetworkState:
    """Pairs, channels, qubits and requests at the beginning of a slot, in the order of an instance.

    Nothing is validated here: a state is computed in a loop. `check_state` says whether one fits an instance.

    Parameters
    ----------
    pairs : entangled pairs of each link by age in slots, shape (links, ages).
    known : whether the pairs of each link are known; where they are not, a path counts on the channels of
        the link, as an instance without ``entangled_pairs`` says; shape (links,).
    channels_held, memory_held : channels of each link and qubits of each node that are not free, shapes
        (links,) and (nodes,).
    waiting : connections that each request still wants, infinite for any number; shape (requests,).
    """

    pairs: Integers
    known: Flags
    channels_held: Integers
    memory_held: Integers
    waiting: Floats

    @classmethod
    def of(cls, instance: Instance) -> NetworkState:
        """Return the state that an instance describes: its pairs are new, nothing is held."""
        links = instance.links
        given = [link.entangled_pairs for link in links]
        demands = [np.inf if r.demand is None else float(r.demand) for r in instance.requests]
        return cls(
            pairs=np.array([[n or 0] for n in given], dtype=np.int64).reshape(len(links), 1),
            known=np.array([n is not None for n in given], dtype=bool),
            channels_held=np.zeros(len(links), dtype=np.int64),
            memory_held=np.zeros(len(instance.nodes), dtype=np.int64),
            waiting=np.array(demands, dtype=float),
        )

    @property
    def total_pairs(self) -> Integers:
        """Pairs of each link, of any age, shape (links,)."""
        total: Integers = self.pairs.sum(axis=1)
        return total

    def free_channels(self, instance: Instance) -> Integers:
        """Return the channels of each link that are free, shape (links,)."""
        return instance.channels - self.channels_held

    def free_memory(self, instance: Instance) -> Integers:
        """Return the qubits of each node that are free, shape (nodes,)."""
        return instance.memories - self.memory_held

    def with_pairs(self, pairs: Integers) -> NetworkState:
        """Return the state in which each link has this many new pairs and no others, shape (links,)."""
        return replace(self, pairs=np.asarray(pairs, np.int64)[:, None], known=np.ones(len(pairs), bool))

    def with_waiting(self, waiting: Floats) -> NetworkState:
        """Return the state in which each request still wants this many connections, shape (requests,)."""
        return replace(self, waiting=np.asarray(waiting, dtype=float))

    def instance(self, instance: Instance) -> Instance:
        """Return the document that says the same: the instance with the free channels, qubits and so on."""
        free, memory = self.free_channels(instance).tolist(), self.free_memory(instance).tolist()
        pairs = [int(n) if known else None for n, known in zip(self.total_pairs, self.known, strict=True)]
        links = (
            link.changed(channels=channels, entangled_pairs=n)
            for link, channels, n in zip(instance.links, free, pairs, strict=True)
        )
        nodes = (node.changed(memory=m) for node, m in zip(instance.nodes, memory, strict=True))
        demands = [None if np.isinf(n) else int(n) for n in self.waiting]
        return instance.changed(links=tuple(links), nodes=tuple(nodes)).with_demands(demands)


def check_state(state: NetworkState, instance: Instance) -> None:
    """Say whether a state can be one of this instance.

    Raises
    ------
    OptionError : an array of another shape, or a number that is not allowed; the message names its place.
    """
    links, nodes, requests = len(instance.links), len(instance.nodes), len(instance.requests)
    _check("pairs", state.total_pairs if state.pairs.ndim == 2 else state.pairs[:0], links, np.inf)
    _check("pairs", state.pairs.min(axis=1, initial=0), links, np.inf)
    _check("channels_held", state.channels_held, links, instance.channels)
    _check("memory_held", state.memory_held, nodes, instance.memories)
    _check("waiting", state.waiting, requests, np.inf)


def _check(name: str, values: Integers | Floats, length: int, most: Integers | float) -> None:
    if values.shape != (length,):
        raise OptionError(
            f"{name} of a network state has the shape {values.shape}; allowed: one row for each of {length}"
        )
    finite = np.where(np.isinf(values) & (values > 0), 0.0, values)
    wrong = np.flatnonzero((values < 0) | (values > most) | (finite != np.floor(finite)))
    if len(wrong):
        row = int(wrong[0])
        limit = np.broadcast_to(np.asarray(most, dtype=float), values.shape)[row]
        allowed = ">= 0" if np.isinf(limit) else f"from 0 to {limit:g}"
        raise OptionError(
            f"{name}[{row}] of a network state is {values[row]}; allowed: a whole number {allowed}"
        )
