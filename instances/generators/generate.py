"""Generators: a spec string in, the same instance out, every time.

``generate("waxman:nodes=30,requests=10,seed=1")`` draws a topology, what stands on it (channels,
memory, …) and the requests from three generators of their own, all children of the seed: the same
network comes back whatever the number of requests, and fewer requests are the first of more.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import combinations
from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np

from milproute.instances.errors import InstanceError, OptionError, unknown_name
from milproute.instances.generators import synthetic as topologies
from milproute.instances.generators import topohub as measured
from milproute.instances.generators.spec import (
    Parameter,
    Range,
    read_parameters,
    real,
    span,
    split_spec,
    unit_span,
    whole,
    write_spec,
)
from milproute.instances.instance import Instance
from milproute.instances.notes import tell
from milproute.instances.numbers import read_real

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from milproute.instances.generators.synthetic import Topology

MEASURED = "topohub"


@dataclass(frozen=True)
class Generator:
    """A topology function ``draw(rng, **parameters)`` and the parameters it takes."""

    draw: Callable[..., Topology]
    parameters: Mapping[str, Parameter]

    @property
    def summary(self) -> str:
        """Return the first line of the function's docstring."""
        return (self.draw.__doc__ or "").strip().splitlines()[0]


_AREA = {"width_km": real(2000.0, 0.001), "height_km": real(4000.0, 0.001)}
_SPACING = {"spacing_km": real(100.0, 0.001)}

GENERATORS: Mapping[str, Generator] = {
    "waxman": Generator(
        topologies.waxman,
        # alpha is ours: the publications with this setting leave it out.
        {"nodes": whole(50, 2), **_AREA, "degree": real(6.0, 0.0), "alpha": real(0.15, 1e-6)},
    ),
    "random_geometric": Generator(
        topologies.random_geometric, {"nodes": whole(50, 2), **_AREA, "radius_km": real(600.0)}
    ),
    "watts_strogatz": Generator(
        topologies.watts_strogatz,
        {"nodes": whole(50, 3), "degree": whole(4, 2), "rewire": real(0.1, 0.0, 1.0), **_SPACING},
    ),
    "grid": Generator(topologies.grid, {"rows": whole(7, 1), "columns": whole(7, 1), **_SPACING}),
    "ring": Generator(topologies.ring, {"nodes": whole(10, 3), **_SPACING}),
    "line": Generator(topologies.line, {"nodes": whole(10, 2), **_SPACING}),
}

# Of measured topologies: a length for the links of networks that have none.
MEASURED_PARAMETERS: Mapping[str, Parameter] = {
    "length_km": Parameter(read_real, None, 0.0, inf, "a number", optional=True)
}

# What stands on any topology. Defaults: the REPS and AEG setting; neither speaks of fidelity, so 0.98
# is ours. Swap probability and fidelity take ranges, too.
COMMON: Mapping[str, Parameter] = {
    "channels": span(Range(3, 7)),
    "memory": span(Range(10, 14)),
    "attenuation_per_km": real(0.0002),
    "swap_probability": unit_span(0.9),
    "fidelity": unit_span(0.98),
    "requests": whole(10),
    "demand": span(None),
    "min_fidelity": Parameter(read_real, None, 0.0, 1.0, "a number", optional=True),
    "seed": whole(None),
}


def generate(spec: str) -> Instance:
    """Make the instance that a spec names.

    ``NAME:key=value,key=value`` with NAME of `GENERATORS`, or ``topohub:KEY,key=value,…`` with a key
    of topohub. ``seed`` is required. ``metadata.generator`` holds the whole call, defaults included;
    the name of the instance is the spec without them.

    Raises
    ------
    OptionError : an unknown generator, topohub key or parameter (with the nearest one), or a value of
        the wrong kind or out of range.
    InstanceError : measured data that gives no valid instance.
    """
    name, given = split_spec(spec)
    topology_parameters, draw = _find(name)
    values = read_parameters(name, given, {**topology_parameters, **COMMON})
    seed = values["seed"]
    shape_seed, hardware_seed, request_seed = np.random.SeedSequence(seed).spawn(3)
    shape = {key: values[key] for key in topology_parameters}
    topology = draw(np.random.default_rng(shape_seed), **shape)
    defaults = {**topology_parameters, **COMMON}
    short = {key: value for key, value in values.items() if value != defaults[key].default}
    metadata = {
        "generator": write_spec(name, values),
        "seed": seed,
        "source": topology.source,
        "licence": topology.licence,
        "notes": topology.notes,
    }
    document = {
        "name": write_spec(name, short),
        "metadata": metadata,
        "attenuation_per_km": values["attenuation_per_km"],
        **furnish(topology, values, np.random.default_rng(hardware_seed)),
        "requests": draw_requests(topology.ids, values, np.random.default_rng(request_seed)),
    }
    tell(name, topology.notes)
    return Instance.parse(document, spec, InstanceError)


def furnish(topology: Topology, values: Mapping[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    """Draw memory, swap probability, channels and fidelity; return ``nodes`` and ``links``."""
    draws = {
        "memory": values["memory"].draw(len(topology.ids), rng),
        "swap_probability": values["swap_probability"].draw(len(topology.ids), rng),
        "channels": values["channels"].draw(len(topology.edges), rng),
        "fidelity": values["fidelity"].draw(len(topology.edges), rng),
    }
    nodes = [
        {
            "id": name,
            "memory": draws["memory"][i],
            "swap_probability": draws["swap_probability"][i],
            "position_km": topology.positions[i],
        }
        for i, name in enumerate(topology.ids)
    ]
    links = [
        {
            "source": topology.ids[u],
            "target": topology.ids[v],
            "length_km": length,
            "channels": draws["channels"][i],
            "fidelity": draws["fidelity"][i],
        }
        for i, (u, v, length) in enumerate(topology.edges)
    ]
    return {"nodes": nodes, "links": links}


def draw_requests(
    ids: Sequence[str], values: Mapping[str, Any], rng: np.random.Generator
) -> list[dict[str, Any]]:
    """Draw requests uniformly over the unordered pairs of nodes, no pair twice.

    The end that comes first in ``ids`` is the source. All pairs are put in a random order and the
    first ones taken, so a longer list begins with a shorter one of the same seed; names have three
    digits for the same reason.

    Raises
    ------
    OptionError : more requests than there are pairs.
    """
    count, pairs = values["requests"], list(combinations(ids, 2))
    if count > len(pairs):
        raise OptionError(
            f"requests is {count}; allowed: at most {len(pairs)}, the number of pairs of {len(ids)} nodes"
        )
    order = np.argsort(rng.random(len(pairs)), kind="stable")[:count]
    demands = values["demand"].draw(count, rng) if values["demand"] else [None] * count
    return [
        {
            "id": f"r{k:03d}",
            "source": pairs[i][0],
            "target": pairs[i][1],
            "demand": demands[k],
            "min_fidelity": values["min_fidelity"],
        }
        for k, i in enumerate(order)
    ]


def _find(name: str) -> tuple[Mapping[str, Parameter], Callable[..., Topology]]:
    """Return the parameters and the function of a generator or a measured topology."""
    head, _, key = name.partition(":")
    if head == MEASURED:
        if not key:
            raise OptionError(
                "topohub needs a key; allowed: topohub:KEY,seed=…, such as topohub:topozoo/Surfnet"
            )
        return MEASURED_PARAMETERS, partial(measured.draw_topohub, key=key)
    if head not in GENERATORS:
        raise unknown_name("generator", head, [*GENERATORS, MEASURED])
    if key:
        raise OptionError(
            f"{head} got {key!r}; allowed: key=value with {', '.join(GENERATORS[head].parameters)}"
        )
    generator = GENERATORS[head]
    return generator.parameters, generator.draw
