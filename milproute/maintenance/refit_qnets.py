"""``python -m milproute.maintenance.refit_qnets [NAME …]``: fit the Q-nets of the library anew."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from milproute.instances import load_qnet, resolve, save_qnet
from milproute.instances.files import write_text
from milproute.instances.library import fingerprint
from milproute.instances.qnets.library import qnet_catalogue_path, qnet_library
from milproute.maintenance.toml_values import with_values

if TYPE_CHECKING:
    from milproute.instances.qnets.library import QNetRecipe


def refit(recipe: QNetRecipe, folder: Path) -> dict[str, str | float]:
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
        save_qnet(load_qnet(path), folder / recipe.file, np.float32)  # exact: the numbers are singles
    error = json.loads(done.stdout)["validation"]
    return {
        "fingerprint": fingerprint(resolve(recipe.instance)),
        "r2": round(error["r2"], 6),
        "rmse": round(error["rmse"], 6),
    }


if __name__ == "__main__":
    recipes = qnet_library()
    catalogue = qnet_catalogue_path()
    for name in sys.argv[1:] or recipes:
        found = refit(recipes[name], catalogue.parent)
        write_text(catalogue, with_values(catalogue.read_text(encoding="utf-8"), {f"qnets.{name}": found}))
        sys.stdout.write(f"{name}: {', '.join(f'{key} {value}' for key, value in found.items())}\n")
        sys.stdout.flush()
