"""CROWN: bounds of neurons and of Q by backward substitution to what a support function bounds.

A *support function* gives the maximum of a linear function over the action set. A neuron is a linear function
of the neurons below it; each of these is replaced by its linear relaxation, layer by layer, until a linear
function of the action features (or of the first-layer sums) is left, whose maximum is asked for. With a box
as the set this is CROWN (Zhang et al. 2018); with paths as the set the first layer is exact where requests
share no capacity.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from milproute.formulations.relu.linear_relaxation import relax_layer, relax_layers
from milproute.instances.tolerances import ROUND_OFF, SOLVER_NOISE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from milproute.formulations.relu.bounds import Bounds
    from milproute.formulations.relu.folded_net import FoldedNet
    from milproute.formulations.relu.linear_relaxation import ReluRelaxation
    from milproute.formulations.relu.support_functions import SupportByElement, SupportFunction
    from milproute.instances.arrays import Floats, Rows


@dataclass(frozen=True, slots=True)
class LinearForms:
    """Linear functions of what the net reads that bound ``rows`` linear functions of deeper neurons.

    Parameters
    ----------
    weights : of what the net reads, shape (rows, inputs).
    constant : shape (rows,).
    abs_terms : sums of absolute terms behind the constants, for the rounding error, shape (rows,).
    neuron_weights : weights of the neurons of each hidden layer on the way, shape (rows, neurons) each.
    """

    weights: Floats
    constant: Floats
    abs_terms: Floats
    neuron_weights: tuple[Floats, ...]


def backward_substitution(
    net: FoldedNet, relaxations: Sequence[ReluRelaxation], weights: Floats
) -> LinearForms:
    """Bound ``weights @ y`` of the neurons of the last relaxed layer from above, as a function of the inputs.

    A neuron with a positive weight is replaced by its upper linear function, one with a negative weight by
    its lower one.
    """
    constant, error = np.zeros(len(weights)), np.zeros(len(weights))
    on_the_way = [weights]
    for k in range(len(relaxations) - 1, -1, -1):
        relaxation = relaxations[k]
        up, down = np.maximum(weights, 0), np.minimum(weights, 0)
        constant += up @ relaxation.offset
        error += up @ relaxation.offset + np.abs(weights) @ relaxation.max_abs_terms
        weights = up * relaxation.slope + down * relaxation.lower_slope
        constant += weights @ net.biases[k]
        weights = weights @ net.weights[k]
        on_the_way.append(weights)
    return LinearForms(weights, constant, error, tuple(on_the_way[-2::-1]))


def crown_bounds(
    net: FoldedNet, support: SupportFunction, start: Bounds, first: int = 0, last: int | None = None
) -> Bounds:
    """Tighten ``start`` layer by layer, all neurons of a layer at once.

    Rounding errors are bounded by the absolute terms and absorbed outwards. Layers before ``first`` and
    after ``last`` stay.
    """
    bounds = start
    relaxations = relax_layers(net, bounds, first)
    for layer in range(first, len(net.weights) if last is None else last + 1):
        weight, bias = net.weights[layer], net.biases[layer]
        forms = backward_substitution(net, relaxations, np.vstack([weight, -weight]))
        error = ROUND_OFF * (support.sum_abs_terms(forms.weights) + forms.abs_terms)
        top = support.max_linear(forms.weights) + forms.constant + error
        high, low = top[: len(bias)] + bias, bias - top[len(bias) :]
        slack = ROUND_OFF * (np.abs(bias) + 1.0)
        bounds = bounds.intersect(bounds.with_layer(layer, low - slack, high + slack))
        relaxations.append(relax_layer(bounds.lower[layer], bounds.upper[layer], bias))
    return bounds


@dataclass(frozen=True, slots=True)
class LinearUpperBound:
    """A linear upper bound of Q over an action set whose elements add up: paths, arcs, members of sets.

        Q(action) <= total - sum over its elements of (best of the element's group - value of the element)

    Parameters
    ----------
    total : proven upper bound of Q over all actions.
    values : what each element adds, shape (elements,).
    best : the largest value of each group (request or set), at least that of its neutral element.
    neuron_weights : weights of the hidden neurons of each layer in the bound.
    """

    total: float
    values: Floats
    best: Floats
    neuron_weights: tuple[Floats, ...] = ()

    def with_element(self, group: Rows) -> Floats:
        """Bound Q over the actions that take each element, whose groups are ``group``; shape (elements,)."""
        bound: Floats = self.total - self.best[group] + self.values
        return bound

    def cutoffs(self, known: float) -> Floats:
        """Return the value an element of each group needs to be in an action with Q above ``known``."""
        cutoff: Floats = known - SOLVER_NOISE * max(1.0, abs(known)) - self.total + self.best
        return cutoff


def linear_upper_bound(
    net: FoldedNet, support: SupportByElement, relaxations: Sequence[ReluRelaxation]
) -> LinearUpperBound:
    """Bound Q by a linear function of the elements of an action set.

    Parameters
    ----------
    net, support : a net that reads what the support function bounds, such as first-layer sums.
    relaxations : of the neurons of every hidden layer.
    """
    forms = backward_substitution(net, relaxations, net.weights[-1])
    weights = forms.weights[0]
    values, best, total = support.by_element(weights)
    constant = float(forms.constant[0] + net.biases[-1][0])
    error = ROUND_OFF * float(forms.abs_terms[0] + support.sum_abs_terms(weights[None])[0])
    return LinearUpperBound(
        constant + total + error, values, best, tuple(own[0] for own in forms.neuron_weights)
    )
