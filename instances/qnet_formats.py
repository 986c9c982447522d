"""Q-nets from and to ONNX and torch: what is no plain ReLU network is refused by its name."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from instances.errors import QNetError
from instances.files import write_bytes
from instances.qnet import QNET_FORMAT, QNet, as_inputs, optional_package, readable_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    from numpy.typing import NDArray

    Floats: TypeAlias = NDArray[np.float64]

OPERATORS = "Gemm, MatMul, Add and Relu (Identity, Constant and Flatten where they change nothing)"
MODULES = "Linear, ReLU and nn.Sequential of these"


@dataclass(frozen=True)
class Chain:
    """The layers met so far on the way through a network.

    ``open`` tells that the last layer has not seen a ReLU yet: a further affine map then merges with it.
    ``width`` is None while the width of the input is unknown.
    """

    source: str
    width: int | None = None
    layers: tuple[tuple[Floats, Floats], ...] = ()
    open: bool = False

    def affine(self, weight: Floats, bias: Floats | None, place: str) -> Chain:
        """Follow y -> W y + b."""
        out, into = weight.shape
        if self.width is not None and into != self.width:
            self.refuse(place, f"of {into} inputs", f"{self.width} inputs, as many as come in")
        shift = np.zeros(out) if bias is None else bias
        if self.open:
            (before, offset), head = self.layers[-1], self.layers[:-1]
            return replace(self, width=out, layers=(*head, (weight @ before, weight @ offset + shift)))
        return replace(self, width=out, layers=(*self.layers, (weight, shift)), open=True)

    def shift(self, bias: Floats, place: str) -> Chain:
        """Follow y -> y + b."""
        if self.width is None:
            self.refuse(place, "an Add to inputs of unknown number", "inputs of a stated number")
        return self.affine(np.eye(self.width), bias, place)

    def relu(self, place: str) -> Chain:
        """Follow y -> max(0, y), which changes nothing the second time."""
        if not self.layers:
            self.refuse(place, "a ReLU on the inputs themselves", "an affine layer before the first ReLU")
        return replace(self, open=False)

    def finish(self, inputs: Sequence[str], place: str) -> QNet:
        """Return the Q-net."""
        if not self.layers:
            self.refuse(place, "a network without layers", "at least one affine layer")
        if not self.open:
            self.refuse(
                place, "a final ReLU", "an affine last layer", "Q may be negative: leave the last ReLU out."
            )
        weights, biases = zip(*self.layers, strict=True)
        return QNet(tuple(inputs), weights, biases, self.source)

    def refuse(self, place: str, value: str, allowed: str, remedy: str = "") -> NoReturn:
        """Raise the error for what a Q-net cannot hold."""
        raise QNetError(self.source, place, value, allowed, remedy)


# --- ONNX ---------------------------------------------------------------------------------------------


def qnet_from_onnx(path: Path | str, inputs: Sequence[str] | str | None = None) -> QNet:
    """Read a Q-net from an ONNX file with one input, shape (batch, inputs) with any batch.

    Layers without a ReLU between them merge into one. Names of nodes and attributes that have defaults
    may be missing, as the standard allows.

    Parameters
    ----------
    inputs : feature blocks in input order; None: those that `qnet_to_onnx` wrote into the file.

    Raises
    ------
    QNetError : with the file and the node that no Q-net can hold.
    MissingPackageError : onnx is not installed.
    """
    path = readable_file(Path(path), "an .onnx file")
    onnx = optional_package("onnx", "nets", f"reading {path}")
    broken = optional_package("google.protobuf.message", "nets", f"reading {path}").DecodeError
    try:
        model = onnx.load(path)
    except (broken, OSError, ValueError, onnx.checker.ValidationError) as failure:
        raise QNetError(path, "", f"no ONNX file ({failure})", "an ONNX model", "") from None
    if inputs is None:
        inputs = next((entry.value for entry in model.metadata_props if entry.key == "inputs"), None)
    if inputs is None:
        remedy = "Name them: qnet_from_onnx(path, ['link_load', …])."
        raise QNetError(path, "metadata_props.inputs", "missing", "the feature blocks of the input", remedy)
    return _OnnxGraph(str(path), model.graph, onnx).qnet(as_inputs(inputs))


class _OnnxGraph:
    """A walk through the nodes of a graph, each value a constant or a `Chain`."""

    def __init__(self, source: str, graph: Any, onnx: Any) -> None:
        self.source, self.graph, self.onnx = source, graph, onnx
        self.values: dict[str, Chain | Floats] = {}
        self.steps = {
            "Gemm": self._gemm,
            "MatMul": self._matmul,
            "Add": self._add,
            "Relu": lambda node, place: self._chain(node, 0, place).relu(place),
            "Identity": lambda node, place: self._value(node, 0, place),
            "Flatten": self._flatten,
            "Constant": self._constant,
        }

    def qnet(self, inputs: tuple[str, ...]) -> QNet:
        """Walk the graph from its input to its output."""
        graph = self.graph
        for i, tensor in enumerate(graph.initializer):
            self.values[tensor.name] = self._numbers(tensor, f"graph.initializer[{i}] ({tensor.name!r})")
        free = [entry for entry in graph.input if entry.name not in self.values]
        for kind, entries in (("input", free), ("output", graph.output)):
            if len(entries) != 1:
                names = ", ".join(repr(entry.name) for entry in entries)
                self._refuse(f"graph.{kind}", f"{len(entries)} tensors ({names})", f"one {kind}", _ONE_INPUT)
        self.values[free[0].name] = Chain(self.source, self._width(free[0]))
        for i, node in enumerate(graph.node):
            place = f"graph.node[{i}]" + (f" ({node.name!r})" if node.name else "")
            if node.op_type not in self.steps or node.domain not in ("", "ai.onnx"):
                name = f"{node.domain}.{node.op_type}" if node.domain else node.op_type
                remedy = _ONE_INPUT if node.op_type == "Concat" else ""
                self._refuse(place, f"the operator {name}", OPERATORS, remedy)
            self.values[node.output[0]] = self.steps[node.op_type](node, place)
        name = graph.output[0].name
        result = self.values.get(name)
        if not isinstance(result, Chain):
            self._refuse("graph.output", f"{name!r}, which does not depend on the input", "Q(input)")
        return result.finish(inputs, "graph.output")

    def _gemm(self, node: Any, place: str) -> Chain:
        """Follow alpha A' B' + beta C, with ' for the transpositions asked for."""
        given = {entry.name: self.onnx.helper.get_attribute_value(entry) for entry in node.attribute}
        if given.get("transA", 0):
            self._refuse(place, "a Gemm with transA = 1", "transA = 0, the batch in the rows")
        chain, b = self._chain(node, 0, place), self._matrix(node, 1, place)
        weight = float(given.get("alpha", 1.0)) * (b if given.get("transB", 0) else b.T)
        if len(node.input) < 3 or not node.input[2]:
            return chain.affine(weight, None, place)
        c = self._vector(self._array(node, 2, place), len(weight), place)
        return chain.affine(weight, float(given.get("beta", 1.0)) * c, place)

    def _matmul(self, node: Any, place: str) -> Chain:
        return self._chain(node, 0, place).affine(self._matrix(node, 1, place).T, None, place)

    def _add(self, node: Any, place: str) -> Chain:
        sides = [self._value(node, i, place) for i in (0, 1)]
        chain = next((side for side in sides if isinstance(side, Chain)), None)
        constant = next((side for side in sides if isinstance(side, np.ndarray)), None)
        if chain is None or constant is None:
            both = "two constants" if chain is None else "two results, as a skip connection does"
            self._refuse(place, f"an Add of {both}", "an Add of one result and one constant")
        return chain.shift(self._vector(constant, chain.width, place), place)

    def _flatten(self, node: Any, place: str) -> Chain:
        axis = next((entry.i for entry in node.attribute if entry.name == "axis"), 1)
        if axis not in (1, -1):
            self._refuse(place, f"a Flatten with axis = {axis}", "axis = 1, which leaves (batch, features)")
        return self._chain(node, 0, place)

    def _constant(self, node: Any, place: str) -> Floats:
        entry = node.attribute[0]
        if entry.name == "value":
            return self._numbers(entry.t, place)
        if entry.name not in ("value_float", "value_floats"):
            self._refuse(place, f"a Constant of {entry.name}", "a Constant of floats or doubles")
        return np.asarray(self.onnx.helper.get_attribute_value(entry), dtype=np.float64)

    def _numbers(self, tensor: Any, place: str) -> Floats:
        kinds = self.onnx.TensorProto
        if tensor.data_type not in (kinds.FLOAT, kinds.DOUBLE):
            kind = kinds.DataType.Name(tensor.data_type)
            self._refuse(place, f"of type {kind}", "FLOAT or DOUBLE")
        return np.asarray(self.onnx.numpy_helper.to_array(tensor), dtype=np.float64)

    def _width(self, entry: Any) -> int | None:
        """Return the stated number of features, None where it is left open."""
        kind = entry.type.tensor_type
        if not kind.HasField("shape"):
            return None
        sizes = [d.dim_value if d.HasField("dim_value") else None for d in kind.shape.dim]
        if len(sizes) not in (1, 2):
            text = f"of shape ({', '.join('?' if n is None else str(n) for n in sizes)})"
            self._refuse(f"graph.input ({entry.name!r})", text, "shape (batch, inputs)")
        return sizes[-1]

    def _value(self, node: Any, i: int, place: str) -> Chain | Floats:
        name = node.input[i] if i < len(node.input) else ""
        if name not in self.values:
            self._refuse(
                place, f"a {node.op_type} of {name!r}", "inputs that earlier nodes or initialisers give"
            )
        return self.values[name]

    def _chain(self, node: Any, i: int, place: str) -> Chain:
        value = self._value(node, i, place)
        if not isinstance(value, Chain):
            self._refuse(place, f"a {node.op_type} of the constant {node.input[i]!r}", "the batch as input 0")
        return value

    def _array(self, node: Any, i: int, place: str) -> Floats:
        value = self._value(node, i, place)
        if isinstance(value, Chain):
            text = f"a {node.op_type} whose input {i}, {node.input[i]!r}, depends on the network's input"
            self._refuse(place, text, "a constant there")
        return value

    def _matrix(self, node: Any, i: int, place: str) -> Floats:
        value = self._array(node, i, place)
        if value.ndim != 2:
            self._refuse(place, f"a {node.op_type} with a constant of shape {value.shape}", "a matrix")
        return value

    def _vector(self, value: Floats, width: int | None, place: str) -> Floats:
        """Return a constant that is added to each row, shape (width,)."""
        if (
            width is None
            or value.ndim > 2
            or value.size not in (1, width)
            or value.shape[:-1] not in ((), (1,))
        ):
            allowed = f"shape ({width},), (1, {width}) or a single number, alike for the whole batch"
            self._refuse(place, f"an added constant of shape {value.shape}", allowed)
        return np.broadcast_to(value.reshape(-1), (width,)).copy()

    def _refuse(self, place: str, value: str, allowed: str, remedy: str = "") -> NoReturn:
        raise QNetError(self.source, place, value, allowed, remedy)


_ONE_INPUT = "Export a network that takes all feature blocks as one tensor, in the order of its inputs."


def qnet_to_onnx(net: QNet, path: Path | str) -> None:
    """Write a Q-net as ONNX (opset 17): Gemm and Relu in double, input (batch, inputs), output (batch, 1).

    The same net gives the same bytes; the feature blocks go into ``metadata_props``.

    Raises
    ------
    OutputError : the place cannot be written.
    MissingPackageError : onnx is not installed.
    """
    onnx = optional_package("onnx", "nets", f"writing {path}")
    helper, kind = onnx.helper, onnx.TensorProto.DOUBLE
    nodes, tensors = [], []
    value, last = "features", len(net.weights) - 1
    for i, (weight, bias) in enumerate(zip(net.weights, net.biases, strict=True)):
        names = [f"layers.{i}.weight", f"layers.{i}.bias"]
        arrays = [np.ascontiguousarray(weight), np.ascontiguousarray(bias)]
        tensors += [onnx.numpy_helper.from_array(a, name) for a, name in zip(arrays, names, strict=True)]
        result = "q" if i == last else f"layers.{i}.sum"
        nodes.append(helper.make_node("Gemm", [value, *names], [result], name=f"layers.{i}", transB=1))
        value = f"layers.{i}.relu"
        if i != last:
            nodes.append(helper.make_node("Relu", [result], [value], name=value))
    ends = [
        [helper.make_tensor_value_info(name, kind, ["batch", width])]
        for name, width in (("features", net.sizes[0]), ("q", 1))
    ]
    graph = helper.make_graph(nodes, "qnet", *ends, initializer=tensors)
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="milproute"
    )
    helper.set_model_props(model, {"format": QNET_FORMAT, "inputs": ",".join(net.inputs)})
    write_bytes(Path(path), model.SerializeToString(deterministic=True))


# --- torch --------------------------------------------------------------------------------------------


def qnet_from_torch(sequential: Any, inputs: Sequence[str] | str) -> QNet:
    """Read a Q-net from a ``torch.nn.Sequential`` of Linear (with or without bias) and ReLU.

    Layers without a ReLU between them merge into one; nested Sequentials are followed. Only the object is
    read: torch itself is not imported here.

    Raises
    ------
    QNetError : another module, by its place and name.
    """
    source = "the torch module"
    if _kind(sequential) != "Sequential":
        value = f"a {type(sequential).__name__}"
        remedy = "Load a state into an nn.Sequential first." if isinstance(sequential, dict) else ""
        raise QNetError(source, "", value, "a torch.nn.Sequential", remedy)
    return _follow(Chain(source), sequential, "").finish(as_inputs(inputs), "the last module")


def _follow(chain: Chain, sequential: Any, prefix: str) -> Chain:
    for i, module in enumerate(sequential):  # named_children() leaves out a ReLU that is used twice
        place, kind = f"module {prefix}{i}", _kind(module)
        if kind == "Sequential":
            chain = _follow(chain, module, f"{prefix}{i}.")
        elif kind == "Linear":
            bias = None if module.bias is None else _doubles(module.bias)
            chain = chain.affine(_doubles(module.weight), bias, place)
        elif kind == "ReLU":
            chain = chain.relu(place)
        else:
            chain.refuse(place, type(module).__name__, MODULES)
    return chain


def _kind(module: Any) -> str:
    """Return the name of a class of torch.nn itself; a subclass may compute something else: ''."""
    kind = type(module)
    return kind.__name__ if kind.__module__.startswith("torch.nn.modules.") else ""


def _doubles(parameter: Any) -> Floats:
    return np.array(parameter.detach().cpu().double().numpy(), dtype=np.float64)


def qnet_to_torch(net: QNet) -> Any:
    """Return a ``torch.nn.Sequential`` of Linear and ReLU in double precision, output shape (batch, 1).

    Raises
    ------
    MissingPackageError : torch is not installed.
    """
    torch = optional_package("torch", "learn", "a torch network")
    modules: list[Any] = []
    for weight, bias in zip(net.weights, net.biases, strict=True):
        linear = torch.nn.Linear(weight.shape[1], weight.shape[0], dtype=torch.float64)
        with torch.no_grad():
            linear.weight.copy_(torch.tensor(weight))
            linear.bias.copy_(torch.tensor(bias))
        modules += [linear, torch.nn.ReLU()]
    return torch.nn.Sequential(*modules[:-1])
