"""ONNX files: plain ways to write a ReLU network, and what we write ourselves."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from milproute.instances import MissingPackageError, QNet, load_qnet, save_qnet
from milproute.instances.qnets.onnx import qnet_from_onnx, qnet_to_onnx
from milproute.instances.qnets.torch import qnet_from_torch, qnet_to_torch
from tests.support.dense_nets import net
from tests.support.onnx_cases import GEMM, NET, PLAIN, RNG, B, C, H, T, V, W, node, onnx, run, write

if TYPE_CHECKING:
    from pathlib import Path

BATCH = np.random.default_rng(4).normal(size=(5, 3))

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
