"""Slot dynamics: the random outcomes of a slot under common random numbers, and what they leave behind.

A slot has two random steps, the generation of pairs and the swaps. Each has a generator of its own, spawned
from the seed of the slot, so a policy that generates otherwise changes no outcome of a swap.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from milproute.instances.outcomes import draw_pairs, draw_swaps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from milproute.instances.arrays import Floats, Integers
    from milproute.instances.network import Network
    from milproute.instances.outcomes import Counted
    from milproute.instances.state import NetworkState


@dataclass(frozen=True, slots=True)
class SlotOutcomes:
    """The random outcomes of one slot of a network.

    Parameters
    ----------
    network : links and nodes.
    generation, swapping : generators of the two random steps.
    """

    network: Network
    generation: np.random.Generator
    swapping: np.random.Generator

    @classmethod
    def of(cls, network: Network, seed: int) -> SlotOutcomes:
        """Return the outcomes that belong to a seed."""
        return cls(network, *np.random.default_rng(seed).spawn(2))

    def pairs(self, attempts: Floats) -> Integers:
        """Draw the pairs that come of whole ``attempts``, see `draw_pairs`; shape (links,)."""
        made = np.round(attempts).astype(int).tolist()
        return np.array(draw_pairs(self.network, made, self.generation), dtype=np.int64)

    def deliveries(self, paths: Sequence[Counted]) -> Integers:
        """Draw the connections that come of ``paths`` over existing pairs, see `draw_swaps`; (paths,)."""
        return np.array(draw_swaps(self.network, paths, self.swapping), dtype=np.int64)


def after_generation(state: NetworkState, network: Network, created: Integers) -> NetworkState:
    """Return the state with new pairs of age 0; each holds a channel of its link and a qubit at both ends."""
    pairs = state.pairs.copy()
    pairs[:, 0] += created
    held = state.memory_held.copy()
    np.add.at(held, network.ends, created[:, None])
    return replace(
        state,
        pairs=pairs,
        known=np.ones_like(state.known),
        channels_held=state.channels_held + created,
        memory_held=held,
    )


def after_swaps(state: NetworkState, network: Network, used: Integers) -> NetworkState:
    """Return the state without the pairs that paths used, the oldest of each link first; they hold no more.

    Parameters
    ----------
    used : pairs of each link, at most those there are, shape (links,).
    """
    oldest_first = state.pairs[:, ::-1]
    before = np.cumsum(oldest_first, axis=1) - oldest_first
    taken = np.clip(used[:, None] - before, 0, oldest_first)
    return _released(state, network, (oldest_first - taken)[:, ::-1])


def after_slot(state: NetworkState, network: Network, lifetime: int) -> NetworkState:
    """Return the state one slot later: pairs are a slot older; those of ``lifetime`` slots are gone."""
    links = len(state.pairs)
    older = np.hstack([np.zeros((links, 1), dtype=np.int64), state.pairs])[:, :lifetime]
    padded = np.hstack([older, np.zeros((links, lifetime - older.shape[1]), dtype=np.int64)])
    return _released(state, network, padded)


def _released(state: NetworkState, network: Network, pairs: Integers) -> NetworkState:
    """Return the state with fewer pairs, whose channels and qubits are free."""
    gone = state.total_pairs - pairs.sum(axis=1)
    held = state.memory_held.copy()
    np.subtract.at(held, network.ends, gone[:, None])
    return replace(state, pairs=pairs, channels_held=state.channels_held - gone, memory_held=held)
