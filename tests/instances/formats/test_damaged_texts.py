"""Whatever is done to a file, the reader gives an instance or one of our errors, and never a bug."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from milproute.instances.errors import MilprouteError
from milproute.instances.formats.registry import FORMATS, read_any
from milproute.instances.library import load_library
from tests.support.foreign_files import NEEDS, gml
from tests.support.foreign_texts import QCAST, SNDLIB

if TYPE_CHECKING:
    from pathlib import Path

    from milproute.instances.formats.registry import Format

GRAPH = nx.path_graph(3)
TOY = load_library("toy")
LINES = load_library("grid-7x7-10")


def _own(chosen: Format) -> str:
    return chosen.write(TOY if chosen.name in ("json", "graphml", "gml", "node-link") else LINES)


TEXTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    **{f"own {f.name}": (f.name, _own(f), {}) for f in FORMATS.values()},
    "gml": ("gml", gml("source 0 target 1 length 5; source 2 target 1 length 7"), NEEDS),
    "sndlib": ("sndlib", SNDLIB, {**NEEDS, "great_circle": True, "demand_unit": 4}),
    "qcast": ("qcast", QCAST, {"fidelity": 1, "parallel": "sum"}),
    "node-link": ("json", json.dumps(nx.node_link_data(GRAPH, edges="links")), {**NEEDS, "length_km": 3}),
    "graphml": ("graphml", "\n".join(nx.generate_graphml(GRAPH)), {**NEEDS, "length_km": 3}),
}
JUNK = st.sampled_from(
    [
        *(
            "",
            "[",
            "]",
            "(",
            ")",
            "{",
            "}",
            "<",
            ">",
            '"',
            "'",
            "#",
            "//",
            ",",
            ":",
            " ",
            "\n",
            "-",
            "\x00",
            "é",
        ),
        *("null", "true", "-1", "0", "1.5", "nan", "1e999", "9" * 400, "id", "node", "[]", "{}", '""', "[[["),
        *("&#x110000;", "&#xD800;", "\ud800"),
    ]
)


@pytest.mark.parametrize("sample", TEXTS)
@given(data=st.data())
def test_a_damaged_file_is_read_or_refused(
    sample: str, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    name, text, fields = TEXTS[sample]
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        length = data.draw(st.sampled_from([0, 1, 2, 5, 20, 100]))
        text = text[:start] + data.draw(JUNK) + text[start + length :]
    path: Path = tmp_path_factory.getbasetemp() / "damaged"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    for options in (fields, {}):
        with suppress(MilprouteError):
            read_any(path, name, **options)
