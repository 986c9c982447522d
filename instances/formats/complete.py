"""Completing: from what a foreign file says to an instance, with nothing guessed on the way."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from milproute.instances.errors import InstanceError
from milproute.instances.formats.attribute_map import proposal
from milproute.instances.formats.coordinates import place
from milproute.instances.formats.draft import Note, Row
from milproute.instances.formats.import_options import flag
from milproute.instances.formats.parallel_links import merge_parallel, pair_opposite
from milproute.instances.generators.generate import draw_requests
from milproute.instances.instance import Instance, Request
from milproute.instances.network import Link, Node
from milproute.instances.notes import tell
from milproute.instances.numbers import read_real

if TYPE_CHECKING:
    from collections.abc import Sequence

    from milproute.instances.formats.draft import Draft
    from milproute.instances.formats.import_options import ImportOptions
    from milproute.instances.schema import Frozen


def complete(draft: Draft, options: ImportOptions) -> Instance:
    """Turn a draft into an instance: place, supply, pair and merge fibres, draw requests.

    Raises
    ------
    InstanceError : something is missing (the message names the option that supplies it) or invalid.
    OptionError : an option without effect.
    """
    _check_rows(draft, options)
    _check_loops(draft, options)
    _check_direction(draft, options)
    place(draft, options)
    draft.links = pair_opposite(draft.links, options)
    for key in ("memory", "swap_probability"):
        _fill(draft.nodes, key, draft.unread.get("node", ()), options)
    for key in ("channels", "fidelity"):
        _fill(draft.links, key, draft.unread.get("edge", ()), options)
    attenuation = draft.attenuation_per_km
    if attenuation is None:
        needed = any(row.fields.get("probability") is None for row in draft.links)
        ask = options.need if needed else lambda key, _: options.take(key)
        attenuation = ask("attenuation_per_km", "attenuation_per_km")
    requests = _requests(draft, options)
    nodes = [_valid(row, Node, options) for row in draft.nodes]
    links = [_valid(row, Link, options) for row in draft.links]
    links = merge_parallel(links, _rate(attenuation), options)
    options.raise_problems()
    document = {
        "name": draft.name or options.path.stem,
        "metadata": _metadata(draft, options),
        "attenuation_per_km": attenuation,
        "nodes": [row.fields for row in nodes],
        "links": [row.fields for row in links],
        "requests": [_valid(row, Request, options).fields for row in requests],
    }
    instance = options.finish(Instance.parse(document, str(options.path), InstanceError))
    tell(str(options.path), [note.short() for note in [*draft.notes, *options.notes]])
    return instance


def _rate(attenuation: object) -> float:
    """Return the attenuation to compare fibres by; what is no number the instance will refuse."""
    try:
        return read_real(attenuation)
    except ValueError:
        return 0.0


def _metadata(draft: Draft, options: ImportOptions) -> Any:
    """Return origin and notes, the file's own ones first."""
    known = draft.metadata or {"source": f"file {options.path.name}"}
    said = [note.full() for note in [*draft.notes, *options.notes]]
    if not said or not isinstance(known, dict) or not isinstance(known.get("notes", []), list):
        return known  # if it is no metadata, the instance will refuse it
    return {**known, "notes": [*known.get("notes", ()), *said]}


def _check_rows(draft: Draft, options: ImportOptions) -> None:
    """Refuse an id twice and an end that is no node."""
    known = _first_of_each(draft.nodes, options)
    _first_of_each(draft.requests or [], options)
    for row in [*draft.links, *(draft.requests or ())]:
        for end in ("source", "target"):
            name = row.fields.get(end)
            if not isinstance(name, str) or name not in known:
                value, allowed = repr(name), "the id of a node of the file"
                raise InstanceError(str(options.path), row.at(end), value, allowed, "")


def _first_of_each(rows: Sequence[Row], options: ImportOptions) -> dict[str, Row]:
    """Return rows by id, each id once."""
    known: dict[str, Row] = {}
    for row in rows:
        name = row.fields.get("id")
        if not isinstance(name, str):
            continue  # its own check will say so
        if name in known:
            value = f"a second {name!r} (the first: {known[name].place})"
            raise InstanceError(str(options.path), row.place, value, "each id once", "")
        known[name] = row
    return known


def _check_loops(draft: Draft, options: ImportOptions) -> None:
    """Refuse links and requests from a node to itself, or leave them out if asked to."""

    def is_loop(row: Row) -> bool:
        return bool(row.fields["source"] == row.fields["target"])

    loops = [row for row in [*draft.links, *(draft.requests or ())] if is_loop(row)]
    if not loops:
        return
    if options.take("drop_loops"):
        options.notes.append(Note("from a node to itself, and left out", tuple(row.place for row in loops)))
    else:
        value = f"from {loops[0].fields['source']!r} to itself"
        remedy = "--drop-loops leaves such edges out; no path takes them."
        options.problem(loops[0].place, value, "two different ends", remedy, "--drop-loops")
    draft.links = [row for row in draft.links if not is_loop(row)]
    draft.requests = draft.requests and [row for row in draft.requests if not is_loop(row)]


def _check_direction(draft: Draft, options: ImportOptions) -> None:
    if draft.directed and not options.take("undirected"):
        remedy = (
            "A link serves both ways: --undirected takes every edge for a link, and two equal edges in "
            "opposite directions for one."
        )
        options.problem("the graph", "directed", "undirected", remedy, "--undirected")


def _fill(rows: Sequence[Row], key: str, unread: Sequence[str], options: ImportOptions) -> None:
    """Supply a field, and propose an attribute of the file where nothing is supplied."""
    told = len(options.problems)
    options.fill(rows, key)
    alike = proposal(key, unread)
    if alike and len(options.problems) > told:
        problem = options.problems[told]
        words = f"{problem.remedy} {flag('map', f'{alike}={key}')} reads it from the attribute {alike}."
        options.problems[told] = replace(problem, remedy=words)


def _requests(draft: Draft, options: ImportOptions) -> list[Row]:
    """Return the file's requests, or draw as many as asked for; none of both: no requests."""
    if draft.requests is not None or "requests" not in options.values:
        return draft.requests or []
    options.used |= {"demand", "min_fidelity"}
    options.take("requests")
    values = {"demand": None, "min_fidelity": None} | options.values
    drawn = draw_requests([node.fields["id"] for node in draft.nodes], values, options.rng("requests"))
    return [Row(row, f"request {row['id']!r}") for row in drawn]


def _valid(row: Row, kind: type[Frozen], options: ImportOptions) -> Row:
    """Return the row with its fields read as ``kind`` reads them; an error has the row's own place."""
    try:
        model = kind.parse(row.fields, str(options.path), InstanceError)
    except InstanceError as failure:
        _, field, *rest = failure.args
        key, dot, tail = str(field).partition("[")
        raise InstanceError(str(options.path), row.at(key) + dot + tail, *rest) from None
    return Row(model.model_dump(), row.place, row.names)
