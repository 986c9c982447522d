"""Graph document: what GraphML, GML and node-link JSON have in common, and the draft that it becomes.

Our own files lose nothing: fields are node and edge attributes of the same names, a place is ``x_km`` and
``y_km``, and the graph attribute ``milproute`` holds name, metadata and requests as JSON. ``row`` and
``flipped`` keep the order of the links and of their ends, which an undirected graph does not have.

Files of other tools: see `attribute_map.LOOKED_FOR`. Ids are the labels of the nodes where all have one and
all differ, and the ids of the file otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping


@dataclass
class GraphNode:
    """A node: its id in the file, what the file writes for it, its label, attributes and place."""

    key: Hashable
    text: str
    label: str | None
    attributes: Mapping[str, Any]
    place: str


@dataclass
class GraphEdge:
    """An edge between the ids of two nodes."""

    source: Hashable
    target: Hashable
    attributes: Mapping[str, Any]
    place: str


@dataclass
class GraphDocument:
    """A graph as its file has it, in the order of the file."""

    nodes: list[GraphNode]
    edges: list[GraphEdge]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    directed: bool = False
