"""What small foreign files lack, and how they are read in a test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from milproute.instances.errors import MilprouteError
from milproute.instances.formats.registry import read_any

if TYPE_CHECKING:
    from pathlib import Path

    from milproute.instances.instance import Instance

NEEDS: dict[str, Any] = {
    "memory": 10,
    "swap_probability": 0.9,
    "channels": 3,
    "attenuation_per_km": 0.0002,
    "fidelity": 0.98,
}


def read(tmp_path: Path, suffix: str, text: str, **fields: Any) -> Instance:
    """Read a text as a file, with what it lacks."""
    path = tmp_path / f"a.{suffix}"
    path.write_text(text, encoding="utf-8")
    return read_any(path, **NEEDS, **fields)


def refusal(tmp_path: Path, suffix: str, text: str, **fields: Any) -> str:
    """Return the message that refuses a text, without the path of its file."""
    with pytest.raises(MilprouteError) as caught:
        read(tmp_path, suffix, text, **fields)
    return str(caught.value).replace(f"{tmp_path}/", "").removeprefix(f"a.{suffix}: ")


def gml(edges: str, nodes: str = "ABC", head: str = "") -> str:
    """Return a GML text with nodes of one letter, each element on a line of its own."""
    rows = [f'  node [ id {i} label "{name}" ]' for i, name in enumerate(nodes)]
    return "\n".join([f"graph [ {head}", *rows, *(f"  edge [ {e} ]" for e in edges.split("; ") if e), "]\n"])


def lengths(instance: Instance) -> dict[tuple[str, str], float]:
    return {link.ends: link.length_km for link in instance.links}
