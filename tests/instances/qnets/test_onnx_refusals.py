"""ONNX files that are refused: the message names the operator, the tensor and what is allowed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from milproute.instances import QNetError
from milproute.instances.qnets.library import resolve_qnet
from milproute.instances.qnets.onnx import qnet_from_onnx
from tests.support.onnx_cases import GEMM, NET, PLAIN, H, T, node, onnx, write

if TYPE_CHECKING:
    from pathlib import Path


def swapped(place: int, step: Any) -> list[Any]:
    return [*GEMM[:place], step, *GEMM[place + 1 :]]


ALLOWED = (
    "allowed: what is affine or a ReLU: Gemm, MatMul, Add, Sub, Mul, Div, Neg, Sum, Mean, BatchNormalizat"
)
MIXED = "that mixes the rows of the batch; allowed: operators on the features of one row."
# Nodes, other constants -> what the message must say after the file.
REFUSED: dict[str, tuple[list[Any], dict[str, Any], str]] = {
    "an operator": (
        swapped(1, node("LeakyRelu", "a", "h")),
        {},
        f"graph.node[1] is the operator LeakyRelu; {ALLOWED}",
    ),
    "a named node": (
        swapped(1, node("Sigmoid", "a", "h", name="act")),
        {},
        f"graph.node[1] ('act') is the operator Sigmoid; {ALLOWED}",
    ),
    "an operator of another domain": (
        swapped(1, node("Relu", "a", "h", domain="my.own")),
        {},
        f"graph.node[1] is the operator my.own.Relu; {ALLOWED}",
    ),
    "a skip connection": (
        [*GEMM[:2], node("Add", "a h", "q")],
        {},
        "graph.node[2] is an Add of results behind 0 and behind 1 ReLUs, as a skip connection makes them; "
        "allowed: results behind equally many. Train a network without that connection.",
    ),
    "a dense connection": (
        [*GEMM[:2], node("Concat", "x h", "c", axis=1, name="join"), node("MatMul", "c U", "q")],
        {"U": np.ones((7, 1))},
        "graph.node[2] ('join') is a Concat of results behind 0 and behind 1 ReLUs, as a skip connection",
    ),
    "transA": (
        swapped(0, node("Gemm", "x W B", "a", transA=1)),
        {},
        f"graph.node[0] is a Gemm {MIXED}",
    ),
    "Flatten of the batch": (
        [node("Flatten", "x", "y", axis=0), node("Gemm", "y W B", "a", transB=1), *GEMM[1:]],
        {},
        f"graph.node[0] is a Flatten {MIXED}",
    ),
    "a Reshape of the batch": (
        [node("Reshape", "x s", "y"), node("MatMul", "y U", "q")],
        {"s": np.array([-1, 6]), "U": np.ones((6, 1))},
        "graph.node[0] is a Reshape from (batch, 3) to (-1, 6), which mixes the rows of the batch; al",
    ),
    "a mean over the batch": (
        [*GEMM[:2], node("ReduceMean", "h", "m", axes=[0]), node("MatMul", "m U", "q")],
        {"U": np.ones((4, 1))},
        f"graph.node[2] is a ReduceMean {MIXED}",
    ),
    "a slice of the batch": (
        [node("Slice", "x s e k", "y"), node("Gemm", "y W B", "a", transB=1), *GEMM[1:]],
        {"s": np.array([0]), "e": np.array([1]), "k": np.array([0])},
        f"graph.node[0] is a Slice {MIXED}",
    ),
    "a weight of another size": (
        GEMM,
        {"W": np.ones((4, 7))},
        "graph.node[0] is a Gemm of 7 inputs; allowed: 3 inputs, as many as come in.",
    ),
    "a bias for each row of the batch": (
        GEMM,
        {"B": np.ones((5, 4))},
        "graph.node[0] is a Gemm with a constant of shape (5, 4), which differs from row to row of the "
        "batch; allowed: a constant that is alike for the whole batch.",
    ),
    "a bias that widens": (
        [*GEMM[:2], node("Gemm", "h V B", "q", transB=1)],
        {},
        "graph.node[2] is a Gemm with an added constant of shape (4,); allowed: a shape that broadcasts to",
    ),
    "an Add that widens": (
        [*GEMM[:2], node("Gemm", "h V C", "r", transB=1), node("Add", "r B", "q")],
        {},
        "layers.1.weight is 4 outputs wide; allowed: output size 1, which is Q.",
    ),
    "the constant before the batch": (
        [node("MatMul", "W x", "q")],
        {},
        f"graph.node[0] is a MatMul {MIXED}",
    ),
    "a product of results": (
        [node("MatMul", "x x", "q")],
        {},
        "graph.node[0] is a MatMul of two results that depend on the network's input; allowed: one of them",
    ),
    "a square": (
        [*GEMM[:1], node("Mul", "a a", "h"), GEMM[2]],
        {},
        "graph.node[1] is a Mul of two results that depend on the network's input; allowed: one of them",
    ),
    "a quotient": (
        [*GEMM[:1], node("Div", "B a", "h"), GEMM[2]],
        {},
        "graph.node[1] is a Div whose input 1 depends on the network's input; allowed: a constant there.",
    ),
    "a division by zero": (
        [node("Div", "x z", "y"), node("Gemm", "y W B", "a", transB=1), *GEMM[1:]],
        {"z": np.array([1.0, 0.0, 2.0])},
        "graph.node[0] is a Div by a constant that holds 0; allowed: numbers other than 0.",
    ),
    "a ReLU6": (
        swapped(1, node("Clip", "a z six", "h")),
        {"z": np.array(0.0), "six": np.array(6.0)},
        "graph.node[1] is a Clip with the upper limit 6; allowed: a Clip from 0 without an upper limit.",
    ),
    "a Clip from below 0": (
        swapped(1, node("Clip", "a one", "h")),
        {"one": np.array(-1.0)},
        "graph.node[1] is a Clip with the lower limit -1; allowed: a Clip from 0, which is a ReLU.",
    ),
    "a Max with another number": (
        swapped(1, node("Max", "a one", "h")),
        {"one": np.array([1.0])},
        "graph.node[1] is a Max with a constant other than 0; allowed: a Max with 0, which is a ReLU.",
    ),
    "a Max of two results": (
        [*GEMM[:1], node("Max", "a a", "h"), GEMM[2]],
        {},
        "graph.node[1] is a Max of two results; allowed: a Max of one result and 0, which is a ReLU.",
    ),
    "Dropout in training": (
        [*GEMM[:2], node("Dropout", "h r t", "d"), node("Gemm", "d V C", "q", transB=1)],
        {"r": np.array(0.5), "t": np.array(True)},
        "graph.node[2] is a Dropout in training mode; allowed: inference. Export the net in evaluation mode.",
    ),
    "a Cast to whole numbers": (
        [node("Cast", "x", "y", to=int(T.INT64)), node("Gemm", "y W B", "a", transB=1), *GEMM[1:]],
        {},
        "graph.node[0] is a Cast to INT64; allowed: floats: FLOAT, DOUBLE, FLOAT16, BFLOAT16.",
    ),
    "a weight of whole numbers": (
        GEMM,
        {"V": np.ones((1, 4), dtype=np.int8)},
        "graph.node[2] is a Gemm with a constant of type int8; allowed: floats: FLOAT, DOUBLE, FLOAT16, BFL",
    ),
    "a missing value": (
        [node("MatMul", "x nowhere", "q")],
        {},
        "graph.node[0] is a MatMul of 'nowhere'; allowed: inputs that earlier nodes or initialisers give.",
    ),
    "a node without its inputs": (
        [node("MatMul", "x", "q")],
        {},
        "graph.node[0] is a MatMul that breaks its rules (Node",
    ),
    "noise": (
        [node("RandomNormal", "", "r", shape=[3, 1]), node("MatMul", "x r", "q")],
        {},
        f"graph.node[0] is the operator RandomNormal; {ALLOWED}",
    ),
    "the size of the batch as a number": (
        [
            node("Shape", "x", "s"),
            node("Cast", "s", "f", to=int(T.FLOAT)),
            node("Mul", "x f", "y"),
            node("MatMul", "y U", "q"),
        ],
        {"U": np.ones((3, 1))},
        "graph.node[1] is a Cast of the size of the batch; allowed: numbers alike for batches of any size.",
    ),
    "two outputs wide": (
        GEMM,
        {"V": np.ones((2, 4)), "C": np.zeros(2)},
        "layers.1.weight is 2 outputs wide; allowed: output size 1, which is Q.",
    ),
    "NaN": (GEMM, {"B": np.full(4, np.nan)}, "layers.0.bias[0] is nan; allowed: finite numbers."),
}


@pytest.mark.parametrize(("nodes", "constants", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_a_file_that_is_no_relu_network_is_refused_by_node_and_name(
    tmp_path: Path, nodes: list[Any], constants: dict[str, Any], message: str
) -> None:
    path = write(tmp_path / "q.onnx", nodes, **{**PLAIN, **constants})
    with pytest.raises(QNetError) as raised:
        qnet_from_onnx(path, ["link_load"])
    assert str(raised.value).startswith(f"{path}: {message}")


def test_several_inputs_and_shapes_of_images_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "q.onnx", GEMM, ("n", 3, 1), **PLAIN)
    with pytest.raises(
        QNetError, match=r"graph.input \('x'\) is of shape \(\?, 3, 1\); allowed: shape \(batch, in"
    ):
        qnet_from_onnx(path, ["link_load"])
    model = onnx.load(path)
    model.graph.input.append(H.make_tensor_value_info("state", T.FLOAT, ["n", 2]))
    path.write_bytes(model.SerializeToString())
    with pytest.raises(
        QNetError, match=r"graph.input is 2 tensors \('x', 'state'\); allowed: one input. Export a"
    ):
        qnet_from_onnx(path, ["link_load"])


def test_an_input_of_whole_numbers_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "q.onnx", [node("Cast", "x", "y", to=int(T.FLOAT)), *GEMM], **PLAIN)
    model = onnx.load(path)
    model.graph.input[0].type.tensor_type.elem_type = T.INT64
    path.write_bytes(model.SerializeToString())
    with pytest.raises(QNetError, match=r"graph.input \('x'\) is of type INT64; allowed: floats: FLOAT, D"):
        qnet_from_onnx(path, ["link_load"])


def test_what_is_no_onnx_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "q.onnx"
    for content in (b"PK\x03\x04 this is no protobuf", b"<html>not found</html>", b"\x08\x08", b"{}"):
        path.write_bytes(content)
        with pytest.raises(QNetError, match=r"q\.onnx is no ONNX file \(.*\); allowed: an ONNX model\."):
            qnet_from_onnx(path, ["link_load"])
    with pytest.raises(QNetError, match="is missing; allowed: an existing file"):
        qnet_from_onnx(tmp_path / "none.onnx", ["link_load"])
    with pytest.raises(QNetError, match=r"is a \.pth file, which may have to be unpickled"):
        qnet_from_onnx(tmp_path / "q.pth", ["link_load"])


def test_an_empty_file_is_said_to_be_empty(tmp_path: Path) -> None:
    (tmp_path / "q.onnx").touch()
    for inputs in (None, "link_load"):
        with pytest.raises(QNetError, match=r"q\.onnx is empty; allowed: an \.onnx file\. Write or copy"):
            qnet_from_onnx(tmp_path / "q.onnx", inputs)


def test_an_operator_set_before_broadcasting_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "q.onnx", GEMM, version=6, **PLAIN)
    with pytest.raises(QNetError, match=r"opset_import is operator set 6; allowed: operator set 7 or later"):
        qnet_from_onnx(path, ["link_load"])


def test_a_file_whose_tensors_lie_elsewhere_needs_them(tmp_path: Path) -> None:
    model = onnx.load(write(tmp_path / "plain.onnx", GEMM, **PLAIN))
    onnx.save(model, tmp_path / "q.onnx", save_as_external_data=True, location="q.data", size_threshold=0)
    assert qnet_from_onnx(tmp_path / "q.onnx", "link_load") == NET
    (tmp_path / "q.data").unlink()
    with pytest.raises(QNetError, match=r"q\.onnx is no ONNX file \(.*q\.data"):
        qnet_from_onnx(tmp_path / "q.onnx", "link_load")


def test_an_onnx_file_of_another_program_needs_its_inputs_named(tmp_path: Path) -> None:
    path = write(tmp_path / "q.onnx", GEMM, **PLAIN)
    with pytest.raises(QNetError) as raised:
        qnet_from_onnx(path)
    assert str(raised.value) == (
        f"{path}: metadata_props.inputs is missing; allowed: a comma-separated list of feature blocks: "
        "link_pairs, link_probability, link_fidelity, node_memory, link_load, request_served, request_hops, "
        "request_log_success. Name them in input order: --inputs link_load,request_served on the command "
        "line, `inputs` in a suite or in Python."
    )
    assert resolve_qnet(path, "link_load") == resolve_qnet(path, ["link_load"]) == NET


def test_inputs_that_contradict_the_file_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "q.onnx", GEMM, inputs="link_load, request_served", **PLAIN)
    blocks = ("link_load", "request_served")
    assert qnet_from_onnx(path).inputs == qnet_from_onnx(path, blocks).inputs == blocks
    with pytest.raises(
        QNetError,
        match=r"metadata_props\.inputs is 'link_load, request_served'; allowed: 'request_served,link_load', "
        r"the inputs that were given beside the file\. Leave --inputs \(`inputs`\) out",
    ):
        qnet_from_onnx(path, "request_served,link_load")
