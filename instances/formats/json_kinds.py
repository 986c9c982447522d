"""Kinds of JSON: what a document without our format seems to be, and how to get from there to an instance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Kind = Literal["json", "node-link", "sequence"]


def json_kind(data: Mapping[str, Any]) -> Kind:
    """Return the format of a JSON document: ours unless it looks like one of the others that are read."""
    if "format" in data:
        return "json"
    if _is_sequence(data):
        return "sequence"
    return "node-link" if _is_node_link(data) else "json"


def seems_to_be(data: Mapping[str, Any]) -> str:
    """Say what a document that is no instance seems to be and what to do; empty when nothing is known."""
    return next((words for fits, words in KINDS if fits(data)), "")


def _has_rows(data: Mapping[str, Any], key: str, *fields: str) -> bool:
    """Say whether ``key`` is a list of objects that have ``fields`` (an empty list fits)."""
    rows = data.get(key)
    return isinstance(rows, list) and all(
        isinstance(row, dict) and all(name in row for name in fields) for row in rows
    )


def _is_node_link(data: Mapping[str, Any]) -> bool:
    """Say whether it is networkx's node-link data, or the same layout by another tool.

    An instance of ours that lacks ``format`` has nodes and links too, but says so by its other keys.
    """
    edges = next((key for key in ("edges", "links") if key in data), "")
    ours = "attenuation_per_km" in data or "requests" in data
    networkx = "directed" in data or "multigraph" in data
    return (
        _has_rows(data, "nodes")
        and bool(edges)
        and _has_rows(data, edges, "source", "target")
        and (networkx or not ours)
    )


def _is_sequence(data: Mapping[str, Any]) -> bool:
    channels = "qconnections" in data or "qchannels" in data
    return channels and _has_rows(data, "nodes")


def _format(beginning: str) -> Callable[[Mapping[str, Any]], bool]:
    return lambda data: str(data.get("format", "")).startswith(beginning)


NODE_LINK = "With networkx: json.dump(networkx.node_link_data(graph), file) writes what is read here."
KINDS: tuple[tuple[Callable[[Mapping[str, Any]], bool], str], ...] = (
    (_format("milproute.plan/"), "It is a plan of milproute: give the instance that it was made for."),
    (_format("milproute.beliefs/"), "It holds beliefs of milproute: give the instance that they belong to."),
    (_format("milproute.simulation/"), "It is the summary of a simulation: give the instance itself."),
    (_format("milproute.trace/"), "It is a trace: `milproute simulate replay` reads it."),
    (_format("milproute."), "It is another document of milproute, or of another version."),
    (
        lambda data: _has_rows(data, "adjacency") or ("adjacency" in data and "nodes" in data),
        f"It seems to be networkx's adjacency data. {NODE_LINK}",
    ),
    (
        lambda data: isinstance(data.get("elements"), dict | list),
        "It seems to be Cytoscape JSON: networkx.cytoscape_graph(data) makes a graph of it. " + NODE_LINK,
    ),
    (
        lambda data: data.get("type") in ("FeatureCollection", "Feature", "Topology", "GeometryCollection"),
        "It seems to be GeoJSON or TopoJSON, a map and no graph: say which points its lines join.",
    ),
    (
        lambda data: "children" in data and "id" in data,
        f"It seems to be networkx's tree data: networkx.tree_graph(data) makes a graph of it. {NODE_LINK}",
    ),
    (
        lambda data: isinstance(data.get("graph"), dict) and "nodes" in data["graph"],
        f"It seems to be JSON Graph Format (one key, graph). {NODE_LINK}",
    ),
    (
        lambda data: "qnodes" in data and "qchannels" in data,
        "It seems to be a topology of MQNS (qnodes, qchannels), which is not read. Write it as node-link "
        "JSON: nodes with id, links with source, target and length_km.",
    ),
    (
        lambda data: "nodes" in data and ("links" in data or "edges" in data),
        "It seems to be a graph, but its nodes and links are no lists of objects with source and target as "
        f"in networkx's node-link data. {NODE_LINK}",
    ),
    (
        lambda data: "nbformat" in data and "cells" in data,
        "It is a Jupyter notebook.",
    ),
)
