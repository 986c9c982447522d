"""Draft: what a foreign file says, before anything is supplied, merged or checked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from milproute.instances.errors import InstanceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

SHOWN = 10  # names in a note on the terminal; the metadata hold all of them


@dataclass
class Row:
    """A node, link or request of a file.

    Parameters
    ----------
    fields : the fields of a `Node`, `Link` or `Request` that the file gives; a node may have ``lon_lat``
        (degrees) in place of ``position_km``.
    place : where a reader of the file finds it, such as ``line 5: edge 'A'-'B'``.
    names : the names that fields have in the file, where they differ.
    """

    fields: dict[str, Any]
    place: str
    names: Mapping[str, str] = field(default_factory=dict)

    def at(self, key: str) -> str:
        """Return the place of one field."""
        return f"{self.place}: {self.names.get(key, key)}"

    @property
    def ends(self) -> str:
        """Both ends of a link or request."""
        return f"{self.fields['source']!r}-{self.fields['target']!r}"


@dataclass(frozen=True)
class Note:
    """What an import merged, left out or did not read: a sentence, and the things that it is about."""

    text: str
    things: tuple[str, ...] = ()

    def full(self) -> str:
        """Return the note with everything that it is about, for the metadata."""
        return f"{self.text}: {', '.join(self.things)}" if self.things else self.text

    def short(self) -> str:
        """Return the note for the terminal."""
        return f"{self.text}: {listed(self.things)}" if self.things else self.text


@dataclass
class Draft:
    """What a file says; None stands for what it does not say.

    Parameters
    ----------
    nodes, links, requests : rows in the order of the file; links may be parallel.
    attenuation_per_km, name, metadata : as in an instance.
    directed : whether its links have a direction.
    looked_for : a sentence that says what a length or a place would be called in the file.
    unread : for the tables ``node`` and ``edge`` the names of attributes that no field was read from.
    notes : what the reader has to say.
    """

    nodes: list[Row]
    links: list[Row]
    requests: list[Row] | None = None
    attenuation_per_km: Any = None
    name: str | None = None
    metadata: Any = None
    directed: bool = False
    looked_for: str = ""
    unread: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)


def request_rows(extra: Mapping[str, Any], file: Path) -> list[Row] | None:
    """Return the requests that one of our own files carries as JSON; None when it carries none.

    Raises
    ------
    InstanceError : no list of objects.
    """
    rows = extra.get("requests")
    if rows is None:
        return None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InstanceError(str(file), "requests", repr(rows)[:80], "a list of objects", "")
    return [Row(dict(row), f"requests[{i}]") for i, row in enumerate(rows)]


def listed(things: Iterable[str]) -> str:
    """Join names with commas, cut after a few."""
    names = list(things)
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")
