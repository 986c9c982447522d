"""Options of a fit: sizes, penalties, samples and training."""

from __future__ import annotations

import math
from dataclasses import dataclass

from milproute.instances import OptionError

# No state block: within one instance the state never changes, so it says nothing that a bias does not.
# link_load alone would do for the target; the three sums a request spare the net from finding products
# of probabilities among the links.
INPUTS = ("link_load", "request_served", "request_hops", "request_log_success")


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
