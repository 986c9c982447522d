"""Numbers in files of words: read by the rule of all readers, refused with their line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from milproute.instances.errors import InstanceError
from milproute.instances.numbers import read_real, read_whole

if TYPE_CHECKING:
    from pathlib import Path


def whole_at(token: str, file: Path, line: int, what: str) -> int:
    """Read a whole number that is not negative; InstanceError with the line when it is none."""
    try:
        value = read_whole(token)
    except ValueError:
        value = -1
    if value < 0:
        raise InstanceError(str(file), f"line {line}: {what}", repr(token), "a whole number, 0 or more", "")
    return value


def real_at(token: str, file: Path, line: int, what: str) -> float:
    """Read a number; InstanceError with the line when it is none."""
    try:
        return read_real(token)
    except ValueError:
        raise InstanceError(str(file), f"line {line}: {what}", repr(token), "a number", "") from None
