"""Samples: random joint actions with their expected deliveries, and how they are standardised."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from milproute.formulations.action_sets.sampling import sample_actions
from milproute.instances import QNet
from milproute.instances.path_physics import path_success
from milproute.instances.qnets.features import state_vector

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from milproute.formulations.action_sets import Candidates
    from milproute.instances.arrays import Flags, Floats


@dataclass(frozen=True)
class FitError:
    """Error of a Q-net on a set of actions.

    Parameters
    ----------
    rmse : root of the mean square error, in expected deliveries.
    r2 : share of the variance that is explained; 1 where there is none and no error.
    """

    rmse: float
    r2: float


VALIDATION = 5  # one validation action for this many training actions


@dataclass(frozen=True)
class Samples:
    """Inputs of a Q-net for joint actions, shape (samples, inputs), and their expected deliveries."""

    features: Floats
    deliveries: Floats

    def error(self, net: QNet) -> FitError:
        """Return the error of a Q-net."""
        off = net.forward(self.features) - self.deliveries
        square, variance = float(np.mean(off**2)), float(np.var(self.deliveries))
        return FitError(math.sqrt(square), 1.0 - square / variance if variance else float(square == 0))


@dataclass(frozen=True)
class Scaling:
    """Mean and spread of inputs and target: training sees (value - mean) / spread.

    All inputs of a block share one spread, the root mean square of theirs: an input that hardly ever
    varies, such as the load of a remote link, would get a huge weight otherwise, and every path over it
    would widen the bounds of the neurons. ``varies`` marks the inputs that differ between samples; the
    others are 0 in training, whatever their weights, so these become 0.
    """

    mean: Floats
    spread: Floats
    varies: Flags
    target_mean: float
    target_spread: float

    @classmethod
    def of(cls, samples: Samples, blocks: Iterable[slice]) -> Scaling:
        """Measure samples; what never varies gets the spread 1."""
        spread, target = samples.features.std(axis=0), float(samples.deliveries.std())
        varies = np.ptp(samples.features, axis=0) > 0
        for block in blocks:
            own = spread[block][varies[block]]
            spread[block] = np.sqrt(np.mean(own**2)) if len(own) else 1.0
        return cls(
            np.where(varies, samples.features.mean(axis=0), samples.features[0]),
            np.where(varies, spread, 1.0),
            varies,
            float(samples.deliveries.mean()),
            target if np.ptp(samples.deliveries) > 0 else 1.0,
        )

    def fold(self, inputs: Sequence[str], weights: Sequence[Floats], biases: Sequence[Floats]) -> QNet:
        """Return the Q-net of raw inputs and targets that equals a net of standardised ones."""
        w, b = [np.array(x, dtype=np.float64) for x in weights], [np.array(x, dtype=float) for x in biases]
        w[0] = np.where(self.varies, w[0], 0.0) / self.spread
        b[0] = b[0] - w[0] @ self.mean
        w[-1], b[-1] = w[-1] * self.target_spread, b[-1] * self.target_spread + self.target_mean
        return QNet(tuple(inputs), tuple(w), tuple(b), "the fitted Q-net")


def draw_samples(
    candidates: Candidates, inputs: Sequence[str], count: int, rng: np.random.Generator
) -> Samples:
    """Draw joint actions with their inputs and expected deliveries (sum over copies of prod p prod q)."""
    instance = candidates.rules.instance
    success = np.array([path_success(instance, candidates.path(p)) for p in range(len(candidates))])
    chosen = sample_actions(candidates, count, rng)
    added = np.asarray((chosen @ candidates.features(inputs)).toarray(), dtype=np.float64)
    return Samples(state_vector(instance, inputs) + added, chosen @ success)
