"""Numbers as people see them: a gap says something or is a dash, and nothing is ever -0."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from rich.text import Text

from milproute.bench.report.consistency import contradictions
from milproute.bench.report.page import _figures, _percent
from milproute.cli.plan_report import report
from milproute.instances import Plan, resolve
from milproute.instances.plan import relative_gap
from milproute.plotting import plot_plan
from milproute.plotting.drawing.style import number
from milproute.progress import _Line
from milproute.shown import gap_text, number_text, telling_gap
from milproute.solvers import TracePoint
from tests.support.records import record, spec

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import Command


def plan_with(objective: float | None, bound: float | None, **more: Any) -> Plan:
    """Return a plan of the toy that claims these numbers."""
    fields = {
        "instance": "toy",
        "formulation": "link",
        "variant": "by-source",
        "solver": "scip",
        "solver_version": "10",
        "status": "time_limit",
        "objective": objective,
        "bound": bound,
        "gap": relative_gap(objective, bound),
        "seconds": {"solve": 1.0},
        "connections": {request.id: 0.0 for request in resolve("toy").requests},
        "verified": True,
    }
    return Plan(**{**fields, **more})


@pytest.mark.parametrize(
    ("objective", "bound", "gap", "text"),
    [
        (0.0, 16.0, None, "-"),
        (-0.0, 1e-7, None, "-"),
        (1e-12, 3.0, None, "-"),
        (0.0, 0.0, 0.0, "0.00%"),
        (-0.0, 0.0, 0.0, "0.00%"),
        (4.0, 5.0, 0.25, "25.00%"),
        (-4.0, -3.0, 0.25, "25.00%"),
        (1.0, 11.0, 10.0, "1000.00%"),
        (1e-6, 3.0, 2999999.0, "> 1000%"),
        (None, 5.0, None, "-"),
        (5.0, None, None, "-"),
    ],
)
def test_a_gap_that_says_nothing_is_a_dash(
    objective: float | None, bound: float | None, gap: float | None, text: str
) -> None:
    found = telling_gap(objective, bound)
    assert found == (None if gap is None else pytest.approx(gap))
    assert gap_text(objective, bound) == text


def test_no_writer_of_numbers_writes_a_signed_zero() -> None:
    assert [number_text(x) for x in (-0.0, 0.0, -1.5, 1e-9, None)] == ["0", "0", "-1.5", "1e-09", "-"]
    assert [number(x) for x in (-0.0, -1e-12)] == ["0", "0"]
    assert [_figures(-0.0), _percent(-0.0)] == ["0", "0\N{NO-BREAK SPACE}%"]
    claims = (record(objective=-0.0, bound=-0.0), record(spec(seed=1), objective=3.0, bound=3.0))
    (one, *_) = contradictions(claims)
    assert "-0" not in f"{one.claim} {one.evidence}"


def test_plans_take_a_solvers_signed_zero_for_zero() -> None:
    plan = plan_with(-0.0, -0.0, forward=-0.0, residual=0.0)
    assert "-0" not in json.dumps([plan.document()[key] for key in ("objective", "bound", "gap", "forward")])


def test_a_report_and_a_picture_of_nothing_found_show_no_gap(capsys: pytest.CaptureFixture[str]) -> None:
    plan = plan_with(0.0, 16.0)
    report(resolve("toy"), plan, as_json=False)
    assert "time_limit: 0 connections, proven at most 16 (gap -)" in capsys.readouterr().out
    facts = next(text for text in plot_plan(resolve("toy"), plan).texts if text.get_gid() == "facts")
    assert "bound 16 · gap - · verified" in facts.get_text().replace("\n", " · ")
    assert plan.gap == pytest.approx(1.6e10), "the file says what the format says"


@pytest.mark.parametrize(
    ("objective", "bound", "shown"),
    [
        (0.0, 16.0, "best 0* | bound 16 | gap -"),
        (-0.0, -0.0, "best 0* | bound 0 | gap 0.00%"),
        (None, 16.0, "best -  | bound 16 | gap -"),
        (10.0, 16.0, "best 10* | bound 16 | gap 60.00%"),
    ],
)
def test_the_progress_line_shows_no_nonsense(
    objective: float | None, bound: float | None, shown: str
) -> None:
    line = _Line("toy")
    line.hear(TracePoint(0.1, 3, objective, bound))
    drawn = line.__rich__()
    assert isinstance(drawn, Text)
    assert shown in drawn.plain


def test_an_instance_without_requests_is_proven_to_have_0_connections(
    milproute: Command, tmp_path: Path
) -> None:
    document = resolve("toy").document() | {"requests": []}
    (tmp_path / "a.json").write_text(json.dumps(document))
    for solver in ("highs", "highs[presolve=off]"):
        ran = milproute("solve", "a.json", "--solver", solver)
        assert "optimal: 0 connections, proven at most 0 (gap 0.00%)" in ran.out, ran
        assert '"bound": 0.0' in milproute("solve", "a.json", "--solver", solver, "--json").out
