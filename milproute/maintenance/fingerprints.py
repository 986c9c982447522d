"""``python -m milproute.maintenance.fingerprints``: reckon the fingerprints of the catalogue anew."""

from __future__ import annotations

import sys
import tomllib

from milproute.instances.files import write_text
from milproute.instances.library import catalogue_path, refreshed

if __name__ == "__main__":
    before = catalogue_path().read_text(encoding="utf-8")
    after = refreshed(before)
    write_text(catalogue_path(), after)
    old, new = (tomllib.loads(text)["instances"] for text in (before, after))
    changed = [name for name in new if new[name] != old[name]]
    sys.stdout.write(f"fingerprints changed: {', '.join(changed) or 'none'}\n")
