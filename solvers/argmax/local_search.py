"""Search over listed paths by batched forward passes: all joint actions if they are few, else local."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations_with_replacement, product
from math import comb, exp, inf, lgamma
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

from milproute.formulations import Route
from milproute.instances.tolerances import ROUND_OFF

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from milproute.formulations.action_sets import Candidates
    from milproute.formulations.relu.folded_net import AffineNet
    from milproute.instances.arrays import Flags, Floats


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

    def fits(self, load: Floats, held: Floats) -> Flags:
        """Mark the paths that still fit beside ``load`` on links and ``held`` qubits at nodes."""
        links, ones, twos = self.holds
        rules = self.candidates.rules
        full = (load >= rules.capacity).astype(float)
        left = rules.memory - held
        blocked = links @ full + (ones > 0).astype(float) @ (left < 1) + twos @ (left < 2)
        fitting: Flags = np.asarray(blocked) == 0
        return fitting


def count_actions(candidates: Candidates) -> float:
    """Return the number of joint choices, capacities aside; infinite beyond the largest double.

    A request with n paths and up to c copies has (n + c) choose c of them, n + 1 with one copy.
    """
    return float(np.prod([_choices(n, c) for n, c in _sizes(candidates)]))


def largest_choice(candidates: Candidates) -> float:
    """Return the largest number of choices of one request."""
    return max((_choices(n, c) for n, c in _sizes(candidates)), default=1.0)


def _sizes(candidates: Candidates) -> list[tuple[int, int]]:
    """Return paths and copies of each request."""
    copies = candidates.rules.copies.tolist()
    paths = np.bincount(candidates.request, minlength=len(copies)).tolist()
    return list(zip(paths, copies, strict=True))


def _choices(paths: int, copies: int) -> float:
    logarithm = lgamma(paths + copies + 1) - lgamma(paths + 1) - lgamma(copies + 1)
    if logarithm > 700:
        return inf
    return float(comb(paths + copies, copies)) if logarithm < 36 else exp(logarithm)


def enumerate_actions(
    table: Table, is_over: Callable[[], bool] = lambda: False
) -> tuple[list[int], float, bool]:
    """Return the best joint action (paths, with repeats), its Q, and whether all actions were tried.

    The joint choices of the last requests are listed once, as many as make a batch, and go through the net
    together for each joint choice of the others. Ties go to the first in order; the empty action comes first.

    Parameters
    ----------
    is_over : asked between batches whether to stop.
    """
    heads, none = _options(table.candidates), sp.csr_array((1, len(table.candidates)))
    tail: sp.csr_array = none
    while heads and (tail.shape[0] == 1 or tail.shape[0] * heads[-1].shape[0] <= BATCH):
        joined = _joined(heads.pop(), tail)
        tail = joined[_fitting(table, joined, none)]
    sums = tail @ table.first
    best, best_q = none, float(table.values(sums[:1])[0])
    done = True
    for picks in product(*(range(choices.shape[0]) for choices in heads)):
        if is_over():
            done = False
            break
        head = sum((choices[[i]] for choices, i in zip(heads, picks, strict=True)), none)
        if not _fitting(table, head, none)[0]:
            continue
        base = head @ table.first
        for start in range(0, tail.shape[0], BATCH):
            q = table.values(base + sums[start : start + BATCH])
            better = np.flatnonzero(q > best_q)
            better = better[_fitting(table, tail[start + better], head)]
            if len(better):
                i = better[np.argmax(q[better])]
                best, best_q = head + tail[[start + i]], float(q[i])
    counts = best.toarray()[0].astype(int)
    return np.repeat(np.arange(len(counts)), counts).tolist(), best_q, done


def _options(candidates: Candidates) -> list[sp.csr_array]:
    """List the choices of each request that has a path: copies of each path, shape (choices, paths).

    None, one path, or several copies; the empty choice is the first, the longest list the last.
    """
    options = []
    for request, copies in enumerate(candidates.rules.copies.tolist()):
        own = np.flatnonzero(candidates.request == request).tolist()
        if own:
            choices = [c for n in range(copies + 1) for c in combinations_with_replacement(own, n)]
            row = np.repeat(np.arange(len(choices)), [len(c) for c in choices])
            column = np.array([p for c in choices for p in c], dtype=np.int64)
            shape = (len(choices), len(candidates))
            options.append(sp.csr_array(sp.coo_array((np.ones(len(row)), (row, column)), shape=shape)))
    return sorted(options, key=lambda choices: choices.shape[0])


def _joined(some: sp.csr_array, others: sp.csr_array) -> sp.csr_array:
    """Join every choice of some requests with every choice of others."""
    first = np.repeat(np.arange(some.shape[0]), others.shape[0])
    joined: sp.csr_array = some[first] + others[np.tile(np.arange(others.shape[0]), some.shape[0])]
    return joined


def _fitting(table: Table, choices: sp.csr_array, beside: sp.csr_array) -> Flags:
    """Mark the choices that fit beside another one, shape (1, paths)."""
    rules = table.candidates.rules
    fits = np.ones(choices.shape[0], dtype=bool)
    for use, limit in (
        (table.candidates.link_use, rules.capacity),
        (table.candidates.memory_use, rules.memory),
    ):
        asked, room = sp.csr_array(choices @ use), limit - (beside @ use).toarray()[0]
        owner = np.repeat(np.arange(choices.shape[0]), np.diff(asked.indptr))
        fits[owner[asked.data > room[asked.indices]]] = False
    return fits


def routes_of(candidates: Candidates, chosen: Sequence[int]) -> list[Route]:
    """Return chosen rows of paths, with repeats, as routes."""
    counts = Counter(chosen)
    return [
        Route(int(candidates.request[p]), candidates.path(p), float(n)) for p, n in sorted(counts.items())
    ]


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
        if step is None or step[1] <= best + ROUND_OFF * max(1.0, abs(best)):
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


def search_from_many(table: Table) -> tuple[list[int], float]:
    """Search locally from greedy actions, the requests in order and in reverse; the best action and its Q.

    A greedy start gives every request in turn its best fitting path, also where Q falls at first: a net
    may value the parts of a good action only together. The empty action is the least that is returned.
    """
    requests = np.unique(table.candidates.request).tolist()
    starts = {
        tuple(sorted(start)): start for start in (_greedy(table, requests), _greedy(table, requests[::-1]))
    }
    empty = list[int](), float(table.values(np.zeros((1, table.first.shape[1])))[0])
    found = (local_search(table, start) for start in starts.values())
    return max([empty, *found], key=lambda action: action[1])


def _greedy(table: Table, order: Sequence[int]) -> list[int]:
    """Give each request in turn the fitting path with the largest Q."""
    candidates = table.candidates
    chosen: list[int] = []
    for request in order:
        load = np.asarray(candidates.link_use[chosen].sum(axis=0), dtype=float)
        held = np.asarray(candidates.memory_use[chosen].sum(axis=0), dtype=float)
        rows = np.flatnonzero(table.fits(load, held) & (candidates.request == request))
        if len(rows):
            q = table.values(table.first[chosen].sum(axis=0) + table.first[rows])
            chosen.append(int(rows[np.argmax(q)]))
    return chosen
