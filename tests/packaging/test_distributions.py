"""The wheel and the sdist, each installed into an environment of its own: complete, alone, and at work."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.support.repository import ROOT

ROOMS = ("instances", "formulations", "solvers")
TEXTS = ("pyproject.toml", "MANIFEST.in", "README.md", "LICENSE", "CHANGELOG.md")
KINDS = {".py", ".pyi", ".typed", ".json", ".toml", ".safetensors", ".html", ".css", ".js"}
LEAST_SETUPTOOLS = 77  # the first that reads ``license = "MIT"``
BUILD = "import sys, setuptools.build_meta as back; getattr(back, 'build_' + sys.argv[1])(sys.argv[2])"
STRANGER = "print('the stranger ran')\nraise RuntimeError('the stranger ran')\n"
DOCTESTS = """
import doctest, importlib, json, pkgutil
import milproute
names = [m.name for m in pkgutil.walk_packages(milproute.__path__, "milproute.")]
modules = [milproute, *(importlib.import_module(n) for n in names if not n.endswith("__main__"))]
results = [doctest.testmod(module) for module in modules]
files = [module.__file__ for module in modules]
print(json.dumps([sum(r.attempted for r in results), sum(r.failed for r in results), files]))
"""


@dataclass(frozen=True)
class Installed:
    """A distribution, the environment that it was installed into, and a folder with strangers to run in."""

    archive: Path
    python: Path
    site: Path
    folder: Path

    def run(self, *arguments: str) -> str:
        """Run Python of the environment among the strangers; return its stdout, all that it may write."""
        done = call(self.folder, self.python, *arguments)
        assert done.stderr == ""
        return done.stdout


def call(folder: Path, *command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command that must succeed; no setting of this process's Python is handed on."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done


def lacking() -> str | None:
    """Return why nothing can be built and installed here, if so."""
    if find_spec("pip") is None:
        return "installing needs pip, and none is installed"
    found = version("setuptools") if find_spec("setuptools") else "none"
    if found == "none" or int(found.partition(".")[0]) < LEAST_SETUPTOOLS:
        return f"building needs setuptools>={LEAST_SETUPTOOLS}, and {found} is installed"
    return None


def build(kind: str, folder: Path) -> Path:
    """Build a wheel or an sdist of a copy of the repository, because building writes beside the sources."""
    sources, archives = folder / "sources", folder / "archives"
    sources.mkdir()
    archives.mkdir()
    for name in (*ROOMS, "milproute", "tests"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, sources / name, symlinks=True, ignore=ignored)
    for name in TEXTS:
        shutil.copy(ROOT / name, sources / name)
    call(sources, sys.executable, "-c", BUILD, kind, archives)
    (archive,) = archives.iterdir()
    return archive


def environment(folder: Path) -> tuple[Path, Path]:
    """Make an environment in which the dependencies can be imported; return its Python and its packages.

    The packages of this process's environment come after those of the new one, and what their ``.pth``
    files do is not done: an editable milproute cannot be reached.
    """
    venv.create(folder, with_pip=False, symlinks=True)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)}))
    outer = dict.fromkeys((sysconfig.get_path("purelib"), sysconfig.get_path("platlib")))
    (site / "dependencies.pth").write_text("\n".join(outer) + "\n")
    return folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python"), site


@pytest.fixture(scope="module", params=["wheel", "sdist"])
def installed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    if reason := lacking():
        pytest.skip(reason)
    base = tmp_path_factory.mktemp(request.param)
    archive = build(request.param, base)
    python, site = environment(base / "environment")
    alone = ("--no-index", "--no-deps", "--no-build-isolation", "--ignore-installed")
    call(base, sys.executable, "-m", "pip", "--python", python, "install", "--quiet", *alone, archive)
    folder = base / "strangers"
    (folder / "instances").mkdir(parents=True)
    (folder / "instances" / "data.json").write_text("{}")
    (folder / "solvers").mkdir()
    for name in ("solvers/__init__.py", "formulations.py"):
        (folder / name).write_text(STRANGER)
    return Installed(archive, python, site, folder)


def packaged(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder ``milproute``, links followed, by their names in it."""
    paths = [Path(parent, name) for parent, _, names in os.walk(folder, followlinks=True) for name in names]
    return {str(p.relative_to(folder)): p.read_bytes() for p in paths if "__pycache__" not in p.parts}


def test_one_top_level_name_is_installed(installed: Installed) -> None:
    names = {path.name for path in installed.site.iterdir()} - {"dependencies.pth"}
    assert names == {"milproute", f"milproute-{version('milproute')}.dist-info"}
    (listed,) = installed.site.glob("*.dist-info/top_level.txt")
    assert listed.read_text().split() == ["milproute"]


def test_every_file_is_installed_and_no_other(installed: Installed) -> None:
    ours, found = packaged(ROOT / "milproute"), packaged(installed.site / "milproute")
    assert {Path("x" + name).suffix for name in ours} >= KINDS
    assert set(found) == set(ours)
    assert found == ours


def test_links_become_folders(installed: Installed) -> None:
    assert not [path for path in (installed.site / "milproute").rglob("*") if path.is_symlink()]
    if installed.archive.suffix == ".whl":
        with zipfile.ZipFile(installed.archive) as wheel:
            names = set(wheel.namelist())
            assert not [m for m in wheel.infolist() if m.external_attr >> 16 & 0o170000 == 0o120000]
    else:
        with tarfile.open(installed.archive) as sdist:
            names = {name.partition("/")[2] for name in sdist.getnames()}
            assert all(member.isfile() or member.isdir() for member in sdist)
    assert {f"milproute/{room}/__init__.py" for room in ROOMS} <= names


def test_an_archive_holds_the_package_and_what_describes_it(installed: Installed) -> None:
    if installed.archive.suffix == ".whl":
        with zipfile.ZipFile(installed.archive) as wheel:
            names = {name.partition("/")[0] for name in wheel.namelist()}
        assert names == {"milproute", f"milproute-{version('milproute')}.dist-info"}
    else:
        with tarfile.open(installed.archive) as sdist:
            (top,) = {name.partition("/")[0] for name in sdist.getnames()}
            names = {name.split("/")[1] for name in sdist.getnames() if name != top}
        assert names == {"milproute", "milproute.egg-info", "setup.cfg", "PKG-INFO", *TEXTS}


def test_the_demo_runs_among_strangers(installed: Installed) -> None:
    files = ("--out", "plan.json", "--plot", "plan.svg")
    assert "stranger" not in installed.run("-m", "milproute", "solve", "surfnet-10", *files)
    assert json.loads((installed.folder / "plan.json").read_text())["status"] == "optimal"
    assert (installed.folder / "plan.svg").stat().st_size > 1000
    assert "stranger" not in installed.run("-m", "milproute", "verify", "surfnet-10", "plan.json")


def test_every_module_is_imported_and_its_doctests_pass_among_strangers(installed: Installed) -> None:
    *said, counts = installed.run("-c", DOCTESTS).splitlines()
    attempted, failed, files = json.loads(counts)
    assert (said, failed) == ([], 0)
    assert attempted > 0
    ours = [path for path in (installed.site / "milproute").rglob("*.py") if path.name != "__main__.py"]
    assert sorted(map(Path, files)) == sorted(ours)
