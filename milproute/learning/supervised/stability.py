"""Penalties on path bounds, differentiable: a net whose neurons keep their sign makes a small MILP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from milproute.instances.optional import optional_package

if TYPE_CHECKING:
    from collections.abc import Sequence

    from milproute.formulations.action_sets import Candidates


@dataclass(frozen=True)
class PathBounds:
    """Bounds of neurons over an action set when requests do not share capacity, as torch sees them.

        U_1 = b + sum_k c_k max(0, max_p w x_kp),   L_1 = b + sum_k c_k min(0, min_p w x_kp)
        U_l = b + max(0, W) max(0, U_{l-1}) + min(0, W) max(0, L_{l-1}),   L_l the other way round

    with c_k the copies of request k and x_kp what a copy of path p adds to the input. The first layer is
    exact under that assumption, deeper ones are interval arithmetic on it: cheaper and looser than the
    bounds of the engine, so what is stable here is stable there.

    Parameters
    ----------
    features : x_kp, a torch tensor of shape (paths, inputs).
    spans : first and last + 1 path of each request that has any.
    copies : c_k of the same requests.
    """

    features: Any
    spans: Sequence[tuple[int, int]]
    copies: Sequence[int]

    def layers(self, weights: Sequence[Any], biases: Sequence[Any]) -> list[tuple[Any, Any]]:
        """Return (L, U) of the neurons of each hidden layer; the last weight is that of Q."""
        sums = self.features @ weights[0].T
        low, high = biases[0], biases[0]
        for (start, stop), copies in zip(self.spans, self.copies, strict=True):
            own = sums[start:stop]
            high = high + copies * own.amax(dim=0).clamp(min=0)
            low = low + copies * own.amin(dim=0).clamp(max=0)
        found = [(low, high)]
        for weight, bias in zip(weights[1:-1], biases[1:-1], strict=True):
            low, high = low.clamp(min=0), high.clamp(min=0)
            up, down = weight.clamp(min=0), weight.clamp(max=0)
            low, high = bias + up @ low + down @ high, bias + up @ high + down @ low
            found.append((low, high))
        return found

    def penalty(self, weights: Sequence[Any], biases: Sequence[Any]) -> Any:
        """Return the sum of max(0, min(-L, U)) over hidden neurons: 0 where all keep their sign.

        That is how far the bias of an unstable neuron would have to move to make it stable. It takes the
        place of the -tanh(1 + L U) of Xiao et al. (ICLR 2019, arXiv 1809.03008): path bounds start wide,
        where the slope of the tanh is 0.
        """
        bounds = self.layers(weights, biases)
        return sum((-low).minimum(high).clamp(min=0).sum() for low, high in bounds)


def path_bounds(candidates: Candidates, inputs: Sequence[str], scale: Any) -> PathBounds:
    """Return the bounds for inputs divided by ``scale``, shape (inputs,)."""
    torch = optional_package("torch", "learn", "training a Q-net")
    features = candidates.features(inputs).toarray() / scale
    requests = np.unique(candidates.request)
    start = np.searchsorted(candidates.request, requests).tolist()
    stop = np.searchsorted(candidates.request, requests, side="right").tolist()
    return PathBounds(
        torch.tensor(features, dtype=torch.float32),
        list(zip(start, stop, strict=True)),
        candidates.rules.copies[requests].tolist(),
    )
