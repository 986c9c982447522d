"""Search over listed paths by batched forward passes: all joint actions if they are few, else local."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations_with_replacement
from math import comb
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import scipy.sparse as sp
    from numpy.typing import NDArray

    from formulations.actions import Candidates
    from formulations.relu.affine import AffineNet

    Floats = NDArray[np.float64]
    Rows = NDArray[np.int64]

BATCH = 50_000


@dataclass(frozen=True)
class Table:
    """Candidate paths with what each does to the first layer of a net.

    Parameters
    ----------
    candidates : the paths.
    first : first-layer weights times the features of each path, shape (paths, neurons).
    net : the net, state folded in.
    """

    candidates: Candidates
    first: Floats
    net: AffineNet

    @cached_property
    def holds(self) -> tuple[sp.csr_array, sp.csr_array, sp.csr_array]:
        """Links each path uses, nodes where it holds a qubit, nodes where it holds two."""
        memory = self.candidates.memory_use
        return self.candidates.link_use, memory, (memory > 1.5).astype(float)

    def values(self, sums: Floats) -> Floats:
        """Return Q for rows of first-layer sums (without bias), shape (rows,)."""
        y = (
            np.maximum(sums + self.net.biases[0], 0.0)
            if len(self.net.weights) > 1
            else sums + self.net.biases[0]
        )
        for k in range(1, len(self.net.weights)):
            y = y @ self.net.weights[k].T + self.net.biases[k]
            if k < len(self.net.weights) - 1:
                y = np.maximum(y, 0.0)
        q: Floats = y[:, 0]
        return q

    def fits(self, load: Floats, held: Floats) -> NDArray[np.bool_]:
        """Mark the paths that still fit beside ``load`` on links and ``held`` qubits at nodes."""
        links, ones, twos = self.holds
        rules = self.candidates.rules
        full = (load >= rules.capacity).astype(float)
        left = rules.memory - held
        blocked = links @ full + (ones > 0).astype(float) @ (left < 1) + twos @ (left < 2)
        fitting: NDArray[np.bool_] = np.asarray(blocked) == 0
        return fitting


def count_actions(candidates: Candidates) -> float:
    """Return the number of joint choices, capacities aside: the product over requests of paths + 1."""
    total = 1.0
    for request, copies in enumerate(candidates.rules.copies.tolist()):
        paths = int((candidates.request == request).sum())
        total *= sum(comb(paths + used - 1, used) for used in range(copies + 1)) if paths else 1
    return total


def enumerate_actions(table: Table) -> tuple[list[int], float]:
    """Return the best joint action (paths, with repeats) and its Q by trying all of them.

    Ties go to the first in order; the empty action comes first.
    """
    options = _options(table.candidates)
    best, best_q = list[int](), float(table.values(np.zeros((1, table.first.shape[1])))[0])
    prefix: list[tuple[int, ...]] = [()]
    for choices in options[:-1] if options else []:
        prefix = [head + tail for head in prefix for tail in choices]
    for head in prefix:
        if not _feasible(table, head):
            continue
        for start in range(0, len(options[-1]) if options else 0, BATCH):
            tails = options[-1][start : start + BATCH]
            base = table.first[list(head)].sum(axis=0)
            sums = np.array([base + table.first[list(tail)].sum(axis=0) for tail in tails])
            q = table.values(sums)
            for i in np.argsort(-q, kind="stable"):
                if q[i] <= best_q:
                    break
                if _feasible(table, head + tails[i]):
                    best, best_q = [*head, *tails[i]], float(q[i])
                    break
    return best, best_q


def _options(candidates: Candidates) -> list[list[tuple[int, ...]]]:
    """List the choices of each request that has a path: none, one path, or several copies."""
    options = []
    for request, copies in enumerate(candidates.rules.copies.tolist()):
        own = np.flatnonzero(candidates.request == request).tolist()
        if own:
            options.append([c for n in range(copies + 1) for c in combinations_with_replacement(own, n)])
    return sorted(options, key=len)  # the longest last: it is the one that is batched


def _feasible(table: Table, paths: tuple[int, ...]) -> bool:
    rules, rows = table.candidates.rules, list(paths)
    load = table.candidates.link_use[rows].sum(axis=0)
    held = table.candidates.memory_use[rows].sum(axis=0)
    return bool((load <= rules.capacity).all() and (held <= rules.memory).all())


def local_search(table: Table, start: list[int] | None = None, rounds: int = 20) -> tuple[list[int], float]:
    """Improve an action until no exchange of one request's path (or adding or dropping it) is better.

    A heuristic: the incumbent that a solver starts from. Every step tries all paths of all requests in
    one batched forward pass and takes the best that fits.
    """
    candidates = table.candidates
    chosen = list(start or [])
    best = float(table.values(table.first[chosen].sum(axis=0)[None])[0])
    for _ in range(rounds * max(1, len(candidates.rules.instance.requests))):
        step = _best_exchange(table, chosen)
        if step is None or step[1] <= best + 1e-12 * max(1.0, abs(best)):
            break
        chosen, best = step
    return chosen, best


def _best_exchange(table: Table, chosen: list[int]) -> tuple[list[int], float] | None:
    """Return the best action that differs in one path: dropped, exchanged or added."""
    candidates, copies = table.candidates, table.candidates.rules.copies
    best: tuple[list[int], float] | None = None
    for out in [None, *range(len(chosen))]:
        kept = [p for i, p in enumerate(chosen) if i != out]
        base = table.first[kept].sum(axis=0)
        load = np.asarray(candidates.link_use[kept].sum(axis=0), dtype=float)
        held = np.asarray(candidates.memory_use[kept].sum(axis=0), dtype=float)
        used = np.bincount(candidates.request[kept], minlength=len(copies))
        open_paths = table.fits(load, held) & (used < copies)[candidates.request]
        rows = np.flatnonzero(open_paths)
        if out is not None:
            rows = rows[candidates.request[rows] == candidates.request[chosen[out]]]
        q = table.values(np.vstack([base[None], base + table.first[rows]]))
        i = int(np.argmax(q))
        if best is None or q[i] > best[1]:
            best = (kept if i == 0 else [*kept, int(rows[i - 1])]), float(q[i])
    return best
