"""Q-nets from and to torch: a Sequential of affine modules and ReLUs, others are refused by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from milproute.instances.errors import QNetError
from milproute.instances.optional import optional_package
from milproute.instances.qnets.affine_chain import AffineChain
from milproute.instances.qnets.affine_tensor import AffineTensor, NotAffineError
from milproute.instances.qnets.inputs import as_inputs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from milproute.instances.arrays import Floats
    from milproute.instances.qnets.net import QNet


SOURCE = "the torch module"


def qnet_from_torch(sequential: Any, inputs: Sequence[str] | str) -> QNet:
    """Read a Q-net from a ``torch.nn.Sequential`` of affine modules and ReLU.

    Linear (with or without bias), ReLU, and in evaluation mode BatchNorm1d and Dropout; Identity and Flatten.
    Layers without a ReLU between them merge into one; nested Sequentials are followed. Only the object is
    read: torch itself is not imported here.

    Raises
    ------
    QNetError : another module, by its place and name.
    """
    if _kind(sequential) != "Sequential":
        value = f"a {type(sequential).__name__}"
        remedy = "Load a state into an nn.Sequential first." if isinstance(sequential, dict) else ""
        raise QNetError(SOURCE, "", value, "a torch.nn.Sequential", remedy)
    steps = list(_modules(sequential, ""))
    widths = [_width(module) for _, module in steps]
    chain = AffineChain(next((width for width in widths if width is not None), 0))
    if not chain.inputs:
        raise QNetError(
            SOURCE, "the last module", "a network without layers", "at least one affine layer", ""
        )
    tensor = chain.start((None,))
    for place, module in steps:
        name = type(module).__name__
        step = STEPS.get(_kind(module))
        if step is None:
            raise QNetError(SOURCE, place, name, f"{', '.join(STEPS)} and nn.Sequential of these", "")
        try:
            tensor = step(chain, tensor, module)
        except NotAffineError as error:
            problem, *rest = error.args
            raise QNetError(SOURCE, place, f"{name} {problem}", *rest) from None
    return chain.qnet(tensor, as_inputs(inputs), SOURCE)


def _modules(sequential: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    """Yield the modules in order, each with its place."""
    for i, module in enumerate(sequential):  # named_children() leaves out a ReLU that is used twice
        if _kind(module) == "Sequential":
            yield from _modules(module, f"{prefix}{i}.")
        else:
            yield f"module {prefix}{i}", module


def _kind(module: Any) -> str:
    """Return the name of a class of torch.nn itself; a subclass may compute something else: ''."""
    kind = type(module)
    return kind.__name__ if kind.__module__.startswith("torch.nn.modules.") else ""


def _width(module: Any) -> int | None:
    """Return how many inputs a module asks for; None where it takes any number."""
    return getattr(module, "in_features", None) or getattr(module, "num_features", None)


def _linear(_: AffineChain, tensor: AffineTensor, module: Any) -> AffineTensor:
    product = tensor.times(_doubles(module.weight).T)
    return product if module.bias is None else product.shifted(_doubles(module.bias))


def _normalise(_: AffineChain, tensor: AffineTensor, module: Any) -> AffineTensor:
    """Follow (x - mean) / sqrt(var + eps) times weight plus bias, with the statistics of the training."""
    _check_evaluating(module)
    if module.running_mean is None:
        raise NotAffineError("without running statistics", "track_running_stats=True")
    if module.num_features != tensor.size:
        raise NotAffineError(f"of {module.num_features} inputs", f"{tensor.size} inputs, as many as come in")
    factor = 1.0 / np.sqrt(_doubles(module.running_var) + module.eps)
    shift = -_doubles(module.running_mean) * factor
    if module.affine:
        factor, shift = factor * _doubles(module.weight), shift * _doubles(module.weight)
        shift = shift + _doubles(module.bias)
    return tensor.scaled(factor).shifted(shift)


def _dropout(_: AffineChain, tensor: AffineTensor, module: Any) -> AffineTensor:
    _check_evaluating(module)
    return tensor


def _flatten(_: AffineChain, tensor: AffineTensor, module: Any) -> AffineTensor:
    if module.start_dim != 1 or module.end_dim not in (1, -1):
        raise NotAffineError(f"from axis {module.start_dim} to {module.end_dim}", "from axis 1 to -1")
    return tensor


def _check_evaluating(module: Any) -> None:
    if module.training:
        raise NotAffineError("in training mode", "evaluation mode", "Call .eval() on the network first.")


STEPS: Mapping[str, Callable[[AffineChain, AffineTensor, Any], AffineTensor]] = {
    "Linear": _linear,
    "ReLU": lambda chain, tensor, _: chain.relu(tensor),
    "BatchNorm1d": _normalise,
    "Dropout": _dropout,
    "Identity": lambda _, tensor, __: tensor,
    "Flatten": _flatten,
}


def _doubles(parameter: Any) -> Floats:
    return np.array(parameter.detach().cpu().double().numpy(), dtype=np.float64)


def qnet_to_torch(net: QNet) -> Any:
    """Return a ``torch.nn.Sequential`` of Linear and ReLU in double precision, output shape (batch, 1).

    Raises
    ------
    MissingPackageError : torch is not installed.
    """
    torch = optional_package("torch", "learn", "a torch network")
    modules: list[Any] = []
    for weight, bias in zip(net.weights, net.biases, strict=True):
        linear = torch.nn.Linear(weight.shape[1], weight.shape[0], dtype=torch.float64)
        with torch.no_grad():
            linear.weight.copy_(torch.tensor(weight))
            linear.bias.copy_(torch.tensor(bias))
        modules += [linear, torch.nn.ReLU()]
    return torch.nn.Sequential(*modules[:-1])
