"""Fit a Q-net to an instance: random joint actions in, expected deliveries out."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from milproute.formulations.action_sets import list_candidates
from milproute.formulations.action_sets.sampling import sample_actions
from milproute.instances import OptionError, QNet
from milproute.instances.action_set import ActionRules
from milproute.instances.physics import path_success
from milproute.instances.qnets.features import input_size, input_slices, state_vector
from milproute.instances.qnets.net import optional_package

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from milproute.formulations.action_sets import Candidates
    from milproute.instances import Instance

    Floats = NDArray[np.float64]

# No state block: within one instance the state never changes, so it says nothing that a bias does not.
# link_load alone would do for the target; the three sums a request spare the net from finding products
# of probabilities among the links.
INPUTS = ("link_load", "request_served", "request_hops", "request_log_success")
VALIDATION = 5  # one validation action for this many training actions
# Weights this small next to the largest of their layer are dropped where the error allows it, largest
# share first; the error may rise by this factor, which no two runs could tell apart.
PRUNE_SHARES = (1e-2, 3e-3, 1e-3, 1e-4, 1e-5)
PRUNE_ERROR = 1.001


@dataclass(frozen=True)
class FitOptions:
    """How a Q-net is trained.

    Parameters
    ----------
    hidden : neurons of each hidden layer.
    l1 : weight of the sum of |w| over all standardised weights, next to a mean square of the
        standardised error (1 means nothing learnt).
    stability : weight of the stability penalty on path bounds (see `stability`).
    samples : joint actions to train on; a fifth as many more validate.
    epochs : passes over them.
    learning_rate : of Adam at the start; it falls to 0 along half a cosine.
    seed : of samples, first weights and batches.
    max_hops : hop limit of the action set; None means none.
    inputs : feature blocks.

    Raises
    ------
    OptionError : a value that is out of range.
    """

    hidden: tuple[int, ...] = (32, 32)
    l1: float = 0.0
    stability: float = 0.0
    samples: int = 20_000
    epochs: int = 100
    learning_rate: float = 1e-2
    seed: int = 0
    max_hops: int | None = 6
    inputs: tuple[str, ...] = INPUTS

    def __post_init__(self) -> None:
        object.__setattr__(self, "hidden", tuple(self.hidden))
        object.__setattr__(self, "inputs", tuple(self.inputs))
        widths = ",".join(map(str, self.hidden))
        _require(bool(self.hidden) and min(self.hidden) >= 1, "hidden", widths, "widths >= 1, such as 32,32")
        for name, least in (("samples", 10), ("epochs", 1), ("seed", 0)):
            value = getattr(self, name)
            _require(value >= least, name, value, f"a whole number >= {least}")
        for name in ("l1", "stability"):
            value = getattr(self, name)
            _require(math.isfinite(value) and value >= 0, name, value, "a finite number >= 0")
        rate = self.learning_rate
        _require(math.isfinite(rate) and rate > 0, "learning_rate", rate, "a finite number > 0")


def _require(good: bool, name: str, value: object, allowed: str) -> None:
    if not good:
        raise OptionError(f"{name} is {value}; allowed: {allowed}")


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
    varies: NDArray[np.bool_]
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
    candidates = list_candidates(ActionRules(instance, asked.max_hops))
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
