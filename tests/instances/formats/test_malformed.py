"""Malformed files are refused with the file, the place that a person can see, and what is allowed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from milproute.instances.errors import InstanceError
from milproute.instances.formats.registry import read_any
from tests.support.foreign_files import NEEDS, gml
from tests.support.foreign_texts import QCAST, SNDLIB

if TYPE_CHECKING:
    from pathlib import Path


def graphml(body: str, keys: str = "", kind: str = "undirected") -> str:
    return f'<graphml>\n{keys}\n<graph edgedefault="{kind}">\n{body}\n</graph></graphml>'


LENGTH = '<key id="l" for="edge" attr.name="length" attr.type="string"/>'
MALFORMED = {
    "no JSON": ("json", "{", "line 1, column 2 is not JSON"),
    "no XML": ("graphml", "<graphml>\n<graph", "line 2 is not XML"),
    "no GraphML": ("graphml", "<other/>", "line 1 is <other>, not GraphML"),
    "no graph": ("graphml", "<graphml/>", "line 1 is without a graph"),
    "directed": ("graphml", graphml('<node id="a"/>', kind="directed"), "the graph is directed; allowed"),
    "undeclared node": (
        "graphml",
        graphml('<node id="a"/>\n<edge source="a" target="b"/>'),
        "line 5: edge 'a'-'b' is an edge to 'b'; allowed: ends that are nodes of the file",
    ),
    "second graph": (
        "graphml",
        graphml('<node id="a"/></graph><graph edgedefault="undirected">'),
        "line 4 is a second graph; allowed: one <graph>, and none inside a node",
    ),
    "graph in a node": (
        "graphml",
        graphml('<node id="a"><graph edgedefault="undirected"><node id="b"/></graph></node>'),
        "line 4 is a second graph",
    ),
    "hyperedge": ("graphml", graphml('<node id="a"/>\n<hyperedge/>'), "line 5 is a hyperedge"),
    "node twice": (
        "graphml",
        graphml('<node id="a"/>\n<node id="a"/>'),
        "line 5 is a second node 'a' (the first: line 4)",
    ),
    "node without id": ("graphml", graphml("<node/>"), "line 4: node is without id"),
    "edge without end": ("graphml", graphml('<edge source="a"/>'), "line 4: edge is without target"),
    "undeclared key": (
        "graphml",
        graphml('<node id="a"><data key="z">1</data></node>'),
        "line 4: data: key is 'z'; allowed: a <key> that the file declares",
    ),
    "negative length": (
        "graphml",
        graphml(
            '<node id="a"/><node id="b"/><node id="c"/>\n<edge source="b" target="c"><data key="l">-1</data>'
            '</edge>\n<edge source="a" target="b"><data key="l">1</data></edge>',
            LENGTH,
        ),
        "line 5: edge 'b'-'c': length is -1; allowed: a finite number of at least 0",
    ),
    "length with a unit": (
        "graphml",
        graphml(
            '<node id="a"/><node id="b"/>\n<edge source="a" target="b"><data key="l">1 km</data></edge>',
            LENGTH,
        ),
        "line 5: edge 'a'-'b': length is '1 km'; allowed: a finite number",
    ),
    "GML cut off": ("gml", "graph [\n node [ id 0", "line 2 is the end of the file, not GML; allowed: a"),
    "GML bad token": ("gml", "graph [\n node [ id 0 ]\n ?\n]", "line 3 is '?', not GML"),
    "GML value missing": ("gml", "graph [\n node [ id ]\n]", "line 2 is ']', not GML; allowed: a value of"),
    "GML dangling": (
        "gml",
        "graph [\n node [ id 0 ]\n edge [ source 0 target 7 ]\n]",
        "line 3: edge '0'-'7' is an edge to '7'",
    ),
    "GML two graphs": ("gml", "graph [\n]\ngraph [\n]", "line 3 is 2 graphs; allowed: one graph"),
    "GML no graph": ("gml", "Creator 1", "line 1 is without a graph"),
    "GML edge without end": ("gml", "graph [\n edge [ source 0 ]\n]", "line 2: edge: target is missing"),
    "GML node twice": (
        "gml",
        "graph [\n node [ id 0 ]\n node [ id 0 ]\n]",
        "line 3 is a second node '0' (the first: line 2)",
    ),
    "GML bad place": ("gml", 'graph [\n node [ id 0 position "exit()" ]\n]', "[longitude, latitude]"),
    "GML half a place": (
        "gml",
        "graph [\n node [ id 0 Longitude 3 ]\n]",
        "line 2: node '0': longitude and latitude is [3, missing]; allowed: [longitude, latitude], two",
    ),
    "GML bad extra": ("gml", 'graph [\n milproute "{}"\n node [ id 0 ]\n]', "attribute milproute is '{}'"),
    "GML negative length": (
        "gml",
        gml("source 0 target 1 length 10; source 2 target 1 length -4; source 0 target 2 length 10"),
        "line 6: edge 'C'-'B': length is -4; allowed: a finite number of at least 0",
    ),
    "GML loop": (
        "gml",
        gml("source 0 target 1 length 10; source 2 target 2 length 3; source 1 target 2 length 10"),
        "line 6: edge 'C'-'C' is from 'C' to itself; allowed: two different ends. --drop-loops",
    ),
    "GML bad memory": (
        "gml",
        'graph [\n node [ id 0 label "A" ]\n node [ id 1 label "B" memory 2.5 ]\n]',
        "line 3: node 'B': memory is 2.5; allowed: a whole number of at least 0",
    ),
    "node-link dangling": (
        "json",
        '{"nodes": [{"id": "a"}], "links": [{"source": "a", "target": "b"}]}',
        "links[0]: edge 'a'-'b' is an edge to 'b'",
    ),
    "node-link of two types": (
        "json",
        '{"nodes": [{"id": 1}, {"id": 2}], "links": [{"source": "1", "target": 2}]}',
        "There is a node '1' of another type: write both alike.",
    ),
    "node-link without id": ("json", '{"nodes": [{"name": 1}], "links": []}', "nodes[0].id is missing"),
    "node-link loop": (
        "json",
        '{"nodes": [{"id": "a"}], "links": [{"source": "a", "target": "a", "length_km": 1}]}',
        "links[0]: edge 'a'-'a' is from 'a' to itself",
    ),
    "other first line": ("sndlib", "NODES (\n)", "line 1 is 'NODES ('"),
    "a model": ("sndlib", "?SNDlib native format; type: model; version: 1.0", "It is no network"),
    "section left open": ("sndlib", SNDLIB.removesuffix(")\n"), "is the end of the file"),
    "no section": ("sndlib", SNDLIB.replace("META (", "(", 1), "line 4 is '('; allowed: a section"),
    "no links": ("sndlib", SNDLIB.replace("LINKS", "LINES"), "sections is META, NODES, LINES, DEMANDS"),
    "section twice": ("sndlib", SNDLIB.replace("META", "LINKS"), "a second section LINKS"),
    "short node": ("sndlib", SNDLIB.replace("7.1 50.73", "7.1"), "line 10 is 'Bonn ( 7.1 )'"),
    "short link": ("sndlib", SNDLIB.replace("260.00 ( )", ""), "line 14 is 'L2 ( Munich Berlin ) 0.00 0"),
    "short demand": ("sndlib", SNDLIB.replace(" 121.00 UNLIMITED", ""), "line 18 is 'D1 ( Berlin Bonn ) 1'"),
    "SNDlib word": ("sndlib", SNDLIB.replace("7.1", "east"), "line 10: longitude is 'east'"),
    "SNDlib id twice": ("sndlib", SNDLIB.replace("Bonn (", "Munich ("), "line 10: node 'Munich' is a second"),
    "drawing": (
        "sndlib",
        SNDLIB.replace("7.1", "710").replace("3.5", "3"),
        "line 10: node 'Bonn' is at [710.0, 50.73]; allowed: longitude",
    ),
    "traffic": (
        "sndlib",
        SNDLIB,
        "line 19: demand D2 'Bonn'-'Berlin': value is 3.50; allowed: a whole number of pairs. --demand-unit",
    ),
    "negative traffic": ("sndlib", SNDLIB.replace("121.00", "-1"), "demand D1 'Berlin'-'Bonn': value is -1"),
    "unknown end": (
        "sndlib",
        SNDLIB.replace("1 3.50", "1 3").replace("( Munich Bonn )", "( Munich Bon )"),
        "line 15: link L3 'Munich'-'Bon': target is 'Bon'; allowed: the id of a node",
    ),
    "empty": ("qcast", "// nothing\n", "the number of nodes is missing"),
    "no number": ("qcast", "two\n", "line 1: the number of nodes is 'two'"),
    "no header": ("qcast", "2\n0.1\n0.9\n3 0 0\n", "line 4 is '3 0 0'; allowed: one number, k"),
    "alpha": ("qcast", "1\nnan\n0.9\n0\n3 0 0\n", "line 2: alpha is 'nan'; allowed: a number"),
    "few nodes": ("qcast", "2\n0.1\n0.9\n0\n3 0 0\n", "nodes is 1; allowed: 2 lines 'memory x y'"),
    "node of two": ("net", "1\n0.1\n0.9\n0\n3 0\n", "line 5 is '3 0'; allowed: memory x y"),
    "link to none": ("net", QCAST + "0 3 1\n", "line 13 is a link from 0 to 3; allowed: two nodes from 0"),
    "link to itself": ("net", QCAST + "1 1 1\n", "line 13: link 1-1 is from '1' to itself"),
    "half a channel": ("net", QCAST + "0 2 1.5\n", "line 13: u v channels is '1.5'; allowed: a whole number"),
    "q": ("qcast", QCAST.replace("0.9", "1.9"), "line 4: q is 1.9; allowed: a number from 0 to 1"),
}  # fmt: skip


@pytest.mark.parametrize(("suffix", "text", "message"), MALFORMED.values(), ids=MALFORMED)
def test_malformed_files_are_refused_with_file_and_place(
    tmp_path: Path, suffix: str, text: str, message: str
) -> None:
    path = tmp_path / f"bad.{suffix}"
    path.write_text(text, encoding="utf-8")
    supply = {"fidelity": 0.9} if suffix in ("qcast", "net") else NEEDS
    great_circle = {"great_circle": True} if suffix == "sndlib" else {}
    with pytest.raises(InstanceError) as caught:
        read_any(path, **supply, **great_circle)
    assert str(caught.value).startswith(str(path))
    assert message in str(caught.value)
