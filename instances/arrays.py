"""Types of numpy arrays, by what their entries are."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Floats: TypeAlias = "NDArray[np.float64]"
Integers: TypeAlias = "NDArray[np.int64]"
Rows: TypeAlias = "NDArray[np.int64]"  # positions in a table: links, nodes, requests, paths, columns
Flags: TypeAlias = "NDArray[np.bool_]"
