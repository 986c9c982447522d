"""``instances``: list, describe, make, draw, convert; and on to ``solve``."""

from __future__ import annotations

import json
from itertools import permutations
from typing import TYPE_CHECKING

import pytest

from instances import library_names, load_instance, resolve, save

if TYPE_CHECKING:
    from pathlib import Path

    from tests.milproute.conftest import Command, Ran

GRID = "grid:rows=2,columns=3,requests=2,seed=1"

# What each layout lacks, as flags; the values are those of GRID.
LACKS = {
    "json": (),
    "graphml": (),
    "gml": (),
    "sndlib": (
        *("--memory", 12, "--swap-probability", 0.9, "--attenuation-per-km", 0.0002, "--fidelity", 0.98),
        *("--name", "grid"),
    ),
    "qcast": ("--fidelity", 0.98, "--name", "grid", "--requests", 2, "--seed", 1),
    "net": ("--fidelity", 0.98, "--name", "grid", "--requests", 2, "--seed", 1),
}


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Command:
    """Run a command that solves nothing, in this process."""
    from milproute.cli import main
    from tests.milproute import conftest

    monkeypatch.chdir(tmp_path)

    def run(*arguments: object, **_: object) -> Ran:
        monkeypatch.setattr("sys.argv", ["milproute", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            main()
        captured = capsys.readouterr()
        return conftest.Ran(int(str(caught.value.code or 0)), captured.out, captured.err)

    return run


def test_the_library_is_listed_in_full(quick: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    ran = quick("instances", "list")
    assert (ran.status, ran.err) == (0, "")
    assert "…" not in ran.out
    rows = quick("instances", "list", "--json").json["instances"]
    assert [row["name"] for row in rows] == list(library_names())
    assert all(f" {row['name']} " in ran.out for row in rows)


def test_info_says_what_an_instance_is_and_draws_it(quick: Command, tmp_path: Path) -> None:
    ran = quick("instances", "info", "toy", "--json", "--plot", "toy.svg")
    assert (ran.status, ran.err) == (0, "")
    facts = ran.json
    assert (facts["nodes"], facts["links"], facts["requests"], facts["components"]) == (5, 5, 2, 1)
    assert facts["probability"] == {"least": 0.5, "mean": 0.86, "most": 1.0}
    assert (tmp_path / "toy.svg").read_bytes().startswith(b"<?xml")
    words = quick("instances", "info", "toy").out
    assert "least 0.5, mean 0.86, most 1" in words


def test_info_of_a_lonely_node_with_an_odd_name(quick: Command, tmp_path: Path) -> None:
    lonely = {"id": "a", "memory": 0, "swap_probability": 1.0, "position_km": None}
    document = resolve("toy").document() | {"name": "[/x]", "nodes": [lonely], "links": [], "requests": []}
    (tmp_path / "lonely.json").write_text(json.dumps(document))
    ran = quick("instances", "info", "lonely.json", "--plot", "x.png")
    assert (ran.status, ran.err) == (0, "")
    assert "[/x]" in ran.out


def test_make_prints_or_writes_the_same_instance(quick: Command, tmp_path: Path) -> None:
    printed = quick("instances", "make", GRID)
    assert (printed.status, printed.err) == (0, "")
    assert quick("instances", "make", GRID, "--out", "grid.json").out == ""
    assert printed.out == (tmp_path / "grid.json").read_text()
    assert load_instance(tmp_path / "grid.json") == resolve(GRID)
    assert quick("instances", "make", "grid.json").out == printed.out


@pytest.mark.parametrize(("source", "target"), [*permutations(LACKS, 2), *((name, name) for name in LACKS)])
def test_every_format_converts_to_every_other(
    quick: Command, tmp_path: Path, source: str, target: str
) -> None:
    made = resolve(GRID)
    nodes = tuple(node.changed(memory=12) for node in made.nodes)  # SNDlib holds no memories of its own
    grid = made.changed(name="grid", nodes=nodes)
    save(grid, tmp_path / "grid.json")
    first, second, third = f"a.{source}", f"b.{target}", "c.json"
    for arguments in (
        ("grid.json", first),
        (first, second, *LACKS[source]),
        (second, third, *LACKS[target]),
    ):
        ran = quick("instances", "convert", *arguments)
        assert (ran.status, ran.out, ran.err) == (0, "", "")
    back = load_instance(tmp_path / third)

    def rounded(rows: object) -> object:
        return json.loads(json.dumps(rows), parse_float=lambda x: round(float(x), 6))

    assert (back.name, len(back.requests)) == (grid.name, 2)
    if {source, target} <= {"json", "graphml", "gml"}:
        assert back == grid
    before, after = grid.document(), back.document()
    assert [n["memory"] for n in after["nodes"]] == [12] * 6
    assert [rounded(n["position_km"]) for n in after["nodes"]] == [
        rounded(n["position_km"]) for n in before["nodes"]
    ]
    fields = ("length_km", "channels", "probability", "fidelity")
    assert [[rounded(x[f]) for f in fields] for x in after["links"]] == [
        [rounded(x[f]) for f in fields] for x in before["links"]
    ]


def test_convert_takes_a_library_name_another_suffix_and_a_new_name(quick: Command, tmp_path: Path) -> None:
    assert quick("instances", "convert", "toy", "toy.txt", "--to", "gml", "--name", "mine").status == 0
    assert quick("instances", "convert", "toy.txt", "toy.json", "--from", "gml").status == 0
    assert load_instance(tmp_path / "toy.json") == resolve("toy").changed(name="mine")


def test_a_slot_by_hand_from_attempts_to_paths(milproute: Command, tmp_path: Path) -> None:
    assert milproute("solve", "toy", "--out", "plan.json").status == 0
    draw = ("instances", "make", "toy", "--draw-pairs", 7, "--attempts", "plan.json", "--out", "drawn.json")
    assert milproute(*draw).status == 0
    drawn = load_instance(tmp_path / "drawn.json")
    attempts = {
        (a["source"], a["target"]): a["channels"]
        for a in json.loads((tmp_path / "plan.json").read_text())["attempts"]
    }
    for link in drawn.links:
        assert link.entangled_pairs is not None
        assert link.entangled_pairs <= attempts.get((link.source, link.target), 0)
    ran = milproute("solve", "drawn.json", "--formulation", "path", "--json", "--out", "paths.json")
    assert ran.status == 0
    assert ran.json["verified"]
    assert milproute("verify", "drawn.json", "paths.json").status == 0
    full = milproute("instances", "make", "toy", "--draw-pairs", 7).json
    for link, fewer in zip(full["links"], drawn.links, strict=True):
        assert fewer.entangled_pairs <= link["entangled_pairs"] <= link["channels"]
