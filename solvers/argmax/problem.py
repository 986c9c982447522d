"""ArgmaxProblem: a Q-net over an action set, ready to be bounded, searched or stated as a MILP."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from milproute.formulations.action_sets import (
    ActionEncoding,
    encode_arcs,
    encode_layers,
    encode_paths,
    list_candidates,
)
from milproute.formulations.action_sets.layered_graph import LayeredGraph, layered_graph
from milproute.formulations.relu.bounds import interval_bounds
from milproute.formulations.relu.crown import LinearUpperBound, crown_bounds, linear_upper_bound
from milproute.formulations.relu.folded_net import FoldedNet, fold_state
from milproute.formulations.relu.linear_relaxation import relax_layers
from milproute.formulations.relu.scaling import Scaling
from milproute.formulations.relu.support_functions import Box, WalkSupport, action_box
from milproute.instances import OptionError, RoutedPath
from milproute.instances.action_set import ActionSet
from milproute.instances.qnets.blocks import action_positions
from milproute.instances.qnets.features import features, state_vector
from milproute.instances.qnets.net import check_fits
from milproute.solvers.argmax.path_columns import PathColumns, path_columns
from milproute.solvers.clock import Clock
from milproute.solvers.results import is_closed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from milproute.formulations import Route
    from milproute.formulations.action_sets import Candidates
    from milproute.formulations.relu.bounds import Bounds
    from milproute.formulations.relu.support_functions import SupportByElement
    from milproute.instances import Instance, QNet
    from milproute.instances.arrays import Rows
    from milproute.solvers.argmax.options import ArgmaxOptions
    from milproute.solvers.pipeline import Outcome


@dataclass(frozen=True)
class ArgmaxProblem:
    """A Q-net with the state of an instance folded in, to be maximised over an action set.

    Parameters
    ----------
    qnet, instance, options : the net, the problem that its blocks describe, how to state and solve it.
    rules : the action set.
    net : the net with the state folded in, in the units of ``scaling``.
    positions : places of the action features among the inputs of ``qnet``.
    box : bounds of the action features.
    columns : the listed paths; None where paths are not listed.
    scaling : units of the neurons of ``net`` and of Q; None for those of the Q-net itself.
    clock : time by phase.
    """

    qnet: QNet
    instance: Instance
    options: ArgmaxOptions
    rules: ActionSet
    net: FoldedNet
    positions: Rows
    box: Box
    columns: PathColumns | None = None
    scaling: Scaling | None = None
    clock: Clock = field(default_factory=Clock)

    @cached_property
    def graph(self) -> LayeredGraph:
        """The layered graph of the action set."""
        return layered_graph(self.rules)

    @property
    def unit(self) -> float:
        """Unit of Q: what 1 of ``net`` is worth."""
        return 1.0 if self.scaling is None else self.scaling.output

    def listed(self) -> PathColumns:
        """Return the listed paths.

        Raises
        ------
        OptionError : paths are not listed.
        """
        if self.columns is None:
            raise OptionError(f"actions {self.options.actions!r} lists no paths; allowed: columns")
        return self.columns

    def encode_actions(self, *, all_limits: bool = False) -> ActionEncoding:
        """Build the rows of the action set; ``all_limits`` as in `encode_paths`."""
        if self.columns is not None:
            encoding = encode_paths(self.columns.candidates, self.qnet.inputs, all_limits=all_limits)
        else:
            encode = {"arcs": encode_arcs, "layers": encode_layers}[self.options.actions]
            encoding = encode(self.rules, self.qnet.inputs)
        return replace(encoding, features=encoding.features[:, self.positions])

    def bounds(self) -> Bounds:
        """Bound all pre-activations as the options say."""
        if self.options.bounds in ("path", "obbt"):
            return self.path_bounds()
        found = interval_bounds(self.net, self.box)
        return found if self.options.bounds == "interval" else crown_bounds(self.net, self.box, found)

    def path_bounds(self) -> Bounds:
        """Bound all pre-activations over the action set by CROWN."""
        if self.columns is not None:
            net = self.net.after_first_layer()
            return self.tightened(interval_bounds(net, self.columns.support.box()))
        return self.tightened(crown_bounds(self.net, self.box, interval_bounds(self.net, self.box)))

    def tightened(self, bounds: Bounds) -> Bounds:
        """Substitute once more from layer to layer, down to the paths or walks of the action set."""
        if self.columns is not None:  # bounds of the first layer are exact
            return crown_bounds(self.net.after_first_layer(), self.columns.support, bounds, first=1)
        return crown_bounds(self.net.after_first_layer(), self.walk_support(), bounds)

    def walk_support(self, graph: LayeredGraph | None = None) -> WalkSupport:
        """Return the support function of the first-layer sums over walks; None for all of them."""
        graph = self.graph if graph is None else graph  # an empty graph has length 0
        arc_features, weight = graph.features(self.qnet.inputs)[:, self.positions], self.net.weights[0]
        return WalkSupport(graph, arc_features @ weight.T, abs(arc_features) @ np.abs(weight).T)

    def linear_upper_bound(self, support: SupportByElement, bounds: Bounds) -> LinearUpperBound:
        """Bound Q by a linear function of the elements (paths or arcs) of ``support``."""
        net = self.net.after_first_layer()
        return linear_upper_bound(net, support, relax_layers(net, bounds, len(net.hidden)))

    def over(self, columns: PathColumns | None) -> ArgmaxProblem:
        """Return the problem over some of its paths, or other listed ones."""
        return replace(self, columns=columns, box=self.box if columns is None else columns.box)

    def columns_of(self, candidates: Candidates) -> PathColumns:
        """Return candidate paths as columns of this net."""
        return path_columns(self.qnet, self.net, self.positions, candidates)

    def in_usual_units(self) -> ArgmaxProblem:
        """Return the problem in units in which cheap bounds of its neurons and of Q lie in [-1, 1]."""
        if self.columns is not None:
            return self.scaled(Scaling.of(self.path_bounds()))
        return self.scaled(Scaling.of(crown_bounds(self.net, self.box, interval_bounds(self.net, self.box))))

    def scaled(self, scaling: Scaling) -> ArgmaxProblem:
        """Return the problem with its net in other units."""
        columns = None if self.columns is None else self.columns.scaled(scaling)
        net = scaling.net(self.net) if columns is None else columns.net
        both = scaling if self.scaling is None else self.scaling.then(scaling)
        return replace(self, net=net, columns=columns, scaling=both)

    def in_true_units(self, outcome: Outcome) -> Outcome:
        """Return what was found for ``net`` as a claim about the Q-net itself."""
        if outcome.objective is None and outcome.bound is None:
            return outcome
        q, bound = (None if x is None else x * self.unit for x in (outcome.objective, outcome.bound))
        status = outcome.status
        if status == "optimal" and not is_closed(q, bound):
            status = "gap_limit"
        return replace(outcome, status=status, objective=q, bound=bound)

    def empty_q(self) -> float:
        """Return Q of the empty action, in the units of ``net``."""
        return float(self.net(np.zeros((1, self.net.weights[0].shape[1])))[0])

    def forward(self, routes: Sequence[Route]) -> float:
        """Return Q of an action by a plain forward pass of the whole net."""
        requests = self.instance.requests
        paths = [RoutedPath(request=requests[r.request].id, nodes=r.nodes, count=r.count) for r in routes]
        return float(self.qnet.forward(features(self.instance, self.qnet.inputs, paths)[None])[0])


def argmax_problem(
    qnet: QNet,
    instance: Instance,
    options: ArgmaxOptions,
    clock: Clock | None = None,
    *,
    list_paths: bool | None = None,
) -> ArgmaxProblem:
    """State the argmax of a Q-net over an action set.

    Parameters
    ----------
    list_paths : whether to list all paths; None to list them where ``options.actions`` is ``columns``.

    Raises
    ------
    QNetError, OptionError : the net does not fit the instance, or a number of the instance is too large.
    TooManyPathsError : more paths than ``options.max_columns``.
    """
    clock = clock or Clock()
    check_fits(qnet, instance)
    with clock.phase("paths"):
        rules = ActionSet(instance, max_hops=options.max_hops)
        rules.refuse_huge_copies()
        positions, net = action_positions(instance, qnet.inputs), folded(qnet, instance)
        if options.actions == "columns" if list_paths is None else list_paths:
            columns = path_columns(qnet, net, positions, list_candidates(rules, options.max_columns))
            box = columns.box
        else:
            columns, box = None, action_box(rules, qnet.inputs)
            box = Box(box.lower[positions], box.upper[positions])
        return ArgmaxProblem(qnet, instance, options, rules, net, positions, box, columns, clock=clock)


def folded(qnet: QNet, instance: Instance) -> FoldedNet:
    """Return a Q-net as a function of the action features, the state of an instance folded in."""
    state = state_vector(instance, qnet.inputs)
    return fold_state(qnet, state, action_positions(instance, qnet.inputs))
