"""Master: the linear relaxation of an embedded net over few paths; its duals price all the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyomo.environ as pyo
import scipy.sparse as sp

from milproute.formulations import compile_model
from milproute.formulations.action_sets import ActionModel
from milproute.formulations.action_sets.k_best_paths import best_paths
from milproute.formulations.embedding import embed
from milproute.formulations.relu.bounds import Box
from milproute.instances.tolerances import ROUND_OFF
from milproute.solvers.argmax.colgen.arc_bounds import Ceiling
from milproute.solvers.argmax.strengthening.obbt import certified_bound, push_bounds

if TYPE_CHECKING:
    from milproute.formulations import CompiledModel
    from milproute.formulations.action_sets import Candidates
    from milproute.formulations.action_sets.k_best_paths import BestPaths
    from milproute.formulations.relu.bounds import Bounds
    from milproute.formulations.relu.folded_net import AffineNet
    from milproute.instances.action_set import ActionSet
    from milproute.instances.arrays import Floats
    from milproute.solvers.argmax.colgen.arc_bounds import WalkSums


# How dear it is to leave a first-layer sum without paths for it, in largest gains of Q by one unit of it.
PENALTY = 10.0


@dataclass(frozen=True, slots=True)
class Master:
    """The relaxation over some paths, shared rows included.

        max Q(sum)  s.t.  the ``tight`` relaxation of the net over its first-layer sums
        sum over paths p of first[p, j] choice[p] - sum_j + over_j - under_j = 0           sums
        sum of choice[p] over the paths p of request r <= copies[r]                        requests
        sum of choice[p] over the paths p on link e <= capacity[e]                         links
        sum of qubits(p, v) choice[p] <= memory[v]                                         nodes

    ``over`` and ``under`` cost `PENALTY`: with few paths a neuron's bounds could not be met otherwise. With
    P paths and N neurons in the first layer: P + 2 N columns beside those of the net.

    Parameters
    ----------
    rules : the action set.
    model : the compiled relaxation.
    first_row : of the sums; requests, links and nodes follow.
    neurons : first-layer sums.
    """

    rules: ActionSet
    model: CompiledModel
    first_row: int
    neurons: int

    def price(self, duals: Floats, sums: WalkSums, most: int) -> tuple[BestPaths, Ceiling]:
        """Return paths that would raise the relaxation, and the ceiling of Q that the duals prove.

        A path is worth what it adds to the sums at their prices, less the prices of its links and qubits.
        The dual of each request is raised to what its best path is worth at most; then no path at all has
        a reduced cost above 0, and `certified_bound` holds for all of them, listed or not.

        Parameters
        ----------
        duals : of all rows, as exact or not as the solver left them.
        most : paths kept while growing, see `best_paths`.
        """
        instance, walks = self.rules.instance, sums.walks
        ends = np.cumsum([self.neurons, len(instance.requests), len(instance.links)])
        lifted = np.where(np.isfinite(duals), duals, 0.0)
        own = lifted[self.first_row :]
        own[self.neurons :] = np.maximum(own[self.neurons :], 0.0)
        prices, rent, links, nodes = np.split(own, ends)
        values = -sums.first @ prices - links[walks.link] - walks.memory_use @ nodes
        terms = sums.terms @ np.abs(prices) + links[walks.link] + walks.memory_use @ nodes
        error = ROUND_OFF * (1.0 + np.maximum(walks.best(terms[:, None])[:, 0], 0.0))
        found = best_paths(walks, values, rent + error, most)
        best = np.maximum(found.largest, 0.0) + error
        own[ends[0] : ends[1]] = best
        return found, Ceiling(certified_bound(self.model, lifted), values, best)


def net_relaxation(net: AffineNet, bounds: Bounds) -> CompiledModel:
    """Compile the ``tight`` relaxation of a net over its first-layer sums, each free in its bounds."""
    lower, upper = bounds.lower[0] - net.biases[0], bounds.upper[0] - net.biases[0]
    m = pyo.ConcreteModel(name="net")
    count = len(lower)
    m.sum = pyo.Var(range(count), bounds=lambda _, j: (float(lower[j]), float(upper[j])))
    action = ActionModel(m, list(m.sum.values()), sp.csc_array(sp.eye_array(count)), lambda *_: [])
    embed(action, net.of_first_sums(), "tight", bounds, Box(lower, upper))
    return push_bounds(compile_model(m), bounds, bounds).relaxed()


def master(net: AffineNet, relaxation: CompiledModel, paths: Candidates, first: Floats) -> Master:
    """Put paths, with their first-layer sums (paths, neurons), on top of a `net_relaxation`."""
    rules, (rows, columns) = paths.rules, relaxation.matrix.shape
    neurons, count = first.shape[1], len(paths)
    place = relaxation.columns["sum"]
    tie = sp.coo_array((-np.ones(neurons), (np.arange(neurons), place)), shape=(neurons, columns))
    own = sp.coo_array((np.ones(count), (paths.request, np.arange(count))), shape=(len(rules.copies), count))
    unit = sp.eye_array(neurons)
    matrix = sp.block_array(
        [
            [relaxation.matrix, None, None, None],
            [tie, sp.csr_array(first.T), unit, -unit],
            [None, own, None, None],
            [None, paths.link_use.T, None, None],
            [None, paths.memory_use.T, None, None],
        ],
        format="csc",
    )
    limits = np.concatenate([rules.copies, rules.capacity, rules.memory]).astype(float)
    reach = np.maximum(np.abs(relaxation.lower[place]), np.abs(relaxation.upper[place]))
    dear = np.tile(-PENALTY * _slopes(net) - 1.0, 2)
    model = relaxation.with_changes(
        name="master",
        matrix=sp.csc_array(matrix),
        cost=np.concatenate([relaxation.cost, np.zeros(count), dear]),
        row_lower=np.concatenate([relaxation.row_lower, np.zeros(neurons), np.full(len(limits), -np.inf)]),
        row_upper=np.concatenate([relaxation.row_upper, np.zeros(neurons), limits]),
        lower=np.concatenate([relaxation.lower, np.zeros(count + 2 * neurons)]),
        upper=np.concatenate([relaxation.upper, rules.copies[paths.request], np.tile(reach, 2)]),
        integer=np.zeros(columns + count + 2 * neurons, dtype=bool),
        columns=dict(relaxation.columns) | {"choice": np.arange(columns, columns + count)},
    )
    return Master(rules, model, rows, neurons)


def _slopes(net: AffineNet) -> Floats:
    """Bound how much Q can gain by one unit of each first-layer sum."""
    slopes = np.ones(1)
    for weight in net.weights[:0:-1]:
        slopes = slopes @ np.abs(weight)
    return slopes
