"""The page on files: its commands run, and it names every format and every option of `convert`."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

import typer.main

from milproute.cli import convert
from milproute.cli.app import app
from milproute.instances.formats.registry import FORMATS, read_any
from tests.support.repository import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

PAGE = (ROOT / "docs" / "files.md").read_text(encoding="utf-8")


def test_commands_run_in_the_order_of_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for block in re.findall(r"```bash\n(.*?)```", PAGE, flags=re.DOTALL):
        for line in block.splitlines():
            app(shlex.split(line)[1:], standalone_mode=False)
    assert read_any(tmp_path / "surfnet.json") == read_any(tmp_path / "again.json")


def test_every_format_and_option_is_on_the_page() -> None:
    assert [name for name in FORMATS if f"`{name}`" not in PAGE] == []
    assert ", ".join(FORMATS) == convert.FORMATS
    group = typer.main.get_command(app).commands["instances"]  # type: ignore[attr-defined]
    options = [name for p in group.commands["convert"].params for name in p.opts if name.startswith("--")]
    assert len(options) > 15
    assert [name for name in options if f"`{name}" not in PAGE] == []
