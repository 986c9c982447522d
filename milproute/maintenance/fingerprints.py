"""``python -m milproute.maintenance.fingerprints``: compute the fingerprints of the instance library anew."""

from __future__ import annotations

import sys
import tomllib
from importlib.metadata import version

from milproute.instances.files import write_text
from milproute.instances.library import DRAWN_WITH, catalogue_path, fingerprint, library, make
from milproute.maintenance.toml_values import with_values


def refreshed(text: str) -> str:
    """Return the text of the catalogue with fingerprints and versions as the installed packages give them."""
    values = {
        f"instances.{name}": {"fingerprint": fingerprint(make(name, recipe))}
        for name, recipe in library().items()
    }
    return with_values(text, {"made_with": {name: version(name) for name in DRAWN_WITH}, **values})


if __name__ == "__main__":
    before = catalogue_path().read_text(encoding="utf-8")
    after = refreshed(before)
    write_text(catalogue_path(), after)
    old, new = (tomllib.loads(text)["instances"] for text in (before, after))
    changed = [name for name in new if new[name] != old[name]]
    sys.stdout.write(f"fingerprints changed: {', '.join(changed) or 'none'}\n")
