"""GraphML (Brandes et al. 2001), ours, the Topology Zoo's, or that of an editor such as yEd.

Read without networkx, which passes over `<default>` values, makes up nodes that an edge names, and drops a
second graph and the names that yEd gives.
"""

from __future__ import annotations

import re
from io import BytesIO
from typing import TYPE_CHECKING, NamedTuple

from milproute.instances.errors import InstanceError
from milproute.instances.files import read_text
from milproute.instances.formats.complete import complete
from milproute.instances.formats.format import Format, cannot_hold
from milproute.instances.formats.graph_document import GraphDocument, GraphEdge, GraphNode
from milproute.instances.formats.graph_draft import draft_of, graph_of
from milproute.instances.formats.xml_tree import Element, parse_xml

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from milproute.instances.formats.import_options import ImportOptions
    from milproute.instances.instance import Instance

# What XML 1.0 cannot hold, not even escaped.
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class _Key(NamedTuple):
    """``<key>``: what it is for, its name, and the value of elements without one of their own."""

    table: str
    name: str
    default: str | None


def read_graphml(options: ImportOptions) -> Instance:
    """Read GraphML.

    Raises
    ------
    InstanceError : no GraphML, or a graph that makes no instance; with the line.
    """
    document = parse_graphml(read_text(options.path, InstanceError), options.path)
    return complete(draft_of(document, options), options)


def write_graphml(instance: Instance) -> str:
    """Write GraphML; node ids are the graph's own.

    Raises
    ------
    InstanceError : an id with a character that XML cannot hold.
    """
    import networkx as nx  # only here: the room alone loads quickly

    for node in instance.nodes:
        if _NO_XML.search(node.id):
            raise cannot_hold(
                instance, f"node {node.id!r}: id", repr(node.id), "characters of XML 1.0", "Rename it."
            )
    # Not nx.generate_graphml: it splits lines, and an id may hold a Unicode line separator.
    buffer = BytesIO()
    nx.write_graphml_xml(graph_of(instance), buffer)
    return buffer.getvalue().decode("utf-8") + "\n"


def parse_graphml(text: str, path: Path) -> GraphDocument:
    """Return the one graph of a GraphML text."""
    root = parse_xml(text, path)
    if root.name != "graphml":
        raise InstanceError(str(path), f"line {root.line}", f"<{root.name}>, not GraphML", "<graphml>", "")
    graphs = [element for element in root.below() if element.name == "graph"]
    if len(graphs) != 1:
        line, value = (graphs[1].line, "a second graph") if graphs else (root.line, "without a graph")
        remedy = "Split the file; ungroup the nodes of a group." if graphs else ""
        raise InstanceError(str(path), f"line {line}", value, "one <graph>, and none inside a node", remedy)
    graph = graphs[0]
    for element in graph.all("hyperedge"):
        remedy = "Write an edge for each pair of its nodes."
        raise InstanceError(str(path), f"line {element.line}", "a hyperedge", "edges of two ends", remedy)
    keys = _keys(root, path)
    nodes = [_node(element, keys, path) for element in graph.all("node")]
    edges = [_edge(element, keys, path) for element in graph.all("edge")]
    attributes = _defaults("graph", keys) | _data(graph, keys, path)
    return GraphDocument(nodes, edges, attributes, _is_directed(graph))


def _is_directed(graph: Element) -> bool:
    """Say whether some edge has a direction; a graph without edges is what it says of itself."""
    usual = graph.attributes.get("edgedefault") == "directed"
    own = {"true": True, "false": False}
    found = [own.get(edge.attributes.get("directed", ""), usual) for edge in graph.all("edge")]
    return any(found) if found else usual


def _keys(root: Element, path: Path) -> Mapping[str, _Key]:
    keys = {}
    for element in root.all("key"):
        name = element.attributes.get("id")
        if name is None:
            raise InstanceError(str(path), f"line {element.line}: key", "without an id", "an id", "")
        defaults = [default.text for default in element.all("default")]
        keys[name] = _Key(
            element.attributes.get("for", "all"),
            element.attributes.get("attr.name", name),
            defaults[0] if defaults else None,
        )
    return keys


def _defaults(table: str, keys: Mapping[str, _Key]) -> dict[str, str]:
    return {
        key.name: key.default
        for key in keys.values()
        if key.table in (table, "all") and key.default is not None
    }


def _data(element: Element, keys: Mapping[str, _Key], path: Path) -> dict[str, str]:
    """Return the data of an element that are plain text, by name."""
    found = {}
    for data in element.all("data"):
        key = data.attributes.get("key", "")
        if key not in keys:
            place = f"line {data.line}: data: key"
            raise InstanceError(str(path), place, repr(key), "a <key> that the file declares", "")
        if not data.children:
            found[keys[key].name] = data.text
    return found


def _node(element: Element, keys: Mapping[str, _Key], path: Path) -> GraphNode:
    name = _required(element, "id", path)
    attributes = _defaults("node", keys) | _data(element, keys, path)
    label = attributes.pop("label", "").strip() or _drawn_label(element)
    return GraphNode(name, name, label, attributes, f"line {element.line}")


def _drawn_label(element: Element) -> str | None:
    """Return the name that yEd or its kin draw at a node, the text of the first label with a text."""
    texts = [inner.text.strip() for inner in element.below() if inner.name in ("NodeLabel", "Label.Text")]
    return next((text for text in texts if text), None)


def _edge(element: Element, keys: Mapping[str, _Key], path: Path) -> GraphEdge:
    source, target = (_required(element, end, path) for end in ("source", "target"))
    attributes = _defaults("edge", keys) | _data(element, keys, path)
    return GraphEdge(source, target, attributes, f"line {element.line}")


def _required(element: Element, key: str, path: Path) -> str:
    if key not in element.attributes:
        raise InstanceError(
            str(path), f"line {element.line}: {element.name}", f"without {key}", f"a {key}", ""
        )
    return element.attributes[key]


GRAPHML: Format = Format("graphml", ".graphml", read_graphml, write_graphml)
