"""GML of other tools."""

from __future__ import annotations

from typing import TYPE_CHECKING

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from milproute.instances.errors import InstanceError
from milproute.instances.formats.gml import parse_gml
from milproute.instances.formats.registry import read_any
from milproute.instances.generators.geography import distance_km
from tests.support.foreign_files import gml, lengths, read, refusal

if TYPE_CHECKING:
    from pathlib import Path


def test_gml_of_other_tools(tmp_path: Path) -> None:
    text = (
        'Creator "a tool" # a comment\nVersion 2.5\ngraph [\n comment "a [ b"\n'
        ' node [ id 0 label "Delft" position "[4.36, 52.01]" graphics [ x 1 y 2 ] ]\n'
        ' node [ id 1 label "K&#246;ln &amp; Bonn" position "[5.12, 52.09]" ]\n'
        " edge [ source 1 target 0 length 63.2 ]\n]\n"
    )
    instance = read(tmp_path, "gml", text)
    assert lengths(instance) == {("Delft", "Köln & Bonn"): 63.2}
    first, second = (node.position_km or (0, 0) for node in instance.nodes)
    assert distance_km(first, second) == pytest.approx(52.8, abs=0.5)


def test_equal_labels_give_way_to_the_numbers(tmp_path: Path) -> None:
    instance = read(tmp_path, "gml", gml("source 0 target 1 length 5", "AA"))
    assert [node.id for node in instance.nodes] == ["0", "1"]
    assert "'A' more than once" in instance.metadata.notes[0]


def test_a_directed_graph_is_read_when_told(tmp_path: Path) -> None:
    text = gml(
        "source 0 target 1 length 5; source 1 target 0 length 5; source 1 target 2 length 6",
        head="directed 1",
    )
    assert "the graph is directed" in refusal(tmp_path, "gml", text)
    assert lengths(read(tmp_path, "gml", text, undirected=True)) == {("A", "B"): 5.0, ("B", "C"): 6.0}


def test_a_file_of_another_encoding_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.gml"
    path.write_bytes(gml("source 0 target 1 length 5", ["Krakow", "München"]).encode("latin-1"))  # type: ignore[arg-type]
    with pytest.raises(
        InstanceError, match=r"line 3 is no UTF-8 \(byte 0xFC after .*Save the file as UTF-8\."
    ):
        read_any(path)


VALUES = st.integers(-(2**80), 2**80) | st.floats(allow_nan=False, allow_infinity=False) | st.text()


@given(
    nodes=st.lists(st.dictionaries(st.sampled_from(["a", "b", "c"]), VALUES), min_size=2, max_size=4),
    edges=st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1), VALUES), max_size=4),
)
def test_what_networkx_writes_is_what_is_read(
    tmp_path_factory: pytest.TempPathFactory,
    nodes: list[dict[str, object]],
    edges: list[tuple[int, int, object]],
) -> None:
    """networkx writes a float with a capital E, and an int of more than 32 bits as text."""
    graph = nx.MultiDiGraph()
    graph.add_nodes_from((i, fields) for i, fields in enumerate(nodes))
    graph.add_edges_from((u, v, {"x": value}) for u, v, value in edges)
    text = "\n".join(nx.generate_gml(graph))
    document = parse_gml(text, tmp_path_factory.getbasetemp() / "a.gml")

    def same(written: object, found: object) -> bool:
        return written == (type(written)(found) if not isinstance(written, str) else found)

    assert document.directed
    for node, fields in zip(document.nodes, nodes, strict=True):
        assert node.attributes.keys() == fields.keys()
        assert all(same(value, node.attributes[key]) for key, value in fields.items())
    found = [(edge.source, edge.target, edge.attributes["x"]) for edge in document.edges]
    expected = [(str(u), str(v), data["x"]) for u, v, data in graph.edges(data=True)]
    assert [row[:2] for row in found] == [row[:2] for row in expected]
    assert all(same(e[2], f[2]) for e, f in zip(expected, found, strict=True))


def test_keys_that_stand_twice_are_a_list(tmp_path: Path) -> None:
    text = (
        'graph [\n node [ id 0 label "A" position 4.0 position 50.0 ]\n'
        ' node [ id 1 label "B" position 4.0 position 51.0 ]\n edge [ source 0 target 1 ]\n]'
    )
    assert lengths(read(tmp_path, "gml", text, great_circle=True)) == {("A", "B"): 111.195}
