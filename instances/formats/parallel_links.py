"""Parallel fibres: several links of a file between the same two nodes, of which an instance has one.

A fibre that a file writes once in each direction, with the same values, is one fibre. All other links
between the same nodes are fibres of their own, merged only as the option ``parallel`` says:

- ``sum``: all channels together, at the largest length and the smallest probability and fidelity among
  them. The merged link never promises more than the fibres can do.
- ``best``: the fibre with the most expected pairs (channels times probability), and none of the others.
"""

from __future__ import annotations

from math import exp
from typing import TYPE_CHECKING, Any

from milproute.instances.formats.draft import Note, Row

if TYPE_CHECKING:
    from collections.abc import Sequence

    from milproute.instances.formats.import_options import ImportOptions

ENDS = ("source", "target")
BOTH_WAYS = "links written once in each direction with the same values, read as one link each"


def pair_opposite(links: Sequence[Row], options: ImportOptions) -> list[Row]:
    """Return the links without those that only repeat an earlier one the other way round."""
    kept: list[Row] = []
    single: dict[tuple[str, str], list[Row]] = {}  # rows that no opposite one has met yet, by their ends
    pairs: list[str] = []
    for link in links:
        source, target = (link.fields[end] for end in ENDS)
        facing = single.setdefault((target, source), [])
        same = next((row for row in facing if _values(row) == _values(link)), None)
        if same is not None and source != target:
            facing.remove(same)
            pairs.append(f"{same.ends} ({_short(same)}, {_short(link)})")
        else:
            kept.append(link)
            single.setdefault((source, target), []).append(link)
    if pairs:
        options.notes.append(Note(BOTH_WAYS, tuple(pairs)))
    return kept


def merge_parallel(links: Sequence[Row], attenuation_per_km: float, options: ImportOptions) -> list[Row]:
    """Return one link for each pair of nodes, in the place of the first; fields must be valid.

    Without the option ``parallel``, or with ``error``, a second link is a problem.
    """
    groups: dict[frozenset[str], list[Row]] = {}
    for link in links:
        groups.setdefault(frozenset(link.fields[end] for end in ENDS), []).append(link)
    several = [group for group in groups.values() if len(group) > 1]
    if not several:
        return list(links)
    way = options.take("parallel") or "error"
    if way == "error":
        _refuse(several, options)
    else:
        shown = tuple(f"{group[0].ends} ({', '.join(map(_short, group))})" for group in several)
        how = {
            "sum": "merged by --parallel sum: all channels, at the largest length and the smallest "
            "probability and fidelity",
            "best": "merged by --parallel best: the one with the most expected pairs stays",
        }[way]
        options.notes.append(Note(f"parallel links {how}", shown))
    return [_merged(group, way, attenuation_per_km) for group in groups.values()]


def _merged(group: Sequence[Row], way: str, attenuation_per_km: float) -> Row:
    """Return the link of a group; it has the place and the direction of the first."""
    first = group[0]
    if len(group) == 1:
        return first
    ends = {end: first.fields[end] for end in ENDS}
    if way == "best":
        best = max(group, key=lambda row: _worth(row, attenuation_per_km))
        return Row({**best.fields, **ends}, first.place, first.names)
    fields = [row.fields for row in group]
    pairs: list[Any] = [row.get("entangled_pairs") for row in fields]
    given = any(row.get("probability") is not None for row in fields)
    merged = {
        **ends,
        "length_km": max(row["length_km"] for row in fields),
        "channels": sum(row["channels"] for row in fields),
        "probability": min(_probability(row, attenuation_per_km) for row in fields) if given else None,
        "fidelity": min(row["fidelity"] for row in fields),
        "entangled_pairs": None if None in pairs else sum(pairs),
    }
    return Row(merged, first.place, first.names)


def _worth(row: Row, attenuation_per_km: float) -> tuple[float, float]:
    """Return expected pairs and fidelity: what makes a fibre the best; the first among equals wins."""
    return row.fields["channels"] * _probability(row.fields, attenuation_per_km), row.fields["fidelity"]


def _probability(fields: dict[str, Any], attenuation_per_km: float) -> float:
    given = fields.get("probability")
    return exp(-attenuation_per_km * fields["length_km"]) if given is None else float(given)


def _refuse(groups: Sequence[Sequence[Row]], options: ImportOptions) -> None:
    first, second = groups[0][:2]
    differ = [
        f"{key} {first.fields.get(key)} and {second.fields.get(key)}"
        for key in dict.fromkeys((*first.fields, *second.fields))
        if key not in ENDS and first.fields.get(key) != second.fields.get(key)
    ]
    values = ", ".join(differ) or "the same values"
    more = f" {len(groups) - 1} more pairs of nodes have parallel links." if len(groups) > 1 else ""
    options.problem(
        second.place,
        f"a second link beside {first.place} ({values})",
        "one link between two nodes",
        "Parallel fibres are merged by --parallel sum (all channels, at the largest length) or --parallel "
        f"best (the one with the most expected pairs alone).{more}",
        "--parallel sum",
    )


def _values(row: Row) -> dict[str, Any]:
    return {key: value for key, value in row.fields.items() if key not in ENDS and value is not None}


def _short(row: Row) -> str:
    return row.place.partition(":")[0]
