"""GraphML of other tools: nothing is made up, nothing is dropped, names are kept."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

import networkx as nx
import pytest

from milproute.instances.errors import InstanceError
from milproute.instances.formats.registry import read_any, write_any
from milproute.instances.library import load_library
from tests.support.foreign_files import NEEDS, lengths, read, refusal

if TYPE_CHECKING:
    from pathlib import Path

KEYS = """<key id="l" for="edge" attr.name="length" attr.type="double"><default>10</default></key>
<key id="m" for="node" attr.name="memory" attr.type="int"><default>4</default></key>
<key id="n" for="node" attr.name="label" attr.type="string"/>
"""


def graphml(body: str, keys: str = KEYS, kind: str = "undirected") -> str:
    namespace = 'xmlns="http://graphml.graphdrawing.org/xmlns" xmlns:y="http://www.yworks.com/xml/graphml"'
    return f'<graphml {namespace}>\n{keys}<graph edgedefault="{kind}">\n{body}\n</graph></graphml>'


NAMED = """<node id="0"><data key="n">North</data></node>
<node id="1"><data key="n">South</data><data key="m">6</data></node>
<node id="2"><data key="n">West</data></node>
<edge source="0" target="1"/><edge source="1" target="2"><data key="l">12.5</data></edge>"""


def test_defaults_count_where_an_element_has_no_value_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "a.graphml"
    path.write_text(graphml(NAMED))
    fields = {key: value for key, value in NEEDS.items() if key != "memory"}
    instance = read_any(path, **fields)
    assert [node.memory for node in instance.nodes] == [4, 6, 4]
    assert lengths(instance) == {("North", "South"): 10.0, ("South", "West"): 12.5}


def test_labels_that_name_the_nodes_become_their_ids(tmp_path: Path) -> None:
    keys = KEYS.replace('<key id="m"', '<!-- --><key id="m"').replace("<default>4</default>", "")
    assert [node.id for node in read(tmp_path, "graphml", graphml(NAMED, keys)).nodes] == [
        "North",
        "South",
        "West",
    ]


@pytest.mark.parametrize(
    ("label", "flaw"), [("North", "'North' more than once"), ("", "1 of 3 nodes have none")]
)
def test_labels_that_are_no_ids_give_way_and_that_is_said(tmp_path: Path, label: str, flaw: str) -> None:
    keys = KEYS.replace("<default>4</default>", "")
    instance = read(tmp_path, "graphml", graphml(NAMED.replace("West", label), keys))
    assert [node.id for node in instance.nodes] == ["0", "1", "2"]
    assert instance.metadata.notes == (f"labels are no ids, so the ids of the file are taken: {flaw}",)


YED = """<node id="n0"><data key="g"><y:ShapeNode><y:Geometry x="1.0" y="2.0"/>
  <y:NodeLabel alignment="center">  Delft<y:LabelModel><y:SmartNodeLabelModel/></y:LabelModel></y:NodeLabel>
  </y:ShapeNode></data></node>
<node id="n1"><data key="g"><y:GenericNode><y:NodeLabel> </y:NodeLabel><y:NodeLabel>The Hague</y:NodeLabel>
  </y:GenericNode></data></node>
<edge id="e0" source="n0" target="n1"><data key="l">9.5</data><data key="p"><y:PolyLineEdge/></data></edge>"""
YED_KEYS = (
    '<key for="node" id="g" yfiles.type="nodegraphics"/>\n'
    '<key for="edge" id="p" yfiles.type="edgegraphics"/>\n'
    '<key id="l" for="edge" attr.name="length" attr.type="double"/>'
)


def test_an_editor_that_always_writes_directed_is_read_when_told(tmp_path: Path) -> None:
    text = graphml(YED, YED_KEYS, "directed")
    assert "the graph is directed; allowed: undirected. A link serves both ways: --undirected" in refusal(
        tmp_path, "graphml", text
    )
    instance = read(tmp_path, "graphml", text, undirected=True)
    assert lengths(instance) == {("Delft", "The Hague"): 9.5}
    assert instance.metadata.notes == ()


def test_opposite_edges_of_a_directed_graph_are_one_link(tmp_path: Path) -> None:
    nodes = '<node id="a"/><node id="b"/><node id="c"/>'
    keys = '<key id="l" for="edge" attr.name="length" attr.type="double"/>'
    edges = '<edge source="{}" target="{}"><data key="l">{}</data></edge>'.format
    pair = [edges("a", "b", 5), edges("b", "a", 5), edges("b", "c", 6)]
    instance = read(tmp_path, "graphml", graphml(nodes + "".join(pair), keys, "directed"), undirected=True)
    assert lengths(instance) == {("a", "b"): 5.0, ("b", "c"): 6.0}
    assert [link.channels for link in instance.links] == [3, 3]
    unequal = graphml(nodes + pair[0] + edges("b", "a", 7), keys, "directed")
    assert "length_km 5.0 and 7.0" in refusal(tmp_path, "graphml", unequal, undirected=True)


def test_an_edge_may_say_for_itself_whether_it_is_directed(tmp_path: Path) -> None:
    body = '<node id="a"/><node id="b"/><edge source="a" target="b" directed="{}"/>'
    keys = '<key id="l" for="edge" attr.name="length" attr.type="double"><default>1</default></key>'
    assert "the graph is directed" in refusal(tmp_path, "graphml", graphml(body.format("true"), keys))
    assert len(read(tmp_path, "graphml", graphml(body.format("false"), keys, "directed")).links) == 1


@pytest.mark.parametrize("encoding", ["ISO-8859-1", "UTF-8", "UTF-16", "windows-1252", "us-ascii"])
def test_the_declared_encoding_is_the_one_that_counts(tmp_path: Path, encoding: str) -> None:
    name = "Koln" if encoding == "us-ascii" else "Köln"
    body = f'<node id="{name}"/><node id="b"/><edge source="{name}" target="b"/>'
    keys = '<key id="l" for="edge" attr.name="length" attr.type="double"><default>1</default></key>'
    text = f'<?xml version="1.0" encoding="{encoding}"?>\n{graphml(body, keys)}'
    path = tmp_path / "a.graphml"
    path.write_bytes(text.encode(encoding))
    assert [node.id for node in read_any(path, **NEEDS).nodes] == [name, "b"]


def test_a_declaration_that_the_bytes_belie_does_not_count(tmp_path: Path) -> None:
    text = '<?xml version="1.0" encoding="UTF-16"?>\n' + graphml(NAMED.replace("North", "Köln"))
    (tmp_path / "a.graphml").write_text(text, encoding="utf-8")
    fields = {key: value for key, value in NEEDS.items() if key != "memory"}
    assert read_any(tmp_path / "a.graphml", **fields).nodes[0].id == "Köln"


def test_empty_data_count_as_none(tmp_path: Path) -> None:
    body = NAMED.replace(
        '<edge source="0" target="1"/>', '<edge source="0" target="1"><data key="l"> </data></edge>'
    )
    keys = KEYS.replace("<default>4</default>", "").replace("<default>10</default>", "")
    told = refusal(tmp_path, "graphml", graphml(body, keys))
    assert told.startswith("line 9: edge 'North'-'South': length_km is missing")


def test_an_encoding_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.graphml"
    path.write_bytes(b'<?xml version="1.0" encoding="klingon"?><graphml/>')
    with pytest.raises(InstanceError, match=r"line 1: encoding is 'klingon'; .* Save the file as UTF-8\."):
        read_any(path)


def test_networkx_reads_what_we_write_and_the_other_way_round(tmp_path: Path) -> None:
    write_any(load_library("surfnet-10"), tmp_path / "a.graphml")
    graph = nx.read_graphml(tmp_path / "a.graphml")
    assert graph.number_of_edges() == 68
    buffer = BytesIO()
    nx.write_graphml_xml(graph, buffer)
    (tmp_path / "b.graphml").write_bytes(buffer.getvalue())
    assert read_any(tmp_path / "b.graphml") == load_library("surfnet-10")


def test_parallel_edges_of_a_multigraph_are_no_single_fibre(tmp_path: Path) -> None:
    graph = nx.MultiGraph([(0, 1), (0, 1), (1, 2)])
    for node in graph:
        graph.nodes[node].update(label=f"Town {node}", Longitude=float(node), Latitude=0.0)
    path = tmp_path / "zoo.graphml"
    nx.write_graphml(graph, path)
    with pytest.raises(InstanceError, match=r"edge 'Town 0'-'Town 1' is a second link beside line \d+"):
        read_any(path, **NEEDS, great_circle=True)
    instance = read_any(path, **NEEDS, great_circle=True, parallel="sum")
    assert [(k.ends, k.channels, k.length_km) for k in instance.links] == [
        (("Town 0", "Town 1"), 6, 111.195),
        (("Town 1", "Town 2"), 3, 111.195),
    ]
