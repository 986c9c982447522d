from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from instances.convert import FORMATS, find_format, read_any, write_any
from instances.errors import InstanceError, OptionError, OutputError
from instances.generators import generate
from instances.instance import Instance
from instances.library import load_library
from tests.instances.convert_texts import NEEDS, QCAST, SNDLIB

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("lacking", NEEDS)
def test_nothing_that_a_file_lacks_is_guessed(tmp_path: Path, lacking: str) -> None:
    path = tmp_path / "tiny.sndlib"
    path.write_text(SNDLIB)
    supply = {key: value for key, value in NEEDS.items() if key != lacking}
    with pytest.raises(InstanceError, match=f"{lacking} is missing; .*supply it with the option {lacking}"):
        read_any(path, **supply, demand_unit=1, great_circle=True)


def test_fields_that_have_no_effect_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "toy.gml"
    write_any(load_library("toy"), path)
    with pytest.raises(OptionError, match=r"memory given for .*leave the option out"):
        read_any(path, memory=3)
    with pytest.raises(OptionError, match="requests given for"):
        read_any(path, requests=3, seed=1)
    with pytest.raises(OptionError, match="unknown import option 'memry': did you mean 'memory'"):
        read_any(path, memry=3)
    with pytest.raises(OptionError, match="import: memory is 'lots'; allowed: a whole number or a range"):
        read_any(path, memory="lots")
    assert read_any(path, name="mine", licence="MIT").name == "mine"


MALFORMED = {
    "no JSON": ("json", "{", "line 1, column 2 is not JSON"),
    "no XML": ("graphml", "<graphml>\n<graph", "line 2 is not GraphML"),
    "no GraphML": ("graphml", "<other/>", "is not GraphML"),
    "directed": (
        "graphml",
        '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">'
        '<graph edgedefault="directed"><node id="a"/></graph></graphml>',
        "the graph is directed; allowed: undirected",
    ),
    "GML cut off": ("gml", "graph [\n node [ id 0", "line 3 is not GML"),
    "GML bad token": ("gml", "graph [\n node [ id 0 ]\n ?\n]", "line 3 is not GML"),
    "GML dangling": ("gml", "graph [\n node [ id 0 ]\n edge [ source 0 target 7 ]\n]", "is not GML"),
    "GML bad place": ("gml", 'graph [\n node [ id 0 position "exit()" ]\n]', "[longitude, latitude]"),
    "GML bad extra": ("gml", 'graph [\n milproute "{}"\n node [ id 0 ]\n]', "attribute milproute is '{}'"),
    "other first line": ("sndlib", "NODES (\n)", "line 1 is 'NODES ('"),
    "section left open": ("sndlib", SNDLIB.removesuffix(")\n"), "is the end of the file"),
    "no section": ("sndlib", SNDLIB.replace("META (", "(", 1), "line 4 is '('; allowed: a section"),
    "no links": ("sndlib", SNDLIB.replace("LINKS", "LINES"), "sections is META, NODES, LINES, DEMANDS"),
    "short node": ("sndlib", SNDLIB.replace("7.1 50.73", "7.1"), "line 10 is 'Bonn ( 7.1 )'"),
    "short link": ("sndlib", SNDLIB.replace("260.00 ( )", ""), "line 15: setup cost is 'L3'"),
    "SNDlib word": ("sndlib", SNDLIB.replace("7.1", "east"), "line 10: longitude is 'east'"),
    "drawing": (
        "sndlib",
        SNDLIB.replace("7.1", "710").replace("3.5", "3"),
        "nodes[2] is [710.0, 50.73]; allowed: longitude",
    ),
    "traffic": ("sndlib", SNDLIB, "line 19: value is 3.50; allowed: a whole number of pairs"),
    "unknown end": (
        "sndlib",
        SNDLIB.replace("1 3.50", "1 3").replace("( Munich Bonn )", "( Munich Bon )"),
        "links[2].length_km is missing",
    ),
    "empty": ("qcast", "// nothing\n", "the number of nodes is missing"),
    "no number": ("qcast", "two\n", "line 1: the number of nodes is 'two'"),
    "no header": ("qcast", "2\n0.1\n0.9\n3 0 0\n", "line 4 is '3 0 0'; allowed: one number, k"),
    "alpha": ("qcast", "1\nnan\n0.9\n0\n3 0 0\n", "line 2: alpha is 'nan'; allowed: a number"),
    "few nodes": ("qcast", "2\n0.1\n0.9\n0\n3 0 0\n", "nodes is 1; allowed: 2 lines 'memory x y'"),
    "node of two": ("net", "1\n0.1\n0.9\n0\n3 0\n", "line 5 is '3 0'; allowed: memory x y"),
    "link to none": ("net", QCAST + "0 3 1\n", "line 13 is a link from 0 to 3; allowed: two different nodes"),
    "link to itself": ("net", QCAST + "1 1 1\n", "line 13 is a link from 1 to 1"),
    "half a channel": ("net", QCAST + "0 2 1.5\n", "line 13: u v channels is '1.5'; allowed: a whole number"),
    "q": ("qcast", QCAST.replace("0.9", "1.9"), "nodes[0].swap_probability is 1.9"),
}  # fmt: skip


@pytest.mark.parametrize(("suffix", "text", "message"), MALFORMED.values(), ids=MALFORMED)
def test_malformed_files_are_refused_with_file_and_place(
    tmp_path: Path, suffix: str, text: str, message: str
) -> None:
    path = tmp_path / f"bad.{suffix}"
    path.write_text(text, encoding="utf-8")
    supply = {"fidelity": 0.9} if suffix in ("qcast", "net") else NEEDS if suffix != "json" else {}
    great_circle = {"great_circle": True} if suffix == "sndlib" else {}
    with pytest.raises(InstanceError) as caught:
        read_any(path, **supply, **great_circle)
    assert str(caught.value).startswith(str(path))
    assert message in str(caught.value)


@pytest.mark.parametrize("name", FORMATS)
def test_missing_files_and_bytes_are_refused_by_every_format(tmp_path: Path, name: str) -> None:
    with pytest.raises(InstanceError, match="nowhere is missing; allowed: an existing file"):
        read_any(tmp_path / "nowhere", name)
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InstanceError, match="byte 0 is no UTF-8 text"):
        read_any(tmp_path / "bytes", name)
    with pytest.raises(OutputError, match="there is no folder"):
        write_any(generate("line:nodes=2,requests=1,seed=1"), tmp_path / "none" / "x", name)


@pytest.mark.parametrize(
    ("suffix", "table", "field", "value", "message"),
    [
        ("qcast", "nodes", "swap_probability", 0.5, "swap_probability is different (0.5 to 0.9)"),
        ("qcast", "nodes", "position_km", None, "nodes[0].position_km is missing; allowed: a place"),
        ("net", "links", "probability", 0.5, "links[0].probability is 0.5; allowed: null"),
        ("net", "links", "length_km", 101.0, "links[0].length_km is 101.0; allowed: 100.0 km"),
        ("sndlib", "nodes", "position_km", None, "nodes[0].position_km is missing"),
        ("sndlib", "requests", "id", "r 0", "id is 'r 0'; allowed: no space, bracket or #"),
    ],
)
def test_a_format_without_room_refuses_what_would_change_the_problem(
    tmp_path: Path, suffix: str, table: str, field: str, value: Any, message: str
) -> None:
    document = generate("line:nodes=3,requests=1,seed=1").document()
    document[table][0][field] = value
    with pytest.raises(InstanceError) as caught:
        write_any(Instance.model_validate(document), tmp_path / f"x.{suffix}")
    assert message in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_graphml_refuses_characters_that_xml_cannot_hold(tmp_path: Path) -> None:
    document = generate("line:nodes=2,requests=0,seed=1").document()
    document["nodes"][0]["id"] = document["links"][0]["source"] = "a\x00"
    instance = Instance.model_validate(document)
    with pytest.raises(InstanceError, match=r"nodes\[0\].id is 'a\\x00'; allowed: characters of XML 1.0"):
        write_any(instance, tmp_path / "x.graphml")
    write_any(instance, tmp_path / "x.gml")
    assert read_any(tmp_path / "x.gml") == instance


def test_formats_go_by_suffix_or_by_name(tmp_path: Path) -> None:
    assert {find_format(tmp_path / f"x{f.suffix.upper()}").name for f in FORMATS.values()} == set(FORMATS)
    with pytest.raises(OptionError, match=r"suffix '\.txt'; allowed: \.json, \.graphml"):
        find_format(tmp_path / "x.txt")
    with pytest.raises(OptionError, match="unknown format 'graphmll': did you mean 'graphml'"):
        find_format(tmp_path / "x.json", "graphmll")
