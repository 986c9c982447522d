"""Stream: the bound trace of a cell in a file, a point a line, written while the solver runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from milproute.bench.records.record import Point


def write_point(path: Path, point: Point) -> None:
    """Append a point.

    Raises
    ------
    OSError : the file cannot be written.
    """
    with path.open("a") as file:
        file.write(json.dumps(point) + "\n")


def read_stream(path: Path) -> tuple[Point, ...]:
    """Return the points that a cell noted before it was killed; the last line may be torn."""
    if not path.exists():
        return ()
    lines = path.read_text().split("\n")[:-1]  # what follows the last line break is no whole line
    return tuple((seconds, nodes, best, bound) for seconds, nodes, best, bound in map(json.loads, lines))
