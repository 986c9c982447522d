"""Affine chain: the layers of a network that is affine but for its ReLUs, found by walking through it.

Each value on the way is affine in the neurons of one layer (layer 0: the inputs), and a ReLU makes a layer
of neurons of it. Affine steps in a row merge; ReLUs side by side in the network are one layer of the Q-net.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from milproute.instances.qnets.affine_tensor import AffineTensor
from milproute.instances.qnets.net import QNet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from milproute.instances.arrays import Floats


class AffineChain:
    """The layers that the ReLUs of a network have made so far.

    Parameters
    ----------
    inputs : number of the inputs of the network.
    """

    def __init__(self, inputs: int) -> None:
        self.inputs = inputs
        self.layers: list[list[tuple[Floats, Floats]]] = []

    def start(self, before: Sequence[int | None]) -> AffineTensor:
        """Return the inputs as a tensor: a vector, or behind the size of the batch (None: open)."""
        if not before or before[0] == 1:
            return AffineTensor(0, (*(1 for _ in before), self.inputs))
        return AffineTensor(0, (1, self.inputs), batch=0, rows=before[0])

    def relu(self, tensor: AffineTensor) -> AffineTensor:
        """Follow y -> max(0, y), which changes nothing the second time."""
        if tensor.rectified:
            return tensor
        if tensor.layer == len(self.layers):
            self.layers.append([])
        blocks = self.layers[tensor.layer]
        first = sum(len(bias) for _, bias in blocks)
        blocks.append(_as_layer(tensor))
        return replace(tensor, layer=tensor.layer + 1, first=first, terms=None, rectified=True)

    def qnet(self, result: AffineTensor, inputs: Sequence[str], source: str) -> QNet:
        """Return the Q-net whose Q is ``result``; behind a last ReLU it has a layer that changes nothing.

        Raises
        ------
        QNetError : as `QNet` raises, for more than one output say.
        """
        weights, biases, width = [], [], self.inputs
        for blocks in (*self.layers[: result.layer], [_as_layer(result)]):
            padded = [np.pad(weight, ((0, 0), (0, width - weight.shape[1]))) for weight, _ in blocks]
            weights.append(np.vstack(padded))
            biases.append(np.concatenate([bias for _, bias in blocks]))
            width = len(biases[-1])
        return QNet(tuple(inputs), tuple(weights), tuple(biases), source)


def _as_layer(tensor: AffineTensor) -> tuple[Floats, Floats]:
    """Return W and b of a tensor, flattened."""
    terms = tensor.coefficients.reshape(-1, tensor.size)
    return terms[1:].T, terms[0]
