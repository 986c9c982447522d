"""Detecting: what the beginning of a file looks like, for a message that names the format."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from milproute.instances.errors import InstanceError
from milproute.instances.files import read_text

if TYPE_CHECKING:
    from pathlib import Path

BEGINNINGS = (
    ("sndlib", r"\A\?SNDlib native format"),
    ("graphml", r"\A(?:<\?xml[^>]*\?>)?\s*(?:<!--.*?-->\s*)*<graphml\b"),
    ("json", r"\A\s*\{"),
    ("gml", r"^[ \t]*graph\s*\["),
)
OTHERS = (
    ("SNDlib's XML. Take the network in the native format, which SNDlib has too", r"<network\b[^>]*sndlib"),
    ("XML of another kind, and no GraphML", r"\A\s*<\?xml"),
    (
        "a graph of Graphviz (DOT). networkx.nx_pydot reads it and can write GraphML",
        r"\A\s*(?:strict\s+)?(?:di)?graph\b[^\[]*\{",
    ),
    ("a network of Pajek. networkx.read_pajek reads it and can write GraphML", r"\A\s*\*vertices"),
)
LOOKED_AT = 20000  # characters


def format_by_content(path: Path) -> str:
    """Return the name of the format that a file begins like; empty when it is none that shows itself."""
    return _first(BEGINNINGS, path)


def other_content(path: Path) -> str:
    """Say what a file that begins like none of the formats seems to be; empty when nothing is known."""
    return _first(OTHERS, path)


def _first(beginnings: tuple[tuple[str, str], ...], path: Path) -> str:
    text = read_text(path, InstanceError)[:LOOKED_AT]
    flags = re.DOTALL | re.MULTILINE | re.IGNORECASE
    return next((name for name, start in beginnings if re.search(start, text, flags)), "")
