"""Operators of ONNX that are affine or a ReLU, each as a step on tensors that are affine in the inputs."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

import numpy as np

from milproute.instances.qnets.affine_tensor import AffineTensor, NotAffineError
from milproute.instances.qnets.onnx_shapes import SHAPES
from milproute.instances.qnets.onnx_step import EVALUATE, doubles, given

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from milproute.instances.qnets.onnx_step import Constant, Step, Value

LARGEST_FLOATS = {"float16": 65504.0, "bfloat16": 3.3895e38, "float32": 3.4028e38, "float64": 1.7976e308}


# --- arithmetic ---------------------------------------------------------------------------------------


def add(a: Value, b: Value) -> Value:
    """Return a sum."""
    if isinstance(a, AffineTensor):
        return a.plus(b) if isinstance(b, AffineTensor) else a.shifted(doubles(b))
    return b.shifted(doubles(a)) if isinstance(b, AffineTensor) else a + b


def multiply(a: Value, b: Value) -> Value:
    """Return a product, number by number, of which one side at least is constant."""
    if isinstance(a, AffineTensor):
        if isinstance(b, AffineTensor):
            raise _product()
        return a.scaled(doubles(b))
    return b.scaled(doubles(a)) if isinstance(b, AffineTensor) else a * b


def matmul(a: Value, b: Value) -> Value:
    """Return a matrix product of which one side at least is constant."""
    if isinstance(a, AffineTensor):
        if isinstance(b, AffineTensor):
            raise _product()
        return a.times(doubles(b))
    return b.times_left(doubles(a)) if isinstance(b, AffineTensor) else a @ b


def _product() -> NotAffineError:
    return NotAffineError("of two results that depend on the network's input", "one of them constant")


def _negated(value: Value) -> Value:
    return value.scaled(np.array(-1.0)) if isinstance(value, AffineTensor) else -value


def _add(step: Step) -> Value:
    return reduce(add, given(step.inputs))


def _subtract(step: Step) -> Value:
    a, b = given(step.inputs)
    return add(a, _negated(b))


def _multiply(step: Step) -> Value:
    return reduce(multiply, given(step.inputs))


def _divide(step: Step) -> Value:
    by = step.constant(1)
    if by is None or not np.all(doubles(by)):
        raise NotAffineError("by a constant that holds 0", "numbers other than 0")
    return step.tensor(0).scaled(1.0 / doubles(by))


def _mean(step: Step) -> Value:
    return multiply(_add(step), np.array(1.0 / len(given(step.inputs))))


def _gemm(step: Step) -> Value:
    """Follow alpha A' B' + beta C, with ' for the transpositions asked for."""
    a, b = given(step.inputs[:2])
    if step.attributes.get("transA", 0):
        a = a.transposed() if isinstance(a, AffineTensor) else a.T
    if step.attributes.get("transB", 0):
        b = b.transposed() if isinstance(b, AffineTensor) else b.T
    result = _times(matmul(a, b), step.attributes.get("alpha", 1.0))
    c = step.value(2)
    if c is None:
        return result
    total = add(result, _times(c, step.attributes.get("beta", 1.0)))
    if total.shape != result.shape:
        text = f"with an added constant of shape {c.shape}"
        raise NotAffineError(text, "a shape that broadcasts to that of the product")
    return total


def _times(value: Value, factor: float) -> Value:
    return value if factor == 1.0 else multiply(value, np.array(float(factor)))


def _matmul(step: Step) -> Value:
    a, b = given(step.inputs)
    return matmul(a, b)


def _normalise(step: Step) -> Value:
    """Follow scale (x - mean) / sqrt(var + epsilon) + B, channel by channel (axis 1)."""
    x = step.tensor()
    if step.attributes.get("training_mode", 0) or step.outputs > 1:
        raise NotAffineError("in training mode", "inference", EVALUATE)
    if len(x.shape) < 2 or x.batch == 1:
        raise NotAffineError(f"of a tensor with {len(x.shape)} axes", "shape (batch, channels, …)")
    scale, shift, mean, variance = (doubles(value) for value in _constants(step, 1, 5))
    spread = variance + step.attributes.get("epsilon", 1e-5)
    if (spread <= 0).any():
        raise NotAffineError(f"with the variance {variance.min():g}", "variances above 0")
    factor = scale / np.sqrt(spread)
    if factor.shape != x.shape[1:2]:
        raise NotAffineError(f"of {factor.size} channels", f"{x.shape[1]} channels, as many as come in")
    channels = (x.shape[1], *(1,) * (len(x.shape) - 2))
    return x.scaled(factor.reshape(channels)).shifted((shift - factor * mean).reshape(channels))


def _constants(step: Step, start: int, end: int) -> list[Constant]:
    return given([step.constant(i) for i in range(start, end)])  # type: ignore[return-value]


def _reduce(step: Step, *, mean: bool) -> Value:
    axes = step.integers("axes", 1, 18 if mean else 13)
    if not axes and step.attributes.get("noop_with_empty_axes", 0):
        return step.tensor()
    return step.tensor().summed(axes or None, keep=bool(step.attributes.get("keepdims", 1)), mean=mean)


# --- ReLUs --------------------------------------------------------------------------------------------


def _relu(step: Step) -> Value:
    return step.chain.relu(step.tensor())


def _clip(step: Step) -> Value:
    """Follow a Clip from 0, which is a ReLU, or one without limits."""
    low, high = _limit(step, 1, "min", -1.0), _limit(step, 2, "max", 1.0)
    if high is not None:
        raise NotAffineError(f"with the upper limit {high:g}", "a Clip from 0 without an upper limit")
    if low is None:
        return step.tensor()
    if low != 0:
        raise NotAffineError(f"with the lower limit {low:g}", "a Clip from 0, which is a ReLU")
    return step.chain.relu(step.tensor())


def _limit(step: Step, i: int, name: str, sign: float) -> float | None:
    """Return a limit of a Clip; None for none, or for the largest number (of that sign) of its type."""
    if step.version < 11:
        number = step.attributes.get(name)
        limit = None if number is None else np.asarray(number, dtype=np.float32)
    else:
        limit = step.constant(i)
    if limit is None:
        return None
    value = float(doubles(limit).reshape(-1)[0])
    return None if sign * value >= LARGEST_FLOATS.get(limit.dtype.name, np.inf) else value


def _max(step: Step) -> Value:
    """Follow a Max of one result and zeros, which is a ReLU."""
    values = given(step.inputs)
    tensors = [value for value in values if isinstance(value, AffineTensor)]
    zeros = [value for value in values if not isinstance(value, AffineTensor)]
    if len(tensors) > 1:
        raise NotAffineError("of two results", "a Max of one result and 0, which is a ReLU")
    if any(doubles(value).any() for value in zeros):
        raise NotAffineError("with a constant other than 0", "a Max with 0, which is a ReLU")
    if not zeros:
        return tensors[0]
    wide = [doubles(value) for value in zeros if value.size > 1]
    return step.chain.relu(reduce(AffineTensor.shifted, wide, tensors[0]))


OPERATORS: Mapping[str, Callable[[Step], Value | tuple[Value, ...]]] = {
    "Gemm": _gemm,
    "MatMul": _matmul,
    "Add": _add,
    "Sub": _subtract,
    "Mul": _multiply,
    "Div": _divide,
    "Neg": lambda step: _negated(step.tensor()),
    "Sum": _add,
    "Mean": _mean,
    "BatchNormalization": _normalise,
    "ReduceMean": lambda step: _reduce(step, mean=True),
    "ReduceSum": lambda step: _reduce(step, mean=False),
    "Relu": _relu,
    "Clip": _clip,
    "Max": _max,
    **SHAPES,
}
# Operators that are a ReLU only with these numbers.
WORDS: Mapping[str, str] = {"Clip": "Clip from 0", "Max": "Max with 0"}
