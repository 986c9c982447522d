"""A step through an ONNX graph: a node with the values that go in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from milproute.instances.qnets.affine_tensor import AffineTensor, NotAffineError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from milproute.instances.arrays import Floats
    from milproute.instances.qnets.affine_chain import AffineChain

Constant: TypeAlias = "NDArray[Any]"
Value: TypeAlias = "AffineTensor | Constant"

EVALUATE = "Export the net in evaluation mode."
FLOATS = ("FLOAT", "DOUBLE", "FLOAT16", "BFLOAT16")


@dataclass(frozen=True)
class Step:
    """A node with what goes in.

    Parameters
    ----------
    version : of the operator set.
    inputs : values; None for an optional one that is left out.
    attributes : by name.
    outputs : how many results are asked for.
    chain : takes the ReLUs.
    kinds : names of the numbers of ONNX types.
    """

    version: int
    inputs: tuple[Value | None, ...]
    attributes: Mapping[str, Any]
    outputs: int
    chain: AffineChain
    kinds: Mapping[int, str]

    def value(self, i: int) -> Value | None:
        """Return an input; None where it is left out."""
        return self.inputs[i] if i < len(self.inputs) else None

    def tensor(self, i: int = 0) -> AffineTensor:
        """Return an input that depends on the network's."""
        value = self.value(i)
        if not isinstance(value, AffineTensor):
            raise NotAffineError(f"whose input {i} is a constant", "a constant elsewhere")
        return value

    def constant(self, i: int) -> Constant | None:
        """Return an input that is a constant."""
        value = self.value(i)
        if isinstance(value, AffineTensor):
            raise NotAffineError(f"whose input {i} depends on the network's input", "a constant there")
        return value

    def integers(self, name: str, i: int, since: int) -> list[int] | None:
        """Return integers that are an attribute before a version of the operator set, then an input."""
        if self.version < since or (self.value(i) is None and name in self.attributes):
            given = self.attributes.get(name)
            return None if given is None else np.atleast_1d(given).tolist()
        found = self.constant(i)
        return None if found is None else np.atleast_1d(found).astype(np.int64).tolist()


def doubles(value: Constant) -> Floats:
    """Return a constant of floats in double."""
    if value.dtype.kind != "f" and value.dtype.name != "bfloat16":
        raise NotAffineError(f"with a constant of type {value.dtype}", "floats: " + ", ".join(FLOATS))
    return np.asarray(value, dtype=np.float64)


def given(values: Sequence[Value | None]) -> list[Value]:
    """Return the values that are not left out."""
    return [value for value in values if value is not None]
