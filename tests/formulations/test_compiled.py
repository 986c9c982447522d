"""Compiled models: arrays that mean what the Pyomo model says, and the same bytes every time."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pyomo.environ as pyo
import pytest
from hypothesis import given
from hypothesis import strategies as st

from milproute.formulations import FORMULATIONS, ModelOptions, compile_model
from milproute.instances import Instance, generate
from milproute.solvers.backends.highs import Highs
from milproute.solvers.results import SolveOptions
from tests.support.cases import brief, make
from tests.support.repository import ROOT

if TYPE_CHECKING:
    from pathlib import Path

ALL = [(name, variant) for name, f in FORMULATIONS.items() for variant in f.variants]
WRITE = """
import sys
from pathlib import Path
from milproute.formulations import FORMULATIONS, ModelOptions, compile_model
from milproute.instances import generate
from milproute.solvers.backends.highs import Highs

instance = generate("waxman:nodes=10,requests=6,seed=3")
instance = instance.with_pairs([i % 3 for i in range(len(instance.links))])
for name, formulation in FORMULATIONS.items():
    for variant in formulation.variants:
        model = compile_model(formulation.build(instance, ModelOptions(variant)).model, named=True)
        Highs().write(model, Path(sys.argv[1]) / f"{name}-{variant}.mps")
"""


def small_model() -> pyo.ConcreteModel:
    """Build minimise 2 x + 3 y + 5 with a range, an equality, a fixed variable and an idle one."""
    m = pyo.ConcreteModel(name="small")
    m.x = pyo.Var(["p", "q"], bounds=(-1, 4))
    m.y = pyo.Var(domain=pyo.NonNegativeIntegers)
    m.z = pyo.Var(initialize=2.0)
    m.z.fix(2.0)
    m.idle = pyo.Var([0, 1], bounds=lambda _, i: (3, None) if i else (None, -7))
    m.range = pyo.Constraint(expr=pyo.inequality(1, m.x["p"] + m.y, 6))
    m.equal = pyo.Constraint(expr=m.x["q"] - 2 * m.y == m.z)
    m.cost = pyo.Objective(expr=2 * m.x["p"] + 3 * m.y + 5 + m.z)
    return m


def test_arrays_mean_what_the_model_says() -> None:
    model = compile_model(small_model(), named=True)
    assert (model.name, model.maximize, model.offset) == ("small", False, 7.0)
    p, q = model.columns["x"].tolist()
    (y,) = model.columns["y"].tolist()
    assert (model.cost[p], model.cost[q], model.cost[y]) == (2.0, 0.0, 3.0)
    assert model.integer[[p, q, y]].tolist() == [False, False, True]
    assert [(model.lower[j], model.upper[j]) for j in (p, y)] == [(-1.0, 4.0), (0.0, np.inf)]
    (equal,) = model.rows["equal"].tolist()
    row = model.matrix.tocsr()[[equal]].toarray()[0]
    assert (row[p], row[q], row[y]) == (0.0, 1.0, -2.0)
    assert (model.row_lower[equal], model.row_upper[equal]) == (2.0, 2.0)
    # 1 <= x + y <= 6 stands in two rows.
    others = sorted((model.row_lower[i], model.row_upper[i]) for i in range(3) if i != equal)
    assert others == [(-np.inf, 6.0), (1.0, np.inf)]
    result = Highs().solve(model, SolveOptions(gap=0.0))
    assert result.objective == pytest.approx(9.0)  # p = 1, y = 0


def test_variables_without_a_column_keep_a_value_they_may_have() -> None:
    model = compile_model(small_model())
    values = np.arange(3, dtype=float)
    assert model.read("z", values).tolist() == [2.0]
    assert model.read("idle", values).tolist() == [-7.0, 3.0]
    assert model.read("x", values).tolist() == [values[j] for j in model.columns["x"]]
    assert model.read("idle", np.zeros(0)).tolist() == [-7.0, 3.0]


def test_relaxing_and_changing_leave_the_original_alone() -> None:
    model = compile_model(small_model())
    assert not model.relaxed().integer.any()
    assert model.with_changes(offset=0.0).offset == 0.0
    assert model.integer.any()
    assert model.offset == 7.0


def test_names_are_made_only_on_request() -> None:
    plain, named = compile_model(small_model()), compile_model(small_model(), named=True)
    assert (plain.column_names, plain.row_names) == ((), ())
    assert sorted(named.column_names) == ["x_p", "x_q", "y"]
    assert len(named.row_names) == named.size.rows


@brief
@given(st.lists(st.text(min_size=1, max_size=4), min_size=3, max_size=4, unique=True))
def test_file_names_are_unique_printable_words_whatever_nodes_are_called(ids: list[str]) -> None:
    ring = [(u, v, 2, 0.9) for u, v in zip(ids, [*ids[1:], ids[0]], strict=True)]
    instance = make(ring, [(ids[0], ids[1]), (ids[1], ids[2])], pairs=[1] * len(ring))
    for name, variant in ALL:
        model = compile_model(FORMULATIONS[name].build(instance, ModelOptions(variant)).model, named=True)
        for names in (model.column_names, model.row_names):
            assert len(set(names)) == len(names)
            assert all(
                text.isascii() and text.isprintable() and not set(text) & set(" []()") for text in names
            )
        assert len(model.column_names) == model.size.columns
        assert len(model.row_names) == model.size.rows


def test_names_that_lose_their_brackets_stay_apart() -> None:
    ends = ["a_b", "c", "a", "b_c", "c__2", "b-c", "b.c", "b c"]
    instance = make([(u, v, 2, 0.9) for u in ends for v in ends if u < v], [("a", "c")])
    model = compile_model(FORMULATIONS["link"].build(instance, ModelOptions("per-request")).model, named=True)
    assert len(set(model.column_names)) == model.size.columns
    assert len(set(model.row_names)) == model.size.rows


def test_model_files_are_the_same_bytes_in_every_process(tmp_path: Path) -> None:
    for seed in ("0", "1"):
        (tmp_path / seed).mkdir()
        command = [sys.executable, "-c", WRITE, str(tmp_path / seed)]
        subprocess.run(command, check=True, cwd=ROOT, env=os.environ | {"PYTHONHASHSEED": seed})
    for name, variant in ALL:
        one, other = ((tmp_path / seed / f"{name}-{variant}.mps").read_bytes() for seed in ("0", "1"))
        assert len(one) > 1000
        assert one == other


@pytest.mark.parametrize(("name", "variant"), ALL)
def test_a_model_file_holds_the_model(name: str, variant: str, tmp_path: Path) -> None:
    import highspy

    instance: Instance = generate("waxman:nodes=8,requests=4,seed=5")
    instance = instance.with_pairs([i % 3 for i in range(len(instance.links))])
    model = compile_model(FORMULATIONS[name].build(instance, ModelOptions(variant)).model, named=True)
    Highs().write(model, tmp_path / "model.mps")
    reader = highspy.Highs()
    reader.setOptionValue("output_flag", False)
    assert reader.readModel(str(tmp_path / "model.mps")) == highspy.HighsStatus.kOk
    reader.run()
    result = Highs().solve(model, SolveOptions(gap=0.0))
    assert result.objective == pytest.approx(reader.getObjectiveValue(), abs=1e-6)
    assert tuple(reader.getLp().col_names_) == model.column_names
