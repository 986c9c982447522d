"""Ideal: the inequalities that describe one ReLU neuron exactly, and which of them a point breaks.

A neuron is y = max(0, f), f = w x + c, with z = 1 where f > 0. Of the many inequalities of Anderson et
al. (2020) the most violated one is found without trying them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from milproute.instances.tolerances import COMPARISON, ROUND_OFF

if TYPE_CHECKING:
    from milproute.instances.arrays import Floats, Rows


# Right-hand sides are moved outwards by this, relatively, against rounding errors of the coefficients.


@dataclass(frozen=True, slots=True)
class Cut:
    """The inequality ``own * (y or s) + z * z + others @ x <= right``.

    Parameters
    ----------
    spare : the left side begins with s = y - f instead of y.
    z : coefficient of the neuron's binary.
    others : coefficients of x.
    right : right-hand side.
    """

    spare: bool
    z: float
    others: Floats
    right: float


@dataclass(frozen=True, slots=True)
class Simplices:
    """A product of simplices: columns x >= 0 in groups, sum of x over group k <= copies[k].

    Parameters
    ----------
    group : of each column, ascending, shape (columns,).
    copies : of each group, shape (groups,).
    """

    group: Rows
    copies: Floats

    def thresholds(self, weights: Floats, x: Floats, z: Floats) -> Floats:
        """Return theta, shape (groups, neurons), of the most violated inequality of each neuron.

            y <= (c + sum_k N_k t_k) z + sum_k sum_p max(0, w_kp - t_k) x_kp

        holds for all t, N_k the copies, p over the columns of group k and the unused copies (weight 0).
        Its right side is least where the columns, taken by falling weight, fill N_k z.

        Parameters
        ----------
        weights : of each column in each neuron, shape (columns, neurons).
        x, z : a point, shapes (columns,) and (neurons,).
        """
        found = np.zeros((len(self.copies), weights.shape[1]))
        used = np.flatnonzero(x > 0)
        starts = np.searchsorted(self.group[used], np.arange(len(self.copies) + 1))
        for k, copies in enumerate(self.copies.tolist()):
            own = used[starts[k] : starts[k + 1]]
            values = np.vstack([weights[own], np.zeros((1, weights.shape[1]))])
            shares = np.append(x[own], max(0.0, copies - float(x[own].sum())))
            order = np.argsort(-values, axis=0, kind="stable")
            full = np.cumsum(shares[order], axis=0) >= copies * z - ROUND_OFF
            full[-1] = True
            place = np.argmax(full, axis=0)[None]
            found[k] = np.take_along_axis(values, np.take_along_axis(order, place, axis=0), axis=0)[0]
        return found

    def right_sides(
        self, weights: Floats, constants: Floats, thresholds: Floats, x: Floats, z: Floats
    ) -> Floats:
        """Return the right sides of the inequalities above at a point, shape (neurons,)."""
        unused = self.copies - np.bincount(self.group, weights=x, minlength=len(self.copies))
        used = np.flatnonzero(x)
        part = np.maximum(0.0, weights[used] - thresholds[self.group[used]])
        sides: Floats = (
            (constants + self.copies @ thresholds) * z
            + x[used] @ part
            + unused @ np.maximum(0.0, -thresholds)
        )
        return sides

    def cut(self, weights: Floats, constant: float, thresholds: Floats) -> Cut:
        """Return the inequality of one neuron with fewer nonzeros of two: on y, or on s = y - f.

        With x_k0 = N_k - sum_p x_kp, and because min(w, t) = w - max(0, w - t) = t - max(0, t - w),
        the same inequality is

            s <= sum_k sum_p max(0, t_k - w_kp) x_kp - (c + sum_k N_k t_k) (1 - z)

        Parameters
        ----------
        weights, constant, thresholds : of the neuron, shapes (columns,), () and (groups,).
        """
        level = constant + float(self.copies @ thresholds)
        own = thresholds[self.group]
        on = np.maximum(0.0, weights - own) - np.maximum(0.0, -own)
        off = np.maximum(0.0, own - weights) - np.maximum(0.0, own)
        if np.count_nonzero(on) <= np.count_nonzero(off):
            right = float(self.copies @ np.maximum(0.0, -thresholds))
            return Cut(False, -level, -on, right + COMPARISON * (1.0 + abs(right)))
        right = float(self.copies @ np.maximum(0.0, thresholds)) - level
        return Cut(True, -level, -off, right + COMPARISON * (1.0 + abs(right)))


@dataclass(frozen=True, slots=True)
class BoxInputs:
    """Inputs of a neuron between bounds of their own, shape (inputs,) each."""

    lower: Floats
    upper: Floats

    def cut(self, weights: Floats, constant: float, x: Floats, z: float) -> tuple[Cut, float]:
        """Return the most violated inequality of one neuron and its right side as a bound of y.

            y <= sum_{i in I} w_i (x_i - a_i (1 - z)) + (c + sum_{i not in I} w_i b_i) z

        holds for every set I of inputs, (a_i, b_i) = (lower, upper) where w_i >= 0, else (upper, lower).
        An input belongs to I where its term is the smaller one.

        Parameters
        ----------
        weights, constant : of the neuron, shapes (inputs,) and ().
        x, z : a point.
        """
        low = weights * np.where(weights >= 0, self.lower, self.upper)
        high = weights * np.where(weights >= 0, self.upper, self.lower)
        chosen = weights * x - low * (1.0 - z) < high * z
        others = np.where(chosen, weights, 0.0)
        base, level = float(low[chosen].sum()), constant + float(high[~chosen].sum())
        side = float(others @ x) - base * (1.0 - z) + level * z
        size = 1.0 + float(np.abs(low[chosen]).sum())
        return Cut(False, -(base + level), -others, -base + COMPARISON * size), side
