"""Q-net: a feed-forward ReLU network Q(state, action), and its file (``milproute.qnet/1``).

    y_0 = x,   y_l = max(0, W_l y_{l-1} + b_l) for l = 1 ... L - 1,   Q = W_L y_{L-1} + b_L

A file is read as numbers alone: nothing is ever unpickled.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np

from milproute.instances.errors import QNetError
from milproute.instances.qnets.blocks import BLOCKS, block_size, input_size, input_slices
from milproute.instances.qnets.inputs import as_inputs

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from milproute.instances.arrays import Floats
    from milproute.instances.instance import Instance


QNET_FORMAT: Literal["milproute.qnet/1"] = "milproute.qnet/1"


@dataclass(frozen=True, eq=False)
class QNet:
    """A Q-net as a value: equal when inputs and numbers are equal; the arrays cannot be written.

    Parameters
    ----------
    inputs : feature blocks in input order, names of `milproute.instances.qnets.blocks.BLOCKS`.
    weights : W_l, shapes (out, in); converted to float64.
    biases : b_l, shapes (out,); converted to float64.
    source : the file or the like, for messages.

    Raises
    ------
    QNetError : an unknown or repeated block, no layer, shapes that do not chain, an output that is not one
        number, or a number that is not finite.
    """

    inputs: tuple[str, ...]
    weights: tuple[Floats, ...]
    biases: tuple[Floats, ...]
    source: str = "the Q-net"

    def __post_init__(self) -> None:
        object.__setattr__(self, "inputs", as_inputs(self.inputs))
        for name in ("weights", "biases"):
            arrays = tuple(np.array(values, dtype=np.float64) for values in getattr(self, name))
            for array in arrays:
                array.setflags(write=False)
            object.__setattr__(self, name, arrays)
        self._check_inputs()
        self._check_layers()

    def _check_inputs(self) -> None:
        allowed = "feature blocks: " + ", ".join(BLOCKS)
        if not self.inputs:
            raise QNetError(self.source, "inputs", "empty", allowed, "")
        for i, block in enumerate(self.inputs):
            if block not in BLOCKS:
                near = get_close_matches(str(block), BLOCKS, n=1)
                hint = f"Did you mean {near[0]!r}?" if near else ""
                raise QNetError(self.source, f"inputs[{i}]", repr(block), allowed, hint)
            if block in self.inputs[:i]:
                raise QNetError(self.source, f"inputs[{i}]", repr(block), "each feature block once", "")

    def _check_layers(self) -> None:
        if not self.weights or len(self.weights) != len(self.biases):
            value = f"{len(self.weights)} weights and {len(self.biases)} biases"
            raise QNetError(self.source, "layers", value, "at least one layer, each with weight and bias", "")
        width = None
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            place = f"layers.{i}.weight"
            if weight.ndim != 2 or 0 in weight.shape:
                raise QNetError(
                    self.source, place, f"of shape {weight.shape}", "shape (out, in), neither 0", ""
                )
            if width is not None and weight.shape[1] != width:
                allowed = f"shape (out, {width}), as layers.{i - 1} puts out {width}"
                raise QNetError(self.source, place, f"of shape {weight.shape}", allowed, "")
            width = weight.shape[0]
            if bias.shape != (width,):
                raise QNetError(
                    self.source, f"layers.{i}.bias", f"of shape {bias.shape}", f"shape ({width},)", ""
                )
            for name, array in (("weight", weight), ("bias", bias)):
                wrong = np.argwhere(~np.isfinite(array))
                if len(wrong):
                    where = ", ".join(map(str, wrong[0]))
                    raise QNetError(
                        self.source,
                        f"layers.{i}.{name}[{where}]",
                        f"{array[tuple(wrong[0])]}",
                        "finite numbers",
                        f"({len(wrong)} of {array.size} are not; the training diverged.)",
                    )
        if width != 1:
            place = f"layers.{len(self.weights) - 1}.weight"
            remedy = "A net with one output an action has no paths among its inputs: train Q(state, action)."
            raise QNetError(self.source, place, f"{width} outputs wide", "output size 1, which is Q", remedy)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Width of the input, of every hidden layer, and of the output (1)."""
        return (self.weights[0].shape[1], *(len(bias) for bias in self.biases))

    @cached_property
    def digest(self) -> str:
        """SHA-256 of inputs, shapes and numbers: the version of the weights."""
        total = hashlib.sha256(repr((self.inputs, self.sizes)).encode())
        for weight, bias in zip(self.weights, self.biases, strict=True):
            total.update(weight.astype("<f8").tobytes())
            total.update(bias.astype("<f8").tobytes())
        return total.hexdigest()

    def __eq__(self, other: object) -> bool:
        return self.digest == other.digest if isinstance(other, QNet) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.digest)

    def forward(self, x: ArrayLike) -> Floats:
        """Return Q by a plain forward pass in double precision.

        Parameters
        ----------
        x : inputs, shape (..., inputs).

        Returns
        -------
        Q, shape (...): one number for each input vector.
        """
        first = np.asarray(x, dtype=np.float64) @ self.weights[0].T + self.biases[0]
        return self.forward_from(first)

    def forward_from(self, first: ArrayLike) -> Floats:
        """Return Q from the values of the first layer before its ReLU, shape (..., sizes[1]).

        For many actions of one state: W_1 x + b_1 adds up over the chosen paths.
        """
        value = np.asarray(first, dtype=np.float64)
        for weight, bias in zip(self.weights[1:], self.biases[1:], strict=True):
            value = np.maximum(value, 0.0) @ weight.T + bias
        return value[..., 0]


def check_fits(qnet: QNet, instance: Instance) -> None:
    """Raise unless the blocks of a Q-net make up its input in this instance.

    Raises
    ------
    QNetError : with the block at which the two part, and both sizes.
    """
    places, width = input_slices(instance, qnet.inputs), qnet.sizes[0]
    total = input_size(instance, qnet.inputs)
    if total == width:
        return
    block = next((name for name, place in places.items() if place.stop > width), qnet.inputs[-1])
    size, over = block_size(instance, block), BLOCKS[block].over
    left = width - places[block].start
    parts = " + ".join(f"{name} {place.stop - place.start}" for name, place in places.items())
    raise QNetError(
        qnet.source,
        "layers.0.weight",
        f"{width} inputs wide, which leaves {left} for block {block!r}",
        f"{size} for {block!r}, one for each of the {over} of {instance.name!r} ({parts} = {total} inputs)",
        f"Take the Q-net that was made for {instance.name!r}, or the instance that this one was made for.",
    )
