"""Random feasible joint actions, many at once: training data and starting points for searches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

from milproute.instances import OptionError

if TYPE_CHECKING:
    from milproute.formulations.action_sets.candidate_paths import Candidates
    from milproute.instances.arrays import Floats, Rows


TRIES = 4  # draws of a path before the ones that still fit are listed
LISTED = 4_000_000  # most entries of such a list


def sample_actions(candidates: Candidates, count: int, rng: np.random.Generator) -> sp.csr_array:
    """Draw ``count`` joint actions of an action set; return copies of each path, shape (count, paths).

    Each sample takes the copies of its requests in a random order of its own and skips each with a
    probability of its own, drawn as the square of a uniform number (a third on average, so that full and
    near empty actions both occur). A copy that is not skipped takes a random path among those that
    still fit: every length in links that its request has is equally likely, then every path of that
    length. Short paths would be one in a thousand otherwise, though an argmax takes just these. A copy
    that no path fits stays unserved. Every joint action has a positive probability, since each part of
    one is one, too.

    Raises
    ------
    OptionError : a ``count`` below 0, or more copies of requests than can be told apart.
    """
    if count < 0:
        raise OptionError(f"{count} samples are asked for; allowed: 0 or more")
    candidates.rules.refuse_many_copies("sampling joint actions")
    draw = _Draw(candidates, count, rng)
    units = draw.units()
    skip = rng.random(count) ** 2
    order = rng.permuted(np.broadcast_to(units, (count, len(units))), axis=1)
    rows, paths = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for request in order.T:
        active = np.flatnonzero(rng.random(count) >= skip)
        taken, path = draw.take(active, request[active])
        rows.append(taken)
        paths.append(path)
    row, column = np.concatenate(rows), np.concatenate(paths)
    ones = np.ones(len(row))
    return sp.csr_array(sp.coo_array((ones, (row, column)), shape=(count, len(candidates))))


class _Draw:
    """Samples under way: the load of each link and the qubits held at each node, a row a sample."""

    def __init__(self, candidates: Candidates, count: int, rng: np.random.Generator) -> None:
        self.candidates, self.rng = candidates, rng
        rules = candidates.rules
        links, nodes = len(rules.capacity), len(rules.memory)
        # One column more, which the padding -1 of the paths finds: it is never full.
        self.free_channels = np.full((count, links + 1), np.iinfo(np.int32).max, dtype=np.int32)
        self.free_channels[:, :links] = np.minimum(rules.capacity, np.iinfo(np.int32).max)
        self.free_qubits = np.full((count, nodes + 1), np.iinfo(np.int32).max, dtype=np.int32)
        self.free_qubits[:, :nodes] = np.minimum(rules.memory, np.iinfo(np.int32).max)
        self.nodes, self.links = candidates.nodes, candidates.links
        present = self.nodes >= 0
        inner = np.zeros_like(present)
        inner[:, : candidates.interiors.shape[1]] = candidates.interiors >= 0
        self.qubits = present.astype(np.int32) + inner
        requests = len(rules.instance.requests)
        self.start = np.searchsorted(candidates.request, np.arange(requests + 1))
        self.weight = _weights(candidates)
        self.ladder = candidates.request + _cumulative(self.weight, self.start)

    def units(self) -> Rows:
        """Return the request of each copy that could be served, as many copies as its ends have qubits."""
        rules = self.candidates.rules
        row = rules.instance.node_row
        copies = [
            min(int(rules.copies[k]), int(rules.memory[row[r.source]]), int(rules.memory[row[r.target]]))
            if self.start[k] < self.start[k + 1]
            else 0
            for k, r in enumerate(rules.instance.requests)
        ]
        return np.repeat(np.arange(len(copies)), copies)

    def take(self, samples: Rows, requests: Rows) -> tuple[Rows, Rows]:
        """Give each sample a path of its request; return the samples that a path fits, and the paths."""
        taken, found = [], []
        for _ in range(TRIES):
            steps = requests + self.rng.random(len(requests))
            path = np.searchsorted(self.ladder, steps, side="right")
            path = np.clip(path, self.start[requests], self.start[requests + 1] - 1)  # rounding at the ends
            fits = (self.free_channels[samples[:, None], self.links[path]] > 0).all(axis=1)
            fits &= (self.free_qubits[samples[:, None], self.nodes[path]] >= self.qubits[path]).all(axis=1)
            taken.append(samples[fits])
            found.append(path[fits])
            self._spend(samples[fits], path[fits])
            samples, requests = samples[~fits], requests[~fits]
            if not len(samples):
                break
        for request in np.unique(requests).tolist():
            here = samples[requests == request]
            size = max(1, LISTED // int(self.start[request + 1] - self.start[request]))
            for part in np.split(here, range(size, len(here), size)):
                some, path = self._take_listed(part, request)
                taken.append(some)
                found.append(path)
                self._spend(some, path)
        return np.concatenate(taken), np.concatenate(found)

    def _take_listed(self, samples: Rows, request: int) -> tuple[Rows, Rows]:
        """List the paths of a request that still fit each sample, and draw one of them."""
        own = slice(self.start[request], self.start[request + 1])
        link_use, held = self.candidates.link_use[own], self.candidates.memory_use[own]
        free = self.free_qubits[samples, :-1]
        clash = (link_use @ (self.free_channels[samples, :-1] <= 0).T.astype(float)).T
        for qubits in (1, 2):
            asked = sp.csr_array(((held.data == qubits).astype(float), held.indices, held.indptr), held.shape)
            clash += (asked @ (free < qubits).T.astype(float)).T
        ladder = np.cumsum(np.where(clash > 0, 0.0, self.weight[own]), axis=1)
        some = ladder[:, -1] > 0
        samples, ladder = samples[some], ladder[some]
        level = (self.rng.random(len(samples)) * ladder[:, -1])[:, None]
        path = (ladder <= level).sum(axis=1)
        last = (ladder < ladder[:, -1:]).sum(axis=1)  # the last path that fits, should the level round up
        return samples, self.start[request] + np.minimum(path, last)

    def _spend(self, samples: Rows, path: Rows) -> None:
        """Take channels and qubits of one path a sample; each sample occurs once, so plain indexing adds."""
        for column in self.links[path].T:
            self.free_channels[samples, column] -= column >= 0
        for column, qubits in zip(self.nodes[path].T, self.qubits[path].T, strict=True):
            self.free_qubits[samples, column] -= qubits


def _weights(candidates: Candidates) -> Floats:
    """Return the probability of each path of a request: its lengths are equally likely."""
    hops = (candidates.links >= 0).sum(axis=1)
    width = candidates.links.shape[1] + 1
    kind = candidates.request * width + hops
    alike = np.bincount(kind, minlength=1)
    lengths = np.bincount(np.unique(kind) // width, minlength=1)
    weight: Floats = 1.0 / (alike[kind] * lengths[candidates.request])
    return weight


def _cumulative(weight: Floats, start: Rows) -> Floats:
    """Return the sums of weights up to each path within its request; the last of each is 1."""
    total = np.concatenate([[0.0], np.cumsum(weight)])
    before = np.repeat(total[start[:-1]], np.diff(start))
    sums: Floats = total[1:] - before
    sums[start[1:][np.diff(start) > 0] - 1] = 1.0
    return sums
