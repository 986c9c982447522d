"""The training loop: Adam on standardised samples. Imported when training starts, with torch."""

from __future__ import annotations

from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from milproute.instances import OptionError
from milproute.instances.optional import optional_package
from milproute.learning.supervised.stability import path_bounds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from milproute.formulations.action_sets import Candidates
    from milproute.instances.arrays import Floats
    from milproute.learning.supervised.options import FitOptions
    from milproute.learning.supervised.samples import Samples, Scaling


BATCH = 256

# Share of the usual spread that first-layer weights start with.
SMALL_START = 0.1


@contextmanager
def steady(torch: Any) -> Iterator[None]:
    """Run torch on one thread, since sums in another order are other sums, and without denormals.

    Those come up in the moments of Adam where gradients vanish, and make training twice as slow.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
        torch.set_num_threads(before)


def first_layers(sizes: list[int], torch: Any, generator: Any) -> tuple[list[Any], list[Any]]:
    """Draw weights with variance 2 / inputs (He et al. 2015), the first layer's smaller; biases 0.

    What the samples never pull at keeps its first value: a small one widens no bound.
    """
    weights: list[Any] = []
    biases: list[Any] = []
    for into, out in pairwise(sizes):
        draw = torch.randn(out, into, generator=generator, dtype=torch.float32)
        spread = (2.0 / into) ** 0.5 * (1.0 if weights else SMALL_START)
        weights.append((draw * spread).requires_grad_())
        biases.append(torch.zeros(out, dtype=torch.float32).requires_grad_())
    return weights, biases


def train_mlp(
    samples: Samples,
    scaling: Scaling,
    candidates: Candidates,
    options: FitOptions,
    progress: Callable[[int, float], None] | None,
) -> tuple[list[Floats], list[Floats], list[float]]:
    """Return weights, biases (of standardised inputs and target) and the mean loss of each epoch.

        loss = mean square error + l1 sum |w| + stability penalty(path bounds)

    Raises
    ------
    OptionError : the loss is no number any more.
    """
    torch = optional_package("torch", "learn", "training a Q-net")
    x = torch.tensor((samples.features - scaling.mean) / scaling.spread, dtype=torch.float32)
    y = torch.tensor((samples.deliveries - scaling.target_mean) / scaling.target_spread, dtype=torch.float32)
    generator = torch.Generator().manual_seed(options.seed)
    weights, biases = first_layers([x.shape[1], *options.hidden, 1], torch, generator)
    scale = np.where(scaling.varies, scaling.spread, np.inf)  # what never varies is out, state included
    constant = torch.tensor(scaling.mean / scale, dtype=torch.float32)
    bounds = path_bounds(candidates, options.inputs, scale) if options.stability else None
    adam = torch.optim.Adam([*weights, *biases], lr=options.learning_rate)
    steps = options.epochs * (-(-len(x) // BATCH))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
    losses = []
    with steady(torch):
        for epoch in range(1, options.epochs + 1):
            total = 0.0
            for batch in torch.randperm(len(x), generator=generator).split(BATCH):
                value = x[batch]
                for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
                    value = torch.addmm(bias, value, weight.T).relu()
                value = torch.addmm(biases[-1], value, weights[-1].T)[:, 0]
                loss = ((value - y[batch]) ** 2).mean()
                if options.l1:
                    loss = loss + options.l1 * sum(weight.abs().sum() for weight in weights)
                if bounds is not None:
                    # Bounds are of raw actions: the mean that standardising took off is in the bias.
                    raw = [biases[0] - weights[0] @ constant, *biases[1:]]
                    loss = loss + options.stability * bounds.penalty(weights, raw)
                adam.zero_grad()
                loss.backward()
                adam.step()
                schedule.step()
                total += float(loss.detach()) * len(batch)
            losses.append(total / len(x))
            if not np.isfinite(losses[-1]):
                raise OptionError(
                    f"the loss is {losses[-1]} after epoch {epoch} at a learning rate of "
                    f"{options.learning_rate}; allowed: a rate at which training converges. Lower it."
                )
            if progress is not None:
                progress(epoch, losses[-1])
    return (
        [weight.detach().double().numpy() for weight in weights],
        [bias.detach().double().numpy() for bias in biases],
        losses,
    )
