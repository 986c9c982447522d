"""Route: one path as an artist, moved sideways by points, whatever the zoom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.transforms import IdentityTransform

if TYPE_CHECKING:
    from milproute.instances.arrays import Floats

    Vector = Floats

BEND = 4.0  # least distance from a node at which a bend begins
HANDLE = 0.6


class Route(PathPatch):
    """A line along nodes that keeps ``offsets`` points to the left on each step.

    Parameters
    ----------
    places : nodes in data units, shape (steps + 1, 2).
    offsets : points to the left of each step, shape (steps,).
    start, end : where the line begins and ends, in points from its first and last node.
    style : properties of a `matplotlib.patches.Patch`.
    """

    def __init__(self, places: Vector, offsets: Vector, start: Vector, end: Vector, **style: Any) -> None:
        super().__init__(Path(places), transform=IdentityTransform(), fill=False, **style)
        self.places, self.offsets = places, offsets
        self.ends = np.array([start, end])

    def get_path(self) -> Path:
        """Return the line in display units, for the limits and the resolution of this moment."""
        if self.axes is None:
            return Path(self.places)
        unit = self.axes.figure.dpi / 72
        nodes = np.asarray(self.axes.transData.transform(self.places))
        return bent_path(nodes, self.offsets * unit, self.ends * unit, BEND * unit)


def bent_path(nodes: Vector, offsets: Vector, ends: Vector, bend: float) -> Path:
    """Join the shifted steps by curves that begin at least ``bend`` before each node."""
    steps = np.diff(nodes, axis=0)
    lengths = np.linalg.norm(steps, axis=1)
    along = steps / np.maximum(lengths, 1e-12)[:, None]
    aside = np.stack([-along[:, 1], along[:, 0]], axis=1) * offsets[:, None]
    wide = np.abs(offsets)
    radius = np.maximum(bend, 1.25 * np.maximum(np.append(wide, 0), np.insert(wide, 0, 0)))
    begin = np.minimum(radius[:-1], 0.4 * lengths)[:, None] * along
    finish = np.minimum(radius[1:], 0.4 * lengths)[:, None] * along
    first, last = nodes[:-1] + aside + begin, nodes[1:] + aside - finish

    here = nodes[0] + ends[0]
    vertices, codes = [here], [Path.MOVETO]
    arriving = HANDLE * begin[0]
    for i in range(len(steps)):
        vertices += [here + arriving, first[i] - HANDLE * begin[i], first[i], last[i]]
        codes += [Path.CURVE4, Path.CURVE4, Path.CURVE4, Path.LINETO]
        here, arriving = last[i], HANDLE * finish[i]
    goal = nodes[-1] + ends[1]
    vertices += [here + arriving, goal - arriving, goal]
    codes += [Path.CURVE4, Path.CURVE4, Path.CURVE4]
    return Path(np.array(vertices), codes)
