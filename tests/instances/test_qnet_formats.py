"""ONNX and torch: what converts computes the same, what cannot is refused by its name."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instances import MissingPackageError, QNet, QNetError, load_qnet, save_qnet
from instances.qnet_formats import qnet_from_onnx, qnet_from_torch, qnet_to_onnx, qnet_to_torch
from tests.instances.test_qnet import net

if TYPE_CHECKING:
    from pathlib import Path

onnx = pytest.importorskip("onnx", reason="needs onnx")
H, T = onnx.helper, onnx.TensorProto
RNG = np.random.default_rng(3)
W, B = RNG.normal(size=(4, 3)).astype(np.float32), RNG.normal(size=4).astype(np.float32)
V, C = RNG.normal(size=(1, 4)).astype(np.float32), RNG.normal(size=1).astype(np.float32)
# y = V max(0, W x + B) + C, the network that most cases below write in their own way.
NET = QNet(("link_load",), (W, V), (B, C))
BATCH = np.random.default_rng(4).normal(size=(5, 3))


def node(operator: str, inputs: str, output: str, **attributes: Any) -> Any:
    return H.make_node(operator, inputs.split(), [output], **attributes)


def write(
    path: Path, nodes: list[Any], shape: Any = ("n", 3), double: bool = False, **constants: Any
) -> Path:
    """Write a model with input x and output q; constants are initialisers by name."""
    kind, dtype = (T.DOUBLE, np.float64) if double else (T.FLOAT, np.float32)
    tensors = [
        onnx.numpy_helper.from_array(
            np.asarray(value, dtype) if isinstance(value, list) else value.astype(dtype), k
        )
        if not isinstance(value, T)
        else value
        for k, value in constants.items()
    ]
    ends = [H.make_tensor_value_info("x", kind, shape)], [H.make_tensor_value_info("q", kind, None)]
    model = H.make_model(
        H.make_graph(nodes, "g", *ends, initializer=tensors),
        opset_imports=[H.make_opsetid("", 17)],
        ir_version=8,
    )
    path.write_bytes(model.SerializeToString())
    return path


def run(path: Path, x: np.ndarray[Any, Any], kind: Any = np.float32) -> np.ndarray[Any, Any]:
    runtime = pytest.importorskip("onnxruntime", reason="needs onnxruntime")
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {session.get_inputs()[0].name: x.astype(kind)})[0])[..., 0]


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
    path = write(tmp_path / "q.onnx", GEMM, double=True, **exact)
    assert qnet_from_onnx(path, "link_load") == QNet(
        ("link_load",), (exact["W"], exact["V"]), (exact["B"], exact["C"])
    )


def test_initialisers_that_are_also_listed_as_inputs_are_no_inputs(tmp_path: Path) -> None:
    path = write(tmp_path / "q.onnx", GEMM, **PLAIN)
    model = onnx.load(path)
    model.graph.input.insert(0, H.make_tensor_value_info("W", T.FLOAT, [4, 3]))
    path.write_bytes(model.SerializeToString())
    assert qnet_from_onnx(path, ["link_load"]) == NET


def swapped(place: int, step: Any) -> list[Any]:
    return [*GEMM[:place], step, *GEMM[place + 1 :]]


ALLOWED = "allowed: Gemm, MatMul, Add and Relu (Identity, Constant and Flatten where they change nothing)."
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
    "Concat": (
        [node("Concat", "x x", "y", axis=1), node("Gemm", "y W", "q")],
        {},
        f"graph.node[0] is the operator Concat; {ALLOWED} Export a network that takes all feature",
    ),
    "a final ReLU": (
        [*GEMM[:2], node("Gemm", "h V C", "r", transB=1), node("Relu", "r", "q")],
        {},
        "graph.output is a final ReLU; allowed: an affine last layer. Q may be negative: leave",
    ),
    "a ReLU first": (
        [node("Relu", "x", "q")],
        {},
        "graph.node[0] is a ReLU on the inputs themselves; allowed: an affine layer before the first ReLU.",
    ),
    "nothing": ([node("Identity", "x", "q")], {}, "graph.output is a network without layers"),
    "a skip connection": (
        [*GEMM[:2], node("Add", "a h", "q")],
        {},
        "graph.node[2] is an Add of two results, as a skip connection does; allowed: an Add of one",
    ),
    "transA": (
        swapped(0, node("Gemm", "x W B", "a", transA=1)),
        {},
        "graph.node[0] is a Gemm with transA = 1; allowed: transA = 0, the batch in the rows.",
    ),
    "Flatten of the batch": (
        [node("Flatten", "x", "y", axis=0), *GEMM],
        {},
        "graph.node[0] is a Flatten with axis = 0; allowed: axis = 1",
    ),
    "a weight of another size": (
        GEMM,
        {"W": np.ones((4, 7))},
        "graph.node[0] is of 7 inputs; allowed: 3 inputs, as many as come in.",
    ),
    "a bias for each row of the batch": (
        GEMM,
        {"B": np.ones((5, 4))},
        "graph.node[0] is an added constant of shape (5, 4); allowed: shape (4,), (1, 4) or a single number",
    ),
    "an Add that widens": (
        [*GEMM[:2], node("Gemm", "h V C", "r", transB=1), node("Add", "r B", "q")],
        {},
        "graph.node[3] is an added constant of shape (4,); allowed: shape (1,), (1, 1) or a single number",
    ),
    "the constant before the batch": (
        [node("MatMul", "W x", "q")],
        {},
        "graph.node[0] is a MatMul of the constant 'W'; allowed: the batch as input 0.",
    ),
    "a product of results": (
        [node("MatMul", "x x", "q")],
        {},
        "graph.node[0] is a MatMul whose input 1, 'x', depends on the network's input; allowed: a",
    ),
    "a missing value": (
        [node("MatMul", "x nowhere", "q")],
        {},
        "graph.node[0] is a MatMul of 'nowhere'; allowed: inputs that earlier nodes or initialisers give.",
    ),
    "half floats": (
        GEMM,
        {"B": H.make_tensor("B", T.FLOAT16, [4], B.astype(np.float16))},
        "graph.initializer[1] ('B') is of type FLOAT16; allowed: FLOAT or DOUBLE.",
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


def test_what_is_no_onnx_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "q.onnx"
    path.write_bytes(b"PK\x03\x04 this is no protobuf")
    with pytest.raises(QNetError, match="no ONNX file"):
        qnet_from_onnx(path, ["link_load"])
    with pytest.raises(QNetError, match="is missing; allowed: an existing file"):
        qnet_from_onnx(tmp_path / "none.onnx", ["link_load"])
    with pytest.raises(QNetError, match=r"is a \.pth file, which may have to be unpickled"):
        qnet_from_onnx(tmp_path / "q.pth", ["link_load"])


def test_an_onnx_file_of_another_program_needs_its_inputs_named(tmp_path: Path) -> None:
    path = write(tmp_path / "q.onnx", GEMM, **PLAIN)
    with pytest.raises(
        QNetError, match=r"metadata_props.inputs is missing; .* Name them: qnet_from_onnx\(path"
    ):
        qnet_from_onnx(path)


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


# --- torch --------------------------------------------------------------------------------------------


def modules(torch: Any, shape: str) -> Any:
    nn = torch.nn
    torch.manual_seed(0)
    return {
        "usual": lambda: nn.Sequential(
            nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 1)
        ),
        "some without bias": lambda: nn.Sequential(
            nn.Linear(3, 5, bias=False), nn.ReLU(), nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 1, bias=False)
        ),
        "nested": lambda: nn.Sequential(nn.Sequential(nn.Linear(3, 5), nn.ReLU()), nn.Linear(5, 1)),
        "affine layers in a row": lambda: nn.Sequential(
            nn.Linear(3, 5), nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 1)
        ),
        "double": lambda: nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 1)).double(),
        "linear": lambda: nn.Sequential(nn.Linear(3, 1)),
        "one ReLU twice": lambda: (
            relu := nn.ReLU(),
            nn.Sequential(nn.Linear(3, 4), relu, nn.Linear(4, 4), relu, nn.Linear(4, 1)),
        )[1],
    }[shape]()


@pytest.mark.parametrize(
    ("shape", "layers"),
    [
        ("usual", 3),
        ("some without bias", 3),
        ("nested", 2),
        ("affine layers in a row", 2),
        ("double", 2),
        ("linear", 1),
        ("one ReLU twice", 3),
    ],
)
def test_a_sequential_is_the_network_that_torch_runs(shape: str, layers: int) -> None:
    torch = pytest.importorskip("torch", reason="needs torch")
    module = modules(torch, shape)
    qnet = qnet_from_torch(module, ["link_load"])
    assert len(qnet.weights) == layers
    with torch.no_grad():
        expected = module.double()(torch.tensor(BATCH))[:, 0].numpy()
        np.testing.assert_allclose(qnet.forward(BATCH), expected, atol=1e-12)
        np.testing.assert_allclose(
            qnet_to_torch(qnet)(torch.tensor(BATCH))[:, 0].numpy(), expected, atol=1e-12
        )


def test_training_on_changes_no_net_read_before() -> None:
    torch = pytest.importorskip("torch", reason="needs torch")
    module = modules(torch, "double")
    qnet = qnet_from_torch(module, ["link_load"])
    before = qnet.forward(BATCH)
    with torch.no_grad():
        module[0].weight.mul_(2.0)
    np.testing.assert_array_equal(qnet.forward(BATCH), before)
    assert qnet_from_torch(module, ["link_load"]) != qnet


def test_a_module_that_is_no_relu_network_is_refused_by_place_and_name() -> None:
    torch = pytest.importorskip("torch", reason="needs torch")
    nn = torch.nn

    class Linear(nn.Linear):  # type: ignore[misc, name-defined, unused-ignore]
        def forward(self, x: Any) -> Any:
            return super().forward(x) ** 2

    first, last = nn.Linear(3, 4), nn.Linear(4, 1)
    allowed = "allowed: Linear, ReLU and nn.Sequential of these"
    cases = {
        f"module 1 is Tanh; {allowed}": nn.Sequential(first, nn.Tanh(), last),
        f"module 1.0 is Dropout; {allowed}": nn.Sequential(first, nn.Sequential(nn.Dropout()), last),
        f"module 1 is Linear; {allowed}": nn.Sequential(first, Linear(4, 1)),
        "the last module is a final ReLU; allowed: an affine last layer": nn.Sequential(
            first, last, nn.ReLU()
        ),
        "module 0 is a ReLU on the inputs themselves": nn.Sequential(nn.ReLU(), first),
        "module 1 is of 3 inputs; allowed: 4 inputs": nn.Sequential(first, first),
        "the last module is a network without layers": nn.Sequential(),
        "the torch module is a Linear; allowed: a torch.nn.Sequential": first,
        "is a OrderedDict; allowed: a torch.nn.Sequential. Load a state into": first.state_dict(),
    }
    for message, module in cases.items():
        with pytest.raises(QNetError) as raised:
            qnet_from_torch(module, ["link_load"])
        assert message in str(raised.value)


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
