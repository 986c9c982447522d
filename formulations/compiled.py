"""CompiledModel: a Pyomo model as arrays, the only thing that a solver back end sees."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyomo.environ as pyo
import scipy.sparse as sp
from pyomo.repn.plugins.standard_form import LinearStandardFormCompiler

from milproute.instances import ModelSize

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from milproute.instances.arrays import Flags, Floats, Rows


# Attribute of a Pyomo block: lists of variables of which at most one may be above 0. Pyomo's own
# SOSConstraint is refused by its compiler.
SOS1_SETS = "sos1_sets"


@dataclass(frozen=True, slots=True)
class CompiledModel:
    """Optimise ``cost @ x + offset`` over ``row_lower <= matrix @ x <= row_upper, lower <= x <= upper``.

    Parameters
    ----------
    name : name of the Pyomo model.
    maximize : direction of the objective.
    cost, offset : objective; ``cost`` has shape (columns,).
    matrix : rows by columns, csc.
    row_lower, row_upper, lower, upper : bounds, infinite where there is none.
    integer : mask of the columns that must be whole, shape (columns,).
    column_names, row_names : stable names without blanks or brackets; empty unless asked for.
    columns, rows : for each Pyomo component the positions of its members in index order; -1 for a
        variable that no row or objective needs.
    rest : for each variable component the value of each member that got no column.
    sos1 : sets of columns of which at most one may be above 0; for solvers that know such sets.
    unit : what one unit of this objective is worth in the problem's own objective; solvers do not read it.
    """

    name: str
    maximize: bool
    cost: Floats
    offset: float
    matrix: sp.csc_array
    row_lower: Floats
    row_upper: Floats
    lower: Floats
    upper: Floats
    integer: Flags
    column_names: tuple[str, ...]
    row_names: tuple[str, ...]
    columns: Mapping[str, Rows]
    rows: Mapping[str, Rows]
    rest: Mapping[str, Floats]
    sos1: tuple[tuple[int, ...], ...] = ()
    unit: float = 1.0

    @property
    def size(self) -> ModelSize:
        """Rows, columns, nonzeros and integer columns."""
        rows, columns = self.matrix.shape
        return ModelSize(
            rows=rows, columns=columns, nonzeros=self.matrix.nnz, integers=int(self.integer.sum())
        )

    @property
    def is_linear(self) -> bool:
        """Whether it is a linear program: no column must be whole and there are no SOS1 sets."""
        return not (self.integer.any() or self.sos1)

    def read(self, component: str, values: Floats) -> Floats:
        """Return the values of ``component`` in index order from one value a column."""
        positions = self.columns[component]
        if not len(values):
            return self.rest[component]
        return np.where(positions < 0, self.rest[component], values[positions])

    def place(self, parts: Mapping[str, Floats]) -> Floats:
        """Return one value a column from values by component, in index order; NaN where unknown."""
        values = np.full(self.matrix.shape[1], np.nan)
        for component, members in parts.items():
            positions = self.columns[component]
            values[positions[positions >= 0]] = members[positions >= 0]
        return values

    def with_changes(self, **arrays: Any) -> CompiledModel:
        """Return this model with some arrays replaced: the way to push new data."""
        return replace(self, **arrays)

    def without_fixed_columns(self) -> tuple[CompiledModel, Rows]:
        """Drop the columns whose bounds are equal, and the rows that are empty then; also the columns kept.

        The optimum is that of this model. A state leaves many links without pairs, and solvers need not see
        their columns.
        """
        fixed = self.lower == self.upper
        kept, value = np.flatnonzero(~fixed), np.where(fixed, self.lower, 0.0)
        entries = np.diff(self.matrix.indptr)
        own, shift = np.repeat(~fixed, entries), self.matrix @ value
        indices, starts = self.matrix.indices[own], np.concatenate([[0], np.cumsum(entries[kept])])
        rows = np.flatnonzero(np.bincount(indices, minlength=self.matrix.shape[0]))
        column_at, row_at = np.full(len(fixed), -1), np.full(self.matrix.shape[0], -1)
        column_at[kept], row_at[rows] = np.arange(len(kept)), np.arange(len(rows))
        pattern = (self.matrix.data[own], row_at[indices], starts)
        rest = {name: members.copy() for name, members in self.rest.items()}
        for name, places in self.columns.items():
            gone = places >= 0
            gone[gone] = fixed[places[gone]]
            rest[name][gone] = self.lower[places[gone]]
        return self.with_changes(
            cost=self.cost[kept],
            offset=self.offset + float(self.cost @ value),
            matrix=sp.csc_array(pattern, shape=(len(rows), len(kept))),
            row_lower=(self.row_lower - shift)[rows],
            row_upper=(self.row_upper - shift)[rows],
            lower=self.lower[kept],
            upper=self.upper[kept],
            integer=self.integer[kept],
            column_names=tuple(self.column_names[j] for j in kept) if self.column_names else (),
            row_names=tuple(self.row_names[i] for i in rows) if self.row_names else (),
            columns={name: _at(column_at, places) for name, places in self.columns.items()},
            rows={name: _at(row_at, places) for name, places in self.rows.items()},
            rest=rest,
            sos1=tuple(tuple(int(column_at[j]) for j in own if not fixed[j]) for own in self.sos1),
        ), kept

    def in_true_units(self) -> CompiledModel:
        """Return this model with the problem's own objective, as people read it."""
        return replace(self, cost=self.cost * self.unit, offset=self.offset * self.unit, unit=1.0)

    def relaxed(self) -> CompiledModel:
        """Return the linear relaxation: nothing whole, no SOS1 sets."""
        return replace(self, integer=np.zeros_like(self.integer), sos1=())


def _at(new: Rows, places: Rows) -> Rows:
    """Return new positions of ``places``, -1 where there was none."""
    return np.where(places < 0, -1, new[places])


def compile_model(model: pyo.ConcreteModel, *, named: bool = False) -> CompiledModel:
    """Compile a linear Pyomo model once to arrays.

    Columns and rows keep the order in which the model declares them, so the same model gives the same
    arrays. Names cost half as much again as the rest and serve only model files: ``named`` makes them.
    SOS1 sets are lists of variables in the attribute `SOS1_SETS` of a block.

    Raises
    ------
    pyomo.common.errors.InfeasibleConstraintException : fixed variables break a row.
    """
    form = LinearStandardFormCompiler().write(model, mixed_form=True, set_sense=None)
    objective = form.objectives[0]
    kinds = np.array([row.bound_type for row in form.rows], dtype=np.int64)
    column_of = {id(variable): j for j, variable in enumerate(form.columns)}
    row_of = {id(row.constraint): i for i, row in enumerate(form.rows)}
    columns, rest = {}, {}
    for block in model.component_objects(pyo.Var, active=True):
        members = list(block.values())
        positions = np.array([column_of.get(id(v), -1) for v in members], dtype=np.int64)
        columns[block.name], rest[block.name] = positions, np.zeros(len(members))
        for i in np.flatnonzero(positions < 0):
            rest[block.name][i] = _idle_value(members[i])
    rows = {
        block.name: np.array([row_of.get(id(c), -1) for c in block.values()], dtype=np.int64)
        for block in model.component_objects(pyo.Constraint, active=True)
    }
    bounds = np.array([variable.bounds for variable in form.columns], dtype=float).reshape(-1, 2)
    return CompiledModel(
        name=model.name,
        maximize=objective.sense == pyo.maximize,
        cost=np.asarray(form.c.toarray()[0], dtype=float),
        offset=float(form.c_offset[0]),
        matrix=sp.csc_array(form.A),
        row_lower=np.where(kinds <= 0, form.rhs, -np.inf),
        row_upper=np.where(kinds >= 0, form.rhs, np.inf),
        lower=np.where(np.isnan(bounds[:, 0]), -np.inf, bounds[:, 0]),
        upper=np.where(np.isnan(bounds[:, 1]), np.inf, bounds[:, 1]),
        integer=np.array([not v.is_continuous() for v in form.columns], dtype=bool),
        column_names=_file_names(v.name for v in form.columns) if named else (),
        row_names=_file_names(row.constraint.name for row in form.rows) if named else (),
        columns=columns,
        rows=rows,
        rest=rest,
        sos1=tuple(
            tuple(column_of[id(variable)] for variable in members)
            for block in model.block_data_objects(active=True)
            for members in getattr(block, SOS1_SETS, ())
        ),
    )


def _idle_value(variable: Any) -> float:
    """Return the value of a variable that has no column: its fixed value, or the nearest to 0."""
    if variable.fixed:
        return float(variable.value)
    low, high = variable.bounds
    return float(max(-np.inf if low is None else low, min(0.0, np.inf if high is None else high)))


def _file_names(names: Iterable[str]) -> tuple[str, ...]:
    """Make names that every model file format takes: no brackets, commas or blanks; unique."""
    table = str.maketrans({c: "_" for c in "[],.:;()<>+-*/^= '\"\t"})
    seen: dict[str, int] = {}
    plain: dict[str, None] = {}  # a set that keeps its order
    for name in names:
        text = name.replace("]", "").translate(table)
        text = (
            text if text.isascii() else text.encode("ascii", "backslashreplace").decode().replace("\\", "_")
        )
        unique = text
        while unique in plain:
            seen[text] = seen.get(text, 1) + 1
            unique = f"{text}__{seen[text]}"
        plain[unique] = None
    return tuple(plain)
