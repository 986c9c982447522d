"""A page as a parser of HTML sees it."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import Any


class Page(HTMLParser):
    """What a browser makes of a page: texts by element, scripts, and what it would fetch."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.links: list[str] = []
        self.policy = ""
        self.text = ""
        self.cells: list[list[str]] = []
        self._inside: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.links += [given[name] or "" for name in ("src", "href", "action") if name in given]
        if given.get("http-equiv") == "Content-Security-Policy":
            self.policy = given["content"] or ""
        if tag == "script":
            self.scripts.append((given, ""))
        if tag == "tr":
            self.cells.append([])
        if tag in ("td", "th"):
            self.cells[-1].append("")
        assert not any(name.startswith("on") for name in given)
        if tag not in ("meta", "link", "br", "input"):
            self._inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._inside.pop() == tag

    def handle_data(self, data: str) -> None:
        if "script" in self._inside:
            self.scripts[-1] = (self.scripts[-1][0], self.scripts[-1][1] + data)
        elif "style" not in self._inside:
            self.text += data
            if {"td", "th"} & set(self._inside):
                self.cells[-1][-1] += data

    @property
    def said(self) -> str:
        return " ".join(self.text.split())

    def data(self, name: str) -> Any:
        (text,) = (text for given, text in self.scripts if given.get("id") == name)
        return json.loads(text)

    @property
    def code(self) -> list[str]:
        return [text for given, text in self.scripts if "type" not in given]

    def summary(self, label: str) -> list[str]:
        """Return the row of a configuration, each cell on one line."""
        (row,) = (row for row in self.cells if len(row) > 1 and row[1] == label)
        return [" ".join(cell.split()) for cell in row]
