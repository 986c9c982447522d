"""SNDlib native network files (Orlowski et al., Networks 55, 2010).

    ?SNDlib native format; type: network; version: 1.0
    NODES ( id ( longitude latitude ) … )
    LINKS ( id ( a b ) capacity capacity_cost routing_cost setup_cost ( {capacity cost}* ) … )
    DEMANDS ( id ( a b ) unit value max_path_length … )

``#`` starts a comment. A file that milproute wrote says so in a comment; then the coordinates are plane
km, the capacity is the number of channels and the routing cost the length in km. In any other file
coordinates are longitude and latitude in degrees (longitude first), capacities are traffic, and channels
and lengths come from arguments.
"""

from __future__ import annotations

import re
from itertools import pairwise
from math import ceil
from typing import TYPE_CHECKING, Any

from instances.convert.fields import Draft, Format, Supplied, cannot_hold, complete, real_at
from instances.errors import InstanceError
from instances.files import read_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from instances.instance import Instance

FIRST_LINE = "?SNDlib native format; type: network; version: 1.0"
MARK = "# milproute.instance/1: coordinates in plane km, capacity = channels, routing cost = length in km"
LOSES = (
    "memory, swap probabilities, attenuation, link probabilities, fidelities, entangled pairs, min_fidelity, "
    "name, metadata; a demand of null is written as 0, and 0 is read as null"
)
Token = tuple[str, int]  # a word or parenthesis, and its line


def read_sndlib(supplied: Supplied) -> Instance:
    """Read a network file; `DEMANDS` become requests in both directions as they stand.

    A demand counts pairs; with the argument ``demand_unit`` it is value / demand_unit, rounded up. The
    maximum path length of a demand and the costs and modules of a link have no counterpart.
    """
    file = supplied.path
    text = read_text(file, InstanceError)
    if not text.startswith("?SNDlib native format"):
        first = text.partition("\n")[0][:60]
        raise InstanceError(str(file), "line 1", repr(first), repr(FIRST_LINE), "Is it another format?")
    ours = MARK in text.splitlines()
    sections = _sections(file, text)
    if "NODES" not in sections or "LINKS" not in sections:
        raise InstanceError(str(file), "sections", ", ".join(sections) or "missing", "NODES and LINKS", "")
    nodes = [_node(file, entry, ours) for entry in _entries(file, sections["NODES"], 5)]
    links = [_link(file, entry, ours) for entry in _entries(file, sections["LINKS"], 9)]
    entries = list(_entries(file, sections["DEMANDS"], 8)) if "DEMANDS" in sections else None
    requests = None if entries is None else [_request(supplied, entry) for entry in entries]
    return complete(Draft(nodes, links, requests), supplied)


def write_sndlib(instance: Instance) -> str:
    """Write a network file; see `LOSES` for what it has no room for.

    Raises
    ------
    InstanceError : an id that is no single word, or a node without a place.
    """
    for table in (instance.nodes, instance.requests):
        for row in table:
            if not re.fullmatch(r"[^\s()#]+", row.id):
                raise cannot_hold(instance, "id", repr(row.id), "no space, bracket or #", "Rename it.")
    nodes, links = [], []
    for i, node in enumerate(instance.nodes):
        if node.position_km is None:
            raise cannot_hold(instance, f"nodes[{i}].position_km", "missing", "a place", "SNDlib needs one.")
        nodes.append(f"  {node.id} ( {node.position_km[0]} {node.position_km[1]} )")
    for i, link in enumerate(instance.links):
        ends = f"( {link.source} {link.target} )"
        links.append(f"  L{i} {ends} {link.channels} 0.00 {link.length_km} 0.00 ( )")
    requests = [f"  {r.id} ( {r.source} {r.target} ) 1 {r.demand or 0} UNLIMITED" for r in instance.requests]
    blocks = {"NODES": nodes, "LINKS": links, "DEMANDS": requests}
    body = [line for name, rows in blocks.items() for line in (f"{name} (", *rows, ")", "")]
    return "\n".join([FIRST_LINE, MARK, "", *body])


def _tokens(text: str) -> Iterator[Token]:
    for number, line in enumerate(text.split("\n")[1:], start=2):
        for match in re.finditer(r"[()]|[^\s()]+", line.partition("#")[0]):
            yield match[0], number


def _sections(file: Path, text: str) -> dict[str, list[Token]]:
    """Split ``NAME ( … )`` blocks."""
    sections: dict[str, list[Token]] = {}
    name, depth = "", 0
    word, number = "", 1
    for word, number in _tokens(text):
        if depth == 0 and word == "(" and name:
            depth, sections[name] = 1, []
        elif depth == 0 and word not in "()" and not name:
            name = word
        elif depth == 0:
            raise InstanceError(str(file), f"line {number}", repr(word), "a section: NAME ( … )", "")
        else:
            depth += {"(": 1, ")": -1}.get(word, 0)
            if depth:
                sections[name].append((word, number))
            else:
                name = ""
    if depth or name:
        raise InstanceError(str(file), f"line {number}", "the end of the file", "a closing bracket", "")
    return sections


def _entries(file: Path, tokens: list[Token], least: int) -> Iterator[list[Token]]:
    """Split a section into entries ``id ( … ) … [( … )]`` of at least ``least`` tokens.

    A new entry starts at a word that is followed by an opening bracket; within an entry the modules
    of a link open a bracket after a number, never first.
    """
    starts: list[int] = []
    depth = 0
    for i, (word, _) in enumerate(tokens):
        follows = tokens[i + 1][0] if i + 1 < len(tokens) else ""
        modules = bool(starts) and least == 9 and i - starts[-1] == 8
        if depth == 0 and word not in "()" and follows == "(" and not modules:
            starts.append(i)
        depth += {"(": 1, ")": -1}.get(word, 0)
    if tokens and starts[:1] != [0]:
        raise InstanceError(str(file), f"line {tokens[0][1]}", repr(tokens[0][0]), "an entry: id ( … )", "")
    for start, stop in pairwise([*starts, len(tokens)]):
        entry = tokens[start:stop]
        if len(entry) < least or entry[4][0] != ")":
            shown = " ".join(word for word, _ in entry)
            raise InstanceError(
                str(file), f"line {entry[0][1]}", repr(shown), "a whole entry: id ( … ) …", ""
            )
        yield entry


def _node(file: Path, entry: list[Token], ours: bool) -> dict[str, Any]:
    (name, number), _, (x, _), (y, _), *_ = entry
    place = (real_at(x, file, number, "longitude"), real_at(y, file, number, "latitude"))
    return {"id": name, "position_km" if ours else "lon_lat": place}


def _link(file: Path, entry: list[Token], ours: bool) -> dict[str, Any]:
    (_, number), _, (source, _), (target, _), _, *rest = entry
    words = ("capacity", "capacity cost", "routing cost", "setup cost")
    values = [real_at(word, file, line, what) for (word, line), what in zip(rest, words, strict=False)]
    link: dict[str, Any] = {"source": source, "target": target}
    if ours:
        if values[0] != int(values[0]):
            raise InstanceError(str(file), f"line {number}: capacity", values[0], "a whole number", "")
        link |= {"channels": int(values[0]), "length_km": values[2]}
    return link


def _request(supplied: Supplied, entry: list[Token]) -> dict[str, Any]:
    (name, number), _, (source, _), (target, _), _, _, (value, _), *_ = entry
    amount = real_at(value, supplied.path, number, "value")
    if "demand_unit" in supplied.values:
        amount = ceil(amount / supplied.need("demand_unit", "demand_unit") - 1e-9)
    if amount < 0 or amount != int(amount):
        remedy = "Supply the traffic that one pair stands for with the option demand_unit."
        place = f"line {number}: value"
        raise InstanceError(str(supplied.path), place, value, "a whole number of pairs", remedy)
    return {"id": name, "source": source, "target": target, "demand": int(amount) or None}


SNDLIB = Format("sndlib", ".sndlib", read_sndlib, write_sndlib, LOSES)
