"""Operators of ONNX: a chain of affine steps and ReLUs, however written, is the net that onnxruntime runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest

from milproute.instances.qnets.onnx import OF_CONSTANTS, qnet_from_onnx
from milproute.instances.qnets.onnx_operators import OPERATORS
from tests.support.onnx_cases import H, T, node, run, write
from tests.support.repository import ROOT

if TYPE_CHECKING:
    from pathlib import Path

RNG = np.random.default_rng(5)
W, B = RNG.normal(size=(4, 3)), RNG.normal(size=4)
V, C = RNG.normal(size=(1, 4)), RNG.normal(size=1)
FIRST, RELU, LAST = (
    node("Gemm", "x W B", "a", transB=1),
    node("Relu", "a", "h"),
    node("Gemm", "h V C", "q", transB=1),
)
DUELING = [
    *(FIRST, RELU),
    node("Gemm", "h V C", "value", transB=1),
    node("Gemm", "h A", "advantage", transB=1),
    node("ReduceMean", "advantage", "mean", axes=[1], keepdims=1),
    node("Sub", "advantage mean", "relative"),
    node("Add", "value relative", "each"),
    node("MatMul", "each pick", "q"),
]


class Case(NamedTuple):
    """Nodes from x to q, constants beside W, B, V and C, layers of the Q-net, operator set, type of floats.

    onnxruntime has some operators in float only.
    """

    nodes: list[Any]
    constants: dict[str, Any]
    layers: int = 2
    version: int = 17
    kind: Any = np.float64


_READ: dict[str, tuple[Any, ...]] = {
    "normalised inputs": (
        [node("Sub", "x m", "y"), node("Div", "y s", "z"), node("Gemm", "z W B", "a", transB=1), RELU, LAST],
        {"m": RNG.normal(size=3), "s": np.array([2.0, 0.5, 3.0])},
    ),
    "a scaled output": (
        [FIRST, RELU, node("Gemm", "h V C", "r", transB=1), node("Mul", "r k", "s"), node("Sub", "k s", "q")],
        {"k": np.array(3.0)},
    ),
    "BatchNormalization, Dropout and Cast": (
        [
            FIRST,
            node("BatchNormalization", "a g b m v", "n", epsilon=0.01),
            node("Relu", "n", "r"),
            node("Dropout", "r", "d"),
            node("Cast", "d", "c", to=int(T.DOUBLE)),
            node("Gemm", "c V C", "q", transB=1),
        ],
        {"g": RNG.normal(size=4), "b": RNG.normal(size=4), "m": RNG.normal(size=4), "v": RNG.random(4) + 0.1},
    ),
    "a Dropout that may train and does not": (
        [FIRST, RELU, node("Dropout", "h r t", "d mask"), node("Gemm", "d V C", "q", transB=1)],
        {"r": np.array(0.5), "t": np.array(False)},
    ),
    "a Clip from 0": (
        [FIRST, node("Clip", "a z", "h"), LAST],
        {"z": np.array(0.0)},
    ),
    "a Clip from 0 to the largest number": (
        [FIRST, node("Clip", "a z top", "h"), LAST],
        {"z": np.array(0.0), "top": np.array(np.finfo(np.float64).max)},
    ),
    "a Clip with attributes": (
        [FIRST, node("Clip", "a", "h", min=0.0), LAST],
        {},
        2,
        7,
        np.float32,
    ),
    "a Clip without limits": (
        [FIRST, node("Clip", "a", "b"), node("Relu", "b", "h"), LAST],
        {},
    ),
    "Max with 0": (
        [FIRST, node("Max", "z a", "h"), LAST],
        {"z": np.zeros(1)},
    ),
    "Max with zeros that widen": (
        [node("Gemm", "x U", "u"), node("Max", "u z", "h"), LAST],
        {"z": np.zeros(4), "U": W[:1].T},
    ),
    "a Max of one": ([FIRST, node("Max", "a", "b"), node("Relu", "b", "h"), LAST], {}),
    "a ReLU on the inputs": (
        [node("Relu", "x", "h"), node("Gemm", "h W B", "a", transB=1), node("Gemm", "a V C", "q", transB=1)],
        {},
    ),
    "a last ReLU": ([FIRST, RELU, node("Gemm", "h P C", "r"), node("Relu", "r", "q")], {"P": -V.T}, 3),
    "a weight that is transposed first": (
        [node("Transpose", "W", "T"), node("MatMul", "x T", "m"), node("Add", "m B", "a"), RELU, LAST],
        {},
    ),
    "a weight that is computed": (
        [
            node("Mul", "G W", "GW"),
            node("Sqrt", "S", "root"),
            node("Div", "GW root", "U"),
            node("Gemm", "x U B", "a", transB=1),
            *(RELU, LAST),
        ],
        {"G": RNG.normal(size=(4, 1)), "S": RNG.random((4, 1)) + 0.5},
    ),
    "a weight of bytes with a scale": (
        [node("DequantizeLinear", "I s", "U"), node("Gemm", "x U B", "a", transB=1), RELU, LAST],
        {"I": np.array([[3, -5, 7]] * 4, dtype=np.int8), "s": np.array(0.25)},
        2,
        21,
        np.float32,
    ),
    "a dueling head": (DUELING, {"A": RNG.normal(size=(3, 4)), "pick": np.eye(3)[:, :1]}),
    "a dueling head with a ReLU in each branch": (
        [
            FIRST,
            RELU,
            node("Gemm", "h A", "v", transB=1),
            node("Relu", "v", "v2"),
            node("Gemm", "h D B", "w", transB=1),
            node("Relu", "w", "w2"),
            node("MatMul", "v2 E", "one"),
            node("Gemm", "w2 V", "two", transB=1),
            node("Add", "one two", "q"),
        ],
        {"A": RNG.normal(size=(3, 4)), "D": RNG.normal(size=(4, 4)), "E": RNG.normal(size=(3, 1))},
        3,
    ),
    "two branches side by side": (
        [
            FIRST,
            node("Relu", "a", "h"),
            node("Neg", "a", "b"),
            node("Relu", "b", "g"),
            node("Concat", "g h", "gh", axis=-1),
            node("MatMul", "gh U", "q"),
        ],
        {"U": RNG.normal(size=(8, 1))},
    ),
    "one block of the inputs scaled": (
        [
            node("Split", "x sizes", "f r", axis=1),
            node("Mul", "r k", "s"),
            node("Concat", "f s", "y", axis=1),
            node("Gemm", "y W B", "a", transB=1),
            *(RELU, LAST),
        ],
        {"sizes": np.array([1, 2]), "k": np.array([2.0, -3.0])},
    ),
    "features picked, one by one and backwards": (
        [
            node("Gather", "x two", "t", axis=1),
            node("Slice", "x s e i k", "r"),
            node("Unsqueeze", "t i", "u"),
            node("Add", "r u", "y"),
            node("Gemm", "y W B", "a", transB=1),
            *(RELU, LAST),
        ],
        {
            "two": np.array(2),
            "s": np.array([-1]),
            "e": np.array([-(2**31)]),
            "i": np.array([1]),
            "k": np.array([-1]),
        },
    ),
    "the batch in the columns": (
        [
            node("Transpose", "x", "xt"),
            node("Gemm", "W xt", "at"),
            node("Transpose", "at", "a0"),
            node("Add", "a0 B", "a"),
            *(RELU, LAST),
        ],
        {},
    ),
    "a Gemm of the transposed batch": (
        [node("Transpose", "x", "xt"), node("Gemm", "xt W B", "a", transA=1, transB=1), RELU, LAST],
        {},
    ),
    "a table of features": (
        [
            *(FIRST, RELU),
            node("Reshape", "h s", "m"),
            node("MatMul", "L m", "lm"),
            node("Transpose", "lm", "t", perm=[0, 2, 1]),
            node("Flatten", "t", "f"),
            node("MatMul", "f U", "q"),
        ],
        {"s": np.array([0, 2, -1]), "L": RNG.normal(size=(3, 2)), "U": RNG.normal(size=(6, 1))},
    ),
    "sums, means and a squeezed output": (
        [
            *(FIRST, RELU),
            node("Mean", "h h B", "m"),
            node("Sum", "m h B", "s"),
            node("ReduceSum", "s one", "r"),
            node("Squeeze", "r one", "q"),
        ],
        {"one": np.array([1])},
        2,
        13,
        np.float32,
    ),
    "a view of the size that the batch has": (
        [
            node("Shape", "x", "s"),
            node("Gather", "s zero", "n", axis=0),
            node("Unsqueeze", "n noughts", "n1"),
            node("Concat", "n1 three", "to", axis=0),
            node("Reshape", "x to", "y"),
            node("Gemm", "y W B", "a", transB=1),
            *(RELU, LAST),
        ],
        {"zero": np.array(0), "noughts": np.array([0]), "three": np.array([-1])},
    ),
    "a row that is spread": (
        [
            node("Gemm", "x U", "u"),
            node("Expand", "u four", "e"),
            node("Add", "e B", "a"),
            *(RELU, LAST),
        ],
        {"U": W[:1].T, "four": np.array([1, 4])},
    ),
    "nothing but names": (
        [
            node("Identity", "W", "W2"),
            node("Identity", "x", "y"),
            node("Gemm", "y W2 B", "a", transB=1),
            RELU,
            LAST,
        ],
        {},
    ),
    "a slice of operator set 9": (
        [FIRST, RELU, node("Slice", "h", "s", axes=[1], starts=[1], ends=[3]), node("MatMul", "s U", "q")],
        {"U": V[:, :2].T},
        2,
        9,
    ),
    "nodes that the output does not need": (
        [FIRST, RELU, node("Sigmoid", "h", "unused"), LAST],
        {"spare": np.array([3]), "words": H.make_tensor("words", T.STRING, [1], [b"x"])},
    ),
}
READ = {name: Case(*given) for name, given in _READ.items()}


def written(folder: Path, case: Case) -> Path:
    given = {"W": W, "B": B, "V": V, "C": C} | case.constants
    return write(folder / "q.onnx", case.nodes, kind=case.kind, version=case.version, **given)


@pytest.mark.parametrize("case", READ.values(), ids=READ.keys())
def test_what_is_affine_or_a_relu_is_read(tmp_path: Path, case: Case) -> None:
    path, x = written(tmp_path, case), RNG.normal(size=(40, 3))
    qnet = qnet_from_onnx(path, ["link_load"])
    near = 1e-9 if case.kind is np.float64 else 1e-4
    np.testing.assert_allclose(qnet.forward(x), run(path, x, case.kind), rtol=near, atol=near)
    assert len(qnet.weights) == case.layers
    assert len(np.unique(qnet.forward(x).round(6))) > 3, "a case that tells networks apart"


def test_relus_side_by_side_are_one_layer_without_further_neurons(tmp_path: Path) -> None:
    path = written(tmp_path, READ["a dueling head with a ReLU in each branch"])
    assert qnet_from_onnx(path, ["link_load"]).sizes == (3, 4, 7, 1)


def test_a_batch_of_one_is_only_an_axis(tmp_path: Path) -> None:
    nodes = [
        node("Squeeze", "x none", "v"),
        node("MatMul", "v T", "m"),
        node("Add", "m B", "a"),
        RELU,
        node("MatMul", "h U", "r"),
        node("Reshape", "r ones", "q"),
    ]
    constants = {"none": np.array([0]), "T": W.T, "U": V[0], "B": B, "ones": np.array([1, 1])}
    path = write(tmp_path / "q.onnx", nodes, (1, 3), kind=np.float64, **constants)
    x = RNG.normal(size=(1, 3))
    np.testing.assert_allclose(qnet_from_onnx(path, "link_load").forward(x), run(path, x, np.float64))


def test_the_number_of_inputs_may_be_left_open(tmp_path: Path) -> None:
    given = {"W": W, "B": B, "V": V, "C": C, "m": RNG.normal(size=3)}
    x = RNG.normal(size=(2, 3))
    ways = {
        "Sub": [node("Sub", "x m", "y"), node("Gemm", "y W B", "a", transB=1), RELU, LAST],
        "Flatten": [node("Flatten", "x", "y"), node("Gemm", "y W B", "a", transB=1), RELU, LAST],
    }
    for name, nodes in ways.items():
        path = write(tmp_path / f"{name}.onnx", nodes, ("n", "m"), kind=np.float64, **given)
        np.testing.assert_allclose(qnet_from_onnx(path, "link_load").forward(x), run(path, x, np.float64))


def test_the_cases_meet_every_operator_and_the_manual_names_it() -> None:
    met = {step.op_type for case in READ.values() for step in case.nodes}
    assert set(OPERATORS) <= met and set(OPERATORS) < OF_CONSTANTS
    manual = (ROOT / "docs" / "qnets.md").read_text(encoding="utf-8")
    assert [name for name in OPERATORS if f"`{name}`" not in manual] == []
