"""Affine tensors: values in a network that are affine in the neurons of one of its layers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from milproute.instances.arrays import Floats, Integers


# Stands for the size of the batch among the sizes of a shape; no file holds this number.
BATCH = -2_147_483_629


class NotAffineError(Exception):
    """``NotAffineError(problem, allowed, remedy)``: a step that no chain of affine and ReLU layers takes."""

    def __init__(self, problem: str, allowed: str, remedy: str = "") -> None:
        super().__init__(problem, allowed, remedy)


def mixed() -> NotAffineError:
    """Return the error for a step that lets one row of the batch depend on another."""
    return NotAffineError("that mixes the rows of the batch", "operators on the features of one row", "")


@dataclass(frozen=True, eq=False)
class AffineTensor:
    """A tensor T = b + sum_j W_j y_j of the neurons y of one layer.

    Parameters
    ----------
    layer : whose neurons, counted from the inputs, 0.
    shape : of the tensor; the axis of the batch has length 1 here.
    batch : the axis of the batch; None for a single row without one.
    rows : the size of the batch, where the network states one.
    first : position of the first neuron of a tensor that is nothing but neurons, in order.
    terms : b and all W_j, shape (1 + neurons, *shape); None for a tensor that is nothing but neurons.
        Neurons beyond have W_j = 0.
    rectified : whether it holds results of a ReLU alone, so that another one changes nothing.
    """

    layer: int
    shape: tuple[int, ...]
    batch: int | None = None
    rows: int | None = None
    first: int = 0
    terms: Floats | None = None
    rectified: bool = False

    @property
    def size(self) -> int:
        """Numbers in one row of the batch."""
        return prod(self.shape)

    @property
    def coefficients(self) -> Floats:
        """The terms, written out."""
        if self.terms is not None:
            return self.terms
        eye = np.eye(1 + self.first + self.size, self.size, -1 - self.first)
        return eye.reshape(-1, *self.shape)

    def _became(self, terms: Floats, batch: int | None, *, rectified: bool = False) -> AffineTensor:
        return replace(self, shape=terms.shape[1:], batch=batch, first=0, terms=terms, rectified=rectified)

    # --- arithmetic -----------------------------------------------------------------------------------

    def plus(self, other: AffineTensor) -> AffineTensor:
        """Return the sum with another tensor of the same layer, broadcast."""
        _check_layers(self, other)
        mine, place = self._spread(other.shape)
        theirs, other_place = other._spread(self.shape)
        if place != other_place:
            raise mixed()
        neurons = max(len(mine), len(theirs))
        return self._became(_padded(mine, neurons) + _padded(theirs, neurons), place)

    def shifted(self, constant: Floats) -> AffineTensor:
        """Return the sum with a constant, broadcast."""
        terms, batch = self._spread(constant.shape)
        terms = terms.copy()
        terms[0] = terms[0] + constant if terms[0].any() else constant  # to the bit: 0 + (-0) would be 0
        return self._became(terms, batch)

    def scaled(self, constant: Floats) -> AffineTensor:
        """Return the product with a constant, number by number, broadcast."""
        terms, batch = self._spread(constant.shape)
        return self._became(terms * constant, batch)

    def _spread(self, shape: Sequence[int]) -> tuple[Floats, int | None]:
        """Broadcast against ``shape``; return the terms and the axis of the batch."""
        try:
            to = np.broadcast_shapes(self.shape, tuple(shape))
        except ValueError:
            raise NotAffineError(
                f"of shapes {self._written()} and {tuple(shape)}", "shapes that broadcast"
            ) from None
        new = len(to) - len(self.shape)
        batch = None if self.batch is None else self.batch + new
        if batch is not None and to[batch] != 1:
            text = f"with a constant of shape {tuple(shape)}, which differs from row to row of the batch"
            raise NotAffineError(text, "a constant that is alike for the whole batch")
        terms = self.coefficients
        return np.broadcast_to(terms.reshape(len(terms), *(1,) * new, *self.shape), (len(terms), *to)), batch

    def times(self, matrix: Floats) -> AffineTensor:
        """Return the matrix product of the tensor, whose last axis is summed over, with a constant."""
        if not self.shape or matrix.ndim not in (1, 2):
            raise NotAffineError(f"with a constant of shape {matrix.shape}", "a matrix")
        if len(self.shape) - 1 == self.batch:
            raise mixed()
        _check_inputs(len(matrix), self.shape[-1])
        shape = (*self.shape[:-1], *matrix.shape[1:])
        if self.terms is None and self.shape[-1] == self.size:
            terms = np.zeros((1 + self.first + len(matrix), *shape))  # to the bit, and quicker than a product
            terms[1 + self.first :] = matrix.reshape(len(matrix), *shape)
        else:
            flat = self.coefficients.reshape(-1, len(matrix)) @ matrix  # one product instead of thousands
            terms = flat.reshape(-1, *shape)
        return self._became(terms, self.batch)

    def times_left(self, matrix: Floats) -> AffineTensor:
        """Return the matrix product of a constant with the tensor."""
        if not self.shape or matrix.ndim != 2:
            raise NotAffineError(f"with a constant of shape {matrix.shape}", "a matrix")
        axis = max(len(self.shape) - 2, 0)
        if axis == self.batch:
            raise mixed()
        _check_inputs(matrix.shape[1], self.shape[axis])
        terms = self.coefficients @ matrix.T if len(self.shape) == 1 else matrix @ self.coefficients
        return self._became(terms, self.batch)

    def summed(self, axes: Sequence[int] | None, *, keep: bool, mean: bool = False) -> AffineTensor:
        """Return sums, or means, over some axes (None: all of them)."""
        over = sorted(range(len(self.shape)) if axes is None else {self.axis(axis) for axis in axes})
        if self.batch in over:
            raise mixed()
        places = tuple(axis + 1 for axis in over)
        add = np.mean if mean else np.sum
        terms = add(self.coefficients, axis=places, keepdims=keep) if places else self.coefficients
        gone = 0 if keep or self.batch is None else sum(axis < self.batch for axis in over)
        return self._became(terms, None if self.batch is None else self.batch - gone)

    # --- moving numbers -------------------------------------------------------------------------------

    def axis(self, axis: int, *, more: int = 0) -> int:
        """Return an axis counted from the front; ``more`` axes are about to come."""
        rank = len(self.shape) + more
        if not -rank <= axis < rank:
            raise NotAffineError(f"on axis {axis} of a tensor with {rank} axes", "an axis that is there")
        return axis % rank

    def reshaped(self, sizes: Sequence[int]) -> AffineTensor:
        """Return the tensor in another shape; one size may be -1, and `BATCH` is that of the batch."""
        if self.batch is None:
            shape = _filled(list(sizes), self.size)
            if shape is None:
                raise NotAffineError(
                    f"from {self._written()} to {_shape(sizes)}", "as many numbers as before"
                )
            return self._same_order(shape, None)
        before, after = prod(self.shape[: self.batch]), prod(self.shape[self.batch + 1 :])
        for size in (BATCH, -1, self.rows or 1):
            for place in (i for i, given in enumerate(sizes) if given == size):
                rest = _filled([*sizes[:place], *sizes[place + 1 :]], self.size)
                if rest is not None and (prod(rest[:place]), prod(rest[place:])) == (before, after):
                    return self._same_order((*rest[:place], 1, *rest[place:]), place)
        raise NotAffineError(
            f"from {self._written()} to {_shape(sizes)}, which mixes the rows of the batch",
            "a shape that keeps the axis of the batch",
        )

    def flattened(self, axis: int) -> AffineTensor:
        """Return the tensor as a matrix: the axes before ``axis``, and those from it on, are one each."""
        axis = axis if axis == len(self.shape) else self.axis(axis)
        sizes = [prod(self.shape[:axis]), prod(self.shape[axis:])]
        if self.batch is not None:
            side = 0 if self.batch < axis else 1
            if sizes[side] != 1:
                raise mixed()
            sizes[side] = BATCH
        return self.reshaped(sizes)

    def squeezed(self, axes: Sequence[int] | None) -> AffineTensor:
        """Return the tensor without some axes of length 1; None: without all but that of the batch."""
        if axes is None:
            gone = {i for i, size in enumerate(self.shape) if size == 1 and i != self.batch}
        else:
            gone = {self.axis(axis) for axis in axes}
        long = [i for i in gone if self.shape[i] != 1 or i == self.batch]
        if long:
            raise NotAffineError(
                f"of axis {long[0]} of shape {self._written()}", "axes of length 1, not that of the batch"
            )
        batch = None if self.batch is None else self.batch - sum(i < self.batch for i in gone)
        return self._same_order(tuple(s for i, s in enumerate(self.shape) if i not in gone), batch)

    def unsqueezed(self, axes: Sequence[int]) -> AffineTensor:
        """Return the tensor with further axes of length 1 at these places."""
        new = {self.axis(axis, more=len(axes)) for axis in axes}
        old = [i for i in range(len(self.shape) + len(new)) if i not in new]
        shape = [1] * (len(old) + len(new))
        for i, size in zip(old, self.shape, strict=True):
            shape[i] = size
        return self._same_order(tuple(shape), None if self.batch is None else old[self.batch])

    def _same_order(self, shape: tuple[int, ...], batch: int | None) -> AffineTensor:
        terms = None if self.terms is None else self.terms.reshape(-1, *shape)
        return replace(self, shape=shape, batch=batch, terms=terms)

    def transposed(self, order: Sequence[int] | None = None) -> AffineTensor:
        """Return the tensor with its axes in another order; None: reversed."""
        rank = len(self.shape)
        chosen = [self.axis(axis) for axis in (range(rank)[::-1] if order is None else order)]
        if sorted(chosen) != list(range(rank)):
            raise NotAffineError(f"to the axes {chosen}", f"each of the {rank} axes once")
        terms = self.coefficients.transpose(0, *(axis + 1 for axis in chosen))
        batch = None if self.batch is None else chosen.index(self.batch)
        return self._became(terms, batch, rectified=self.rectified)

    def taken(self, places: Integers, axis: int) -> AffineTensor:
        """Return the numbers at some places of an axis, which the shape of ``places`` takes the place of."""
        axis = self.axis(axis)
        length = self.shape[axis]
        if axis == self.batch:
            raise mixed()
        if not places.size or not -length <= places.min() <= places.max() < length:
            text = f"of places {places.tolist()} of {length}"
            raise NotAffineError(text, "places that are there, at least one")
        terms = self.coefficients[(slice(None),) * (axis + 1) + (places,)]
        batch = self.batch
        if batch is not None and axis < batch:
            batch += places.ndim - 1
        return self._became(terms, batch, rectified=self.rectified)

    def _written(self) -> str:
        """Return the shape as people write it."""
        return _shape([BATCH if i == self.batch else size for i, size in enumerate(self.shape)])


def joined(parts: Sequence[AffineTensor | Floats], axis: int) -> AffineTensor:
    """Return tensors of one layer, and constants, side by side along an axis."""
    one = next(part for part in parts if isinstance(part, AffineTensor))
    axis = one.axis(axis)
    tensors = [part if isinstance(part, AffineTensor) else _constant(part, one) for part in parts]
    for part in tensors:
        _check_layers(one, part)
        fits = len(part.shape) == len(one.shape) and all(
            a == b for i, (a, b) in enumerate(zip(part.shape, one.shape, strict=True)) if i != axis
        )
        if not fits:
            raise NotAffineError(f"of shapes {one._written()} and {part._written()}", "shapes that fit")
        if axis == one.batch or part.batch != one.batch:
            raise mixed()
    neurons = max(len(part.coefficients) for part in tensors)
    terms = np.concatenate([_padded(part.coefficients, neurons) for part in tensors], axis=axis + 1)
    return one._became(terms, one.batch, rectified=all(part.rectified for part in tensors))


def _check_layers(one: AffineTensor, other: AffineTensor) -> None:
    if one.layer != other.layer:
        raise NotAffineError(
            f"of results behind {one.layer} and behind {other.layer} ReLUs, as a skip connection makes them",
            "results behind equally many",
            "Train a network without that connection.",
        )


def _constant(values: Floats, like: AffineTensor) -> AffineTensor:
    return replace(like, shape=values.shape, first=0, terms=values[None], rectified=False)


def _padded(terms: Floats, length: int) -> Floats:
    """Append zeros for neurons that the layer has got since."""
    return np.pad(terms, ((0, length - len(terms)), *((0, 0),) * (terms.ndim - 1)))


def _check_inputs(wanted: int, given: int) -> None:
    if wanted != given:
        raise NotAffineError(f"of {wanted} inputs", f"{given} inputs, as many as come in")


def _filled(sizes: Sequence[int], count: int) -> tuple[int, ...] | None:
    """Return the sizes of a shape of ``count`` numbers, one -1 filled in; None where there is none."""
    known = prod(size for size in sizes if size != -1)
    if BATCH in sizes or sizes.count(-1) > 1 or known < 1 or count % known:
        return None
    shape = tuple(count // known if size == -1 else size for size in sizes)
    return shape if prod(shape) == count and min(shape, default=1) > 0 else None


def _shape(sizes: Sequence[int]) -> str:
    return f"({', '.join('batch' if size == BATCH else str(size) for size in sizes)})"
