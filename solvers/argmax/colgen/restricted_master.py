"""Restricted master: the linear relaxation of an embedded net over few paths, whose duals price others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyomo.environ as pyo
import scipy.sparse as sp

from milproute.formulations import compile_model
from milproute.formulations.action_sets import ActionEncoding
from milproute.formulations.action_sets.k_best_paths import best_paths
from milproute.formulations.embedding import embed
from milproute.formulations.relu.crown import LinearUpperBound
from milproute.formulations.relu.neuron_layout import NeuronLayout
from milproute.formulations.relu.support_functions import Box
from milproute.instances.tolerances import ROUND_OFF
from milproute.solvers.argmax.strengthening.certificate import certified_bound

if TYPE_CHECKING:
    from milproute.formulations import CompiledModel
    from milproute.formulations.action_sets.k_best_paths import BestPaths
    from milproute.formulations.relu.bounds import Bounds
    from milproute.formulations.relu.folded_net import FoldedNet
    from milproute.formulations.relu.support_functions import WalkSupport
    from milproute.instances.action_set import ActionSet
    from milproute.instances.arrays import Floats
    from milproute.solvers.argmax.path_columns import PathColumns


# Cost of the artificial variables, in multiples of the Lipschitz bound of Q in each first-layer sum.
PENALTY = 10.0


@dataclass(frozen=True, slots=True)
class NetRelaxation:
    """The ``tight`` relaxation of a net over its first-layer sums, each free within its bounds."""

    model: CompiledModel
    neurons: NeuronLayout


@dataclass(frozen=True, slots=True)
class RestrictedMaster:
    """The relaxation over some paths, shared rows included.

        max Q(sum)  s.t.  the ``tight`` relaxation of the net over its first-layer sums
        sum over paths p of contribution[p, j] choice[p] - sum_j + over_j - under_j = 0    sums
        sum of choice[p] over the paths p of request r <= copies[r]                        requests
        sum of choice[p] over the paths p on link e <= capacity[e]                         links
        sum of qubits(p, v) choice[p] <= memory[v]                                         nodes

    ``over`` and ``under`` are artificial variables that cost `PENALTY`: with few paths the bounds of a neuron
    could not be met otherwise. With P paths and N neurons in the first layer: P + 2 N columns beside those of
    the net.

    Parameters
    ----------
    rules : the action set.
    model : the compiled relaxation.
    neurons : places of the neurons in it.
    first_row : first row of the sums; requests, links and nodes follow.
    sums : number of first-layer sums.
    """

    rules: ActionSet
    model: CompiledModel
    neurons: NeuronLayout
    first_row: int
    sums: int

    def price(self, duals: Floats, support: WalkSupport, most: int) -> tuple[BestPaths, LinearUpperBound]:
        """Return paths that would raise the relaxation, and the linear upper bound of Q that the duals prove.

        A path is worth what it adds to the sums at their duals, less the duals of its links and qubits.
        The dual of each request is raised to what its best path is worth at most; then no path at all has
        a reduced cost above 0, and `certified_bound` holds for all of them, listed or not.

        Parameters
        ----------
        duals : duals of all rows, as exact or not as the solver left them.
        support : support function of the walks that are priced.
        most : number of paths kept while growing, see `best_paths`.
        """
        instance, graph = self.rules.instance, support.graph
        ends = np.cumsum([self.sums, len(instance.requests), len(instance.links)])
        lifted = np.where(np.isfinite(duals), duals, 0.0)
        own = lifted[self.first_row :]
        own[self.sums :] = np.maximum(own[self.sums :], 0.0)
        of_sums, of_requests, of_links, of_nodes = np.split(own, ends)
        shared = of_links[graph.link] + graph.memory_use @ of_nodes
        values = -support.features @ of_sums - shared
        terms = support.abs_features @ np.abs(of_sums) + shared
        error = ROUND_OFF * (1.0 + np.maximum(graph.best(terms[:, None])[:, 0], 0.0))
        found = best_paths(graph, values, of_requests + error, most)
        best = np.maximum(found.largest, 0.0) + error
        own[ends[0] : ends[1]] = best
        return found, LinearUpperBound(certified_bound(self.model, lifted), values, best)


def net_relaxation(net: FoldedNet, bounds: Bounds) -> NetRelaxation:
    """Compile the ``tight`` relaxation of a net over its first-layer sums."""
    lower, upper = bounds.lower[0] - net.biases[0], bounds.upper[0] - net.biases[0]
    m = pyo.ConcreteModel(name="net")
    count = len(lower)
    m.sum = pyo.Var(range(count), bounds=lambda _, j: (float(lower[j]), float(upper[j])))
    action = ActionEncoding(m, list(m.sum.values()), sp.csc_array(sp.eye_array(count)), lambda *_: [])
    embed(action, net.after_first_layer(), "tight", bounds, Box(lower, upper))
    model = compile_model(m)
    layout = NeuronLayout.of(model, bounds)
    return NetRelaxation(layout.with_loose_q_bounds(model, bounds).relaxed(), layout)


def restricted_master(relaxed: NetRelaxation, columns: PathColumns) -> RestrictedMaster:
    """Put paths, with their first-layer sums, on top of a `net_relaxation`."""
    relaxation, first, net = relaxed.model, columns.contributions, columns.net
    paths = columns.candidates
    rules, (rows, width) = paths.rules, relaxation.matrix.shape
    neurons, count = first.shape[1], len(paths)
    place = relaxation.columns["sum"]
    tie = sp.coo_array((-np.ones(neurons), (np.arange(neurons), place)), shape=(neurons, width))
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
    largest = np.maximum(np.abs(relaxation.lower[place]), np.abs(relaxation.upper[place]))
    penalty = np.tile(-PENALTY * _slopes(net) - 1.0, 2)
    model = relaxation.with_changes(
        name="restricted master",
        matrix=sp.csc_array(matrix),
        cost=np.concatenate([relaxation.cost, np.zeros(count), penalty]),
        row_lower=np.concatenate([relaxation.row_lower, np.zeros(neurons), np.full(len(limits), -np.inf)]),
        row_upper=np.concatenate([relaxation.row_upper, np.zeros(neurons), limits]),
        lower=np.concatenate([relaxation.lower, np.zeros(count + 2 * neurons)]),
        upper=np.concatenate([relaxation.upper, rules.copies[paths.request], np.tile(largest, 2)]),
        integer=np.zeros(width + count + 2 * neurons, dtype=bool),
        columns=dict(relaxation.columns) | {"choice": np.arange(width, width + count)},
    )
    return RestrictedMaster(rules, model, relaxed.neurons, rows, neurons)


def _slopes(net: FoldedNet) -> Floats:
    """Return a Lipschitz bound of Q in each first-layer sum."""
    slopes = np.ones(1)
    for weight in net.weights[:0:-1]:
        slopes = slopes @ np.abs(weight)
    return slopes
