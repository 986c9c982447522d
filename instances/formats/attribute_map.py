"""Names of attributes: those that are read, those that callers name, and those that look like them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from milproute.instances.errors import OptionError, unknown_name

# What a file may call a field by itself. Longitude and latitude count in any case.
LOOKED_FOR: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "node": {
        "memory": ("memory",),
        "swap_probability": ("swap_probability",),
        "longitude": ("Longitude",),
        "latitude": ("Latitude",),
        "position": ("position",),
        "x_km": ("x_km",),
        "y_km": ("y_km",),
        "id": (),
    },
    "edge": {
        "length_km": ("length_km", "length"),
        "channels": ("channels",),
        "probability": ("probability",),
        "fidelity": ("fidelity",),
        "entangled_pairs": ("entangled_pairs",),
    },
    "graph": {"attenuation_per_km": ("attenuation_per_km",)},
}
# Names that other tools use. They are proposed, not read: none of them says its unit or meaning.
ALIKE: Mapping[str, tuple[str, ...]] = {
    "memory": ("memo_size", "memory_size", "memories", "qubits", "num_qubits", "n_qubits", "mem"),
    "swap_probability": ("swap_prob", "swap_p", "q", "swapping_success_prob", "swap_success"),
    "longitude": ("lon", "lng", "long", "x_lon"),
    "latitude": ("lat", "y_lat"),
    "position": ("pos", "coordinates", "coords", "geo", "location"),
    "length_km": (
        *("dist", "distance", "dist_km", "distance_km", "length_in_km", "km", "len", "link_length"),
        *("fiber_length", "fibre_length", "weight"),
    ),
    "channels": ("capacity", "cap", "bandwidth", "width", "num_channels", "multiplicity"),
    "probability": ("prob", "p", "success_probability"),
    "fidelity": ("fid", "raw_fidelity", "init_fidelity"),
    "attenuation_per_km": ("attenuation", "alpha"),
}
TARGETS = tuple(key for fields in LOOKED_FOR.values() for key in fields)


def read_map(given: object) -> dict[str, str]:
    """Return for each field the attribute that stands for it, from ``attribute=field`` texts.

    ``given`` is a mapping of attributes to fields, a text (several parted by commas), or some texts.

    Raises
    ------
    OptionError : no such text, an unknown field, or a field named twice.
    """
    named: dict[str, str] = {}
    for attribute, target in _pairs(given):
        if target not in TARGETS:
            raise unknown_name("field of --map", target, TARGETS)
        if target in named:
            raise OptionError(f"--map names {target} twice ({named[target]}, {attribute}): give one of them")
        named[target] = attribute
    return named


def _pairs(given: object) -> Iterable[tuple[str, str]]:
    if isinstance(given, Mapping):
        yield from given.items()
        return
    texts = [given] if isinstance(given, str) else list(given) if isinstance(given, Iterable) else [given]
    for text in (part for whole in texts for part in str(whole).split(",")):
        attribute, equals, target = text.rpartition("=")
        if not equals or not attribute or not target:
            raise OptionError(f"--map is {text!r}; allowed: attribute=field, such as dist=length_km")
        yield attribute.strip(), target.strip()


def table_of(target: str) -> str:
    """Return ``node``, ``edge`` or ``graph``: what has the field."""
    return next(table for table, fields in LOOKED_FOR.items() if target in fields)


def proposal(target: str, unread: Iterable[str]) -> str:
    """Return the attribute of a file that most looks like ``target``; empty when none does."""
    names = {name.lower(): name for name in unread}
    return next((names[alike] for alike in ALIKE.get(target, ()) if alike in names), "")
