"""PathColumns: listed paths, and what each adds to the first layer of a net."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from milproute.formulations import Route
from milproute.formulations.action_sets.capacities import SharedCapacities
from milproute.formulations.relu.support_functions import Box, max_abs_terms, path_box, path_support

if TYPE_CHECKING:
    from collections.abc import Sequence

    from milproute.formulations.action_sets import Candidates
    from milproute.formulations.relu.folded_net import FoldedNet
    from milproute.formulations.relu.scaling import Scaling
    from milproute.formulations.relu.support_functions import PathSupport
    from milproute.instances.action_set import ActionSet
    from milproute.instances.arrays import Floats, Rows
    from milproute.instances.qnets.net import QNet


@dataclass(frozen=True)
class PathColumns:
    """Listed paths as columns of the first layer of a net: Q of an action is a function of their sum.

    Parameters
    ----------
    net : the net with the state folded in.
    candidates : the paths, P of them.
    contributions : first-layer weights times the features of each path, shape (paths, neurons).
    abs_terms : largest sum of absolute terms behind each first-layer sum over the action set, shape
        (neurons,).
    box : bounds of the action features; the bounds of more paths are valid too.
    """

    net: FoldedNet
    candidates: Candidates
    contributions: Floats
    abs_terms: Floats
    box: Box

    def __len__(self) -> int:
        return len(self.candidates)

    @property
    def rules(self) -> ActionSet:
        """The action set."""
        return self.candidates.rules

    @cached_property
    def support(self) -> PathSupport:
        """Support function of the first-layer sums."""
        return path_support(self.candidates, self.contributions, self.abs_terms)

    @cached_property
    def capacities(self) -> SharedCapacities:
        """Channels and qubits that the paths share."""
        return SharedCapacities.of(self.candidates)

    def sums(self, chosen: Sequence[int] | Rows) -> Floats:
        """Return the first-layer sums of one action, whose paths are rows, with repeats; shape (neurons,)."""
        total: Floats = self.contributions[chosen].sum(axis=0)
        return total

    def q(self, chosen: Sequence[int] | Rows) -> float:
        """Return Q of one action, whose paths are rows, with repeats."""
        return float(self.net.q_of_sums(self.sums(chosen)[None])[0])

    def routes(self, chosen: Sequence[int]) -> list[Route]:
        """Return the paths of one action as routes with their counts."""
        request = self.candidates.request
        return [
            Route(int(request[p]), self.candidates.path(p), float(count))
            for p, count in sorted(Counter(chosen).items())
        ]

    def scaled(self, scaling: Scaling) -> PathColumns:
        """Return the same paths with the net in other units."""
        units = scaling.units[0]
        net, contributions = scaling.net(self.net), self.contributions / units
        return replace(self, net=net, contributions=contributions, abs_terms=self.abs_terms / units)

    def take(self, rows: Rows) -> PathColumns:
        """Return some of the paths, in the order of ``rows``."""
        return self.among(self.candidates.take(rows), rows)

    def among(
        self, candidates: Candidates, rows: Rows | slice = slice(None), net: FoldedNet | None = None
    ) -> PathColumns:
        """Return the columns of ``candidates``, which are the paths ``rows`` of these.

        Parameters
        ----------
        net : the same net with another state folded in; None for the net as it is.
        """
        contributions = self.contributions[rows]
        return PathColumns(net or self.net, candidates, contributions, self.abs_terms, self.box)


def path_columns(qnet: QNet, net: FoldedNet, positions: Rows, candidates: Candidates) -> PathColumns:
    """Send the action features of candidate paths through the first layer of a net.

    Parameters
    ----------
    qnet, net : the net, and the same with the state folded in.
    positions : places of the action features among the inputs of ``qnet``.
    """
    features, weight = candidates.features(qnet.inputs)[:, positions], net.weights[0]
    abs_terms = max_abs_terms(candidates, abs(features) @ np.abs(weight).T)
    contributions = np.asarray(features @ weight.T)
    return PathColumns(net, candidates, contributions, abs_terms, path_box(candidates, features))
