"""Operators of ONNX that move numbers, or pass them on: none of them computes anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from milproute.instances.qnets.affine_tensor import BATCH, AffineTensor, NotAffineError, joined, mixed
from milproute.instances.qnets.onnx_step import EVALUATE, FLOATS, doubles, given

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from milproute.instances.qnets.onnx_step import Step, Value

END = 2**31 - 1  # what exporters write for the end of an axis is at least this


def _same(step: Step) -> Value:
    return step.tensor()


def _dropout(step: Step) -> Value:
    training = step.constant(2)
    if training is not None and np.any(training):
        raise NotAffineError("in training mode", "inference", EVALUATE)
    return step.tensor()


def _cast(step: Step) -> Value:
    to = step.kinds.get(step.attributes["to"], "?")
    if to not in FLOATS:
        raise NotAffineError(f"to {to}", "floats: " + ", ".join(FLOATS))
    return step.tensor()


def _shape(step: Step) -> Value:
    x = step.tensor()
    sizes = [x.rows or BATCH if i == x.batch else size for i, size in enumerate(x.shape)]
    return np.array(sizes[step.attributes.get("start", 0) : step.attributes.get("end")], dtype=np.int64)


def _reshape(step: Step) -> Value:
    x, sizes = step.tensor(), step.integers("shape", 1, 5) or []
    if not step.attributes.get("allowzero", 0):
        kept = [BATCH if i == x.batch else size for i, size in enumerate(x.shape)]
        sizes = [kept[i] if size == 0 and i < len(kept) else size for i, size in enumerate(sizes)]
    return x.reshaped(sizes)


def _expand(step: Step) -> Value:
    x, sizes = step.tensor(), step.integers("shape", 1, 8) or []
    here = None if x.batch is None else x.batch - len(x.shape) + len(sizes)
    same = (BATCH, x.rows)
    shape = [1 if i == here and size in same else size for i, size in enumerate(sizes)]
    return x if tuple(shape) == x.shape else x.shifted(np.zeros(shape))


def _concat(step: Step) -> Value:
    parts = [v if isinstance(v, AffineTensor) else doubles(v) for v in given(step.inputs)]
    return joined(parts, step.attributes["axis"])


def _gather(step: Step) -> Value:
    places = step.constant(1)
    if places is None or places.dtype.kind not in "iu":
        raise NotAffineError("without places", "whole numbers as its second input")
    return step.tensor().taken(places.astype(np.int64), step.attributes.get("axis", 0))


def _slice(step: Step) -> Value:
    x = step.tensor()
    starts, ends = step.integers("starts", 1, 10) or [], step.integers("ends", 2, 10) or []
    axes = step.integers("axes", 3, 10) or list(range(len(starts)))
    strides = step.integers("steps", 4, 10) or [1] * len(starts)
    if not len(starts) == len(ends) == len(axes) == len(strides):
        raise NotAffineError("with lists of different lengths", "a start and an end for each axis")
    for axis, start, end, stride in zip(axes, starts, ends, strides, strict=True):
        if start == 0 and stride == 1 and (end >= END or end == BATCH):
            continue  # all of it
        if x.axis(axis) == x.batch or BATCH in (start, end):
            raise mixed()
        x = x.taken(np.arange(x.shape[x.axis(axis)])[start:end:stride], axis)
    return x


def _split(step: Step) -> tuple[Value, ...]:
    x = step.tensor()
    axis = x.axis(step.attributes.get("axis", 0))
    sizes = step.integers("split", 1, 13)
    if sizes is None:
        each = -(-x.shape[axis] // step.outputs)
        sizes = [min(each, x.shape[axis] - each * i) for i in range(step.outputs)]
    ends = np.cumsum(sizes)
    if ends[-1] != x.shape[axis] or min(sizes) < 1:
        raise NotAffineError(f"into {sizes}", f"parts that are {x.shape[axis]} together")
    return tuple(x.taken(np.arange(end - size, end), axis) for end, size in zip(ends, sizes, strict=True))


SHAPES: Mapping[str, Callable[[Step], Value | tuple[Value, ...]]] = {
    "Identity": _same,
    "Dropout": _dropout,
    "Cast": _cast,
    "Shape": _shape,
    "Reshape": _reshape,
    "Flatten": lambda step: step.tensor().flattened(step.attributes.get("axis", 1)),
    "Squeeze": lambda step: step.tensor().squeezed(step.integers("axes", 1, 13)),
    "Unsqueeze": lambda step: step.tensor().unsqueezed(step.integers("axes", 1, 13) or []),
    "Transpose": lambda step: step.tensor().transposed(step.attributes.get("perm")),
    "Expand": _expand,
    "Concat": _concat,
    "Gather": _gather,
    "Slice": _slice,
    "Split": _split,
}
