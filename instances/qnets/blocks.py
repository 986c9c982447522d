"""Feature blocks: what a Q-net may read, and where each block stands in its input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from milproute.instances.errors import InstanceError, OptionError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from milproute.instances.arrays import Floats, Rows
    from milproute.instances.instance import Instance


def _pairs(instance: Instance) -> list[float]:
    for row, link in enumerate(instance.links):
        if link.entangled_pairs is None:
            raise InstanceError(
                instance.name,
                f"links[{row}].entangled_pairs",
                "null",
                "a whole number >= 0 on every link for the block link_pairs",
                "Draw them with `milproute instances make INSTANCE --draw-pairs SEED --out FILE`, "
                "or take a Q-net without link_pairs.",
            )
    return [link.entangled_pairs or 0 for link in instance.links]


@dataclass(frozen=True)
class Block:
    """A feature block: one number for each of ``over`` (`links`, `nodes` or `requests`).

    ``state`` gives the values of a state block; None marks an action block.
    """

    over: str
    state: Callable[[Instance], Sequence[float] | Floats] | None = None

    def size(self, instance: Instance) -> int:
        """Return the number of features in an instance."""
        return len(getattr(instance, self.over))


BLOCKS: Mapping[str, Block] = {
    "link_pairs": Block("links", _pairs),
    "link_probability": Block("links", lambda instance: instance.probabilities),
    "link_fidelity": Block("links", lambda instance: [link.fidelity for link in instance.links]),
    "node_memory": Block("nodes", lambda instance: instance.memories.astype(float)),
    "link_load": Block("links"),  # copies of paths over the link
    "request_served": Block("requests"),  # copies of paths of the request
    "request_hops": Block("requests"),  # links of all its copies
    "request_log_success": Block("requests"),  # sum of ln p over links and ln q over swaps
}


def block_size(instance: Instance, block: str) -> int:
    """Return the number of features of ``block``.

    Raises
    ------
    OptionError : no such block.
    """
    if block not in BLOCKS:
        raise unknown_name("feature block", block, BLOCKS)
    return BLOCKS[block].size(instance)


def input_slices(instance: Instance, inputs: Sequence[str]) -> dict[str, slice]:
    """Return the place of each block in the input of a Q-net.

    Raises
    ------
    OptionError : no such block, or one block twice.
    """
    places: dict[str, slice] = {}
    start = 0
    for block in inputs:
        if block in places:
            raise OptionError(f"feature block {block!r} is given twice; allowed: each block once")
        places[block] = slice(start, start + block_size(instance, block))
        start = places[block].stop
    return places


def input_size(instance: Instance, inputs: Sequence[str]) -> int:
    """Return the number of features of all blocks together."""
    return max((place.stop for place in input_slices(instance, inputs).values()), default=0)


def action_positions(instance: Instance, inputs: Sequence[str]) -> Rows:
    """Return the positions of the action features in the input, ascending."""
    places = input_slices(instance, inputs).items()
    spans = [np.arange(place.start, place.stop) for block, place in places if BLOCKS[block].state is None]
    return np.concatenate([np.zeros(0, dtype=np.int64), *spans])
