"""``milproute train fit``: a usable file, JSON alone on stdout, and errors before any training."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from milproute.cli import main
from milproute.instances import load_qnet

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("torch", reason="needs torch")
pytest.importorskip("safetensors", reason="needs safetensors")

QUICK = ["--samples", "300", "--epochs", "3", "--hidden", "4,3"]


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["milproute", "train", "fit", *words])
    with pytest.raises(SystemExit) as done:
        main()
    return int(done.value.code or 0)


def test_fit_writes_a_net_and_one_json_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "q.safetensors"
    assert run(monkeypatch, "toy", *QUICK, "--out", str(path), "--json", "--l1", "1e-4") == 0
    captured = capsys.readouterr()
    facts = json.loads(captured.out)
    assert captured.err == ""
    net = load_qnet(path)
    assert list(net.sizes) == facts["sizes"] == [11, 4, 3, 1]
    assert list(net.inputs) == facts["inputs"]
    assert len(facts["losses"]) == 3
    assert set(facts["validation"]) == {"rmse", "r2"}
    assert facts["instance"] == "toy" and facts["paths"] == 4 and facts["seconds"] > 0


def test_fit_prints_a_table_for_people(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "q.safetensors"
    assert run(monkeypatch, "toy", *QUICK, "--out", str(path), "--inputs", "link_load,request_served") == 0
    shown = capsys.readouterr().out
    assert "R²" in shown and "RMSE" in shown and "7 × 4 × 3 × 1" in shown
    assert load_qnet(path).inputs == ("link_load", "request_served")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["toy", "--hidden", "4x4"], "'4x4' is given; allowed: whole numbers and commas, as in 32,32"),
        (["toy", "--hidden", "4,0"], "hidden is 4,0; allowed: widths >= 1"),
        (["toy", "--epochs", "0"], "epochs is 0; allowed: a whole number >= 1"),
        (["toy", "--l1", "-1"], "l1 is -1.0; allowed: a finite number >= 0"),
        (["toy", "--max-hops", "0"], "the hop limit is 0"),
        (["toy", "--inputs", "link_lod"], "did you mean 'link_load'"),
        (["tou"], "did you mean 'toy'"),
    ],
)
def test_bad_input_ends_with_2_and_writes_nothing(
    words: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "q.safetensors"
    assert run(monkeypatch, *words, "--out", str(path)) == 2
    assert message in " ".join(capsys.readouterr().err.split())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing/q.safetensors", "there is no folder"),
        ("q.pt", "has the suffix '.pt'; allowed: .safetensors"),
    ],
)
def test_a_place_that_cannot_be_written_is_refused_before_training(
    name: str,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def trained(*_: object, **__: object) -> None:
        raise AssertionError("training began")

    monkeypatch.setattr("milproute.learning.fit_qnet", trained)
    assert run(monkeypatch, "toy", *QUICK, "--out", str(tmp_path / name)) == 2
    assert message in capsys.readouterr().err


def test_help_loads_neither_torch_nor_numpy() -> None:
    code = (
        "import sys; sys.argv = ['milproute', 'train', 'fit', '--help']\n"
        "from milproute.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print([m for m in ('torch', 'numpy', 'pyomo', 'rich.progress') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
