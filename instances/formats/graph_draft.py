"""Graph drafts: from the graph of a file to the draft of an instance, and back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from milproute.instances.errors import InstanceError, OptionError
from milproute.instances.formats.attribute_map import LOOKED_FOR
from milproute.instances.formats.attribute_reader import AttributeReader, check_map, unread_attributes
from milproute.instances.formats.draft import Draft, Note, listed, request_rows
from milproute.instances.instance import INSTANCE_FORMAT
from milproute.instances.numbers import number_or_same

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    import networkx as nx

    from milproute.instances.formats.graph_document import GraphDocument, GraphEdge, GraphNode
    from milproute.instances.formats.import_options import ImportOptions
    from milproute.instances.instance import Instance


OURS = "milproute"  # the graph attribute that only our own files have


LOOKED = "Looked for: {} of links; Longitude and Latitude, or position, of nodes.".format(
    " or ".join(LOOKED_FOR["edge"]["length_km"])
)


def draft_of(document: GraphDocument, options: ImportOptions) -> Draft:
    """Return what a graph says in terms of an instance.

    Raises
    ------
    InstanceError : an id twice, an edge to a node that is not declared, or a place that is none.
    OptionError : ``map`` names an attribute that the graph does not have.
    """
    _check_ends(document, options)
    mapped = options.mapped()
    check_map(document, mapped, options)
    extra = _extra(document, options)
    names = _names(document, mapped, options, ours=bool(extra))
    named = dict(zip((node.key for node in document.nodes), names, strict=True))
    reader = AttributeReader(mapped, str(options.path))
    nodes = [
        reader.node(node, f"{node.place}: node {name!r}", name)
        for node, name in zip(document.nodes, names, strict=True)
    ]
    links = [
        reader.link(edge, named[edge.source], named[edge.target])
        for edge in _in_order(document, ours=bool(extra))
    ]
    attenuation = mapped.get("attenuation_per_km", "attenuation_per_km")
    unread = {} if extra else unread_attributes(document, mapped)
    return Draft(
        nodes=nodes,
        links=links,
        requests=request_rows(extra, options.path),
        attenuation_per_km=number_or_same(document.attributes.get(attenuation)),
        name=extra.get("name"),
        metadata=extra.get("metadata"),
        directed=document.directed,
        looked_for=LOOKED,
        unread=unread,
        notes=[Note(f"{t} attributes that are not read", names) for t, names in unread.items() if names],
    )


def graph_of(instance: Instance) -> nx.Graph[str]:
    """Return an instance as a graph with plain attributes: no None, no tuple."""
    import networkx as nx  # only here: the room alone loads quickly

    extra = {
        "format": INSTANCE_FORMAT,
        "name": instance.name,
        "metadata": instance.metadata.document(),
        "requests": [request.model_dump() for request in instance.requests],
    }
    graph: nx.Graph[str] = nx.Graph()
    if instance.attenuation_per_km is not None:
        graph.graph["attenuation_per_km"] = instance.attenuation_per_km
    graph.graph[OURS] = json.dumps(extra)
    for node in instance.nodes:
        fields = node.model_dump(exclude={"id", "position_km"}, exclude_none=True)
        place = dict(zip(("x_km", "y_km"), node.position_km or (), strict=False))
        graph.add_node(node.id, **fields, **place)
    for row, (link, (u, v)) in enumerate(zip(instance.links, instance.ends, strict=True)):
        fields = link.model_dump(exclude={"source", "target"}, exclude_none=True)
        graph.add_edge(link.source, link.target, row=row, flipped=int(u > v), **fields)
    return graph


def _in_order(document: GraphDocument, *, ours: bool) -> Sequence[GraphEdge]:
    """Return the edges in the order of the links they were, for our own files, or of the file."""
    found = [number_or_same(edge.attributes.get("row")) for edge in document.edges]
    rows = [row for row in found if isinstance(row, int)]
    if not ours or len(rows) < len(found):
        return document.edges
    return [document.edges[i] for i in sorted(range(len(rows)), key=rows.__getitem__)]


def _check_ends(document: GraphDocument, options: ImportOptions) -> None:
    first: dict[Hashable, GraphNode] = {}
    for node in document.nodes:
        if node.key in first:
            value = f"a second node {node.text!r} (the first: {first[node.key].place})"
            raise InstanceError(str(options.path), node.place, value, "each id once", "")
        first[node.key] = node
    texts = [node.text for node in document.nodes]
    for edge in document.edges:
        for end in (edge.source, edge.target):
            if end not in first:
                remedy = "Declare the node, or mend the end of the edge."
                if str(end) in texts:
                    remedy = f"There is a node {str(end)!r} of another type: write both alike."
                place = f"{edge.place}: edge {str(edge.source)!r}-{str(edge.target)!r}"
                value = f"an edge to {str(end)!r}"
                raise InstanceError(
                    str(options.path), place, value, "ends that are nodes of the file", remedy
                )


def _names(
    document: GraphDocument, mapped: Mapping[str, str], options: ImportOptions, *, ours: bool
) -> list[str]:
    """Return the ids of the nodes: what ``map`` names, else the labels where they are ids, else the ids."""
    texts = [node.text for node in document.nodes]
    if "id" in mapped:
        found = [node.attributes.get(mapped["id"]) for node in document.nodes]
        names = [str(name) for name in found]
        if None in found or len(set(names)) < len(names):
            raise OptionError(
                f"--map {mapped['id']}=id: {_flaw(found)}; allowed: an attribute that every node has and "
                "that differs from node to node"
            )
        return names
    labels = [node.label for node in document.nodes]
    filled = [label for label in labels if label]
    if len(filled) == len(labels) and len(set(filled)) == len(labels):
        return filled
    if filled and not ours:
        options.notes.append(Note(f"labels are no ids, so the ids of the file are taken: {_flaw(labels)}"))
    if len(set(texts)) < len(texts):
        twice = next(text for text in texts if texts.count(text) > 1)
        raise InstanceError(str(options.path), f"node {twice!r}", "there twice", "each id once", "")
    return texts


def _flaw(names: Sequence[object]) -> str:
    """Say why names are no ids."""
    empty = sum(name is None or name == "" for name in names)
    if empty:
        return f"{empty} of {len(names)} nodes have none"
    twice = [str(name) for i, name in enumerate(names) if name in names[:i]]
    return f"{listed(repr(name) for name in dict.fromkeys(twice))} more than once"


def _extra(document: GraphDocument, options: ImportOptions) -> dict[str, Any]:
    """Read the JSON that our own files carry."""
    text = document.attributes.get(OURS)
    if text is None:
        return {}
    try:
        extra = json.loads(text)
    except (TypeError, ValueError):
        extra = None
    if not isinstance(extra, dict) or extra.get("format") != INSTANCE_FORMAT:
        allowed = f"JSON with format {INSTANCE_FORMAT!r}"
        raise InstanceError(str(options.path), f"graph attribute {OURS}", repr(text)[:80], allowed, "")
    return extra
