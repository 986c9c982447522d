"""Metrics of solver benchmarks, as plain functions of arrays; seconds everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from milproute.instances.arrays import Flags, Floats


SHIFT = 10.0
LEVEL = 0.95
SAMPLES = 1000


class Interval(NamedTuple):
    """A confidence interval; NaN at both ends where the data allow none."""

    low: float
    high: float


class Curve(NamedTuple):
    """A non-decreasing step function: from ``x[i]`` on, the share ``y[i]``."""

    x: Floats
    y: Floats


def charged(times: Floats, solved: Flags, limits: Floats, factor: float = 1.0) -> Floats:
    """Return what each cell costs: its own time when solved, ``factor`` times its limit otherwise.

    A cell that crashed after a second costs the limit as well: to fail fast must not pay.
    """
    return np.where(solved, times, factor * limits)


def shifted_geometric_mean(times: Floats, shift: float = SHIFT) -> float:
    """Return exp(mean(ln(t + shift))) - shift; NaN without times."""
    return float(shift * np.expm1(np.log1p(times / shift).mean())) if len(times) else float("nan")


def penalised_mean(times: Floats, solved: Flags, limits: Floats, factor: float = 10.0) -> float:
    """Return PAR10: the mean time, an unsolved cell counting as ten times its limit; NaN without cells."""
    return float(charged(times, solved, limits, factor).mean()) if len(times) else float("nan")


def mean_interval(
    values: Floats,
    instances: NDArray[np.intp],
    rng: np.random.Generator,
    samples: int = SAMPLES,
    level: float = LEVEL,
) -> Interval:
    """Return the percentile bootstrap interval of the mean over rows when instances are drawn anew.

    Rows of one instance (seeds, permutations) are alike: they are drawn together or not at all, or the
    interval would come out too narrow. With n instances the counts of the draws are multinomial, so all
    samples are two products of a matrix (samples, n) with a vector. One instance tells nothing about
    others: NaN.

    Parameters
    ----------
    values : one a row, shape (rows,).
    instances : the instance of each row, numbered from 0, shape (rows,).
    """
    count = int(instances.max()) + 1 if len(instances) else 0
    if count < 2:
        return Interval(float("nan"), float("nan"))
    rows = np.bincount(instances, minlength=count).astype(float)
    sums = np.bincount(instances, weights=values, minlength=count)
    drawn = rng.multinomial(count, np.full(count, 1.0 / count), size=samples).astype(float)
    means = (drawn @ sums) / (drawn @ rows)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))


def geometric_interval(
    times: Floats, instances: NDArray[np.intp], rng: np.random.Generator, shift: float = SHIFT
) -> Interval:
    """Return the bootstrap interval of the shifted geometric mean, see `mean_interval`."""
    logarithms = mean_interval(np.log1p(times / shift), instances, rng)
    return Interval(*(float(shift * np.expm1(end)) for end in logarithms))


def performance_profiles(times: Floats) -> list[Curve]:
    """Return the performance profile of each column (Dolan and Moré 2002).

        rho_s(tau) = share of rows r with times[r, s] <= tau * min_s times[r, s]

    A row that nobody solved counts for nobody; where the best time is 0 only other zeros come within a
    factor of it.

    Parameters
    ----------
    times : shape (tasks, solvers), infinite where unsolved.
    """
    tasks, solvers = times.shape
    if not tasks:
        return [_steps(np.empty(0), 0, start=1.0) for _ in range(solvers)]
    best = times.min(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.where(times == best, 1.0, times / best)
    ratios[~np.isfinite(times)] = np.inf
    return [_steps(ratios[:, s], tasks, start=1.0) for s in range(solvers)]


def solved_over_time(times: Floats) -> Curve:
    """Return the share of cells solved within x seconds; ``times`` is infinite where unsolved."""
    return _steps(times, len(times), start=0.0)


def _steps(values: Floats, of: int, start: float) -> Curve:
    """Return the share of ``of`` values that are at most x, from ``start`` on; infinite ones never are."""
    x, counts = np.unique(values[np.isfinite(values)], return_counts=True)
    shares = np.cumsum(counts) / max(of, 1)
    if len(x) and x[0] <= start:
        return Curve(x, shares)
    return Curve(np.concatenate(([start], x)), np.concatenate(([0.0], shares)))


def relative_gap(a: Floats, b: Floats) -> Floats:
    """Return min(1, |a - b| / max(|a|, |b|)): 0 where they are equal, 1 where one is missing (NaN)."""
    largest = np.maximum(np.abs(a), np.abs(b))
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = np.minimum(1.0, np.abs(a - b) / largest)
    return np.where(a == b, 0.0, np.where(np.isnan(gap), 1.0, gap))


def carried_forward(values: Sequence[float | None]) -> Floats:
    """Return values over time where each gap is filled with the last value before it; NaN before any."""
    array = np.array([np.nan if value is None else value for value in values], dtype=float)
    last = np.maximum.accumulate(np.where(np.isnan(array), -1, np.arange(len(array))))
    return np.where(last >= 0, array[last], np.nan)


def primal_integral(seconds: Floats, objectives: Floats, reference: float | None, limit: float) -> float:
    """Return the integral over [0, limit] of the gap between incumbent and reference (Berthold 2013).

        gap(t) = min(1, |v(t) - r| / max(|v(t)|, |r|)),   1 before the first incumbent,   0 if v(t) = r

    The last incumbent stays until the limit. From 0 (the reference at once) to ``limit`` (no incumbent
    ever, or no reference: nobody has one).

    Parameters
    ----------
    seconds, objectives : times in ascending order and the incumbent from then on, NaN for none.
    reference : best checked value known, r.
    """
    if reference is None or not len(seconds):
        return limit
    gaps = np.concatenate(([1.0], relative_gap(objectives, np.full(len(seconds), reference))))
    times = np.concatenate(([0.0], np.clip(seconds, 0.0, limit), [limit]))
    return float(np.diff(times) @ gaps)


def gap_over_time(seconds: Floats, objectives: Floats, bounds: Floats, grid: Floats) -> Floats:
    """Return the gap between incumbent and bound at the times of ``grid``; 1 before both are there."""
    gaps = np.concatenate(([1.0], relative_gap(objectives, bounds)))
    return gaps[np.searchsorted(seconds, grid, side="right")]
