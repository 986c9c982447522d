"""Oracles: the largest value of linear functions over an action set, capacities between requests relaxed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from milproute.formulations.relu.bounds import Box
from milproute.instances.qnets.blocks import input_slices
from milproute.instances.tolerances import ROUND_OFF

if TYPE_CHECKING:
    from collections.abc import Sequence

    import scipy.sparse as sp

    from milproute.formulations.action_sets import ActionModel, Candidates
    from milproute.instances.action_set import ActionSet
    from milproute.instances.arrays import Floats, Rows


@dataclass(frozen=True, slots=True)
class ColumnOracle:
    """Over listed paths: sum over requests of copies * max(0, max over its paths p of w @ features[p]).

    Exact where requests do not share capacity: a request takes its best path, as often as it may.

    Parameters
    ----------
    features : of each path, shape (paths, features); any linear image of them does as well.
    peak : largest sum of absolute terms behind each feature over the action set, for the rounding error.
    starts : first path of each request that has any; paths are sorted by request.
    copies : of each of those requests.
    """

    features: sp.csr_array | Floats
    peak: Floats
    starts: Rows
    copies: Rows

    def largest(self, weights: Floats) -> Floats:
        """Bound all rows of ``weights`` at once: one matrix product and one maximum a request."""
        return self._best(self.features @ weights.T)

    def magnitude(self, weights: Floats) -> Floats:
        """Bound the sum of absolute terms feature by feature."""
        found: Floats = np.abs(weights) @ self.peak
        return found

    def box(self) -> Box:
        """Bound each feature: exact as `largest` is, without a product, rounded outwards."""
        slack = ROUND_OFF * (self.peak + 1.0)
        values: Any = self.features
        return Box(-self._best(-values) - slack, self._best(values) + slack)

    def _best(self, values: Floats) -> Floats:
        if not len(self.starts):
            return np.zeros(values.shape[1])
        best = np.maximum(np.maximum.reduceat(values, self.starts, axis=0), 0.0)
        total: Floats = self.copies.astype(float) @ best
        return total


def column_oracle(
    candidates: Candidates, features: sp.csr_array | Floats, peak: Floats | None = None
) -> ColumnOracle:
    """Return the oracle over listed paths with ``features``; ``peak`` is that of |features| by default."""
    requests, starts = np.unique(candidates.request, return_index=True)
    if peak is None:
        peak = column_peak(candidates, features)
    return ColumnOracle(features, peak, starts.astype(np.int64), candidates.rules.copies[requests])


def column_peak(candidates: Candidates, features: sp.csr_array | Floats) -> Floats:
    """Return for each feature the sum over requests of copies times its largest absolute value."""
    total = np.zeros(features.shape[1])
    for request in np.unique(candidates.request):
        largest: Any = abs(features[candidates.request == request]).max(axis=0)
        dense = largest.toarray() if hasattr(largest, "toarray") else largest
        total += candidates.rules.copies[request] * np.ravel(dense)
    return total


@dataclass(frozen=True, slots=True)
class HopOracle:
    """Over walks of at most H links: Bellman-Ford for all rows at once; needs no list of paths.

    A walk may use a link twice, so the bound is valid and not always the best.

    Parameters
    ----------
    requests : for each request that can have a path: (arcs sorted by head, source, target, copies).
    features : of each arc of all requests together, shape (arcs, features).
    nodes, hops : number of nodes, largest number of links.
    """

    requests: tuple[_Arcs, ...]
    features: sp.csr_array
    nodes: int
    hops: int

    def largest(self, weights: Floats) -> Floats:
        """Bound all rows of ``weights``: H steps over the arcs of each request."""
        values = self.features @ weights.T
        return self._total(values, len(weights))

    def magnitude(self, weights: Floats) -> Floats:
        """Sum absolute terms of the walk with the most of them."""
        return self._total(abs(self.features) @ np.abs(weights).T, len(weights))

    def _total(self, values: Floats, rows: int) -> Floats:
        total = np.zeros(rows)
        for own in self.requests:
            arcs = values[own.first : own.first + len(own.tail)]
            reached = np.full((self.nodes, rows), -np.inf)
            reached[own.source] = 0.0
            best = np.zeros(rows)
            for _ in range(self.hops):
                step = np.maximum.reduceat(reached[own.tail] + arcs, own.starts, axis=0)
                reached = np.full((self.nodes, rows), -np.inf)
                reached[own.heads] = step
                best = np.maximum(best, reached[own.target])
            total = total + own.copies * best
        return total


@dataclass(frozen=True, slots=True)
class _Arcs:
    """Arcs of one request, sorted by head: tails, distinct heads and where each begins."""

    first: int
    tail: Rows
    heads: Rows
    starts: Rows
    source: int
    target: int
    copies: int


def hop_oracle(rules: ActionSet, model: ActionModel) -> HopOracle:
    """Return the oracle over walks for an arc or layer model, from the features of its arcs."""
    wanted: dict[tuple[int, int, int], int] = {}
    for i, (request, copy, u, v) in enumerate(model.arcs):
        if copy == 0:
            wanted.setdefault((request, v, u), i)
    keys = sorted(wanted)
    features = model.features.tocsr()[[wanted[key] for key in keys]]
    table = np.array(keys, dtype=np.int64).reshape(-1, 3)
    own = []
    for request in np.unique(table[:, 0]):
        here = np.flatnonzero(table[:, 0] == request)
        heads, starts = np.unique(table[here, 1], return_index=True)
        ends = rules.instance.requests[int(request)]
        row = rules.instance.node_row
        if row[ends.target] not in heads:
            continue
        own.append(
            _Arcs(
                int(here[0]),
                table[here, 2],
                heads,
                starts.astype(np.int64),
                row[ends.source],
                row[ends.target],
                int(rules.copies[request]),
            )
        )
    return HopOracle(tuple(own), features, len(rules.instance.nodes), rules.max_hops)


def column_box(candidates: Candidates, features: sp.csr_array) -> Box:
    """Return bounds of each feature over listed paths: what interval bounds start from."""
    lower, upper = np.zeros((2, features.shape[1]))
    for request in np.unique(candidates.request):
        own = features[candidates.request == request]
        copies = candidates.rules.copies[request]
        upper += copies * np.maximum(own.max(axis=0).toarray().ravel(), 0)
        lower += copies * np.minimum(own.min(axis=0).toarray().ravel(), 0)
    return Box(lower, upper)


def action_box(rules: ActionSet, inputs: Sequence[str]) -> Box:
    """Return bounds of each input from hop limit, copies and capacities alone: no path is listed."""
    instance, copies, hops = rules.instance, rules.copies.astype(float), rules.max_hops
    places = input_slices(instance, inputs)
    lower, upper = np.zeros((2, max((place.stop for place in places.values()), default=0)))
    chances = instance.probabilities[rules.usable]
    swaps = np.array([node.swap_probability for node in instance.nodes])[rules.interior]
    worst = np.log(chances.min(initial=1.0)) + np.log(swaps.min(initial=1.0))
    for block, place in places.items():
        if block == "link_load":
            upper[place] = np.where(rules.usable, np.minimum(rules.capacity, copies.sum()), 0.0)
        elif block == "request_served":
            upper[place] = copies
        elif block == "request_hops":
            upper[place] = copies * hops
        elif block == "request_log_success":
            lower[place] = copies * hops * worst
    return Box(lower, upper)
