"""Graph neural networks as Q-nets: on a fixed topology message passing is a plain sparse affine layer.

    h_v <- max(0, W_self h_v + W_neigh sum_{u in N(v)} h_u + b)          (or the mean over N(v))

All nodes together are one layer with the weight I (x) W_self + A (x) W_neigh, (x) the Kronecker product
and A the propagation matrix. What embeds a Q-net then embeds a GNN, path bounds included.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import scipy.sparse as sp

from milproute.instances.errors import OptionError
from milproute.instances.qnets.blocks import BLOCKS, input_size, input_slices
from milproute.instances.qnets.net import QNet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from milproute.instances.arrays import Floats
    from milproute.instances.instance import Instance


Aggregate: TypeAlias = Literal["sum", "mean"]
Pool: TypeAlias = Literal["sum", "mean", "flatten"]


@dataclass(frozen=True, eq=False)
class GnnLayer:
    """One round of message passing, followed by a ReLU.

    torch_geometric's GraphConv is ``GnnLayer(lin_root.weight, lin_rel.weight, lin_rel.bias)``, its
    SAGEConv ``GnnLayer(lin_r.weight, lin_l.weight, lin_l.bias)``, neither with edge weights.

    Parameters
    ----------
    weight_self, weight_neighbour : of a node's own features and of those of its neighbours, shapes
        (out, in).
    bias : shape (out,).

    Raises
    ------
    OptionError : shapes that do not fit each other.
    """

    weight_self: Floats
    weight_neighbour: Floats
    bias: Floats

    def __init__(self, weight_self: ArrayLike, weight_neighbour: ArrayLike, bias: ArrayLike) -> None:
        own, other, shift = (np.array(x, dtype=np.float64) for x in (weight_self, weight_neighbour, bias))
        if own.ndim != 2 or other.shape != own.shape or shift.shape != own.shape[:1]:
            raise OptionError(
                f"a GNN layer has weights of shapes {own.shape} and {other.shape} and a bias of shape "
                f"{shift.shape}; allowed: (out, in) twice and (out,)"
            )
        for name, array in (("weight_self", own), ("weight_neighbour", other), ("bias", shift)):
            array.setflags(write=False)
            object.__setattr__(self, name, array)


def propagation(instance: Instance, aggregate: Aggregate = "sum") -> sp.csr_array:
    """Return A with (A h)_v = sum or mean of h_u over the neighbours u of v, shape (nodes, nodes).

    Every link counts, whatever its probability; the mean over no neighbour is 0.

    Raises
    ------
    OptionError : another aggregate.
    """
    if aggregate not in ("sum", "mean"):
        raise OptionError(f"aggregate is {aggregate!r}; allowed: 'sum', 'mean'")
    count, ends = len(instance.nodes), instance.ends.reshape(-1, 2)
    both = np.concatenate([ends, ends[:, ::-1]])
    adjacency = sp.csr_array(
        sp.coo_array((np.ones(len(both)), (both[:, 0], both[:, 1])), shape=(count, count))
    )
    if aggregate == "sum":
        return adjacency
    degree = np.bincount(both[:, 0], minlength=count)
    return sp.csr_array(sp.diags_array(1.0 / np.maximum(degree, 1)) @ adjacency)


def node_sums(instance: Instance, inputs: Sequence[str]) -> sp.csr_array:
    """Return node features with one feature for each block, shape (nodes * blocks, inputs).

    Feature f of node v, in row v * blocks + f, is the sum of block f over the links at v or over the
    requests that end at v, or the entry of v itself.
    """
    nodes, blocks = len(instance.nodes), len(inputs)
    row = instance.node_row
    touching = {
        "links": instance.ends.reshape(-1, 2),
        "requests": np.array([[row[r.source], row[r.target]] for r in instance.requests]).reshape(-1, 2),
        "nodes": np.arange(nodes)[:, None],
    }
    rows, columns = [], []
    for f, (block, place) in enumerate(input_slices(instance, inputs).items()):
        at = touching[BLOCKS[block].over].astype(np.int64)
        rows.append(at.ravel() * blocks + f)
        columns.append(np.repeat(np.arange(place.start, place.stop), at.shape[1]))
    none = [np.zeros(0, dtype=np.int64)]
    entries = (np.concatenate(none + rows), np.concatenate(none + columns))
    shape = (nodes * blocks, input_size(instance, inputs))
    return sp.csr_array(sp.coo_array((np.ones(len(entries[0])), entries), shape=shape))


def flatten_gnn(
    instance: Instance,
    inputs: Sequence[str],
    node_features: Any,
    layers: Sequence[GnnLayer],
    head: Sequence[tuple[ArrayLike, ArrayLike]],
    *,
    aggregate: Aggregate = "sum",
    pool: Pool = "sum",
    node_constants: ArrayLike | None = None,
) -> QNet:
    """Return the plain Q-net that equals a GNN on the topology of an instance.

    With N nodes and layers of F_1, F_2, … features, hidden layer l has N F_l neurons and at most
    (N + 2 E) F_l F_{l-1} weights that are not 0.

    Parameters
    ----------
    inputs : feature blocks of the Q-net.
    node_features : linear map from these inputs to node features, an array or a scipy sparse one, shape
        (nodes * features, inputs), feature f of node v in row v * features + f; see `node_sums`.
    layers : rounds of message passing, at least one.
    head : layers (weight, bias) after pooling with a ReLU between them, none after the last, whose
        output size is 1; shapes (out, in) and (out,).
    aggregate : how neighbours are taken together.
    pool : ``sum`` or ``mean`` over nodes, or ``flatten``: all features of node 0, of node 1, ….
    node_constants : what is added to the node features, shape (nodes, features); the ends of requests,
        say. None adds nothing.

    Raises
    ------
    OptionError : an unknown block, aggregate or pool, or shapes that do not fit.
    QNetError : an output that is not one number, or numbers that are not finite.
    """
    nodes = len(instance.nodes)
    spread = propagation(instance, aggregate)
    if not layers or not head:
        raise OptionError(f"{len(layers)} GNN layers and {len(head)} of the head; allowed: at least one each")
    width = layers[0].weight_self.shape[1]
    first = sp.csr_array(_dense(node_features))
    constants = np.zeros((nodes, width)) if node_constants is None else np.asarray(node_constants, float)
    _expect("node_features", first.shape, (nodes * width, input_size(instance, inputs)))
    _expect("node_constants", constants.shape, (nodes, width))
    weights, biases = [], []
    for i, layer in enumerate(layers):
        out, into = layer.weight_self.shape
        _expect(f"layers[{i}].weight_self", (out, into), (out, width))
        weight = sp.kron(sp.eye_array(nodes), layer.weight_self) + sp.kron(spread, layer.weight_neighbour)
        bias = np.tile(layer.bias, nodes)
        if i == 0:
            bias += weight @ constants.ravel()
            weight = weight @ first
        weights.append(_dense(weight))
        biases.append(bias)
        width = out
    pooled = _pooling(pool, nodes, width)
    for i, (given, offset) in enumerate(head):
        weight = np.asarray(given, dtype=np.float64)
        bias = np.asarray(offset, dtype=np.float64)
        into = pooled.shape[0] if i == 0 else weights[-1].shape[0]
        out = weight.shape[0] if weight.ndim else 0
        _expect(f"head[{i}] weight", weight.shape, (out, into))
        _expect(f"head[{i}] bias", bias.shape, (out,))
        weights.append(_dense(weight @ pooled) if i == 0 else weight)
        biases.append(bias)
    return QNet(tuple(inputs), tuple(weights), tuple(biases), "the flattened GNN")


def _pooling(pool: Pool, nodes: int, width: int) -> sp.csr_array:
    """Return the matrix that pools node features, shape (pooled, nodes * width)."""
    if pool == "flatten":
        return sp.csr_array(sp.eye_array(nodes * width))
    if pool not in ("sum", "mean"):
        raise OptionError(f"pool is {pool!r}; allowed: 'sum', 'mean', 'flatten'")
    share = 1.0 if pool == "sum" else 1.0 / nodes
    return sp.csr_array(sp.kron(np.full((1, nodes), share), sp.eye_array(width)))


def _expect(name: str, shape: tuple[int, ...], allowed: tuple[int, ...]) -> None:
    if tuple(shape) != allowed:
        raise OptionError(f"{name} has shape {tuple(shape)}; allowed: {allowed}")


def _dense(matrix: Any) -> Floats:
    return np.asarray(matrix.toarray() if hasattr(matrix, "toarray") else matrix, dtype=np.float64)
