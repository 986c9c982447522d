"""Rewrite values of a TOML file in place: comments, order and layout of everything else stay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from milproute.instances.optional import optional_package

if TYPE_CHECKING:
    from collections.abc import Mapping


def with_values(text: str, tables: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the text of a TOML file with new values.

    Parameters
    ----------
    tables : new values by key, for each table by its dotted name.

    Raises
    ------
    KeyError : no such table.
    """
    document = optional_package("tomlkit", "dev", "rewriting a TOML file").parse(text)
    for name, values in tables.items():
        table = document
        for part in name.split("."):
            table = table[part]
        table.update(values)
    found: str = document.as_string()
    return found
