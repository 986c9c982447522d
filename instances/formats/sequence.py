"""Reading topologies of the simulator SeQUeNCe (`RouterNetTopo`, JSON).

    {"nodes": [{"name": "a", "type": "QuantumRouter", "seed": 0, "memo_size": 12, "template": "router"}],
     "qconnections": [{"node1": "a", "node2": "b", "attenuation": 0.0002, "distance": 20000,
                       "type": "meet_in_the_middle"}],
     "cconnections": […], "templates": {"router": {"MemoryArray": {"fidelity": 0.98},
                                                   "EntanglementSwapping": {"swapping_success_prob": 0.9}}}}

Distances are metres and attenuations dB per metre. A link is a quantum connection of two routers, or the two
quantum channels from routers to one `BSMNode`. The fidelity of a fresh pair is that of the memories at both
ends. What SeQUeNCe has no word for (channels, requests, places) our own files keep under names that it
passes over: see `sequence_writer`.
"""

from __future__ import annotations

from math import isclose
from typing import TYPE_CHECKING, Any

from milproute.instances.errors import InstanceError
from milproute.instances.files import read_json_object
from milproute.instances.formats.complete import complete
from milproute.instances.formats.draft import Draft, Note, Row, request_rows
from milproute.instances.formats.format import Format
from milproute.instances.formats.sequence_writer import OURS, lost_in_sequence, write_sequence
from milproute.instances.instance import INSTANCE_FORMAT
from milproute.instances.numbers import read_real
from milproute.instances.physics import attenuation_from_db

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from milproute.instances.formats.import_options import ImportOptions
    from milproute.instances.instance import Instance

ROUTER, MIDDLE = "QuantumRouter", "BSMNode"
METRES = 1000.0  # in a km
LEFT = "seeds, templates other than memory fidelity and swapping success, and classical channels are not read"


def read_sequence(options: ImportOptions) -> Instance:
    """Read a topology of quantum routers.

    Raises
    ------
    InstanceError : no such topology, nodes of another type, or attenuations that differ.
    """
    data = read_json_object(options.path, InstanceError)
    return complete(_Reader(data, options.path).draft(), options)


class _Reader:
    """Turns one document into a draft."""

    def __init__(self, data: Mapping[str, Any], path: Path) -> None:
        self.data, self.path = data, path
        self.templates = data.get("templates", {})
        self.types: dict[str, str] = {}
        self.fidelity: dict[str, Any] = {}

    def draft(self) -> Draft:
        extra = self.data.get(OURS, {})
        extra = extra if isinstance(extra, dict) and extra.get("format") == INSTANCE_FORMAT else {}
        nodes = [
            row for i, node in enumerate(self._rows("nodes")) for row in self._router(node, f"nodes[{i}]")
        ]
        spans = [
            (self._field(row, "node1", place), self._field(row, "node2", place), [(row, place)])
            for place, row in self._places("qconnections")
        ]
        spans += self._by_middle()
        links = [self._link(*span) for span in spans]
        return Draft(
            nodes=nodes,
            links=links,
            requests=request_rows(extra, self.path),
            attenuation_per_km=self._attenuation(spans, extra.get("attenuation_per_km")),
            name=extra.get("name"),
            metadata=extra.get("metadata"),
            notes=[] if extra else [Note(LEFT)],
        )

    def _rows(self, key: str) -> list[dict[str, Any]]:
        rows = self.data.get(key, [])
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise InstanceError(str(self.path), key, repr(rows)[:80], "a list of objects", "")
        return rows

    def _places(self, key: str) -> list[tuple[str, dict[str, Any]]]:
        return [(f"{key}[{i}]", row) for i, row in enumerate(self._rows(key))]

    def _field(self, row: Mapping[str, Any], key: str, place: str) -> Any:
        if row.get(key) is None:
            raise InstanceError(str(self.path), f"{place}.{key}", "missing", f"a {key}", "")
        return row[key]

    def _router(self, node: Mapping[str, Any], place: str) -> list[Row]:
        """Return the row of a router; a node in the middle of a link has none."""
        name, kind = str(self._field(node, "name", place)), self._field(node, "type", place)
        if kind not in (ROUTER, MIDDLE):
            where = f"{place}: node {name!r}: type"
            remedy = "milproute has no counterpart for other nodes."
            raise InstanceError(str(self.path), where, repr(kind), f"{ROUTER} or {MIDDLE}", remedy)
        self.types[name] = kind
        if kind == MIDDLE:
            return []
        template = self.templates.get(node.get("template"), {})
        memories, swapping = template.get("MemoryArray", {}), template.get("EntanglementSwapping", {})
        self.fidelity[name] = memories.get("fidelity")
        row = Row(
            {
                "id": name,
                "memory": node.get("memo_size"),
                "swap_probability": swapping.get("swapping_success_prob"),
            },
            f"{place}: node {name!r}",
            {"memory": "memo_size", "swap_probability": "swapping_success_prob"},
        )
        if node.get("position_km") is not None:
            row.fields["position_km"] = node["position_km"]
        return [row]

    def _by_middle(self) -> list[tuple[str, str, list[tuple[dict[str, Any], str]]]]:
        """Return the links that are written as two quantum channels into one node."""
        into: dict[str, list[tuple[dict[str, Any], str]]] = {}
        for place, row in self._places("qchannels"):
            middle = str(self._field(row, "destination", place))
            if self.types.get(middle) != MIDDLE:
                where = f"{place}: destination"
                raise InstanceError(str(self.path), where, repr(middle), f"the name of a {MIDDLE}", "")
            into.setdefault(middle, []).append((row, place))
        spans = []
        for middle, halves in into.items():
            if len(halves) != 2:
                value, allowed = (
                    f"the end of {len(halves)} quantum channels",
                    "the end of two, one from each router",
                )
                raise InstanceError(str(self.path), f"node {middle!r}", value, allowed, "")
            first, second = (str(self._field(row, "source", place)) for row, place in halves)
            spans.append((first, second, halves))
        return spans

    def _link(self, source: str, target: str, halves: list[tuple[dict[str, Any], str]]) -> Row:
        place = f"{halves[0][1]}: edge {source!r}-{target!r}"
        metres = sum(self._number(row, "distance", where) for row, where in halves)
        ends = {self.fidelity.get(source), self.fidelity.get(target)}
        fields = {
            "source": source,
            "target": target,
            "length_km": float(f"{metres / METRES:.15g}"),  # as it was before it was written in metres
            "fidelity": ends.pop() if len(ends) == 1 else None,
            "channels": halves[0][0].get("channels"),
        }
        return Row(fields, place, {"length_km": "distance in km"})

    def _number(self, row: Mapping[str, Any], key: str, place: str) -> float:
        value = self._field(row, key, place)
        try:
            return read_real(value)
        except ValueError:
            raise InstanceError(str(self.path), f"{place}.{key}", repr(value), "a number", "") from None

    def _attenuation(self, spans: list[Any], exact: Any) -> Any:
        """Return the attenuation that all links share, per km; None without links.

        ``exact`` is what one of our files says per km: it stands while the links agree with it.
        """
        found = {
            self._number(row, "attenuation", place): place for _, _, halves in spans for row, place in halves
        }
        if len(found) > 1:
            (least, here), *_, (most, there) = sorted(found.items())
            value = f"different ({least} dB/m in {here}, {most} dB/m in {there})"
            remedy = "An instance has one attenuation: write the same on every quantum connection."
            raise InstanceError(str(self.path), "attenuation", value, "one for all links", remedy)
        shared = next((attenuation_from_db(value * METRES) for value in found), exact)
        agrees = (
            isinstance(exact, int | float) and shared is not None and isclose(exact, shared, rel_tol=1e-12)
        )
        return exact if agrees else shared


SEQUENCE: Format = Format("sequence", ".json", read_sequence, write_sequence, lost_in_sequence)
