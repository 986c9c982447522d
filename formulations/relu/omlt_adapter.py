"""OMLT: a net as its `NetworkDefinition`, and the formulations a net can be stated by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from omlt import OmltBlock
from omlt.neuralnet import FullSpaceNNFormulation, NetworkDefinition, ReluPartitionFormulation
from omlt.neuralnet.layer import DenseLayer, InputLayer
from omlt.neuralnet.layers.full_space import full_space_dense_layer

from milproute.formulations.relu.bigm import TightReluFormulation
from milproute.formulations.relu.sos1 import Sos1ReluFormulation

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from milproute.formulations.relu.bounds import Bounds
    from milproute.formulations.relu.folded_net import FoldedNet
    from milproute.formulations.relu.support_functions import Box

__all__ = ["RELU", "OmltBlock", "network_definition"]


def network_definition(net: FoldedNet, box: Box) -> NetworkDefinition:
    """Return a net as OMLT's definition, straight from the weights; the box bounds its inputs."""
    bounds = {
        i: (float(low), float(high)) for i, (low, high) in enumerate(zip(box.lower, box.upper, strict=True))
    }
    definition = NetworkDefinition(scaled_input_bounds=bounds)
    below: Any = InputLayer([net.weights[0].shape[1]])
    definition.add_layer(below)
    last = len(net.weights) - 1
    for k, (weight, bias) in enumerate(zip(net.weights, net.biases, strict=True)):
        activation = "linear" if k == last else "relu"
        layer = DenseLayer([weight.shape[1]], [len(bias)], weight.T, bias, activation=activation)
        definition.add_layer(layer)
        definition.add_edge(below, layer)
        below = layer
    return definition


def _bigm(definition: NetworkDefinition, bounds: Bounds) -> Any:
    """OMLT's big-M, a binary for every neuron; its interval bounds are cut to ``bounds``."""

    def dense_layer(block: Any, net: Any, layer_block: Any, layer: Any) -> None:
        full_space_dense_layer(block, net, layer_block, layer)
        k = list(net.layers).index(layer) - 1
        for j, zhat in layer_block.zhat.items():
            zhat.setlb(max(zhat.lb, float(bounds.lower[k][j])))
            zhat.setub(min(zhat.ub, float(bounds.upper[k][j])))

    return FullSpaceNNFormulation(definition, layer_constraints={DenseLayer: dense_layer})


def _partition(definition: NetworkDefinition, _: Bounds) -> Any:
    """OMLT's partition formulation (Tsay et al. 2021), two parts a neuron, its own interval bounds."""
    return ReluPartitionFormulation(definition)


# How the hidden neurons can be stated. `ideal` is `tight` plus cuts in rounds, made where it is solved.
RELU: Mapping[str, Callable[[NetworkDefinition, Bounds], Any]] = {
    "tight": TightReluFormulation,
    "ideal": TightReluFormulation,
    "sos1": Sos1ReluFormulation,
    "omlt-bigm": _bigm,
    "omlt-partition": _partition,
}
