"""Registry: our names, those of other packages, and clear words about what cannot be loaded."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from milproute.instances import OptionError
from milproute.solvers import Worker
from milproute.solvers.backends import BACKENDS, Entry, availability, backend_names, load_backend
from milproute.solvers.results import BackendError, MissingSolverError, SolveOptions
from tests.support.arrays import arrays

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Install = Callable[..., None]

FOREIGN = """
from dataclasses import replace
from milproute.solvers.backends.highs import Highs

class Foreign(Highs):
    name = "foreign"

    def solve(self, model, options, start=None, watch=None):
        return replace(super().solve(model, options, start, watch), solver=self.name)

class Half:
    name = version = "half"

instead = 1 / 1
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Return a function that puts a package with entry points on the path."""

    def put(package: str, code: str = FOREIGN, **points: str) -> None:
        site = tmp_path / package
        info = site / f"{package}-1.0.dist-info"
        info.mkdir(parents=True)
        (site / f"{package}.py").write_text(code)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        lines = "\n".join(f"{name} = {value}" for name, value in points.items())
        (info / "entry_points.txt").write_text(f"[milproute.solvers]\n{lines}\n")
        monkeypatch.syspath_prepend(str(site))
        monkeypatch.delitem(sys.modules, package, raising=False)

    return put


def row(name: str) -> dict[str, Any]:
    return next(row for row in availability() if row["name"] == name)


def test_a_back_end_of_another_package_is_found_and_solves(install: Install) -> None:
    install("alien", foreign="alien:Foreign")
    assert backend_names()[-1] == "foreign"
    assert "alien" not in sys.modules  # nothing is loaded before it is asked for
    result = load_backend("foreign").solve(arrays([1.0], lower=2.0), SolveOptions())
    assert (result.solver, result.objective) == ("foreign", 2.0)
    with Worker("foreign") as worker:
        assert worker.solve(arrays([1.0], lower=3.0), SolveOptions()).objective == 3.0
    described = row("foreign")
    assert (described["installed"], described["source"]) == (True, "alien (alien:Foreign)")
    assert described["problem"] is None


def test_a_misspelt_name_is_told_the_nearest_of_all(install: Install) -> None:
    install("alien", foreign="alien:Foreign")
    with pytest.raises(OptionError, match="unknown solver 'foreing': did you mean 'foreign'"):
        load_backend("foreing")
    with pytest.raises(OptionError, match="unknown solver 'gurobbi': did you mean 'gurobi'"):
        load_backend("gurobbi")


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("alien:Missing", "AttributeError: .*Missing"),
        ("nowhere:Foreign", "ModuleNotFoundError: No module named 'nowhere'"),
        ("alien:Half", r"is no back end: it lacks capabilities, solve, write"),
        ("alien:instead", "TypeError"),
    ],
)
def test_a_broken_entry_point_is_named_and_spoils_no_other(install: Install, value: str, why: str) -> None:
    install("alien", foreign=value)
    with pytest.raises(BackendError, match=rf"solver 'foreign' from alien \({value}\).*{why}"):
        load_backend("foreign")
    assert "alien" in row("foreign")["problem"]
    assert row("highs")["problem"] is None


def test_code_that_fails_at_import_is_named(install: Install) -> None:
    install("alien", "1 / 0", foreign="alien:Foreign")
    with pytest.raises(BackendError, match=r"ZeroDivisionError.* Remedy: mend or uninstall that package"):
        load_backend("foreign")


def test_a_name_of_ours_stays_ours(install: Install) -> None:
    install("alien", highs="alien:Foreign")
    assert type(load_backend("highs")).__name__ == "Highs"
    assert backend_names().count("highs") == 1
    assert "alien (alien:Foreign) has the same name and is not used" in row("highs")["problem"]


def test_two_packages_with_one_name_are_both_named(install: Install) -> None:
    install("alien", foreign="alien:Foreign")
    install("other", foreign="other:Foreign")
    with pytest.raises(BackendError, match=r"comes from (alien|other) .* and (alien|other) .*Remedy"):
        load_backend("foreign")


def test_what_is_not_installed_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    ghost = Entry("ghost", "Ghost", "no_such_package", "free", "pip install ghost")
    monkeypatch.setitem(BACKENDS, "ghost", ghost)
    with pytest.raises(MissingSolverError, match=r"'ghost' is not installed. Remedy: pip install ghost"):
        load_backend("ghost")
    described = row("ghost")
    assert (described["installed"], described["remedy"]) == (False, "pip install ghost")
    assert (described["version"], described["licence_state"]) == (None, None)


def test_a_solver_whose_library_does_not_load_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        BACKENDS, "torn", Entry("no_such_module", "Torn", "numpy", "free", "pip install torn")
    )
    with pytest.raises(
        MissingSolverError, match=r"does not load: .*no_such_module.* Remedy: pip install torn"
    ):
        load_backend("torn")
    assert "does not load" in row("torn")["problem"]


def test_the_verb_prints_the_table_and_its_json(install: Install, capfd: pytest.CaptureFixture[str]) -> None:
    from milproute.cli import app

    install("alien", foreign="alien:Missing")
    done = CliRunner().invoke(app, ["solvers", "--json"])
    rows = {row["name"]: row for row in json.loads(done.stdout)["solvers"]}
    assert {*BACKENDS, "foreign"} == set(rows)
    assert rows["highs"]["licence_state"] == "none needed"
    assert {"integer", "mip-start", "bound-trace"} <= set(rows["highs"]["capabilities"])
    text = CliRunner().invoke(app, ["solvers"]).stdout
    assert all(name in text for name in rows)
    assert "foreign: solver 'foreign' from alien (alien:Missing) cannot be loaded" in text
    assert capfd.readouterr().out == ""
