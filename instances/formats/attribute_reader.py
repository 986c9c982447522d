"""Attribute reader: from the named attributes of a graph to the fields of nodes and links."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from milproute.instances.errors import InstanceError, OptionError
from milproute.instances.formats.attribute_map import LOOKED_FOR, TARGETS, table_of
from milproute.instances.formats.draft import Row
from milproute.instances.numbers import number_or_same, read_real

if TYPE_CHECKING:
    from collections.abc import Mapping

    from milproute.instances.formats.graph_document import GraphDocument, GraphEdge, GraphNode
    from milproute.instances.formats.import_options import ImportOptions


@dataclass
class AttributeReader:
    """Reads the fields of nodes and links.

    Parameters
    ----------
    mapped : for each field that a caller named, the attribute that stands for it.
    file : for messages.
    """

    mapped: Mapping[str, str]
    file: str

    def node(self, node: GraphNode, place: str, name: str) -> Row:
        """Return the row of a node; coordinates become ``position_km`` or ``lon_lat``."""
        found, names = self._pick("node", node.attributes)
        pairs = [found.pop(key, None) for key in ("longitude", "latitude", "x_km", "y_km", "position")]
        lon, lat, x, y, position = pairs
        row = Row({**found, "id": name}, place, names)
        if x is not None and y is not None:
            row.fields["position_km"] = (x, y)
        elif lon is not None or lat is not None:
            row.fields["lon_lat"] = self._lon_lat([lon, lat], row, "longitude and latitude")
        elif position is not None:
            row.fields["lon_lat"] = self._lon_lat(position, row, row.names.get("position", "position"))
        return row

    def link(self, edge: GraphEdge, source: str, target: str) -> Row:
        """Return the row of an edge between the ids of two nodes."""
        found, names = self._pick("edge", edge.attributes)
        if edge.attributes.get("flipped") in (1, "1"):
            source, target = target, source
        place = f"{edge.place}: edge {source!r}-{target!r}"
        return Row({"source": source, "target": target, **found}, place, names)

    def _pick(self, table: str, attributes: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
        """Return the fields that the attributes give, and the names that they have there."""
        lower = {name.lower(): name for name in attributes}
        found, names = {}, {}
        for target, usual in LOOKED_FOR[table].items():
            candidates = [self.mapped[target], *usual] if target in self.mapped else list(usual)
            if target in ("longitude", "latitude"):
                candidates = [lower.get(name.lower(), name) for name in candidates]
            name = next((name for name in candidates if _filled(attributes.get(name))), None)
            if name is not None:
                found[target], names[target] = number_or_same(attributes[name]), name
        return found, names

    def _lon_lat(self, value: Any, row: Row, name: str) -> tuple[float, float]:
        pair = value
        if isinstance(value, str):
            try:
                pair = json.loads(value)
            except ValueError:
                pair = None
        try:
            lon, lat = map(read_real, pair)
        except (TypeError, ValueError):
            shown = repr(value)[:80].replace("None", "missing")
            allowed = "[longitude, latitude], two numbers"
            raise InstanceError(self.file, f"{row.place}: {name}", shown, allowed, "") from None
        return (lon, lat)


def _filled(value: Any) -> bool:
    """Say whether an attribute has a value; editors write empty ones."""
    return value is not None and not (isinstance(value, str) and not value.strip())


def check_map(document: GraphDocument, mapped: Mapping[str, str], options: ImportOptions) -> None:
    """Refuse a name that no node, edge or graph of the file has."""
    for target, attribute in mapped.items():
        table = table_of(target)
        has = _attributes(document)[table]
        if attribute not in has:
            raise OptionError(
                f"--map {attribute}={target}: no {table} of {options.path} has an attribute {attribute!r}; "
                f"allowed: {', '.join(has) or 'none, it has no attributes'}"
            )


def _attributes(document: GraphDocument) -> dict[str, tuple[str, ...]]:
    """List the names of the attributes of nodes, edges and the graph."""
    return {
        "node": tuple(dict.fromkeys(name for node in document.nodes for name in node.attributes)),
        "edge": tuple(dict.fromkeys(name for edge in document.edges for name in edge.attributes)),
        "graph": tuple(document.attributes),
    }


def unread_attributes(document: GraphDocument, mapped: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """List the attributes of nodes and edges that no field is read from."""
    read = {name.lower() for fields in LOOKED_FOR.values() for names in fields.values() for name in names}
    used = {*(mapped[target].lower() for target in TARGETS if target in mapped), *read}
    return {
        table: tuple(sorted(name for name in names if name.lower() not in used))
        for table, names in _attributes(document).items()
        if table != "graph"
    }
