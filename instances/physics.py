"""Physics of links and paths: attempts, swaps, Werner fidelity, decoherence, purification.

All pairs are Werner states, named by their fidelity F or their Werner parameter W = (4F - 1)/3.
Probabilities and fidelities are plain numbers in [0, 1]; lengths are km.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from milproute.instances.errors import OptionError
from milproute.instances.tolerances import COMPARISON

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from milproute.instances.arrays import Floats


# exp(-a L) = 10^(-A L / 10): the same loss is a per km, or A = a * this in dB per km.
DB_PER_NEPER = 10 / math.log(10)


def link_probability(length_km: ArrayLike, attenuation_per_km: float) -> Floats:
    """Return exp(-a L), the success probability of one attempt over L km (a per km, not dB)."""
    return np.exp(-attenuation_per_km * np.asarray(length_km, dtype=float))


def midpoint_probability(length_km: ArrayLike, attenuation_db_per_km: float, efficiency: float) -> Floats:
    """Return the success probability of one attempt with a Bell-state measurement half way.

        p = 1/2 (eta 10^(-A L / 20))^2

    Both photons must survive half the fibre (A dB per km over L/2 km) and be detected with
    ``efficiency`` eta (memory times detector); linear optics tells half of the Bell states apart.
    """
    arm = efficiency * 10.0 ** (-attenuation_db_per_km * np.asarray(length_km, dtype=float) / 20)
    return np.asarray(arm**2 / 2, dtype=float)


def attenuation_from_db(attenuation_db_per_km: float) -> float:
    """Return a per km with exp(-a L) = 10^(-A L / 10), for A dB per km (0.2 dB is 0.0460517)."""
    return attenuation_db_per_km / DB_PER_NEPER


def attenuation_to_db(attenuation_per_km: float) -> float:
    """Return A dB per km with 10^(-A L / 10) = exp(-a L), for a per km (2e-4 is 8.686e-4 dB)."""
    return attenuation_per_km * DB_PER_NEPER


def at_least_one(attempts: ArrayLike, probability: ArrayLike) -> Floats:
    """Return 1 - (1 - p)^n, the probability of a pair from n attempts; arguments broadcast."""
    n, p = np.asarray(attempts, dtype=float), np.asarray(probability, dtype=float)
    # Through logarithms: (1 - p) rounds to 1 on long fibres, where p may be 1e-20.
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(n == 0, 0.0, -np.expm1(n * np.log1p(-p)))


def mean_pairs(attempts: ArrayLike, probability: ArrayLike) -> Floats:
    """Return n p, the mean number of pairs from n attempts (Binomial); arguments broadcast."""
    return np.asarray(np.asarray(attempts, dtype=float) * np.asarray(probability, dtype=float))


def werner_parameter(fidelity: ArrayLike) -> Floats:
    """Return W = (4F - 1)/3; 1 for a perfect pair, 0 at F = 1/4, negative below."""
    return np.asarray((4 * np.asarray(fidelity, dtype=float) - 1) / 3)


def werner_fidelity(parameter: ArrayLike) -> Floats:
    """Return F = (3W + 1)/4, the inverse of `werner_parameter`."""
    return np.asarray((3 * np.asarray(parameter, dtype=float) + 1) / 4)


def additive_weight(parameter: ArrayLike) -> Floats:
    """Return -ln W, which adds up along a path where W multiplies; infinite for W <= 0.

    With weights w_e of links and s_v = -ln `swap_factor` of swapping nodes, a path keeps
    ``min_fidelity`` F > 1/4 exactly when sum w_e + sum s_v <= `additive_weight` of F's W and no link
    has W <= 0. For F <= 1/4 there is no such row: every pair is good enough.
    """
    w = np.asarray(parameter, dtype=float)
    with np.errstate(divide="ignore"):
        # + 0.0 turns the -0.0 of a perfect pair into 0.0.
        return np.asarray(-np.log(np.maximum(w, 0.0)) + 0.0)


def swap_factor(gate_fidelity: ArrayLike, measurement_fidelity: ArrayLike) -> Floats:
    """Return g (4 m^2 - 1)/3, by which a noisy swap lowers the product of Werner parameters.

    W' = g (4 m^2 - 1)/3 W_1 W_2 with gate fidelity g and measurement fidelity m > 1/2 of the swapping
    node, pairs twirled to Werner states. 1 is the ideal swap.
    """
    g, m = np.asarray(gate_fidelity, dtype=float), np.asarray(measurement_fidelity, dtype=float)
    return np.asarray(g * (4 * m**2 - 1) / 3)


def chain_fidelity(fidelities: ArrayLike, swap_factors: ArrayLike = ()) -> float:
    """Return the fidelity of a chain of pairs after all swaps: 1/4 + 3/4 prod W_e prod f_v.

    Parameters
    ----------
    fidelities : F_e of the links, shape (h,).
    swap_factors : f_v of the h - 1 swapping nodes (`swap_factor`), empty for ideal swaps.
    """
    w = np.prod(werner_parameter(fidelities)) * np.prod(np.asarray(swap_factors, dtype=float))
    return float(werner_fidelity(w))


def hop_limit(fidelity: float, min_fidelity: float) -> int | None:
    """Return the most hops of equal links of ``fidelity`` with ideal swaps that keep ``min_fidelity``.

    floor(w(F_min)/w(F)) with w = -ln W. None: any number, since F_min <= 1/4 or F = 1. 0: not even
    one link does.
    """
    if min_fidelity <= 0.25 or fidelity >= 1:
        return None
    weight = float(additive_weight(werner_parameter(fidelity)))
    # A limit that is met exactly, such as F_min = F, stays on the right side of rounding errors.
    return math.floor(float(additive_weight(werner_parameter(min_fidelity))) / weight + COMPARISON)


def decoherence_factor(seconds: ArrayLike, coherence_time: float, memories: int = 2) -> Floats:
    """Return exp(-4 n t / (3 T)), by which W shrinks while n ``memories`` hold the pair for t seconds.

    Equal Pauli rates 1/(3T) with coherence time T (seconds) a memory; 2 memories are both ends.
    """
    return np.exp(-4 * memories * np.asarray(seconds, dtype=float) / (3 * coherence_time))


def purify_bbpssw(fidelity: ArrayLike, other: ArrayLike) -> tuple[Floats, Floats]:
    """Return (F', p) of one BBPSSW round on two Werner pairs; arguments broadcast.

        p = F1 F2 + F1 G2 + G1 F2 + 5 G1 G2,   F' = (F1 F2 + G1 G2) / p,   G = (1 - F)/3

    F' is the fidelity after success, which has probability p; a failure costs both pairs. The
    survivor is twirled back to a Werner state. p is at least 1/3.
    """
    f1, f2 = np.asarray(fidelity, dtype=float), np.asarray(other, dtype=float)
    g1, g2 = (1 - f1) / 3, (1 - f2) / 3
    p = f1 * f2 + f1 * g2 + g1 * f2 + 5 * g1 * g2
    return (f1 * f2 + g1 * g2) / p, p


def werner_state(fidelity: float) -> Floats:
    """Return the Bell-diagonal state (F, G, G, G) with G = (1 - F)/3, shape (4,)."""
    rest = (1 - fidelity) / 3
    return np.array([fidelity, rest, rest, rest])


def purify_dejmps(state: ArrayLike, other: ArrayLike) -> tuple[Floats, float]:
    """Return (state', p) of one DEJMPS round on two Bell-diagonal pairs.

    States are weights (A, B, C, D) of (Phi+, Psi-, Psi+, Phi-), shape (4,), with fidelity A:

        p  = (A1 + B1)(A2 + B2) + (C1 + D1)(C2 + D2)
        A' = (A1 A2 + B1 B2)/p,  B' = (C1 D2 + D1 C2)/p,  C' = (C1 C2 + D1 D2)/p,  D' = (A1 B2 + B1 A2)/p

    Nothing is twirled, so later rounds gain more than BBPSSW; see `werner_state` for the first.

    Raises
    ------
    OptionError : the two pairs never agree (p = 0), so there is no state after success.
    """
    a1, b1, c1, d1 = np.asarray(state, dtype=float)
    a2, b2, c2, d2 = np.asarray(other, dtype=float)
    p = float((a1 + b1) * (a2 + b2) + (c1 + d1) * (c2 + d2))
    if p <= 0:
        raise OptionError(f"DEJMPS on {state!r} and {other!r} never succeeds; allowed: states with p > 0")
    kept = np.array([a1 * a2 + b1 * b2, c1 * d2 + d1 * c2, c1 * c2 + d1 * d2, a1 * b2 + b1 * a2])
    return kept / p, p
