"""Learning: Q-nets fitted to an instance. torch is loaded when training starts."""

from __future__ import annotations

from milproute.learning.supervised.fit import FitResult, fit_qnet, fit_sweep
from milproute.learning.supervised.options import INPUTS, FitOptions
from milproute.learning.supervised.samples import FitError

__all__ = ["INPUTS", "FitError", "FitOptions", "FitResult", "fit_qnet", "fit_sweep"]
