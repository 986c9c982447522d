"""``python -m milproute.maintenance.refit_qnets [NAME …]``: fit the Q-nets of the library anew."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from milproute.instances import load_qnet, resolve
from milproute.instances.files import write_text
from milproute.instances.library import fingerprint
from milproute.instances.qnets.library import qnet_catalogue_path, qnet_library, save_single

if TYPE_CHECKING:
    from collections.abc import Mapping

    from milproute.instances.qnets.library import QNetRecipe


def refit(recipe: QNetRecipe, folder: Path) -> dict[str, str]:
    """Run the command of a library Q-net, write its file into ``folder``; return the new TOML values.

    Raises
    ------
    subprocess.CalledProcessError : the command fails; its message is on stderr.
    """
    words = shlex.split(recipe.command)
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / recipe.file
        words[words.index("--out") + 1] = str(path)
        command = [sys.executable, "-m", *words, "--json"]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        save_single(load_qnet(path), folder / recipe.file)
    error = json.loads(done.stdout)["validation"]
    return {
        "fingerprint": f'"{fingerprint(resolve(recipe.instance))}"',
        "r2": f"{error['r2']:.6f}",
        "rmse": f"{error['rmse']:.6f}",
    }


def refreshed(text: str, values: Mapping[str, Mapping[str, str]]) -> str:
    """Return the text of the catalogue with new values of some nets."""
    lines = []
    table = ""
    for line in text.splitlines():
        if line.startswith("["):
            table = line.strip("[]").removeprefix("qnets.")
        key = line.partition(" = ")[0]
        new = values.get(table, {})
        lines.append(f"{key} = {new[key]}" if key in new else line)
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    recipes = qnet_library()
    catalogue = qnet_catalogue_path()
    for name in sys.argv[1:] or recipes:
        found = refit(recipes[name], catalogue.parent)
        write_text(catalogue, refreshed(catalogue.read_text(encoding="utf-8"), {name: found}))
        sys.stdout.write(f"{name}: {', '.join(f'{key} {value}' for key, value in found.items())}\n")
        sys.stdout.flush()
