"""Network: nodes with memories and swap probabilities, links with channels."""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import ConfigDict, Field, model_validator

from milproute.instances.physics import link_probability
from milproute.instances.schema import (
    Count,
    Frozen,
    Identifier,
    JsonSchema,
    NonNegative,
    Number,
    UnitInterval,
    absent,
    inconsistent,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Self

    import networkx as nx

    from milproute.instances.arrays import Floats, Integers


# What the schema says about the pair of them: a link without a probability needs the attenuation.
_GIVEN: JsonSchema = {"required": ["probability"], "properties": {"probability": {"type": "number"}}}
_ATTENUATED: JsonSchema = {
    "required": ["attenuation_per_km"],
    "properties": {"attenuation_per_km": {"type": "number"}},
}
PROBABILITIES_OR_ATTENUATION: JsonSchema = {
    "allOf": [{"anyOf": [_ATTENUATED, {"properties": {"links": {"items": _GIVEN}}}]}]
}


class Node(Frozen):
    """A repeater or end node.

    Parameters
    ----------
    id : name, unique in the network.
    memory : qubits; each attempt in a slot holds one at both ends of its link.
    swap_probability : success of one Bell-state measurement here.
    position_km : plane coordinates in km, or None when unknown.
    """

    id: Identifier
    memory: Count
    swap_probability: UnitInterval
    position_km: tuple[Number, Number] | None = None


class Link(Frozen):
    """An undirected fibre between two nodes.

    Parameters
    ----------
    source, target : its ends; their order has no meaning.
    length_km : length of the fibre.
    channels : attempts that can be made at once in a slot.
    probability : success of one attempt; None means exp(-attenuation_per_km * length_km).
    fidelity : fidelity of a fresh pair (Werner state).
    entangled_pairs : pairs that exist now; None when nothing was attempted yet.
    """

    source: Identifier
    target: Identifier
    length_km: NonNegative
    channels: Count
    probability: UnitInterval | None = None
    fidelity: UnitInterval
    entangled_pairs: Count | None = None

    @property
    def ends(self) -> tuple[str, str]:
        """Both ends in sorted order: the name of the link."""
        return (self.source, self.target) if self.source < self.target else (self.target, self.source)


class Network(Frozen):
    """An undirected quantum network.

    Parameters
    ----------
    attenuation_per_km : a in exp(-a * length), per km (not dB). It may be None when every link has a
        probability of its own.
    nodes, links : see `Node` and `Link`; at most one link between two nodes.
    """

    model_config = ConfigDict(json_schema_extra=PROBABILITIES_OR_ATTENUATION)

    attenuation_per_km: NonNegative | None = None
    nodes: Annotated[tuple[Node, ...], Field(min_length=1)]
    links: tuple[Link, ...]

    @model_validator(mode="after")
    def _check_references(self) -> Self:
        check_unique("nodes", [node.id for node in self.nodes])
        known, first = {node.id for node in self.nodes}, dict[tuple[str, str], int]()
        for i, link in enumerate(self.links):
            for end in ("source", "target"):
                if getattr(link, end) not in known:
                    raise inconsistent(f"links[{i}].{end}", getattr(link, end), "the id of a node")
            if link.source == link.target:
                raise inconsistent(f"links[{i}].target", link.target, "another node than its source")
            if link.ends in first:
                raise inconsistent(
                    f"links[{i}]",
                    link.ends,
                    f"one link between two nodes (the first is links[{first[link.ends]}])",
                    "Keep one of them, or add up the channels where all else is equal.",
                )
            first[link.ends] = i
        return self

    @model_validator(mode="after")
    def _check_probabilities(self) -> Self:
        if self.attenuation_per_km is None:
            for link in self.links:
                if link.probability is None:
                    raise absent(
                        "attenuation_per_km",
                        f"a finite number of at least 0, because the link between {link.source!r} and "
                        f"{link.target!r} has no probability",
                        "Give it, or every link a probability.",
                    )
        return self

    @cached_property
    def node_row(self) -> Mapping[str, int]:
        """Position of each node id in ``nodes``."""
        return {node.id: i for i, node in enumerate(self.nodes)}

    @cached_property
    def link_row(self) -> Mapping[tuple[str, str], int]:
        """Position of each link in ``links``, under both orders of its ends."""
        rows = {(link.source, link.target): i for i, link in enumerate(self.links)}
        return rows | {(v, u): i for (u, v), i in rows.items()}

    @cached_property
    def ends(self) -> Integers:
        """Node rows of the ends of each link, shape (links, 2)."""
        row = self.node_row
        pairs = [(row[link.source], row[link.target]) for link in self.links]
        return np.array(pairs, dtype=np.int64).reshape(-1, 2)

    @cached_property
    def probabilities(self) -> Floats:
        """Success of one attempt on each link, shape (links,)."""
        given = np.array([link.probability for link in self.links], dtype=float)
        if self.attenuation_per_km is None:
            return given
        lengths = np.array([link.length_km for link in self.links], dtype=float)
        return np.where(np.isnan(given), link_probability(lengths, self.attenuation_per_km), given)

    @cached_property
    def channels(self) -> Integers:
        """Channels of each link, shape (links,)."""
        return np.array([link.channels for link in self.links], dtype=np.int64)

    @cached_property
    def memories(self) -> Integers:
        """Qubits of each node, shape (nodes,)."""
        return np.array([node.memory for node in self.nodes], dtype=np.int64)

    def links_along(self, nodes: Sequence[str]) -> list[int]:
        """Rows of the links between consecutive ``nodes``; KeyError where there is none."""
        return [self.link_row[step] for step in pairwise(nodes)]

    def to_networkx(self) -> nx.Graph[str]:
        """Return a networkx graph: ids as nodes, every field as an attribute, `row` on links.

        Without an attenuation the graph has no such attribute.
        """
        import networkx as nx  # only here: the room alone loads quickly

        graph: nx.Graph[str] = nx.Graph()
        if self.attenuation_per_km is not None:
            graph.graph["attenuation_per_km"] = self.attenuation_per_km
        for node in self.nodes:
            graph.add_node(node.id, **node.model_dump(exclude={"id"}))
        for row, link in enumerate(self.links):
            fields = link.model_dump(exclude={"source", "target"})
            graph.add_edge(link.source, link.target, row=row, **fields)
        return graph

    @classmethod
    def from_networkx(cls, graph: nx.Graph[Any], **defaults: Any) -> Self:
        """Build a network from node and edge attributes named like the fields.

        Parameters
        ----------
        graph : undirected simple graph; node labels become strings.
        defaults : ``attenuation_per_km``, ``memory``, ``swap_probability``, ``channels``, ``fidelity``
            … for what the graph lacks; attributes in the graph win.

        Raises
        ------
        pydantic.ValidationError : a required field is in neither, or a value is out of range.
        """
        return cls.model_validate(network_fields(graph, defaults))


def network_fields(graph: nx.Graph[Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Collect the fields of a `Network` from graph attributes, then ``defaults``."""

    def pick(model: type[Frozen], attributes: Mapping[str, Any]) -> dict[str, Any]:
        known = {**defaults, **attributes}
        return {key: known[key] for key in model.model_fields if key in known}

    top = {**defaults, **graph.graph}
    nodes = [pick(Node, {**data, "id": str(node)}) for node, data in graph.nodes(data=True)]
    links = [
        pick(Link, {**data, "source": str(u), "target": str(v)}) for u, v, data in graph.edges(data=True)
    ]
    rate = {"attenuation_per_km": top["attenuation_per_km"]} if "attenuation_per_km" in top else {}
    return {**rate, "nodes": nodes, "links": links}


def check_unique(field: str, ids: Sequence[str]) -> None:
    """Raise for the first id that stands twice."""
    first: dict[str, int] = {}
    for i, name in enumerate(ids):
        if name in first:
            raise inconsistent(f"{field}[{i}].id", name, f"unique ids ({field}[{first[name]}] has it too)")
        first[name] = i
