"""Candidate paths: listed paths of the requests of an action set, and what each uses, in numpy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

from milproute.instances import OptionError
from milproute.instances.qnets.features import feature_matrix

if TYPE_CHECKING:
    from collections.abc import Sequence

    from milproute.instances.action_set import ActionSet
    from milproute.instances.arrays import Floats, Rows


MAX_COLUMNS = 200_000


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

    def take(self, rows: Rows | list[int]) -> Candidates:
        """Return some of the paths, in the order of ``rows``."""
        return Candidates(self.rules, self.request[rows], self.nodes[rows], self.links[rows])

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
        return replace(self.take(rows), rules=rules), rows

    def path(self, row: int) -> tuple[str, ...]:
        """Return the node ids of a path."""
        instance = self.rules.instance
        return tuple(instance.nodes[v].id for v in self.nodes[row] if v >= 0)


def _incidence(members: Rows, values: Floats, width: int) -> sp.csr_array:
    present = members >= 0
    rows = np.broadcast_to(np.arange(len(members))[:, None], members.shape)
    entries = (values[present], (rows[present], members[present]))
    return sp.csr_array(sp.coo_array(entries, shape=(len(members), width)))
