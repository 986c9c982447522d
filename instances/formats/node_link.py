"""Node-link JSON, as networkx and d3 write it.

    {"directed": false, "multigraph": false, "graph": {},
     "nodes": [{"id": "A"}], "edges": [{"source": "A", "target": "B", "length_km": 10}]}

Older networkx and d3 write ``links`` for ``edges``. Attributes are those of GraphML and GML.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from milproute.instances.errors import InstanceError
from milproute.instances.files import read_json_object
from milproute.instances.formats.complete import complete
from milproute.instances.formats.format import Format
from milproute.instances.formats.graph_document import GraphDocument, GraphEdge, GraphNode
from milproute.instances.formats.graph_draft import draft_of, graph_of

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping
    from pathlib import Path

    from milproute.instances.formats.import_options import ImportOptions
    from milproute.instances.instance import Instance


def read_node_link(options: ImportOptions) -> Instance:
    """Read node-link JSON, ours or another tool's.

    Raises
    ------
    InstanceError : no node-link JSON, or a graph that makes no instance.
    """
    data = read_json_object(options.path, InstanceError)
    return complete(draft_of(parse_node_link(data, options.path), options), options)


def write_node_link(instance: Instance) -> str:
    """Write node-link JSON with the keys of `networkx.node_link_graph`."""
    import networkx as nx  # only here: the room alone loads quickly

    data = nx.node_link_data(graph_of(instance), edges="edges")
    return json.dumps(data, indent=1, allow_nan=False) + "\n"


def parse_node_link(data: Mapping[str, Any], path: Path) -> GraphDocument:
    """Return the graph of a node-link document."""
    edges = "links" if "links" in data and "edges" not in data else "edges"
    nodes = [_node(row, f"nodes[{i}]", path) for i, row in enumerate(_rows(data, "nodes", path))]
    links = [_edge(row, f"{edges}[{i}]", path) for i, row in enumerate(_rows(data, edges, path))]
    graph = data.get("graph", {})
    if isinstance(graph, list):  # networkx 1 wrote pairs
        graph = {key: value for key, value in graph if isinstance(key, str)}
    if not isinstance(graph, dict):
        raise InstanceError(str(path), "graph", repr(graph)[:80], "an object of graph attributes", "")
    return GraphDocument(nodes, links, graph, data.get("directed") is True)


def _rows(data: Mapping[str, Any], key: str, path: Path) -> list[dict[str, Any]]:
    rows = data.get(key)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        value = "missing" if key not in data else repr(rows)[:80]
        raise InstanceError(str(path), key, value, "a list of objects", "")
    return rows


def _node(row: Mapping[str, Any], place: str, path: Path) -> GraphNode:
    key = _identity(row, "id", place, path)
    label = row.get("label")
    attributes = {name: value for name, value in row.items() if name not in ("id", "label")}
    return GraphNode(key, str(key), None if label is None else str(label), attributes, place)


def _edge(row: Mapping[str, Any], place: str, path: Path) -> GraphEdge:
    source, target = (_identity(row, end, place, path) for end in ("source", "target"))
    attributes = {name: value for name, value in row.items() if name not in ("source", "target", "key")}
    return GraphEdge(source, target, attributes, place)


def _identity(row: Mapping[str, Any], key: str, place: str, path: Path) -> Hashable:
    """Return what a row names a node by: a text, a number, or a list of them (a tuple of Python)."""
    value: Hashable = _frozen(row.get(key))
    if value is None or isinstance(value, bool | dict):
        shown = "missing" if key not in row else repr(row[key])[:80]
        remedy = "Give every node an id, and name the nodes by it in the ends of the links."
        raise InstanceError(str(path), f"{place}.{key}", shown, "a text or a number", remedy)
    return value


def _frozen(value: Any) -> Any:
    return tuple(_frozen(part) for part in value) if isinstance(value, list) else value


NODE_LINK: Format = Format("node-link", ".json", read_node_link, write_node_link)
