"""Embedding: a Q-net over an action set as one Pyomo model, maximised."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyomo.environ as pyo

from milproute.formulations.relu.net_block import attach_net
from milproute.formulations.relu.scaling import unit_of

if TYPE_CHECKING:
    from milproute.formulations.action_sets import ActionEncoding
    from milproute.formulations.relu.bounds import Bounds
    from milproute.formulations.relu.folded_net import FoldedNet
    from milproute.formulations.relu.support_functions import Box
    from milproute.instances.arrays import Floats, Integers


LARGEST_INPUT = 1024.0
FEATURE_ROWS = "feature"  # component of the rows that define the inputs of the net


@dataclass(frozen=True, slots=True)
class Embedding:
    """A Q-net embedded over an action set.

    Parameters
    ----------
    model : maximise Q over the joint actions.
    action : the action set in it.
    live : positions of the action features that some action can move; the net's inputs in the model.
    """

    model: pyo.ConcreteModel
    action: ActionEncoding
    live: Integers


def embed(action: ActionEncoding, net: FoldedNet, relu: str, bounds: Bounds, box: Box) -> Embedding:
    """Attach a net to an action set and maximise it.

        max Q(y_0)  s.t.  y_0 = features of a joint action;  y_l = max(0, W_l y_{l-1} + b_l) as ``relu`` says

    Parameters
    ----------
    action : rows of the action set; the net is added to its model.
    net : state folded in, inputs as the action features of ``action``.
    relu : one of `RELU_NAMES`.
    bounds : of all pre-activations of ``net`` over the action set.
    box : of the action features.

    A feature that can exceed 1,024 enters the net in units of a power of two, because solvers drop the tiny
    weights that it would need.
    """
    live = np.flatnonzero(np.diff(action.features.indptr))
    m = action.model
    moved = type(net)((net.weights[0][:, live], *net.weights[1:]), net.biases)
    inputs = type(box)(box.lower[live], box.upper[live])
    if not len(live):  # Q is a constant, but OMLT wants an input: one that is 0 and goes nowhere
        nowhere = np.zeros((len(net.weights[0]), 1))
        moved = type(net)((nowhere, *net.weights[1:]), net.biases)
        inputs = type(box)(np.zeros(1), np.zeros(1))
    units = _units(inputs)
    moved = type(net)((moved.weights[0] * units, *moved.weights[1:]), moved.biases)
    inputs = type(box)(inputs.lower / units, inputs.upper / units)
    attach_net(m, "qnet", moved, inputs, relu, bounds)
    m.feature = pyo.Constraint(
        range(len(live)),
        rule=lambda m, i: float(units[i]) * m.qnet.inputs[i] - action.feature(int(live[i])) == 0,
    )
    m.largest_q = pyo.Objective(expr=m.qnet.outputs[0], sense=pyo.maximize)
    return Embedding(m, action, live)


def _units(box: Box) -> Floats:
    """Return the unit of each input: 1 for those of usual size, else a power of two above it."""
    size = np.maximum(np.abs(box.lower), np.abs(box.upper))
    units: Floats = np.where(size > LARGEST_INPUT, unit_of(size), 1.0)
    return units
