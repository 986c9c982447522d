"""Predictor: attach a Q-net to any Pyomo model of yours, with one verb."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyomo.environ as pyo
from pyomo.contrib.fbbt.fbbt import compute_bounds_on_expr

from milproute.formulations.relu.bounds import interval_bounds
from milproute.formulations.relu.crown import crown_bounds
from milproute.formulations.relu.folded_net import FoldedNet
from milproute.formulations.relu.net_block import RELU_NAMES, attach_net
from milproute.formulations.relu.scaling import Scaling
from milproute.formulations.relu.support_functions import Box
from milproute.instances import OptionError
from milproute.instances.errors import unknown_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from milproute.formulations.relu.bounds import Bounds
    from milproute.instances import QNet


@dataclass(frozen=True)
class AttachedQNet:
    """A Q-net in a Pyomo model.

    Parameters
    ----------
    qnet : the net.
    block : the Pyomo block that holds it.
    inputs : variables, expressions or numbers it reads, in input order.
    bounds : of its pre-activations; in the block each hidden neuron has a unit of its own.
    """

    qnet: QNet
    block: Any
    inputs: tuple[Any, ...]
    bounds: Bounds

    @property
    def output(self) -> Any:
        """The Pyomo variable that is Q."""
        return self.block.outputs[0]

    def residual(self) -> float:
        """Return |Q in the solved model - Q by a plain forward pass of its inputs|."""
        x = np.array([float(pyo.value(v)) for v in self.inputs])
        return abs(float(pyo.value(self.output)) - float(self.qnet.forward(x[None])[0]))

    def stats(self) -> dict[str, int]:
        """Count hidden neurons, those that the bounds fix, and variables and rows of the block."""
        hidden = range(len(self.bounds.lower) - 1)
        return {
            "neurons": sum(len(self.bounds.lower[k]) for k in hidden),
            "stable": sum(int(self.bounds.stable(k).sum()) for k in hidden),
            "binaries": sum(1 for v in self.block.component_data_objects(pyo.Var) if v.is_binary()),
            "variables": sum(1 for _ in self.block.component_data_objects(pyo.Var)),
            "rows": sum(1 for _ in self.block.component_data_objects(pyo.Constraint, active=True)),
        }


def add_qnet(
    model: pyo.ConcreteModel, qnet: QNet, inputs: Sequence[Any], *, relu: str = "tight", name: str = "qnet"
) -> AttachedQNet:
    """Attach ``qnet`` to ``model``: block ``name`` with y_l = max(0, f_l) and one output variable.

    Parameters
    ----------
    model : your model; a block is added, nothing else changes.
    qnet : the net; its blocks have no meaning here, only its weights.
    inputs : one bounded variable, linear expression or number for each input of the net.
    relu : how neurons are stated, one of `RELU_NAMES`. Bounds are interval arithmetic and CROWN on those of
        the inputs.

    Returns
    -------
    AttachedQNet : with ``.output``, ``.residual()`` and ``.stats()``.

    Raises
    ------
    OptionError : another number of inputs than the net has, an input without bounds, a name that is taken,
        or an unknown ``relu``.
    MissingPackageError : OMLT is not installed.
    """
    if relu not in RELU_NAMES:
        raise unknown_name("relu", relu, RELU_NAMES)
    if len(inputs) != qnet.sizes[0]:
        raise OptionError(f"{len(inputs)} inputs; allowed: {qnet.sizes[0]}, as the Q-net has")
    if model.component(name) is not None:
        raise OptionError(f"the model has a component {name!r} already; allowed: another name")
    box = _box(inputs)
    net = FoldedNet(tuple(qnet.weights), tuple(qnet.biases))
    bounds = crown_bounds(net, box, interval_bounds(net, box))
    scaling = Scaling.of(bounds).hidden()
    block = attach_net(model, name, scaling.net(net), box, relu, scaling.bounds(bounds))
    block.feed = pyo.Constraint(range(len(inputs)), rule=lambda b, i: b.inputs[i] - inputs[i] == 0)
    return AttachedQNet(qnet, block, tuple(inputs), bounds)


def _box(inputs: Sequence[Any]) -> Box:
    lower, upper = np.zeros((2, len(inputs)))
    for i, value in enumerate(inputs):
        low, high = compute_bounds_on_expr(value) if hasattr(value, "is_expression_type") else (value, value)
        if low is None or high is None or not np.isfinite([low, high]).all():
            raise OptionError(
                f"inputs[{i}] ({value}) lies in [{low}, {high}]; allowed: finite bounds. "
                "Give the variable lower and upper bounds: big-M constants hang on them."
            )
        lower[i], upper[i] = low, high
    return Box(lower, upper)
