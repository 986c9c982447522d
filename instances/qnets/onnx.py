"""Q-nets from and to ONNX: what is affine or a ReLU is read, the rest is refused by node and operator."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from milproute.instances.errors import QNetError
from milproute.instances.files import write_bytes
from milproute.instances.optional import optional_package
from milproute.instances.qnets.affine_chain import AffineChain
from milproute.instances.qnets.affine_tensor import BATCH, AffineTensor, NotAffineError
from milproute.instances.qnets.inputs import named_inputs
from milproute.instances.qnets.net import QNET_FORMAT, QNet
from milproute.instances.qnets.onnx_operators import OPERATORS, WORDS
from milproute.instances.qnets.onnx_step import FLOATS, Step
from milproute.instances.qnets.safetensors import readable_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from milproute.instances.qnets.onnx_step import Constant, Value

# What may be computed of constants alone, by onnx's own reference implementation.
OF_CONSTANTS = {*OPERATORS, "Constant", "DequantizeLinear", "Sqrt", "Reciprocal", "Pow", "Exp", "Abs", "Min"}
# What the size of the batch, when it is among the numbers, comes through unharmed.
MOVES = {"Identity", "Gather", "Slice", "Split", "Concat", "Squeeze", "Unsqueeze", "Reshape", "Cast"}
# What passes its input on, so that inputs of unknown number can go through it.
PASSES = {"Identity", "Dropout", "Cast", "Flatten"}
OLDEST = 7  # operator set; broadcasting was another before
ONE_INPUT = "Export a network that takes all feature blocks as one tensor, in the order of its inputs."
ALLOWED = f"what is affine or a ReLU: {', '.join(WORDS.get(name, name) for name in OPERATORS)}"


def qnet_from_onnx(path: Path | str, inputs: Sequence[str] | str | None = None) -> QNet:
    """Read a Q-net from an ONNX file with one input, shape (batch, inputs) with any batch.

    Affine steps without a ReLU between them merge into one layer, ReLUs side by side are one layer. Names of
    nodes and attributes that have defaults may be missing, as the standard allows; what the output does not
    need is not looked at. Numbers are computed in double, whatever their type in the file.

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
        model = onnx.load(path, format="protobuf")
    except (broken, OSError, ValueError, onnx.checker.ValidationError) as failure:
        raise QNetError(path, "", f"no ONNX file ({failure})", "an ONNX model", "") from None
    if not model.HasField("graph") or not model.opset_import:
        missing = "operator set" if model.HasField("graph") else "graph"
        raise QNetError(path, "", f"no ONNX file (it holds no {missing})", "an ONNX model", "")
    written = next((entry.value for entry in model.metadata_props if entry.key == "inputs"), None)
    blocks = named_inputs(path, "metadata_props.inputs", written, inputs)
    if model.functions:
        model = optional_package("onnx.inliner", "nets", f"reading {path}").inline_local_functions(model)
    with np.errstate(all="ignore"):  # a number that is not finite is refused with the layer it ends in
        return _Walk(str(path), model, onnx).qnet(blocks)


class _Walk:
    """A walk through the nodes of a graph that its output needs, each value a constant or affine."""

    def __init__(self, source: str, model: Any, onnx: Any) -> None:
        self.source, self.graph, self.onnx = source, model.graph, onnx
        self.tensors = {tensor.name: tensor for tensor in model.graph.initializer}
        self.values: dict[str, Value] = {}
        own = [entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")]
        self.version: int = own[0] if own else 1
        self.rules = onnx.checker.C.CheckerContext()
        self.rules.ir_version, self.rules.opset_imports = model.ir_version, {"": self.version}
        self.kinds = {number: name for name, number in onnx.TensorProto.DataType.items()}
        if self.version < OLDEST:
            allowed = f"operator set {OLDEST} or later"
            self._refuse("opset_import", f"operator set {self.version}", allowed, "Export the net again.")

    def qnet(self, inputs: tuple[str, ...]) -> QNet:
        """Walk the graph from its input to its output, what depends on constants alone first."""
        graph = self.graph
        free = [entry for entry in graph.input if entry.name not in self.tensors]
        for kind, entries in (("input", free), ("output", graph.output)):
            if len(entries) != 1:
                names = ", ".join(repr(entry.name) for entry in entries)
                self._refuse(f"graph.{kind}", f"{len(entries)} tensors ({names})", f"one {kind}", ONE_INPUT)
        needed = self._needed(graph.output[0].name)
        for i, node in needed:
            if node.op_type in OF_CONSTANTS and all(map(self._is_constant, node.input)):
                self._take(i, node)
        sizes = self._sizes(free[0])
        width = sizes[-1] or next(self._widths(free[0].name, [node for _, node in needed]), None)
        if not width:
            place, remedy = f"graph.input ({free[0].name!r})", "Export the net with the number of its inputs."
            self._refuse(place, "of unknown width", "shape (batch, inputs)", remedy)
        chain = AffineChain(width)
        self.values[free[0].name] = chain.start(sizes[:-1])
        for i, node in needed:
            if not set(node.output) & set(self.values):
                self._take(i, node, chain)
        result = self.values.get(graph.output[0].name)
        if not isinstance(result, AffineTensor):
            text = f"{graph.output[0].name!r}, which does not depend on the input"
            self._refuse("graph.output", text, "Q(input)")
        return chain.qnet(result, inputs, self.source)

    def _needed(self, output: str) -> list[tuple[int, Any]]:
        """Return the nodes, numbered and in order, that a value is computed by."""
        asked, found = {output}, []
        for i, node in reversed(list(enumerate(self.graph.node))):
            if asked & set(node.output):
                asked |= set(node.input)
                found.append((i, node))
        return found[::-1]

    def _sizes(self, entry: Any) -> tuple[int | None, ...]:
        """Return the shape of the input, None for what is left open; one size for a single row."""
        kind = entry.type.tensor_type
        number = self.kinds.get(kind.elem_type, "UNDEFINED")
        if number not in (*FLOATS, "UNDEFINED"):
            self._refuse(f"graph.input ({entry.name!r})", f"of type {number}", "floats: " + ", ".join(FLOATS))
        if not kind.HasField("shape"):
            return (None, None)
        sizes = tuple(d.dim_value if d.HasField("dim_value") else None for d in kind.shape.dim)
        if len(sizes) not in (1, 2):
            text = f"of shape ({', '.join('?' if n is None else str(n) for n in sizes)})"
            self._refuse(f"graph.input ({entry.name!r})", text, "shape (batch, inputs)")
        return sizes

    def _widths(self, name: str, nodes: Sequence[Any]) -> Iterator[int]:
        """Yield numbers of inputs that would suit the constants they meet, where the graph leaves it open."""
        names = {name}
        for node in nodes:
            if not names & set(node.input):
                continue
            if node.op_type in PASSES:
                names |= set(node.output)
            elif len(node.input) > 1 and self._is_constant(node.input[1]):
                shape = self._constant(node.input[1]).shape
                if node.op_type in ("Gemm", "MatMul"):
                    yield from shape[-1:] if self._attributes(node).get("transB", 0) else shape[:1]
                elif node.op_type in ("Add", "Sub", "Mul", "Div", "BatchNormalization"):
                    yield from shape[-1:]

    def _take(self, i: int, node: Any, chain: AffineChain | None = None) -> None:
        """Compute the results of a node."""
        place = f"graph.node[{i}]" + (f" ({node.name!r})" if node.name else "")
        if node.op_type not in OF_CONSTANTS or node.domain not in ("", "ai.onnx"):
            name = f"{node.domain}.{node.op_type}" if node.domain else node.op_type
            self._refuse(place, f"the operator {name}", ALLOWED)
        article = "an" if node.op_type[0] in "AEIOU" else "a"
        try:
            self.onnx.checker.check_node(node, self.rules)
            inputs = [self._value(name) for name in node.input]
            if chain is None or not any(isinstance(value, AffineTensor) for value in inputs):
                results: Sequence[Value] = self._computed(node, inputs)
            elif node.op_type in OPERATORS:
                outputs = sum(map(bool, node.output))
                attributes = self._attributes(node)
                step = Step(self.version, tuple(inputs), attributes, outputs, chain, self.kinds)
                found = OPERATORS[node.op_type](step)
                results = found if isinstance(found, tuple) else (found,)
            else:
                raise NotAffineError("of what depends on the network's input", ALLOWED)
        except NotAffineError as error:
            problem, *rest = error.args
            self._refuse(place, f"{article} {node.op_type} {problem}", *rest)
        except self.onnx.checker.ValidationError as error:
            first = str(error).strip().splitlines()[0]
            self._refuse(place, f"{article} {node.op_type} that breaks its rules ({first})", "valid ONNX")
        self.values |= zip(node.output, results, strict=False)

    def _computed(self, node: Any, inputs: Sequence[Value | None]) -> Sequence[Constant]:
        """Compute a node of constants, as onnx's own reference implementation does."""
        counts = [v for v in inputs if isinstance(v, np.ndarray) and v.dtype.kind == "i"]
        to = self.kinds.get(self._attributes(node).get("to"), "INT64")
        unharmed = node.op_type in MOVES and to in ("INT32", "INT64")
        if not unharmed and any(BATCH in count for count in counts):
            raise NotAffineError("of the size of the batch", "numbers alike for batches of any size")
        reference = optional_package("onnx.reference", "nets", f"reading {self.source}")
        given = {name: value for name, value in zip(node.input, inputs, strict=True) if name}
        infos = [[self.onnx.ValueInfoProto(name=n) for n in names if n] for names in (given, node.output)]
        graph = self.onnx.helper.make_graph([node], "constants", *infos)
        try:
            evaluator = reference.ReferenceEvaluator(graph, opsets={"": self.version})
            return [np.asarray(value) for value in evaluator.run(None, given)]
        except (ValueError, TypeError, IndexError, KeyError, RuntimeError) as failure:
            raise NotAffineError(f"of constants that cannot be computed ({failure})", "valid ONNX") from None

    def _attributes(self, node: Any) -> dict[str, Any]:
        return {entry.name: self.onnx.helper.get_attribute_value(entry) for entry in node.attribute}

    def _is_constant(self, name: str) -> bool:
        return not name or name in self.tensors or isinstance(self.values.get(name), np.ndarray)

    def _constant(self, name: str) -> Constant:
        known = self.values.get(name)
        if isinstance(known, np.ndarray):
            return known
        value = np.asarray(self.onnx.numpy_helper.to_array(self.tensors[name]))
        self.values[name] = value
        return value

    def _value(self, name: str) -> Value | None:
        if not name:
            return None
        if name in self.tensors:
            return self._constant(name)
        if name not in self.values:
            raise NotAffineError(f"of {name!r}", "inputs that earlier nodes or initialisers give")
        return self.values[name]

    def _refuse(self, place: str, value: str, allowed: str, remedy: str = "") -> NoReturn:
        raise QNetError(self.source, place, value, allowed, remedy)


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
