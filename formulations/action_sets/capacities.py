"""Shared capacities: which joint choices of paths fit channels of links and qubits of nodes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from milproute.formulations.action_sets.candidate_paths import Candidates
    from milproute.instances.arrays import Flags, Floats, Rows


# A set with more items than this hardly ever has a link or node in common.
SMALL = 50


@dataclass(frozen=True)
class SharedCapacities:
    """What each path uses of each link and node, and how much there is.

    Parameters
    ----------
    use : one channel of each link of a path, one qubit at its ends and two between; shape (paths, limits),
        the limits being those of the links, then of the nodes.
    limit : capacity of the links, memory of the nodes.
    """

    use: sp.csr_array
    limit: Floats

    @classmethod
    def of(cls, candidates: Candidates) -> SharedCapacities:
        """Return the capacities that listed paths share."""
        use = sp.csr_array(sp.hstack([candidates.link_use, candidates.memory_use], format="csr"))
        rules = candidates.rules
        return cls(use, np.concatenate([rules.capacity, rules.memory]).astype(float))

    @cached_property
    def _needs(self) -> tuple[sp.csr_array, sp.csr_array]:
        """Where a path uses anything, and where it uses two."""
        return (self.use > 0).astype(float), (self.use > 1.5).astype(float)

    def used(self, chosen: Rows | list[int]) -> Floats:
        """Return what paths use together, a path as often as it is chosen."""
        total: Floats = np.asarray(self.use[chosen].sum(axis=0), dtype=float)
        return total

    def paths_that_fit(self, used: Floats) -> Flags:
        """Mark the paths that fit beside what is used."""
        left = self.limit - used
        some, two = self._needs
        blocked = some @ (left < 1).astype(float) + two @ (left < 2).astype(float)
        fitting: Flags = np.asarray(blocked) == 0
        return fitting

    def choices_that_fit(self, choices: sp.csr_array, used: Floats) -> Flags:
        """Mark the joint choices, copies of each path in rows, that fit beside what is used."""
        fits = np.ones(choices.shape[0], dtype=bool)
        asked, left = sp.csr_array(choices @ self.use), self.limit - used
        owner = np.repeat(np.arange(choices.shape[0]), np.diff(asked.indptr))
        fits[owner[asked.data > left[asked.indices]]] = False
        return fits

    def binding(self, items: Sequence[Rows]) -> BindingCapacities:
        """Return the limits that several groups of items, one item each, could exceed together: often none.

        Parameters
        ----------
        items : paths of each group; item ``len(paths)`` is no path.
        """
        use = sp.csr_array(sp.vstack([self.use, sp.csr_array((1, self.use.shape[1]))], format="csr"))
        most = np.zeros(use.shape[1])
        for own in items:
            most += use[own].max(axis=0).toarray().ravel()
        tight = np.flatnonzero(most > self.limit)
        return BindingCapacities(use[:, tight].toarray(), self.limit[tight])


@dataclass(frozen=True)
class BindingCapacities:
    """The limits that can bind, dense.

    Parameters
    ----------
    use : use of each limit by each item, shape (paths + 1, limits); the last item is no path.
    limit : how much of each there is, shape (limits,).
    """

    use: Floats
    limit: Floats

    @cached_property
    def largest_use(self) -> float:
        """Largest use of any limit by one item."""
        return float(self.use.max(initial=0.0))

    def fits(self, chosen: Rows) -> bool:
        """Say whether one item of each group fits."""
        return bool((self.use[chosen].sum(axis=0) <= self.limit).all())

    def propagate(self, items: list[Rows]) -> list[Rows] | None:
        """Drop the items that do not fit beside what all other groups take at least; None if nothing fits."""
        if not len(self.limit) or min(len(own) for own in items) > SMALL:
            return items
        none = np.zeros(len(self.limit))
        least = [self.use[own].min(axis=0) if len(own) <= SMALL else none for own in items]
        left = self.limit - np.sum(least, axis=0)
        if (left < 0).any():
            return None
        if left.min() >= self.largest_use:
            return items
        kept = [
            own[(self.use[own] - taken <= left).all(axis=1)] if len(own) > 1 else own
            for own, taken in zip(items, least, strict=True)
        ]
        return kept if all(len(own) for own in kept) else None

    def conflict(self, items: list[Rows], chosen: Rows) -> tuple[int, Flags] | None:
        """Return a group and a split of its items that forbids or forces a limit that ``chosen`` breaks.

        Returns
        -------
        None when ``chosen`` fits. Otherwise the group with the most items among those whose chosen one uses
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
        group = int(np.argmax(sizes))
        return (group, parts[group]) if sizes[group] else None
