"""Room: which sets of paths fit together on channels and memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from milproute.formulations.action_sets import Candidates
    from milproute.instances.arrays import Flags, Floats, Rows


# A set with more items than this hardly ever has a link or node in common.
SMALL = 50


class Room:
    """Channels of links and qubits of nodes that several units share, one item (path or none) each.

    Only the limits that the units could exceed together are kept: often none.

    Parameters
    ----------
    candidates : the paths; item ``len(candidates)`` is no path.
    items : items of each unit at first.
    """

    def __init__(self, candidates: Candidates, items: Sequence[Rows]) -> None:
        use = sp.hstack([candidates.link_use, candidates.memory_use], format="csr")
        limit = np.concatenate([candidates.rules.capacity, candidates.rules.memory]).astype(float)
        use = sp.csr_array(sp.vstack([use, sp.csr_array((1, use.shape[1]))], format="csr"))
        most = np.zeros(use.shape[1])
        for own in items:
            most += use[own].max(axis=0).toarray().ravel()
        tight = np.flatnonzero(most > limit)
        self.use: Floats = use[:, tight].toarray()
        self.limit: Floats = limit[tight]
        self.most = self.use.max(initial=0.0)

    def fits(self, chosen: Rows) -> bool:
        """Say whether one item a unit fits."""
        return bool((self.use[chosen].sum(axis=0) <= self.limit).all())

    def thinned(self, items: list[Rows]) -> list[Rows] | None:
        """Drop the items that do not fit beside what all others take at least; None if nothing fits."""
        if not len(self.limit) or min(len(own) for own in items) > SMALL:
            return items
        none = np.zeros(len(self.limit))
        least = [self.use[own].min(axis=0) if len(own) <= SMALL else none for own in items]
        left = self.limit - np.sum(least, axis=0)
        if (left < 0).any():
            return None
        if left.min() >= self.most:
            return items
        kept = [
            own[(self.use[own] - taken <= left).all(axis=1)] if len(own) > 1 else own
            for own, taken in zip(items, least, strict=True)
        ]
        return kept if all(len(own) for own in kept) else None

    def clash(self, items: list[Rows], chosen: Rows) -> tuple[int, Flags] | None:
        """Return a unit and a split of its items that forbids or forces a limit that ``chosen`` breaks.

        Returns
        -------
        None when ``chosen`` fits. Otherwise the unit with the most items among those whose chosen one uses
        the most exceeded limit and which have an item that uses less of it.
        """
        over = self.use[chosen].sum(axis=0) - self.limit
        if not len(over) or over.max() <= 0:
            return None
        row = int(np.argmax(over))
        taken = self.use[chosen, row]
        parts = [self.use[own, row] >= max(1.0, amount) for own, amount in zip(items, taken, strict=True)]
        sizes = [
            len(own) if amount and not part.all() else 0
            for own, amount, part in zip(items, taken, parts, strict=True)
        ]
        unit = int(np.argmax(sizes))
        return (unit, parts[unit]) if sizes[unit] else None
