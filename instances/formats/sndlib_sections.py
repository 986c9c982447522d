"""Sections and entries of SNDlib's native format, as its grammar has them.

An entry is a name, a list in brackets, some words, and perhaps another list, how many depends on the
section. Entries are told apart by counting, so that an empty list after the last word does no harm.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from milproute.instances.errors import InstanceError
from milproute.instances.numbers import number_or_same

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


UNLIMITED = "UNLIMITED"


class Token(NamedTuple):
    """A word or a bracket, and its line."""

    text: str
    line: int


@dataclass(frozen=True)
class Shape:
    """What an entry of a section looks like: for the message, the words in its list, and those behind it."""

    looks: str
    inner: int
    words: int
    bare: bool = False  # whether the list may be missing or empty


@dataclass(frozen=True)
class Entry:
    """One entry: its name, the words in its list, those behind it, and the line of its name."""

    name: str
    inner: tuple[Token, ...]
    words: tuple[Token, ...]
    line: int


SHAPES: Mapping[str, Shape] = {
    "NODES": Shape("id ( longitude latitude ), or id alone", 2, 0, bare=True),
    "LINKS": Shape("id ( a b ) capacity capacity_cost routing_cost setup_cost ( modules )", 2, 4),
    "DEMANDS": Shape("id ( a b ) unit value max_path_length", 2, 3),
}


def read_sections(text: str, file: Path) -> dict[str, list[Entry]]:
    """Return the entries of the sections of `SHAPES` that the file has; other sections have none.

    Raises
    ------
    InstanceError : brackets that do not match, a section twice, or an entry of another shape.
    """
    sections = _sections(text, file)
    return {
        name: list(_entries(name, tokens, file)) if name in SHAPES else []
        for name, tokens in sections.items()
    }


def _tokens(text: str) -> Iterator[Token]:
    """Split a text into words and brackets; a comma parts coordinates in SNDlib's own description."""
    for number, line in enumerate(text.split("\n")[1:], start=2):
        for match in re.finditer(r"[()]|[^\s()]+", line.partition("#")[0].replace(", ", " ")):
            yield Token(match[0], number)


def _sections(text: str, file: Path) -> dict[str, list[Token]]:
    """Split ``NAME ( … )`` blocks."""
    sections: dict[str, list[Token]] = {}
    name, depth, line = "", 0, 1
    for token in _tokens(text):
        word, line = token
        if depth == 0 and word == "(" and name:
            if name in sections:
                raise InstanceError(str(file), f"line {line}", f"a second section {name}", "each once", "")
            depth, sections[name] = 1, []
        elif depth == 0 and word not in "()" and not name:
            name = word
        elif depth == 0:
            raise InstanceError(str(file), f"line {line}", repr(word), "a section: NAME ( … )", "")
        else:
            depth += {"(": 1, ")": -1}.get(word, 0)
            if depth:
                sections[name].append(token)
            else:
                name = ""
    if depth or name:
        raise InstanceError(str(file), f"line {line}", "the end of the file", "a closing bracket", "")
    return sections


def _entries(section: str, tokens: list[Token], file: Path) -> Iterator[Entry]:
    shape, at = SHAPES[section], 0
    while at < len(tokens):
        start, name = at, tokens[at]
        inner, at = _list(tokens, at + 1)
        words = tokens[at : at + shape.words]
        at += shape.words
        if section != "NODES":
            _, at = _list(tokens, at)  # the modules of a link; some writers close a demand with ()
        whole = len(words) == shape.words and all(map(_is_amount, words)) and name.text not in "()"
        if not whole or not (len(inner or ()) == shape.inner or (shape.bare and not inner)):
            shown = " ".join(token.text for token in tokens[start:] if token.line == name.line)
            raise InstanceError(str(file), f"line {name.line}", repr(shown), shape.looks, "")
        yield Entry(name.text, tuple(inner or ()), tuple(words), name.line)


def _is_amount(token: Token) -> bool:
    """Say whether a word can stand behind the list of an entry: a number, or no limit."""
    return token.text == UNLIMITED or number_or_same(token.text) != token.text


def _list(tokens: list[Token], at: int) -> tuple[list[Token] | None, int]:
    """Return the words of the list that begins at ``at``, None without one, and where it ends."""
    if at >= len(tokens) or tokens[at].text != "(":
        return None, at
    depth, end = 0, at
    while True:
        depth += {"(": 1, ")": -1}.get(tokens[end].text, 0)
        if depth == 0:
            return tokens[at + 1 : end], end + 1
        end += 1
