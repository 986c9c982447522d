"""``milproute embed``: a proven action, files and pictures; bad nets are refused before any solving."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from milproute.instances import QNet, check, load_plan, load_qnet, resolve, save, save_qnet
from milproute.instances.qnets.blocks import input_size
from milproute.instances.qnets.library import load_library_qnet
from milproute.instances.qnets.onnx import qnet_to_onnx

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import Command

pytest.importorskip("omlt", reason="needs omlt")
pytest.importorskip("safetensors", reason="needs safetensors")

SMALL = ("q-waxman-20-3-16x16", "waxman:nodes=20,requests=3,seed=1")
BLOCKS = ("link_load", "request_served")


def net_for(name: str, *, inputs: int | None = None, seed: int = 0) -> QNet:
    rng = np.random.default_rng(seed)
    width = input_size(resolve(name), BLOCKS) if inputs is None else inputs
    shapes = ((3, width), (1, 3))
    return QNet(BLOCKS, tuple(rng.normal(size=s) for s in shapes), tuple(np.zeros(n) for n, _ in shapes))


def raw(path: Path, inputs: str, *layers: tuple[Any, Any]) -> None:
    """Write tensors without the checks of `QNet`."""
    from safetensors.numpy import save_file

    tensors = {
        f"layers.{i}.{part}": np.asarray(value, dtype=np.float64)
        for i, layer in enumerate(layers)
        for part, value in zip(("weight", "bias"), layer, strict=True)
    }
    save_file(tensors, path, metadata={"format": "milproute.qnet/1", "inputs": inputs})


@pytest.mark.parametrize("engine", ["milp", "branch", "auto"])
def test_every_engine_writes_the_same_verified_action(
    milproute: Command, tmp_path: Path, engine: str
) -> None:
    outputs = ("--out", "plan.json", "--plot", "plan.svg", "--write-model", "model.mps")
    ran = milproute("embed", *SMALL, "--solve", "--engine", engine, *outputs, "--json")
    assert ran.status == 0, ran
    plan, (net, instance, _) = load_plan(tmp_path / "plan.json"), load_library_qnet(SMALL[0])
    assert plan.document() == ran.json
    assert (plan.formulation, plan.status, plan.verified) == ("argmax", "optimal", True)
    assert plan.objective == pytest.approx(1.8231804420304714, abs=1e-5)  # best_known.json
    assert check(instance, plan, qnet=net) == []
    assert (tmp_path / "plan.svg").read_text().startswith("<?xml")
    assert "OBJSENSE" in (tmp_path / "model.mps").read_text()


def test_without_solve_the_model_is_described(milproute: Command) -> None:
    ran = milproute("embed", *SMALL, "--json")
    assert ran.status == 0
    assert ran.json["paths"] == 3136 and ran.json["neurons"]["total"] == 32
    assert ran.json["ceiling"] >= 1.823
    assert "branch" in ran.json["engine"]


def test_an_onnx_file_is_a_q_net_too(milproute: Command, tmp_path: Path) -> None:
    net, instance = net_for("toy"), resolve("toy")
    qnet_to_onnx(net, tmp_path / "net.onnx")
    ran = milproute("embed", "net.onnx", "toy", "--solve", "--json")
    assert ran.status == 0
    assert ran.json["verified"] and ran.json["engine"] == "enumerate"
    save_qnet(net, tmp_path / "net.safetensors")
    same = milproute("embed", "net.safetensors", "toy", "--solve", "--json")
    assert same.json["objective"] == ran.json["objective"]
    assert load_qnet(tmp_path / "net.safetensors") == net
    assert instance.name == "toy"


@pytest.fixture
def of_another_program(tmp_path: Path) -> QNet:
    """Write ``a.onnx``, a net for the toy that does not name its inputs, and return the net."""
    onnx = pytest.importorskip("onnx", reason="needs onnx")
    net = net_for("toy")
    qnet_to_onnx(net, tmp_path / "a.onnx")
    model = onnx.load(tmp_path / "a.onnx")
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "a.onnx")
    return net


def test_the_command_line_names_the_inputs_of_a_file_that_does_not(
    milproute: Command, tmp_path: Path, of_another_program: QNet
) -> None:
    save_qnet(of_another_program, tmp_path / "named.safetensors")
    expected = milproute("embed", "named.safetensors", "toy", "--solve", "--json").json["objective"]
    for engine in ("auto", "milp"):
        named = ("--inputs", "link_load,request_served", "--engine", engine)
        ran = milproute("embed", "a.onnx", "toy", "--solve", "--json", *named)
        assert ran.status == 0 and ran.json["verified"]
        assert ran.json["objective"] == pytest.approx(expected)


def test_inputs_that_are_missing_wrong_or_named_already_are_refused(
    refused: Command, tmp_path: Path, of_another_program: QNet
) -> None:
    said = refused("embed", "a.onnx", "toy", "--solve").said
    assert "a.onnx: metadata_props.inputs is missing" in said
    assert "--inputs link_load,request_served" in said
    wrong = refused("embed", "a.onnx", "toy", "--inputs", "link_laod,request_served").said
    assert "inputs[0] is 'link_laod'" in wrong and "Did you mean 'link_load'?" in wrong
    save_qnet(of_another_program, tmp_path / "named.safetensors")
    for name in ("named.safetensors", SMALL[0]):
        assert "Leave --inputs" in refused("embed", name, "toy", "--inputs", "link_load").said
    raw(tmp_path / "bare.safetensors", "", *zip(of_another_program.weights, of_another_program.biases))
    assert "inputs is empty" in refused("embed", "bare.safetensors", "toy").said


@pytest.mark.parametrize("name", ["a.onnx", "a.safetensors"])
def test_an_empty_file_is_said_to_be_empty(refused: Command, tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    for inputs in ((), ("--inputs", "link_load")):
        assert f"{name} is empty; allowed: a" in refused("embed", name, "toy", "--solve", *inputs).said


def without_omlt(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command line where OMLT cannot be imported."""
    code = (
        "import sys; sys.modules['omlt'] = None; sys.argv[0] = 'milproute'; "
        "from milproute.cli import main; main()"
    )
    command = [sys.executable, "-c", code, *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("engine", ["enumerate", "branch", "auto"])
def test_an_engine_that_builds_no_model_does_not_ask_for_omlt(tmp_path: Path, engine: str) -> None:
    net, instance = (SMALL[0], SMALL[1]) if engine != "enumerate" else ("net.safetensors", "toy")
    save_qnet(net_for("toy"), tmp_path / "net.safetensors")
    ran = without_omlt(tmp_path, "embed", net, instance, "--solve", "--engine", engine, "--json")
    assert ran.returncode == 0, ran.stderr
    plan = json.loads(ran.stdout)
    assert plan["verified"] and plan["status"] == "optimal"


@pytest.mark.parametrize(
    "words",
    [
        ("--solve", "--engine", "milp"),
        ("--solve", "--actions", "arcs"),
        (),
        ("--solve", "--engine", "branch", "--write-model", "m.mps"),
    ],
)
def test_what_builds_a_model_asks_for_omlt_with_the_remedy(tmp_path: Path, words: tuple[str, ...]) -> None:
    save_qnet(net_for("toy"), tmp_path / "net.safetensors")
    ran = without_omlt(tmp_path, "embed", "net.safetensors", "toy", *words)
    assert ran.returncode == 2
    assert "embedding a Q-net needs the package omlt" in " ".join(ran.stderr.split())
    assert "pip install 'milproute[nets]'" in " ".join(ran.stderr.split())


def test_no_path_at_all_is_the_empty_action_and_no_error(milproute: Command, tmp_path: Path) -> None:
    toy = resolve("toy")
    apart = toy.changed(links=tuple(link.changed(probability=0.0) for link in toy.links))
    save(apart, tmp_path / "apart.json")
    net = net_for("toy")
    save_qnet(net, tmp_path / "net.safetensors")
    for engine in ("auto", "milp", "branch", "enumerate"):
        ran = milproute("embed", "net.safetensors", "apart.json", "--solve", "--engine", engine, "--json")
        assert ran.status == 0, ran
        assert (ran.json["status"], ran.json["paths"], ran.json["verified"]) == ("optimal", [], True)
        assert ran.json["objective"] == pytest.approx(float(net.forward(np.zeros(net.sizes[0]))), abs=1e-9)


def test_a_net_that_does_not_fit_names_the_block_and_both_sizes(refused: Command, tmp_path: Path) -> None:
    size = input_size(resolve("toy"), BLOCKS)
    save_qnet(net_for("toy", inputs=size + 3), tmp_path / "wide.safetensors")
    ran = refused("embed", "wide.safetensors", "toy", "--solve")
    assert f"{size + 3} inputs wide" in ran.said and "'request_served'" in ran.said
    assert f"= {size} inputs" in ran.said


def test_numbers_and_names_that_no_net_has_are_refused(refused: Command, tmp_path: Path) -> None:
    width = input_size(resolve("toy"), BLOCKS)
    inputs, good = ",".join(BLOCKS), (np.ones((3, width)), np.zeros(3))
    cases: dict[str, tuple[str, tuple[tuple[Any, Any], ...], str]] = {
        "unknown": ("link_lod", (good, (np.ones((1, 3)), [0.0])), "Did you mean 'link_load'?"),
        "nan": (inputs, (good, ([[1.0, np.nan, 1.0]], [0.0])), "layers.1.weight[0, 1] is nan"),
        "two": (inputs, (good, (np.ones((2, 3)), np.zeros(2))), "output size 1"),
    }
    for name, (blocks, layers, message) in cases.items():
        raw(tmp_path / f"{name}.safetensors", blocks, *layers)
        assert message in refused("embed", f"{name}.safetensors", "toy", "--solve").said


def test_an_operator_of_onnx_that_no_net_has_is_named(refused: Command, tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx", reason="needs onnx")
    make = onnx.helper
    ends = [make.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 3]) for name in ("x", "y")]
    graph = make.make_graph([make.make_node("Sigmoid", ["x"], ["y"])], "net", ends[:1], ends[1:])
    model = make.make_model(graph)
    make.set_model_props(model, {"inputs": "link_load"})
    onnx.save(model, tmp_path / "sigmoid.onnx")
    said = refused("embed", "sigmoid.onnx", "toy").said
    assert "Sigmoid" in said and "Gemm" in said


@pytest.mark.parametrize("name", ["net.pt", "net.pth", "net.pkl"])
def test_a_file_that_would_be_unpickled_is_refused_with_the_safe_way(
    refused: Command, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_bytes(b"\x80\x04.")
    assert "weights_only=True" in refused("embed", name, "toy", "--solve").said


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--max-hops", "0"), "the hop limit is 0; allowed: a whole number of at least 1"),
        (("--engine", "brunch"), "did you mean 'branch'"),
        (("--relu", "tigt"), "did you mean 'tight'"),
        (("--bounds", "crow"), "did you mean 'crown'"),
        (("--actions", "arc"), "did you mean 'arcs'"),
        (("--engine", "branch", "--actions", "arcs"), "branch lists paths, but actions is 'arcs'"),
        (("--max-columns", "3", "--engine", "milp"), "--max-columns"),
    ],
)
def test_options_that_do_not_exist_or_fit_are_refused(
    refused: Command, words: tuple[str, ...], message: str
) -> None:
    assert message in refused("embed", *SMALL, "--solve", *words).said


def test_a_picture_needs_a_solved_action(refused: Command) -> None:
    assert "--solve" in refused("embed", *SMALL, "--plot", "plan.svg").said


def test_help_says_what_each_engine_is(milproute: Command) -> None:
    text = milproute("embed", "--help").out
    for word in ("milp", "branch", "enumerate"):
        assert word in text
