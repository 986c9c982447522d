"""``instances``: list, describe, make, draw, convert; and on to ``solve``."""

from __future__ import annotations

import json
from itertools import permutations
from typing import TYPE_CHECKING

import pytest

from milproute.instances import library_names, load_instance, resolve, save
from tests.support.command_line import Ran

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import Command

GRID = "grid:rows=2,columns=3,requests=2,seed=1"

# What each layout lacks, as flags; the values are those of GRID.
LACKS = {
    "json": (),
    "graphml": (),
    "gml": (),
    "node-link": (),
    "sequence": (),
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

    monkeypatch.chdir(tmp_path)

    def run(*arguments: object, **_: object) -> Ran:
        monkeypatch.setattr("sys.argv", ["milproute", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            main()
        captured = capsys.readouterr()
        return Ran(int(str(caught.value.code or 0)), captured.out, captured.err)

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
    for arguments in (
        ("grid.json", "a.file", "--to", source),
        ("a.file", "b.file", "--from", source, "--to", target, *LACKS[source]),
        ("b.file", "c.json", "--from", target, *LACKS[target]),
    ):
        ran = quick("instances", "convert", *arguments)
        assert (ran.status, ran.out, ran.err) == (0, "", "")
    back = load_instance(tmp_path / "c.json")

    def rounded(rows: object) -> object:
        return json.loads(json.dumps(rows), parse_float=lambda x: round(float(x), 6))

    assert (back.name, len(back.requests)) == (grid.name, 2)
    if {source, target} <= {"json", "graphml", "gml", "node-link", "sequence"}:
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


PAIR = """graph [
 node [ id 0 label "A" site "x" ]
 node [ id 1 label "B" site "y" ]
 edge [ source 0 target 1 length 5 ]
 edge [ source 1 target 0 length 5 ]
]
"""
SUPPLY = (
    *("--memory", 12, "--swap-probability", 0.9, "--channels", 5, "--fidelity", 0.98),
    *("--attenuation-per-km", 0.0002),
)


def test_what_an_import_did_is_said_on_stderr_and_kept_in_the_metadata(
    milproute: Command, tmp_path: Path
) -> None:
    (tmp_path / "a.gml").write_text(PAIR)
    ran = milproute("instances", "convert", "a.gml", "a.json", *SUPPLY)
    assert (ran.status, ran.out) == (0, "")
    notes = load_instance(tmp_path / "a.json").metadata.notes
    assert len(notes) == 2
    assert ran.err.splitlines() == [f"note: a.gml: {note}" for note in notes]
    assert "'A'-'B' (line 4, line 5)" in ran.err
    written = json.loads((tmp_path / "a.json").read_text())
    assert written["metadata"]["notes"] == list(notes)
    shown = milproute("instances", "info", "a.json", "--json")
    assert (shown.json["notes"], shown.err) == (list(notes), ""), "it is no news when our own file is read"
    lossy = milproute("instances", "convert", "a.json", "a.sndlib")
    assert (lossy.status, lossy.out) == (0, "")
    assert lossy.err.startswith("note: a.sndlib: not in the file: memory, swap probabilities")
    ran = milproute("instances", "make", "topohub:sndlib/ta1,length_km=50,requests=1,seed=1")
    assert "every link 50 km long" in ran.json["metadata"]["notes"][0]
    assert ran.json["metadata"]["notes"][0] in ran.err


def test_every_option_of_convert_reaches_the_reader(quick: Command, tmp_path: Path) -> None:
    (tmp_path / "a.gml").write_text(
        "graph [ directed 1\n"
        ' node [ id 0 lon 4.0 lat 50.0 site "x" ]\n node [ id 1 lon 4.0 lat 51.0 site "y" ]\n'
        ' node [ id 2 site "z" ]\n edge [ source 0 target 1 cap 2 ]\n edge [ source 0 target 1 cap 3 ]\n'
        " edge [ source 1 target 1 cap 3 ]\n edge [ source 1 target 2 cap 4 ]\n]"
    )
    maps = ("--map", "lon=longitude,lat=latitude", "--map", "site=id", "--map", "cap=channels")
    bare = (*SUPPLY[:4], *SUPPLY[6:])
    flags = (*bare, *maps, "--undirected", "--drop-loops", "--parallel", "sum", "--great-circle")
    assert quick("instances", "convert", "a.gml", "b.json", *flags, "--length-km", "7").status == 0
    links = load_instance(tmp_path / "b.json").links
    assert [(k.source, k.target, k.length_km, k.channels) for k in links] == [
        ("x", "y", 111.195, 5),
        ("y", "z", 7.0, 4),
    ]
    assert quick("instances", "convert", "a.gml", "c.json", *flags, "--drop-unplaced").status == 0
    assert len(load_instance(tmp_path / "c.json").nodes) == 2
    maps = ("--map", "site=id", "--length-from", "cap", "--undirected", "--drop-loops", "--parallel", "best")
    assert quick("instances", "convert", "a.gml", "d.json", *SUPPLY, *maps).status == 0
    assert [link.length_km for link in load_instance(tmp_path / "d.json").links] == [2.0, 4.0]


@pytest.mark.parametrize(
    "verb", [["instances", "info"], ["instances", "make"], ["solve"], ["verify"], ["bench"]]
)
def test_a_verb_that_cannot_supply_names_the_command_that_does(
    refused: Command, tmp_path: Path, verb: list[str]
) -> None:
    (tmp_path / "a.gml").write_text(PAIR)
    if verb == ["bench"]:
        suite = 'name = "s"\ninstances = ["a.gml"]\nsolvers = ["highs"]\n[[models]]\nformulation = "link"\n'
        (tmp_path / "s.toml").write_text(suite)
        said = refused("bench", "run", "s.toml", "--out", "out", "--dry-run").said
    else:
        said = refused(*verb, "a.gml", *(["plan.json"] if verb == ["verify"] else [])).said
    assert "line 2: node 'A': memory is missing" in said
    flags = "--memory 12 --swap-probability 0.9 --channels 5 --fidelity 0.98 --attenuation-per-km 0.0002"
    assert "`milproute instances convert " in said
    assert said.endswith(f"a.gml a.json {flags}`.")


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
