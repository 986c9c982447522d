"""FoldedNet: a Q-net with the state folded in, as a function of the action features alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from milproute.instances import QNet
    from milproute.instances.arrays import Floats, Integers


@dataclass(frozen=True, slots=True)
class FoldedNet:
    """Layers f_l = W_l y_{l-1} + b_l with y_l = max(0, f_l), y_0 the action features; the last is Q.

    Parameters
    ----------
    weights, biases : of each layer, shapes (out, in) and (out,); sparse topologies are dense here.
    """

    weights: tuple[Floats, ...]
    biases: tuple[Floats, ...]

    @property
    def hidden(self) -> tuple[int, ...]:
        """Neurons of each hidden layer."""
        return tuple(len(bias) for bias in self.biases[:-1])

    def after_first_layer(self) -> FoldedNet:
        """Return the net as a function of the first-layer sums W_1 y_0, to which it adds the bias."""
        return FoldedNet((np.eye(len(self.biases[0])), *self.weights[1:]), self.biases)

    def preactivations(self, features: Floats) -> list[Floats]:
        """Return f_l of every layer for a batch of action features, shape (batch, in)."""
        return self.preactivations_of_sums(features @ self.weights[0].T)

    def preactivations_of_sums(self, sums: Floats) -> list[Floats]:
        """Return f_l of every layer for a batch of first-layer sums W_1 y_0, shape (batch, neurons)."""
        values = [sums + self.biases[0]]
        for weight, bias in zip(self.weights[1:], self.biases[1:], strict=True):
            values.append(np.maximum(values[-1], 0.0) @ weight.T + bias)
        return values

    def q_of_sums(self, sums: Floats) -> Floats:
        """Return Q for a batch of first-layer sums W_1 y_0, shape (batch, neurons)."""
        q: Floats = self.preactivations_of_sums(sums)[-1][:, 0]
        return q

    def __call__(self, features: Floats) -> Floats:
        """Return Q for a batch of action features."""
        q: Floats = self.preactivations(features)[-1][:, 0]
        return q


def fold_state(net: QNet, state: Floats, action: Sequence[int] | Integers) -> FoldedNet:
    """Fold a state into the first layer: its columns for ``action`` stay, the rest becomes a constant.

    Parameters
    ----------
    state : full input vector, shape (inputs,); its entries at ``action`` are not read.
    action : positions of the action features in the input.
    """
    first = net.weights[0]
    known = np.delete(np.arange(first.shape[1]), action)
    constant = net.biases[0] + first[:, known] @ state[known]
    return FoldedNet((first[:, action], *net.weights[1:]), (constant, *net.biases[1:]))
