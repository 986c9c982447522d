"""``import milproute as mr``: all there, nothing heavy loaded, and no stranger taken for a part of it."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

import milproute as mr
from tests.support.repository import ROOT

HEAVY = (
    "pyomo",
    "highspy",
    "numpy",
    "scipy",
    "networkx",
    "matplotlib",
    "pydantic",
    "torch",
    "gurobipy",
    "pyscipopt",
)


def python(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run code with ``folder`` first on the path, as a script that lies there would."""
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize("name", mr.__all__)
def test_every_public_name_resolves_and_is_listed(name: str) -> None:
    assert getattr(mr, name) is getattr(mr, name)
    assert name in dir(mr)


def test_what_is_lazy_is_what_is_public() -> None:
    stub = ast.parse(Path(mr.__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
    [listed] = [node.value for node in stub.body if isinstance(node, ast.Assign)]
    assert ast.literal_eval(listed) == sorted(mr.__all__)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="No milproute attribute slove"):
        _ = mr.slove


def test_importing_loads_nothing_heavy(tmp_path: Path) -> None:
    done = python(f"import milproute, sys; print([n for n in {HEAVY} if n in sys.modules])", tmp_path)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


@pytest.mark.parametrize("name", ["Instance", "load_plan", "check", "generate", "library_names"])
def test_the_checker_and_the_files_load_neither_pyomo_nor_a_solver(tmp_path: Path, name: str) -> None:
    loaded = "[n for n in ('pyomo', 'highspy') if n in sys.modules]"
    code = f"import milproute as mr, sys; mr.{name}; print({loaded})"
    assert python(code, tmp_path).stdout.strip() == "[]"


def test_a_plan_by_the_api_is_verified_and_goes_through_a_file(tmp_path: Path) -> None:
    instance = mr.resolve("toy")
    plan = mr.solve(instance)
    assert (plan.status, plan.objective, plan.verified) == ("optimal", 3.0, True)
    mr.save(plan, tmp_path / "plan.json")
    assert mr.load_plan(tmp_path / "plan.json") == plan
    assert not mr.check(instance, plan)


@pytest.mark.parametrize(
    "strangers", [("solvers.py", "formulations.py"), ("instances/data.json", "solvers/__init__.py")]
)
def test_what_lies_beside_a_script_is_not_taken_for_ours(tmp_path: Path, strangers: tuple[str, ...]) -> None:
    for stranger in strangers:
        (tmp_path / stranger).parent.mkdir(exist_ok=True)
        (tmp_path / stranger).write_text("print('the stranger ran')\n")
    done = python("import milproute as mr; print(mr.solve(mr.resolve('toy')).objective)", tmp_path)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "3.0", "")


def test_every_module_has_one_name() -> None:
    """All of them are imported where the folders of the rooms lie, and would be found, beside the script."""
    code = """
        import importlib, json, pkgutil, sys
        from pathlib import Path
        import milproute
        names = [module.name for module in pkgutil.walk_packages(milproute.__path__, "milproute.")]
        for name in names:
            if not name.endswith("__main__"):
                importlib.import_module(name)
        milproute.solve(milproute.resolve("toy"))
        files = {name: getattr(module, "__file__", None) for name, module in sys.modules.items()}
        print(json.dumps({name: str(Path(file).resolve()) for name, file in files.items() if file}))
    """
    done = python(dedent(code), ROOT)
    assert (done.returncode, done.stderr) == (0, "")
    modules: dict[str, str] = json.loads(done.stdout)
    ours = {name: file for name, file in modules.items() if Path(file).is_relative_to(ROOT / "milproute")}
    rooms = [ROOT / room for room in ("instances", "formulations", "solvers")]
    ours |= {name: file for name, file in modules.items() if any(map(Path(file).is_relative_to, rooms))}
    sources = [path for folder in (ROOT / "milproute", *rooms) for path in folder.rglob("*.py")]
    assert set(ours.values()) == {str(p.resolve()) for p in sources if p.name != "__main__.py"}
    assert len(set(ours.values())) == len(ours)
    assert {name.partition(".")[0] for name in ours} == {"milproute"}
    assert not {"instances", "formulations", "solvers"} & set(modules)
