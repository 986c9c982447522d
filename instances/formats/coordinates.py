"""Placing: sites without coordinates, lengths of links from places, and degrees laid out in km."""

from __future__ import annotations

from typing import TYPE_CHECKING

from milproute.instances.errors import InstanceError
from milproute.instances.formats.attribute_map import proposal
from milproute.instances.formats.draft import Note, listed
from milproute.instances.formats.import_options import flag
from milproute.instances.generators.geography import great_circle_km, is_lon_lat, project

if TYPE_CHECKING:
    from milproute.instances.formats.draft import Draft, Row
    from milproute.instances.formats.import_options import ImportOptions

STAND_IN = 0.0  # a length until the problem of its absence is raised


def place(draft: Draft, options: ImportOptions) -> None:
    """Leave out nodes without a place if asked to, give every link a length, and project degrees.

    A link without a length of its own takes the great circle between its ends with ``great_circle``, else
    ``length_km``. What is missing becomes a problem of the options.
    """
    if "drop_unplaced" in options.values:
        _drop_unplaced(draft, options)
    lengthless = [link for link in draft.links if link.fields.get("length_km") is None]
    drawn = [n for n in draft.nodes if "lon_lat" in n.fields and not is_lon_lat(n.fields["lon_lat"])]
    if lengthless and drawn and options.values.get("great_circle"):
        _refuse_drawn(drawn[0], options)
        for link in lengthless:
            link.fields["length_km"] = STAND_IN
    elif lengthless:
        _set_lengths(draft, lengthless, options)
    if drawn:
        shown = [f"{n.fields['id']!r} {list(n.fields['lon_lat'])}" for n in drawn]
        text = "coordinates left out, as they are no longitude and latitude in degrees"
        options.notes.append(Note(text, tuple(shown)))
        for node in draft.nodes:
            node.fields.pop("lon_lat", None)
    placed = [node for node in draft.nodes if "lon_lat" in node.fields]
    for node, spot in zip(placed, project([n.fields["lon_lat"] for n in placed]), strict=True):
        node.fields["position_km"] = spot
        del node.fields["lon_lat"]


def _set_lengths(draft: Draft, links: list[Row], options: ImportOptions) -> None:
    """Give ``links`` a length each, by the option that has one for it."""
    where = {node.fields["id"]: node.fields.get("lon_lat") for node in draft.nodes}
    drawn = any(spot is not None and not is_lon_lat(spot) for spot in where.values())
    left: list[Row] = []
    for link in links:
        ends = [where.get(link.fields[end]) for end in ("source", "target")]
        known = [end for end in ends if end is not None]
        if len(known) == 2 and not drawn and options.take("great_circle"):
            link.fields["length_km"] = great_circle_km(*known)
        elif "length_km" in options.values:
            link.fields["length_km"] = options.take("length_km")
        else:
            left.append(link)
            link.fields["length_km"] = STAND_IN
    if left:
        _refuse_lengthless(draft, left, options)


def _refuse_lengthless(draft: Draft, links: list[Row], options: ImportOptions) -> None:
    """Say which link has no length, why, and what helps."""
    options.take("great_circle")  # it was tried
    where = {n.fields["id"]: n.fields["lon_lat"] for n in draft.nodes if "lon_lat" in n.fields}
    ends = [{link.fields["source"], link.fields["target"]} for link in links]
    bare = [node for node in _unplaced(draft) if any(node.fields["id"] in pair for pair in ends)]
    drawn = next((spot for spot in where.values() if not is_lon_lat(spot)), None)
    words, flags = _proposals(draft)
    if drawn is not None:
        words.append(f"A node is at {list(drawn)}: coordinates of a drawing say nothing about lengths.")
    elif where:
        words.append("--great-circle takes it from longitude and latitude of both ends.")
        flags = flags or ["--great-circle"] * any(pair <= where.keys() for pair in ends)
    if where and bare:
        shown = listed(f"{node.fields['id']!r} ({node.place.partition(':')[0]})" for node in bare)
        words.append(f"Without coordinates: {shown}; --drop-unplaced leaves such nodes out.")
    words.append("--length-km X is the length of every link without one.")
    if draft.unread.get("edge") and not draft.looked_for:
        words.append("--length-from NAME takes it from one of these columns.")
    if not flags or (where and bare and flags == ["--great-circle"]):
        flags = [*flags, flag("length_km", "100")]
    options.problem(links[0].at("length_km"), "missing", "a length in km", " ".join(words), *flags)


def _proposals(draft: Draft) -> tuple[list[str], list[str]]:
    """Return what the file has in place of a length or coordinates, in words and as options."""
    edge, node = (draft.unread.get(table, ()) for table in ("edge", "node"))
    words = []
    if edge or node:
        words = [draft.looked_for] if draft.looked_for else []
        named = [("links", edge), ("nodes", node)]
        has = "; ".join(f"{', '.join(names)} of {table}" for table, names in named if names)
        words.append(f"The file has also: {has}.")
    length = proposal("length_km", edge)
    flags = [flag("map", f"{length}=length_km")] if length else []
    if length:
        words.append(f"{flags[0]} reads the length in km from {length}.")
    alike = [(key, proposal(key, node)) for key in ("longitude", "latitude", "position")]
    spot = ["--great-circle", *(flag("map", f"{name}={key}") for key, name in alike if name)]
    if len(spot) > 1:
        words.append(f"{' '.join(spot)} takes lengths from those coordinates in degrees.")
        flags = flags or spot
    return words, flags


def _refuse_drawn(node: Row, options: ImportOptions) -> None:
    options.take("great_circle")
    options.problem(
        f"{node.place}",
        f"at {list(node.fields['lon_lat'])}",
        "longitude and latitude in degrees",
        "Coordinates of a drawing say nothing about lengths. In place of --great-circle, --length-km X gives "
        "one to every link without, and --length-from NAME reads it from an attribute or column of the file, "
        "such as routing_cost.",
        flag("length_km", "100"),
    )


def _drop_unplaced(draft: Draft, options: ImportOptions) -> None:
    """Leave out nodes without coordinates, their links and their requests."""
    gone = {node.fields["id"]: node for node in _unplaced(draft)}
    if not gone:
        return
    options.take("drop_unplaced")
    if len(gone) == len(draft.nodes):
        allowed = "some nodes with coordinates where --drop-unplaced is given"
        remedy = "Give the lengths in another way: --length-km X, or --length-from NAME."
        raise InstanceError(str(options.path), "nodes", "all without coordinates", allowed, remedy)

    def stays(row: Row) -> bool:
        return gone.keys().isdisjoint((row.fields["source"], row.fields["target"]))

    before = len(draft.links), len(draft.requests or ())
    draft.nodes = [node for node in draft.nodes if node.fields["id"] not in gone]
    draft.links = [link for link in draft.links if stays(link)]
    if draft.requests is not None:
        draft.requests = [request for request in draft.requests if stays(request)]
    lost = before[0] - len(draft.links), before[1] - len(draft.requests or ())
    text = f"nodes without coordinates left out, with {lost[0]} of the links and {lost[1]} of the requests"
    options.notes.append(Note(text, tuple(repr(name) for name in gone)))


def _unplaced(draft: Draft) -> list[Row]:
    return [n for n in draft.nodes if "lon_lat" not in n.fields and "position_km" not in n.fields]
