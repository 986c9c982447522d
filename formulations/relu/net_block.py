"""Net block: a ReLU net attached to a model, by OMLT.

OMLT is asked for when a net is attached, and not before: the engines that build no model do without it.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from milproute.instances.optional import optional_package

if TYPE_CHECKING:
    import pyomo.environ as pyo

    from milproute.formulations.relu.bounds import Bounds
    from milproute.formulations.relu.folded_net import FoldedNet
    from milproute.formulations.relu.support_functions import Box

# How the hidden neurons can be stated; `milproute.formulations.relu.omlt_adapter.RELU` states them.
RELU_NAMES = ("tight", "ideal", "sos1", "omlt-bigm", "omlt-partition")


def can_attach() -> bool:
    """Whether OMLT is installed."""
    return find_spec("omlt") is not None


def attach_net(
    model: pyo.ConcreteModel, name: str, net: FoldedNet, box: Box, relu: str, bounds: Bounds
) -> Any:
    """Add a net to a model as the block ``name``, with ``inputs`` and ``outputs``, and return it.

    Parameters
    ----------
    net, box : the net, and the bounds of its inputs.
    relu : one of `RELU_NAMES`.
    bounds : of all pre-activations of ``net``.

    Raises
    ------
    MissingPackageError : OMLT is not installed.
    """
    optional_package("omlt", "nets", "embedding a Q-net")
    from milproute.formulations.relu.omlt_adapter import RELU, OmltBlock, network_definition

    block = OmltBlock()
    model.add_component(name, block)
    block.build_formulation(RELU[relu](network_definition(net, box), bounds))
    for i, (low, high) in enumerate(zip(box.lower.tolist(), box.upper.tolist(), strict=True)):
        block.inputs[i].setlb(low)
        block.inputs[i].setub(high)
    return block
