"""The report: what it says, what it escapes, what it refuses, what it costs."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
import zlib
from typing import TYPE_CHECKING, Any

import pytest

from milproute.bench.records.record import RecordError
from milproute.bench.report.details import BUDGET, LEAST, MOST, log_limit
from tests.support.parsed_page import Page
from tests.support.records import MACHINE, record, spec, write_folder

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from milproute.bench.records.record import Record

for package in ("pandas", "pyarrow", "plotly", "jinja2"):
    pytest.importorskip(package, reason=f"needs {package}")

from milproute.bench.report.write import write_report  # noqa: E402

EVIL = "<script>alert(1)</script>"
MIB = 1024


def report(folder: Path, records: Iterable[Record], name: str = "suite-a") -> Page:
    return Page(write_report(write_folder(folder, records, name)).read_text("utf-8"))


def details(page: Page, row: int) -> Any:
    chunk = page.data("report-data")["chunk"]
    packed = page.data("detail-data")[row // chunk]
    return json.loads(zlib.decompress(base64.b64decode(packed)))[row % chunk]


def timed(seconds: float, solver: str, instance: str = "i", **changes: Any) -> Record:
    asked = spec(solver=solver, instance=instance, instance_digest=instance, time_limit=60.0)
    return record(asked, **{"seconds": {"solve": seconds}, "trace": (), **changes})


def unsolved(solver: str, instance: str) -> Record:
    nothing = {"status": "time_limit", "objective": None, "bound": 9.0, "verified": False}
    return timed(60.0, solver, instance, **nothing)


def test_three_files_are_written_and_the_same_folder_makes_the_same_page(tmp_path: Path) -> None:
    page = write_report(write_folder(tmp_path / "r", [record(), record(spec(seed=1))]))
    before = page.read_bytes()
    assert write_report(tmp_path / "r").read_bytes() == before
    assert {"report.html", "results.csv", "results.parquet"} <= {p.name for p in (tmp_path / "r").iterdir()}


def test_summary_holds_counts_and_means_worked_out_by_hand(tmp_path: Path) -> None:
    # highs: 0 and 90 s (limit 60, yet solved); scip: 6 s and unsolved
    records = [timed(0.0, "highs", "i"), timed(90.0, "highs", "j"), timed(6.0, "scip", "i")]
    page = report(tmp_path / "r", [*records, unsolved("scip", "j")])
    first, second = page.summary("highs · by-source"), page.summary("scip · by-source")
    assert first[2:7] == ["2", "0", "0", "0", "0"]
    assert second[2:7] == ["1", "1", "0", "0", "0"]
    assert (first[0], second[0]) == ("1", "2")
    assert first[7] == "21.6 (0 to 90)"  # the root of 10 times 100, less 10
    assert second[7] == "23.5 (6 to 60)"  # the root of 16 times 70, less 10
    assert (first[8], second[8]) == ("45", "303")  # PAR10
    assert second[9] == "33 (6 to 60)"  # found after 6 s; never
    assert second[10] == "50 %"


def test_each_ending_is_counted_once(tmp_path: Path) -> None:
    endings = "optimal gap_limit time_limit infeasible unbounded no_solution memory_limit licence crash error"
    records = [
        timed(1.0, "highs", status, status=status, **({} if status == "optimal" else {"objective": None}))
        for status in [*endings.split(), "wrong_solution"]
    ]
    page = report(tmp_path / "r", [*records, timed(1.0, "highs", "unchecked", verified=False)])
    assert page.summary("highs · by-source")[2:7] == ["1", "3", "2", "1", "5"]


@pytest.mark.parametrize(
    "records",
    [
        [unsolved("highs", "i"), unsolved("scip", "i")],
        [record()],
        [timed(0.0, "highs", objective=0.0, bound=0.0)],
        [timed(0.0, "highs"), timed(0.0, "scip")],
        [timed(0.1, "highs", status="crash", objective=None, bound=None, verified=False, size=None)],
        [timed(1.0, "highs", "i"), timed(1.0, "scip", "j"), timed(1.0, "gurobi", "k")],
    ],
    ids=[
        "all unsolved",
        "one cell",
        "objective 0",
        "ties at 0 s",
        "nothing but a crash",
        "nothing in common",
    ],
)
def test_edges_make_a_page(tmp_path: Path, records: list[Record]) -> None:
    page = report(tmp_path / "r", records)
    assert len(page.data("report-data")["cells"]["key"]) == len(records)


def test_nothing_in_the_data_becomes_markup_or_code(tmp_path: Path) -> None:
    evil = EVIL + "]]></script><!--<img src=x onerror=alert(1)>&amp;{{ 7 * 7 }}\u2028'\"%{x}"
    asked = spec(instance=evil, variant=evil, solver=evil, solver_version=evil, native={evil: evil})
    machine = MACHINE.changed(name=evil, cpu=evil, packages={evil: evil}, governor=evil, commit=evil)
    cell = record(asked, message=evil, native_status=evil, breaches=(evil,), log=evil, machine=machine)
    other = record(spec(**{**asked.model_dump(), "seed": 1}), objective=3.0, bound=3.0, machine=machine)
    page = report(tmp_path / "r", [cell, other], evil)
    plain = report(tmp_path / "s", [record()])
    assert page.code == plain.code
    assert page.links == plain.links
    assert page.said.count(EVIL) > 5
    assert page.data("report-data")["cells"]["instance"] == [evil, evil]
    assert details(page, 0)["log"] == evil


def test_nothing_is_fetched_and_only_our_own_scripts_may_run(tmp_path: Path) -> None:
    page = report(tmp_path / "r", [record()])
    assert all(link.startswith(("#", "data:")) for link in page.links)
    assert "default-src 'none'" in page.policy
    assert not {"http:", "https:", "unsafe-eval", "connect-src"} & set(page.policy.replace(";", " ").split())
    scripts = page.policy.partition("script-src ")[2].partition(";")[0].split()
    hashes = [base64.b64encode(hashlib.sha256(code.encode()).digest()).decode() for code in page.code]
    assert scripts == [f"'sha256-{digest}'" for digest in hashes]
    assert "plotly.js" in page.code[0][:200]


def test_a_contradiction_stands_on_top_and_names_both(tmp_path: Path) -> None:
    page = report(tmp_path / "r", [timed(1.0, "highs"), timed(1.0, "scip", objective=5.0, bound=5.0)])
    top = page.said[: page.said.index("Best first")]
    assert "scip on link by-source, i · seed 0 calls 5 optimal, but highs on link by-source, i" in top
    assert "has the checked objective 7, better by 2. Refuted by a checked plan." in top
    assert page.summary("scip · by-source")[2:7] == ["0", "0", "0", "1", "0"]


def test_without_a_contradiction_none_is_shown(tmp_path: Path) -> None:
    assert "Contradictions" not in report(tmp_path / "r", [record()]).said


def test_unlike_machines_are_ranked_apart_and_the_page_says_so(tmp_path: Path) -> None:
    laptop = MACHINE.changed(name="laptop", cpu="Core i5", cores=4)
    twin = MACHINE.changed(name="bench-2", load_before=3.0)
    here, there = timed(1.0, "highs"), timed(2.0, "scip", machine=laptop)
    page = report(tmp_path / "r", [here, there, timed(3.0, "gurobi", machine=twin)])
    assert "2 unlike machines." in page.said
    labels = [ranking["labels"] for ranking in page.data("report-data")["rankings"]]
    assert labels == [["highs · by-source", "gurobi · by-source"], ["scip · by-source"]]


def test_like_machines_are_ranked_together_without_a_notice(tmp_path: Path) -> None:
    page = report(
        tmp_path / "r", [timed(1.0, "highs"), timed(1.0, "scip", machine=MACHINE.changed(name="b"))]
    )
    assert "unlike" not in page.said
    assert len(page.data("report-data")["rankings"]) == 1


def test_a_missing_cell_is_told_and_left_out_of_the_profile(tmp_path: Path) -> None:
    records = [timed(1.0, "highs", name) for name in "ijk"] + [timed(2.0, "scip", name) for name in "ij"]
    page = report(tmp_path / "r", records)
    assert "2 of 3 tasks are common to all" in page.said


def test_limits_and_versions_stand_with_every_ranking(tmp_path: Path) -> None:
    page = report(tmp_path / "r", [record(), record(spec(solver="scip", solver_version="10.0"))])
    (ranking,) = page.data("report-data")["rankings"]
    for part in (
        "AMD EPYC 7B13, 8 cores",
        "highs 1.15.1, scip 10.0",
        "limit 60 s",
        "4096 MiB",
        "threads 1",
        "0.0001",
    ):
        assert part in ranking["settings"]


def test_settings_that_differ_make_configurations_and_labels(tmp_path: Path) -> None:
    specs = [spec(), spec(threads=4), spec(solver_version="1.16.0"), spec(method="rounding")]
    (ranking,) = report(tmp_path / "r", map(record, specs)).data("report-data")["rankings"]
    assert sorted(ranking["labels"]) == [
        "highs · 1.15.1 · by-source · exact · 1 thread",
        "highs · 1.15.1 · by-source · exact · 4 threads",
        "highs · 1.15.1 · by-source · rounding · 1 thread",
        "highs · 1.16.0 · by-source · exact · 1 thread",
    ]


def test_of_many_configurations_the_best_are_drawn_first_and_no_two_of_24_look_alike(tmp_path: Path) -> None:
    data = report(tmp_path / "r", [timed(1.0 + i, f"s{i:02}") for i in range(30)]).data("report-data")
    (ranking,) = data["rankings"]
    assert ranking["labels"] == [f"s{i:02} · by-source" for i in range(30)]
    assert [line["visible"] for line in ranking["solved"]["data"]] == [True] * 12 + ["legendonly"] * 18
    assert len({tuple(look) for look in data["looks"][:24]}) == 24


def test_relaxed_and_exact_are_ranked_apart(tmp_path: Path) -> None:
    page = report(tmp_path / "r", [record(), record(spec(relax=True))])
    assert [r["title"].split(" — ")[0] for r in page.data("report-data")["rankings"]] == [
        "link",
        "link, relaxed",
    ]


def test_details_hold_options_history_and_log_of_each_cell(tmp_path: Path) -> None:
    records = [record(spec(seed=seed), log=f"log {seed}") for seed in range(203)]  # three chunks
    page = report(tmp_path / "r", records)
    keys = page.data("report-data")["cells"]["key"]
    for row in (0, 99, 100, 202):
        found = details(page, row)
        (meant,) = (one for one in records if one.key == keys[row])
        assert (found["log"], found["options"]) == (meant.log, meant.spec.model_dump(mode="json"))
        assert found["trace"] == [[0.2, 0.5, 1.0, 1.0], [None, 6.0, 7.0, 7.0], [9.0, 8.0, 7.0, 7.0]]


def test_logs_are_cut_to_their_ends_and_the_page_says_so(tmp_path: Path) -> None:
    page = report(tmp_path / "r", [record(log="a" * MOST + "z" * MOST)])
    assert details(page, 0)["log"] == "z" * MOST
    assert details(page, 0)["cut"] == MOST
    assert f"last {MOST:,} characters" in page.said


@pytest.mark.parametrize("cells", [0, 1, 5_000, 10_000, 10**6])
def test_all_logs_together_stay_within_the_budget_where_each_keeps_its_least(cells: int) -> None:
    limit = log_limit(cells)
    assert LEAST <= limit <= MOST
    assert cells * limit <= max(BUDGET, cells * LEAST)


def test_the_noise_of_each_machine_is_told(tmp_path: Path) -> None:
    page = report(tmp_path / "r", [record()])
    (row,) = (row for row in page.cells if len(row) == 6 and row[0] == "bench-1")
    assert row[1:] == ["2", "1.05", "1", "1.1", "9.52\N{NO-BREAK SPACE}%"]


def test_without_reference_jobs_the_noise_is_unknown(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "r", [record()])
    (folder / "reference.jsonl").unlink()
    assert "the noise of the machine is unknown" in Page(write_report(folder).read_text("utf-8")).said


def test_a_line_that_is_no_reference_job_is_named(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "r", [record()])
    with (folder / "reference.jsonl").open("a") as file:
        file.write('{"when": "now", "machine": "m"}\n')
    with pytest.raises(RecordError, match=r"reference\.jsonl, line 3: seconds is missing"):
        write_report(folder)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": "milproute.cell/1"}', "\x00"])
def test_a_corrupt_record_is_named_and_nothing_is_written(tmp_path: Path, content: str) -> None:
    one = record()
    folder = write_folder(tmp_path / "r", [one, record(spec(seed=1))])
    (folder / "cells" / f"{one.key}.json").write_text(content)
    with pytest.raises(RecordError, match=one.key):
        write_report(folder)
    assert not list(folder.glob("re[ps]*.[hcp]*"))


def test_a_folder_without_cells_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"milproute bench run SUITE --out"):
        write_report(write_folder(tmp_path / "r", []))


def test_a_folder_that_is_no_result_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"suite\.json"):
        write_report(tmp_path)


def test_importing_the_report_loads_no_optional_package() -> None:
    code = (
        "import sys, milproute.bench.report.write\n"
        "print([name for name in ('pandas', 'pyarrow', 'plotly', 'jinja2', 'pyomo') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.slow
def test_two_thousand_cells_cost_a_fifth_of_what_ten_thousand_may(tmp_path: Path) -> None:
    code = (
        "import resource, sys; from pathlib import Path\n"
        "from milproute.bench.report.write import write_report\n"
        "write_report(Path(sys.argv[1])); used = resource.getrusage(resource.RUSAGE_SELF)\n"
        "print(used.ru_utime + used.ru_stime, used.ru_maxrss)"
    )
    from tests.support.records import many

    folder = write_folder(tmp_path / "r", many(instances=20))
    done = subprocess.run([sys.executable, "-c", code, folder], capture_output=True, text=True, check=True)
    seconds, kib = map(float, done.stdout.split())
    imports = 2.0
    assert seconds <= 20.0 / 5 + imports
    assert kib / MIB <= 1024
