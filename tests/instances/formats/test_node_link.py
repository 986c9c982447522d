"""JSON that is not ours: node-link data is read, other kinds are told what they seem to be."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import networkx as nx
import pytest

from milproute.instances.errors import InstanceError
from milproute.instances.formats.registry import read_any, write_any
from milproute.instances.library import load_library
from tests.support.foreign_files import NEEDS, lengths, read, refusal

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("edges", ["links", "edges"])
@pytest.mark.parametrize("kind", [nx.Graph, nx.MultiGraph])
def test_node_link_data_of_networkx_is_read(tmp_path: Path, edges: str, kind: type[nx.Graph[Any]]) -> None:
    graph = kind([("A", "B", {"length_km": 10}), ("B", "C", {"length": "12.5"})])
    graph.add_node("A", memory=12.0)
    text = json.dumps(nx.node_link_data(graph, edges=edges))
    path = tmp_path / "a.json"
    path.write_text(text)
    for name in (None, "node-link", "json"):
        instance = read_any(path, name, **NEEDS)
        assert lengths(instance) == {("A", "B"): 10.0, ("B", "C"): 12.5}
        assert [node.memory for node in instance.nodes] == [12, 10, 10]
        assert instance.metadata.source == "file a.json"


def test_node_link_data_without_the_words_of_networkx_is_read(tmp_path: Path) -> None:
    data = {
        "nodes": [{"id": 1}, {"id": 2.5}],
        "links": [{"source": 1, "target": 2.5, "length": 3, "value": 9}],
    }
    instance = read(tmp_path, "json", json.dumps(data))
    assert lengths(instance) == {("1", "2.5"): 3.0}
    assert instance.metadata.notes == ("edge attributes that are not read: value",)


def test_nodes_that_are_tuples_in_python_keep_their_names(tmp_path: Path) -> None:
    graph = nx.grid_2d_graph(1, 3)
    nx.set_edge_attributes(graph, 4.0, "length_km")
    instance = read(tmp_path, "json", json.dumps(nx.node_link_data(graph, edges="edges")))
    assert [node.id for node in instance.nodes] == ["(0, 0)", "(0, 1)", "(0, 2)"]


def test_a_directed_graph_is_read_when_told(tmp_path: Path) -> None:
    graph = nx.DiGraph([("A", "B", {"length": 5}), ("B", "A", {"length": 5})])
    text = json.dumps(nx.node_link_data(graph, edges="edges"))
    assert "the graph is directed" in refusal(tmp_path, "json", text)
    assert lengths(read(tmp_path, "json", text, undirected=True)) == {("A", "B"): 5.0}


def test_networkx_reads_what_we_write_and_the_other_way_round(tmp_path: Path) -> None:
    write_any(load_library("surfnet-10"), tmp_path / "a.json", "node-link")
    graph = nx.node_link_graph(json.loads((tmp_path / "a.json").read_text()), edges="edges")
    assert (graph.number_of_nodes(), graph.number_of_edges()) == (50, 68)
    (tmp_path / "b.json").write_text(json.dumps(nx.node_link_data(graph, edges="links")))
    assert read_any(tmp_path / "b.json") == load_library("surfnet-10")


def test_a_network_of_topohub_is_node_link_data_with_names_to_give(tmp_path: Path) -> None:
    from importlib.resources import files

    text = files("topohub").joinpath("data/topozoo/Abilene.json").read_text(encoding="utf-8")
    told = refusal(tmp_path, "json", text)
    assert "--map dist=length_km" in told
    instance = read(tmp_path, "json", text, map=["dist=length_km", "pos=position"])
    assert (len(instance.nodes), len(instance.links)) == (11, 14)
    assert all(node.position_km for node in instance.nodes)


GRAPH = nx.path_graph(2)
OTHER: dict[str, tuple[object, str]] = {
    "adjacency": (nx.adjacency_data(GRAPH), "adjacency data"),
    "cytoscape": (nx.cytoscape_data(GRAPH), "Cytoscape"),
    "tree": (nx.tree_data(nx.DiGraph([(0, 1)]), 0), "tree data"),
    "GeoJSON": ({"type": "FeatureCollection", "features": []}, "GeoJSON"),
    "JSON Graph Format": ({"graph": {"nodes": {}, "edges": []}}, "JSON Graph Format"),
    "other nodes and links": ({"nodes": ["a", "b"], "links": [["a", "b"]]}, "seems to be a graph"),
    "MQNS": ({"qnodes": [], "qchannels": []}, "MQNS"),
    "a plan": ({"format": "milproute.plan/1"}, "It is a plan of milproute"),
    "a notebook": ({"cells": [], "nbformat": 4}, "Jupyter"),
    "nothing known": ({"answer": 42}, "format is missing; allowed: 'milproute.instance/1'."),
}


@pytest.mark.parametrize(("data", "words"), OTHER.values(), ids=OTHER)
def test_other_json_is_told_what_it_seems_to_be(tmp_path: Path, data: object, words: str) -> None:
    told = refusal(tmp_path, "json", json.dumps(data))
    assert words in told
    assert told.startswith("format is ")


def test_an_instance_that_only_lacks_its_format_is_no_node_link_data(tmp_path: Path) -> None:
    document = load_library("toy").document()
    del document["format"]
    path = tmp_path / "a.json"
    path.write_text(json.dumps(document))
    with pytest.raises(InstanceError, match=r"format is missing; allowed: 'milproute\.instance/1'"):
        read_any(path)
