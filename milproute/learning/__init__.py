"""Learning: Q-nets fitted to an instance. torch is loaded when training starts."""

from __future__ import annotations

from milproute.learning.supervised.fit import INPUTS, FitError, FitOptions, FitResult, fit_qnet, fit_sweep

__all__ = ["INPUTS", "FitError", "FitOptions", "FitResult", "fit_qnet", "fit_sweep"]
