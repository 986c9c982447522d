"""GML (Himsolt 1997): ``graph [ node [ id 0 label "A" ] edge [ source 0 target 1 length 10.5 ] ]``.

Read without networkx, which drops a second graph, forgets lines, and takes the order of the edges away.
"""

from __future__ import annotations

import re
from html.entities import name2codepoint
from typing import TYPE_CHECKING, Any, NamedTuple

from milproute.instances.errors import InstanceError
from milproute.instances.files import read_text
from milproute.instances.formats.complete import complete
from milproute.instances.formats.format import Format
from milproute.instances.formats.graph_document import GraphDocument, GraphEdge, GraphNode
from milproute.instances.formats.graph_draft import draft_of, graph_of
from milproute.instances.numbers import DECIMAL, number_or_same

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from milproute.instances.formats.import_options import ImportOptions
    from milproute.instances.instance import Instance

_TOKEN = re.compile(
    rf'(?P<string>"[^"]*")|(?P<number>{DECIMAL}|[+-]INF)(?![\w.])|(?P<word>[A-Za-z_]\w*)|(?P<bracket>[\[\]])'
    r"|(?P<comment>#[^\n]*)|(?P<blank>\s+)",
    re.ASCII,
)
_ENTITY = re.compile(r"&(?:#x([0-9A-Fa-f]+)|#([0-9]+)|([A-Za-z][A-Za-z0-9]*));")


class _Token(NamedTuple):
    kind: str
    text: str
    line: int


class _Block(NamedTuple):
    """``key [ … ]``: its entries, and the line of its key."""

    entries: list[tuple[str, Any]]
    line: int

    def all(self, key: str) -> list[Any]:
        return [value for name, value in self.entries if name == key]

    def plain(self, *skipped: str) -> dict[str, Any]:
        """Return the plain values; a key that stands more than once has a list of them."""
        values: dict[str, Any] = {}
        for key, value in self.entries:
            if key in skipped or isinstance(value, _Block):
                continue
            known = values.get(key)
            values[key] = (
                value if key not in values else [*(known if isinstance(known, list) else [known]), value]
            )
        return values


def read_gml(options: ImportOptions) -> Instance:
    """Read GML, ours or another tool's.

    Raises
    ------
    InstanceError : no GML, or a graph that makes no instance; with the line.
    """
    document = parse_gml(read_text(options.path, InstanceError), options.path)
    return complete(draft_of(document, options), options)


def write_gml(instance: Instance) -> str:
    """Write GML; node ids are the labels."""
    import networkx as nx  # only here: the room alone loads quickly

    return "\n".join(nx.generate_gml(graph_of(instance))) + "\n"


def parse_gml(text: str, path: Path) -> GraphDocument:
    """Return the one graph of a GML text."""
    graphs = [value for key, value in _parse(text, path).entries if key == "graph"]
    blocks = [graph for graph in graphs if isinstance(graph, _Block)]
    if len(blocks) != 1:
        line = blocks[1].line if blocks else 1
        value = f"{len(blocks)} graphs" if blocks else "without a graph"
        remedy = "Split the file." if blocks else "GML begins with: graph [."
        raise InstanceError(str(path), f"line {line}", value, "one graph [ … ]", remedy)
    graph = blocks[0]
    nodes = [_node(block, path) for block in _blocks(graph, "node", path)]
    edges = [_edge(block, path) for block in _blocks(graph, "edge", path)]
    directed = any(number_or_same(value) == 1 for value in graph.all("directed"))
    return GraphDocument(nodes, edges, graph.plain("node", "edge"), directed)


def _node(block: _Block, path: Path) -> GraphNode:
    key = _required(block, "id", "node", path)
    labels = [value for value in block.all("label") if not isinstance(value, _Block)]
    label = str(labels[0]) if labels else None
    return GraphNode(key, key, label, block.plain("id", "label"), f"line {block.line}")


def _edge(block: _Block, path: Path) -> GraphEdge:
    source, target = (_required(block, end, "edge", path) for end in ("source", "target"))
    return GraphEdge(source, target, block.plain("source", "target"), f"line {block.line}")


def _required(block: _Block, key: str, table: str, path: Path) -> str:
    values = block.all(key)
    if len(values) != 1 or isinstance(values[0], _Block):
        value = "missing" if not values else f"given {len(values)} times"
        raise InstanceError(str(path), f"line {block.line}: {table}: {key}", value, f"one {key}", "")
    return str(values[0])


def _blocks(graph: _Block, key: str, path: Path) -> list[_Block]:
    for value in graph.all(key):
        if not isinstance(value, _Block):
            raise InstanceError(str(path), f"line {graph.line}: {key}", repr(value), f"{key} [ … ]", "")
    return graph.all(key)


def _parse(text: str, path: Path) -> _Block:
    """Return the key-value pairs of the whole text, nested as they are."""
    open_blocks = [_Block([], 1)]
    tokens = _tokens(text, path)
    for token in tokens:
        if token.text == "]" and token.kind == "bracket" and len(open_blocks) > 1:
            open_blocks.pop()
            continue
        if token.kind != "word":
            raise _malformed(path, token, "a key")
        value = next(tokens, None)
        if value is None:
            raise _malformed(
                path, _Token("end", "the end of the file", token.line), f"a value of {token.text}"
            )
        if value.kind == "bracket" and value.text == "[":
            block = _Block([], token.line)
            open_blocks[-1].entries.append((token.text, block))
            open_blocks.append(block)
        elif value.kind == "bracket":
            raise _malformed(path, value, f"a value of {token.text}")
        else:
            open_blocks[-1].entries.append((token.text, _value(value)))
    if len(open_blocks) > 1:
        line = text.count("\n") + 1
        raise _malformed(path, _Token("end", "the end of the file", line), "a closing bracket")
    return open_blocks[0]


def _tokens(text: str, path: Path) -> Iterator[_Token]:
    position, line = 0, 1
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            rest = text[position:].split(maxsplit=1)[0][:20]
            raise _malformed(path, _Token("other", rest, line), 'keys, numbers, "texts" and brackets')
        if match.lastgroup not in ("comment", "blank"):
            yield _Token(match.lastgroup, match[0], line)
        line += match[0].count("\n")
        position = match.end()


def _value(token: _Token) -> Any:
    """Return a text without quotes and entities; a number or word stays as it is written."""
    if token.kind != "string":
        return token.text

    def character(match: re.Match[str]) -> str:
        code = (
            int(match[1], 16) if match[1] else int(match[2]) if match[2] else name2codepoint.get(match[3], -1)
        )
        known = 0 <= code < 0xD800 or 0xE000 <= code < 0x110000  # no half of a surrogate pair
        return chr(code) if known else match[0]

    return _ENTITY.sub(character, token.text[1:-1])


def _malformed(path: Path, token: _Token, allowed: str) -> InstanceError:
    value = token.text if token.kind == "end" else repr(token.text[:60])
    return InstanceError(str(path), f"line {token.line}", f"{value}, not GML", allowed, "")


GML: Format = Format("gml", ".gml", read_gml, write_gml)
