"""The table of cells: a row each, whatever became of it, and the same from both files."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from milproute.bench.report.consistency import contradictions, judge
from milproute.bench.report.table import cell_table, write_table
from milproute.instances import MissingPackageError
from tests.support.records import record, spec

if TYPE_CHECKING:
    from pathlib import Path

    from milproute.bench.records.record import Record

pd = pytest.importorskip("pandas", reason="needs pandas")
pytest.importorskip("pyarrow", reason="needs pyarrow")

NAMES = """
    key status instance formulation variant method relax qnet solver selector seed permutation objective
    bound gap time nodes iterations rows columns nonzeros integers peak_mb verified contradiction machine
    message
"""
ASKED = NAMES.split()


def table_of(*records: Record) -> pd.DataFrame:
    return cell_table(judge(records, contradictions(records)))


def crashed(seed: int) -> Record:
    nothing = {
        "objective": None,
        "bound": None,
        "verified": False,
        "size": None,
        "peak_mb": None,
        "trace": (),
    }
    return record(spec(seed=seed), status="crash", message="SIGSEGV", seconds={}, **nothing)


def test_every_asked_column_is_there_with_the_value_of_its_cell() -> None:
    asked = spec(native={"presolve": "off"}, qnet="q", qnet_digest="q0", max_hops=6, permutation=2)
    (row,) = table_of(record(asked, message="fine")).to_dict("records")
    assert set(ASKED) <= set(row)
    assert (row["key"], row["selector"], row["solver"]) == (asked.key, "highs[presolve=off]", "highs")
    assert (row["rows"], row["columns"], row["nonzeros"], row["integers"]) == (10, 20, 40, 8)
    assert (row["objective"], row["bound"], row["gap"]) == (7.0, 7.0, 0.0)
    assert (row["qnet"], row["max_hops"], row["permutation"], row["message"]) == ("q", 6, 2, "fine")
    assert row["time"] == pytest.approx(1.2)  # without the check of the answer
    assert [row[f"seconds_{phase}"] for phase in ("build", "compile", "solve", "verify")] == [
        0.1,
        0.1,
        1.0,
        0.2,
    ]
    # nothing for 0.5 s, then a gap of 1 / 7 for 0.5 s
    assert row["primal_integral"] == pytest.approx(0.5 + 0.5 / 7)


def test_a_cell_that_crashed_is_a_row_like_any_other() -> None:
    table = table_of(record(), crashed(1))
    assert table["status"].tolist() == ["optimal", "crash"]
    assert table["objective"].isna().tolist() == [False, True]
    assert table["primal_integral"].tolist()[1] == 60.0


def test_an_objective_of_0_has_no_gap_unless_it_is_proven() -> None:
    open_cell = record(spec(seed=1), status="time_limit", objective=0.0, bound=16.0)
    table = table_of(open_cell, record(spec(instance="b", instance_digest="b"), objective=0.0, bound=0.0))
    assert table["gap"].isna().tolist() == [True, False]
    assert table["gap"].tolist()[1] == 0.0


def test_a_refuted_cell_is_a_wrong_solution_and_says_what_it_reported() -> None:
    table = table_of(record(), record(spec(seed=1), objective=5.0, bound=5.0))
    assert table["status"].tolist() == ["optimal", "wrong_solution"]
    assert table["reported_status"].tolist() == ["optimal", "optimal"]
    assert table["contradiction"].notna().all()


def test_csv_and_parquet_hold_the_same_table(tmp_path: Path) -> None:
    table = table_of(record(message='a "quoted",\nbroken line'), crashed(1), record(spec(seed=2, qnet="q")))
    write_table(table, tmp_path)
    parquet, csv = pd.read_parquet(tmp_path / "results.parquet"), pd.read_csv(tmp_path / "results.csv")
    pd.testing.assert_frame_equal(parquet, table)
    assert list(csv.columns) == list(table.columns)
    for name in ("status", "message", "objective", "seed", "rows", "time"):
        assert [None if pd.isna(v) else v for v in csv[name]] == [
            None if pd.isna(v) else v for v in table[name]
        ]


def test_a_column_that_is_empty_throughout_keeps_its_type(tmp_path: Path) -> None:
    write_table(table_of(crashed(0)), tmp_path)
    types = pd.read_parquet(tmp_path / "results.parquet").dtypes.astype(str)
    assert (types["objective"], types["rows"], types["qnet"]) == ("float64", "Int64", "string")


def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingPackageError, match=r"milproute\[bench\]"):
        table_of(record())


@pytest.mark.parametrize(
    ("changes", "solved"),
    [
        ({}, True),
        ({"verified": False}, False),
        ({"status": "gap_limit", "objective": 7.0, "bound": 7.0006}, True),  # the gap asked for is 1e-4
        ({"status": "gap_limit", "objective": 7.0, "bound": 7.0008}, False),
        ({"status": "time_limit", "objective": 7.0, "bound": 7.0}, False),
    ],
)
def test_a_cell_is_solved_when_it_is_checked_and_proven_to_the_gap_asked_for(
    changes: dict[str, object], solved: bool
) -> None:
    one = record(spec(gap=1e-4), **changes)
    assert one.solved is solved
    assert table_of(one)["solved"].tolist() == [solved]
