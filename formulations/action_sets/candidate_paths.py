"""Candidates: every path that a request may take in an action set, listed at once in numpy."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

from milproute.instances import OptionError
from milproute.instances.qnets.features import feature_matrix

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from milproute.instances.action_set import ActionSet
    from milproute.instances.arrays import Floats, Rows


MAX_COLUMNS = 200_000
PARTIAL = 1_000_000  # most unfinished paths kept at once, or ten times the columns where these are more


class TooManyPathsError(OptionError):
    """More candidate paths than asked for; the message names the alternatives."""


@dataclass(frozen=True)
class Candidates:
    """Candidate paths in a fixed order: by request, then number of links, then node rows.

    Parameters
    ----------
    rules : the action set.
    request : row of the request of each path, shape (paths,).
    nodes, links : rows of nodes and links along each path, padded with -1.
    """

    rules: ActionSet
    request: Rows
    nodes: Rows
    links: Rows

    def __len__(self) -> int:
        return len(self.request)

    @cached_property
    def link_use(self) -> sp.csr_array:
        """Which links a path uses, shape (paths, links)."""
        return _incidence(self.links, np.ones(self.links.shape), len(self.rules.instance.links))

    @cached_property
    def memory_use(self) -> sp.csr_array:
        """Qubits a path holds at each node, 1 at its ends and 2 between, shape (paths, nodes)."""
        qubits = np.full(self.nodes.shape, 2.0)
        qubits[:, 0] = 1.0
        last = (self.nodes >= 0).sum(axis=1) - 1
        qubits[np.arange(len(self)), last] = 1.0
        return _incidence(self.nodes, qubits, len(self.rules.instance.nodes))

    @cached_property
    def interiors(self) -> Rows:
        """Nodes between the ends of each path, padded with -1, shape (paths, any)."""
        inner = self.nodes.copy()
        inner[:, 0] = -1
        inner[np.arange(len(self)), (self.nodes >= 0).sum(axis=1) - 1] = -1
        return inner

    @cached_property
    def links_used(self) -> Rows:
        """Rows of the links that some path uses."""
        return np.unique(self.links[self.links >= 0])

    @cached_property
    def nodes_used(self) -> Rows:
        """Rows of the nodes that some path passes or ends at."""
        return np.unique(self.nodes[self.nodes >= 0])

    def features(self, inputs: Sequence[str]) -> sp.csr_array:
        """Return what each path adds to each input of a Q-net, shape (paths, inputs)."""
        return feature_matrix(self.rules.instance, inputs, self.request, self.links, self.interiors)

    def within(self, rules: ActionSet) -> tuple[Candidates, Rows]:
        """Return the candidates that another action set on the same network allows, and their rows here."""
        dead_links = np.append(~rules.usable, False)  # the padding -1 is never dead
        dead_inner = np.append(~rules.interior, False)
        idle = np.append(rules.memory < 1, False)
        if not (
            dead_links[self.links_used].any()
            or dead_inner[self.nodes_used].any()
            or idle[self.nodes_used].any()
        ):
            return Candidates(rules, self.request, self.nodes, self.links), np.arange(len(self))
        ends = self.nodes.copy()
        ends[self.interiors >= 0] = -1
        dead = dead_links[self.links].any(axis=1) | dead_inner[self.interiors].any(axis=1)
        rows = np.flatnonzero(~dead & ~idle[ends].any(axis=1))
        return Candidates(rules, self.request[rows], self.nodes[rows], self.links[rows]), rows

    def path(self, row: int) -> tuple[str, ...]:
        """Return the node ids of a path."""
        instance = self.rules.instance
        return tuple(instance.nodes[v].id for v in self.nodes[row] if v >= 0)


def _incidence(members: Rows, values: Floats, width: int) -> sp.csr_array:
    present = members >= 0
    rows = np.broadcast_to(np.arange(len(members))[:, None], members.shape)
    entries = (values[present], (rows[present], members[present]))
    return sp.csr_array(sp.coo_array(entries, shape=(len(members), width)))


def list_candidates(rules: ActionSet, max_columns: int = MAX_COLUMNS) -> Candidates:
    """List all simple paths of every request within hops, usable links, memory and fidelity.

    Paths grow by one link at a time, all of a request together; a path that cannot reach its target in
    the links that are left, or has lost too much fidelity, is dropped at once.

    Raises
    ------
    TooManyPathsError : there are more than ``max_columns``, or too many unfinished ones on the way.
    """
    found: list[tuple[int, Rows, Rows]] = []
    total = 0
    graph = _Adjacency(rules)
    for row in range(len(rules.instance.requests)):
        for nodes, links in graph.paths(row, max_columns):
            total += len(nodes)
            if total > max_columns:
                raise TooManyPathsError(
                    f"{rules.instance.name} has more than {max_columns} candidate paths within "
                    f"{rules.max_hops} hops (up to request {rules.instance.requests[row].id!r}); allowed: "
                    "at most --max-columns. Lower --max-hops, raise --max-columns, or use --engine price or "
                    "--actions layers."
                )
            found.append((row, nodes, links))
    width = max((links.shape[1] for _, _, links in found), default=1)
    return Candidates(
        rules,
        np.concatenate([np.full(len(nodes), row) for row, nodes, _ in found] or [np.zeros(0, np.int64)]),
        np.concatenate([_padded(nodes, width + 1) for _, nodes, _ in found] or [np.zeros((0, 2), np.int64)]),
        np.concatenate([_padded(links, width) for _, _, links in found] or [np.zeros((0, 1), np.int64)]),
    )


def _padded(rows: Rows, width: int) -> Rows:
    return np.pad(rows, ((0, 0), (0, width - rows.shape[1])), constant_values=-1)


class _Adjacency:
    """Usable links as arrays, neighbours of each node in the order of their rows."""

    def __init__(self, rules: ActionSet) -> None:
        self.rules = rules
        self.size = len(rules.instance.nodes)
        usable = np.flatnonzero(rules.usable)
        ends = rules.instance.ends[usable]
        tail, head = np.concatenate([ends[:, 0], ends[:, 1]]), np.concatenate([ends[:, 1], ends[:, 0]])
        order = np.lexsort((head, tail))
        self.head, self.link = head[order], np.concatenate([usable, usable])[order]
        self.start = np.searchsorted(tail[order], np.arange(self.size + 1))
        self.tail = tail[order]

    def paths(self, request: int, most: int) -> Iterator[tuple[Rows, Rows]]:
        """Yield (nodes, links) of the paths of a request for each number of links."""
        instance, rules = self.rules.instance, self.rules
        ends = instance.requests[request]
        source, target = instance.node_row[ends.source], instance.node_row[ends.target]
        if rules.copies[request] < 1 or min(rules.memory[source], rules.memory[target]) < 1:
            return
        left = self._hops_to(target)
        weights, budget = rules.fidelity_weights, rules.fidelity_budget(request)
        nodes, links = np.array([[source]]), np.zeros((1, 0), dtype=np.int64)
        lost = np.zeros(1)
        for hop in range(1, rules.max_hops + 1):
            degree = self.start[nodes[:, -1] + 1] - self.start[nodes[:, -1]]
            parent = np.repeat(np.arange(len(nodes)), degree)
            step = np.arange(degree.sum()) - np.repeat(np.cumsum(degree) - degree, degree)
            arc = self.start[nodes[parent, -1]] + step
            head = self.head[arc]
            keep = left[head] <= rules.max_hops - hop
            keep &= (head == target) | rules.interior[head]
            keep &= lost[parent] + weights[self.link[arc]] <= budget
            parent, arc, head = parent[keep], arc[keep], head[keep]
            fresh = (nodes[parent] != head[:, None]).all(axis=1)
            parent, arc, head = parent[fresh], arc[fresh], head[fresh]
            if len(parent) > max(PARTIAL, 10 * most):
                raise TooManyPathsError(
                    f"{instance.name} has {len(parent)} unfinished paths of {hop} links for request "
                    f"{ends.id!r}: too many to list. Lower --max-hops (now {rules.max_hops}), or use "
                    "--engine price or --actions layers."
                )
            nodes = np.column_stack([nodes[parent], head])
            links = np.column_stack([links[parent], self.link[arc]])
            lost = lost[parent] + weights[self.link[arc]]
            there = head == target
            if there.any():
                yield nodes[there], links[there]
            nodes, links, lost = nodes[~there], links[~there], lost[~there]
            if not len(nodes):
                return

    def _hops_to(self, target: int) -> Rows:
        """Return the fewest links from every node to ``target`` through nodes that may be interior."""
        far = self.size + self.rules.max_hops + 1
        hops = np.full(self.size, far)
        hops[target] = 0
        passing = self.rules.interior.copy()
        passing[target] = True
        for _ in range(self.size):
            reach = np.where(passing[self.head], hops[self.head] + 1, far)
            nearer = hops.copy()
            np.minimum.at(nearer, self.tail, reach)
            if (nearer == hops).all():
                return hops
            hops = nearer
        return hops
