"""Fit a Q-net to an instance: random joint actions in, expected deliveries out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from milproute.formulations.action_sets import list_candidates
from milproute.instances import OptionError, QNet
from milproute.instances.action_set import ActionSet
from milproute.instances.optional import optional_package
from milproute.instances.qnets.blocks import input_size, input_slices
from milproute.learning.supervised.options import FitOptions
from milproute.learning.supervised.samples import VALIDATION, FitError, Samples, Scaling, draw_samples

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from milproute.instances import Instance


# Weights this small next to the largest of their layer are dropped where the error allows it, largest
# share first; the error may rise by this factor, which no two runs could tell apart.
PRUNE_SHARES = (1e-2, 3e-3, 1e-3, 1e-4, 1e-5)


PRUNE_ERROR = 1.001


@dataclass(frozen=True)
class FitResult:
    """A trained Q-net and how good it is.

    Parameters
    ----------
    qnet : takes raw features; its numbers are whole singles, so a float32 file keeps every bit.
    train, validation : errors of ``qnet`` itself, after pruning and rounding.
    losses : mean loss of each epoch, with penalties, standardised.
    pruned : weights set to 0 at the end.
    nonzeros : weights that are not 0.
    paths : candidate paths of the action set.
    """

    qnet: QNet
    train: FitError
    validation: FitError
    losses: tuple[float, ...]
    pruned: int
    nonzeros: int
    paths: int


def fit_qnet(
    instance: Instance,
    options: FitOptions | None = None,
    *,
    progress: Callable[[int, float], None] | None = None,
    **changes: Any,
) -> FitResult:
    """Fit a Q-net to the expected deliveries of random joint actions of an instance.

    ``fit_qnet(instance, hidden=(16, 16), l1=1e-4)``: keywords are the fields of `FitOptions`.
    The same options and machine give the same net, bit for bit; torch runs on one thread meanwhile.

    Parameters
    ----------
    progress : called after each epoch with its number from 1 and its mean loss.

    Raises
    ------
    OptionError : an option out of range, an unknown block, or no request has a path within the limits.
    MissingPackageError : torch is not installed.
    """
    asked = replace(options or FitOptions(), **changes)
    optional_package("torch", "learn", "training a Q-net")
    input_size(instance, asked.inputs)  # unknown blocks fail before the paths are listed
    candidates = list_candidates(ActionSet(instance, max_hops=asked.max_hops))
    if not len(candidates):
        raise OptionError(
            f"no request of {instance.name!r} has a path of at most {asked.max_hops} hops, so there is only "
            "the empty action; allowed: an instance with a choice. Raise --max-hops or take another instance."
        )
    rng = np.random.default_rng(asked.seed)
    train = draw_samples(candidates, asked.inputs, asked.samples, rng)
    validation = draw_samples(candidates, asked.inputs, max(10, asked.samples // VALIDATION), rng)
    scaling = Scaling.of(train, input_slices(instance, asked.inputs).values())

    from milproute.learning.supervised.training import train_mlp

    weights, biases, losses = train_mlp(train, scaling, candidates, asked, progress)
    net = scaling.fold(asked.inputs, weights, biases)
    net, pruned = prune(_rounded(net), validation)
    return FitResult(
        net,
        train.error(net),
        validation.error(net),
        tuple(losses),
        pruned,
        sum(int(np.count_nonzero(weight)) for weight in net.weights),
        len(candidates),
    )


def fit_sweep(
    instance: Instance, l1s: Iterable[float] = (0.0, 1e-5, 1e-4, 1e-3), **changes: Any
) -> dict[float, FitResult]:
    """Fit one Q-net for each L1 weight, all else equal."""
    return {l1: fit_qnet(instance, l1=l1, **changes) for l1 in l1s}


def prune(net: QNet, validation: Samples) -> tuple[QNet, int]:
    """Set weights to 0 that are tiny next to the largest of their layer, as long as no error rises.

    Returns the net and the number of weights dropped. The largest share of `PRUNE_SHARES` that keeps the
    validation error within `PRUNE_ERROR` of what it was wins.
    """
    most = validation.error(net).rmse * PRUNE_ERROR
    for share in PRUNE_SHARES:
        kept = tuple(np.where(np.abs(w) < share * np.abs(w).max(), 0.0, w) for w in net.weights)
        smaller = replace(net, weights=kept)
        if validation.error(smaller).rmse <= most:
            dropped = sum(
                int(np.count_nonzero(a) - np.count_nonzero(b)) for a, b in zip(net.weights, kept, strict=True)
            )
            return smaller, dropped
    return net, 0


def _rounded(net: QNet) -> QNet:
    """Round to single precision, in which training ran: a file of half the size keeps the net exactly."""
    weights, biases = (
        tuple(x.astype(np.float32).astype(np.float64) for x in arrays) for arrays in (net.weights, net.biases)
    )
    return replace(net, weights=weights, biases=biases)
