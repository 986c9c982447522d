"""ONNX files: plain ways to write a ReLU network, what is refused and how, and what we write ourselves."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from milproute.instances import MissingPackageError, QNet, QNetError, load_qnet, save_qnet
from milproute.instances.qnets.library import resolve_qnet
from milproute.instances.qnets.onnx import qnet_from_onnx, qnet_to_onnx
from milproute.instances.qnets.torch import qnet_from_torch, qnet_to_torch
from tests.support.dense_nets import net
from tests.support.onnx_cases import H, T, node, onnx, run, write

if TYPE_CHECKING:
    from pathlib import Path

RNG = np.random.default_rng(3)
W, B = RNG.normal(size=(4, 3)).astype(np.float32), RNG.normal(size=4).astype(np.float32)
V, C = RNG.normal(size=(1, 4)).astype(np.float32), RNG.normal(size=1).astype(np.float32)
# y = V max(0, W x + B) + C, the network that most cases below write in their own way.
NET = QNet(("link_load",), (W, V), (B, C))
BATCH = np.random.default_rng(4).normal(size=(5, 3))

GEMM = [node("Gemm", "x W B", "a", transB=1), node("Relu", "a", "h"), node("Gemm", "h V C", "q", transB=1)]
PLAIN = {"W": W, "B": B, "V": V, "C": C}
TURNED = {"W": W.T, "B": B, "V": V.T, "C": C}
MATMUL = [
    node("MatMul", "x W", "m"),
    node("Add", "m B", "a"),
    node("Relu", "a", "h"),
    node("MatMul", "h V", "n"),
    node("Add", "n C", "q"),
]
# Nodes, constants, shape of the input: all of them legal ways to write a ReLU network.
LEGAL: dict[str, tuple[list[Any], dict[str, Any], Any]] = {
    "Gemm": (GEMM, PLAIN, ("n", 3)),
    "static batch of one": (GEMM, PLAIN, (1, 3)),
    "static batch of two": (GEMM, PLAIN, (2, 3)),
    "input of unknown width": (GEMM, PLAIN, ("n", "m")),
    "Gemm by default, not transposed": (
        [node("Gemm", "x W B", "a"), node("Relu", "a", "h"), node("Gemm", "h V C", "q")],
        TURNED,
        ("n", 3),
    ),
    "alpha and beta": (
        [
            node("Gemm", "x W B", "a", transB=1, alpha=0.5, beta=-2.0),
            node("Relu", "a", "h"),
            node("Gemm", "h V C", "q", transB=1, alpha=3.0, beta=0.25),
        ],
        PLAIN,
        ("n", 3),
    ),
    "without bias": (
        [node("Gemm", "x W", "a", transB=1), node("Relu", "a", "h"), node("Gemm", "h V C", "q", transB=1)],
        PLAIN,
        ("n", 3),
    ),
    "bias only in the first layer": (
        [node("Gemm", "x W B", "a", transB=1), node("Relu", "a", "h"), node("Gemm", "h V", "q", transB=1)],
        PLAIN,
        ("n", 3),
    ),
    "one number for all biases": (GEMM, {**PLAIN, "B": np.array([0.75])}, ("n", 3)),
    "bias as a row": (GEMM, {**PLAIN, "B": B[None]}, ("n", 3)),
    "MatMul and Add": (MATMUL, TURNED, ("n", 3)),
    "Add with the constant first": ([MATMUL[0], node("Add", "B m", "a"), *MATMUL[2:]], TURNED, ("n", 3)),
    "Add without a MatMul": (
        [
            node("Add", "x D", "y"),
            node("Relu", "y", "z"),
            node("Add", "z D", "u"),
            node("MatMul", "u U", "q"),
        ],
        {"D": W[0], "U": W[:1].T},
        ("n", 3),
    ),
    "affine layers in a row": (
        [node("Gemm", "x W B", "a", transB=1), node("MatMul", "a R", "b"), *GEMM[1:2], *GEMM[2:]],
        {**PLAIN, "R": RNG.normal(size=(4, 4))},
        ("n", 3),
    ),
    "ReLU twice, Identity, Flatten": (
        [
            node("Flatten", "x", "f"),
            node("Identity", "f", "i"),
            node("Gemm", "i W B", "a", transB=1),
            node("Relu", "a", "r"),
            node("Relu", "r", "h"),
            GEMM[2],
        ],
        PLAIN,
        ("n", 3),
    ),
    "Constant nodes": (
        [
            node("Constant", "", "k", value=onnx.numpy_helper.from_array(B)),
            node("Constant", "", "l", value_floats=[float(C[0])]),
            node("Identity", "k", "B2"),
            node("Gemm", "x W B2", "a", transB=1),
            node("Relu", "a", "h"),
            node("Gemm", "h V l", "q", transB=1),
        ],
        PLAIN,
        ("n", 3),
    ),
}
LEGAL["affine layers in a row"][0][2] = node("Relu", "b", "h")


@pytest.mark.parametrize(("nodes", "constants", "shape"), LEGAL.values(), ids=LEGAL.keys())
def test_a_legal_file_is_the_network_that_onnxruntime_runs(
    tmp_path: Path, nodes: list[Any], constants: dict[str, Any], shape: Any
) -> None:
    assert not any(step.name for step in nodes), "unnamed nodes are legal"
    path = write(tmp_path / "q.onnx", nodes, shape, **constants)
    x = BATCH[: shape[0]] if isinstance(shape[0], int) else BATCH
    qnet = qnet_from_onnx(path, ["link_load"])
    np.testing.assert_allclose(qnet.forward(x), run(path, x), atol=2e-5)
    assert qnet.source == str(path) and len(qnet.weights) == 2


def test_doubles_are_read_as_doubles(tmp_path: Path) -> None:
    exact = {name: value + 1e-12 for name, value in ((k, v.astype(float)) for k, v in PLAIN.items())}
    path = write(tmp_path / "q.onnx", GEMM, kind=np.float64, **exact)
    assert qnet_from_onnx(path, "link_load") == QNet(
        ("link_load",), (exact["W"], exact["V"]), (exact["B"], exact["C"])
    )


@pytest.mark.parametrize("kind", ["FLOAT16", "BFLOAT16"])
def test_half_floats_are_read_as_the_numbers_they_are(tmp_path: Path, kind: str) -> None:
    short = {name: H.make_tensor(name, getattr(T, kind), v.shape, v.ravel()) for name, v in PLAIN.items()}
    held = {name: np.asarray(onnx.numpy_helper.to_array(t), dtype=float) for name, t in short.items()}
    assert not np.array_equal(held["W"], W)
    path = write(tmp_path / "q.onnx", GEMM, **short)
    expected = QNet(("link_load",), (held["W"], held["V"]), (held["B"], held["C"]))
    assert qnet_from_onnx(path, "link_load") == expected


def test_initialisers_that_are_also_listed_as_inputs_are_no_inputs(tmp_path: Path) -> None:
    path = write(tmp_path / "q.onnx", GEMM, **PLAIN)
    model = onnx.load(path)
    model.graph.input.insert(0, H.make_tensor_value_info("W", T.FLOAT, [4, 3]))
    path.write_bytes(model.SerializeToString())
    assert qnet_from_onnx(path, ["link_load"]) == NET


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


@settings(deadline=None, max_examples=15)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=4), st.integers(0, 9))
def test_all_formats_keep_a_net_to_the_bit(
    tmp_path_factory: pytest.TempPathFactory, widths: list[int], seed: int
) -> None:
    pytest.importorskip("torch", reason="needs torch")
    folder, qnet = tmp_path_factory.mktemp("nets"), net(*widths, 1, seed=seed)
    qnet_to_onnx(qnet, folder / "q.onnx")
    save_qnet(qnet_from_onnx(folder / "q.onnx"), folder / "q.safetensors")
    assert qnet_from_torch(qnet_to_torch(load_qnet(folder / "q.safetensors")), qnet.inputs) == qnet
    x = np.random.default_rng(seed).normal(size=(3, widths[0]))
    np.testing.assert_allclose(run(folder / "q.onnx", x, np.float64), qnet.forward(x), rtol=1e-9, atol=1e-9)


def test_the_same_net_gives_the_same_onnx_bytes(tmp_path: Path) -> None:
    for name in ("a.onnx", "b.onnx"):
        qnet_to_onnx(net(4, 3, 1), tmp_path / name)
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()
    onnx.checker.check_model(onnx.load(tmp_path / "a.onnx"), full_check=True)


def test_missing_packages_are_named_with_their_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "q.onnx", GEMM, **PLAIN)
    for name in ("onnx", "torch"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingPackageError, match=r"needs the package onnx.*pip install 'milproute\[nets\]'"):
        qnet_from_onnx(path, ["link_load"])
    with pytest.raises(MissingPackageError, match=r"pip install 'milproute\[nets\]'"):
        qnet_to_onnx(NET, path)
    with pytest.raises(
        MissingPackageError, match=r"needs the package torch.*pip install 'milproute\[learn\]'"
    ):
        qnet_to_torch(NET)
