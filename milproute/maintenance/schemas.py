"""Rewrite the JSON Schemas that ship with the package."""

from __future__ import annotations

from pathlib import Path

from milproute.instances.files import write_text
from milproute.instances.schemas import SCHEMAS, schema_text

if __name__ == "__main__":
    for file in SCHEMAS:
        write_text(Path(__file__).with_name(file), schema_text(file))
