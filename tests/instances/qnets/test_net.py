"""Q-nets: files keep every bit, bad ones are refused with place and remedy, the forward pass is right."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import milproute.instances.qnets.net
from milproute.instances import MissingPackageError, OutputError, QNet, QNetError, load_qnet, save_qnet
from tests.support.dense_nets import BLOCKS, net

if TYPE_CHECKING:
    from pathlib import Path

safetensors = pytest.importorskip("safetensors.numpy", reason="needs safetensors")


def tensors(**changes: Any) -> dict[str, Any]:
    """A good file's tensors with changes; None leaves one out."""
    good: dict[str, Any] = {
        "layers.0.weight": np.ones((2, 3)),
        "layers.0.bias": np.zeros(2),
        "layers.1.weight": np.ones((1, 2)),
        "layers.1.bias": np.zeros(1),
    }
    return {name: array for name, array in {**good, **changes}.items() if array is not None}


def write(path: Path, arrays: dict[str, Any], **metadata: str | None) -> Path:
    stated = {"format": "milproute.qnet/1", "inputs": "link_load", **metadata}
    kept = {key: value for key, value in stated.items() if value is not None}
    path.write_bytes(safetensors.save(arrays, metadata=kept))
    return path


def by_hand(qnet: QNet, x: list[float]) -> float:
    """Neuron by neuron, in plain Python."""
    values, last = x, len(qnet.weights) - 1
    for i, (weight, bias) in enumerate(zip(qnet.weights, qnet.biases, strict=True)):
        sums = [
            sum(w * v for w, v in zip(row, values, strict=True)) + b
            for row, b in zip(weight, bias, strict=True)
        ]
        values = sums if i == last else [max(0.0, s) for s in sums]
    return float(values[0])


@given(st.lists(st.integers(1, 6), min_size=1, max_size=4), st.integers(0, 9))
def test_the_forward_pass_is_that_of_a_relu_network(widths: list[int], seed: int) -> None:
    qnet = net(*widths, 1, seed=seed)
    x = np.random.default_rng(seed + 1).normal(size=(2, 3, widths[0]))
    q = qnet.forward(x)
    assert q.shape == (2, 3)
    assert q[1, 2] == pytest.approx(by_hand(qnet, x[1, 2].tolist()), abs=1e-9)
    assert qnet.forward(x[0, 1]) == pytest.approx(by_hand(qnet, x[0, 1].tolist()), abs=1e-9)


def test_a_negative_q_is_not_cut_off() -> None:
    assert QNet(("link_load",), (np.array([[-2.0]]),), (np.array([-1.0]),)).forward([3.0]) == -7.0


def test_the_first_layer_may_be_summed_elsewhere() -> None:
    qnet, x = net(4, 3, 1), np.random.default_rng(5).normal(size=(7, 4))
    first = qnet.weights[0] @ x.T + qnet.biases[0][:, None]
    np.testing.assert_allclose(qnet.forward_from(first.T), qnet.forward(x), atol=1e-12)


def test_a_net_is_a_value() -> None:
    one, same, other = net(3, 2, 1), net(3, 2, 1), net(3, 2, 1, seed=1)
    assert one == same and hash(one) == hash(same) and one != other
    assert one != QNet(("link_load",), one.weights, one.biases)
    assert one.sizes == (3, 2, 1)
    with pytest.raises(ValueError, match="read-only"):
        one.weights[0][0, 0] = 1.0
    assert pickle.loads(pickle.dumps(one)) == one  # noqa: S301 (between our own processes)


def test_later_changes_of_the_arrays_handed_in_change_no_net() -> None:
    weight = np.ones((1, 2))
    qnet = QNet(("link_load",), (weight,), (np.zeros(1),))
    weight[:] = 5.0
    assert qnet.forward([1.0, 1.0]) == 2.0


def test_a_saved_net_comes_back_bit_for_bit(tmp_path: Path) -> None:
    qnet, path = net(5, 4, 3, 1), tmp_path / "q.safetensors"
    save_qnet(qnet, path)
    back = load_qnet(path)
    assert back == qnet and back.inputs == BLOCKS and back.source == str(path)
    assert [p.name for p in tmp_path.iterdir()] == ["q.safetensors"]


def test_the_same_net_gives_the_same_bytes_in_every_process(tmp_path: Path) -> None:
    # The safetensors package orders metadata at random, anew at every call.
    code = (
        "import sys; from milproute.instances import QNet, save_qnet; "
        "save_qnet(QNet(('link_load', 'node_memory'), ([[1., 2.]],), ([3.],)), sys.argv[1])"
    )
    written = set()
    for i in range(3):
        path = tmp_path / f"{i}.safetensors"
        subprocess.run([sys.executable, "-c", code, path], check=True)
        written.add(path.read_bytes())
    qnet = load_qnet(path)
    for _ in range(10):
        save_qnet(qnet, path)
        written.add(path.read_bytes())
    assert len(written) == 1


def test_the_file_is_what_the_format_says(tmp_path: Path) -> None:
    path = tmp_path / "q.safetensors"
    save_qnet(net(5, 4, 1), path)
    content = path.read_bytes()
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    assert header.pop("__metadata__") == {"format": "milproute.qnet/1", "inputs": "link_load,request_served"}
    assert {name: entry["shape"] for name, entry in header.items()} == {
        "layers.0.weight": [4, 5],
        "layers.0.bias": [4],
        "layers.1.weight": [1, 4],
        "layers.1.bias": [1],
    }
    assert (8 + size) % 8 == 0


def test_float32_files_are_reckoned_in_double(tmp_path: Path) -> None:
    tenth = np.full((1, 2), 0.1, dtype=np.float32)
    path = write(
        tmp_path / "q.safetensors", {"layers.0.weight": tenth, "layers.0.bias": np.zeros(1, np.float32)}
    )
    qnet = load_qnet(path)
    assert qnet.weights[0].dtype == np.float64
    assert qnet.forward([1.0, 1e-9]) == float(tenth[0, 0]) * (1 + 1e-9)


def test_layers_are_paired_by_their_names_beyond_nine(tmp_path: Path) -> None:
    arrays: dict[str, Any] = {}
    for i in range(12):
        arrays |= {f"layers.{i}.weight": np.array([[float(i + 1)]]), f"layers.{i}.bias": np.array([float(i)])}
    qnet = load_qnet(write(tmp_path / "q.safetensors", arrays))
    assert [float(weight[0, 0]) for weight in qnet.weights] == [i + 1.0 for i in range(12)]
    assert [float(bias[0]) for bias in qnet.biases] == [float(i) for i in range(12)]


NAN = np.array([[1.0, 1.0, 1.0], [1.0, np.nan, 1.0]])
KNOWN = (
    "feature blocks: link_pairs, link_probability, link_fidelity, node_memory, link_load, request_served, "
    "request_hops, request_log_success"
)
# Tensors, metadata -> what the message must say after the file.
BAD: dict[str, tuple[dict[str, Any], dict[str, str | None], str]] = {
    "NaN": (
        tensors(**{"layers.0.weight": NAN}),
        {},
        "layers.0.weight[1, 1] is nan; allowed: finite numbers. (1 of 6 are not; the training diverged.)",
    ),
    "infinite bias": (
        tensors(**{"layers.1.bias": np.array([-np.inf])}),
        {},
        "layers.1.bias[0] is -inf; allowed: finite numbers.",
    ),
    "two outputs": (
        tensors(**{"layers.1.weight": np.ones((2, 2)), "layers.1.bias": np.zeros(2)}),
        {},
        "layers.1.weight is 2 outputs wide; allowed: output size 1, which is Q. A net with one output",
    ),
    "no chain": (
        tensors(**{"layers.1.weight": np.ones((1, 3))}),
        {},
        "layers.1.weight is of shape (1, 3); allowed: shape (out, 2), as layers.0 puts out 2.",
    ),
    "bias of another size": (
        tensors(**{"layers.0.bias": np.zeros(3)}),
        {},
        "layers.0.bias is of shape (3,); allowed: shape (2,).",
    ),
    "a vector for a weight": (
        tensors(**{"layers.0.weight": np.ones(3)}),
        {},
        "layers.0.weight is of shape (3,); allowed: shape (out, in), neither 0.",
    ),
    "half floats": (
        tensors(**{"layers.0.bias": np.zeros(2, np.float16)}),
        {},
        "layers.0.bias is of type F16; allowed: F32 or F64. Convert it before saving.",
    ),
    "no bias": (
        tensors(**{"layers.0.bias": None}),
        {},
        "layers.0.bias is missing; allowed: the tensors layers.0.weight, layers.0.bias, layers.1.weight, … "
        "and no others. A layer without bias needs one of zeros.",
    ),
    "a hole": (
        tensors(**{"layers.1.weight": None, "layers.1.bias": None, "layers.2.weight": np.ones((1, 2))}),
        {},
        "layers.1.weight is missing",
    ),
    "another tensor": (
        tensors(**{"fc.weight": np.ones(1)}),
        {},
        "tensor 'fc.weight' is an unknown name; allowed: the tensors layers.0.weight",
    ),
    "no layers": ({}, {}, "layers is 0 weights and 0 biases; allowed: at least one layer"),
    "unknown block": (
        tensors(),
        {"inputs": "link_load,request_hop"},
        f"inputs[1] is 'request_hop'; allowed: {KNOWN}. Did you mean 'request_hops'?",
    ),
    "a block twice": (
        tensors(),
        {"inputs": "link_load, link_load"},
        "inputs[1] is 'link_load'; allowed: each feature block once.",
    ),
    "empty inputs": (tensors(), {"inputs": " "}, f"inputs is empty; allowed: {KNOWN}."),
    "no inputs": (
        tensors(),
        {"inputs": None},
        "metadata.inputs is missing; allowed: a comma-separated list of feature blocks: link_pairs",
    ),
    "another format": (tensors(), {"format": "pt"}, "metadata.format is 'pt'; allowed: 'milproute.qnet/1'."),
    "no format": (tensors(), {"format": None}, "metadata.format is missing; allowed: 'milproute.qnet/1'."),
}


@pytest.mark.parametrize(("arrays", "metadata", "message"), BAD.values(), ids=BAD.keys())
def test_a_bad_file_is_refused_with_place_value_and_what_is_allowed(
    tmp_path: Path, arrays: dict[str, Any], metadata: dict[str, str | None], message: str
) -> None:
    path = write(tmp_path / "q.safetensors", arrays, **metadata)
    with pytest.raises(QNetError) as raised:
        load_qnet(path)
    assert str(raised.value).startswith(f"{path}: {message}")


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".pkl", ".PT"])
def test_a_file_that_needs_unpickling_is_refused_unread(tmp_path: Path, suffix: str) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, tuple[str]]:
            return (exec, (f"open({str(tmp_path / 'sprung')!r}, 'w')",))

    path = tmp_path / f"q{suffix}"
    path.write_bytes(pickle.dumps(Trap()))
    with pytest.raises(QNetError) as raised:
        load_qnet(path)
    assert str(raised.value) == (
        f"{path} is a {suffix} file, which may have to be unpickled, and that can run any code; allowed: a "
        ".safetensors file. Rebuild its nn.Sequential yourself (torch.load with weights_only=True reads "
        "numbers only), hand it to milproute.qnet_from_torch and write it with milproute.save_qnet."
    )
    assert not (tmp_path / "sprung").exists()


def test_what_is_no_safetensors_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "q.safetensors"
    path.write_bytes(pickle.dumps({"layers.0.weight": 1}))
    with pytest.raises(QNetError, match="no safetensors file"):
        load_qnet(path)
    with pytest.raises(QNetError, match="is missing; allowed: an existing file"):
        load_qnet(tmp_path / "none.safetensors")
    with pytest.raises(QNetError, match="is a folder"):
        load_qnet(tmp_path)
    with pytest.raises(QNetError, match=r"is an ONNX file; allowed: a \.safetensors file\. Convert it with"):
        load_qnet(tmp_path / "q.onnx")


def test_a_net_is_written_only_where_and_as_asked(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"a Q-net is a \.safetensors file"):
        save_qnet(net(2, 1), tmp_path / "q.onnx")
    with pytest.raises(OutputError, match="there is no folder"):
        save_qnet(net(2, 1), tmp_path / "none" / "q.safetensors")
    assert not list(tmp_path.iterdir())


def test_a_missing_package_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "q.safetensors"
    save_qnet(net(2, 1), path)
    for name in ("safetensors", "safetensors.numpy"):
        monkeypatch.setitem(sys.modules, name, None)
    for call in (lambda: load_qnet(path), lambda: save_qnet(net(2, 1), tmp_path / "other.safetensors")):
        with pytest.raises(MissingPackageError, match=r"pip install 'milproute\[nets\]'"):
            call()
    assert isinstance(MissingPackageError("x"), ImportError)


def test_a_package_that_is_broken_inside_is_not_called_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "half_there.py").write_text("import surely_not_installed_anywhere")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="surely_not_installed_anywhere") as raised:
        milproute.instances.optional.optional_package("half_there", "nets", "this test")
    assert not isinstance(raised.value, MissingPackageError)
