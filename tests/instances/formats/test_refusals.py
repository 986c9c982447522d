"""What is missing, malformed or without effect is refused, with the place in the file and what helps."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

import pytest

from milproute.instances.errors import InstanceError, OptionError, OutputError
from milproute.instances.formats.registry import FORMATS, find_format, read_any, read_as_it_is, write_any
from milproute.instances.generators.generate import generate
from milproute.instances.instance import Instance
from milproute.instances.library import load_library
from tests.support.foreign_files import NEEDS, gml, read, refusal
from tests.support.foreign_texts import QCAST, SNDLIB

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("lacking", NEEDS)
def test_nothing_that_a_file_lacks_is_guessed(tmp_path: Path, lacking: str) -> None:
    path = tmp_path / "tiny.sndlib"
    path.write_text(SNDLIB)
    supply = {key: value for key, value in NEEDS.items() if key != lacking}
    option = "--" + lacking.replace("_", "-")
    with pytest.raises(InstanceError, match=f"{lacking} is missing; .*supply it with the option {option}"):
        read_any(path, **supply, demand_unit=1, great_circle=True)


def test_everything_that_is_missing_is_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a.gml"
    path.write_text(gml("source 0 target 1 length 5"))
    with pytest.raises(InstanceError) as caught:
        read_any(path, channels=2)
    told = str(caught.value)
    assert "line 2: node 'A': memory is missing" in told
    besides = "--swap-probability 0.9 --fidelity 0.98 --attenuation-per-km 0.0002"
    assert told.endswith(f"Needed besides, for example: {besides}.")


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"memory": 3}, "--memory"),
        ({"requests": 3, "seed": 1}, "--requests, --seed"),
        ({"seed": 1}, "--seed"),
        ({"great_circle": True}, "--great-circle"),
        ({"length_km": 3}, "--length-km"),
        ({"drop_unplaced": True}, "--drop-unplaced"),
        ({"drop_loops": True}, "--drop-loops"),
        ({"undirected": True}, "--undirected"),
        ({"parallel": "best"}, "--parallel"),
        ({"demand_unit": 2}, "--demand-unit"),
        ({"attenuation_per_km": 0.1}, "--attenuation-per-km"),
    ],
)
@pytest.mark.parametrize("name", ["json", "graphml", "gml", "node-link"])
def test_options_that_have_no_effect_are_refused(
    tmp_path: Path, name: str, fields: dict[str, Any], named: str
) -> None:
    path = tmp_path / "toy.file"
    write_any(load_library("toy"), path, name)
    with pytest.raises(OptionError) as caught:
        read_any(path, name, **fields)
    assert str(caught.value).startswith(f"{named} given for {path}; allowed: options that have an effect.")
    assert read_any(path, name, name="mine", licence="MIT").name == "mine"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"memry": 3}, "unknown import option 'memry': did you mean 'memory'"),
        ({"memory": "lots"}, "import: memory is 'lots'; allowed: a whole number or a range"),
        ({"length_km": -1}, "import: length_km is '-1'; allowed: a number, 0 or more"),
        ({"length_km": "nan"}, "import: length_km is 'nan'; allowed: a number"),
        ({"map": "dist"}, "--map is 'dist'; allowed: attribute=field, such as dist=length_km"),
        ({"map": "dist=length"}, "unknown field of --map 'length': did you mean 'length_km'?"),
        ({"map": ["a=memory", "b=memory"]}, "--map names memory twice (a, b): give one of them"),
        ({"map": "a=length_km", "length_from": "b"}, "name the length twice: give one of them"),
        ({"map": {"dst": "length_km"}}, "no edge of a.gml has an attribute 'dst'; allowed: length"),
        ({"length_from": "dst"}, "no edge of a.gml has an attribute 'dst'; allowed: length"),
        ({"map": "label2=id"}, "no node of a.gml has an attribute 'label2'; allowed: none"),
    ],
)
def test_options_that_are_none_are_refused(tmp_path: Path, fields: dict[str, Any], message: str) -> None:
    path = tmp_path / "a.gml"
    path.write_text(gml("source 0 target 1 length 5"))
    with pytest.raises(OptionError) as caught:
        read_any(path, **fields)
    assert message in str(caught.value).replace(f"{tmp_path}/", "")


def graphml(body: str, keys: str = "", kind: str = "undirected") -> str:
    return f'<graphml>\n{keys}\n<graph edgedefault="{kind}">\n{body}\n</graph></graphml>'


@pytest.mark.parametrize("name", FORMATS)
def test_missing_files_and_bytes_are_refused_by_every_format(tmp_path: Path, name: str) -> None:
    with pytest.raises(InstanceError, match="nowhere is missing; allowed: an existing file"):
        read_any(tmp_path / "nowhere", name)
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InstanceError, match="line 1 is no UTF-16"):
        read_any(tmp_path / "bytes", name)
    with pytest.raises(OutputError, match="there is no folder"):
        write_any(generate("line:nodes=2,requests=1,seed=1"), tmp_path / "none" / "x", name)


@pytest.mark.parametrize(
    ("name", "table", "field", "value", "message"),
    [
        ("qcast", "nodes", "swap_probability", 0.5, "swap_probability is different (0.5 to 0.9)"),
        ("qcast", "nodes", "position_km", None, "node 'n0': position_km is missing; allowed: a place"),
        ("net", "links", "probability", 0.5, "link 'n0'-'n1': probability is 0.5; allowed: null"),
        ("qcast", "links", "entangled_pairs", 0, "link 'n0'-'n1': entangled_pairs is 0; allowed: null"),
        ("net", "links", "length_km", 101.0, "link 'n0'-'n1': length_km is 101.0; allowed: 100.0 km"),
        ("sndlib", "links", "probability", 0.5, "link 'n0'-'n1': probability is 0.5; allowed: null"),
        ("sndlib", "links", "entangled_pairs", 3, "link 'n0'-'n1': entangled_pairs is 3; allowed: null"),
        ("sndlib", "requests", "min_fidelity", 0.0, "request 'r000': min_fidelity is 0.0; allowed: null"),
        ("sndlib", "requests", "id", "r 0", "id is 'r 0'; allowed: no space, bracket or #"),
        ("sequence", "links", "probability", 0.5, "link 'n0'-'n1': probability is 0.5; allowed: null"),
        ("sequence", "links", "entangled_pairs", 3, "link 'n0'-'n1': entangled_pairs is 3; allowed: null"),
        ("sequence", "links", "fidelity", 0.5, "fidelity is different (0.5 to 0.98); allowed: one for all"),
    ],
)
def test_a_format_without_room_refuses_what_would_change_the_problem(
    tmp_path: Path, name: str, table: str, field: str, value: Any, message: str
) -> None:
    document = generate("line:nodes=3,requests=1,seed=1").document()
    document[table][0][field] = value
    with pytest.raises(InstanceError) as caught:
        write_any(Instance.model_validate(document), tmp_path / "x.file", name)
    assert message in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "lost"),
    [
        ("sndlib", "memory, swap"),
        ("qcast", "2 requests, fid"),
        ("net", "names of nodes"),
        ("sequence", "channels"),
    ],
)
def test_what_a_format_has_no_room_for_is_said(
    tmp_path: Path, name: str, lost: str, caplog: pytest.LogCaptureFixture
) -> None:
    write_any(generate("line:nodes=3,requests=2,seed=1"), tmp_path / "x.file", name)
    assert any(lost in message for message in caplog.messages)


@pytest.mark.parametrize("name", ["json", "graphml", "gml", "node-link"])
def test_formats_with_room_for_everything_are_silent(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    write_any(load_library("toy"), tmp_path / "x.file", name)
    assert read_any(tmp_path / "x.file", name) == load_library("toy")
    assert caplog.messages == []


def test_graphml_refuses_characters_that_xml_cannot_hold(tmp_path: Path) -> None:
    document = generate("line:nodes=2,requests=0,seed=1").document()
    document["nodes"][0]["id"] = document["links"][0]["source"] = "a\x00"
    instance = Instance.model_validate(document)
    with pytest.raises(InstanceError, match=r"node 'a\\x00': id is 'a\\x00'; allowed: characters of XML 1.0"):
        write_any(instance, tmp_path / "x.graphml")
    write_any(instance, tmp_path / "x.gml")
    assert read_any(tmp_path / "x.gml") == instance


def test_formats_go_by_suffix_or_by_name(tmp_path: Path) -> None:
    by_suffix = {find_format(tmp_path / f"x{f.suffix.upper()}").name for f in FORMATS.values()}
    assert by_suffix == set(FORMATS) - {"node-link", "sequence"}  # they end in .json, as ours does
    with pytest.raises(
        OptionError, match=r"suffix '\.txt'; allowed: \.json, .* name the format with --to: json"
    ):
        find_format(tmp_path / "x.txt")
    with pytest.raises(OptionError, match="unknown format 'graphmll': did you mean 'graphml'"):
        find_format(tmp_path / "x.json", "graphmll")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (SNDLIB, "sndlib"),
        (gml("source 0 target 1 length 5"), "gml"),
        ('Creator "a tool"\nVersion 1\n' + gml("source 0 target 1 length 5"), "gml"),
        ('<?xml version="1.0"?>\n<!-- a -->\n<graphml/>', "graphml"),
        ('{"nodes": [], "links": []}', "json"),
    ],
)
@pytest.mark.parametrize("suffix", [".txt", ".dat", "", ".xml"])
def test_another_suffix_gets_the_option_that_names_the_format(
    tmp_path: Path, text: str, name: str, suffix: str
) -> None:
    path = tmp_path / f"network{suffix}"
    path.write_text(text)
    with pytest.raises(InstanceError) as caught:
        read_any(path)
    told = str(caught.value)
    assert f"--from {name}" in told or "without a graph" in told or "nodes is []" in told


def test_a_suffix_of_another_format_gets_the_option_as_well(tmp_path: Path) -> None:
    assert "The file looks like sndlib: name its format with --from sndlib." in refusal(
        tmp_path, "gml", SNDLIB
    )
    assert "--from gml" in refusal(tmp_path, "json", gml("source 0 target 1 length 5"))


@pytest.mark.parametrize(
    ("suffix", "text", "words"),
    [
        (".xml", '<?xml version="1.0"?><network xmlns="http://sndlib.zib.de/network"/>', "SNDlib's XML"),
        (".xml", '<?xml version="1.0"?><topology/>', "XML of another kind"),
        (".dot", "graph G {\n a -- b\n}", "Graphviz"),
        (".net", '*Vertices 2\n1 "a"\n', "line 1 is '*Vertices 2'"),
        (".pajek", '*Vertices 2\n1 "a"\n', "Pajek"),
        (".csv", "a,b,5\n", r"--from: json, graphml"),
    ],
)
def test_files_of_other_formats_are_told_what_they_seem_to_be(
    tmp_path: Path, suffix: str, text: str, words: str
) -> None:
    assert words in refusal(tmp_path, suffix.removeprefix("."), text)


FOREIGN = {
    "a.gml": gml("source 0 target 1; source 1 target 0; source 0 target 1", head="directed 1"),
    "my b.graphml": graphml('<node id="a"/><node id="b"/><edge source="a" target="b"/>'),
    "c.json": json.dumps({"nodes": [{"id": 1}, {"id": 2}], "edges": [{"source": 1, "target": 2, "dist": 4}]}),
    "d.sndlib": SNDLIB,
    "e.txt": SNDLIB.replace("7.1 50.73", "710 50.73"),
    "f.qcast": QCAST,
    "g.json": json.dumps(
        {
            "nodes": [{"name": "a", "type": "QuantumRouter"}, {"name": "b", "type": "QuantumRouter"}],
            "qconnections": [{"node1": "a", "node2": "b", "distance": 1000, "attenuation": 1e-5}],
        }
    ),
    "h.gml": 'graph [\n node [ id 0 Longitude 4 Latitude 5 ]\n node [ id 1 ]\n edge [ source 0 target 1 ]\n'
    " edge [ source 1 target 1 ]\n]",
    "i.gml": "graph [ node [ id 0 lon 4 lat 5 ] node [ id 1 lon 5 lat 5 ] edge [ source 0 target 1 ] ]",
}  # fmt: skip


@pytest.mark.parametrize("file", FOREIGN)
def test_a_verb_without_options_names_a_command_that_converts_the_file(
    tmp_path: Path, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command in the message runs as it stands, in one go, and its target is an instance."""
    from milproute.cli import main

    monkeypatch.chdir(tmp_path)
    (tmp_path / file).write_text(FOREIGN[file])
    with pytest.raises(InstanceError) as caught:
        read_as_it_is(file)
    command = shlex.split(str(caught.value).split("`")[1])
    assert command[:4] == ["milproute", "instances", "convert", file]
    monkeypatch.setattr("sys.argv", command)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code in (0, None)
    assert read_as_it_is(command[4]).links


def test_a_good_file_needs_no_remedy(tmp_path: Path) -> None:
    instance = read(tmp_path, "gml", gml("source 0 target 1 length 5"))
    write_any(instance, tmp_path / "b.graphml")
    assert read_as_it_is(tmp_path / "b.graphml") == instance
