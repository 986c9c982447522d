"""Inputs of a Q-net: the feature blocks that its file or its user names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from milproute.instances.errors import QNetError
from milproute.instances.qnets.blocks import BLOCKS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def named_inputs(
    source: Path | str, place: str, written: str | None, given: Sequence[str] | str | None
) -> tuple[str, ...]:
    """Return the feature blocks of a net: those that its file names, or those that its user gives.

    Parameters
    ----------
    source, place : the file, and where in it the blocks are named.
    written, given : the blocks in the file, and those of the user; None for none.

    Raises
    ------
    QNetError : neither names them, or both do and differ.
    """
    if written is None and given is None:
        allowed = "a comma-separated list of feature blocks: " + ", ".join(BLOCKS)
        remedy = (
            "Name them in input order: --inputs link_load,request_served on the command line, "
            "`inputs` in a suite or in Python."
        )
        raise QNetError(source, place, "missing", allowed, remedy)
    if written is None or given is None:
        return as_inputs(given if written is None else written)  # type: ignore[arg-type]
    if as_inputs(given) != split_inputs(written):
        allowed = f"{','.join(as_inputs(given))!r}, the inputs that were given beside the file"
        remedy = "Leave --inputs (`inputs`) out: the file says what its inputs are."
        raise QNetError(source, place, repr(written), allowed, remedy)
    return split_inputs(written)


def split_inputs(text: str) -> tuple[str, ...]:
    """Split a comma-separated list of feature blocks."""
    return tuple(block.strip() for block in text.split(",")) if text.strip() else ()


def as_inputs(inputs: Sequence[str] | str) -> tuple[str, ...]:
    """Return feature blocks given as names or as one comma-separated text."""
    return split_inputs(inputs) if isinstance(inputs, str) else tuple(inputs)
