"""JSON Schemas of the file formats, made from the models by ``python -m milproute.maintenance.schemas``.

A schema says what one document looks like. What must fit together (unique ids, ends that exist) is
checked when the document is loaded.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from milproute.instances.instance import Instance
from milproute.instances.plan import Plan

if TYPE_CHECKING:
    from collections.abc import Mapping

    from milproute.instances.schema import Frozen

SCHEMAS: Mapping[str, type[Frozen]] = {"instance.json": Instance, "plan.json": Plan}


def json_schema(model: type[Frozen]) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of the documents that ``model`` reads.

    ``format`` is required in a file, though an object made in Python may leave it to its default.
    """
    schema = model.model_json_schema()
    schema["required"] = ["format", *schema["required"]]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def schema_text(file: str) -> str:
    """Return the text of a schema file, one of `SCHEMAS`."""
    return json.dumps(json_schema(SCHEMAS[file]), indent=1) + "\n"
