"""Random ONNX graphs that state ReLU networks: chains of operators drawn step by step."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from hypothesis import strategies as st

from tests.support.onnx_cases import T, node

if TYPE_CHECKING:
    from collections.abc import Callable


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
