"""Q-nets with random weights and layers of given sizes."""

from __future__ import annotations

import numpy as np

from milproute.instances import QNet

BLOCKS = ("link_load", "request_served")


def net(*sizes: int, seed: int = 0, inputs: tuple[str, ...] = BLOCKS) -> QNet:
    rng = np.random.default_rng(seed)
    shapes = list(zip(sizes[1:], sizes[:-1], strict=True))
    return QNet(
        inputs, tuple(rng.normal(size=s) for s in shapes), tuple(rng.normal(size=s[0]) for s in shapes)
    )
