"""Operators of ONNX: a chain of affine steps and ReLUs, however written, is the net that onnxruntime runs."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instances.onnx_nets import OF_CONSTANTS, qnet_from_onnx
from instances.onnx_operators import OPERATORS
from tests.instances.onnx_cases import T, node, onnx, run, write

if TYPE_CHECKING:
    from collections.abc import Callable

RNG = np.random.default_rng(5)
W, B = RNG.normal(size=(4, 3)), RNG.normal(size=4)
V, C = RNG.normal(size=(1, 4)), RNG.normal(size=1)
FIRST, RELU, LAST = (
    node("Gemm", "x W B", "a", transB=1),
    node("Relu", "a", "h"),
    node("Gemm", "h V C", "q", transB=1),
)
EIGHT = np.arange(1.0, 9.0).reshape(2, 4)
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
        {"spare": np.array([3]), "words": np.array([True])},
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


# --- random chains ------------------------------------------------------------------------------------


@dataclass
class Graph:
    """A random graph that grows step by step: each value by name, its features' shape, and its ReLUs."""

    draw: Any
    version: int
    kind: Any
    rng: np.random.Generator
    nodes: list[Any] = field(default_factory=list)
    constants: dict[str, Any] = field(default_factory=dict)
    values: list[tuple[str, tuple[int, ...], int]] = field(default_factory=list)

    def constant(self, *shape: int) -> str:
        return self.keep(self.rng.integers(-4, 5, shape) / 2)

    def keep(self, value: Any) -> str:
        name = f"c{len(self.constants)}"
        self.constants[name] = np.asarray(value)
        return name

    def add(self, operator: str, inputs: str, shape: tuple[int, ...], level: int, **attributes: Any) -> None:
        name = f"v{len(self.values)}"
        self.nodes.append(node(operator, inputs, name, **attributes))
        self.values.append((name, shape, level))

    def axes(
        self,
        operator: str,
        inputs: str,
        shape: tuple[int, ...],
        level: int,
        axes: list[int],
        since: int,
        **more: Any,
    ) -> None:
        """Add a node whose axes are an attribute before a version, then an input."""
        if self.version < since:
            self.add(operator, inputs, shape, level, axes=axes, **more)
        else:
            self.add(operator, f"{inputs} {self.keep(np.array(axes))}", shape, level, **more)

    def choose(self, options: Any) -> Any:
        return self.draw(st.sampled_from(list(options)))


def gemm(g: Graph, x: str, s: tuple[int, ...], level: int) -> None:
    if len(s) != 1:
        return matmul(g, x, s, level)
    out, turned = g.choose(range(1, 5)), g.choose((0, 1))
    b = g.constant(*((out, s[0]) if turned else (s[0], out)))
    c = g.choose([(out,), (1, out), (1,)] + [None] * (g.version > 10))
    inputs = f"{x} {b}" + ("" if c is None else f" {g.constant(*c)}")
    factors = {"alpha": g.choose((1.0, 0.5)), "beta": g.choose((1.0, -2.0))} if g.choose((0, 1)) else {}
    return g.add("Gemm", inputs, (out,), level, transB=turned, **factors)


def matmul(g: Graph, x: str, s: tuple[int, ...], level: int) -> None:
    if not s:
        return g.add("Mul", f"{x} {g.constant()}", s, level)
    if len(s) == 2 and g.choose((0, 1)):
        rows = g.choose(range(1, 4))
        return g.add("MatMul", f"{g.constant(rows, s[0])} {x}", (rows, s[1]), level)
    out = g.choose((None, 1, 2, 3))
    tail = () if out is None else (out,)
    return g.add("MatMul", f"{x} {g.constant(s[-1], *tail)}", (*s[:-1], *tail), level)


def elementwise(g: Graph, x: str, s: tuple[int, ...], level: int) -> None:
    shape = g.choose([(), s, (1, *s), tuple(n if g.choose((0, 1)) else 1 for n in s)])
    operator = g.choose(("Add", "Sub", "Mul", "Div"))
    c = g.constant(*shape)
    if operator == "Div":
        g.constants[c] = np.where(g.constants[c] == 0, 0.5, g.constants[c])
    first = operator != "Div" and g.choose((0, 1))
    g.add(operator, f"{c} {x}" if first else f"{x} {c}", s, level)


def merge(g: Graph, x: str, s: tuple[int, ...], level: int) -> None:
    """Join with another result of the same layer: added, subtracted, averaged or side by side."""
    alike = [name for name, shape, k in g.values if shape == s and k == level]
    other = g.choose(alike)
    operator = g.choose(["Add", "Sub", "Sum"] + ["Mean"] * (g.kind is np.float32) + ["Concat"] * bool(s))
    if operator == "Concat":
        axis = g.choose(range(len(s)))
        wider = (*s[:axis], 2 * s[axis], *s[axis + 1 :])
        place = axis + 1 if g.choose((0, 1)) else axis - len(s)
        return g.add("Concat", f"{other} {x}", wider, level, axis=place)
    return g.add(operator, f"{other} {x}", s, level)


def unary(g: Graph, x: str, s: tuple[int, ...], level: int) -> None:
    operator = g.choose(("Neg", "Identity", "Dropout", "Cast"))
    g.add(
        operator,
        x,
        s,
        level,
        **({"to": int(T.DOUBLE if g.kind is np.float64 else T.FLOAT)} if operator == "Cast" else {}),
    )


def relu(g: Graph, x: str, s: tuple[int, ...], level: int) -> None:
    single = g.kind is np.float32  # onnxruntime has them in double of late only
    operators = (
        ["Relu"] + ["Max"] * (g.version > (7 if single else 12)) + ["Clip"] * (single or g.version > 11)
    )
    operator = g.choose(operators)
    if operator == "Clip" and g.version < 11:
        return g.add("Clip", x, s, level + 1, min=0.0)
    inputs = {"Relu": x, "Clip": f"{x} {g.keep(0.0)}", "Max": f"{g.keep([0.0] if s else 0.0)} {x}"}
    return g.add(operator, inputs[operator], s, level + 1)


def normalise(g: Graph, x: str, s: tuple[int, ...], level: int) -> None:
    if not s:
        return
    scale, shift, mean = (g.constant(s[0]) for _ in range(3))
    variance = g.keep(g.rng.random(s[0]) + 0.5)
    g.add("BatchNormalization", f"{x} {scale} {shift} {mean} {variance}", s, level, epsilon=0.25)


def reshape(g: Graph, x: str, s: tuple[int, ...], level: int) -> None:
    size = prod(s)
    ways = [(size,), (1, size), (size, 1), *((k, size // k) for k in (2, 3) if size % k == 0)]
    to = g.choose(ways)
    front = g.choose((-1, 0))
    sizes = [front, *to]
    if front == 0 and g.choose((0, 1)):
        sizes[g.choose(range(1, len(sizes)))] = -1
    g.add("Reshape", f"{x} {g.keep(np.array(sizes))}", to, level)


def viewed(g: Graph, x: str, s: tuple[int, ...], level: int) -> None:
    """Reshape as exporters do, to a shape computed from that of the input."""
    name = f"s{len(g.nodes)}"
    zero, rest = g.keep(np.array(0)), g.keep(np.array([-1]))
    g.nodes += [node("Shape", x, f"{name}a"), node("Gather", f"{name}a {zero}", f"{name}b", axis=0)]
    if g.version < 13:
        g.nodes.append(node("Unsqueeze", f"{name}b", f"{name}c", axes=[0]))
    else:
        g.nodes.append(node("Unsqueeze", f"{name}b {g.keep(np.array([0]))}", f"{name}c"))
    g.nodes.append(node("Concat", f"{name}c {rest}", f"{name}d", axis=0))
    g.add("Reshape", f"{x} {name}d", (prod(s),), level)


def transpose(g: Graph, x: str, s: tuple[int, ...], level: int) -> None:
    if len(s) == 2:
        return g.add("Transpose", x, s[::-1], level, perm=[0, 2, 1])
    if len(s) == 1:  # the batch moves to the columns, is multiplied from the left, and comes back
        rows = g.choose(range(1, 4))
        g.nodes.append(node("Transpose", x, f"t{len(g.nodes)}"))
        turned = g.nodes[-1].output[0]
        g.nodes.append(node("MatMul", f"{g.constant(rows, s[0])} {turned}", f"t{len(g.nodes)}"))
        return g.add("Transpose", g.nodes[-1].output[0], (rows,), level, perm=[1, 0])
    return None


def squeeze(g: Graph, x: str, s: tuple[int, ...], level: int) -> None:
    single = [i for i, n in enumerate(s) if n == 1]
    if single and g.choose((0, 1)):
        i = g.choose(single)
        return g.axes("Squeeze", x, (*s[:i], *s[i + 1 :]), level, [i + 1], 13)
    i = g.choose(range(len(s) + 1))
    return g.axes("Unsqueeze", x, (*s[:i], 1, *s[i:]), level, [i + 1], 13)


def flatten(g: Graph, x: str, s: tuple[int, ...], level: int) -> None:
    g.add("Flatten", x, (prod(s),), level, axis=1)


def select(g: Graph, x: str, s: tuple[int, ...], level: int) -> None:
    if not s:
        return None
    axis = g.choose(range(len(s)))
    n = s[axis]
    if g.choose((0, 1)):
        places = g.choose([0, -1, [n - 1, 0], [[0, -1], [n - 1, 0]]])
        to = (*s[:axis], *np.shape(places), *s[axis + 1 :])
        return g.add("Gather", f"{x} {g.keep(np.array(places))}", to, level, axis=axis + 1)
    start, end, step = g.choose([(0, 2**31 - 1, 1), (-1, -(2**31), -1), (0, n, 2), (n - 1, 2**63 - 1, 1)])
    length = len(range(n)[start:end:step])
    to = (*s[:axis], length, *s[axis + 1 :])
    if g.version < 10:
        if step != 1:
            return None
        return g.add("Slice", x, to, level, starts=[start], ends=[end], axes=[axis + 1])
    lists = " ".join(g.keep(np.array([value])) for value in (start, end, axis + 1, step))
    return g.add("Slice", f"{x} {lists}", to, level)


def divide(g: Graph, x: str, s: tuple[int, ...], level: int) -> None:
    if not s or s[0] < 2:
        return
    sizes, name = [1, s[0] - 1], f"p{len(g.nodes)}"
    if g.version < 13:
        g.nodes.append(node("Split", x, f"{name} {name}b", axis=1, split=sizes))
    else:
        g.nodes.append(node("Split", f"{x} {g.keep(np.array(sizes))}", f"{name} {name}b", axis=1))
    part = g.choose((0, 1))
    g.values.append((name + "b" * part, (sizes[part], *s[1:]), level))


def summarise(g: Graph, x: str, s: tuple[int, ...], level: int) -> None:
    if not s:
        return
    axis, keep = g.choose(range(len(s))), g.choose((0, 1))
    to = (*s[:axis], *((1,) if keep else ()), *s[axis + 1 :])
    operator, since = g.choose((("ReduceMean", 18), ("ReduceSum", 13)))
    g.axes(operator, x, to, level, [axis + 1], since, keepdims=keep)


def expand(g: Graph, x: str, s: tuple[int, ...], level: int) -> None:
    if g.version < 8 or not s or s[-1] != 1:
        return
    to = (*s[:-1], 3)
    g.add("Expand", f"{x} {g.keep(np.array([1, *to]))}", to, level)


STEPS: list[Callable[[Graph, str, tuple[int, ...], int], None]] = [
    *(
        gemm,
        gemm,
        matmul,
        elementwise,
        merge,
        unary,
        relu,
        relu,
        relu,
        relu,
        relu,
        normalise,
        reshape,
        viewed,
        transpose,
    ),
    *(squeeze, flatten, select, divide, summarise, expand),
]


@st.composite
def graphs(draw: Any) -> Graph:
    """Draw a graph of up to ten steps, each on a value that an earlier one left."""
    version = draw(st.sampled_from((7, 9, 11, 13, 17, 18)))
    kind = draw(st.sampled_from((np.float64, np.float32)))
    g = Graph(draw, version, kind, np.random.default_rng(draw(st.integers(0, 10_000))))
    g.values.append(("x", (4,), 0))
    for step in draw(st.lists(st.sampled_from(STEPS), min_size=1, max_size=10)):
        name, shape, level = g.values[-1] if draw(st.booleans()) else g.choose(g.values)
        if prod(shape) <= 24 and len(shape) <= 3:
            step(g, name, shape, level)
    name, shape, level = g.values[-1]
    flatten(g, name, shape, level)
    g.nodes.append(node("MatMul", f"{g.values[-1][0]} {g.constant(prod(shape), 1)}", "q"))
    return g


@settings(deadline=None, max_examples=300)
@given(graphs())
def test_random_chains_are_the_networks_that_onnxruntime_runs(
    tmp_path_factory: pytest.TempPathFactory, g: Graph
) -> None:
    path = tmp_path_factory.mktemp("graph") / "q.onnx"
    write(path, g.nodes, ("n", 4), kind=g.kind, version=g.version, **g.constants)
    x = g.rng.integers(-6, 7, (7, 4)) / 2
    expected = run(path, x, g.kind)
    scale = max(1.0, np.abs(expected).max())
    got = qnet_from_onnx(path, "link_load").forward(x)
    near = 1e-9 if g.kind is np.float64 else 1e-4
    np.testing.assert_allclose(got / scale, expected / scale, rtol=0, atol=near)


def test_the_cases_meet_every_operator_and_the_manual_names_it() -> None:
    met = {step.op_type for case in READ.values() for step in case.nodes}
    assert set(OPERATORS) <= met and set(OPERATORS) < OF_CONSTANTS
    manual = (Path(__file__).resolve().parents[2] / "docs" / "qnets.md").read_text(encoding="utf-8")
    assert [name for name in OPERATORS if f"`{name}`" not in manual] == []


# --- exported by torch --------------------------------------------------------------------------------


def exported(torch: Any) -> dict[str, Any]:
    nn = torch.nn

    class Dueling(nn.Module):  # type: ignore[misc, name-defined, unused-ignore]
        def __init__(self) -> None:
            super().__init__()
            self.body, self.norm = nn.Linear(4, 6), nn.BatchNorm1d(6)
            self.value = nn.Sequential(nn.Linear(6, 3), nn.ReLU(), nn.Linear(3, 1))
            self.advantage = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4))
            self.last = nn.Linear(4, 1)

        def forward(self, x: Any) -> Any:
            x = ((x - 0.5) / 2.0).view(x.size(0), -1)
            h = torch.clamp(self.norm(self.body(x)), min=0)
            a = self.advantage(h)
            q = self.value(h) + a - a.mean(dim=1, keepdim=True)
            return self.last(torch.relu(q)).squeeze(-1)

    class Blocks(nn.Module):  # type: ignore[misc, name-defined, unused-ignore]
        def __init__(self) -> None:
            super().__init__()
            self.left, self.right, self.last = nn.Linear(3, 4), nn.Linear(1, 2), nn.Linear(6, 1)

        def forward(self, x: Any) -> Any:
            parts = (self.left(x[:, :3]).relu(), torch.maximum(self.right(x[:, 3:]), torch.zeros(2)))
            return self.last(torch.cat(parts, dim=1))

    plain = nn.Sequential(
        nn.Flatten(),
        nn.Linear(4, 6),
        nn.Dropout(),
        nn.ReLU(),
        nn.Linear(6, 6, bias=False),
        nn.ReLU(),
        nn.Linear(6, 1),
    )
    return {"dueling": Dueling(), "blocks": Blocks(), "plain": plain, "single": plain}


@pytest.mark.parametrize("version", [11, 13, 17])
@pytest.mark.parametrize("name", ["dueling", "blocks", "plain"])
def test_what_torch_exports_is_the_network_that_torch_runs(tmp_path: Path, name: str, version: int) -> None:
    torch = pytest.importorskip("torch", reason="needs torch")
    torch.manual_seed(1)
    module = exported(torch)[name]
    x = torch.randn(64, 4)
    module(3 * x + 1)  # which gives the normalisation statistics to forget
    module.eval()
    content = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter, about itself
        axes = {"x": {0: "n"}}
        torch.onnx.export(
            module,
            (x[:2],),
            content,
            dynamo=False,
            opset_version=version,
            input_names=["x"],
            dynamic_axes=axes,
        )
    path = tmp_path / "q.onnx"
    path.write_bytes(content.getvalue())
    assert onnx.load(path).graph.node
    with torch.no_grad():
        expected = module.double()(x.double()).numpy().reshape(-1)
    qnet = qnet_from_onnx(path, "link_load")
    np.testing.assert_allclose(qnet.forward(x.numpy()), expected, atol=1e-5)
    np.testing.assert_allclose(qnet.forward(x.numpy()), run(path, x.numpy()), atol=1e-4)
