"""SNDlib native network files (Orlowski et al., Networks 55, 2010).

    ?SNDlib native format; type: network; version: 1.0
    NODES ( id [( longitude latitude )] … )
    LINKS ( id ( a b ) capacity capacity_cost routing_cost setup_cost ( {capacity cost}* ) … )
    DEMANDS ( id ( a b ) unit value max_path_length … )

``#`` starts a comment. A file that milproute wrote says so in a comment; then the coordinates are plane
km, the capacity is the number of channels, the routing cost the length in km, and a demand without a limit
is the word UNLIMITED, which no number can be. In any other file coordinates are longitude and latitude in
degrees (longitude first), capacities are traffic, and channels and lengths come from options, which may
name a column.
"""

from __future__ import annotations

import re
from math import ceil
from typing import TYPE_CHECKING, Any

from milproute.instances.errors import InstanceError, OptionError
from milproute.instances.files import read_text
from milproute.instances.formats.attribute_map import table_of
from milproute.instances.formats.complete import complete
from milproute.instances.formats.draft import Draft, Note, Row
from milproute.instances.formats.format import Format, cannot_hold, refuse_unsayable
from milproute.instances.formats.sndlib_sections import UNLIMITED, Entry, read_sections
from milproute.instances.formats.tokens import real_at

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from milproute.instances.formats.import_options import ImportOptions
    from milproute.instances.instance import Instance

FIRST_LINE = "?SNDlib native format; type: network; version: 1.0"
MARK = "# milproute.instance/1: coordinates in plane km, capacity = channels, routing cost = length in km"
COLUMNS = ("capacity", "capacity_cost", "routing_cost", "setup_cost")


def read_sndlib(options: ImportOptions) -> Instance:
    """Read a network file; `DEMANDS` become requests in both directions as they stand.

    A demand counts pairs; with the option ``demand_unit`` it is value / demand_unit, rounded up. The
    maximum path length of a demand and the costs and modules of a link have no counterpart.

    Raises
    ------
    InstanceError : no such file, or one that makes no instance; with the line.
    OptionError : ``map`` or ``length_from`` names no column.
    """
    file = options.path
    text = read_text(file, InstanceError)
    first = text.partition("\n")[0]
    if not re.match(r"\?SNDlib native format; type: network\b", first):
        remedy = "It is no network: the file of the network itself is wanted." if "SNDlib" in first else ""
        raise InstanceError(str(file), "line 1", repr(first[:60]), repr(FIRST_LINE), remedy)
    ours = MARK in text.splitlines()
    sections = read_sections(text, file)
    if "NODES" not in sections or "LINKS" not in sections:
        raise InstanceError(str(file), "sections", ", ".join(sections) or "missing", "NODES and LINKS", "")
    columns = {"channels": "capacity", "length_km": "routing_cost"} if ours else _columns(options)
    demands = sections.get("DEMANDS")
    unread = () if ours else tuple(name for name in COLUMNS if name not in columns.values())
    draft = Draft(
        nodes=[_node(file, entry, ours) for entry in sections["NODES"]],
        links=[_link(file, entry, columns) for entry in sections["LINKS"]],
        requests=None if demands is None else [_request(options, entry, ours) for entry in demands],
        unread={"edge": unread},
    )
    if unread:
        rest = ("modules", "routing units", "maximum path lengths", "admissible paths")
        draft.notes.append(Note("not read of links and demands", (*unread, *rest)))
    _check_column(draft, columns, options)
    return complete(draft, options)


def write_sndlib(instance: Instance) -> str:
    """Write a network file; see `lost_in_sndlib` for what it has no room for.

    Raises
    ------
    InstanceError : an id that is no single word, a node without a place, or what the format cannot say and
        its reader would take for something else: probabilities, pairs, fidelities wanted.
    """
    refuse_unsayable(instance, "SNDlib", ("probability", "entangled_pairs", "min_fidelity"))
    for table in (instance.nodes, instance.requests):
        for row in table:
            if not re.fullmatch(r"[^\s()#]+", row.id):
                raise cannot_hold(instance, "id", repr(row.id), "no space, bracket or #", "Rename it.")
    nodes, links = [], []
    for node in instance.nodes:
        if node.position_km is None:
            nodes.append(f"  {node.id}")
        else:
            nodes.append(f"  {node.id} ( {node.position_km[0]} {node.position_km[1]} )")
    for i, link in enumerate(instance.links):
        ends = f"( {link.source} {link.target} )"
        links.append(f"  L{i} {ends} {link.channels} 0.00 {link.length_km} 0.00 ( )")
    requests = [
        f"  {r.id} ( {r.source} {r.target} ) 1 {UNLIMITED if r.demand is None else r.demand} {UNLIMITED}"
        for r in instance.requests
    ]
    blocks = {"NODES": nodes, "LINKS": links, "DEMANDS": requests}
    body = [line for name, rows in blocks.items() for line in (f"{name} (", *rows, ")", "")]
    return "\n".join([FIRST_LINE, MARK, "", *body])


def lost_in_sndlib(instance: Instance) -> Sequence[str]:
    """List what the format does not hold of an instance."""
    lost = ["not in the file: memory, swap probabilities, fidelities, attenuation, name and metadata"]
    if any(request.demand is None for request in instance.requests):
        lost.append(f"demands without a limit are written as {UNLIMITED}, which only milproute reads")
    return lost


def _columns(options: ImportOptions) -> Mapping[str, str]:
    """Return the columns that options name, by the field that they stand for."""
    mapped = {key: name.replace("-", "_") for key, name in options.mapped().items()}
    for target, name in mapped.items():
        if table_of(target) != "edge" or name not in COLUMNS:
            raise OptionError(
                f"--map {name}={target}: SNDlib has no such column; allowed: {', '.join(COLUMNS)} for a "
                "field of links, such as --length-from routing_cost"
            )
    return mapped


def _check_column(draft: Draft, columns: Mapping[str, str], options: ImportOptions) -> None:
    """Refuse a column of lengths that holds nothing."""
    name = columns.get("length_km")
    if "length_from" in options.values and name and draft.links:
        if any(link.fields["length_km"] != 0 for link in draft.links):
            return
        value, allowed = "0 on every link", "lengths in km"
        remedy = "Choose another column, or give --length-km X."
        raise InstanceError(str(options.path), f"column {name}", value, allowed, remedy)


def _node(file: Path, entry: Entry, ours: bool) -> Row:
    row = Row({"id": entry.name}, f"line {entry.line}: node {entry.name!r}")
    if entry.inner:
        x, y = (
            real_at(t.text, file, t.line, w)
            for t, w in zip(entry.inner, ("longitude", "latitude"), strict=True)
        )
        row.fields["position_km" if ours else "lon_lat"] = (x, y)
    return row


def _link(file: Path, entry: Entry, columns: Mapping[str, str]) -> Row:
    source, target = (token.text for token in entry.inner)
    place = f"line {entry.line}: link {entry.name} {source!r}-{target!r}"
    values = {
        name: real_at(token.text, file, token.line, name.replace("_", " "))
        for name, token in zip(COLUMNS, entry.words, strict=True)
    }
    fields: dict[str, Any] = {key: values[name] for key, name in columns.items()}
    return Row({"source": source, "target": target, **fields}, place, columns)


def _request(options: ImportOptions, entry: Entry, ours: bool) -> Row:
    source, target = (token.text for token in entry.inner)
    place = f"line {entry.line}: demand {entry.name} {source!r}-{target!r}"
    fields = {"id": entry.name, "source": source, "target": target}
    value = entry.words[1]
    if ours and value.text == UNLIMITED:
        return Row({**fields, "demand": None}, place)
    amount = real_at(value.text, options.path, value.line, "value")
    if "demand_unit" in options.values:
        amount = ceil(amount / options.take("demand_unit") - 1e-9)
    if amount < 0 or amount != int(amount):
        remedy = "--demand-unit T is the traffic that one pair stands for; demands are rounded up."
        if amount < 0:
            raise InstanceError(str(options.path), f"{place}: value", value.text, "0 or more", "")
        options.problem(f"{place}: value", value.text, "a whole number of pairs", remedy, "--demand-unit 1")
        amount = ceil(amount)
    return Row({**fields, "demand": int(amount)}, place, {"demand": "value"})


SNDLIB: Format = Format("sndlib", ".sndlib", read_sndlib, write_sndlib, lost_in_sndlib)
