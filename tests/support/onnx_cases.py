"""Small ONNX models for tests, and their answers by onnxruntime."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from milproute.instances import QNet

if TYPE_CHECKING:
    from pathlib import Path

onnx = pytest.importorskip("onnx", reason="needs onnx")
H, T = onnx.helper, onnx.TensorProto


def node(operator: str, inputs: str, output: str, **attributes: Any) -> Any:
    """Return a node; a dash stands for an input that is left out."""
    names = ["" if name == "-" else name for name in inputs.split()]
    return H.make_node(operator, names, output.split(), **attributes)


def write(
    path: Path,
    nodes: list[Any],
    shape: Any = ("n", 3),
    kind: Any = np.float32,
    version: int = 17,
    inputs: str | None = None,
    **constants: Any,
) -> Path:
    """Write a model with input x and output q; constants are initialisers by name, floats of one kind."""
    tensors = [
        value if isinstance(value, T) else onnx.numpy_helper.from_array(_typed(value, kind), name)
        for name, value in constants.items()
    ]
    number = H.np_dtype_to_tensor_dtype(np.dtype(kind))
    ends = [H.make_tensor_value_info("x", number, shape)], [H.make_tensor_value_info("q", number, None)]
    model = H.make_model(
        H.make_graph(nodes, "g", *ends, initializer=tensors),
        opset_imports=[H.make_opsetid("", version)],
        ir_version=8,
    )
    if inputs is not None:
        H.set_model_props(model, {"inputs": inputs})
    path.write_bytes(model.SerializeToString())
    return path


def _typed(value: Any, kind: Any) -> Any:
    """Return an array; floats get the kind of the model, whole numbers and the like keep theirs."""
    array = np.asarray(value)
    return array.astype(kind) if array.dtype.kind == "f" else array


def run(path: Path, x: np.ndarray[Any, Any], kind: Any = np.float32) -> np.ndarray[Any, Any]:
    """Return the numbers of the output, one a row, by onnxruntime."""
    runtime = pytest.importorskip("onnxruntime", reason="needs onnxruntime")
    options = runtime.SessionOptions()
    options.log_severity_level = 4
    # The optimiser of 1.32.0 gets a MatMul of a transposed MatMul by a vector wrong, says onnx's reference.
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = runtime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    result = session.run(None, {session.get_inputs()[0].name: x.astype(kind)})[0]
    return np.asarray(result, dtype=np.float64).reshape(-1)


RNG = np.random.default_rng(3)
W, B = RNG.normal(size=(4, 3)).astype(np.float32), RNG.normal(size=4).astype(np.float32)
V, C = RNG.normal(size=(1, 4)).astype(np.float32), RNG.normal(size=1).astype(np.float32)
# y = V max(0, W x + B) + C, the network that most cases of the tests write in their own way.
NET = QNet(("link_load",), (W, V), (B, C))
GEMM = [node("Gemm", "x W B", "a", transB=1), node("Relu", "a", "h"), node("Gemm", "h V C", "q", transB=1)]
PLAIN = {"W": W, "B": B, "V": V, "C": C}
