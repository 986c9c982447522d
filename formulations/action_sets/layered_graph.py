"""Layered graph: for every request the arcs that may be the h-th step of a walk; no list of paths.

All paths of an action set are among its walks of at most H steps; a walk may meet a node twice. What is
additive along a path (features, prices) is bounded over all of them by a hop-limited Bellman-Ford.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

from milproute.instances.qnets.blocks import input_slices
from milproute.instances.qnets.features import feature_matrix

if TYPE_CHECKING:
    from collections.abc import Sequence

    from milproute.formulations.action_sets.candidate_paths import Candidates
    from milproute.instances.action_set import ActionSet
    from milproute.instances.arrays import Flags, Floats, Rows


@dataclass(frozen=True)
class LayeredGraph:
    """The walks of all requests: arcs sorted by request, head and tail, and the steps that each may be.

    A *state* is a node as one request sees it: row of the request times the number of nodes plus row of
    the node. No arc enters the source or leaves the target of its request.

    Parameters
    ----------
    rules : the action set.
    request, tail, head, link : rows of the request, nodes and link of each arc, shape (arcs,).
    admissible : whether an arc may be the step 1, 2, … H of a walk, shape (hops, arcs).
    """

    rules: ActionSet
    request: Rows
    tail: Rows
    head: Rows
    link: Rows
    admissible: Flags

    def __len__(self) -> int:
        return len(self.request)

    @property
    def hops(self) -> int:
        """Most steps of a walk."""
        return len(self.admissible)

    @cached_property
    def ends(self) -> tuple[Rows, Rows]:
        """States of source and target of each request, shape (requests,) each."""
        instance = self.rules.instance
        first = np.arange(len(instance.requests)) * len(instance.nodes)
        source = np.array([instance.node_row[r.source] for r in instance.requests], dtype=np.int64)
        target = np.array([instance.node_row[r.target] for r in instance.requests], dtype=np.int64)
        return first + source, first + target

    @cached_property
    def states(self) -> tuple[Rows, Rows]:
        """States in which each arc begins and ends."""
        first = self.request * len(self.rules.instance.nodes)
        return first + self.tail, first + self.head

    @cached_property
    def by_tail(self) -> tuple[Rows, Rows, Rows]:
        """Arcs in the order of their tails; the distinct tails; where each begins in that order."""
        order = np.argsort(self.states[0], kind="stable")
        tails, starts = np.unique(self.states[0][order], return_index=True)
        return order, tails, starts.astype(np.int64)

    @cached_property
    def memory_use(self) -> sp.csr_array:
        """Qubits that an arc adds: two where it swaps, one at the target, one at the source it leaves."""
        source, target = self.ends
        begin, end = self.states
        leaves = np.flatnonzero(begin == source[self.request])
        rows = np.concatenate([np.arange(len(self)), leaves])
        columns = np.concatenate([self.head, self.tail[leaves]])
        qubits = np.concatenate([np.where(end == target[self.request], 1.0, 2.0), np.ones(len(leaves))])
        shape = (len(self), len(self.rules.instance.nodes))
        return sp.csr_array(sp.coo_array((qubits, (rows, columns)), shape=shape))

    def features(self, inputs: Sequence[str]) -> sp.csr_array:
        """Return what each arc adds to each input of a Q-net, shape (arcs, inputs).

        The arc counts as a path of one link, with the swap at its head; only the one that leaves the
        source counts the request as served. These add up along a walk.
        """
        source, target = self.ends
        begin, end = self.states
        swap = np.where(end == target[self.request], -1, self.head)
        instance = self.rules.instance
        matrix = feature_matrix(instance, inputs, self.request, self.link[:, None], swap[:, None]).tocoo()
        served = input_slices(instance, inputs).get("request_served", slice(0, 0))
        later = begin != source[self.request]
        matrix.data[(matrix.col >= served.start) & (matrix.col < served.stop) & later[matrix.row]] = 0.0
        return sp.csr_array(matrix)

    def cost_to_go(self, values: Floats) -> list[Floats]:
        """Return for each step the best that the steps after it can add, shape (states, rows) each.

            to_go[H](v) = 0 at a target, else -inf
            to_go[h](v) = max(0 at a target, max over arcs (v, w) of value(v, w) + to_go[h + 1](w))

        Parameters
        ----------
        values : of each arc, shape (arcs, rows); all rows at once.
        """
        order, tails, starts = self.by_tail
        heads, sorted_values = self.states[1][order], values[order]
        shape = (len(self.rules.instance.requests) * len(self.rules.instance.nodes), values.shape[1])
        last = np.full(shape, -np.inf)
        last[self.ends[1]] = 0.0
        to_go = [last]
        for admissible in self.admissible[::-1, order]:
            here = last.copy()
            if len(tails):
                reached = np.where(admissible[:, None], sorted_values + to_go[-1][heads], -np.inf)
                best = np.maximum.reduceat(reached, starts, axis=0)
                here[tails] = np.maximum(here[tails], best)
            to_go.append(here)
        return to_go[::-1]

    def best(self, values: Floats) -> Floats:
        """Return the largest sum of ``values`` along a walk of each request, shape (requests, rows)."""
        found: Floats = self.cost_to_go(values)[0][self.ends[0]]
        return found

    def best_through(self, values: Floats) -> Floats:
        """Return the largest sum along a walk that takes each arc as each step, shape (hops, arcs).

        Parameters
        ----------
        values : of each arc, shape (arcs,).
        """
        begin, end = self.states
        to_go = self.cost_to_go(values[:, None])
        come = np.full(len(to_go[0]), -np.inf)
        come[self.ends[0]] = 0.0
        heads, starts = np.unique(end, return_index=True)
        found = np.full(self.admissible.shape, -np.inf)
        for h, admissible in enumerate(self.admissible):
            reached = np.where(admissible, come[begin] + values, -np.inf)
            found[h] = reached + to_go[h + 1][end, 0]
            come = np.full(len(come), -np.inf)
            if len(heads):
                come[heads] = np.maximum.reduceat(reached, starts)
        return found

    def contains(self, paths: Candidates) -> Flags:
        """Mark the paths all of whose steps are admissible, shape (paths,)."""
        size = len(self.rules.instance.nodes)
        keys = (self.request * size + self.head) * size + self.tail  # ascending, as arcs are sorted
        left = np.ones(len(paths), dtype=bool)
        for step in range(paths.links.shape[1]):
            on = np.flatnonzero(paths.links[:, step] >= 0)
            wanted = (paths.request[on] * size + paths.nodes[on, step + 1]) * size + paths.nodes[on, step]
            arc = np.searchsorted(keys, wanted)
            known = arc < len(keys)
            arc[~known] = 0
            if step < self.hops and len(keys):
                known &= (keys[arc] == wanted) & self.admissible[step, arc]
            else:
                known[:] = False
            left[on[~known]] = False
        return left

    def restricted_to(self, admissible: Flags) -> LayeredGraph:
        """Restrict to the given steps of arcs, shape (hops, arcs); drop arcs that are on no walk any more."""
        kept = replace(self, admissible=self.admissible & admissible)
        steps = kept.best_through(np.zeros(len(self))) > -np.inf
        arcs = np.flatnonzero(steps.any(axis=0))
        members = (self.request[arcs], self.tail[arcs], self.head[arcs], self.link[arcs])
        return LayeredGraph(self.rules, *members, steps[:, arcs])


def layered_graph(rules: ActionSet) -> LayeredGraph:
    """Return the layered graph of all requests over usable links, through nodes that can swap.

    A link that alone loses more fidelity than a request may is left out; budgets are not tracked further.
    """
    usable = np.flatnonzero(rules.usable)
    u, v = rules.instance.ends[usable].reshape(-1, 2).T
    tail, head, link = np.concatenate([u, v]), np.concatenate([v, u]), np.concatenate([usable, usable])
    parts = [np.zeros((4, 0), dtype=np.int64)]
    for row, request in enumerate(rules.instance.requests):
        source, target = (rules.instance.node_row[end] for end in (request.source, request.target))
        if rules.copies[row] < 1 or min(rules.memory[source], rules.memory[target]) < 1:
            continue
        keep = (head != source) & (tail != target)
        keep &= (tail == source) | rules.interior[tail]
        keep &= (head == target) | rules.interior[head]
        keep &= rules.fidelity_weights[link] <= rules.fidelity_budget(row)
        parts.append(np.stack([np.full(keep.sum(), row), tail[keep], head[keep], link[keep]]))
    request, tails, heads, links = np.concatenate(parts, axis=1)
    order = np.lexsort((tails, heads, request))
    every = np.ones((rules.max_hops, len(order)), dtype=bool)
    return LayeredGraph(rules, request[order], tails[order], heads[order], links[order], every).restricted_to(
        every
    )
