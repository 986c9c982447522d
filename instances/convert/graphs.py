"""GraphML and GML through networkx.

Our own files lose nothing: fields are node and edge attributes of the same names, a place is ``x_km`` and
``y_km``, and the graph attribute ``milproute`` holds name, metadata and requests as JSON. ``row`` and
``flipped`` keep the order of the links and of their ends, which an undirected graph does not have.

Files of other tools: edge ``length`` (or ``length_km``) in km; node ``position`` as ``"[lon, lat]"`` or
``Longitude`` and ``Latitude`` (Topology Zoo, which has no lengths). In GML the ids are the labels where all
nodes have one and all differ, and the numbers otherwise. Parallel edges are merged.
"""

from __future__ import annotations

import json
import re
from io import BytesIO
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import ParseError

from instances.convert.fields import Draft, Format, Supplied, cannot_hold, complete
from instances.errors import InstanceError
from instances.files import read_text
from instances.instance import INSTANCE_FORMAT
from instances.network import Link, Node

if TYPE_CHECKING:
    from collections.abc import Mapping

    import networkx as nx

    from instances.instance import Instance

# What XML 1.0 cannot hold, not even escaped.
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MALFORMED = (ParseError, ValueError, KeyError, TypeError, AttributeError)


def write_graphml(instance: Instance) -> str:
    """Write GraphML; node ids are the graph's own.

    Raises
    ------
    InstanceError : an id with a character that XML cannot hold.
    """
    import networkx as nx  # only here: the room alone loads quickly

    for i, node in enumerate(instance.nodes):
        if _NO_XML.search(node.id):
            raise cannot_hold(
                instance, f"nodes[{i}].id", repr(node.id), "characters of XML 1.0", "Rename it."
            )
    # Not nx.generate_graphml: it splits lines, and an id may hold a Unicode line separator.
    buffer = BytesIO()
    nx.write_graphml_xml(_graph(instance), buffer)
    return buffer.getvalue().decode("utf-8") + "\n"


def write_gml(instance: Instance) -> str:
    """Write GML; node ids are the labels."""
    import networkx as nx  # only here: the room alone loads quickly

    return "\n".join(nx.generate_gml(_graph(instance))) + "\n"


def read_graphml(supplied: Supplied) -> Instance:
    """Read GraphML, ours or another tool's."""
    import networkx as nx  # only here: the room alone loads quickly

    text = read_text(supplied.path, InstanceError)
    try:
        graph = nx.parse_graphml(text)
    except (nx.NetworkXException, *_MALFORMED) as failure:
        raise _malformed(supplied, failure, "GraphML") from None
    return complete(_draft(graph, list(graph), supplied), supplied)


def read_gml(supplied: Supplied) -> Instance:
    """Read GML, ours or another tool's."""
    import networkx as nx  # only here: the room alone loads quickly

    text = read_text(supplied.path, InstanceError)
    if not re.search(r"\bmultigraph\s+1\b", text):  # networkx refuses parallel edges without this word
        text = re.sub(r"(^|\n)(\s*graph\s*\[)", r"\1\2 multigraph 1 ", text, count=1)
    try:
        graph = nx.parse_gml(text.split("\n"), label="id")
    except (nx.NetworkXException, *_MALFORMED) as failure:
        raise _malformed(supplied, failure, "GML") from None
    # networkx reads the strings "[]" and "()" as an empty list and tuple.
    empty = {"[]": "[]", "()": "()"}
    labels = [data.get("label") for _, data in graph.nodes(data=True)]
    names = [empty.get(repr(label), str(label)) for label in labels]
    if None in labels or len(set(names)) < len(names):
        names = [str(node) for node in graph]
    return complete(_draft(graph, names, supplied), supplied)


def _graph(instance: Instance) -> nx.Graph[str]:
    """Return a graph with plain attributes: no None, no tuple."""
    import networkx as nx  # only here: the room alone loads quickly

    extra = {
        "format": INSTANCE_FORMAT,
        "name": instance.name,
        "metadata": instance.metadata.model_dump(),
        "requests": [request.model_dump() for request in instance.requests],
    }
    graph: nx.Graph[str] = nx.Graph(
        attenuation_per_km=instance.attenuation_per_km, milproute=json.dumps(extra)
    )
    for node in instance.nodes:
        fields = node.model_dump(exclude={"id", "position_km"}, exclude_none=True)
        place = dict(zip(("x_km", "y_km"), node.position_km or (), strict=False))
        graph.add_node(node.id, **fields, **place)
    for row, (link, (u, v)) in enumerate(zip(instance.links, instance.ends, strict=True)):
        fields = link.model_dump(exclude={"source", "target"}, exclude_none=True)
        graph.add_edge(link.source, link.target, row=row, flipped=int(u > v), **fields)
    return graph


def _draft(graph: nx.Graph[Any], names: list[str], supplied: Supplied) -> Draft:
    """Collect what the attributes of a graph say; ``names`` are the ids in node order."""
    if graph.is_directed():
        remedy = "Make the graph undirected: a link serves both ways."
        raise InstanceError(str(supplied.path), "the graph", "directed", "undirected", remedy)
    row = {node: i for i, node in enumerate(graph)}
    nodes = []
    for name, (_, data) in zip(names, graph.nodes(data=True), strict=True):
        fields = {key: _number(data[key]) for key in Node.model_fields if key in data and key != "id"}
        nodes.append({**fields, **_place(data, supplied, name), "id": name})
    edges: list[tuple[Any, dict[str, Any]]] = []
    for u, v, data in graph.edges(data=True):
        first, second = sorted((row[u], row[v]), reverse=data.get("flipped") == 1)
        fields = {key: _number(data[key]) for key in Link.model_fields if key in data}
        if "length" in data:
            fields.setdefault("length_km", _number(data["length"]))
        ends = {"source": names[first], "target": names[second]}
        edges.append((data.get("row", len(edges)), {**fields, **ends}))
    ours = all(isinstance(place, int) for place, _ in edges)
    links = [link for _, link in (sorted(edges, key=lambda edge: edge[0]) if ours else edges)]
    extra = _extra(graph, supplied)
    return Draft(
        nodes,
        links,
        extra.get("requests"),
        graph.graph.get("attenuation_per_km"),
        extra.get("name"),
        extra.get("metadata"),
    )


def _extra(graph: nx.Graph[Any], supplied: Supplied) -> dict[str, Any]:
    """Read the JSON that our own files carry."""
    text = graph.graph.get("milproute")
    if text is None:
        return {}
    try:
        extra = json.loads(text)
    except (TypeError, ValueError):
        extra = None
    if not isinstance(extra, dict) or extra.get("format") != INSTANCE_FORMAT:
        allowed = f"JSON with format {INSTANCE_FORMAT!r}"
        raise InstanceError(str(supplied.path), "graph attribute milproute", repr(text)[:80], allowed, "")
    return extra


def _place(data: Mapping[str, Any], supplied: Supplied, name: str) -> dict[str, Any]:
    """Return ``position_km`` or ``lon_lat`` of a node, or nothing."""
    if "x_km" in data and "y_km" in data:
        return {"position_km": (data["x_km"], data["y_km"])}
    if "Longitude" in data and "Latitude" in data:
        pair = [data["Longitude"], data["Latitude"]]
    elif "position" in data:
        try:
            pair = json.loads(data["position"]) if isinstance(data["position"], str) else data["position"]
        except ValueError:
            pair = None
    else:
        return {}
    if not isinstance(pair, list) or len(pair) != 2 or not all(isinstance(x, int | float) for x in pair):
        place = f"node {name!r}: position"
        raise InstanceError(
            str(supplied.path), place, repr(data.get("position", pair)), "[longitude, latitude]", ""
        )
    return {"lon_lat": (float(pair[0]), float(pair[1]))}


def _number(value: Any) -> Any:
    """Return digits as a number: networkx writes whole numbers beyond 32 bits as text in GML."""
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value


def _malformed(supplied: Supplied, failure: Exception, kind: str) -> InstanceError:
    """Return the error for text that networkx cannot read, with the line where it is known."""
    found = re.search(r"at \((\d+), \d+\)|line (\d+)", str(failure))
    place = f"line {found[1] or found[2]}" if found else "the document"
    return InstanceError(str(supplied.path), place, f"not {kind} ({failure})", f"a {kind} graph", "")


GRAPHML = Format("graphml", ".graphml", read_graphml, write_graphml, "nothing")
GML = Format("gml", ".gml", read_gml, write_gml, "nothing")
