"""Support functions: the maximum of a linear function over an action set; requests share no capacity.

The support function of a set A is h(w) = max over a in A of w @ a. One interface serves four sets: a box
around the features, listed paths, walks in the layered graph, and sums of members of finite sets
(`product_set`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from milproute.instances.qnets.blocks import input_slices
from milproute.instances.tolerances import ROUND_OFF

if TYPE_CHECKING:
    from collections.abc import Sequence

    import scipy.sparse as sp

    from milproute.formulations.action_sets.candidate_paths import Candidates
    from milproute.formulations.action_sets.layered_graph import LayeredGraph
    from milproute.instances.action_set import ActionSet
    from milproute.instances.arrays import Floats, Rows


class SupportFunction(Protocol):
    """Bounds linear functions over an action set."""

    def max_linear(self, weights: Floats) -> Floats:
        """Return an upper bound of ``weights[i] @ a`` over all actions a, shape (rows,)."""

    def sum_abs_terms(self, weights: Floats) -> Floats:
        """Return a bound of the sum of all absolute terms, for the rounding error, shape (rows,)."""


class SupportByElement(SupportFunction, Protocol):
    """A support function whose set consists of elements, in groups, that add up."""

    def by_element(self, weights: Floats) -> tuple[Floats, Floats, float]:
        """Return the value of each element, the best of each group, and the maximum; ``weights`` is 1-d."""


@dataclass(frozen=True, slots=True)
class Box:
    """The box around an action set: each feature between its own bounds, shape (features,) each."""

    lower: Floats
    upper: Floats

    def max_linear(self, weights: Floats) -> Floats:
        """Maximise each feature apart."""
        found: Floats = np.maximum(weights, 0) @ self.upper + np.minimum(weights, 0) @ self.lower
        return found

    def sum_abs_terms(self, weights: Floats) -> Floats:
        """Sum |w| times the larger end of the box."""
        found: Floats = np.abs(weights) @ np.maximum(np.abs(self.lower), np.abs(self.upper))
        return found


@dataclass(frozen=True, slots=True)
class PathSupport:
    """Listed paths: sum over requests of copies * max(0, max over its paths p of w @ features[p]).

    Exact where requests do not share capacity: a request takes its best path, as often as it may.

    Parameters
    ----------
    features : of each path, shape (paths, features); any linear image of them does as well.
    abs_terms : largest sum of absolute terms behind each feature over the action set.
    starts : first path of each request that has any; paths are sorted by request.
    copies : of each of those requests.
    """

    features: Floats
    abs_terms: Floats
    starts: Rows
    copies: Rows

    def max_linear(self, weights: Floats) -> Floats:
        """Bound all rows of ``weights`` at once: one matrix product and one maximum a request."""
        return self._total(self._best(self.features @ weights.T))

    def sum_abs_terms(self, weights: Floats) -> Floats:
        """Bound the sum of absolute terms feature by feature."""
        found: Floats = np.abs(weights) @ self.abs_terms
        return found

    def by_element(self, weights: Floats) -> tuple[Floats, Floats, float]:
        """Return the values of the paths and the best of each request that has any, at least 0."""
        values = self.features @ weights
        best = self._best(values[:, None])
        return values, best[:, 0], float(self._total(best)[0])

    @property
    def group(self) -> Rows:
        """Number of the request of each path among those that have any, shape (paths,)."""
        sizes = np.diff([*self.starts.tolist(), len(self.features)])
        return np.repeat(np.arange(len(self.starts)), sizes)

    def box(self) -> Box:
        """Bound each feature: exact as `max_linear` is, without a product, rounded outwards."""
        slack = ROUND_OFF * (self.abs_terms + 1.0)
        low, high = (self._total(self._best(values)) for values in (-self.features, self.features))
        return Box(-low - slack, high + slack)

    def _best(self, values: Floats) -> Floats:
        if not len(self.starts):
            return np.zeros((0, values.shape[1]))
        best: Floats = np.maximum(np.maximum.reduceat(values, self.starts, axis=0), 0.0)
        return best

    def _total(self, best: Floats) -> Floats:
        total: Floats = self.copies.astype(float) @ best
        return total


def path_support(candidates: Candidates, features: Floats, abs_terms: Floats) -> PathSupport:
    """Return the support function of listed paths with ``features``, shape (paths, features)."""
    requests, starts = np.unique(candidates.request, return_index=True)
    return PathSupport(features, abs_terms, starts.astype(np.int64), candidates.rules.copies[requests])


@dataclass(frozen=True)
class WalkSupport:
    """Walks in the layered graph: sum over requests of copies * max(0, best walk), by Bellman-Ford.

    A walk may meet a node twice, so the bound is valid and not always the best; no path is listed.

    Parameters
    ----------
    graph : the walks of all requests.
    features, abs_features : features of each arc, or a linear image of them, and a bound of the absolute
        terms behind each; shape (arcs, features) each.
    """

    graph: LayeredGraph
    features: Floats
    abs_features: Floats

    def max_linear(self, weights: Floats) -> Floats:
        """Bound all rows of ``weights`` at once: the best walk of each request, as often as it may."""
        return self._total(self._best(self.features @ weights.T))

    @cached_property
    def abs_terms(self) -> Floats:
        """Largest sum of absolute terms behind each feature over the action set, shape (features,)."""
        return self._total(self._best(np.asarray(self.abs_features)))

    def sum_abs_terms(self, weights: Floats) -> Floats:
        """Bound the sum of absolute terms feature by feature."""
        found: Floats = np.abs(weights) @ self.abs_terms
        return found

    def by_element(self, weights: Floats) -> tuple[Floats, Floats, float]:
        """Return the values of the arcs and the best walk of each request, at least 0."""
        values: Floats = self.features @ weights
        best = self._best(values[:, None])
        return values, best[:, 0], float(self._total(best)[0])

    def _best(self, values: Floats) -> Floats:
        best: Floats = np.maximum(self.graph.best(values), 0.0)
        return best

    def _total(self, best: Floats) -> Floats:
        total: Floats = self.graph.rules.copies.astype(float) @ best
        return total


def max_abs_terms(candidates: Candidates, features: sp.csr_array | Floats) -> Floats:
    """Return for each feature the sum over requests of copies times its largest absolute value."""
    total = np.zeros(features.shape[1])
    for request in np.unique(candidates.request):
        largest: Any = abs(features[candidates.request == request]).max(axis=0)
        dense = largest.toarray() if hasattr(largest, "toarray") else largest
        total += candidates.rules.copies[request] * np.ravel(dense)
    return total


def path_box(candidates: Candidates, features: sp.csr_array) -> Box:
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
