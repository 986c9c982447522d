"""XML as a tree that knows its lines, which `xml.etree` does not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from xml.parsers import expat

from milproute.instances.errors import InstanceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


@dataclass
class Element:
    """An element: its name without a namespace, attributes, line, children and own text."""

    name: str
    attributes: Mapping[str, str]
    line: int
    children: list[Element] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """Return the text of the element itself, without that of its children."""
        return "".join(self.parts)

    def all(self, name: str) -> list[Element]:
        """List the children of that name."""
        return [child for child in self.children if child.name == name]

    def below(self) -> Iterator[Element]:
        """Go through all elements below, in the order of the file."""
        waiting = self.children[::-1]  # no recursion: a file may be nested as deeply as it likes
        while waiting:
            element = waiting.pop()
            yield element
            waiting += element.children[::-1]


def parse_xml(text: str, path: Path) -> Element:
    """Return the root of an XML document.

    Raises
    ------
    InstanceError : not well-formed; with the line.
    """
    root = Element("", {}, 1)
    stack = [root]
    parser = expat.ParserCreate()
    parser.buffer_text = True

    def start(name: str, attributes: dict[str, str]) -> None:
        element = Element(name.rpartition(":")[2], attributes, parser.CurrentLineNumber)
        stack[-1].children.append(element)
        stack.append(element)

    def end(_: str) -> None:
        stack.pop()

    def characters(data: str) -> None:
        stack[-1].parts.append(data)

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = characters
    try:
        parser.Parse(text, True)  # a text, so that what the declaration says of bytes no longer counts
    except expat.ExpatError as failure:
        reason = expat.errors.messages[failure.code]
        raise InstanceError(str(path), f"line {failure.lineno}", f"not XML ({reason})", "XML", "") from None
    return root.children[0]
