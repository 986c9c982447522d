"""Format: a file format, how it is read and written, and what it cannot hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from milproute.instances.errors import InstanceError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from milproute.instances.formats.import_options import ImportOptions
    from milproute.instances.instance import Instance


def _nothing(_: Instance) -> Sequence[str]:
    return ()


@dataclass(frozen=True)
class Format:
    """A file format.

    Parameters
    ----------
    name, suffix : how callers name it.
    read : turns the file of some import options into an instance.
    write : turns an instance into text; refuses what would come back as another problem.
    loses : lists what of an instance has no place in the file and comes back only when it is supplied.
    """

    name: str
    suffix: str
    read: Callable[[ImportOptions], Instance]
    write: Callable[[Instance], str]
    loses: Callable[[Instance], Sequence[str]] = _nothing


def cannot_hold(instance: Instance, place: str, value: object, allowed: str, remedy: str) -> InstanceError:
    """Return the error for what the target format has no room for and must not drop unseen."""
    return InstanceError(f"instance {instance.name}", place, value, allowed, remedy)


def refuse_unsayable(instance: Instance, format_name: str, fields: Sequence[str]) -> None:
    """Refuse values that a format has no room for and that its reader would take for null.

    Parameters
    ----------
    fields : among ``probability`` and ``entangled_pairs`` of links and ``min_fidelity`` of requests.

    Raises
    ------
    InstanceError : with the first such value.
    """
    rows = [*((f"link {k.source!r}-{k.target!r}", k) for k in instance.links)]
    requests = [(f"request {r.id!r}", r) for r in instance.requests]
    for place, row in [*rows, *requests]:
        for key in fields:
            value = getattr(row, key, None)
            if value is not None:
                allowed = f"null: {format_name} has no room for it"
                remedy = "Write json, graphml, gml or node-link, which hold everything."
                raise cannot_hold(instance, f"{place}: {key}", value, allowed, remedy)
