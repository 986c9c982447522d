"""What an import lacks, and the arguments that supply it. Nothing is guessed."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from instances.errors import InstanceError, OptionError, unknown_name
from instances.generators import COMMON, draw_requests, merge_parallel
from instances.geography import Place, great_circle_km, is_lon_lat, project
from instances.instance import Instance
from instances.specs import Parameter, read_parameter, read_real, show

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

WORDS = ("name", "source", "licence")  # texts; given, they replace those of the file
PARAMETERS: Mapping[str, Parameter] = {
    **COMMON,
    "demand_unit": Parameter(read_real, None, 1e-9, float("inf"), "a number"),
}
FIELDS = (*WORDS, *PARAMETERS, "great_circle")
# A stream of its own for each, so that a file that lacks less does not change the rest.
STREAMS = ("memory", "swap_probability", "channels", "fidelity", "requests")


@dataclass
class Draft:
    """What a file says. A key that a dict lacks, or a None here, was not in the file.

    ``nodes`` have the fields of a node, or ``lon_lat`` in place of ``position_km``; ``links`` the fields
    of a link, possibly parallel.
    """

    nodes: list[dict[str, Any]]
    links: list[dict[str, Any]]
    requests: list[dict[str, Any]] | None = None
    attenuation_per_km: Any = None
    name: str | None = None
    metadata: Any = None


@dataclass
class Supplied:
    """The keyword arguments of one import, and which of them were of use.

    Parameters
    ----------
    path : the file that is read.
    fields : arguments by name; ``memory`` and the like take a number or a range like ``"10-14"``.
    """

    path: Path
    fields: Mapping[str, Any]
    used: set[str] = field(default_factory=set)
    values: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        for key in self.fields:
            if key not in FIELDS:
                raise unknown_name("import option", key, FIELDS)
        self.values = {
            key: read_parameter("import", key, show(value), PARAMETERS[key])
            for key, value in self.fields.items()
            if key in PARAMETERS and value is not None
        }

    def need(self, key: str, place: str) -> Any:
        """Return the argument ``key``; InstanceError with its name when it is not there."""
        if key not in self.values:
            raise InstanceError(
                str(self.path),
                place,
                "missing",
                PARAMETERS[key].allowed,
                f"The file does not have it: supply it with the option {key}.",
            )
        self.used.add(key)
        return self.values[key]

    def rng(self, stream: str) -> np.random.Generator:
        """Return the generator for what is drawn under ``stream``; the option ``seed`` is needed."""
        children = np.random.SeedSequence(self.need("seed", "seed")).spawn(len(STREAMS))
        return np.random.default_rng(children[STREAMS.index(stream)])

    def fill(self, rows: list[dict[str, Any]], key: str, table: str) -> None:
        """Give every row that lacks ``key`` a value: the argument's, drawn where that is a range."""
        missing = [i for i, row in enumerate(rows) if row.get(key) is None]
        if not missing:
            return
        span = self.need(key, f"{table}[{missing[0]}].{key}")
        if span.least == span.most:
            drawn = [span.least] * len(missing)
        else:
            drawn = span.draw(len(missing), self.rng(key))
        for i, value in zip(missing, drawn, strict=True):
            rows[i][key] = value

    def finish(self, instance: Instance) -> Instance:
        """Put in the words of the caller and refuse arguments that had no effect."""
        idle = sorted(set(self.values) - self.used - {"seed"})
        if idle:
            raise OptionError(
                f"{', '.join(idle)} given for {self.path}; allowed: options for what the file lacks. "
                "The file has a value of its own everywhere: leave the option out."
            )
        words = {key: self.fields[key] for key in WORDS if self.fields.get(key) is not None}
        if not words:
            return instance
        document = instance.document()
        document["name"] = words.pop("name", instance.name)
        document["metadata"] |= words
        return Instance.parse(document, "the import's options", InstanceError)


def complete(draft: Draft, supplied: Supplied) -> Instance:
    """Turn a draft into an instance: project, supply, merge parallel links, draw requests.

    Raises
    ------
    InstanceError : something is missing (the message names the option that supplies it) or invalid.
    """
    _place(draft, supplied)
    supplied.fill(draft.nodes, "memory", "nodes")
    supplied.fill(draft.nodes, "swap_probability", "nodes")
    supplied.fill(draft.links, "channels", "links")
    supplied.fill(draft.links, "fidelity", "links")
    attenuation = draft.attenuation_per_km
    if attenuation is None:
        attenuation = supplied.need("attenuation_per_km", "attenuation_per_km")
    document = {
        "name": draft.name or supplied.path.stem,
        "metadata": draft.metadata or {"source": f"file {supplied.path.name}"},
        "attenuation_per_km": attenuation,
        "nodes": draft.nodes,
        "links": _merged(draft.links),
        "requests": _requests(draft, supplied),
    }
    return supplied.finish(Instance.parse(document, str(supplied.path), InstanceError))


def _requests(draft: Draft, supplied: Supplied) -> list[dict[str, Any]]:
    """Return the file's requests, or draw as many as asked for; none of both: no requests."""
    if draft.requests is not None or "requests" not in supplied.values:
        return draft.requests or []
    supplied.used |= {"demand", "min_fidelity"}
    values = {"demand": None, "min_fidelity": None} | supplied.values
    supplied.need("requests", "requests")
    return draw_requests([node["id"] for node in draft.nodes], values, supplied.rng("requests"))


def _place(draft: Draft, supplied: Supplied) -> None:
    """Turn longitude and latitude into great-circle lengths (when asked) and plane km."""
    file = str(supplied.path)
    places: dict[str, Place] = {}
    for i, node in enumerate(draft.nodes):
        if node.get("lon_lat") is not None:
            places[node["id"]] = node["lon_lat"]
            if not is_lon_lat(node["lon_lat"]):
                allowed = "longitude and latitude in degrees"
                remedy = "Drawing coordinates say nothing about lengths: take them out."
                raise InstanceError(file, f"nodes[{i}]", list(node["lon_lat"]), allowed, remedy)
    for i, link in enumerate(draft.links):
        if link.get("length_km") is None:
            ends = [places.get(link["source"]), places.get(link["target"])]
            if None in ends or not supplied.fields.get("great_circle"):
                remedy = "Only the option great_circle takes it from longitude and latitude of both ends."
                raise InstanceError(file, f"links[{i}].length_km", "missing", "a length in km", remedy)
            link["length_km"] = great_circle_km(*(end for end in ends if end is not None))
    projected = dict(zip(places, project(list(places.values())), strict=True))
    for node in draft.nodes:
        if node.pop("lon_lat", None) is not None:
            node["position_km"] = projected[node["id"]]


def _merged(links: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Merge parallel links when there are any; bad values are left for the model to refuse."""
    numbers = all(
        isinstance(link["channels"], int) and isinstance(link["length_km"], int | float) for link in links
    )
    return merge_parallel(links) if numbers else links


@dataclass(frozen=True)
class Format:
    """A file format: ``read(supplied)`` and ``write(instance)``, which returns the text."""

    name: str
    suffix: str
    read: Callable[[Supplied], Instance]
    write: Callable[[Instance], str]
    loses: str


def whole_at(token: str, file: Path, line: int, what: str) -> int:
    """Read a whole number; InstanceError with the line when it is none."""
    if not (token.isascii() and token.isdigit()):
        raise InstanceError(str(file), f"line {line}: {what}", repr(token), "a whole number, 0 or more", "")
    return int(token)


def real_at(token: str, file: Path, line: int, what: str) -> float:
    """Read a finite number; InstanceError with the line when it is none."""
    try:
        value = float(token)
    except ValueError:
        value = float("nan")
    if not isfinite(value):
        raise InstanceError(str(file), f"line {line}: {what}", repr(token), "a number", "")
    return value


def cannot_hold(instance: Instance, place: str, value: object, allowed: str, remedy: str) -> InstanceError:
    """Return the error for what the target format has no room for and must not drop unseen."""
    return InstanceError(f"instance {instance.name}", place, value, allowed, remedy)
