"""Instance: a network, the requests of one slot, and where they came from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from milproute.instances.network import Network, check_unique, network_fields
from milproute.instances.schema import AnyWhole, Count, Frozen, Identifier, UnitInterval, inconsistent

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    import networkx as nx

INSTANCE_FORMAT: Literal["milproute.instance/1"] = "milproute.instance/1"


class Request(Frozen):
    """Connections wanted between two nodes.

    Parameters
    ----------
    id : name, unique in the instance.
    source, target : two different nodes.
    demand : connections wanted; None means as many as possible.
    min_fidelity : least fidelity of a delivered connection; None means any.
    """

    id: Identifier
    source: Identifier
    target: Identifier
    demand: Count | None = None
    min_fidelity: UnitInterval | None = None


class Metadata(Frozen):
    """Where an instance comes from.

    Parameters
    ----------
    generator : the call that makes it again, as `instances.generate` takes it.
    seed : seed of that call.
    source, licence : origin and terms of imported data.
    notes : what an import merged, left out or did not read, a sentence each; no key in a file without.
    """

    generator: str | None = None
    seed: Annotated[int, Field(strict=True), AnyWhole] | None = None
    source: str | None = None
    licence: str | None = None
    notes: tuple[Identifier, ...] = ()

    def document(self) -> dict[str, Any]:
        """Return the JSON object; without notes it has no such key."""
        return self.model_dump(mode="json", exclude=set() if self.notes else {"notes"})


class Instance(Network):
    """A routing problem: the network plus its requests (format ``milproute.instance/1``)."""

    format: Literal["milproute.instance/1"] = INSTANCE_FORMAT
    name: Identifier
    metadata: Metadata = Metadata()
    requests: tuple[Request, ...]

    @model_validator(mode="after")
    def _check_requests(self) -> Self:
        check_unique("requests", [request.id for request in self.requests])
        known = {node.id for node in self.nodes}
        for i, request in enumerate(self.requests):
            for end in ("source", "target"):
                if getattr(request, end) not in known:
                    raise inconsistent(f"requests[{i}].{end}", getattr(request, end), "the id of a node")
            if request.source == request.target:
                raise inconsistent(f"requests[{i}].target", request.target, "another node than its source")
        return self

    def document(self) -> dict[str, Any]:
        """Return the JSON document, keys in the order of the format."""
        data = {**self.model_dump(mode="json"), "metadata": self.metadata.document()}
        order = ("format", "name", "metadata", "attenuation_per_km", "nodes", "links", "requests")
        return {key: data[key] for key in order}

    def to_networkx(self) -> nx.Graph[str]:
        """Return the network as a graph; name, metadata and requests are graph attributes."""
        graph = super().to_networkx()
        graph.graph |= {"name": self.name, "metadata": self.metadata, "requests": self.requests}
        return graph

    @classmethod
    def from_networkx(
        cls, graph: nx.Graph[Any], *, requests: Sequence[Request] | None = None, **defaults: Any
    ) -> Self:
        """Build an instance from a graph; ``requests`` replaces those the graph carries.

        ``name`` is required among ``defaults`` unless the graph has one; the rest is as in
        `Network.from_networkx`.
        """
        top = {**defaults, **graph.graph}
        fields = network_fields(graph, defaults)
        chosen = requests if requests is not None else top.get("requests", ())
        named = {key: top[key] for key in ("name", "metadata") if key in top}
        return cls.model_validate({**fields, **named, "requests": tuple(chosen)})

    def with_pairs(self, pairs: Sequence[int]) -> Self:
        """Return this instance with ``pairs[i]`` entangled pairs on ``links[i]``."""
        links = tuple(link.changed(entangled_pairs=int(n)) for link, n in zip(self.links, pairs, strict=True))
        return self.changed(links=links)

    def with_demands(self, demands: Sequence[int | None]) -> Self:
        """Return this instance with ``demands[i]`` as the demand of ``requests[i]``."""
        requests = tuple(
            request.changed(demand=None if n is None else int(n))
            for request, n in zip(self.requests, demands, strict=True)
        )
        return self.changed(requests=requests)
