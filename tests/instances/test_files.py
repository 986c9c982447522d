"""Files: what is saved is loaded again, a failed write leaves the old file, bad places are said before."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from milproute.instances.errors import OutputError
from milproute.instances.files import check_writable, load_instance, save, write_text
from milproute.instances.instance import Instance
from tests.support.documents import TOY, written

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Edit = Callable[[dict[str, Any]], object]


def test_a_good_file_survives_load_and_save(tmp_path: Path) -> None:
    instance = load_instance(written(tmp_path, json.dumps(TOY)))
    assert instance.document() == TOY
    save(instance, tmp_path / "again.json")
    assert load_instance(tmp_path / "again.json") == instance
    assert list(json.loads((tmp_path / "again.json").read_text())) == list(TOY)


def test_a_failing_write_leaves_the_old_file_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "toy.json"
    save(Instance.model_validate(TOY), path)
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match=r"toy.json cannot be written: No space left on device\."):
        save(Instance.model_validate({**TOY, "name": "other"}), path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["toy.json"]


def test_what_cannot_be_written_is_said_before(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"there is no folder .*none\. Make it first\."):
        check_writable([None, tmp_path / "fine.json", tmp_path / "none" / "plan.json"])
    with pytest.raises(OutputError, match=r"it is a folder\. Name a file in it\."):
        check_writable([tmp_path])
    with pytest.raises(OutputError, match="there is no folder"):
        write_text(tmp_path / "none" / "plan.json", "text")
    check_writable([None, tmp_path / "fine.json"])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_said_before(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match=r"permission denied\. Choose another place\."):
        check_writable([tmp_path / "plan.json"])
